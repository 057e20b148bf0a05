/* unwind.bpf.c - the walker: from registers to a whole user stack, inside the kernel.
 *
 * For every frame: which mapping is the pc in (mapping.bpf.h asks the process's own mapping tree), which file
 * and offset is that, which unwind rule holds there and so where the caller's registers are (step.bpf.h).
 * Nothing about processes is kept: a file that was never met is announced once and user space builds a
 * table for it, so dlopen, exec and short-lived processes need no tracking. The walk is one bpf_loop,
 * verified once whatever the depth. Everything that ends a walk early is a row of ends.def.
 *
 * Also compiled for the host and tested there (test/host), hence no kernel headers.
 */
#define WAGGLE_DEFINE_MAPS
#include "bpf/maps.bpf.h"

#include "bpf/mapping.bpf.h"
#include "bpf/rules.bpf.h"

/* `len` bytes at `addr` into the chunk, from the current task's memory or from the copy that was made. */
static __always_inline long stack_read(struct walk *w, u64 len, u64 addr)
{
	u64 at = addr - w->copy_start;
	struct stack_copy *copy;
	u32 zero = 0;

	if (!w->copy_bytes)
		return bpf_probe_read_user(w->chunk, len, (void *)addr);
	copy = bpf_map_lookup_elem(&stack_copy, &zero);
	if (!copy || at >= ASLEEP_STACK || at + len > w->copy_bytes)
		return -1;
	return bpf_probe_read_kernel(w->chunk, len, copy->bytes + at);
}

#include "bpf/step.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile struct cpu_config cpu_config = {};

/* Slots of `sent` in use - 1, a power of two less one; set before the load. At a low rate few are enough, and
 * stay in the processor's caches. */
const volatile uint32_t sent_mask = SENT_SLOTS - 1;

/* User frames at most; set before the load. */
const volatile uint32_t walk_max_frames = FRAMES_USER_DEFAULT;
/* 1: of a stack that is deeper the frames at the root are kept instead of those at the leaf. */
const volatile uint32_t walk_keep_root = 0;

struct capture_control control = { .weight = 1 };

enum {
	MAPPING_RETRIES = 3,
	DEPTH_MAX = 1 << 16,  /* where the root is kept: frames walked to reach it */
	RETURNS_AT_ONCE = 16, /* return probes on one function */
	TRAMPOLINE_MAX = 24,  /* bytes that the return trampoline pushes: three registers */
	XOL_SLOT = 128,
};

/* -- uprobes ------------------------------------------------------------------------------------ */

/* A function with a return probe returns into the kernel's trampoline; where it was called from is kept
 * in a list, innermost first, by where the return address lay. True when w->ip is put right. */
static __always_inline bool uprobe_return(struct walk *w, struct uprobe_task *utask)
{
	struct return_instance *r = (void *)w->returns;

	if (!r)
		r = BPF_CORE_READ(utask, return_instances);
	for (int i = 0; i < RETURNS_AT_ONCE && r; i++) {
		u64 cfa = BPF_CORE_READ(r, stack) + 8;

		if (cfa == w->sp || (w->exact && cfa - w->sp <= TRAMPOLINE_MAX)) {
			w->sp = cfa;
			w->ip = BPF_CORE_READ(r, orig_ret_vaddr);
			w->exact = 0;
			w->returns = (u64)BPF_CORE_READ(r, next);
			return true;
		}
		r = BPF_CORE_READ(r, next);
	}
	return false;
}

/* When the system call in the trampoline (Linux 6.11) is done, its instance is off the list, and what is
 * left of the trampoline takes registers back and returns: pop %r11; pop %rcx; ret. */
static __always_inline bool uprobe_tail(struct walk *w)
{
	u64 pops, ra;
	u32 code;

	if (!w->exact || bpf_probe_read_user(&code, sizeof(code), (void *)w->ip))
		return false;
	if (code == 0xc3595b41)
		pops = 16;
	else if ((code & 0xffff) == 0xc359)
		pops = 8;
	else if ((code & 0xff) == 0xc3)
		pops = 0;
	else
		return false;
	if (stack_word(w, w->sp + pops, &ra))
		return false;
	w->sp += pops + 8;
	w->ip = ra;
	w->exact = 0;
	return true;
}

