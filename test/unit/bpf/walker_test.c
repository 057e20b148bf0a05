/* walker_test.c - the BPF walker, compiled for the host, walks this very process and is compared frame
 * by frame with libgcc's unwinder, which shares no code and no tables with it.
 *
 * The process's mappings are laid out as the kernel does (maple_host.h), tables come from the real
 * files, user memory is our own. Cases: a deep chain without frame pointers, from inside a signal
 * handler, deeper than the limit, a file whose table is pending, and trees that are being changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "host/bpf_host.h"
#include "bpf/unwind.bpf.c"
#include "host/maple_host.h"
#include "host/self_host.h"

#include "elf/image.h"
#include "unwind/finish.h"
#include "unwind/lookup.h"
#include "unwind/store.h"
#include "unwind/table.h"

enum { DEPTH = 60, FRAMES = 256 };

/* -- the oracle ---------------------------------------------------------------------------------- */

struct truth {
	uint64_t pc[FRAMES];
	size_t n;
};

static _Unwind_Reason_Code truth_frame(struct _Unwind_Context *c, void *arg)
{
	struct truth *t = arg;
	int exact = 0;
	uint64_t pc = _Unwind_GetIPInfo(c, &exact);

	if (t->n < FRAMES && pc)
		t->pc[t->n++] = exact ? pc : pc - 1; /* as the walker reports callers */
	return _URC_NO_REASON;
}

/* The absolute address of the walker's i-th frame, through the mapping it lies in. */
static uint64_t frame_address(size_t i)
{
	uint64_t frame = host_walk.frames[host_walk.base + i], offset = frame & FRAME_OFFSET_MASK;
	uint32_t file = (uint32_t)(frame >> FRAME_FILE_SHIFT);

	for (size_t r = 0; r < host_n_records; r++)
		if (host_records[r].file == file)
			for (size_t v = 0; v < VMAS_MAX; v++) {
				struct vm_area_struct *a = &host_vmas[v];
				uint64_t at = offset - a->vm_pgoff * 4096 + a->vm_start;

				if (a->vm_file && (a->vm_flags & VM_EXEC) && at >= a->vm_start &&
				    at <= a->vm_end && a->vm_file->f_inode->i_ino == host_records[r].key.ino)
					return at;
			}
	return 0;
}

static struct truth truth;
static ucontext_t here;

static void walk_from_here(void)
{
	static const int order[16] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
				       REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
				       REG_R12, REG_R13, REG_R14, REG_R15 };
	const greg_t *g = here.uc_mcontext.gregs;

	for (int i = 0; i < 16; i++)
		host_walk.regs[i] = (uint64_t)g[order[i]];
	host_walk.ip = (uint64_t)g[REG_RIP];
	host_walk.sp = (uint64_t)g[REG_RSP];
	host_walk.bp = (uint64_t)g[REG_RBP];
	host_walk.base = 0;
	host_walk.hash = 0;
	host_walk.tgid = (uint32_t)getpid();
	walk_user(SCRATCH_TIMER);
}

/* Frame 0 is another pc of the same function in both; every caller must be equal. */
static void compare_with_truth(void)
{
	assert_int_equal(host_walk.end, WALK_BOTTOM);
	assert_int_equal(host_walk.n, truth.n);
	for (size_t i = 1; i < truth.n; i++)
		if (frame_address(i) != truth.pc[i])
			fail_msg("frame %zu of %zu: walker %llx, libgcc %llx", i, truth.n,
				 (unsigned long long)frame_address(i), (unsigned long long)truth.pc[i]);
}

static void (*in_leaf)(void); /* what a test wants done while the stack is still there */

__attribute__((noinline)) static void leaf(void)
{
	truth.n = 0;
	_Unwind_Backtrace(truth_frame, &truth);
	getcontext(&here);
	walk_from_here();
	host_build_announced();
	walk_from_here();
	if (in_leaf)
		in_leaf();
}

