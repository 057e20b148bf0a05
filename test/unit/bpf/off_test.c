/* off_test.c - the scheduler's programs, compiled for the host, on a made-up machine: is every
 * nanosecond where it belongs? Scenarios with known times: blocked, queued and ready all along,
 * filters, threads that are met late, end or find no room, names, locks. off_random_test.c has the
 * random ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "host/sched_host.h"
#include "host/sums_host.h"
#include "host/scene_host.h"

/* -- scenarios ------------------------------------------------------------------------------------
 */

/* Runs for `ran` ns, then waits: woken after `blocked` ns and on the processor again `queued` ns
 * later. */
static void wait_once(struct host_thread *t, uint64_t ran, uint64_t blocked, uint64_t queued,
		      uint32_t state)
{
	host_now += ran;
	host_switch(t, &idle, false, state);
	host_now += blocked;
	host_wakeup(t);
	host_now += queued;
	host_switch(&idle, t, false, 0);
}

static void assert_sum(uint8_t kind, uint8_t log2, uint64_t ns, uint64_t count, uint64_t longest)
{
	const struct wait_sum *s = &got.at[1][kind][log2];

	assert_int_equal(s->ns, ns);
	assert_int_equal(s->count, count);
	assert_int_equal(s->longest, longest);
}

static void blocked_then_queued(void **state)
{
	wait_once(&a, 7, 1024, 3, TASK_INTERRUPTIBLE);
	wait_once(&a, 7, 1500, 2, TASK_UNINTERRUPTIBLE);
	wait_once(&a, 6, 2048, 0, TASK_INTERRUPTIBLE);
	table_take_over();
	assert_sum(KIND_BLOCKED, 10, 2524, 2, 1500);
	assert_sum(KIND_BLOCKED, 11, 2048, 1, 2048);
	assert_sum(KIND_RUN_QUEUE, 1, 5, 2, 3); /* the third did not queue */
	assert_int_equal(table_count(&got, 1, KIND_RUN_QUEUE), 2);
	assert_int_equal(host_known(1)->on_ns, 20);
	assert_int_equal(HOST_COUNT(switches), 3);
	assert_int_equal(HOST_COUNT(unseen), 0);
}

static void every_length_has_its_bucket(void **state)
{
	for (int i = 0; i < 63; i++) {
		assert_int_equal(log2_of(UINT64_C(1) << i), i);
		assert_int_equal(log2_of((UINT64_C(2) << i) - 1), i);
	}
	assert_int_equal(log2_of(UINT64_MAX), 63);
	assert_int_equal(log2_of(0), 0);
}

static void ready_all_along(void **state)
{
	host_now += 1;
	host_switch(&a, &b, true, TASK_INTERRUPTIBLE); /* preempted, about to sleep: it has not */
	host_now += 16;
	host_switch(&b, &a, false, TASK_INTERRUPTIBLE);
	host_regs(&a.task)->orig_ax = SYSCALL_SCHED_YIELD;
	host_switch(&a, &b, false, 0);
	host_now += 32;
	host_switch(&b, &a, false, TASK_INTERRUPTIBLE);
	host_switch(&a, &b, true, 0); /* preempted inside sched_yield() */
	host_now += 64;
	host_switch(&b, &a, false, TASK_INTERRUPTIBLE);
	a.rq.throttle_count = 1;
	host_switch(&a, &b, false, 0);
	a.rq.throttle_count = 0;
	host_now += 128;
	host_switch(&b, &a, false, TASK_INTERRUPTIBLE);
	host_regs(&a.task)->orig_ax = ~0ul;
	host_switch(&a, &b, false, 0); /* on the way back to its program */
	host_now += 256;
	host_switch(&b, &a, false, TASK_INTERRUPTIBLE);
	table_take_over();
	assert_sum(KIND_PREEMPTED, 4, 16, 1, 16);
	assert_sum(KIND_YIELDED, 5, 32, 1, 32);
	assert_sum(KIND_PREEMPTED, 6, 64, 1, 64);
	assert_sum(KIND_THROTTLED, 7, 128, 1, 128);
	assert_sum(KIND_PREEMPTED, 8, 256, 1, 256);
	assert_int_equal(table_kind(&got, 1, KIND_BLOCKED), 0);
}