/* In the page that uprobes add to a process the pc is not what the program meant it to be. */
static __always_inline bool uprobe_undo(struct walk *w)
{
	struct mm_struct *mm = (void *)w->owner.mm;
	struct task_struct *task = (void *)w->task;
	struct uprobe_task *utask;
	u64 slot;

	if (!bpf_core_field_exists(mm->uprobes_state.xol_area) ||
	    !bpf_core_field_exists(task->utask))
		return false;
	utask = BPF_CORE_READ(task, utask);
	if (!utask || (u64)BPF_CORE_READ(mm, uprobes_state.xol_area, vaddr) != w->now.start)
		return false;
	w->n_reads = READS_OFF; /* what is found here is in no stack */
	slot = BPF_CORE_READ(utask, xol_vaddr);
	if (w->exact && slot && w->ip - slot < XOL_SLOT) { /* a displaced instruction */
		w->ip = w->ip - slot + BPF_CORE_READ(utask, vaddr);
		return true;
	}
	return uprobe_return(w, utask) || uprobe_tail(w);
}

/* -- the walk ----------------------------------------------------------------------------------- */

static __always_inline u32 step_in_file(struct walk *w, u64 frame, u64 offset)
{
	u64 key = w->now.table == w->now.file ? kept_key(frame) : 0;
	u32 id = w->now.table, number = key ? kept_find(key) : 0;
	struct unwind_rule *rule;
	struct file_slot *slot;

	if (number) {
		w->steps_known++;
	} else {
		slot = bpf_map_lookup_elem(&files, &id);
		if (!slot)
			return WALK_FILES_FULL;
		if (slot->state == FILE_NO_TABLE)
			return step_frame_pointer(w, WALK_NO_TABLE);
		if (slot->state == FILE_NEW)
			w->owner.mm = 0; /* keep no mapping of it: looking it up again asks for it */
		if (slot->state != FILE_READY)
			return WALK_PENDING;
		number = rule_number(slot->index, slot->first_block, slot->n_blocks, offset);
		if (number && key)
			kept_put(key, number);
	}
	rule = bpf_map_lookup_elem(&rules, &number);
	if (!number || !rule)
		return step_frame_pointer(w, WALK_GAP);
	return step_rule(w, rule);
}

static __always_inline void frame_add(struct walk *w, u64 frame)
{
	u32 n = w->n;

	if (n >= walk_max_frames) /* the root is kept: overwrite from the leaf on */
		n %= walk_max_frames;
	w->frames[(w->base & (FRAMES_KERNEL_MAX - 1)) + (n & (FRAMES_USER_MAX - 1))] = frame;
	w->n++;
	w->hash = (w->hash ^ frame) * 0x9e3779b97f4a7c15ull;
	w->hash ^= w->hash >> 32;
}

static __always_inline u32 mapping_failed(struct walk *w, u32 why)
{
	if (why == WALK_FILES_FULL)
		return why;
	if (w->retries < MAPPING_RETRIES) { /* the tree may just have been changing */
		w->retries++;
		w->maps_retried++;
		return WALK_END_MAX;
	}
	if (w->by_fp)
		return WALK_FRAME_POINTER; /* what we took for a frame pointer was none */
	frame_add(w, (w->exact ? w->ip : w->ip - 1) & FRAME_OFFSET_MASK); /* FILE_UNKNOWN */
	return why;
}

/* Generated code: by the table somebody made for it, else by frame pointers. */
static __always_inline u32 step_generated(struct walk *w, u64 frame)
{
	/* Addresses mean something else in every process. */
	w->hash ^= (u64)w->tgid << 32;
	if (w->now.table)
		return step_in_file(w, frame, (frame & FRAME_OFFSET_MASK) - w->now.start);
	return step_frame_pointer(w, WALK_FRAME_POINTER);
}

/* One frame. Returns how the walk ended, WALK_END_MAX to go on. */
static __always_inline u32 walk_step(struct walk *w)
{
	u64 look = w->exact ? w->ip : w->ip - 1, offset, frame;
	u32 why;

	if (w->n >= w->limit)
		return WALK_DEPTH;
	why = mapping_find(w, look);
	/* The trampoline of return probes is the first byte of its mapping: no call lies before it. */
	if (why && !w->exact && !mapping_find(w, w->ip) && w->now.start == w->ip && uprobe_undo(w))
		return WALK_END_MAX;
	if (why)
		return mapping_failed(w, why);
	w->retries = 0;
	if (w->now.file == FILE_JIT && uprobe_undo(w))
		return WALK_END_MAX;
	offset = look - w->now.start + w->now.offset;
	frame = (u64)w->now.file << FRAME_FILE_SHIFT | (offset & FRAME_OFFSET_MASK);
	frame_add(w, frame);
	w->end_file = w->now.file;
	if (w->now.file == FILE_JIT)
		return step_generated(w, frame);
	return step_in_file(w, frame, offset);
}