/* Frames of different shapes: some push registers, some keep arrays, none keeps a frame pointer. */
__attribute__((noinline, optimize("omit-frame-pointer"))) static int chain(int n, volatile int *sink)
{
	volatile char room[24 + (8 << 1)];

	room[n & 7] = (char)n;
	if (n == 0) {
		leaf();
		return room[0];
	}
	/* Doubles with every frame: unsigned, so that it may wrap. */
	*sink = (int)((unsigned int)chain(n - 1, sink) + (unsigned int)room[n & 7] +
		      (unsigned int)*sink);
	return *sink;
}

static void deep_chain_equals_libgcc(void **state)
{
	volatile int sink = 0;

	chain(DEPTH, &sink);
	assert_true(truth.n > DEPTH);
	compare_with_truth();
}

static void on_signal(int sig)
{
	leaf();
}

static void through_a_signal_handler(void **state)
{
	volatile int sink = 0;

	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	compare_with_truth();
	chain(3, &sink);
	compare_with_truth();
}

static void through_an_alternate_stack(void **state)
{
	static char stack[65536];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	sigaltstack(&alt, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	raise(SIGUSR2);
	/* The stack jumps down into .bss and back up: only the signal rule may do that. */
	compare_with_truth();
}

static void ask_for_first_file(void)
{
	size_t announced = host_n_records;

	memset(&host_kept, 0, sizeof(host_kept));
	host_files[FILE_FIRST].state = FILE_ASKED;
	walk_from_here();
	assert_int_equal(host_walk.end, WALK_PENDING);
	assert_int_equal(host_walk.end_file, FILE_FIRST);
	walk_from_here();
	assert_int_equal(host_n_records, announced); /* asked already: not announced again */
	host_files[FILE_FIRST].state = FILE_NEW;
	walk_from_here();
	assert_int_equal(host_n_records, announced + 1);
	assert_int_equal(host_files[FILE_FIRST].state, FILE_ASKED);
	host_build_announced();
	walk_from_here();
	assert_int_equal(host_walk.end, WALK_BOTTOM);
}

/* As the dynamic linker's lazy binding does: the CFA hangs on rbx, which callees save and change. */
__attribute__((noinline)) static void through_rbx_callee(volatile int *sink)
{
	chain(4, sink);
}

void by_rbx(void (*callee)(volatile int *), volatile int *sink);
__asm__(".text\n"
	".globl by_rbx\n"
	".type by_rbx, @function\n"
	"by_rbx:\n"
	"	.cfi_startproc\n"
	"	push %rbx\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset %rbx, -16\n"
	"	mov %rsp, %rbx\n"
	"	.cfi_def_cfa %rbx, 16\n"
	"	sub $200, %rsp\n"
	"	and $-64, %rsp\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rdi\n"
	"	call *%rax\n"
	"	mov %rbx, %rsp\n"
	"	.cfi_def_cfa %rsp, 16\n"
	"	pop %rbx\n"
	"	.cfi_def_cfa_offset 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size by_rbx, .-by_rbx\n");

static void through_a_frame_that_hangs_on_rbx(void **state)
{
	volatile int sink = 0;

	by_rbx(through_rbx_callee, &sink);
	assert_true(truth.n > 6);
	compare_with_truth();
}

/* As Go's preemption does: a signal's handler pushes the pc of what it interrupted, here right behind an
 * instruction that changes the stack's height, and goes on in asyncPreempt. The byte before that pc is of
 * another row, so who takes it for a call's goes astray. The section says that this file is Go's. */
void interrupted(void);
void preempted(void);
extern const char interrupted_at[];
static __attribute__((used)) uint32_t interrupted_once;
static uint64_t preempted_at[2]; /* the frames seen above preempted() */

__attribute__((used)) void preempted(void)
{
	getcontext(&here);
	walk_from_here();
	host_build_announced();
	walk_from_here();
	for (size_t i = 0; i < 2; i++)
		preempted_at[i] = frame_address(i + 1);
}

__asm__(".section .gopclntab, \"a\"\n	.byte 0\n"
	".text\n"
	".globl interrupted, interrupted_at\n"
	".type interrupted, @function\n"
	"interrupted:\n"
	"	.cfi_startproc\n"
	"	sub $40, %rsp\n"
	"	.cfi_def_cfa_offset 48\n"
	"	add $40, %rsp\n"
	"	.cfi_def_cfa_offset 8\n"
	"interrupted_at:\n"
	"	cmpl $0, interrupted_once(%rip)\n"
	"	jne 1f\n"
	"	incl interrupted_once(%rip)\n"
	"	lea interrupted_at(%rip), %rax\n"
	"	push %rax\n"
	"	.cfi_def_cfa_offset 16\n"
	"	jmp runtime.asyncPreempt\n"
	"	.cfi_def_cfa_offset 8\n"
	"1:	ret\n"
	"	.cfi_endproc\n"
	".size interrupted, .-interrupted\n"
	".type runtime.asyncPreempt, @function\n"
	"runtime.asyncPreempt:\n"
	"	.cfi_startproc\n"
	"	push %rbp\n"
	"	.cfi_def_cfa_offset 16\n"
	"	sub $8, %rsp\n"
	"	.cfi_def_cfa_offset 24\n"
	"	call preempted\n"
	"	add $8, %rsp\n"
	"	.cfi_def_cfa_offset 16\n"
	"	pop %rbp\n"
	"	.cfi_def_cfa_offset 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size runtime.asyncPreempt, .-runtime.asyncPreempt\n");

static void through_a_preempted_goroutine(void **state)
{
	size_t n;

	truth.n = 0;
	_Unwind_Backtrace(truth_frame, &truth);
	interrupted();
	assert_int_equal(interrupted_once, 1);
	assert_int_equal(host_walk.end, WALK_BOTTOM);
	assert_int_equal(preempted_at[1], (uint64_t)(uintptr_t)interrupted_at);
	/* preempted(), asyncPreempt, interrupted(), and then this function and its callers. */
	assert_int_equal(host_walk.n, truth.n + 3);
	for (n = 1; n < truth.n; n++)
		assert_int_equal(frame_address(n + 3), truth.pc[n]);
}

/* What a return probe's trampoline has left to do after its system call: from each instruction of it on. */
static void through_the_rest_of_a_trampoline(void **state)
{
	static const uint8_t code[] = { 0x41, 0x5b, 0x59, 0xc3, 0x90, 0x90, 0x90, 0x90 };
	static const struct { uint32_t at, pops; } from[] = { { 0, 2 }, { 2, 1 }, { 3, 0 } };
	uint64_t stack[] = { 0x11, 0xcc, 0x1234, 0 };

	host_walk.n_reads = READS_OFF;
	for (size_t i = 0; i < 5; i++) {
		bool begins = i < 3; /* then: no instruction of it, and a place that was returned to */
		uint32_t at = begins ? from[i].at : i == 3 ? 4 : 0;
		uint64_t *sp = stack + (begins ? 2 - from[i].pops : 0);

		host_walk.ip = (uint64_t)(uintptr_t)(code + at);
		host_walk.sp = (uint64_t)(uintptr_t)sp;
		host_walk.exact = i != 4;
		host_walk.chunk_start = host_walk.chunk_end = 0;
		assert_int_equal(uprobe_tail(&host_walk), begins);
		assert_int_equal(host_walk.ip, begins ? 0x1234 : (uint64_t)(uintptr_t)(code + at));
		assert_int_equal(host_walk.sp, (uint64_t)(uintptr_t)(begins ? stack + 3 : sp));
		assert_int_equal(host_walk.exact, i == 3);
	}
}

static uint32_t host_word(void *ctx, uint32_t address)
{
	uint32_t k = address >> SLAB_WORDS_SHIFT;

	return k < SLABS_MAX && host_slabs[k] ? host_slabs[k][address & (SLAB_WORDS - 1)] : 0;
}

/* unwind/finish.c, given the registers and a copy of the stack, must find what the walker finds. */
static int finish_look(void *ctx, uint64_t pc, uint64_t *ret_frame, struct unwind_rule *ret_rule)
{
	for (size_t v = 0; v < VMAS_MAX; v++) {
		const struct vm_area_struct *a = &host_vmas[v];
		uint64_t offset = pc - a->vm_start + a->vm_pgoff * 4096;

		if (!a->vm_file || pc < a->vm_start || pc >= a->vm_end)
			continue;
		for (size_t r = 0; r < host_n_records; r++) {
			uint32_t file = host_records[r].file;
			struct lookup_words words = { host_word, NULL };
			uint16_t rule = lookup_rule(&host_files[file], &words, offset);

			if (host_records[r].key.ino != a->vm_file->f_inode->i_ino)
				continue;
			*ret_frame = (uint64_t)file << FRAME_FILE_SHIFT | offset;
			*ret_rule = host_rules[rule];
			return rule ? 0 : -ENOENT;
		}
	}
	return -EFAULT;
}

static void finish_in_leaf(void)
{
	static const int order[16] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
				       REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
				       REG_R12, REG_R13, REG_R14, REG_R15 };
	enum { COPIED = 65536 };
	struct raw_record *r = calloc(1, sizeof(*r) + COPIED);
	const struct finish_ops ops = { finish_look, NULL };
	uint64_t frames[FRAMES_USER_MAX];
	size_t n;

	for (int i = 0; i < 16; i++)
		r->regs[i] = (uint64_t)here.uc_mcontext.gregs[order[i]];
	r->ip = (uint64_t)here.uc_mcontext.gregs[REG_RIP];
	r->regs_known = REGS_ALL;
	r->exact = 1;
	while (r->bytes < COPIED && !host_read_self((char *)(r + 1) + r->bytes, 8, r->regs[7] + r->bytes))
		r->bytes += 8;
	assert_int_equal(finish_walk(r, sizeof(*r) + r->bytes, &ops, frames, FRAMES_USER_MAX, &n),
			 WALK_BOTTOM);
	assert_int_equal(n, host_walk.n - 1); /* all but the frame the kernel had already */
	for (size_t i = 0; i < n; i++)
		assert_int_equal(frames[i], host_walk.frames[i + 1]);
	r->bytes = 64; /* the copy ends before the stack does */
	assert_int_equal(finish_walk(r, sizeof(*r) + r->bytes, &ops, frames, FRAMES_USER_MAX, &n),
			 WALK_STACK_READ);
	free(r);
}

