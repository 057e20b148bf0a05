/* event.bpf.h - what every event asks first: is the task one that was asked for, and what are its registers.
 * BPF only.
 *
 * Filters come before any walk, so what was not asked for costs a few nanoseconds.
 */
#ifndef WAGGLE_BPF_EVENT_H
#define WAGGLE_BPF_EVENT_H

#include "bpf/maps.bpf.h"

static __always_inline bool comm_is(const char *comm)
{
	for (int i = 0; i < COMM_LEN; i++) {
		if (comm[i] != cpu_config.comm[i])
			return false;
		if (!comm[i])
			break;
	}
	return true;
}

static __always_inline bool task_in_cgroups(void)
{
	for (u32 i = 0; i < CGROUPS_MAX && i < cpu_config.n_cgroups; i++)
		if (bpf_current_task_under_cgroup(&target_cgroups, i) == 1)
			return true;
	return false;
}

/* The current task; its names are in the record already. */
static __always_inline bool task_wanted(u32 tgid, u32 tid, struct sample_record *r)
{
	if (tgid == cpu_config.skip_tgid && tgid)
		return false;
	if (cpu_config.filter_pids && !bpf_map_lookup_elem(&target_pids, &tgid))
		return false;
	if (cpu_config.filter_tids && !bpf_map_lookup_elem(&target_tids, &tid))
		return false;
	if (cpu_config.filter_comm && !comm_is(r->comm) && !comm_is(r->process))
		return false;
	if (cpu_config.n_cgroups && !task_in_cgroups())
		return false;
	return true;
}

/* DWARF numbers of the saved registers. They must all be read before the first branch on one of them:
 * clang may otherwise merge two reads of the context into one the verifier refuses. */
static __always_inline void regs_take(struct walk *w, const struct pt_regs *r)
{
	w->regs[0] = r->ax;
	w->regs[1] = r->dx;
	w->regs[2] = r->cx;
	w->regs[3] = r->bx;
	w->regs[4] = r->si;
	w->regs[5] = r->di;
	w->regs[6] = r->bp;
	w->regs[7] = r->sp;
	w->regs[8] = r->r8;
	w->regs[9] = r->r9;
	w->regs[10] = r->r10;
	w->regs[11] = r->r11;
	w->regs[12] = r->r12;
	w->regs[13] = r->r13;
	w->regs[14] = r->r14;
	w->regs[15] = r->r15;
	w->ip = r->ip;
}

#endif