static bool has_throttled(const char *field)
{
	return !strcmp(field, "one->throttled");
}

static void held_back_when_woken(void **state)
{
	host_switch(&a, &idle, false, TASK_INTERRUPTIBLE);
	host_now += 100;
	a.rq.throttle_count = 2;
	host_wakeup(&a);
	a.rq.throttle_count = 0;
	host_now += 50;
	host_switch(&idle, &a, false, 0);
	host_has = has_throttled; /* Linux 6.18: one by one */
	host_switch(&a, &idle, false, TASK_INTERRUPTIBLE);
	host_now += 100;
	a.task.throttled = true;
	a.rq.throttle_count = 2; /* means nothing here */
	host_wakeup(&a);
	a.task.throttled = false;
	host_now += 60;
	host_switch(&idle, &a, false, 0);
	host_switch(&a, &idle, false, TASK_INTERRUPTIBLE);
	host_wakeup(&a);
	host_now += 70;
	host_switch(&idle, &a, false, 0);
	host_has = has_groups;
	table_take_over();
	assert_int_equal(table_kind(&got, 1, KIND_BLOCKED), 200);
	assert_int_equal(table_kind(&got, 1, KIND_THROTTLED), 110);
	assert_int_equal(table_kind(&got, 1, KIND_RUN_QUEUE), 70);
}

static void wake_ups_that_mean_nothing(void **state)
{
	host_wakeup(&a); /* not known */
	host_switch(&idle, &a, false, 0);
	host_wakeup(&a); /* it runs */
	host_switch(&a, &idle, false, TASK_INTERRUPTIBLE);
	host_now += 10;
	host_wakeup(&a);
	host_now += 5;
	host_wakeup(&a); /* it was woken before */
	host_now += 5;
	host_switch(&idle, &a, false, 0);
	host_switch(&a, &idle, true, 0);
	host_now += 10;
	host_wakeup(&a); /* it was ready all along */
	host_now += 10;
	host_switch(&idle, &a, false, 0);
	host_switch(&a, &idle, false, TASK_INTERRUPTIBLE);
	host_now += 40;
	host_switch(&idle, &a, false, 0); /* nobody saw who woke it */
	table_take_over();
	assert_int_equal(table_kind(&got, 1, KIND_BLOCKED), 50);
	assert_int_equal(table_kind(&got, 1, KIND_RUN_QUEUE), 10);
	assert_int_equal(table_kind(&got, 1, KIND_PREEMPTED), 20);
	assert_int_equal(HOST_COUNT(unseen), 2); /* the first: since when it waited nobody knows */
}

static void only_lengths_that_were_asked_for(void **state)
{
	options->min = 100;
	options->max = 1000;
	wait_once(&a, 1, 50, 49, TASK_INTERRUPTIBLE);
	wait_once(&a, 1, 50, 50, TASK_INTERRUPTIBLE); /* the whole of it counts */
	wait_once(&a, 1, 900, 100, TASK_INTERRUPTIBLE);
	wait_once(&a, 1, 900, 101, TASK_INTERRUPTIBLE);
	table_take_over();
	assert_int_equal(table_kind(&got, 1, KIND_BLOCKED), 950);
	assert_int_equal(table_kind(&got, 1, KIND_RUN_QUEUE), 150);
	assert_int_equal(HOST_COUNT(filtered), 2);
	assert_int_equal(host_known(1)->on_ns, 4); /* time on the processor is never filtered */
}

