/* take.bpf.h - taking the stack of a thread for the scheduler's events: recognised where it was walked before
 * (recall.bpf.h), else walked and sent. BPF only.
 */
#ifndef WAGGLE_BPF_TAKE_H
#define WAGGLE_BPF_TAKE_H

#include "bpf/emit.bpf.h"
#include "bpf/recall.bpf.h"
#include "bpf/sums.bpf.h"

/* Where the program's own frame lies. The host build has made-up kernel stacks, and says so itself. */
#ifndef OWN_FRAME
#define OWN_FRAME(to) asm volatile("%0 = r10" : "=r"(to))
#endif

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

static __always_inline struct recalled *recall_slot(struct walk *w)
{
	u64 hash = recall_mix(recall_mix((u64)w->record.tid << 16 | w->record.cause, w->sp), w->ip);
	u32 slot = (u32)(hash >> 40) & (RECALL_SLOTS - 1);

	return bpf_map_lookup_elem(&recalled, &slot);
}

/* Was `m` learnt of this thread, in the same place of its program? */
static __always_inline bool recall_place_same(struct walk *w, struct recalled *m)
{
	return m->tid == w->record.tid && m->cause == w->record.cause && m->ip == w->ip &&
	       m->sp == w->regs[7] && m->bp == w->regs[6] && m->bx == w->regs[3] &&
	       m->owner.mm == w->me.mm && m->owner.sequence == w->me.sequence &&
	       m->owner.born == w->me.born && m->owner.exec == w->me.exec;
}

/* Is it the whole stack that `m` was learnt from? */
static __always_inline bool recall_same(struct walk *w, struct recalled *m, struct kernel_words *k)
{
	if (m->n_user && recall_user(w, m) != m->user_hash)
		return false;
	return !m->n_kernel || (recall_copy(k, w) && recall_kernel(k, m));
}

/* Remembers what was just walked; `again`: it is what m holds. */
static __noinline int recall_learn(struct walk *w, struct recalled *m, struct kernel_words *k, bool again)
{
	bool user = w->n_user;

	m->tid = 0;
	if (user && (w->end != WALK_BOTTOM || w->n_reads == READS_OFF || !w->me.sequence))
		return 0;
	if (!w->n_kernel)
		m->n_kernel = 0;
	else if (!recall_copy(k, w) || !recall_learn_kernel(w, k, m, w->n_kernel, again))
		return 0;
	m->n_user = 0;
	if (user) {
		m->n_user = w->n_reads;
		m->user_hash = reads_hash(w->reads_hash);
		__builtin_memcpy(m->user, w->reads, sizeof(m->user));
	}
	m->owner = w->me;
	m->ip = w->first_ip;
	m->sp = w->first[7];
	m->bp = w->first[6];
	m->bx = w->first[3];
	m->cause = w->record.cause;
	m->stack = w->record.hash;
	m->tid = w->record.tid;
	return 0;
}

#define KERNEL_BYTES ((FRAMES_KERNEL_MAX - 1) * sizeof(u64))

/* What the kernel's own walk gave: `bytes` of addresses. */
static __always_inline void stack_kernel(struct walk *w, long bytes)
{
	w->n_kernel = bytes > 0 ? (u32)bytes / sizeof(u64) : 0;
	if (w->n_kernel >= FRAMES_KERNEL_MAX)
		w->n_kernel = FRAMES_KERNEL_MAX - 1;
}

/* The program's own frames lie at the leaf, up to the one that its entry returns to. From where in it the
 * walk was called is no difference between stacks. */
static __always_inline void stack_own(struct walk *w)
{
	u64 back = 0;

	w->n_own = 0;
	if (w->kernel_sp - w->kernel_low >= KERNEL_STACK_BYTES) /* in an interrupt */
		return;
	if (bpf_probe_read_kernel(&back, sizeof(back), (void *)(w->kernel_sp + 8)))
		return;
	for (u32 i = 1; i < OWN_FRAMES; i++)
		if (i < w->n_kernel && w->frames[i] == back)
			w->n_own = i;
}

/* Mixes the chunk into the hash. */
VERIFIED_ONCE int hash_chunk(struct walk *w)
{
	if (!w)
		return 0;
	for (u32 i = 0; i < CHUNK_BYTES / 8; i++)
		w->hash = recall_mix(w->hash, ((u64 *)w->chunk)[i]);
	return 0;
}

static long pending_chunk(u32 i, void *ctx)
{
	struct walk *w = *(struct walk **)ctx;

	if (bpf_probe_read_user(w->chunk, CHUNK_BYTES, (void *)(w->sp + i * CHUNK_BYTES)))
		return 1;
	hash_chunk(w);
	return 0;
}

/* A walk that met a table still being built is finished later, from a copy of the stack. Two that came as far
 * may go on differently: they are the same only where all that would be copied is. */
