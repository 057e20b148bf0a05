/* recall_test.c - stacks recognised without a walk (src/bpf/recall.bpf.h), on made-up ones: a
 * kernel stack with return addresses, saved frame pointers and words left over from earlier calls,
 * that the kernel moves by a random number of bytes each time; below it a program's stack that is
 * walked for real. The same stack must be recognised after it was seen a few times, and never once
 * one thing that a walk depends on is another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "host/sched_host.h"
#include "host/maple_host.h"

enum {
	WORDS = KERNEL_STACK_BYTES / 8,
	ENTRY = WORDS - 22, /* where the first return address lies, below pt_regs */
	FRAMES = 8,         /* of the kernel, but for the entry's */
	LOCALS = 6,         /* words of each, at most */
	USER_FRAMES = 5,
	SEEN_MAX = 40, /* so often a stack is seen before it must be recognised */
	ROUNDS = 3000,
};

#define TEXT       UINT64_C(0xffffffff81000000)
#define USER_CODE  UINT64_C(0x10000000)
#define USER_STACK UINT64_C(0x700000000000)

static struct host_thread thread, idle;
static struct mm_struct mm[2];
static struct vm_area_struct code = {
	.vm_start = USER_CODE, .vm_end = USER_CODE + 0x100000, .vm_flags = VM_EXEC};
static uint64_t user[512];
static uint32_t seed;

static uint32_t draw(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(seed ^ seed >> 16) * n >> 32);
}

static uint64_t draw_word(void)
{
	return (uint64_t)draw(UINT32_MAX) << 20 ^ draw(UINT32_MAX);
}

static int user_read(void *to, size_t n, uint64_t addr)
{
	if (addr - USER_STACK >= sizeof(user) || n > sizeof(user) - (addr - USER_STACK))
		return -14;
	memcpy(to, (char *)user + (addr - USER_STACK), n);
	return 0;
}

/* -- the stack
 * ------------------------------------------------------------------------------------- */

/* What its words are, from the innermost function outwards. */
static struct {
	uint64_t ret[FRAMES + 1]; /* the last is the entry's */
	uint32_t locals[FRAMES];
	bool pointer[FRAMES]; /* keeps its frame in rbp */
	uint32_t entry;       /* words of the entry's own frame */
	uint32_t tracer;      /* this one's return address is another tracer's; FRAMES + 1 = none */
	int wrong;            /* this one's saved frame pointer points elsewhere; -1 = none */
} shape;

static void shape_draw(void)
{
	shape.entry = 3 + draw(10);
	shape.tracer = FRAMES + 1;
	shape.wrong = -1;
	for (int i = 0; i <= FRAMES; i++)
		shape.ret[i] = TEXT + 16 * draw(1 << 20) + 5;
	for (int i = 0; i < FRAMES; i++) {
		shape.locals[i] = draw(LOCALS + 1);
		shape.pointer[i] = draw(2);
	}
	for (int i = 0; i < USER_FRAMES; i++) {
		uint32_t at = 16 + 8 * (uint32_t)i;

		user[at] = USER_STACK + 8 * (at + 8);
		user[at + 1] = i + 1 < USER_FRAMES ? USER_CODE + 100 + draw(10000) : 0;
	}
}

/* A word that an earlier call left, or one that means nothing to a walk. */
static uint64_t left_over(const uint64_t *stack)
{
	switch (draw(4)) {
	case 0:
		return (uint64_t)(uintptr_t)&stack[WORDS - 1 - draw(400)];
	case 1:
		return shape.ret[draw(FRAMES + 1)];
	default:
		return draw_word();
	}
}

