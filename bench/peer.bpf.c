/* peer.bpf.c - the kernel's own stack walks as other profilers use them, one program a way, for the
 * comparison in cost.py. Each takes samples of one command name only, so that all are charged with the same
 * samples. Dual BSD/GPL like src/bpf: the stack helpers are GPL-only.
 */
#include "bpf/kernel.bpf.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define FRAMES 127                   /* kernel.perf_event_max_stack */
#define BPF_MAP_TYPE_STACK_TRACE 7   /* include/uapi/linux/bpf.h, as the next */
#define BPF_F_USER_STACK (1ULL << 8)

const volatile u64 comm[2] = {};

struct tally {
	u64 hits, frames, failed;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct tally);
	__uint(max_entries, 1);
} tallies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, u64[FRAMES]);
	__uint(max_entries, 1);
} buffer SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(key_size, sizeof(u32));
	__uint(value_size, FRAMES * sizeof(u64));
	__uint(max_entries, 16384);
} stacks SEC(".maps");

static __always_inline struct tally *peer_wanted(void)
{
	u64 now[2] = {};
	u32 zero = 0;

	bpf_get_current_comm(now, sizeof(now));
	if (now[0] != comm[0] || now[1] != comm[1])
		return NULL;
	return bpf_map_lookup_elem(&tallies, &zero);
}

/* What a run of any program costs, bpf statistics included. */
SEC("perf_event")
int peer_empty(struct bpf_perf_event_data *ctx)
{
	return 0;
}

SEC("perf_event")
int peer_stackid(struct bpf_perf_event_data *ctx)
{
	struct tally *t = peer_wanted();

	if (!t)
		return 0;
	t->hits++;
	if (bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK) < 0)
		t->failed++;
	return 0;
}

SEC("perf_event")
int peer_stack(struct bpf_perf_event_data *ctx)
{
	struct tally *t = peer_wanted();
	u32 zero = 0;
	u64 *to = bpf_map_lookup_elem(&buffer, &zero);
	long bytes;

	if (!t || !to)
		return 0;
	t->hits++;
	bytes = bpf_get_stack(ctx, to, FRAMES * sizeof(u64), BPF_F_USER_STACK);
	if (bytes < 0)
		t->failed++;
	else
		t->frames += (u64)bytes / sizeof(u64);
	return 0;
}
