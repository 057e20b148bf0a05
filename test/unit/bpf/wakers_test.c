/* wakers_test.c - who ended a wait, and what the waker had waited for: a scenario with known times
 * on a made-up machine (off_test.c), each part with its chain.
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

static struct {
	uint64_t chain, ns, count;
} parts[8];
static size_t n_parts;

static void take_parts(const void *key, const void *value)
{
	const struct wait_key *k = key;
	const struct wait_sum *v = value;

	if (k->tid == 1 && k->kind == KIND_BLOCKED && v->ns) {
		parts[n_parts].chain = k->chain;
		parts[n_parts].ns = v->ns;
		parts[n_parts++].count = v->count;
	}
}

/* The part whose chain says that the waker had waited itself, or not. */
static size_t part_of(bool waited)
{
	for (size_t i = 0; i < n_parts; i++) {
		struct host_record *r = host_record_find(RECORD_CHAIN, parts[i].chain);

		if (r && !r->frames[1] == !waited)
			return i;
	}
	fail_msg("no such part");
	return 0;
}

/* A waits from 0 on, B from 10 to 60, when C wakes it; at 100 B wakes A, unless `interrupt` does.
 */
static void hand_on(uint32_t hops, bool interrupt)
{
	options->hops = hops;
	for (int i = 1; i <= 3; i++) {
		host_cpu = (uint32_t)i;
		host_switch(&idle, i == 1 ? &a : i == 2 ? &b : &c, false, 0);
	}
	host_drain(&wait_sums_0, NULL);
	host_cpu = 1;
	host_switch(&a, &idle, false, TASK_INTERRUPTIBLE);
	host_now += 10;
	host_cpu = 2;
	host_switch(&b, &idle, false, TASK_INTERRUPTIBLE);
	host_now += 50;
	host_cpu = 3;
	host_waking(&b, &c, false);
	host_wakeup(&b);
	host_cpu = 2;
	host_switch(&idle, &b, false, 0);
	host_now += 40;
	host_waking(&a, &b, interrupt);
	host_wakeup(&a);
	host_cpu = 1;
	host_switch(&idle, &a, false, 0);
	n_parts = 0;
	host_drain(&wait_sums_0, take_parts);
}

static void the_waker_and_what_it_had_waited_for(void **state)
{
	struct host_record *r;

	hand_on(2, false);
	assert_int_equal(n_parts, 2);
	assert_int_equal(parts[part_of(false)].ns, 40); /* B ran */
	assert_int_equal(parts[part_of(false)].count, 1);
	assert_int_equal(parts[part_of(true)].ns,
			 60); /* B waited: the part before it began is its own too */
	assert_int_equal(parts[part_of(true)].count, 0);
	r = host_record_find(RECORD_CHAIN, parts[part_of(true)].chain);
	assert_int_equal(r->r.tid, 2);
	r = host_record_find(RECORD_CHAIN, r->frames[2]);
	assert_int_equal(r->r.tid, 3); /* C ended that */
}

static void one_waker_is_all_of_it(void **state)
{
	hand_on(1, false);
	assert_int_equal(n_parts, 1);
	assert_int_equal(parts[part_of(false)].ns, 100);
}

static void an_interrupt_waited_for_nothing(void **state)
{
	hand_on(2, true);
	assert_int_equal(n_parts, 1);
	assert_int_equal(parts[part_of(false)].ns, 100);
}

static void wakers_of_waits_left_out_are_forgotten(void **state)
{
	options->hops = 2;
	options->min = 50;
	host_switch(&idle, &a, false, 0);
	host_switch(&a, &idle, false, TASK_INTERRUPTIBLE);
	host_now += 10;
	host_waking(&a, &b, false);
	host_wakeup(&a);
	host_switch(&idle, &a, false, 0); /* too short */
	host_switch(&a, &idle, false, TASK_INTERRUPTIBLE);
	host_now += 100;
	host_wakeup(&a); /* by whom was not seen */
	host_switch(&idle, &a, false, 0);
	n_parts = 0;
	host_drain(&wait_sums_0, take_parts);
	assert_int_equal(n_parts, 1);
	assert_int_equal(parts[0].ns, 100);
	assert_int_equal(parts[0].chain, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(the_waker_and_what_it_had_waited_for),
		TEST(one_waker_is_all_of_it),
		TEST(an_interrupt_waited_for_nothing),
		TEST(wakers_of_waits_left_out_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
