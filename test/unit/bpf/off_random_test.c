/* off_random_test.c - thousands of random histories of a made-up machine: does the time of every
 * thread add up, and is each part what it should be? Threads begin, wait, are woken, preempted,
 * yield, are held back and end, on several processors, under a clock that also stands still, while
 * user space takes the sums over. A model that shares no code with the programs says what must come
 * out, exactly; where switches happen that nobody tells of, the parts must still sum to the time
 * that passed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "host/sched_host.h"
#include "host/sums_host.h"

enum { HISTORIES = 4000, STEPS = 120, CPUS = 3 };

/* -- the model
 * ------------------------------------------------------------------------------------- */

struct model {
	struct host_thread t;
	enum { GONE, ON, READY, BLOCKED } is;
	bool known;       /* the programs have met it */
	bool counted_out; /* the wait it is in began with an event (or was found) */
	uint8_t kind;     /* of the wait */
	uint64_t begin;   /* of its time, as far as it is accounted for */
	uint64_t since, woken, on_ns;
	uint64_t lived; /* by earlier threads of this number */
	bool held, filtered, was_told;
};

static struct model threads[TIDS + 1];
static struct host_thread idle;
static int running[CPUS]; /* the number of a thread, 0 = none */
static struct table want;
static uint64_t unseen, filtered, switches;
static uint32_t seed;
static bool untold; /* some switches are not told */

static uint32_t draw(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(seed ^ seed >> 16) * n >> 32);
}

static int model_log2(uint64_t ns)
{
	return ns ? 63 - __builtin_clzll(ns) : 0;
}

static void model_sum(int tid, uint8_t kind, uint64_t ns, uint64_t count)
{
	table_add(&want.at[tid][kind][kind == KIND_ON_CPU ? 0 : model_log2(ns)], ns, ns, count);
}

static bool model_wanted(uint32_t bit)
{
	return !wait_config.states || (wait_config.states & bit);
}

/* The thread comes to a processor: its wait is over. */
static void model_in(int tid)
{
	struct model *m = &threads[tid];
	uint64_t ns = host_now - m->since;

	if (!m->known) { /* it waited since the begin, for what nobody knows */
		m->known = true;
		m->since = m->begin;
		ns = host_now - m->since;
		m->kind = KIND_BLOCKED;
		m->woken = 0;
		m->filtered = false;
	}
	m->is = ON;
	if (m->filtered || ns < wait_config.min || (wait_config.max && ns > wait_config.max)) {
		filtered++;
	} else if (m->kind != KIND_BLOCKED) {
		model_sum(tid, m->kind, ns, 1);
	} else {
		uint64_t woken = m->woken ? m->woken : host_now;

		unseen += !m->woken;
		model_sum(tid, KIND_BLOCKED, woken - m->since, 1);
		if (woken != host_now)
			model_sum(tid, m->held ? KIND_THROTTLED : KIND_RUN_QUEUE, host_now - woken,
				  1);
	}
	m->since = host_now;
}

static uint8_t model_kind(bool preempt, uint32_t state, bool held, bool yields)
{
	if (!preempt && state)
		return KIND_BLOCKED;
	return held ? KIND_THROTTLED : !preempt && yields ? KIND_YIELDED : KIND_PREEMPTED;
}

static void model_out(int tid, bool preempt, uint32_t state, bool held, bool yields)
{
	struct model *m = &threads[tid];

	switches++;
	m->on_ns += host_now - (m->known ? m->since : m->begin);
	m->known = true;
	m->since = host_now;
	m->woken = 0;
	m->held = false;
	if (!preempt && state & TASK_DEAD) {
		model_sum(tid, KIND_ON_CPU, m->on_ns, 0);
		m->lived += host_now - m->begin;
		m->is = GONE;
		return;
	}
	m->kind = model_kind(preempt, state, held, yields);
	m->is = m->kind == KIND_BLOCKED ? BLOCKED : READY;
	m->filtered = !model_wanted(preempt || !state ? WAIT_BIT_RUNNING
				    : state & 1       ? WAIT_BIT_INTERRUPTIBLE
				    : state & 2       ? WAIT_BIT_UNINTERRUPTIBLE
				    : state & 12      ? WAIT_BIT_STOPPED
						      : WAIT_BIT_OTHER);
}

/* -- what happens
 * ---------------------------------------------------------------------------------- */

static int pick(int is)
{
	int from = 1 + (int)draw(TIDS);

	for (int i = 0; i < TIDS; i++) {
		int tid = 1 + (from + i) % TIDS;

		if (threads[tid].is == (unsigned int)is)
			return tid;
	}
	return 0;
}

static void pass_time(void)
{
	if (draw(4))
		host_now += draw(1u << draw(31)) + 1;
}

