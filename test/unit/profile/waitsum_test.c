/* waitsum_test.c - waits added up: by class, by place whatever woke them, by lock with its holder, by thread
 * and by process; classes as frames; filters by class and by whole stack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "profile/classframes.h"
#include "profile/filter.h"
#include "profile/waitsum.h"
#include "waits_example.h"

static struct waitsum *summed(const struct profile *p, uint32_t value, uint32_t threads)
{
	struct waitsum *w;

	assert_true(waitsum_applies(p));
	assert_int_equal(waitsum_new(p, value, threads, &w), 0);
	return w;
}

static const char *name_of(const struct waitsum *w, uint32_t node)
{
	return calltree_name(w->tree, node);
}

static void places_are_the_sleepers(void **state)
{
	struct profile *p = waits_example_off();
	struct waitsum *w = summed(p, UINT32_MAX, 100);
	int64_t took[WAITSUM_TOOK], waits = 0;

	assert_int_equal(w->all.time, 26400 * WAITS_MS);
	assert_int_equal(w->classes[WAIT_LOCK].time, 6400 * WAITS_MS);
	assert_int_equal(w->classes[WAIT_LOCK].waits, 1503);
	assert_int_equal(w->classes[WAIT_LOCK].longest, 110 * WAITS_MS);
	assert_int_equal(w->classes[WAIT_NETWORK].time, 0);
	assert_int_equal(w->places.n, 5);
	assert_int_equal(w->places.at[0].class, WAIT_POLL);
	assert_int_equal(w->places.at[1].class, WAIT_LOCK); /* four samples, three wakers, one place */
	assert_int_equal(w->places.at[1].sum.time, 6400 * WAITS_MS);
	assert_string_equal(profile_text(p, w->places.at[1].process), "mariadbd");
	assert_int_equal(w->places.at[1].processes, 1);
	assert_string_equal(name_of(w, w->places.at[1].node), "schedule");
	waitsum_took(w, &w->places.at[1], took);
	for (int i = 0; i < WAITSUM_TOOK; i++)
		waits += took[i];
	assert_int_equal(waits, 1503);
	assert_int_equal(took[15], 1000); /* 64 us, rounded down to a power of two of ns */
	assert_int_equal(took[22], 400);
	waitsum_free(w);
	w = summed(p, 1, 100); /* by number */
	assert_int_equal(w->places.at[0].class, WAIT_LOCK);
	assert_int_equal(w->places.at[4].class, WAIT_POLL);
	waitsum_free(w);
	profile_free(p);
}

static void locks_have_holders(void **state)
{
	struct profile *p = waits_example_off();
	struct waitsum *w = summed(p, UINT32_MAX, 100);
	const struct wait_lock *l = w->locks.at;

	assert_int_equal(w->locks.n, 2);
	assert_string_equal(profile_text(p, l[0].address), "0x7f12a0");
	assert_int_equal(l[0].pid, 500);
	assert_int_equal(l[0].threads, 2);
	assert_int_equal(l[0].sum.time, 6100 * WAITS_MS);
	assert_int_equal(l[0].sum.longest, 45 * WAITS_MS);
	assert_string_equal(name_of(w, l[0].waiter), "schedule");
	assert_string_equal(name_of(w, l[0].holder), "query"); /* the root of the unlock path */
	assert_int_equal(l[0].holder_time, 6100 * WAITS_MS);
	assert_int_equal(l[1].threads, 1);
	assert_string_equal(name_of(w, l[1].holder), "[woken by timer]");
	waitsum_free(w);
	profile_free(p);
}

/* A time-out that ends more of the time than the thread that unlocks does not hold the lock. */
static void timers_hold_nothing(void **state)
{
	static const struct waits_row rows[] = {
		{ WAITS_LOCK ";[woken by timer];hrtimer_wakeup_[k];hrtimer_interrupt_[k]", 500, 501, "a", "a",
		  WAIT_LOCK, "0x1", 90, 1, 90000, 90000, 0 },
		{ WAITS_LOCK WAITS_UNLOCK, 500, 502, "b", "a", WAIT_LOCK, "0x1", 5, 1, 5000, 5000, 0 },
		{ WAITS_LOCK ";[woken by timer]", 500, 501, "a", "a", WAIT_LOCK, "0x1", 95, 1, 90000, 90000, 0 },
	};
	struct profile *p = waits_profile(WAITS_TYPE_OFF, rows, 3);
	struct waitsum *w = summed(p, UINT32_MAX, 100);

	assert_int_equal(w->locks.n, 1);
	assert_string_equal(name_of(w, w->locks.at[0].holder), "query");
	assert_int_equal(w->locks.at[0].holder_time, 5 * WAITS_MS);
	assert_int_equal(w->locks.at[0].waiter_time, 190 * WAITS_MS);
	waitsum_free(w);
	profile_free(p);
}