/* The stack as it is this time: moved, and with other words left over. */
static void stack_build(void)
{
	uint64_t *stack = thread.task.stack;
	uint32_t at = ENTRY, frame = ENTRY - 1;

	for (uint32_t i = WORDS - 600; i < ENTRY; i++)
		stack[i] = left_over(stack);
	stack[at] = shape.tracer == FRAMES ? TEXT - 77 : shape.ret[FRAMES];
	stack[at - 1] = 1;
	for (uint32_t i = 2; i <= shape.entry; i++)
		stack[at - i] = i;
	at -= shape.entry + 2 * draw(64); /* randomize_kstack_offset: 16 bytes at a time */
	for (int i = FRAMES; i-- > 0;) {
		stack[--at] = shape.tracer == (uint32_t)i ? TEXT - 77 : shape.ret[i];
		if (shape.pointer[i] || !i) {
			stack[--at] =
				(uint64_t)(uintptr_t)&stack[frame] - (shape.wrong == i ? 8 : 0);
			frame = at;
		}
		for (uint32_t l = 0; i && l < shape.locals[i]; l++)
			stack[--at] = draw(3) ? l : left_over(stack);
	}
	thread.frame = (uint64_t)(uintptr_t)&stack[at];
	host_kernel_frames[0] = TEXT + 0x40000000; /* the program itself */
	memcpy(host_kernel_frames + 1, shape.ret, sizeof(shape.ret));
	host_n_kernel = 1 + FRAMES + 1;
}

/* One wait in it. True when it was recognised. */
static bool wait_here(void)
{
	uint64_t before = HOST_COUNT(recalled), walked = HOST_COUNT(walked);
	bool known;

	stack_build();
	host_now += 1000;
	host_switch(&thread, &idle, false, TASK_INTERRUPTIBLE);
	known = HOST_COUNT(recalled) != before;
	assert_int_equal(HOST_COUNT(walked) - walked, !known);
	host_now += 1000;
	host_switch(&idle, &thread, false, 0);
	return known;
}

static uint64_t stack_now(void)
{
	return host_known(1)->stack;
}

/* Waits in it until it is recognised. How often that took. */
static int learn(void)
{
	for (int i = 1; i <= SEEN_MAX; i++)
		if (wait_here())
			return i;
	fail_msg("not recognised after %d times (seed %u)", SEEN_MAX, seed);
	return 0;
}

/* -- what a walk depends on
 * ------------------------------------------------------------------------ */

static struct pt_regs *regs(void)
{
	return host_regs(&thread.task);
}

static void change_return(void)
{
	shape.ret[draw(FRAMES + 1)] += 16;
}

static void change_frame_pointer(void)
{
	do
		shape.wrong = (int)draw(FRAMES);
	while (shape.wrong && !shape.pointer[shape.wrong]);
}

static void change_user_return(void)
{
	user[16 + 8 * draw(USER_FRAMES - 1) + 1] += 16;
}
static void change_user_pointer(void)
{
	user[16 + 8 * draw(USER_FRAMES - 1)] += 8;
}
static void change_ip(void)
{
	regs()->ip += 16;
}
static void change_sp(void)
{
	regs()->sp -= 16;
}
static void change_bp(void)
{
	regs()->bp += 64;
}
static void change_bx(void)
{
	regs()->bx += 1;
}
static void change_mappings(void)
{
	mm[0].mm_lock_seq.sequence += 2;
}
static void change_being_made(void)
{
	mm[0].mm_lock_seq.sequence |= 1;
}
static void change_program(void)
{
	thread.task.self_exec_id++;
}
static void change_process(void)
{
	thread.task.start_time++;
}
static void change_memory(void)
{
	thread.task.mm = &mm[1];
}
static void change_generated(void)
{
	jit_changes++;
}
static void change_call(void)
{
	regs()->orig_ax++;
}
static void change_iowait(void)
{
	thread.task.in_iowait = !thread.task.in_iowait;
}

static const struct change {
	const char *what;
	void (*make)(void);
	bool other; /* the walk gives another stack */
} changes[] = {
	{"a return address of the kernel's", change_return, true},
	{"a saved frame pointer of the kernel's", change_frame_pointer, false},
	{"a return address of the program's", change_user_return, true},
	{"a saved frame pointer of the program's", change_user_pointer, false},
	{"ip", change_ip, true},
	{"sp", change_sp, false},
	{"rbp", change_bp, false},
	{"rbx", change_bx, false},
	{"the mappings", change_mappings, false},
	{"mappings that are being changed", change_being_made, false},
	{"the program", change_program, false},
	{"the process", change_process, false},
	{"the memory", change_memory, false},
	{"generated code", change_generated, false},
	{"the system call", change_call, true},
	{"waiting for a device", change_iowait, true},
};

