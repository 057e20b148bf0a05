/* thread.bpf.h - what the scheduler's events ask of a thread: its name, and in which way it leaves. BPF
 * only. */
#ifndef WAGGLE_BPF_THREAD_H
#define WAGGLE_BPF_THREAD_H

#include "bpf/sums.bpf.h"

#include <bpf/bpf_core_read.h>

/* Names travel when they are new. */
static __always_inline void thread_name(struct task_struct *task, struct wait_thread *t,
					struct wait_stats *st)
{
	struct sample_record *r;
	u64 *is, *was = (u64 *)t->comm;
	u64 comm[2] = {};

	BPF_CORE_READ_INTO(&comm, task, comm);
	if (comm[0] == was[0] && comm[1] == was[1])
		return;
	r = bpf_ringbuf_reserve(&sample_ring, sizeof(*r), 0);
	if (!r) {
		st->ring_full++; /* it is tried again at the next switch */
		return;
	}
	__builtin_memset(r, 0, sizeof(*r));
	r->time = bpf_ktime_get_ns();
	r->tgid = task->tgid;
	r->tid = task->pid;
	r->kind = RECORD_TASK;
	is = (u64 *)r->comm;
	is[0] = was[0] = comm[0];
	is[1] = was[1] = comm[1];
	BPF_CORE_READ_INTO(&r->process, task, group_leader, comm);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

/* From when on a thread that is met for the first time is accounted for. */
static __always_inline u64 thread_begin(struct task_struct *task)
{
	return task->start_time > wait_start ? task->start_time : wait_start;
}

static __always_inline bool task_held(struct task_struct *task)
{
	struct task_struct___throttled *one = (void *)task;

	if (bpf_core_field_exists(one->throttled) && one->throttled)
		return true;
	if (bpf_core_field_exists(task->se.cfs_rq)) {
		struct cfs_rq *rq = task->se.cfs_rq;

		if (bpf_core_field_exists(rq->throttle_count))
			return rq->throttle_count > 0;
	}
	return false;
}

/* Preempted on the way back to its program looks the same as sched_yield(): schedule() is called while it
 * can run. */
static __always_inline bool task_yields(struct task_struct *task)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);

	return !(task->flags & PF_KTHREAD) && regs->orig_ax == SYSCALL_SCHED_YIELD;
}

static __always_inline u8 kind_of(struct task_struct *task, bool preempt, u32 state)
{
	if (!preempt && state)
		return KIND_BLOCKED;
	if (task_held(task))
		return KIND_THROTTLED;
	return !preempt && task_yields(task) ? KIND_YIELDED : KIND_PREEMPTED;
}

static __always_inline u32 state_bit(bool preempt, u32 state)
{
	if (preempt || !state)
		return WAIT_BIT_RUNNING;
	if (state & TASK_INTERRUPTIBLE)
		return WAIT_BIT_INTERRUPTIBLE;
	if (state & TASK_UNINTERRUPTIBLE)
		return WAIT_BIT_UNINTERRUPTIBLE;
	if (state & (TASK_STOPPED | TASK_TRACED))
		return WAIT_BIT_STOPPED;
	return WAIT_BIT_OTHER;
}

#endif