struct walk_loop {
	struct walk *w;
};

static long walk_loop_step(u32 i, void *ctx)
{
	struct walk_loop *loop = ctx;
	struct walk *w = loop->w;
	u32 end = walk_step(w);

	if (end == WALK_END_MAX)
		return 0;
	w->end = end;
	return 1;
}

/* In execve the old program's memory is gone while the task still has its registers. */
static __always_inline bool task_in_exec(struct task_struct *task)
{
	return bpf_core_field_exists(task->in_execve) && BPF_CORE_READ_BITFIELD_PROBED(task, in_execve);
}

static __always_inline void walk_begin(struct walk *w)
{
	u32 limit = control.max_frames;

	w->limit = walk_keep_root ? DEPTH_MAX : walk_max_frames;
	if (limit && limit < w->limit && !walk_keep_root)
		w->limit = limit;
	w->n = 0;
	w->end = WALK_END_MAX;
	w->end_file = 0;
	w->retries = 0;
	w->exact = 1;
	w->by_fp = 0;
	w->regs_known = REGS_ALL;
	w->rbx_slot = 0;
	w->maps_retried = 0;
	w->steps_known = 0;
	w->returns = 0;
	w->chunk_start = w->chunk_end = 0;
	mapping_begin(w, (void *)w->task);
}

int walk_user(u32 slot)
{
	struct walk_loop loop;

	loop.w = bpf_map_lookup_elem(&scratch, &slot);
	if (!loop.w)
		return 0;
	if (!loop.w->task)
		loop.w->task = (u64)bpf_get_current_task_btf();
	walk_begin(loop.w);
	/* Return trampolines and retried look-ups take a round each and add no frame. */
	bpf_loop(2 * (walk_keep_root ? DEPTH_MAX : walk_max_frames) + 1 + 4 * MAPPING_RETRIES,
		 walk_loop_step, &loop, 0);
	if (loop.w->end == WALK_END_MAX)
		loop.w->end = WALK_DEPTH;
	if (loop.w->n <= 1 && loop.w->end != WALK_BOTTOM && task_in_exec((void *)loop.w->task)) {
		loop.w->end = WALK_EXEC;
		loop.w->n = 0;
	}
	if (loop.w->end == WALK_BOTTOM)
		loop.w->end_file = 0;
	loop.w->task = 0;
	return loop.w->n;
}

int hash_kernel(struct walk *w, u32 from, u32 n)
{
	if (!w)
		return 0;
	for (u32 i = 0; i < FRAMES_KERNEL_MAX && from + i < n; i++) {
		w->hash = (w->hash ^ w->frames[(from + i) & (FRAMES_KERNEL_MAX - 1)]) * 0x9e3779b97f4a7c15ull;
		w->hash ^= w->hash >> 32;
	}
	return 0;
}

/* -- the self-test ------------------------------------------------------------------------------ */

/* The layout of the mapping tree is the kernel's own affair and no type information describes all of it, so
 * before the first sample user space asks about addresses whose answer it knows. */
struct selftest_probe selftest_probes[SELFTEST_MAX] = {};
uint32_t selftest_n = 0;

static long selftest_step(u32 i, void *ctx)
{
	struct walk_loop *loop = ctx;
	struct selftest_probe *p;
	struct vm_area_struct *vma;

	if (i >= SELFTEST_MAX)
		return 1;
	p = &selftest_probes[i];
	vma = (void *)maple_find(loop->w, p->addr);
	if (!vma)
		return 0;
	p->start = BPF_CORE_READ(vma, vm_start);
	p->end = BPF_CORE_READ(vma, vm_end);
	p->flags = BPF_CORE_READ(vma, vm_flags);
	p->offset = BPF_CORE_READ(vma, vm_pgoff) * PAGE_BYTES;
	return 0;
}

SEC("raw_tp")
int self_test(void *ctx)
{
	u32 slot = SCRATCH_TIMER;
	struct walk_loop loop;

	loop.w = bpf_map_lookup_elem(&scratch, &slot);
	if (!loop.w)
		return 0;
	mapping_begin(loop.w, bpf_get_current_task_btf());
	bpf_loop(selftest_n, selftest_step, &loop, 0);
	loop.w->owner.mm = 0;
	return 0;
}
