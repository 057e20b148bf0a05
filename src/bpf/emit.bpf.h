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

#define SENT_SLOTS 65536

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, SENT_SLOTS);
} sent SEC(".maps");

static __always_inline void emit_sample(struct walk *w, struct tick_stats *st)
{
	struct sample_record *r = &w->record;
	u32 slot = (u32)(r->hash ^ r->hash >> 32) & (SENT_SLOTS - 1);
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

#endif
