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
#include "bpf/maps.bpf.h"
#include "bpf/emit.bpf.h"
#include "bpf/event.bpf.h"
#include "bpf/recall.bpf.h"

#include <bpf/bpf_core_read.h>

const volatile struct wait_config wait_config = {};

uint64_t wait_start = 0; /* CLOCK_MONOTONIC ns of the capture's begin */
uint32_t wait_epoch = 0; /* which of the two maps is counted in; user space changes it */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct wait_stats);
	__uint(max_entries, 1);
} wait_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, struct wait_thread);
	__uint(max_entries, WAIT_THREADS_DEFAULT);
} wait_threads SEC(".maps");

struct wait_sums {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct wait_key);
	__type(value, struct wait_sum);
	__uint(max_entries, WAIT_KEYS_DEFAULT);
};

struct wait_sums wait_sums_0 SEC(".maps");
struct wait_sums wait_sums_1 SEC(".maps");

/* Only looked at when wakers are wanted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, struct wait_wakers);
	__uint(max_entries, WAIT_THREADS_DEFAULT);
} wait_wakers SEC(".maps");

/* For the iterator: the cgroups asked for, by their ids. */
uint64_t wait_cgroups[CGROUPS_MAX] = {};

/* -- sums --------------------------------------------------------------------------------------- */

static __always_inline u8 log2_of(u64 ns)
{
	u8 log = 0;

	for (int step = 32; step; step >>= 1) {
		if (ns >> step) {
			ns >>= step;
			log += step;
		}
	}
	return log;
}

/* Keys hold the thread, whose events come one after the other: no other processor adds to the same. */
VERIFIED_ONCE int sum_add(struct wait_key *key, u64 ns, u64 count)
{
	struct wait_sum *sum, first = { .ns = ns, .longest = ns, .count = count };

	if (!key)
		return 0;
	if (wait_epoch)
		sum = bpf_map_lookup_elem(&wait_sums_1, key);
	else
		sum = bpf_map_lookup_elem(&wait_sums_0, key);
	if (sum) {
		sum->ns += ns;
		sum->count += count;
		if (ns > sum->longest)
			sum->longest = ns;
		return 0;
	}
	if (wait_epoch)
		return bpf_map_update_elem(&wait_sums_1, key, &first, BPF_ANY);
	return bpf_map_update_elem(&wait_sums_0, key, &first, BPF_ANY);
}

static __always_inline void sum_wait(struct wait_stats *st, struct wait_key *key, u8 kind, u64 ns)
{
	key->kind = kind;
	key->log2 = log2_of(ns);
	if (sum_add(key, ns, 1))
		st->no_key++;
}

/* The parts of a wait, each with who ended it; what is left is the last one's. */
static __always_inline void sum_hops(struct wait_stats *st, struct wait_key *key, struct wait_wakers *k,
				     u64 start, u64 end)
{
	u64 to = end;

	for (u32 i = 0; i < HOPS_MAX; i++) {
		u64 from;

		if (i >= k->n)
			break;
		from = i + 1 == k->n || k->hop[i].from < start ? start : k->hop[i].from;
		if (from > to)
			from = to;
		key->chain = k->hop[i].chain;
		if (sum_add(key, to - from, i == 0))
			st->no_key++;
		to = from;
	}
}

static __always_inline void wakers_close(struct wait_stats *st, struct wait_key *key,
					 struct wait_thread *t, u32 tid, u64 end)
{
	struct wait_wakers *k = bpf_map_lookup_elem(&wait_wakers, &tid);

	if (!k)
		return;
	key->kind = KIND_BLOCKED;
	key->log2 = log2_of(end - t->since);
	if (k->n)
		sum_hops(st, key, k, t->since, end);
	else if (sum_add(key, end - t->since, 1))
		st->no_key++;
	key->chain = 0;
	k->stack = t->stack;
	k->start = t->since;
	k->end = end;
	k->last_n = k->n;
	__builtin_memcpy(k->last, k->hop, sizeof(k->last));
	k->n = 0;
}

static __always_inline bool wait_counts_for(u64 ns)
{
	return ns >= wait_config.min && (!wait_config.max || ns <= wait_config.max);
}

