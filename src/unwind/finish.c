/* finish.c - the walker's steps over a copied stack; see finish.h. */
#include "unwind/finish.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#define __TARGET_ARCH_x86
#endif
#undef __always_inline
#define __always_inline inline

struct walk;
/* The one thing the steps ask of their surroundings. */
static inline long stack_read(struct walk *w, uint64_t n, uint64_t from);

#include "bpf/step.bpf.h"

static __thread const struct raw_record *finish_of; /* whose stack is being read */

static inline long stack_read(struct walk *w, uint64_t n, uint64_t from)
{
	uint64_t at = from - finish_of->regs[7];

	if (at >= finish_of->bytes || n > finish_of->bytes - at)
		return -EFAULT;
	memcpy(w->chunk, (const uint8_t *)(finish_of + 1) + at, n);
	return 0;
}

/* Chunks end where the copy does, not only where a page does. */
static bool finish_prefetch(struct walk *w)
{
	uint64_t left = finish_of->regs[7] + finish_of->bytes - w->sp;

	if (w->sp < finish_of->regs[7] || left > finish_of->bytes)
		return false;
	if (left < CHUNK_BYTES) {
		w->chunk_start = w->sp;
		w->chunk_end = w->sp + left;
		return !stack_read(w, left, w->sp);
	}
	return true;
}

static void finish_begin(struct walk *w, const struct raw_record *r)
{
	memset(w, 0, offsetof(struct walk, record));
	memcpy(w->regs, r->regs, sizeof(w->regs));
	w->regs_known = r->regs_known;
	w->n_reads = READS_OFF;
	w->rbx_slot = r->rbx_slot;
	w->exact = r->exact;
	w->ip = r->ip;
	w->sp = r->regs[7];
	w->bp = r->regs[6];
}

uint32_t finish_walk(const struct raw_record *r, size_t len, const struct finish_ops *ops,
		     uint64_t *frames, size_t max, size_t *ret_n)
{
	static __thread struct walk w;
	uint32_t end = WALK_END_MAX;
	bool first = true;
	size_t n = 0;

	*ret_n = 0;
	if (len < sizeof(*r) || r->bytes > len - sizeof(*r))
		return WALK_STACK_READ;
	finish_of = r;
	finish_begin(&w, r);
	while (end == WALK_END_MAX) {
		struct unwind_rule rule;
		uint64_t frame;
		int code = ops->look(ops->ctx, w.exact ? w.ip : w.ip - 1, &frame, &rule);

		if (code == -EAGAIN)
			return WALK_PENDING;
		if (code == -EFAULT)
			return w.by_fp ? WALK_FRAME_POINTER : WALK_NO_MAPPING;
		if (!first && n == max)
			return WALK_DEPTH;
		if (!first)
			frames[n++] = frame;
		first = false;
		*ret_n = n;
		if (!finish_prefetch(&w))
			end = WALK_STACK_READ;
		else if (code)
			end = step_frame_pointer(&w, WALK_GAP);
		else
			end = step_rule(&w, &rule);
	}
	return end;
}
