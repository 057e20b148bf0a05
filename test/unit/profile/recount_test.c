/* recount_test.c - the counts of stacks of a part, against those of the samples it was made from:
 * reasons and places of cuts, marks that are no stacks, kernel stacks at the kernel's limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bpf/abi.h"
#include "profile/filter.h"

enum { REASONS = 3, PLACES = 3, TASKS = 4, ROWS = 800, KERNEL_LIMIT = 127 };

static const char *const paths[PLACES] = {"", "/bin/app", "/lib/libc.so.6"};
static const uint32_t reasons[REASONS] = {WALK_PENDING, WALK_GAP, WALK_NO_MAPPING};

/* One sample in words; cut is -1 or an index of reasons, place one of paths. */
struct row {
	int user, jit, kernel, cut, place;
	bool exec, offcpu;
	uint32_t task;
	int64_t n;
};

struct counts {
	uint64_t user, whole, kernel, kernel_cut, cuts[REASONS][PLACES];
};

static uint32_t below(uint32_t limit)
{
	static uint64_t seed = 7;

	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % limit;
}

static void rows_make(struct row *rows)
{
	for (int i = 0; i < ROWS; i++) {
		struct row *r = &rows[i];

		*r = (struct row){.cut = -1, .task = below(TASKS), .n = 1 + below(3)};
		r->kernel = below(2) ? 0 : (int)below(4);
		if (below(6) == 0)
			r->kernel = KERNEL_LIMIT - (int)below(2);
		if (below(8) == 0) {
			r->exec = true;
		} else if (below(8) == 0) {
			r->offcpu = true;
		} else {
			r->user = (int)below(3);
			r->jit = (int)below(2);
			r->cut = (int)below(2 * REASONS) - REASONS;
			r->cut = r->cut < 0 ? -1 : r->cut;
			r->place = (int)below(PLACES);
		}
	}
}

static uint32_t object(struct profile *p, int place)
{
	struct profile_object o = {.kind = OBJECT_FILE, .path = profile_str(p, paths[place])};

	return place ? profile_object(p, &o) : 0;
}

static uint32_t row_stack(struct profile *p, const struct row *r)
{
	uint32_t node = 0;

	if (r->cut >= 0)
		node = profile_push(p, node,
				    profile_frame_cut(p, reasons[r->cut], object(p, r->place)));
	if (r->exec)
		node = profile_push(p, node, profile_frame_text(p, "[exec]", FRAME_KERNEL));
	if (r->offcpu)
		node = profile_push(p, node, profile_frame_text(p, "[blocked]", FRAME_OFFCPU));
	for (int i = 0; i < r->user; i++)
		node = profile_push(p, node, profile_frame_text(p, "user", FRAME_USER));
	for (int i = 0; i < r->jit; i++)
		node = profile_push(p, node, profile_frame_text(p, "jit", FRAME_JIT));
	for (int i = 0; i < r->kernel; i++)
		node = profile_push(p, node, profile_frame_text(p, "kernel", FRAME_KERNEL));
	return node;
}

static void count_row(struct counts *c, const struct row *r, bool no_user, bool no_kernel)
{
	uint64_t n = (uint64_t)r->n;
	bool user = r->user || r->jit || r->cut >= 0;

	if (!no_kernel && r->kernel) {
		c->kernel += n;
		c->kernel_cut += r->kernel == KERNEL_LIMIT ? n : 0;
	}
	if (no_user || !user)
		return;
	c->user += n;
	if (r->cut < 0)
		c->whole += n;
	else
		c->cuts[r->cut][r->place] += n;
}

static void counts_set(struct profile *p, const struct counts *c)
{
	uint64_t *n = p->ledger.n;

	n[LEDGER_STACKS_USER] = c->user;
	n[LEDGER_STACKS_WHOLE] = c->whole;
	n[LEDGER_STACKS_KERNEL] = c->kernel;
	n[LEDGER_KERNEL_CUT] = c->kernel_cut;
	for (int i = 0; i < REASONS; i++)
		for (int j = 0; j < PLACES; j++)
			if (c->cuts[i][j])
				assert_int_equal(ledger_cut(&p->ledger, reasons[i], object(p, j),
							    c->cuts[i][j]),
						 0);
}

static void counts_check(struct profile *p, const struct counts *c)
{
	const struct ledger *l = &p->ledger;
	size_t n = 0;

	assert_int_equal(l->n[LEDGER_STACKS_USER], c->user);
	assert_int_equal(l->n[LEDGER_STACKS_WHOLE], c->whole);
	assert_int_equal(l->n[LEDGER_STACKS_KERNEL], c->kernel);
	assert_int_equal(l->n[LEDGER_KERNEL_CUT], c->kernel_cut);
	for (int i = 0; i < REASONS; i++)
		for (int j = 0; j < PLACES; j++) {
			uint64_t count = 0, place = object(p, j);

			for (size_t k = 0; k < l->cuts.n; k++)
				if (l->cuts.at[k].reason == reasons[i] &&
				    l->cuts.at[k].object == place)
					count += l->cuts.at[k].count;
			assert_int_equal(count, c->cuts[i][j]);
			n += c->cuts[i][j] > 0;
		}
	assert_int_equal(l->cuts.n, n);
}