static void only_states_that_were_asked_for(void **state)
{
	static const struct {
		uint32_t state, bit;
	} rows[] = {
		{0, WAIT_BIT_RUNNING},           {0x1, WAIT_BIT_INTERRUPTIBLE},
		{0x2, WAIT_BIT_UNINTERRUPTIBLE}, {0x402, WAIT_BIT_UNINTERRUPTIBLE},
		{0x4, WAIT_BIT_STOPPED},         {0x8, WAIT_BIT_STOPPED},
		{0x40, WAIT_BIT_OTHER},
	};

	host_switch(&idle, &a, false, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (uint32_t bit = 1; bit <= WAIT_BIT_OTHER; bit <<= 1) {
			uint64_t filtered = HOST_COUNT(filtered), walked = HOST_COUNT(walked);

			options->states = bit;
			wait_once(&a, 0, 10, 0, rows[i].state);
			assert_int_equal(HOST_COUNT(filtered) - filtered, bit != rows[i].bit);
			assert_int_equal(HOST_COUNT(walked) - walked, bit == rows[i].bit);
		}
	}
	table_take_over();
	assert_int_equal(table_count(&got, 1, KIND_BLOCKED), 1 + 6);
	assert_int_equal(table_count(&got, 1, KIND_PREEMPTED), 1);
}

static void a_new_thread_queues(void **state)
{
	host_wakeup_new(&a);
	host_now += 30;
	host_switch(&idle, &a, false, 0);
	host_now += 5;
	host_switch(&a, &idle, false, TASK_DEAD);
	assert_null(host_known(1));
	table_take_over();
	assert_sum(KIND_RUN_QUEUE, 4, 30, 1, 30);
	assert_sum(KIND_ON_CPU, 0, 5, 0, 5); /* handed over when it ends */
	assert_int_equal(HOST_COUNT(unseen), 0);
}

static void met_asleep_or_running(void **state)
{
	a.task.__state = TASK_INTERRUPTIBLE;
	host_now += 100;
	host_find_asleep(&a); /* has slept since the begin of the capture */
	b.task.on_cpu = 1;
	host_find_asleep(&b);
	c.task.start_time = wait_start + 60; /* ready, and began later */
	host_find_asleep(&c);
	assert_int_equal(HOST_COUNT(asleep), 2);
	host_find_asleep(&a); /* known by now */
	assert_int_equal(HOST_COUNT(asleep), 2);
	host_now += 100;
	host_wakeup(&a);
	host_now += 10;
	host_switch(&b, &a, false, TASK_INTERRUPTIBLE);
	host_switch(&a, &c, false, TASK_INTERRUPTIBLE);
	assert_int_equal(host_known(2)->on_ns, 210);
	table_take_over();
	assert_sum(KIND_BLOCKED, 7, 200, 1, 200);
	assert_sum(KIND_RUN_QUEUE, 3, 10, 1, 10);
	assert_int_equal(table_kind(&got, 3, KIND_PREEMPTED), 150);
	a.task.__state = TASK_DEAD;
	host_drain(&wait_threads, NULL);
	host_find_asleep(&a);
	assert_null(host_known(1));
}

/* What the old one ran is handed over as its own, nothing of it becomes the new one's; who woke the old
 * one is forgotten. */
static void a_number_is_used_again(void **state)
{
	struct wait_wakers woke = {0};
	uint32_t tid = 1;

	options->hops = 1;
	host_switch(&idle, &a, false, 0);
	host_now += 30;
	host_switch(&a, &idle, false, TASK_INTERRUPTIBLE); /* 30 ns on a processor, then it sleeps */
	host_known(1)->lock = 0x7000;
	bpf_map_update_elem(&wait_wakers, &tid, &woke, BPF_ANY);
	host_now += 1000; /* it ends, and nobody tells */
	a.task.tgid = 3;
	host_wakeup_new(&a);
	assert_int_equal(HOST_COUNT(untold), 1);
	assert_null(bpf_map_lookup_elem(&wait_wakers, &tid));
	assert_int_equal(host_known(1)->on_ns, 0);
	assert_int_equal(host_known(1)->lock, 0);
	assert_int_equal(host_known(1)->tgid, 3);
	table_take_over();
	assert_sum(KIND_ON_CPU, 0, 30, 0, 30);
	assert_int_equal(table_kind(&got, 1, KIND_BLOCKED), 0);
	host_now += 64;
	host_switch(&idle, &a, false, 0);
	table_take_over();
	assert_sum(KIND_RUN_QUEUE, 6, 64, 1, 64);
	assert_int_equal(table_kind(&got, 1, KIND_BLOCKED), 0);
	host_wakeup_new(&b); /* a number that is new closes nothing */
	assert_int_equal(HOST_COUNT(untold), 1);
	assert_int_equal(HOST_COUNT(no_thread), 0);
}

