/* oracle_test.c - the oracle unwinds a copy of this very process's stack and is compared frame by frame with
 * libgcc's unwinder. Cases: a deep chain without frame pointers, a signal handler, a copy that is too
 * short, generated code, files that cannot be opened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include "unwind/oracle.h"

enum { FRAMES = 512, DEPTH = 60 };

static struct {
	uint64_t pc[FRAMES];
	size_t n;
} truth;
static struct raw_record *record;
static struct oracle_stack stack;
static struct oracle *oracle;
static int unwound; /* what oracle_unwind() said */
static uint32_t room = RAW_STACK_ORACLE;

static _Unwind_Reason_Code truth_frame(struct _Unwind_Context *c, void *arg)
{
	int exact = 0;
	uint64_t pc = _Unwind_GetIPInfo(c, &exact);

	if (truth.n < FRAMES && pc)
		truth.pc[truth.n++] = exact ? pc : pc - 1;
	return _URC_NO_REASON;
}

static void take_registers(const ucontext_t *here)
{
	static const int order[16] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
				       REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
				       REG_R12, REG_R13, REG_R14, REG_R15 };

	for (int i = 0; i < 16; i++)
		record->regs[i] = (uint64_t)here->uc_mcontext.gregs[order[i]];
	record->ip = (uint64_t)here->uc_mcontext.gregs[REG_RIP];
}

/* As much of the stack as there is, at most `room`. */
static void take_stack(void)
{
	const struct maps_range *at;
	struct maps m;

	assert_int_equal(maps_read((uint32_t)getpid(), &m), 0);
	at = maps_find(&m, record->regs[7]);
	assert_non_null(at);
	record->bytes = at->end - record->regs[7] < room ? (uint32_t)(at->end - record->regs[7]) : room;
	{ /* by the kernel: a sanitizer minds when we read the gaps between variables */
		struct iovec to = { record + 1, record->bytes };
		struct iovec from = { (void *)(uintptr_t)record->regs[7], record->bytes };

		assert_int_equal(process_vm_readv(getpid(), &to, 1, &from, 1, 0), record->bytes);
	}
	unwound = oracle_unwind(oracle, record, &m, &stack);
	maps_free(&m);
}

__attribute__((noinline)) static void leaf(void)
{
	ucontext_t here;

	truth.n = 0;
	_Unwind_Backtrace(truth_frame, &truth);
	getcontext(&here);
	take_registers(&here);
	take_stack();
}

__attribute__((noinline, optimize("omit-frame-pointer"))) static int chain(int n, volatile int *sink)
{
	volatile char space[24 + (8 << 1)];

	space[n & 7] = (char)n;
	if (n == 0)
		leaf();
	else
		*sink = (int)((unsigned int)chain(n - 1, sink) + (unsigned int)space[n & 7]);
	return *sink;
}

/* Frame 0 is another pc of the same function; every caller must be equal. */
static void compare_with_truth(void)
{
	assert_int_equal(unwound, 0);
	assert_int_equal(stack.stop, ORACLE_BOTTOM);
	assert_int_equal(stack.frames.n, truth.n);
	for (size_t i = 1; i < truth.n; i++)
		assert_int_equal(stack.frames.at[i].look, truth.pc[i]);
}

static void deep_chain_equals_libgcc(void **state)
{
	volatile int sink = 0;

	chain(DEPTH, &sink);
	assert_true(truth.n > DEPTH);
	compare_with_truth();
	for (size_t i = 0; i < stack.frames.n; i++)
		assert_int_equal(stack.frames.at[i].way, ORACLE_WAY_CFI);
}

static void on_signal(int sig)
{
	leaf();
}

static void through_a_signal_handler(void **state)
{
	size_t signals = 0;

	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	compare_with_truth();
	for (size_t i = 0; i < stack.frames.n; i++)
		signals += stack.frames.at[i].way == ORACLE_WAY_SIGNAL;
	assert_int_equal(signals, 1);
}

static void a_short_copy_is_said(void **state)
{
	volatile int sink = 0;

	room = 3072;
	chain(DEPTH, &sink);
	room = RAW_STACK_ORACLE;
	assert_int_equal(unwound, 0);
	assert_int_equal(stack.stop, ORACLE_COPY);
	assert_in_range(stack.frames.n, 2, DEPTH);
	for (size_t i = 1; i < stack.frames.n; i++)
		assert_int_equal(stack.frames.at[i].look, truth.pc[i]);
}

static void generated_code_is_said(void **state)
{
	void *jit = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile int sink = 0;
	struct maps m;

	chain(1, &sink);
	record->ip = (uint64_t)(uintptr_t)jit + 100;
	record->regs[6] = 0;
	assert_int_equal(maps_read((uint32_t)getpid(), &m), 0);
	assert_int_equal(oracle_unwind(oracle, record, &m, &stack), 0);
	assert_int_equal(stack.frames.n, 1);
	assert_int_equal(stack.frames.at[0].way, ORACLE_WAY_GUESS);
	assert_int_equal(stack.frames.at[0].offset, record->ip);
	assert_int_not_equal(stack.stop, ORACLE_BOTTOM);
	maps_free(&m);
	munmap(jit, 4096);
}

static int open_nothing(void *ctx, uint32_t pid, const struct maps *m, const struct maps_range *at)
{
	return -ENOENT;
}

static void no_file_can_be_opened(void **state)
{
	struct oracle *real = oracle;
	volatile int sink = 0;

	assert_int_equal(oracle_new(&(struct oracle_opts){ .open = open_nothing }, &oracle, NULL), 0);
	chain(1, &sink);
	assert_int_equal(unwound, -ESRCH);
	oracle_free(oracle);
	oracle = real;
}

static int setup(void **state)
{
	record = calloc(1, sizeof(*record) + RAW_STACK_ORACLE);
	record->tgid = record->tid = (uint32_t)getpid();
	record->exact = 1;
	record->regs_known = 0xffff;
	return oracle_new(NULL, &oracle, NULL);
}

static int teardown(void **state)
{
	oracle_free(oracle);
	oracle_stack_free(&stack);
	free(record);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deep_chain_equals_libgcc),
		cmocka_unit_test(through_a_signal_handler),
		cmocka_unit_test(a_short_copy_is_said),
		cmocka_unit_test(generated_code_is_said),
		cmocka_unit_test(no_file_can_be_opened),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