static void do_switch(int cpu)
{
	static const uint32_t states[] = {1, 2, 0x402, 4, 8, 0x40, 1, 1};
	int prev = running[cpu], next = pick(READY);
	bool preempt = !draw(4), held = !draw(6), yields = !draw(4), tell = !untold || draw(5);
	uint32_t state = draw(3) ? states[draw(8)] : 0;

	if (!prev && !next)
		return;
	if (prev && !draw(12) && tell) {
		state = TASK_DEAD;
		preempt = false;
	}
	if (prev) {
		threads[prev].t.rq.throttle_count = held;
		host_regs(&threads[prev].t.task)->orig_ax = yields ? SYSCALL_SCHED_YIELD : 3;
		model_out(prev, preempt, state, held, yields);
	}
	if (next)
		model_in(next);
	running[cpu] = next;
	host_cpu = (uint32_t)cpu;
	if (tell)
		host_switch(prev ? &threads[prev].t : &idle, next ? &threads[next].t : &idle,
			    preempt, state);
	if (prev)
		threads[prev].t.rq.throttle_count = 0;
}

static void do_wake(int cpu)
{
	int tid = draw(8) ? pick(BLOCKED) : 1 + (int)draw(TIDS);
	struct model *m = &threads[tid];

	if (!tid || m->is == GONE)
		return;
	host_cpu = (uint32_t)cpu;
	m->t.rq.throttle_count = !draw(6);
	if (wait_config.hops && draw(8))
		host_waking(&m->t, running[cpu] ? &threads[running[cpu]].t : &idle, !draw(4));
	host_wakeup(&m->t);
	if (m->is == BLOCKED) {
		if (m->known && !m->filtered) {
			m->woken = host_now;
			m->held = m->t.rq.throttle_count;
		}
		m->is = READY;
	}
	m->t.rq.throttle_count = 0;
}

static void do_begin(void)
{
	int tid = pick(GONE);
	struct model *m = &threads[tid];

	if (!tid)
		return;
	*m = (struct model){.t = m->t,
			    .lived = m->lived,
			    .is = READY,
			    .known = true,
			    .kind = KIND_RUN_QUEUE,
			    .begin = host_now,
			    .since = host_now};
	m->t.task.start_time = host_now;
	host_wakeup_new(&m->t);
}

/* As they are when the capture begins: some sleep, some are ready, some run; not all are found at
 * once. */
static void begin_threads(void)
{
	int cpu = 0;

	for (int tid = 1; tid <= TIDS; tid++) {
		struct model *m = &threads[tid];

		*m = (struct model){.t = m->t, .is = draw(4), .begin = wait_start};
		m->t.task.start_time =
			draw(2) ? 5 : wait_start + draw(5); /* began before, or while it starts */
		if (m->t.task.start_time > m->begin)
			m->begin = m->t.task.start_time;
		m->since = m->begin;
		if (m->is == ON && cpu == CPUS)
			m->is = READY;
		if (m->is == ON)
			running[cpu++] = tid;
		m->t.task.on_cpu = m->is == ON;
		m->t.task.__state = m->is == BLOCKED ? TASK_INTERRUPTIBLE : 0;
		if (m->is == GONE || draw(3) == 0)
			continue;
		host_find_asleep(&m->t);
		m->known = true;
		m->kind = m->is == BLOCKED ? KIND_BLOCKED : KIND_PREEMPTED;
		m->filtered = m->is != ON && !model_wanted(m->is == BLOCKED ? WAIT_BIT_INTERRUPTIBLE
									    : WAIT_BIT_RUNNING);
	}
}

static void history(uint32_t number)
{
	seed = number * 2654435761u + 12345u;
	memset(&got, 0, sizeof(got));
	memset(&want, 0, sizeof(want));
	memset(running, 0, sizeof(running));
	unseen = filtered = switches = 0;
	wait_start = 1000000 + draw(1000);
	host_now = wait_start + 10;
	begin_threads();
	for (int i = 0; i < STEPS; i++) {
		int cpu = (int)draw(CPUS), what = (int)draw(16);

		pass_time();
		if (what < 8)
			do_switch(cpu);
		else if (what < 14)
			do_wake(cpu);
		else if (what < 15)
			do_begin();
		else
			table_take_over();
	}
	table_take_over();
	table_take_over();
}

/* -- what must hold
 * -------------------------------------------------------------------------------- */

/* What is summed of a thread, what it ran, and what its wait is going on for are all the time there
 * was. */