/* There is no room for the sum, but the new thread is entered all the same; both are counted. */
static void a_number_is_used_again_without_room(void **state)
{
	host_switch(&idle, &b, false, 0);
	host_now += 10;
	host_switch(&b, &a, false, TASK_INTERRUPTIBLE);
	host_now += 30;
	host_switch(&a, &b, false, TASK_INTERRUPTIBLE); /* b's wait takes the only place for sums */
	host_set_room(&wait_sums_0, 1);
	host_set_room(&wait_threads, 2);
	host_wakeup_new(&a);
	assert_int_equal(HOST_COUNT(untold), 1);
	assert_int_equal(HOST_COUNT(no_key), 1);
	assert_int_equal(HOST_COUNT(no_thread), 0);
	assert_int_equal(host_known(1)->on_ns, 0);
	assert_int_equal(host_known(1)->kind, KIND_RUN_QUEUE);
}

static void switches_nobody_told_of(void **state)
{
	host_switch(&idle, &a, false, 0);
	host_now += 10;
	host_switch(&b, &c, false, TASK_INTERRUPTIBLE); /* a went without a word, b came so */
	assert_int_equal(HOST_COUNT(untold), 1);
	host_now += 10;
	host_cpu = 1;
	host_switch(&idle, &a, false, 0);
	host_now += 5;
	host_cpu = 2;
	host_switch(&a, &idle, false,
		    TASK_INTERRUPTIBLE); /* it went from 1 and came to 2 without a word */
	table_take_over();
	assert_int_equal(table_kind(&got, 1, KIND_BLOCKED), 20);
	assert_int_equal(host_known(1)->on_ns, 5);
	host_now += 20;
	host_switch(&a, &idle, false, TASK_INTERRUPTIBLE); /* nobody told that it came */
	assert_int_equal(HOST_COUNT(untold), 2);
	table_take_over();
	assert_int_equal(table_kind(&got, 1, KIND_BLOCKED), 40);
	host_switch(&idle, &a, false, 0);
	host_now += 7;
	host_switch(&idle, &a, false, 0); /* nor that it went */
	assert_int_equal(HOST_COUNT(untold), 3);
	table_take_over();
	assert_int_equal(table_kind(&got, 1, KIND_BLOCKED), 47);
}

static void no_room_is_counted(void **state)
{
	host_set_room(&wait_threads, 1);
	host_switch(&idle, &a, false, 0);
	host_switch(&a, &b, false, TASK_INTERRUPTIBLE); /* b finds none */
	assert_int_equal(HOST_COUNT(no_thread), 1);
	host_switch(&b, &idle, false, TASK_INTERRUPTIBLE);
	assert_int_equal(HOST_COUNT(no_thread), 2);
	host_wakeup_new(&c);
	c.task.__state = TASK_INTERRUPTIBLE;
	host_find_asleep(&c);
	assert_int_equal(HOST_COUNT(no_thread), 4);
	host_drain(&wait_sums_0, NULL);
	host_set_room(&wait_sums_0, 1);
	host_now += 16;
	host_wakeup(&a);
	host_now += 4;
	host_switch(&idle, &a, false, 0);
	assert_int_equal(HOST_COUNT(no_key), 0); /* blocked and the queue behind it are one entry */
	host_switch(&a, &idle, false, TASK_INTERRUPTIBLE);
	host_now += 32;
	host_wakeup(&a);
	host_switch(&idle, &a, false, 0); /* another length, another entry: there is no room for it */
	assert_int_equal(HOST_COUNT(no_key), 1);
	host_switch(&a, &idle, false, TASK_DEAD);
	assert_int_equal(HOST_COUNT(no_key), 2);
	table_take_over();
	assert_int_equal(table_kind(&got, 1, KIND_BLOCKED), 16);
	assert_int_equal(table_kind(&got, 1, KIND_RUN_QUEUE), 4);
}

