/* intake.h - sample records from the ring into the profile.
 *
 * Frames arrive once per stack hash; the intake turns them into the profile's frames (file frames by
 * id, kernel addresses by image and offset) and remembers the stack of every hash. It never names and
 * never opens anything.
 *
 * Ownership: borrows the profile, files and kallsyms until intake_free(). One thread.
 */
#ifndef WAGGLE_SESSION_INTAKE_H
#define WAGGLE_SESSION_INTAKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/map64.h"
#include "bpf/abi.h"
#include "profile/profile.h"
#include "profile/renewal.h"
#include "session/files.h"
#include "session/jitwatch.h"
#include "symbol/symbolizer.h"

struct intake_stack {
	uint32_t leaf;
	uint32_t marked; /* when its files were last said to be seen */
	uint32_t used;   /* when it was met last, s */
};

struct intake {
	struct profile *profile;
	struct files *files;
	struct jitwatch *jitwatch;       /* told of every process with generated code; may be NULL */
	const struct kallsyms *kallsyms; /* NULL when the kernel hides its addresses */
	uint64_t memory_cap;             /* bytes the profile may take, 0 = no cap */
	void (*before_unknown_file)(void *ctx); /* drains announcements that are waiting */
	/* Takes a finished sample instead of the profile; NULL = it goes into the profile, its weight as
	 * value. */
	void (*take)(void *ctx, const struct profile_sample *s);
	void *ctx;
	struct map64 stack_of_hash; /* sample hash -> index in stacks */
	VEC(struct intake_stack) stacks;
	uint32_t now; /* seconds after the start, kept up by the owner: when stacks are used */
	uint32_t jit_object_pid, jit_object; /* the last one, to save look-ups */
};

/* Which frames of a record make the stack. */
struct intake_part {
	uint32_t kernel_from, kernel_to; /* of the kernel's, leaf first */
	bool user;                       /* the user's, and why they end */
};

/* The leaf node of a record's stack, or PROFILE_NONE; `words` are the frames behind the record. */
uint32_t intake_stack(struct intake *in, const struct sample_record *r, const uint64_t *words,
		      const struct intake_part *part);
/* The object of a file id, 0 when there is none. */
uint32_t intake_object(struct intake *in, uint32_t file, uint32_t tgid);

/* One record of the ring. Malformed ones are counted as lost stacks. */
void intake_record(struct intake *in, const void *data, size_t len);
/* The profile was renewed. Stacks that were met before `since` (s) are forgotten; so is what is left without
 * memory, whose samples then are lost and counted. */
void intake_renewed(struct intake *in, const struct renewal *r, struct profile *p, uint32_t since);
void intake_free(struct intake *in);

#endif
