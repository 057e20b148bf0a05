/* cpu.bpf.c - the on-CPU source: one run per timer tick (or counter overflow) on every processor.
 *
 * Filters come before any walk, so what was not asked for costs a few nanoseconds. Every tick ends in
 * exactly one counter of struct tick_stats: that is what makes the ledger add up.
 */
#include "bpf/maps.bpf.h"
#include "bpf/emit.bpf.h"
#include "bpf/event.bpf.h"

#include <bpf/bpf_core_read.h>

/* The kernel's part of the stack, straight into the record. */
static __always_inline u32 tick_kernel(struct bpf_perf_event_data *ctx, struct walk *w)
{
	long bytes = bpf_get_stack(ctx, w->frames, (FRAMES_KERNEL_MAX - 1) * sizeof(u64), 0);
	u32 n = bytes > 0 ? (u32)bytes / sizeof(u64) : 0;

	if (n >= FRAMES_KERNEL_MAX)
		n = FRAMES_KERNEL_MAX - 1;
	hash_kernel(w, 0, n);
	return n;
}

static __always_inline void tick_walk(struct bpf_perf_event_data *ctx, struct walk *w,
				      struct task_struct *task, bool in_kernel)
{
	struct sample_record *r = &w->record;
	u32 n_kernel = 0, n_user = 0;

	w->hash = 0;
	w->n_reads = READS_OFF;
	w->n = 0;
	w->end = WALK_NONE;
	w->end_file = 0;
	if (in_kernel && !cpu_config.no_kernel)
		n_kernel = tick_kernel(ctx, w);
	w->base = n_kernel;
	if (in_kernel) {
		struct pt_regs *saved = (struct pt_regs *)bpf_task_pt_regs(task);

		regs_take(w, saved);
	}
	w->sp = w->regs[7];
	w->bp = w->regs[6];
	if (cpu_config.oracle_every) {
		__builtin_memcpy(w->first, w->regs, sizeof(w->first));
		w->first_ip = w->ip;
	}
	/* Reads by probe, not by pointer: a direct access makes the verifier search all of the kernel's
	 * types by name, which took a fifth of the start-up time. */
	if (!cpu_config.no_user && BPF_CORE_READ(task, mm) &&
	    !(BPF_CORE_READ(task, flags) & PF_KTHREAD))
		n_user = walk_user(SCRATCH_TIMER);
	r->hash = w->hash ^ (u64)w->end << 56 ^ (u64)n_kernel << 48;
	r->n_kernel = n_kernel;
	r->n_user = n_user < walk_max_frames ? n_user : walk_max_frames;
	r->skipped = n_user - r->n_user;
	r->end = w->end;
	r->end_file = w->end_file;
	r->weight = control.weight;
	r->flags = (in_kernel ? SAMPLE_IN_KERNEL : 0) |
		   (n_kernel == FRAMES_KERNEL_MAX - 1 ? SAMPLE_KERNEL_FULL : 0);
}

/* The walk uses the registers up: one sample in so many has them put back as they were. */
static __always_inline void tick_oracle(struct walk *w, struct tick_stats *st)
{
	__builtin_memcpy(w->regs, w->first, sizeof(w->regs));
	w->ip = w->first_ip;
	w->regs_known = 0xffff;
	w->rbx_slot = 0;
	w->exact = 1;
	emit_raw(w, RAW_ORACLE, st);
}

SEC("perf_event")
int cpu_tick(struct bpf_perf_event_data *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 zero = 0, slot = SCRATCH_TIMER;
	struct tick_stats *st = bpf_map_lookup_elem(&stats, &zero);
	struct walk *w = bpf_map_lookup_elem(&scratch, &slot);
	struct task_struct *task = bpf_get_current_task_btf();
	struct sample_record *r;
	bool in_kernel;

	if (!st || !w)
		return 0;
	st->ticks++;
	if (w->busy) {
		st->scratch_busy++;
		return 0;
	}
	if (!(u32)id && !cpu_config.include_idle) {
		st->idle++;
		return 0;
	}
	r = &w->record;
	bpf_get_current_comm(r->comm, sizeof(r->comm));
	BPF_CORE_READ_INTO(&r->process, task, group_leader, comm);
	if (!task_wanted(id >> 32, (u32)id, r)) {
		st->filtered++;
		return 0;
	}
	w->busy = 1;
	r->time = bpf_ktime_get_ns();
	r->tgid = w->tgid = id >> 32;
	r->tid = (u32)id;
	r->cpu = bpf_get_smp_processor_id();
	regs_take(w, &ctx->regs);
	in_kernel = !(ctx->regs.cs & 3);
	tick_walk(ctx, w, task, in_kernel);
	emit_sample(w, st);
	if (w->end == WALK_PENDING && cpu_config.raw_pending)
		emit_raw(w, RAW_PENDING, st);
	if (cpu_config.oracle_every && !cpu_config.no_user && w->n &&
	    st->taken % cpu_config.oracle_every == 0)
		tick_oracle(w, st);
	st->map_retries += w->maps_retried;
	st->frames += w->n;
	st->known += w->steps_known;
	w->busy = 0;
	st->run_ns += bpf_ktime_get_ns() - r->time;
	return 0;
}

/* Children of a target are targets; a process that is over is none any more. Raw tracepoints: those that
 * know the types of their arguments make the loader read all of the kernel's. */
SEC("raw_tp/sched_process_fork")
int cpu_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
	u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid), one = 1;

	if (from != to && bpf_map_lookup_elem(&target_pids, &from))
		bpf_map_update_elem(&target_pids, &to, &one, BPF_ANY);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int cpu_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	u32 tgid = BPF_CORE_READ(task, tgid);

	if (!BPF_CORE_READ(task, signal, live.counter))
		bpf_map_delete_elem(&target_pids, &tgid);
	return 0;
}