static uint32_t random_odd(void)
{
	static uint32_t n;

	return ++n;
}

static uint64_t last_stack;

static void take_stack(const void *key, const void *value)
{
	last_stack = ((const struct wait_key *)key)->stack;
}

static void stacks_are_left_out_to_save_work(void **state)
{
	host_switch(&idle, &a, false, 0);
	control.weight = 4;
	host_random = random_odd;
	for (int i = 0; i < 100; i++)
		wait_once(&a, 1, 16, 0, TASK_INTERRUPTIBLE);
	assert_int_equal(HOST_COUNT(spared), 75);
	assert_int_equal(HOST_COUNT(walked), 25);
	table_take_over();
	assert_int_equal(table_kind(&got, 1, KIND_BLOCKED), 1600);
	control.weight = 5;
	host_random = NULL; /* 0: this one is taken */
	wait_once(&a, 1, 16, 0, TASK_INTERRUPTIBLE);
	assert_int_equal(HOST_COUNT(walked), 26);
}

static void why_is_told_with_the_stack(void **state)
{
	host_switch(&idle, &a, false, 0);
	host_drain(&wait_sums_0, NULL);
	host_regs(&a.task)->orig_ax = 7;
	a.task.in_iowait = 1;
	wait_once(&a, 1, 16, 0, TASK_UNINTERRUPTIBLE);
	host_drain(&wait_sums_0, take_stack);
	assert_int_equal(host_record_find(RECORD_STACK, last_stack)->r.cause, 8 | CAUSE_IOWAIT);
	host_switch(&a, &idle, true, 0);
	host_now += 5;
	host_switch(&idle, &a, false, 0);
	host_drain(&wait_sums_0, take_stack);
	assert_int_equal(host_record_find(RECORD_STACK, last_stack)->r.cause, CAUSE_READY);
	a.task.flags = PF_KTHREAD;
	wait_once(&a, 1, 16, 0, TASK_INTERRUPTIBLE);
	host_drain(&wait_sums_0, take_stack);
	assert_int_equal(host_record_find(RECORD_STACK, last_stack)->r.cause,
			 CAUSE_KERNEL_THREAD | CAUSE_IOWAIT);
}

/* -- names, filters, locks ------------------------------------------------------------------------
 */

static size_t names_sent(const char *comm)
{
	size_t n = 0;

	for (size_t i = 0; i < host_n_records; i++)
		if (host_records[i]->r.kind == RECORD_TASK &&
		    !strcmp(host_records[i]->r.comm, comm)) {
			assert_string_equal(host_records[i]->r.process, a.task.comm);
			n++;
		}
	return n;
}

static void names_travel_when_they_are_new(void **state)
{
	b.task.group_leader = &a.task;
	host_switch(&idle, &b, false, 0);
	wait_once(&b, 1, 1, 1, TASK_INTERRUPTIBLE);
	assert_int_equal(names_sent("thread-2"), 1);
	strcpy(b.task.comm, "renamed");
	host_ring_full = true;
	wait_once(&b, 1, 1, 1, TASK_INTERRUPTIBLE);
	assert_int_equal(names_sent("renamed"), 0);
	assert_int_not_equal(HOST_COUNT(ring_full), 0);
	host_ring_full = false;
	wait_once(&b, 1, 1, 1, TASK_INTERRUPTIBLE);
	wait_once(&b, 1, 1, 1, TASK_INTERRUPTIBLE);
	assert_int_equal(names_sent("renamed"), 1);
}

