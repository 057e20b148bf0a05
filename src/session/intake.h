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
#include "session/files.h"
#include "session/jitwatch.h"
#include "symbol/symbolizer.h"

struct intake {
	struct profile *profile;
	struct files *files;
	struct jitwatch *jitwatch;       /* told of every process with generated code; may be NULL */
	const struct kallsyms *kallsyms; /* NULL when the kernel hides its addresses */
	uint64_t memory_cap;             /* bytes the profile may take, 0 = no cap */
	void (*before_unknown_file)(void *ctx); /* drains announcements that are waiting */
	void *ctx;
	struct map64 stack_of_hash; /* sample hash -> index in stacks */
	VEC(struct { uint32_t leaf, marked; }) stacks; /* marked: when its files were last said to be seen */
	uint32_t jit_object_pid, jit_object; /* the last one, to save look-ups */
};

/* One record of the ring. Malformed ones are counted as lost stacks. */
void intake_record(struct intake *in, const void *data, size_t len);
void intake_free(struct intake *in);

#endif