static bool has_all(const char *field)
{
	return !strcmp(field, "counted->mm_lock_seq.sequence");
}

static int begin(void **state)
{
	static const uint64_t last[] = {USER_CODE - 1, USER_CODE + 0xfffff, UINT64_MAX};
	struct maple_range ranges[3] = {{last[0], 0}, {last[1], (uintptr_t)&code}, {last[2], 0}};

	host_reset();
	host_wait_config()->no_recall = 0;
	host_cpu_config()->no_user = host_cpu_config()->no_kernel = 0;
	host_has = has_all;
	host_user_read = user_read;
	wait_start = host_now = 1000000;
	host_thread_init(&idle, 0, 0);
	idle.task.flags = PF_KTHREAD;
	host_thread_init(&thread, 1, 1);
	for (int i = 0; i < 2; i++)
		mm[i] = (struct mm_struct){.mm_mt.ma_root = (void *)maple_build(ranges, 3)};
	thread.task.mm = &mm[0];
	*regs() = (struct pt_regs){
		.orig_ax = 7, .ip = USER_CODE + 50, .sp = USER_STACK + 64, .bp = USER_STACK + 128};
	seed = 1;
	shape_draw();
	return 0;
}

static int end(void **state)
{
	for (int i = 0; i < 2; i++)
		maple_free((uintptr_t)mm[i].mm_mt.ma_root);
	host_thread_done(&thread);
	host_thread_done(&idle);
	host_reset();
	return 0;
}

/* -- what must hold
 * -------------------------------------------------------------------------------- */

static void the_same_stack_is_recognised(void **state)
{
	int times = 0;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t stack;

		seed = (uint32_t)i * 2654435761u;
		shape_draw();
		wait_here();
		stack = stack_now();
		times += 1 + learn();
		assert_int_equal(stack_now(), stack);
	}
	assert_true(times < 5 * ROUNDS);
	assert_int_equal(HOST_COUNT(no_key) + HOST_COUNT(ring_full), 0);
}

/* Sees it some more times, so that what may be forgotten is forgotten, and changes one thing. */
static void never_when_one_thing_is_another(void **state)
{
	for (int i = 0; i < ROUNDS * 4; i++) {
		const struct change *c = &changes[(size_t)i % (sizeof(changes) / sizeof(*changes))];
		uint64_t stack;

		end(state);
		begin(state);
		seed = (uint32_t)i * 2654435761u + 7;
		shape_draw();
		learn();
		for (uint32_t more = draw(12); more; more--)
			wait_here();
		stack = stack_now();
		c->make();
		if (wait_here())
			fail_msg("round %d: recognised, with another of %s", i, c->what);
		if (c->other)
			assert_int_not_equal(stack_now(), stack);
	}
}

static void no_return_address_of_another_tracer(void **state)
{
	for (uint32_t i = 0; i <= FRAMES; i++) {
		shape_draw();
		shape.tracer = i;
		for (int times = 0; times < SEEN_MAX; times++)
			assert_false(wait_here());
	}
}

static void no_walk_that_did_not_reach_the_bottom(void **state)
{
	user[16 + 8 + 1] = 0x1234; /* no code there */
	for (int times = 0; times < SEEN_MAX; times++)
		assert_false(wait_here());
}

static void what_was_recognised_is_walked_when_asked(void **state)
{
	host_wait_config()->check = 1;
	for (int times = 0; times < SEEN_MAX; times++) {
		stack_build();
		host_switch(&thread, &idle, false, TASK_INTERRUPTIBLE);
		host_switch(&idle, &thread, false, 0);
	}
	assert_true(HOST_COUNT(recalled) > SEEN_MAX / 2);
	assert_int_equal(HOST_COUNT(checked), HOST_COUNT(recalled));
	assert_int_equal(HOST_COUNT(walked), SEEN_MAX);
	assert_int_equal(HOST_COUNT(wrong), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(the_same_stack_is_recognised),
		TEST(never_when_one_thing_is_another),
		TEST(no_return_address_of_another_tracer),
		TEST(no_walk_that_did_not_reach_the_bottom),
		TEST(what_was_recognised_is_walked_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