static void check_elapsed(uint32_t number)
{
	for (int tid = 1; tid <= TIDS; tid++) {
		struct wait_thread *t = host_known((uint32_t)tid);
		struct model *m = &threads[tid];
		uint64_t sum = 0, elapsed = m->lived + (t ? host_now - m->begin : 0);

		for (uint8_t kind = 0; kind < KIND_MAX; kind++)
			sum += table_kind(&got, (uint32_t)tid, kind);
		if (t)
			sum += t->on_ns + host_now - t->since;
		if (sum != elapsed)
			fail_msg("history %u: thread %d has %" PRIu64 " of %" PRIu64 " ns", number,
				 tid, sum, elapsed);
	}
}

static void check_parts(uint32_t number, bool longest)
{
	for (int tid = 1; tid <= TIDS; tid++) {
		struct wait_thread *t = host_known((uint32_t)tid);

		for (int kind = 0; kind < KIND_MAX; kind++) {
			for (int log = 0; log < LOGS; log++) {
				const struct wait_sum *g = &got.at[tid][kind][log],
						      *w = &want.at[tid][kind][log];

				if (g->ns != w->ns || g->count != w->count ||
				    (longest && g->longest != w->longest))
					fail_msg("history %u, thread %d, kind %d, 2^%d ns: %" PRIu64
						 " ns in %" PRIu64 " waits, should be %" PRIu64
						 " in %" PRIu64,
						 number, tid, kind, log, g->ns, g->count, w->ns,
						 w->count);
			}
		}
		if (t)
			assert_int_equal(t->on_ns, threads[tid].on_ns);
		assert_int_equal(!t, threads[tid].is == GONE || !threads[tid].known);
	}
	assert_int_equal(HOST_COUNT(unseen), unseen);
	assert_int_equal(HOST_COUNT(filtered), filtered);
	assert_int_equal(HOST_COUNT(switches), switches);
	assert_int_equal(HOST_COUNT(untold), 0);
}

static void check_no_loss(void)
{
	assert_int_equal(HOST_COUNT(no_key) + HOST_COUNT(no_thread) + HOST_COUNT(busy) +
				 HOST_COUNT(ring_full),
			 0);
}

static void every_part_is_what_it_should_be(void **state)
{
	for (uint32_t i = 0; i < HISTORIES; i++) {
		host_reset();
		history(i);
		check_parts(i, true);
		check_elapsed(i);
		check_no_loss();
	}
}

static void parts_by_waker_sum_to_the_wait(void **state)
{
	size_t chains = 0;

	for (uint32_t i = 0; i < HISTORIES; i++) {
		host_reset();
		host_wait_config()->hops = 1 + i % HOPS_MAX;
		history(i);
		check_parts(i, false);
		check_elapsed(i);
		check_no_loss();
		for (size_t r = 0; r < host_n_records; r++)
			chains += host_records[r]->r.kind == RECORD_CHAIN &&
				  host_records[r]->frames[2];
	}
	assert_true(chains > HISTORIES); /* there were wakers of wakers */
}

static void filters_leave_out_whole_waits(void **state)
{
	for (uint32_t i = 0; i < HISTORIES; i++) {
		host_reset();
		host_wait_config()->min = i & 1 ? 1u << i % 20 : 0;
		host_wait_config()->max = i & 2 ? 1u << (10 + i % 20) : 0;
		host_wait_config()->states = i % 3 ? i % 32 : 0;
		host_wait_config()->hops = i & 4 ? 2 : 0;
		history(i);
		check_parts(i, false);
		check_no_loss();
	}
}

static void untold_switches_lose_no_time(void **state)
{
	uint64_t n = 0;

	untold = true;
	for (uint32_t i = 0; i < HISTORIES; i++) {
		host_reset();
		host_wait_config()->hops = i % 3;
		history(i);
		check_elapsed(i);
		check_no_loss();
		n += HOST_COUNT(untold);
	}
	untold = false;
	assert_true(n > HISTORIES);
}

static bool has_groups(const char *field)
{
	return !strcmp(field, "task->se.cfs_rq") || !strcmp(field, "rq->throttle_count");
}

static int begin(void **state)
{
	host_has = has_groups;
	host_thread_init(&idle, 0, 0);
	idle.task.flags = PF_KTHREAD;
	for (int tid = 1; tid <= TIDS; tid++)
		host_thread_init(&threads[tid].t, tid, tid);
	for (int tid = 1; tid <= TIDS; tid++) /* they stay where they are */
		threads[tid].t.task.group_leader = &threads[tid].t.task;
	return 0;
}

static int end(void **state)
{
	host_thread_done(&idle);
	for (int tid = 1; tid <= TIDS; tid++)
		host_thread_done(&threads[tid].t);
	host_reset();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_is_what_it_should_be),
		cmocka_unit_test(parts_by_waker_sum_to_the_wait),
		cmocka_unit_test(filters_leave_out_whole_waits),
		cmocka_unit_test(untold_switches_lose_no_time),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