/* A thread comes back. */
static __always_inline void wait_close(struct wait_stats *st, struct wait_thread *t, u32 tid, u64 now)
{
	struct wait_key key = { .stack = t->stack, .lock = t->lock, .tid = tid };
	u64 ns = now - t->since, woken = now;

	if (t->kind == KIND_MAX || !wait_counts_for(ns)) {
		st->filtered++;
		return;
	}
	if (t->kind != KIND_BLOCKED) {
		sum_wait(st, &key, t->kind, ns);
		return;
	}
	if (t->woken >= t->since)
		woken = t->woken;
	else
		st->unseen++;
	if (wait_config.hops && bpf_map_lookup_elem(&wait_wakers, &tid))
		wakers_close(st, &key, t, tid, woken);
	else
		sum_wait(st, &key, KIND_BLOCKED, woken - t->since);
	if (woken != now)
		sum_wait(st, &key, t->held ? KIND_THROTTLED : KIND_RUN_QUEUE, now - woken);
}

/* -- stacks ------------------------------------------------------------------------------------- */

/* The owner of the current task's memory, by fields that can be read directly. */
static __always_inline void owner_of(struct task_struct *task, struct mapping_owner *ret)
{
	struct mm_struct *mm = task->mm;
	struct mm_struct___seqcount *counted = (void *)mm;
	struct mm_struct___counted *simple = (void *)mm;

	ret->mm = (u64)mm;
	ret->sequence = 0;
	if (bpf_core_field_exists(counted->mm_lock_seq.sequence))
		ret->sequence = counted->mm_lock_seq.sequence & 1
					? 0
					: (u64)counted->mm_lock_seq.sequence + 1;
	else if (bpf_core_field_exists(simple->mm_lock_seq))
		ret->sequence = (u64)(u32)simple->mm_lock_seq + 1;
	if (ret->sequence)
		ret->sequence += (u64)*(volatile uint32_t *)&jit_changes << 34;
	ret->born = task->start_time;
	ret->exec = task->self_exec_id;
}

static __always_inline struct recalled *recall_slot(struct walk *w, u32 tid, u16 cause)
{
	u64 hash = recall_mix(recall_mix((u64)tid << 16 | cause, w->sp), w->ip);
	u32 slot = (u32)(hash >> 40) & (RECALL_SLOTS - 1);

	return bpf_map_lookup_elem(&recalled, &slot);
}

/* Was `m` learnt of this thread, in the same place of its program? */
static __always_inline bool recall_place_same(struct walk *w, struct recalled *m, u32 tid, u16 cause)
{
	return m->tid == tid && m->cause == cause && m->ip == w->ip && m->sp == w->regs[7] &&
	       m->bp == w->regs[6] && m->bx == w->regs[3] && m->owner.mm == w->me.mm &&
	       m->owner.sequence == w->me.sequence && m->owner.born == w->me.born &&
	       m->owner.exec == w->me.exec;
}

/* Is it the whole stack that `m` was learnt from? */
static __always_inline bool recall_same(struct walk *w, struct recalled *m, struct kernel_words *k, u64 low)
{
	if (m->n_user && recall_user(w, m) != m->user_hash)
		return false;
	return !m->n_kernel || (recall_copy(k, w->kernel_sp, low) && recall_kernel(k, m));
}

/* Remembers what was just walked; `again`: it is what m holds. */
static __always_inline void recall_learn(struct walk *w, struct recalled *m, struct kernel_words *k, u64 low,
					 u32 tid, u16 cause, bool again)
{
	bool user = w->n_user;

	m->tid = 0;
	if (user && (w->end != WALK_BOTTOM || w->n_reads == READS_OFF || !w->me.sequence))
		return;
	if (!w->n_kernel)
		m->n_kernel = 0;
	else if (!recall_copy(k, w->kernel_sp, low) || !recall_learn_kernel(w, k, m, w->n_kernel, again))
		return;
	m->n_user = 0;
	if (user) {
		m->n_user = w->n_reads;
		m->user_hash = w->reads_hash;
		__builtin_memcpy(m->user, w->reads, sizeof(m->user));
	}
	m->owner = w->me;
	m->ip = w->first_ip;
	m->sp = w->first[7];
	m->bp = w->first[6];
	m->bx = w->first[3];
	m->cause = cause;
	m->stack = w->record.hash;
	m->tid = tid;
}

#define KERNEL_BYTES ((FRAMES_KERNEL_MAX - 1) * sizeof(u64))

/* What the kernel's own walk gave: `bytes` of addresses. */
static __always_inline void stack_kernel(struct walk *w, long bytes)
{
	w->n_kernel = bytes > 0 ? (u32)bytes / sizeof(u64) : 0;
	if (w->n_kernel >= FRAMES_KERNEL_MAX)
		w->n_kernel = FRAMES_KERNEL_MAX - 1;
}

/* Walks the user's part of a task's stack, behind the kernel's, and sees to it that user space has both. */
static __always_inline void stack_walk(struct walk *w, u32 slot, struct task_struct *task, u16 cause,
				       struct wait_stats *st)
{
	struct sample_record *r = &w->record;

