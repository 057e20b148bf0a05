/* emit.bpf.h - handing a finished walk to user space. BPF only.
 *
 * A sample's frames travel once: later samples with the same stack carry only its 64-bit hash. Which
 * hashes were sent is remembered in a direct-mapped table; a collision there merely sends frames
 * again. A hash is remembered only after its frames are in the ring, so user space never sees a hash
 * it cannot resolve unless that record itself was lost (and counted).
 */
#ifndef WAGGLE_BPF_EMIT_H
#define WAGGLE_BPF_EMIT_H

#include "bpf/maps.bpf.h"

static __always_inline void emit_sample(struct walk *w, struct tick_stats *st)
{
	struct sample_record *r = &w->record;
	u32 slot = (u32)(r->hash ^ r->hash >> 32) & sent_mask;
	u64 *seen = bpf_map_lookup_elem(&sent, &slot);
	u64 size = sizeof(*r);

	if (!seen || *seen != r->hash) {
		u64 n = (u64)r->n_kernel + r->n_user;

		if (n > FRAMES_KERNEL_MAX + FRAMES_USER_MAX)
			n = FRAMES_KERNEL_MAX + FRAMES_USER_MAX;
		size += n * sizeof(u64);
		r->flags |= SAMPLE_HAS_FRAMES;
	}
	if (bpf_ringbuf_output(&sample_ring, r, size, BPF_RB_NO_WAKEUP)) {
		st->ring_full++;
		return;
	}
	st->taken++;
	if (seen)
		*seen = r->hash;
}

enum emitted { EMIT_FULL, EMIT_SENT, EMIT_KNOWN };

/* Frames that waits are counted by, once. Where there was no room it is tried again. */
static __always_inline enum emitted emit_stack(struct walk *w)
{
	struct sample_record *r = &w->record;
	u32 slot = (u32)(r->hash ^ r->hash >> 32) & sent_mask;
	u64 *seen = bpf_map_lookup_elem(&sent, &slot);
	u64 n = (u64)r->n_kernel + r->n_user;

	if (seen && *seen == r->hash)
		return EMIT_KNOWN;
	if (n > FRAMES_KERNEL_MAX + FRAMES_USER_MAX)
		n = FRAMES_KERNEL_MAX + FRAMES_USER_MAX;
	r->flags |= SAMPLE_HAS_FRAMES;
	if (bpf_ringbuf_output(&sample_ring, r, sizeof(*r) + n * sizeof(u64), BPF_RB_NO_WAKEUP))
		return EMIT_FULL;
	if (seen)
		*seen = r->hash;
	return EMIT_SENT;
}

#define RAW_PAGE 4096u
#define RAW_CHUNKS (RAW_STACK_ORACLE / RAW_PAGE + 1)

struct raw_oracle {
	struct raw_record record;
	u8 stack[RAW_STACK_ORACLE + RAW_PAGE];
};

struct raw_pending {
	struct raw_record record;
	u8 stack[RAW_STACK_PENDING + RAW_PAGE];
};

/* Stack bytes from sp up, page by page: what lies above the stack's end cannot be read. There is room for a
 * page more than `max`, so that the last one needs no cutting, which the verifier would not follow. */
static __always_inline u32 raw_stack(u8 *to, u32 max, u64 sp)
{
	u32 bytes = 0;

	for (u32 i = 0; i < RAW_CHUNKS; i++) {
		u32 len = RAW_PAGE - ((sp + bytes) & (RAW_PAGE - 1));

		/* Linux 6.1 does not apply a comparison to copies made before it: allow none. */
		asm volatile("" : "+r"(bytes));
		if (bytes >= max)
			break;
		if (bpf_probe_read_user(to + bytes, len, (void *)(sp + bytes)))
			break;
		bytes += len;
	}
	return bytes;
}

static __always_inline void raw_fill(struct raw_record *r, struct walk *w, u32 why)
{
	r->time = w->record.time;
	r->hash = w->record.hash;
	r->tgid = w->record.tgid;
	r->tid = w->record.tid;
	r->why = why;
	r->n_user = w->n;
	r->regs_known = w->regs_known;
	r->exact = w->exact;
	r->below = why == RAW_ORACLE ? RAW_BELOW : 0;
	r->ip = w->ip;
	r->rbx_slot = w->rbx_slot;
	__builtin_memcpy(r->regs, w->regs, sizeof(r->regs));
}

static __always_inline void emit_raw(struct walk *w, u32 why, struct tick_stats *st)
{
	if (why == RAW_ORACLE) {
		struct raw_oracle *o = bpf_ringbuf_reserve(&raw_ring, sizeof(*o), 0);

		if (!o) {
			st->raw_full++;
			return;
		}
		raw_fill(&o->record, w, why);
		o->record.bytes = raw_stack(o->stack, RAW_STACK_ORACLE, w->regs[7] - RAW_BELOW);
		bpf_ringbuf_submit(o, BPF_RB_FORCE_WAKEUP);
	} else {
		struct raw_pending *p = bpf_ringbuf_reserve(&raw_ring, sizeof(*p), 0);

		if (!p) {
			st->raw_full++;
			return;
		}
		w->regs[6] = w->bp;
		w->regs[7] = w->sp;
		raw_fill(&p->record, w, why);
		p->record.bytes = raw_stack(p->stack, RAW_STACK_PENDING, w->sp);
		bpf_ringbuf_submit(p, BPF_RB_FORCE_WAKEUP);
	}
}

#endif
