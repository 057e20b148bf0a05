/* live_test.c - the live model against profile_filter() on the same samples: ranges, bounds,
 * thinning, names that come later, and readers beside a writer. */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "unit/profile/truth_text.h"
#include "live/heat.h"
#include "live/live.h"
#include "live/shares.h"
#include "live/thin.h"
#include "profile/calltree.h"
#include "profile/codes.h"
#include "unit/profile/waits_example.h"

#define SECOND UINT64_C(1000000000)

static struct live *model(uint64_t full, size_t memory)
{
	struct live_opts o = { .full = full, .memory = memory };
	struct live *l = NULL;

	assert_int_equal(live_new(&o, &l), 0);
	return l;
}

static const struct live_snapshot *snap(struct live *l, const struct live_query *q)
{
	const struct live_snapshot *s = NULL;

	assert_int_equal(live_snapshot(l, q, &s, NULL), 0);
	return s;
}

static void assert_same_samples(const struct profile *a, const struct profile *b)
{
	struct truth_text x = { 0 }, y = { 0 };

	text_put_profile(&x, a);
	text_put_profile(&y, b);
	text_assert_equal(&x, &y);
}

/* A session that drops what was taken, and one that keeps it, both fed in rounds from `whole`. */
static void feed(struct live *l, struct profile *growing, const struct truth *t, bool drops)
{
	size_t first = 0, done = 0;

	while (done < t->n) {
		size_t n = t->n - done < 37 ? t->n - done : 37;
		struct truth part = { t->at + done, n };
		struct live_round r = { growing, first, SECOND };
		size_t taken;

		truth_put(growing, &part);
		done += n;
		taken = live_take(l, &r);
		assert_int_equal(taken, growing->samples.n - first);
		first += taken;
		if (drops) {
			growing->samples.n = growing->values.n = 0;
			first = 0;
		}
	}
}

static void test_ranges(void **state)
{
	static const uint64_t ranges[][2] = { { 0, 0 },   { 0, 500 },    { 100, 900 },
					      { 400, 0 }, { 999, 1000 }, { 990, 5 } };

	for (int drops = 0; drops < 2; drops++) {
		struct truth t = truth_new(2000, false);
		struct profile *whole = truth_profile(&t);
		struct truth none = { NULL, 0 };
		struct profile *growing = truth_profile(&none);
		struct live *l = model(0, 0);
		uint32_t pid = whole->tasks.at[1].pid;

		feed(l, growing, &t, drops);
		for (size_t i = 0; i < 2 * sizeof(ranges) / sizeof(*ranges); i++) {
			struct live_query q = { .filter = { .from = ranges[i / 2][0],
							    .to = ranges[i / 2][1] } };
			const struct live_snapshot *s;
			struct profile *want;

			q.filter.pids = i & 1 ? &pid : NULL;
			q.filter.n_pids = i & 1;
			s = snap(l, &q);
			assert_int_equal(profile_filter(whole, &q.filter, &want, NULL), 0);
			assert_same_samples(s->profile, want);
			assert_int_equal(s->from, q.filter.from);
			assert_int_equal(s->grain, 0);
			profile_free(want);
			live_snapshot_unref(s);
		}
		live_free(l);
		profile_free(growing);
		profile_free(whole);
		free(t.at);
	}
}

/* What a model's own filter leaves out nobody sees, whatever else they ask for; several at once. */
struct onlooker {
	struct live *l;
	struct live_query q;
	const struct profile *want;
	pthread_t thread;
};

static void *look_on(void *arg)
{
	struct onlooker *o = arg;

	for (int i = 0; i < 40; i++) {
		const struct live_snapshot *s = snap(o->l, &o->q);

		assert_same_samples(s->profile, o->want);
		assert_int_equal(s->profile->ledger.n[LEDGER_FILTERED],
				 o->want->ledger.n[LEDGER_FILTERED]);
		live_snapshot_unref(s);
	}
	return NULL;
}