	w->hash = cause;
	w->n_user = 0;
	hash_kernel(w, w->n_kernel);
	w->base = w->n_kernel;
	w->n = 0;
	w->end = WALK_NONE;
	w->end_file = 0;
	w->n_reads = 0;
	w->reads_hash = 0;
	w->task = (u64)task;
	if (w->me.mm && !(cause & CAUSE_KERNEL_THREAD) && !cpu_config.no_user)
		w->n_user = walk_user(slot);
	w->task = 0;
	if (w->end == WALK_PENDING) /* finished later, each by itself: two that look the same may differ */
		w->hash ^= r->time * 0x9e3779b97f4a7c15ull;
	r->hash = w->hash ^ (u64)w->end << 56 ^ (u64)w->n_kernel << 48;
	if (r->hash <= STACK_UNSEEN)
		r->hash += 2;
	r->n_kernel = w->n_kernel;
	r->n_user = w->n_user < walk_max_frames ? w->n_user : walk_max_frames;
	r->skipped = w->n_user - r->n_user;
	r->end = w->end;
	r->end_file = w->end_file;
	r->weight = 1;
	r->cause = cause;
	r->kind = RECORD_STACK;
	r->flags = SAMPLE_IN_KERNEL | (w->n_kernel == FRAMES_KERNEL_MAX - 1 ? SAMPLE_KERNEL_FULL : 0);
	if (!emit_stack(w))
		st->ring_full++;
	st->walked++;
}

static __always_inline u64 stack_walk_now(void *ctx, struct walk *w, struct task_struct *task, u16 cause,
					  struct wait_stats *st)
{
	u32 zero = 0;
	struct tick_stats *ticks = bpf_map_lookup_elem(&stats, &zero);

	w->first_ip = w->ip;
	__builtin_memcpy(w->first, w->regs, sizeof(w->first));
	w->n_kernel = 0;
	if (!cpu_config.no_kernel)
		stack_kernel(w, bpf_get_stack(ctx, w->frames, KERNEL_BYTES, 0));
	stack_walk(w, SCRATCH_SWITCH, task, cause, st);
	if (w->end == WALK_PENDING && cpu_config.raw_pending && ticks)
		emit_raw(w, RAW_PENDING, ticks);
	return w->record.hash;
}

/* The hash of the current task's stack, walked or recognised. Its registers and memory are in w already. */
static __always_inline u64 stack_take(void *ctx, struct walk *w, struct task_struct *task, u32 tid, u16 cause,
				      struct wait_stats *st)
{
	struct recalled *m = recall_slot(w, tid, cause);
	u32 zero = 0;
	struct kernel_words *k = bpf_map_lookup_elem(&kernel_words, &zero);
	u64 known = 0, stack, low = *(volatile u64 *)&w->kernel_low;
	bool place;

	w->reads_base = w->sp;
	if (wait_config.no_recall || !m || !k || __sync_val_compare_and_swap(&m->busy, 0, 1))
		return stack_walk_now(ctx, w, task, cause, st);
	place = recall_place_same(w, m, tid, cause);
	if (place && recall_same(w, m, k, low)) {
		known = m->stack;
		st->recalled++;
		if (!wait_config.check) {
			m->busy = 0;
			return known;
		}
	}
	stack = stack_walk_now(ctx, w, task, cause, st);
	if (known) {
		st->checked++;
		st->wrong += known != stack;
	}
	recall_learn(w, m, k, low, tid, cause, place && m->stack == stack);
	m->busy = 0;
	return stack;
}

/* Registers, memory and system call of a task that is in the kernel. */
static __always_inline u16 stack_begin(struct walk *w, struct task_struct *task)
{
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	u32 flags = task->flags;
	u64 syscall;

	w->me.mm = 0;
	w->me.sequence = 0;
	*(volatile u64 *)&w->kernel_low = (u64)task->stack; /* read back as a number: it is a pointer to the verifier */
	w->tgid = task->tgid;
	w->record.tgid = task->tgid;
	w->record.tid = task->pid;
	if (flags & PF_KTHREAD) {
		w->ip = w->sp = w->bp = 0;
		__builtin_memset(w->regs, 0, sizeof(w->regs));
		return CAUSE_KERNEL_THREAD;
	}
	regs_take(w, regs);
	w->sp = w->regs[7];
	w->bp = w->regs[6];
	owner_of(task, &w->me);
	syscall = regs->orig_ax + 1; /* -1 in a fault */
	return syscall <= CAUSE_SYSCALL ? (u16)syscall : 0;
}