static struct profile *rows_profile(const struct row *rows)
{
	struct profile *p = profile_new("samples", "count");

	assert_non_null(p);
	for (int i = 0; i < ROWS; i++) {
		struct profile_sample s = {.time = (uint64_t)i, .stack = row_stack(p, &rows[i])};

		s.task = profile_task(p, 1 + rows[i].task, 1 + rows[i].task, "t", "t");
		assert_int_equal(profile_sample(p, &s, &rows[i].n), 0);
	}
	assert_false(p->oom);
	return p;
}

static bool row_stays(const struct profile_filter *f, const struct row *r, uint64_t time)
{
	return (!f->pids || *f->pids == 1 + r->task) && time >= f->from && (!f->to || time < f->to);
}

static void parts_are_counted_anew(void **state)
{
	static struct row rows[ROWS];
	struct counts all = {0}, c;
	struct profile *p, *part;

	rows_make(rows);
	p = rows_profile(rows);
	for (int i = 0; i < ROWS; i++)
		count_row(&all, &rows[i], false, false);
	counts_set(p, &all);
	assert_true(all.kernel_cut && all.whole && all.whole < all.user);
	for (int round = 0; round < 200; round++) {
		uint32_t on = below(16), pid = 1 + below(TASKS + 1);
		struct profile_filter f = {.no_user = on & 1, .no_kernel = on & 2};

		if (on & 4)
			f.pids = &pid, f.n_pids = 1;
		if (on & 8) {
			f.from = below(ROWS);
			f.to = f.from + 1 + below(ROWS);
		}
		c = (struct counts){0};
		for (int i = 0; i < ROWS; i++)
			if (row_stays(&f, &rows[i], (uint64_t)i))
				count_row(&c, &rows[i], f.no_user, f.no_kernel);
		assert_int_equal(profile_filter(p, &f, &part, NULL), 0);
		counts_check(part, &c);
		profile_free(part);
	}
	profile_free(p);
}

/* Nobody counted: there is nothing to count anew. */
static void imported_profiles_gain_nothing(void **state)
{
	static struct row rows[ROWS];
	struct profile_filter f = {.to = ROWS / 2};
	struct counts none = {0};
	struct profile *p, *part;

	rows_make(rows);
	p = rows_profile(rows);
	p->ledger.n[LEDGER_TAKEN] = ROWS;
	assert_int_equal(profile_filter(p, &f, &part, NULL), 0);
	counts_check(part, &none);
	profile_free(part);
	/* Merged with a profile whose three user stacks were counted, it adds no more than those.
	 */
	p->ledger.n[LEDGER_STACKS_USER] = p->ledger.n[LEDGER_STACKS_WHOLE] = 3;
	assert_int_equal(profile_filter(p, &f, &part, NULL), 0);
	none.user = none.whole = 3;
	counts_check(part, &none);
	profile_free(part);
	profile_free(p);
}

static void focus_does_not_mend_a_cut(void **state)
{
	const struct row row = {.user = 2, .cut = 1, .place = 2, .n = 4};
	struct profile *p = profile_new("samples", "count"), *part;
	struct profile_sample s = {.stack = row_stack(p, &row)};
	struct profile_filter f = {0};
	struct counts c = {0};
	struct regex *user;

	count_row(&c, &row, false, false);
	counts_set(p, &c);
	assert_int_equal(profile_sample(p, &s, &row.n), 0);
	assert_int_equal(regex_new("user", &user, NULL), 0);
	f.focus = user;
	assert_int_equal(profile_filter(p, &f, &part, NULL), 0);
	counts_check(part, &c);
	assert_int_equal(part->nodes.n, 3); /* and the mark itself is out of sight */
	regex_free(user);
	profile_free(part);
	profile_free(p);
}

static void marks_say_their_reason(void **state)
{
	static const char *const bad[] = {"",          "[cut: ",          "[cut: ]",
					  "[cut: gap", "[cut: nonsense]", "cut: gap]"};
	struct profile *p = profile_new("samples", "count");
	char text[100];

	for (uint32_t i = 0; i < WALK_END_MAX; i++)
		assert_int_equal(profile_frame_end(p, profile_frame_cut(p, i, 0)), i);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_true(profile_cut_end(bad[i], strlen(bad[i])) == UINT32_MAX);
		assert_true(profile_frame_end(p, profile_frame_text(p, bad[i], FRAME_CUT)) ==
			    UINT32_MAX);
	}
	memset(text, ' ', sizeof(text));
	memcpy(text, "[cut: ", 6);
	text[sizeof(text) - 1] = ']';
	assert_true(profile_cut_end(text, sizeof(text)) == UINT32_MAX);
	assert_true(profile_frame_end(p, profile_frame_text(p, "[cut: gap]", FRAME_USER)) ==
		    UINT32_MAX);
	assert_true(profile_frame_end(p, profile_frame_at(p, 0, 8, FRAME_CUT)) == UINT32_MAX);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_counted_anew),
		cmocka_unit_test(imported_profiles_gain_nothing),
		cmocka_unit_test(focus_does_not_mend_a_cut),
		cmocka_unit_test(marks_say_their_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