static void test_own_filter(void **state)
{
	struct truth t = truth_new(2000, false), none = { NULL, 0 };
	struct profile *whole = truth_profile(&t), *growing = truth_profile(&none), *want[3];
	struct profile_filter f = { 0 };
	struct live_opts lo = { .filter = &f };
	struct onlooker o[3] = { { .q.filter.from = 0 },
				 { .q.filter = { .from = 100, .to = 900 } },
				 { .q.filter.hidden = 1 << FRAME_KERNEL } };
	struct regex *drop, *keep, *again[2];
	struct live *l;

	assert_int_equal(regex_new("vfs", &drop, NULL), 0);
	assert_int_equal(regex_new("main", &keep, NULL), 0);
	assert_int_equal(regex_new("vfs", &again[0], NULL), 0);
	assert_int_equal(regex_new("main", &again[1], NULL), 0);
	f.drop = drop;
	f.keep = keep;
	assert_int_equal(live_new(&lo, &l), 0);
	feed(l, growing, &t, true);
	for (int i = 0; i < 3; i++) {
		struct profile_filter both = o[i].q.filter;

		both.drop = again[0];
		both.keep = again[1];
		assert_int_equal(profile_filter(whole, &both, &want[i], NULL), 0);
		assert_true(want[i]->samples.n && want[i]->samples.n < whole->samples.n);
		o[i].l = l;
		o[i].want = want[i];
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&o[i].thread, NULL, look_on, &o[i]), 0);
	for (int i = 0; i < 3; i++) {
		pthread_join(o[i].thread, NULL);
		profile_free(want[i]);
	}
	live_free(l);
	regex_free(drop);
	regex_free(keep);
	regex_free(again[0]);
	regex_free(again[1]);
	profile_free(growing);
	profile_free(whole);
	free(t.at);
}

/* A name that a frame gets after its samples were taken and dropped, a file's path found out later.
 */
static void test_late_names(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_object o = { .kind = OBJECT_FILE,
				    .path = profile_str(p, "libx"),
				    .start = 7 };
	uint32_t object = profile_object(p, &o),
		 frame = profile_frame_at(p, object, 0x40, FRAME_USER);
	struct profile_sample s = { .stack = profile_push(p, 0, frame),
				    .task = profile_task(p, 1, 1, "a", "a") };
	int64_t one = 1;
	struct live *l = model(0, 0);
	struct live_round r = { p, 0, SECOND };
	struct live_query q = { 0 };
	struct profile_line line;
	const struct live_snapshot *before, *after;
	char scratch[64];

	assert_int_equal(profile_sample(p, &s, &one), 0);
	assert_int_equal(live_take(l, &r), 1);
	before = snap(l, &q);
	p->samples.n = p->values.n = 0;
	line = (struct profile_line){ .function = profile_str(p, "work"), .line = 3 };
	profile_frame_set_lines(p, frame, &line, 1);
	p->objects.at[object].path = profile_str(p, "/usr/lib/libx.so");
	p->objects.at[object].start = 0;
	p->ledger.n[LEDGER_TAKEN] = 9;
	assert_int_equal(live_take(l, &r), 0);
	after = snap(l, &q);
	assert_string_equal(profile_line_label(before->profile, 1, 0, scratch, sizeof(scratch)),
			    "[libx]");
	assert_string_equal(profile_line_label(after->profile, 1, 0, scratch, sizeof(scratch)),
			    "work");
	assert_string_equal(profile_text(after->profile, after->profile->objects.at[1].path),
			    "/usr/lib/libx.so");
	assert_int_equal(after->profile->samples.n, 1);
	assert_int_equal(before->profile->ledger.n[LEDGER_TAKEN], 0);
	assert_int_equal(after->profile->ledger.n[LEDGER_TAKEN], 9);
	live_snapshot_unref(before);
	live_free(l);
	/* It outlives the model. */
	assert_int_equal(profile_total(after->profile, 0), 1);
	live_snapshot_unref(after);
	profile_free(p);
}

/* Two versions of one address: each sample has the name of its time, whatever range is asked for.
 */