/* Nobody holds a condition: however long it was waited for, locks come first. */
static void conditions_come_last(void **state)
{
	static const struct waits_row rows[] = {
		{ "start_thread;idle;pthread_cond_timedwait;" WAITS_FUTEX WAITS_UNLOCK, 500, 501, "a", "a",
		  WAIT_LOCK, "0x1", 900, 1, 900000, 524288, 0 },
		{ WAITS_LOCK WAITS_UNLOCK, 500, 502, "b", "a", WAIT_LOCK, "0x2", 5, 1, 5000, 5000, 0 },
	};
	struct profile *p = waits_profile(WAITS_TYPE_OFF, rows, 2);
	struct waitsum *w = summed(p, UINT32_MAX, 100);

	assert_int_equal(w->locks.n, 2);
	assert_string_equal(profile_text(p, w->locks.at[0].address), "0x2");
	assert_false(w->locks.at[0].condition);
	assert_true(w->locks.at[1].condition);
	waitsum_free(w);
	profile_free(p);
}

/* What the waker itself had waited for is not its unlock path, and not a place of its own. */
static void hops_stay_apart(void **state)
{
	static const struct waits_row rows[] = {
		{ WAITS_LOCK WAITS_UNLOCK ";[which waited];io_schedule_[k];read_page;[woken by disk]", 500, 501, "a",
		  "a", WAIT_LOCK, "0x1", 10, 1, 10000, 9000, 0 },
		{ WAITS_LOCK WAITS_UNLOCK, 500, 502, "b", "a", WAIT_LOCK, "0x1", 5, 1, 5000, 5000, 0 },
	};
	struct profile *p = waits_profile(WAITS_TYPE_OFF, rows, 2);
	struct waitsum *w = summed(p, UINT32_MAX, 100);

	assert_int_equal(w->places.n, 1);
	assert_int_equal(w->places.at[0].sum.time, 15 * WAITS_MS);
	assert_int_equal(w->locks.n, 1);
	assert_string_equal(name_of(w, w->locks.at[0].holder), "query");
	assert_int_equal(w->locks.at[0].holder_time, 15 * WAITS_MS);
	waitsum_free(w);
	profile_free(p);
}

static void threads_add_up(void **state)
{
	struct profile *p = waits_example_wall();
	struct waitsum *w = summed(p, UINT32_MAX, 4);

	assert_false(w->by_process);
	assert_int_equal(w->tasks.n, 4);
	for (size_t i = 0; i < w->tasks.n; i++) {
		int64_t sum = 0;

		for (int g = 0; g < WAITSUM_GROUPS; g++)
			sum += w->tasks.at[i].time[g];
		assert_int_equal(sum, w->tasks.at[i].total);
		assert_int_equal(sum, 10000 * WAITS_MS);
	}
	assert_int_equal(w->tasks.at[0].time[WAIT_GROUP_READY], 5000 * WAITS_MS); /* ran, or wanted to */
	assert_int_equal(w->tasks.at[3].time[WAIT_GROUP_IDLE], 10000 * WAITS_MS);
	waitsum_free(w);
	w = summed(p, UINT32_MAX, 3);
	assert_true(w->by_process);
	assert_int_equal(w->tasks.n, 2);
	assert_int_equal(w->tasks.at[0].threads, 3);
	assert_int_equal(w->tasks.at[0].total, 30000 * WAITS_MS);
	assert_int_equal(w->tasks.at[0].time[WAIT_GROUP_BLOCKED], 9000 * WAITS_MS);
	assert_int_equal(w->tasks.at[1].time[WAIT_GROUP_READY], 5000 * WAITS_MS);
	waitsum_free(w);
	profile_free(p);
}

static void other_profiles_are_none(void **state)
{
	struct profile *p = profile_new("samples", "count"), *q = profile_new(WAITS_TYPE_OFF, "nanoseconds");
	struct waitsum *w;

	assert_false(waitsum_applies(p));
	assert_false(waitsum_applies(q)); /* nothing in it says what it waited for */
	assert_int_equal(waitsum_new(p, UINT32_MAX, 1, &w), -EINVAL);
	assert_null(w);
	profile_free(p);
	profile_free(q);
}

/* "root;..;leaf" */
static void stack_text(const struct profile *p, uint32_t node, char *to, size_t size)
{
	char head[1024] = "", scratch[64];

	if (p->nodes.at[node].parent)
		stack_text(p, p->nodes.at[node].parent, head, sizeof(head));
	snprintf(to, size, "%s%s%s", head, *head ? ";" : "",
		 profile_line_label(p, p->nodes.at[node].frame, 0, scratch, sizeof(scratch)));
}