static void the_rest_of_a_walk_is_the_same(void **state)
{
	volatile int sink = 0;

	in_leaf = finish_in_leaf;
	chain(DEPTH, &sink);
	in_leaf = NULL;
}

static void unknown_file_is_pending_once(void **state)
{
	volatile int sink = 0;

	in_leaf = ask_for_first_file;
	chain(1, &sink);
	in_leaf = NULL;
}

__attribute__((noinline)) static void depth_leaf(volatile int *sink)
{
	chain(FRAMES_USER_MAX + 100, sink);
}

static void deeper_than_the_limit(void **state)
{
	volatile int sink = 0;

	depth_leaf(&sink);
	assert_int_equal(host_walk.end, WALK_DEPTH);
	assert_int_equal(host_walk.n, FRAMES_USER_DEFAULT);
}

static void equal_stacks_have_equal_hashes(void **state)
{
	volatile int sink = 0, depth[3] = { 5, 5, 6 }; /* volatile: one call site for all */
	uint64_t hash[3];

	for (int i = 0; i < 3; i++) {
		chain(depth[i], &sink);
		hash[i] = host_walk.hash;
	}
	assert_int_equal(hash[0], hash[1]);
	assert_int_not_equal(hash[0], hash[2]);
}

static void torn_tree_is_retried_then_named(void **state)
{
	void *root = host_mm.mm_mt.ma_root;
	volatile int sink = 0;

	chain(1, &sink); /* only the pc matters below: the stack may be gone */
	host_mm.mm_mt.ma_root = NULL;
	walk_from_here();
	assert_int_equal(host_walk.end, WALK_MAP_TREE);
	assert_int_equal(host_walk.maps_retried, MAPPING_RETRIES);
	assert_int_equal(host_walk.n, 1); /* the pc itself is kept, as an address */
	{
		uint64_t *node = maple_node(); /* a node that is its own parent is dead */

		node[0] = (uint64_t)(uintptr_t)node;
		host_mm.mm_mt.ma_root = (void *)((uintptr_t)node | 1 << 3 | 6);
		walk_from_here();
		assert_int_equal(host_walk.end, WALK_MAP_TREE);
		free(node);
	}
	host_mm.mm_mt.ma_root = root;
}