static __always_inline struct walk *scratch_take(struct wait_stats *st)
{
	u32 slot = SCRATCH_SWITCH;
	struct walk *w = bpf_map_lookup_elem(&scratch, &slot);

	if (!w || w->busy) {
		st->busy++;
		return NULL;
	}
	w->busy = 1;
	return w;
}

/* -- switches ----------------------------------------------------------------------------------- */

/* Names travel when they are new. */
static __always_inline void thread_name(struct task_struct *task, struct wait_thread *t, struct wait_stats *st)
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

/* Preempted on the way back to its program looks the same as sched_yield(): schedule() is called while it can run. */
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
	fresh.since = wait_start;
	fresh.tgid = task->tgid;
	if (bpf_map_update_elem(&wait_threads, &tid, &fresh, BPF_NOEXIST))
		st->no_thread++;
	return bpf_map_lookup_elem(&wait_threads, &tid);
}

/* It ended: what it ran is handed over by a key of its own. */
static __always_inline void thread_over(struct wait_stats *st, struct wait_thread *t, u32 tid)
{
	struct wait_key key = { .tid = tid, .kind = KIND_ON_CPU };

	if (sum_add(&key, t->on_ns, 0))
		st->no_key++;
	bpf_map_delete_elem(&wait_threads, &tid);
	if (wait_config.hops)
		bpf_map_delete_elem(&wait_wakers, &tid);
}

static __always_inline bool switch_spared(void)
{
	return control.weight > 1 && bpf_get_prandom_u32() % control.weight;
}

static __always_inline void switch_out(void *ctx, struct walk *w, struct task_struct *prev, bool preempt,
				       u32 state, u64 now, struct wait_stats *st)
{
	u32 tid = prev->pid;
	struct wait_thread *t = thread_of(w, prev, tid, st);
	u16 cause;

	if (!t)
		return;
	st->switches++;
	t->on_ns += now - t->since;
	t->since = now;
	t->woken = 0;
	t->held = 0;
	thread_name(prev, t, st);
	if (!preempt && (state & TASK_DEAD)) {
		thread_over(st, t, tid);
		return;
	}
	t->out = 1;
	t->again = 0;
	t->kind = kind_of(prev, preempt, state);
	t->lock = 0;
	if (wait_config.states && !(wait_config.states & state_bit(preempt, state))) {
		t->kind = KIND_MAX;
		return;
	}
	t->stack = STACK_NOT_WALKED;
	if (switch_spared()) {
		st->spared++;
		return;
	}
	cause = stack_begin(w, prev);
	if (t->kind != KIND_BLOCKED)
		cause = (cause & CAUSE_KERNEL_THREAD) | CAUSE_READY;
	else if (BPF_CORE_READ_BITFIELD(prev, in_iowait))
		cause |= CAUSE_IOWAIT;
	if (wait_config.locks && (cause & CAUSE_SYSCALL) == SYSCALL_FUTEX + 1)
		t->lock = w->regs[FUTEX_ADDRESS];
	t->stack = stack_take(ctx, w, prev, tid, cause, st);
}

/* Some kernels leave out switches (of their own agents, on virtual machines). Whoever was switched in here last
 * and is not the one that leaves now went without a word: since then it may have been anywhere. */
static __always_inline void thread_untold(struct wait_stats *st, u32 tid)
{
	struct wait_thread *t = bpf_map_lookup_elem(&wait_threads, &tid);

	if (!t || t->out || t->cpu != bpf_get_smp_processor_id())
		return;
	st->untold++;
	t->out = 1;
	t->kind = KIND_BLOCKED;
	t->stack = STACK_UNSEEN;
	t->woken = 0;
	t->lock = 0;
}

static __always_inline void switch_in(struct task_struct *next, u64 now, struct wait_stats *st)
{
	u32 tid = next->pid;
	struct wait_thread *t = bpf_map_lookup_elem(&wait_threads, &tid), fresh = {};

	if (!t && wait_config.everything && (u32)next->tgid != cpu_config.skip_tgid) {
		fresh.since = wait_start;
		fresh.stack = STACK_UNSEEN;
		fresh.out = 1;
		fresh.kind = KIND_BLOCKED;
		fresh.tgid = next->tgid;
		if (bpf_map_update_elem(&wait_threads, &tid, &fresh, BPF_NOEXIST))
			st->no_thread++;
		t = bpf_map_lookup_elem(&wait_threads, &tid);
	}
	if (!t)
		return;
	if (!t->comm[0])
		thread_name(next, t, st);
	if (!t->out && t->since != now) {
		t->cpu = bpf_get_smp_processor_id();
		thread_untold(st, tid);
	}
	if (t->out)
		wait_close(st, t, tid, now);
	t->cpu = bpf_get_smp_processor_id();
	t->out = 0;
	t->since = now;
}

