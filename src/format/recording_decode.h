/* recording_decode.h - payloads of .waggle blocks into a profile.
 *
 * Ids in a recording are row numbers of the writer's tables. Every block says the number of its
 * first row, so that a missing block leaves a hole instead of shifting what follows. What stood in
 * a hole is never guessed: a string, object, task or label set becomes a placeholder that carries
 * its number ("[lost 17]"), which keeps different lost things different; a stack with a lost frame
 * or node is lost, and so are its samples.
 *
 * Memory is bounded by the rows really read, whatever ids a hostile file claims. Functions return
 * false when the payload contradicts itself; the rows before that point have been taken. Out of
 * memory is the profile's sticky `oom`. Not thread safe.
 */
#ifndef WAGGLE_FORMAT_RECORDING_DECODE_H
#define WAGGLE_FORMAT_RECORDING_DECODE_H

#include "base/cursor.h"
#include "format/recording_layout.h"
#include "profile/profile.h"

/* The writer's row numbers to ours, in the ascending ranges that blocks are. */
struct recording_range {
	uint32_t first, n;
	size_t at; /* in ids */
};

struct recording_ids {
	VEC(struct recording_range) ranges;
	VEC(uint32_t) ids; /* PROFILE_NONE: the row was there but what it needs was lost */
	size_t hit;        /* range found last */
};

struct recording_decoder {
	struct profile *p; /* borrowed; its value types must be set before samples are decoded */
	struct recording_ids strings, objects, frames, nodes, tasks, label_sets;
	VEC(struct profile_line) lines;   /* scratch */
	VEC(struct profile_label) labels; /* scratch */
	VEC(struct profile_code_line) code_lines; /* scratch */
	VEC(struct profile_sample) samples;
	VEC(int64_t) values;
	uint64_t next_sample;  /* the writer's number of the sample after the last one read */
	uint64_t lost_samples; /* in blocks that are missing */
	uint64_t lost_stacks;  /* samples left out because their stack is lost */
};

void recording_decoder_done(struct recording_decoder *d);

/* Any table, samples, late names or the end block. Types that are none of these are ignored. */
bool recording_decode(struct recording_decoder *d, enum recording_type type, struct cursor c);
/* Our id for the writer's object, a placeholder when it is lost, PROFILE_NONE when out of memory.
 */
uint32_t recording_decode_object(struct recording_decoder *d, uint64_t id);
/* These replace what the profile had. */
bool recording_decode_meta(struct recording_decoder *d, struct cursor c);
bool recording_decode_ledger(struct recording_decoder *d, struct cursor c);
/* A new profile with the value types of this payload; NULL when it is bad or out of memory. */
struct profile *recording_decode_types(struct cursor c);
/* The other value types; separate, because strings should be added in between (same ids then). */
bool recording_decode_more_types(struct profile *p, struct cursor c);
/* How many value types a samples block has, 0 when it cannot be told. */
uint64_t recording_decode_n_values(struct cursor c);

#endif