static void every_mapping_is_found(void **state)
{
	for (size_t i = 0; i < VMAS_MAX && host_vmas[i].vm_end; i++) {
		uint64_t first = host_vmas[i].vm_start, last = host_vmas[i].vm_end - 1;

		assert_int_equal(maple_find(&host_walk, first), (uintptr_t)&host_vmas[i]);
		assert_int_equal(maple_find(&host_walk, last), (uintptr_t)&host_vmas[i]);
		if (!i || host_vmas[i - 1].vm_end != first)
			assert_int_equal(maple_find(&host_walk, first - 1), 0);
	}
}

static void unreadable_stack_is_said(void **state)
{
	volatile int sink = 0;

	chain(1, &sink);
	here.uc_mcontext.gregs[REG_RSP] = 0x1000;
	here.uc_mcontext.gregs[REG_RBP] = 0x1000;
	walk_from_here();
	assert_int_equal(host_walk.end, WALK_STACK_READ);
}

static void frame_pointers_where_there_is_no_table(void **state)
{
	uint64_t stack[64] = { 0 };
	void *jit = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile int sink = 0;

	chain(1, &sink);
	host_read_maps();
	/* Three frames of generated code that link through rbp, the outermost returning to 0. */
	stack[10] = (uint64_t)(uintptr_t)&stack[20];
	stack[11] = (uint64_t)(uintptr_t)jit + 100;
	stack[20] = (uint64_t)(uintptr_t)&stack[30];
	stack[21] = (uint64_t)(uintptr_t)jit + 200;
	here.uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)jit + 50;
	here.uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)&stack[2];
	here.uc_mcontext.gregs[REG_RBP] = (greg_t)(uintptr_t)&stack[10];
	walk_from_here();
	assert_int_equal(host_walk.end, WALK_BOTTOM);
	assert_int_equal(host_walk.n, 3);
	assert_int_equal(host_walk.frames[2], (uint64_t)FILE_JIT << FRAME_FILE_SHIFT |
						      ((uintptr_t)jit + 199));
	stack[21] = 0x1234567; /* no code there: it was no frame pointer after all */
	walk_from_here();
	assert_int_equal(host_walk.end, WALK_FRAME_POINTER);
	assert_int_equal(host_walk.n, 2);
	munmap(jit, 4096);
}