static __always_inline void pending_hash(struct walk *w)
{
	struct walk *copy = w;

	w->chunk_start = w->chunk_end = 0;
	w->hash = recall_mix(recall_mix(recall_mix(w->hash, w->sp), w->bp), w->ip);
	bpf_loop(RAW_STACK_PENDING / CHUNK_BYTES, pending_chunk, &copy, 0);
}

/* Walks the user's part of a task's stack, behind the kernel's, and sees to it that user space has both. The
 * task is the current one when w->task is 0. */
static __always_inline enum emitted stack_walk(struct walk *w, u32 slot, struct wait_stats *st)
{
	struct sample_record *r = &w->record;
	enum emitted emitted;

	w->hash = r->cause;
	w->n_user = 0;
	hash_kernel(w, w->n_own, w->n_kernel);
	w->base = w->n_kernel;
	w->n = 0;
	w->end = WALK_NONE;
	w->end_file = 0;
	w->n_reads = 0;
	__builtin_memset(w->reads_hash, 0, sizeof(w->reads_hash));
	if (w->me.mm && !(r->cause & CAUSE_KERNEL_THREAD) && !cpu_config.no_user)
		w->n_user = walk_user(slot);
	w->task = 0;
	if (w->end == WALK_PENDING && slot == SCRATCH_SWITCH)
		pending_hash(w);
	else if (w->end == WALK_PENDING) /* another thread's memory, which is looked at again later */
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
	r->kind = RECORD_STACK;
	r->flags = SAMPLE_IN_KERNEL | (w->n_kernel == FRAMES_KERNEL_MAX - 1 ? SAMPLE_KERNEL_FULL : 0);
	emitted = emit_stack(w);
	st->ring_full += emitted == EMIT_FULL;
	st->walked++;
	return emitted;
}

/* Not inlined: what the walk and its callers have on the stack together must stay below 512 bytes. */
static __noinline u64 stack_walk_now(void *ctx, struct walk *w, struct wait_stats *st)
{
	u32 zero = 0;
	struct tick_stats *ticks = bpf_map_lookup_elem(&stats, &zero);

	w->n_kernel = 0;
	if (!cpu_config.no_kernel)
		stack_kernel(w, bpf_get_stack(ctx, w->frames, KERNEL_BYTES, 0));
	stack_own(w);
	if (stack_walk(w, SCRATCH_SWITCH, st) == EMIT_SENT && w->end == WALK_PENDING &&
	    cpu_config.raw_pending && ticks)
		emit_raw(w, RAW_PENDING, ticks);
	return w->record.hash;
}

/* One stack in so many is copied, as it was before the walk, to be unwound a second time; recognised ones
 * too: what they were taken for is put to the test with them. */
static __always_inline void stack_oracle(struct walk *w, u64 stack, struct wait_stats *st)
{
	u32 zero = 0;
	struct tick_stats *ticks = bpf_map_lookup_elem(&stats, &zero);

	if (!ticks || !w->me.mm || cpu_config.no_user ||
	    (st->walked + st->recalled) % cpu_config.oracle_every)
		return;
	w->record.hash = stack;
	__builtin_memcpy(w->regs, w->first, sizeof(w->regs));
	w->ip = w->first_ip;
	w->regs_known = 0xffff;
	w->rbx_slot = 0;
	w->exact = 1;
	emit_raw(w, RAW_ORACLE, ticks);
}

/* The hash of the current task's stack, walked or recognised. stack_begin() was called, and the record has
 * the cause. */
static __always_inline u64 stack_find(void *ctx, struct walk *w, struct wait_stats *st)
{
	struct recalled *m = recall_slot(w);
	u32 zero = 0;
	struct kernel_words *k = bpf_map_lookup_elem(&kernel_words, &zero);
	u64 known = 0, place = 0, stack;

	w->reads_base = w->sp;
	if (wait_config.no_recall || !k || (m && __sync_val_compare_and_swap(&m->busy, 0, 1)))
		m = NULL; /* another processor has it */
	if (m)
		place = recall_place_same(w, m);
	if (m && place && recall_same(w, m, k)) {
		known = m->stack;
		st->recalled++;
		if (!wait_config.check) {
			m->busy = 0;
			return known;
		}
	}
	stack = stack_walk_now(ctx, w, st);
	if (known) {
		st->checked++;
		st->wrong += known != stack;
	}
	if (m && k) {
		recall_learn(w, m, k, place && m->stack == stack);
		m->busy = 0;
	}
	return stack;
}

static __noinline u64 stack_take(void *ctx, struct walk *w, struct wait_stats *st)
{
	u64 stack;

	w->first_ip = w->ip;
	__builtin_memcpy(w->first, w->regs, sizeof(w->first));
	stack = stack_find(ctx, w, st);
	if (cpu_config.oracle_every)
		stack_oracle(w, stack, st);
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
	/* Read back it is a number: the verifier knows the field as a pointer. */
	*(volatile u64 *)&w->kernel_low = (u64)task->stack;
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

#endif