static void test_generated_code(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_object o = { .kind = OBJECT_JIT, .path = profile_str(p, "[jit]"), .pid = 5 };
	uint32_t object = profile_object(p, &o),
		 frame = profile_frame_at(p, object, 0x1000, FRAME_JIT);
	struct profile_sample s = { .stack = profile_push(p, 0, frame),
				    .task = profile_task(p, 5, 5, "j", "j") };
	struct profile_code code = { .object = object, .start = 0x1000, .size = 64, .exact = 1 };
	struct live *l = model(0, 0);
	struct live_round r = { p, 0, 4 * SECOND };
	struct live_query all = { 0 }, late = { .filter = { .from = 2 * SECOND } };
	const struct live_snapshot *a, *b;
	struct function_table *t;
	int64_t one = 1;

	code.function = profile_str(p, "first");
	profile_code(p, &code, NULL, 0, NULL);
	code.function = profile_str(p, "second");
	code.from = 2 * SECOND;
	code.order = 1;
	profile_code(p, &code, NULL, 0, NULL);
	for (uint64_t i = 0; i < 4; i++) {
		s.time = i * SECOND + 5;
		profile_sample(p, &s, &one);
	}
	assert_int_equal(live_take(l, &r), 4);
	a = snap(l, &all);
	b = snap(l, &late);
	assert_int_equal(function_table_new(a->profile, 0, &t), 0);
	assert_int_equal(t->rows.n, 2);
	assert_int_equal(t->rows.at[0].self, 2);
	assert_int_equal(t->rows.at[1].self, 2);
	function_table_free(t);
	assert_int_equal(function_table_new(b->profile, 0, &t), 0);
	assert_int_equal(t->rows.n, 1);
	assert_string_equal(intern_get(&t->strings, t->rows.at[0].name), "second");
	assert_int_equal(t->rows.at[0].self, 2);
	function_table_free(t);
	live_snapshot_unref(a);
	live_snapshot_unref(b);
	live_free(l);
	profile_free(p);
}

static void test_grain(void **state)
{
	struct thinning t = { .now = 1000 * SECOND, .full = 100 * SECOND, .grain = SECOND };
	uint64_t last = 0;

	assert_int_equal(thin_grain(&t, 950 * SECOND), 0);
	assert_int_equal(thin_grain(&t, 900 * SECOND), 0);
	assert_int_equal(thin_grain(&t, 899 * SECOND), SECOND);
	assert_int_equal(thin_grain(&t, 799 * SECOND), 2 * SECOND);
	assert_int_equal(thin_grain(&t, 0), 8 * SECOND);
	assert_int_equal(thin_grain(&t, PROFILE_NO_TIME), 0);
	for (uint64_t time = 1000; time-- > 0;) {
		uint64_t grain = thin_grain(&t, time * SECOND);

		assert_true(grain >= last && (!last || grain % last == 0));
		last = grain;
	}
}

/* A day of 20 samples a second of few stacks: sums stay exact, everything else becomes little. */
static void day(struct profile *p, struct live *l, uint64_t seconds, uint32_t stacks, size_t bound)
{
	uint32_t task = profile_task(p, 1, 1, "a", "a");
	struct live_state now;
	int64_t one = 1;

	for (uint64_t sec = 0; sec < seconds; sec++) {
		struct live_round r = { p, 0, (sec + 1) * SECOND };

		for (uint32_t i = 0; i < 20; i++) {
			char name[32];
			struct profile_sample s = { .task = task,
						    .time = sec * SECOND + i * 50000000 };

			snprintf(name, sizeof(name), "f%u", truth_random(stacks));
			s.stack = profile_push(p, 0, profile_frame_text(p, name, FRAME_USER));
			assert_int_equal(profile_sample(p, &s, &one), 0);
		}
		while (live_take(l, &r) != 20)
			usleep(100);
		p->samples.n = p->values.n = 0;
		live_state(l, &now);
		while (bound && now.bytes > bound + bound / 4) { /* the keeper is at it */
			usleep(1000);
			live_state(l, &now);
		}
	}
}