static int host_setup(void **state)
{
	host_task = &host_current;
	host_user_read = host_read_self;
	host_dictionary = rules_new(host_rules);
	host_store = store_new(&host_ops, NULL, host_dictionary, 0);
	host_read_maps();
	{
		volatile int sink = 0; /* whatever is announced on the way is built */

		for (int i = 0; i < 8; i++)
			chain(1, &sink);
	}
	return 0;
}

static int host_teardown(void **state)
{
	maple_free((uintptr_t)host_mm.mm_mt.ma_root);
	store_free(host_store);
	rules_free(host_dictionary);
	for (int i = 0; i < SLABS_MAX; i++)
		free(host_slabs[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mapping_is_found),
		cmocka_unit_test(deep_chain_equals_libgcc),
		cmocka_unit_test(through_a_signal_handler),
		cmocka_unit_test(through_an_alternate_stack),
		cmocka_unit_test(through_a_frame_that_hangs_on_rbx),
		cmocka_unit_test(through_a_preempted_goroutine),
		cmocka_unit_test(through_the_rest_of_a_trampoline),
		cmocka_unit_test(the_rest_of_a_walk_is_the_same),
		cmocka_unit_test(unknown_file_is_pending_once),
		cmocka_unit_test(deeper_than_the_limit),
		cmocka_unit_test(equal_stacks_have_equal_hashes),
		cmocka_unit_test(torn_tree_is_retried_then_named),
		cmocka_unit_test(unreadable_stack_is_said),
		cmocka_unit_test(frame_pointers_where_there_is_no_table),
	};

	return cmocka_run_group_tests(tests, host_setup, host_teardown);
}
