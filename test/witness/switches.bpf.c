/* switches.bpf.c - a witness of what the kernel tells of its switches. On some virtual machines switches to
 * and from the hypervisor's own threads are not told. Where a processor's next switch is not away from whom
 * the last one was to, one that left and one that came went untold: both are counted, by thread. It shares
 * nothing with what it is the witness of but the tracepoint.
 */
#include "bpf/kernel.bpf.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 65536);
} untold SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 1);
} running SEC(".maps");

static __always_inline void untold_add(u32 tid)
{
	u64 one = 1, *n = bpf_map_lookup_elem(&untold, &tid);

	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&untold, &tid, &one, BPF_NOEXIST);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switches, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u32 zero = 0, left = prev->pid;
	u64 *last = bpf_map_lookup_elem(&running, &zero); /* and a bit: something was told here */

	if (!last)
		return 0;
	if (*last && (u32)*last != left) {
		untold_add((u32)*last);
		untold_add(left);
	}
	*last = (u32)next->pid | 1ULL << 32;
	return 0;
}