static void test_thinning(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct live *l = model(60 * SECOND, 64 << 20);
	struct live_query all = { 0 }, exact = { .filter = { .from = 3595 * SECOND } },
			  old = { .filter = { .from = 101 * SECOND, .to = 102 * SECOND } };
	struct live_round r = { p, 0, 3600 * SECOND };
	const struct live_snapshot *s;
	struct live_state now;

	day(p, l, 3600, 4, 0);
	assert_int_equal(live_end(l, &r), 0);
	live_state(l, &now);
	assert_int_equal(now.phase, LIVE_ENDED);
	assert_int_equal(now.forgotten, 0);
	assert_true(now.samples <
		    8000); /* of 72000: a minute exact, six octaves of 60 slots of 4 stacks */
	assert_true(now.exact_from >= 3500 * SECOND);
	s = snap(l, &all);
	assert_int_equal(profile_total(s->profile, 0), 72000);
	assert_true(s->grain >= 32 * SECOND);
	live_snapshot_unref(s);
	s = snap(l, &exact);
	assert_int_equal(profile_total(s->profile, 0), 100);
	assert_int_equal(s->grain, 0);
	live_snapshot_unref(s);
	s = snap(l, &old); /* it says what range that is, and holds all of it */
	assert_true(s->from <= 101 * SECOND && s->to >= 102 * SECOND && s->grain > 0);
	assert_int_equal(profile_total(s->profile, 0), 20 * (s->to - s->from) / SECOND);
	live_snapshot_unref(s);
	live_free(l);
	profile_free(p);
}

/* Every stack is a new one: nothing can be thinned, so the oldest goes and is counted. */
static void test_bound(void **state)
{
	enum { BOUND = 1 << 20 };
	struct profile *p = profile_new("samples", "count");
	struct live *l = model(60 * SECOND, BOUND);
	struct live_query all = { 0 };
	const struct live_snapshot *s;
	struct live_state now;

	/* The maps follow the source's tables: 40000 rows of each. */
	day(p, l, 2000, 1u << 30, BOUND + (4 << 20));
	usleep(100000);
	s = snap(l, &all);
	live_state(l, &now);
	assert_true(profile_bytes(s->profile) < 2 * BOUND);
	assert_true(now.forgotten > 0 && now.since > 0);
	assert_int_equal(profile_total(s->profile, 0) + (int64_t)now.forgotten, 40000);
	live_snapshot_unref(s);
	live_free(l);
	profile_free(p);
}

/* -- readers and a writer
 * -------------------------------------------------------------------------- */

struct crowd {
	struct live *l;
	bool stop;
	uint64_t reads;
};

static void *reader(void *arg)
{
	struct crowd *c = arg;
	int64_t last = 0;
	bool stop = false;

	while (!stop) { /* once more when all is over */
		struct live_query q = { 0 };
		const struct live_snapshot *s = NULL;
		int64_t total;

		stop = __atomic_load_n(&c->stop, __ATOMIC_ACQUIRE);
		if (live_snapshot(c->l, &q, &s, NULL))
			break;
		total = profile_total(s->profile, 0);
		if (total < last || (uint64_t)total != s->state.samples)
			break;
		last = total;
		__atomic_add_fetch(&c->reads, 1, __ATOMIC_RELAXED);
		live_snapshot_unref(s);
	}
	return (void *)last;
}

static void test_crowd(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct crowd c = { .l = model(0, 0) };
	uint32_t task = profile_task(p, 1, 1, "a", "a"), first = 0;
	struct live_state now;
	pthread_t threads[3];
	int64_t one = 1;
	void *last;

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, &c), 0);
	for (uint32_t round = 0; round < 200; round++) {
		struct live_round r = { p, first, round * SECOND };
		struct profile_sample s = { .task = task, .time = round };

		for (uint32_t i = 0; i < 50; i++) {
			char name[32];

			snprintf(name, sizeof(name), "f%u", round * 7 + i);
			s.stack = profile_push(p, 0, profile_frame_text(p, name, FRAME_USER));
			profile_sample(p, &s, &one);
		}
		first += live_take(c.l, &r);
		usleep(500);
	}
	assert_int_equal(live_end(c.l, &(struct live_round){ p, first, 200 * SECOND }), 0);
	__atomic_store_n(&c.stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &last);
		assert_int_equal((intptr_t)last, 10000); /* whoever looked last has seen all */
	}
	live_state(c.l, &now);
	assert_int_equal(now.samples, 10000);
	assert_true(c.reads > 3);
	live_free(c.l);
	profile_free(p);
}

/* -- what is drawn from snapshots
 * ------------------------------------------------------------------ */