/* Is a thread that leaves, and one that sleeps, entered? */
static bool wanted(struct host_thread *t)
{
	bool left, slept;

	host_drain(&wait_threads, NULL);
	memset(host_counts, 0, sizeof(host_counts));
	host_switch(t, &idle, false, TASK_INTERRUPTIBLE);
	left = host_known((uint32_t)t->task.pid);
	host_drain(&wait_threads, NULL);
	t->task.__state = TASK_INTERRUPTIBLE;
	host_find_asleep(t);
	slept = host_known((uint32_t)t->task.pid);
	assert_int_equal(left, slept);
	return left;
}

static void only_threads_that_were_asked_for(void **state)
{
	uint32_t one = 1, two = 2;

	options->everything = 0;
	assert_true(wanted(&a) && wanted(&b));
	b.task.flags = PF_KTHREAD;
	options->user_threads = 1;
	assert_true(wanted(&a) && !wanted(&b));
	options->user_threads = 0;
	options->kernel_threads = 1;
	assert_true(!wanted(&a) && wanted(&b));
	options->kernel_threads = 0;
	filters->skip_tgid = 1;
	assert_true(!wanted(&a) && wanted(&b));
	filters->skip_tgid = 0;
	filters->filter_pids = 1;
	bpf_map_update_elem(&target_pids, &one, &one, 0);
	assert_true(wanted(&a) && !wanted(&b));
	host_drain(&wait_threads, NULL);
	host_wakeup_new(&a);
	host_wakeup_new(&b);
	assert_true(host_known(1) && !host_known(2));
	filters->filter_pids = 0;
	filters->filter_tids = 1;
	bpf_map_update_elem(&target_tids, &two, &two, 0);
	assert_true(!wanted(&a) && wanted(&b));
	filters->filter_tids = 0;
	filters->filter_comm = 1;
	strcpy(filters->comm, "thread-1");
	assert_true(wanted(&a) && !wanted(&b));
	b.task.group_leader = &a.task;
	assert_true(wanted(&b)); /* its process is called so */
}

static uint64_t lock_ns[2];

static void take_locks(const void *key, const void *value)
{
	const struct wait_key *k = key;

	if (k->tid == 1 && k->kind == KIND_BLOCKED && k->lock)
		lock_ns[k->lock == 0x5000] += ((const struct wait_sum *)value)->ns;
}

static void locks_by_their_address(void **state)
{
	struct pt_regs *regs = host_regs(&a.task);

	lock_ns[0] = lock_ns[1] = 0;
	host_switch(&idle, &a, false, 0);
	regs->orig_ax = SYSCALL_FUTEX;
	regs->di = 0x5000;
	wait_once(&a, 1, 100, 0, TASK_INTERRUPTIBLE); /* nobody asked yet */
	options->locks = 1;
	wait_once(&a, 1, 10, 0, TASK_INTERRUPTIBLE);
	regs->di = 0x6000;
	wait_once(&a, 1, 20, 0, TASK_INTERRUPTIBLE);
	regs->orig_ax = SYSCALL_FUTEX + 1;
	wait_once(&a, 1, 40, 0, TASK_INTERRUPTIBLE);
	host_drain(&wait_sums_0, take_locks);
	assert_int_equal(lock_ns[1], 10);
	assert_int_equal(lock_ns[0], 20);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(blocked_then_queued),
		TEST(every_length_has_its_bucket),
		TEST(ready_all_along),
		TEST(held_back_when_woken),
		TEST(wake_ups_that_mean_nothing),
		TEST(only_lengths_that_were_asked_for),
		TEST(only_states_that_were_asked_for),
		TEST(a_new_thread_queues),
		TEST(met_asleep_or_running),
		TEST(a_number_is_used_again),
		TEST(a_number_is_used_again_without_room),
		TEST(switches_nobody_told_of),
		TEST(no_room_is_counted),
		TEST(stacks_are_left_out_to_save_work),
		TEST(why_is_told_with_the_stack),
		TEST(names_travel_when_they_are_new),
		TEST(only_threads_that_were_asked_for),
		TEST(locks_by_their_address),
	};

	host_has = has_groups;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
