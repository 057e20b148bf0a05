/* owner.bpf.h - whose mappings, and in which state: what must not have changed for anything that was found
 * in an address space to hold still. BPF only.
 */
#ifndef WAGGLE_BPF_OWNER_H
#define WAGGLE_BPF_OWNER_H

#include "bpf/maps.bpf.h"

#include <bpf/bpf_core_read.h>

#ifdef WAGGLE_DEFINE_MAPS
uint32_t jit_changes = 0; /* user space counts up when it gives or takes a table of generated code */
#else
extern uint32_t jit_changes;
#endif

/* The state of the address space as one number; 0 when the kernel has none or it is being changed. */
static __always_inline u64 mapping_sequence(struct mm_struct *mm)
{
	struct mm_struct___seqcount *counted = (void *)mm;
	struct mm_struct___counted *simple = (void *)mm;
	u32 seq;

	if (bpf_core_field_exists(counted->mm_lock_seq.sequence)) {
		seq = BPF_CORE_READ(counted, mm_lock_seq.sequence);
		return seq & 1 ? 0 : (u64)seq + 1;
	}
	if (bpf_core_field_exists(simple->mm_lock_seq))
		return (u64)(u32)BPF_CORE_READ(simple, mm_lock_seq) + 1;
	return 0;
}

static __always_inline void owner_read(struct task_struct *task, struct mapping_owner *ret)
{
	ret->mm = (u64)BPF_CORE_READ(task, mm);
	ret->sequence = mapping_sequence((void *)ret->mm);
	if (ret->sequence) /* 33 bits of it are used */
		ret->sequence += (u64)*(volatile uint32_t *)&jit_changes << 34;
	ret->born = BPF_CORE_READ(task, group_leader, start_time);
	ret->exec = BPF_CORE_READ(task, self_exec_id);
}

#endif
