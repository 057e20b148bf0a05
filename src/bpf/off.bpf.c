/* off.bpf.c - where threads wait: the scheduler's switches and wake-ups, counted where they happen.
 *
 * At a switch the thread that leaves is still current, so its stack is taken there (or recognised, see
 * recall.bpf.h); how long it was away is known when it comes back. Its time is split at the wake-up: blocked
 * before it, in the run queue behind it; a thread that was ready all along was preempted, yielded or held
 * back (throttled). Waits are summed by (stack, thread, kind, length) in one of two maps; user space takes
 * the other one over meanwhile. So time on and off the processors adds up by construction.
 *
 * Events are typed (tp_btf): fields are read directly, which is what makes a switch cheap.
 */
#include "bpf/asleep.bpf.h"
#include "bpf/event.bpf.h"
#include "bpf/take.bpf.h"
#include "bpf/thread.bpf.h"

#include <bpf/bpf_core_read.h>

/* -- switches ----------------------------------------------------------------------------------- */

/* Enters a thread, unless somebody else was faster. NULL when there is no room. */
static __always_inline struct wait_thread *thread_put(struct wait_thread *fresh, u32 tid,
						      struct wait_stats *st)
{
	struct wait_thread *t;

	bpf_map_update_elem(&wait_threads, &tid, fresh, BPF_NOEXIST);
	t = bpf_map_lookup_elem(&wait_threads, &tid);
	if (!t)
		st->no_thread++;
	return t;
}

/* The state of a thread that was asked for; made when it is met for the first time. */
static __always_inline struct wait_thread *thread_of(struct walk *w, struct task_struct *task, u32 tid,
						     struct wait_stats *st)
{
	struct wait_thread *t = bpf_map_lookup_elem(&wait_threads, &tid), fresh = {};
	bool kernel = task->flags & PF_KTHREAD;
	u32 tgid = task->tgid;

	if (t)
		return t;
	if (cpu_config.filter_pids && !bpf_map_lookup_elem(&target_pids, &tgid))
		return NULL;
	bpf_get_current_comm(w->record.comm, sizeof(w->record.comm));
	BPF_CORE_READ_INTO(&w->record.process, task, group_leader, comm);
	if ((wait_config.user_threads && kernel) || (wait_config.kernel_threads && !kernel) ||
	    !task_wanted(task->tgid, tid, &w->record))
		return NULL;
	fresh.since = thread_begin(task);
	fresh.tgid = task->tgid;
	return thread_put(&fresh, tid, st);
}

/* It ended: what it ran is handed over by a key of its own. */
static __always_inline void thread_over(struct wait_stats *st, struct wait_thread *t, u32 tid)
{
	struct wait_key key = { .tid = tid, .kind = KIND_ON_CPU };

	if (sum_add(&key, t->on_ns, 0, 0))
		st->no_key++;
	bpf_map_delete_elem(&wait_threads, &tid);
	if (wait_config.hops)
		bpf_map_delete_elem(&wait_wakers, &tid);
}

static __always_inline bool switch_spared(void)
{
	return control.weight > 1 && bpf_get_prandom_u32() % control.weight;
}

/* From `since` on nobody knows what it did. */
static __always_inline void thread_unknown(struct wait_stats *st, struct wait_thread *t)
{
	st->untold++;
	t->out = 1;
	t->kind = KIND_BLOCKED;
	t->stack = STACK_UNSEEN;
	t->woken = 0;
	t->lock = 0;
}

/* Some kernels leave out switches (of their own agents, on virtual machines). Whoever was switched in here
 * last and is not the one that leaves now went without a word: since then it may have been anywhere. */
static __always_inline void thread_untold(struct wait_stats *st, u32 tid)
{
	struct wait_thread *t = bpf_map_lookup_elem(&wait_threads, &tid);

	if (t && !t->out && t->cpu == bpf_get_smp_processor_id())
		thread_unknown(st, t);
}

/* Why it waits, and its registers. */
static __always_inline void switch_begin(struct walk *w, struct task_struct *prev, struct wait_thread *t)
{
	u16 cause = stack_begin(w, prev);

	if (t->kind != KIND_BLOCKED)
		cause = (cause & CAUSE_KERNEL_THREAD) | CAUSE_READY;
	else if (BPF_CORE_READ_BITFIELD(prev, in_iowait))
		cause |= CAUSE_IOWAIT;
	if (wait_config.locks && (cause & CAUSE_SYSCALL) == SYSCALL_FUTEX + 1)
		t->lock = w->regs[FUTEX_ADDRESS];
	w->record.cause = cause;
}

