/* asleep.bpf.h - entering threads that sleep; a part of off.bpf.c. BPF only.
 *
 * A thread that does not run meets no event. So before the capture and from time to time all threads are
 * looked through, and those nobody has seen are entered as they are, asleep since the beginning, with the
 * stack they sleep in. Their memory is another process's: its copy is what the walk reads.
 */
#ifndef WAGGLE_BPF_ASLEEP_H
#define WAGGLE_BPF_ASLEEP_H

#include "bpf/event.bpf.h"
#include "bpf/take.bpf.h"
#include "bpf/thread.bpf.h"

static __always_inline bool asleep_in_cgroups(struct task_struct *task)
{
	struct kernfs_node *node = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);

	for (int depth = 0; depth < CGROUP_DEPTH_MAX && node; depth++) {
		struct kernfs_node___rcu *renamed = (void *)node;
		u64 id = BPF_CORE_READ(node, id);

		for (u32 i = 0; i < CGROUPS_MAX && i < cpu_config.n_cgroups; i++)
			if (wait_cgroups[i] == id)
				return true;
		if (bpf_core_field_exists(renamed->__parent))
			node = (void *)BPF_CORE_READ(renamed, __parent);
		else
			node = BPF_CORE_READ(node, parent);
	}
	return false;
}

static __always_inline bool asleep_wanted(struct task_struct *task, struct sample_record *r)
{
	u32 tid = task->pid, tgid = task->tgid;
	bool kernel = task->flags & PF_KTHREAD;

	if (!tid || tgid == cpu_config.skip_tgid || (wait_config.user_threads && kernel) ||
	    (wait_config.kernel_threads && !kernel))
		return false;
	if (cpu_config.filter_pids && !bpf_map_lookup_elem(&target_pids, &tgid))
		return false;
	if (cpu_config.filter_tids && !bpf_map_lookup_elem(&target_tids, &tid))
		return false;
	BPF_CORE_READ_INTO(&r->comm, task, comm);
	BPF_CORE_READ_INTO(&r->process, task, group_leader, comm);
	if (cpu_config.filter_comm && !comm_is(r->comm) && !comm_is(r->process))
		return false;
	return !cpu_config.n_cgroups || asleep_in_cgroups(task);
}

/* As much of the stack from sp up as can be read, page by page. */
static __always_inline u32 asleep_copy(struct task_struct *task, u64 sp)
{
	u32 zero = 0, bytes = 0;
	struct stack_copy *copy = bpf_map_lookup_elem(&stack_copy, &zero);

	if (!copy)
		return 0;
	for (u32 i = 0; i < ASLEEP_STACK / STACK_PAGE; i++) {
		u32 len = STACK_PAGE - ((sp + bytes) & (STACK_PAGE - 1));

		if (bytes > ASLEEP_STACK - STACK_PAGE || !len || len > STACK_PAGE ||
		    bpf_copy_from_user_task(copy->bytes + bytes, len, (void *)(sp + bytes), task, 0))
			break;
		bytes += len;
	}
	return bytes;
}

static __always_inline void asleep_walk(struct walk *w, struct task_struct *task, u16 cause,
					struct wait_stats *st)
{
	w->n_kernel = 0;
	if (!cpu_config.no_kernel)
		stack_kernel(w, bpf_get_task_stack(task, w->frames, KERNEL_BYTES, 0));
	w->copy_start = w->sp;
	w->copy_bytes = 0;
	if (w->me.mm) {
		w->copy_bytes = asleep_copy(task, w->sp);
		if (!w->copy_bytes)
			w->copy_bytes = 1; /* nothing can be read: least of all from whoever runs now */
	}
	stack_walk(w, SCRATCH_ASLEEP, task, cause, st);
	w->copy_bytes = 0;
}

static __always_inline void asleep_enter(struct walk *w, struct task_struct *task, struct wait_thread *old,
					 struct wait_stats *st)
{
	struct wait_thread t = { .since = thread_begin(task), .tgid = task->tgid };
	u32 tid = task->pid, state = task->__state;
	u16 cause;

	if (task->on_cpu) {
		if (!old && bpf_map_update_elem(&wait_threads, &tid, &t, BPF_NOEXIST) == -E_NO_ROOM)
			st->no_thread++;
		return;
	}
	cause = stack_begin(w, task);
	t.out = 1;
	t.kind = kind_of(task, false, state);
	if (t.kind != KIND_BLOCKED) {
		t.kind = KIND_PREEMPTED;
		cause = (cause & CAUSE_KERNEL_THREAD) | CAUSE_READY;
	} else if (BPF_CORE_READ_BITFIELD(task, in_iowait)) {
		cause |= CAUSE_IOWAIT;
	}
	if (wait_config.states && !(wait_config.states & state_bit(false, state)))
		t.kind = KIND_MAX;
	else
		asleep_walk(w, task, cause, st);
	t.stack = t.kind == KIND_MAX ? STACK_NOT_WALKED : w->record.hash;
	t.again = t.kind != KIND_MAX && w->end == WALK_PENDING;
	if (!old) {
		if (bpf_map_update_elem(&wait_threads, &tid, &t, BPF_NOEXIST) == -E_NO_ROOM)
			st->no_thread++;
		st->asleep++;
	} else if (old->out && old->again && old->since == t.since) {
		old->stack = t.stack;
		old->again = t.again;
	}
}

SEC("iter.s/task")
int off_asleep(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u32 zero = 0, slot = SCRATCH_ASLEEP, tid;
	struct wait_stats *st = bpf_map_lookup_elem(&wait_counts, &zero);
	struct walk *w = bpf_map_lookup_elem(&scratch, &slot);
	struct wait_thread *t;

	if (!task || !st || !w)
		return 0;
	tid = task->pid;
	if (task->exit_state || task->__state & TASK_DEAD)
		return 0;
	t = bpf_map_lookup_elem(&wait_threads, &tid);
	if ((t && !t->again) || !asleep_wanted(task, &w->record))
		return 0;
	w->record.time = bpf_ktime_get_ns();
	w->record.tgid = task->tgid;
	w->record.tid = tid;
	asleep_enter(w, task, t, st);
	t = bpf_map_lookup_elem(&wait_threads, &tid);
	if (t && !t->comm[0])
		thread_name(task, t, st);
	return 0;
}

#endif