static void test_last_and_decay(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_sample s = { .task = profile_task(p, 1, 1, "a", "a") };
	struct live *l = model(0, 0);
	struct live_query last = { .last = 10 * SECOND }, decay = { .half_life = 10 * SECOND };
	struct live_round r = { p, 0, 100 * SECOND };
	const struct live_snapshot *a, *b;
	int64_t value = 1000;

	s.stack = profile_push(p, 0, profile_frame_text(p, "f", FRAME_USER));
	for (s.time = 0; s.time < 100 * SECOND; s.time += 10 * SECOND)
		profile_sample(p, &s, &value);
	live_take(l, &r);
	a = snap(l, &last);
	b = snap(l, &decay);
	assert_int_equal(profile_total(a->profile, 0), 1000);
	assert_int_equal(b->profile->samples.n, 1);
	assert_in_range(profile_total(b->profile, 0), 998, 1000); /* 1/2 + 1/4 + .. */
	live_snapshot_unref(a);
	a = snap(l, &last); /* the same moment: shared */
	b = (live_snapshot_unref(b), snap(l, &last));
	assert_ptr_equal(a, b);
	live_snapshot_unref(a);
	live_snapshot_unref(b);
	live_free(l);
	profile_free(p);
}

static void test_heat(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_sample s = { 0 };
	struct heat_opts o = { .value = UINT32_MAX, .columns = 10 };
	static const uint64_t times[] = { 0,          99999999,   100000000,
					  2500000000, 2500000000, PROFILE_NO_TIME };
	struct heat *h;
	int64_t value = 3;

	for (size_t i = 0; i < 6; i++) {
		s.time = times[i];
		profile_sample(p, &s, &value);
	}
	assert_int_equal(heat_new(p, &o, &h), 0);
	assert_int_equal(h->rows, 3);
	assert_int_equal(heat_cell(h, 0, 0), 6);
	assert_int_equal(heat_cell(h, 0, 1), 3);
	assert_int_equal(heat_cell(h, 2, 5), 6);
	assert_int_equal(h->most, 6);
	assert_int_equal(h->untimed, 3);
	heat_free(h);
	o.grain = SECOND; /* known to the second only: spread over it, and the sum stays */
	assert_int_equal(heat_new(p, &o, &h), 0);
	assert_int_equal(heat_cell(h, 0, 9) + heat_cell(h, 0, 0), 2);
	value = 0;
	for (uint32_t i = 0; i < h->rows * h->columns; i++)
		value += h->cells[i];
	assert_int_equal(value, 15);
	heat_free(h);
	o = (struct heat_opts){ .value = UINT32_MAX, .columns = 10, .max_rows = 2 };
	assert_int_equal(heat_new(p, &o, &h), 0);
	assert_int_equal(h->row, 2 * SECOND);
	assert_int_equal(h->rows, 2);
	heat_free(h);
	o.columns = 0;
	assert_int_equal(heat_new(p, &o, &h), -EINVAL);
	profile_free(p);
}

static void test_shares(void **state)
{
	struct profile *p = waits_example_wall();
	struct shares *s;
	int64_t total = 0;

	assert_int_equal(shares_new(p, UINT32_MAX, &s), 0);
	assert_int_equal(s->total, profile_total(p, p->default_value));
	for (size_t i = 0; i < s->rows.n; i++) {
		const struct share_row *r = &s->rows.at[i];
		int64_t groups = 0;

		for (int g = 0; g < SHARES_GROUPS; g++)
			groups += r->group[g];
		assert_int_equal(groups, r->total);
		total += r->tid ? 0 : r->total;
	}
	assert_int_equal(total, s->total);
	assert_int_equal(s->rows.at[0].pid, 500);
	assert_int_equal(s->rows.at[0].tid, 0);
	assert_int_equal(s->rows.at[1].pid, 500);
	assert_true(s->rows.at[1].tid && s->rows.at[1].total >= s->rows.at[2].total);
	assert_true(s->rows.at[0].group[WAIT_GROUP_RUNNING] > 0);
	assert_true(s->rows.at[0].group[WAIT_GROUP_BLOCKED] > 0);
	shares_free(s);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),         cmocka_unit_test(test_own_filter),
		cmocka_unit_test(test_late_names),
		cmocka_unit_test(test_generated_code), cmocka_unit_test(test_grain),
		cmocka_unit_test(test_thinning),       cmocka_unit_test(test_bound),
		cmocka_unit_test(test_crowd),          cmocka_unit_test(test_last_and_decay),
		cmocka_unit_test(test_heat),           cmocka_unit_test(test_shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
