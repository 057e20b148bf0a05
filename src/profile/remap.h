/* remap.h - carries rows of one profile into another, each at most once; private to this folder.
 *
 * Every map goes from a source id to the destination's id and is filled when first asked. All
 * functions return PROFILE_NONE when out of memory (the destination's `oom` is set too).
 */
#ifndef WAGGLE_PROFILE_REMAP_H
#define WAGGLE_PROFILE_REMAP_H

#include "profile/profile.h"

struct remap {
	struct profile *dst;
	const struct profile *src;
	uint32_t *strings, *objects, *frames, *tasks, *labels;
	size_t n_strings, n_objects, n_frames, n_tasks, n_labels; /* rows the maps have room for */
};

/* A new profile with the value types of `src`; NULL when out of memory. */
struct profile *remap_profile(const struct profile *src);

/* 0 or -ENOMEM; remap_free() either way. */
int remap_init(struct remap *m, struct profile *dst, const struct profile *src);
void remap_free(struct remap *m);
/* The source has more rows by now: makes room for them in the maps. 0 or -ENOMEM. */
int remap_grow(struct remap *m);
/* Nothing of the source is in `dst`, from now on the destination, as far as is known. */
void remap_forget(struct remap *m, struct profile *dst);
size_t remap_bytes(const struct remap *m);

uint32_t remap_string(struct remap *m, uint32_t id);
uint32_t remap_object(struct remap *m, uint32_t id);
uint32_t remap_frame(struct remap *m, uint32_t id);
/* The names (or why there are none) that a frame got after it was carried over. */
void remap_names(struct remap *m, uint32_t id);
uint32_t remap_task(struct remap *m, uint32_t id);
uint32_t remap_labels(struct remap *m, uint32_t id);
/* Adds a version of generated code as one of `object`, which is the destination's, `by` ns earlier. 0
 * or -ENOMEM. */
int remap_code(struct remap *m, uint32_t row, uint32_t object, uint64_t by);
/* Adds the source's numbers, cuts and unnamed causes to the destination's. 0 or -ENOMEM. */
int remap_ledger(struct remap *m);
/* What was asked and on what, in the destination's strings. */
struct profile_meta remap_meta(struct remap *m);

#endif