static __noinline int switch_both(u64 *ctx, struct walk *w, struct wait_stats *st)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	u64 now = w->record.time;

	if (st->running && st->running != (u32)prev->pid)
		thread_untold(st, st->running);
	st->running = (u32)next->pid;
	if (prev->pid)
		switch_out(ctx, w, prev, ctx[0], ctx[3], now, st);
	if (next->pid)
		switch_in(next, now, st);
	return 0;
}

/* With a frame small enough to lie on the thread's own stack even where programs have stacks of their own. */
SEC("tp_btf/sched_switch")
int off_switch(u64 *ctx)
{
	u64 now = bpf_ktime_get_ns(), frame;
	u32 zero = 0;
	struct wait_stats *st = bpf_map_lookup_elem(&wait_counts, &zero);
	struct walk *w;

	if (!st)
		return 0;
	w = scratch_take(st);
	if (!w)
		return 0;
	w->record.time = now;
	asm volatile("%0 = r10" : "=r"(frame));
	*(volatile u64 *)&w->kernel_sp = frame;
	switch_both(ctx, w, st);
	w->busy = 0;
	st->run_ns += bpf_ktime_get_ns() - now;
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
	struct wait_thread fresh = {};

	if (!st || tgid == cpu_config.skip_tgid ||
	    (!wait_config.everything && !bpf_map_lookup_elem(&target_pids, &tgid)))
		return 0;
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
	if (!emit_stack(w))
		st->ring_full++;
	return hash;
}

/* The waker is current. What it waited for while `t` waited is behind its own wait. */
static __always_inline void waking_hops(struct walk *w, struct wait_thread *t, u32 tid, u64 waker, bool thread,
					struct wait_stats *st)
{
	struct wait_wakers *k = bpf_map_lookup_elem(&wait_wakers, &tid), *own = NULL, fresh = {};
	u32 waker_tid = w->record.tid;

	if (!k) {
		if (bpf_map_update_elem(&wait_wakers, &tid, &fresh, BPF_NOEXIST))
			st->no_thread++;
		k = bpf_map_lookup_elem(&wait_wakers, &tid);
	}
	if (thread && waker_tid && wait_config.hops > 1)
		own = bpf_map_lookup_elem(&wait_wakers, &waker_tid);
	if (!k)
		return;
	k->hop[0].chain = chain_emit(w, waker, 0, 0, st);
	k->hop[0].from = t->since;
	k->n = 1;
	if (!own || !own->stack || own->end <= t->since)
		return;
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
}

static __noinline int waking_walk(u64 *ctx, struct walk *w, struct wait_stats *st)
{
	struct task_struct *task = (void *)ctx[0], *waker = bpf_get_current_task_btf();
	u32 tid = task->pid;
	struct wait_thread *t = bpf_map_lookup_elem(&wait_threads, &tid);
	u64 stack;
	u16 cause;

	if (!t || !t->out || t->woken || t->kind != KIND_BLOCKED)
		return 0;
	cause = stack_begin(w, waker) & CAUSE_KERNEL_THREAD;
	bpf_get_current_comm(w->record.comm, sizeof(w->record.comm));
	BPF_CORE_READ_INTO(&w->record.process, waker, group_leader, comm);
	stack = stack_take(ctx, w, waker, w->record.tid, cause | CAUSE_WAKER, st);
	waking_hops(w, t, tid, stack, w->kernel_sp - w->kernel_low < KERNEL_STACK_BYTES, st);
	return 0;
}

SEC("tp_btf/sched_waking")
int off_waking(u64 *ctx)
{
	u64 now = bpf_ktime_get_ns(), frame;
	u32 zero = 0;
	struct wait_stats *st = bpf_map_lookup_elem(&wait_counts, &zero);
	struct walk *w;

	if (!st)
		return 0;
	w = scratch_take(st);
	if (!w)
		return 0;
	w->record.time = now;
	asm volatile("%0 = r10" : "=r"(frame));
	*(volatile u64 *)&w->kernel_sp = frame;
	waking_walk(ctx, w, st);
	w->busy = 0;
	st->run_ns += bpf_ktime_get_ns() - now;
	return 0;
}

/* -- threads that sleep --------------------------------------------------------------------------- */

/* A thread that does not run meets no event. So before the capture and from time to time all threads are looked
 * through, and those nobody has seen are entered as they are, asleep since the beginning, with the stack they
 * sleep in. Their memory is another process's: its copy is what the walk reads. */

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
	struct wait_thread t = { .since = wait_start, .tgid = task->tgid };
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