/* The thread that leaves. Returns it when its stack is to be taken. */
static __noinline struct wait_thread *switch_out(u64 *ctx, struct walk *w, struct wait_stats *st)
{
	struct task_struct *prev = (void *)ctx[1];
	bool preempt = ctx[0];
	u32 tid = prev->pid, state = ctx[3];
	u64 now = w->record.time;
	struct wait_thread *t;

	if (!tid)
		return NULL;
	t = thread_of(w, prev, tid, st);
	if (!t)
		return NULL;
	st->switches++;
	if (t->out) { /* nobody told that it came */
		thread_unknown(st, t);
		wait_close(st, t, tid, now);
	} else {
		t->on_ns += now - t->since;
	}
	t->since = now;
	t->woken = 0;
	t->held = 0;
	thread_name(prev, t, st);
	if (!preempt && (state & TASK_DEAD)) {
		thread_over(st, t, tid);
		return NULL;
	}
	t->out = 1;
	t->again = 0;
	t->kind = kind_of(prev, preempt, state);
	t->lock = 0;
	if (wait_config.states && !(wait_config.states & state_bit(preempt, state))) {
		t->kind = KIND_MAX;
		return NULL;
	}
	t->stack = STACK_NOT_WALKED;
	if (switch_spared()) {
		st->spared++;
		return NULL;
	}
	switch_begin(w, prev, t);
	return t;
}

/* The thread that comes. */
static __noinline int switch_in(u64 *ctx, struct walk *w, struct wait_stats *st)
{
	struct task_struct *next = (void *)ctx[2];
	u64 now = w->record.time;
	u32 tid = next->pid;
	struct wait_thread *t, fresh = {};

	if (!tid)
		return 0;
	t = bpf_map_lookup_elem(&wait_threads, &tid);
	if (!t && wait_config.everything && (u32)next->tgid != cpu_config.skip_tgid) {
		fresh.since = thread_begin(next);
		fresh.stack = STACK_UNSEEN;
		fresh.out = 1;
		fresh.kind = KIND_BLOCKED;
		fresh.tgid = next->tgid;
		t = thread_put(&fresh, tid, st);
	}
	if (!t)
		return 0;
	if (!t->comm[0])
		thread_name(next, t, st);
	if (!t->out && t->since != now)
		thread_unknown(st, t);
	if (t->out)
		wait_close(st, t, tid, now);
	t->cpu = bpf_get_smp_processor_id();
	t->out = 0;
	t->since = now;
	return 0;
}

/* Whoever ran here, if not the one that leaves. */
static __always_inline void switch_told(u64 *ctx, struct wait_stats *st)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];

	if (st->running && st->running != (u32)prev->pid)
		thread_untold(st, st->running);
	st->running = (u32)next->pid;
}

/* What programs that take stacks begin with: counters, scratch, the time, which is in the record from then
 * on: fewer words are kept by the program. NULL: there is nothing to work with. */
static __always_inline struct walk *event_begin(struct wait_stats **ret_st)
{
	u64 now = bpf_ktime_get_ns();
	u32 zero = 0;
	struct walk *w;

	*ret_st = bpf_map_lookup_elem(&wait_counts, &zero);
	if (!*ret_st)
		return NULL;
	w = scratch_take(*ret_st);
	if (w)
		w->record.time = now;
	return w;
}

static __always_inline void event_end(struct walk *w, struct wait_stats *st)
{
	w->busy = 0;
	st->run_ns += bpf_ktime_get_ns() - w->record.time;
}

/* With a frame small enough to lie on the thread's own stack even where programs have stacks of their own. */
SEC("tp_btf/sched_switch")
int off_switch(u64 *ctx)
{
	struct wait_stats *st;
	struct walk *w = event_begin(&st);
	struct wait_thread *t;
	u64 frame;

	if (!w)
		return 0;
	OWN_FRAME(frame);
	*(volatile u64 *)&w->kernel_sp = frame;
	switch_told(ctx, st);
	t = switch_out(ctx, w, st);
	if (t)
		t->stack = stack_take(ctx, w, st);
	switch_in(ctx, w, st);
	event_end(w, st);
	return 0;
}

/* -- wake-ups ----------------------------------------------------------------------------------- */

SEC("tp_btf/sched_wakeup")
int off_wakeup(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	u32 tid = task->pid;
	struct wait_thread *t = bpf_map_lookup_elem(&wait_threads, &tid);

	if (!t || !t->out || t->woken || t->kind != KIND_BLOCKED)
		return 0;
	t->woken = bpf_ktime_get_ns();
	t->held = task_held(task);
	return 0;
}

