/* finish.h - goes on with a walk that the kernel had to leave off, over a copy of the stack.
 *
 * A walk that meets a file whose table is still being built ends there, but its registers and the next few
 * KiB of stack are kept (struct raw_record). Once the table is there the rest is walked here, with the very
 * code that the kernel runs (bpf/step.bpf.h), so that both agree by construction.
 *
 * Thread safety: calls on different threads do not disturb one another.
 */
#ifndef WAGGLE_UNWIND_FINISH_H
#define WAGGLE_UNWIND_FINISH_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

struct finish_ops {
	/* What is at pc (which lies inside the instruction that runs or calls): the frame as it crosses
	 * (file and offset), and the rule that holds there. 0; -ENOENT: no rule, frame pointers are tried;
	 * -EAGAIN: not known yet; -EFAULT: there is nothing at that address. */
	int (*look)(void *ctx, uint64_t pc, uint64_t *ret_frame, struct unwind_rule *ret_rule);
	void *ctx;
};

/* `r` with its stack bytes behind it, `len` bytes in all. Frames after the one the kernel stopped at are
 * put into `frames` (at most `max`), their number into *ret_n. Returns an enum walk_end: WALK_PENDING
 * when a look said -EAGAIN, WALK_STACK_READ also where the copy ends. */
uint32_t finish_walk(const struct raw_record *r, size_t len, const struct finish_ops *ops,
		     uint64_t *frames, size_t max, size_t *ret_n);

#endif