static void classes_become_frames(void **state)
{
	struct profile *p = waits_example_off(), *wall = waits_example_wall();
	uint32_t before[16];
	char text[2048];

	assert_int_equal(profile_class_frames(p), 0);
	stack_text(p, p->samples.at[0].stack, text, sizeof(text));
	assert_non_null(strstr(text, ";schedule;[blocked: lock];[woken by conn-2];futex_wake;"));
	assert_string_equal(text + strlen(text) - 17, ";row_unlock;query");
	stack_text(p, p->samples.at[4].stack, text, sizeof(text));
	assert_non_null(strstr(text, ";io_schedule;[blocked: disk]"));
	stack_text(p, p->samples.at[6].stack, text, sizeof(text));
	assert_string_equal(text, "main;crunch;[preempted]");
	for (size_t i = 0; i < p->samples.n; i++)
		before[i] = p->samples.at[i].stack;
	assert_int_equal(profile_class_frames(p), 0); /* once is enough */
	for (size_t i = 0; i < p->samples.n; i++)
		assert_int_equal(p->samples.at[i].stack, before[i]);
	for (size_t i = 0; i < wall->samples.n; i++)
		before[i] = wall->samples.at[i].stack;
	assert_int_equal(profile_class_frames(wall), 0);
	for (size_t i = 0; i < wall->samples.n; i++)
		assert_int_equal(wall->samples.at[i].stack, before[i]);
	profile_free(p);
	profile_free(wall);
}

static struct profile *filtered(const struct profile *p, const struct profile_filter *f)
{
	struct profile *part;
	struct err e = { 0 };

	assert_int_equal(profile_filter(p, f, &part, &e), 0);
	return part;
}

static void filters_by_class(void **state)
{
	struct profile *p = waits_example_off(), *wall = waits_example_wall(), *part;
	struct profile_sample none = { .task = 1, .time = 0 };
	const uint32_t without = UINT32_C(1) << WAIT_CLASS_MAX;
	struct profile_filter f = { .classes = UINT32_C(1) << WAIT_LOCK };
	int64_t one[3] = { 1, 1, 1 };

	assert_int_equal(profile_sample(p, &none, one), 0);
	p->ledger.n[LEDGER_TAKEN]++;
	part = filtered(p, &f);
	assert_int_equal(part->samples.n, 4);
	assert_int_equal(profile_total(part, 0), 6400 * WAITS_MS);
	/* The ledger counts waits: of 3764, 1503 are left. */
	assert_int_equal(part->ledger.n[LEDGER_TAKEN], 1503);
	assert_int_equal(part->ledger.n[LEDGER_FILTERED], 3764 - 1503);
	profile_free(part);
	/* What ran is no wait, and still something that was taken. */
	part = filtered(wall, &f);
	assert_int_equal(part->ledger.n[LEDGER_TAKEN], 400);
	profile_free(part);
	profile_free(wall);
	f.classes |= without;
	part = filtered(p, &f);
	assert_int_equal(part->samples.n, 5);
	profile_free(part);
	profile_free(p);
}

/* The pattern sees the sleeper's whole stack from root to leaf, and nothing of its waker. */
static void filters_by_whole_stack(void **state)
{
	static const struct {
		const char *pattern;
		size_t left;
	} cases[] = {
		{ "^main;crunch$", 6 },         { "accept_loop;poll;", 7 },  { "poll;accept_loop", 8 },
		{ "row_lock;[^;]*lock;", 4 },   { "woken|row_unlock", 8 },   { "schedule$", 2 },
	};
	struct profile *p = waits_example_off();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct profile_filter f = { 0 };
		struct profile *part;
		struct regex *r;
		struct err e = { 0 };

		assert_int_equal(regex_new(cases[i].pattern, &r, &e), 0);
		f.drop_stacks = r;
		part = filtered(p, &f);
		if (part->samples.n != cases[i].left)
			fail_msg("%s left %zu", cases[i].pattern, part->samples.n);
		profile_free(part);
		regex_free(r);
	}
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_the_sleepers), cmocka_unit_test(locks_have_holders),
		cmocka_unit_test(conditions_come_last),
		cmocka_unit_test(hops_stay_apart),         cmocka_unit_test(timers_hold_nothing),
		         cmocka_unit_test(threads_add_up),
		cmocka_unit_test(other_profiles_are_none), cmocka_unit_test(classes_become_frames),
		cmocka_unit_test(filters_by_class),        cmocka_unit_test(filters_by_whole_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