/* A new thread waits for a processor from its first moment on. */
SEC("tp_btf/sched_wakeup_new")
int off_wakeup_new(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	u32 tid = task->pid, tgid = task->tgid, zero = 0;
	struct wait_stats *st = bpf_map_lookup_elem(&wait_counts, &zero);
	struct wait_thread fresh = {}, *old;

	if (!st || tgid == cpu_config.skip_tgid ||
	    (!wait_config.everything && !bpf_map_lookup_elem(&target_pids, &tgid)))
		return 0;
	old = bpf_map_lookup_elem(&wait_threads, &tid);
	if (old) { /* the number is used again: nobody told that its thread ended */
		st->untold++;
		thread_over(st, old, tid);
	}
	fresh.since = bpf_ktime_get_ns();
	fresh.stack = STACK_UNSEEN;
	fresh.out = 1;
	fresh.kind = KIND_RUN_QUEUE;
	fresh.tgid = tgid;
	if (bpf_map_update_elem(&wait_threads, &tid, &fresh, BPF_ANY))
		st->no_thread++;
	return 0;
}

/* A chain's three words as a record. Returns its hash. */
static __always_inline u64 chain_emit(struct walk *w, u64 waker, u64 waited, u64 next, struct wait_stats *st)
{
	struct sample_record *r = &w->record;
	u64 hash = recall_mix(recall_mix(recall_mix(r->tid, waker), waited), next);

	w->frames[0] = waker;
	w->frames[1] = waited;
	w->frames[2] = next;
	r->hash = hash;
	r->n_kernel = 0;
	r->n_user = 3;
	r->kind = RECORD_CHAIN;
	r->flags = 0;
	st->ring_full += emit_stack(w) == EMIT_FULL;
	return hash;
}

/* The waker is current. What it waited for while `t` waited is behind its own wait. */
static __noinline int waking_hops(struct walk *w, struct wait_thread *t, u32 tid, u64 waker,
				  struct wait_stats *st)
{
	struct wait_wakers *k = bpf_map_lookup_elem(&wait_wakers, &tid), *own = NULL, fresh = {};
	bool thread = w->kernel_sp - w->kernel_low < KERNEL_STACK_BYTES; /* not an interrupt */
	u32 waker_tid = w->record.tid;

	if (!k) {
		if (bpf_map_update_elem(&wait_wakers, &tid, &fresh, BPF_NOEXIST))
			st->no_thread++;
		k = bpf_map_lookup_elem(&wait_wakers, &tid);
	}
	if (thread && waker_tid && wait_config.hops > 1)
		own = bpf_map_lookup_elem(&wait_wakers, &waker_tid);
	if (!k)
		return 0;
	k->hop[0].chain = chain_emit(w, waker, 0, 0, st);
	k->hop[0].from = t->since;
	k->n = 1;
	if (!own || !own->stack || own->end <= t->since)
		return 0;
	k->hop[0].from = own->end;
	for (u32 i = 0; i < HOPS_MAX - 1; i++) {
		u64 from = own->start, next = 0;

		if (i + 1 >= wait_config.hops || (i && i >= own->last_n))
			break;
		if (i < own->last_n) {
			from = own->last[i].from;
			next = own->last[i].chain;
		}
		k->hop[i + 1].chain = chain_emit(w, waker, own->stack, next, st);
		k->hop[i + 1].from = from > t->since ? from : t->since;
		k->n = i + 2;
		if (from <= t->since)
			break;
	}
	return 0;
}

/* The thread that is woken, when somebody waits to be told by whom; the waker's registers. */
static __noinline struct wait_thread *waking_begin(u64 *ctx, struct walk *w)
{
	struct task_struct *task = (void *)ctx[0], *waker = bpf_get_current_task_btf();
	u32 tid = task->pid;
	struct wait_thread *t = bpf_map_lookup_elem(&wait_threads, &tid);

	if (!t || !t->out || t->woken || t->kind != KIND_BLOCKED)
		return NULL;
	w->record.cause = (stack_begin(w, waker) & CAUSE_KERNEL_THREAD) | CAUSE_WAKER;
	bpf_get_current_comm(w->record.comm, sizeof(w->record.comm));
	BPF_CORE_READ_INTO(&w->record.process, waker, group_leader, comm);
	return t;
}

static __always_inline u32 waking_tid(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	return task->pid;
}

SEC("tp_btf/sched_waking")
int off_waking(u64 *ctx)
{
	struct wait_stats *st;
	struct walk *w = event_begin(&st);
	struct wait_thread *t;
	u64 frame;

	if (!w)
		return 0;
	OWN_FRAME(frame);
	*(volatile u64 *)&w->kernel_sp = frame;
	t = waking_begin(ctx, w);
	if (t)
		waking_hops(w, t, waking_tid(ctx), stack_take(ctx, w, st), st);
	event_end(w, st);
	return 0;
}
