/* filter_test.c - filters and merges against the same thing done to plain lists of samples. */
#include <errno.h>

#include "truth_text.h"
#include "profile/filter.h"

/* What a filter says, in a form that can be judged without the model: plain words, not regexes. */
struct words {
	const char *comm, *keep, *drop, *focus;
};

static bool frame_says(int frame, const char *word)
{
	for (int l = 0; l < truth_n_lines(frame); l++)
		if (strstr(truth_label(frame, l), word))
			return true;
	return false;
}

static bool stack_says(const struct truth_sample *s, const char *word)
{
	for (int i = 0; i < s->depth; i++)
		if (frame_says(s->frames[i], word))
			return true;
	return false;
}

static bool in(const uint32_t *set, size_t n, uint32_t v)
{
	for (size_t i = 0; i < n; i++)
		if (set[i] == v)
			return true;
	return !set;
}

static bool sample_stays(const struct profile_filter *f, const struct words *w,
			 const struct truth_sample *s)
{
	const struct truth_task *k = &truth_tasks[s->task];

	if (!in(f->pids, f->n_pids, k->pid) || !in(f->tids, f->n_tids, k->tid) ||
	    !in(f->cpus, f->n_cpus, s->cpu))
		return false;
	if (w->comm && !strstr(k->comm, w->comm) && !strstr(k->process, w->comm))
		return false;
	if ((f->from || f->to) && s->time == PROFILE_NO_TIME)
		return false;
	if (s->time < f->from || (f->to && s->time >= f->to))
		return false;
	return (!w->keep || stack_says(s, w->keep)) && !(w->drop && stack_says(s, w->drop)) &&
	       (!w->focus || stack_says(s, w->focus));
}

static struct truth_sample sample_left(const struct profile_filter *f, const struct words *w,
				       const struct truth_sample *s)
{
	struct truth_sample left = *s;
	int i = 0;

	left.depth = 0;
	while (w->focus && !frame_says(s->frames[i], w->focus))
		i++;
	for (; i < s->depth; i++) {
		int kind = s->frames[i] == TRUTH_CUT ? FRAME_CUT : truth_frames[s->frames[i]].kind;
		bool kernel = kind == FRAME_KERNEL;
		bool user = kind == FRAME_USER || kind == FRAME_JIT || kind == FRAME_CUT;

		if (!(kernel && f->no_kernel) && !(user && f->no_user))
			left.frames[left.depth++] = s->frames[i];
	}
	if (left.time != PROFILE_NO_TIME)
		left.time -= f->from;
	return left;
}

/* Nothing is carried over that no sample stands on. */
static void check_all_used(const struct profile *p)
{
	bool *used = calloc(p->nodes.n, sizeof(*used));

	assert_non_null(used);
	for (size_t i = 0; i < p->samples.n; i++)
		for (uint32_t n = p->samples.at[i].stack; n; n = p->nodes.at[n].parent)
			used[n] = true;
	for (size_t i = 1; i < p->nodes.n; i++)
		assert_true(used[i]);
	free(used);
}

/* What a session would have counted, had it seen these samples only. Cuts are all in one place. */
struct counts {
	uint64_t user, whole, kernel, cut;
};

static void count_sample(struct counts *c, const struct profile_filter *f,
			 const struct truth_sample *s)
{
	bool user = false, kernel = false, cut = s->depth && s->frames[0] == TRUTH_CUT;
	uint64_t n = (uint64_t)s->values[0];

	for (int i = 0; i < s->depth; i++) {
		int kind = truth_kind(s->frames[i], truth_n_lines(s->frames[i]) - 1);

		user |= kind == FRAME_USER || kind == FRAME_JIT;
		kernel |= kind == FRAME_KERNEL;
	}
	c->kernel += kernel && !f->no_kernel ? n : 0;
	if (f->no_user)
		return;
	c->user += user || cut ? n : 0;
	c->whole += user && !cut ? n : 0;
	c->cut += cut ? n : 0;
}

static void check_counts(const struct profile *part, const struct counts *c)
{
	const struct ledger *l = &part->ledger;

	assert_int_equal(l->n[LEDGER_STACKS_USER], c->user);
	assert_int_equal(l->n[LEDGER_STACKS_WHOLE], c->whole);
	assert_int_equal(l->n[LEDGER_STACKS_KERNEL], c->kernel);
	assert_int_equal(l->n[LEDGER_KERNEL_CUT], 0);
	assert_int_equal(l->cuts.n, c->cut > 0);
	if (!c->cut)
		return;
	assert_int_equal(l->cuts.at[0].count, c->cut);
	assert_string_equal(ledger_end_key(l->cuts.at[0].reason), "table_pending");
	assert_string_equal(profile_text(part, part->objects.at[l->cuts.at[0].object].path),
			    "/usr/bin/app");
}

static void check_filter(const struct truth *t, const struct profile *p,
			 const struct profile_filter *f, const struct words *w)
{
	struct truth_text a = {0}, b = {0};
	struct profile *part;
	struct counts c = {0};
	uint64_t gone = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct truth_sample s;

		if (!sample_stays(f, w, &t->at[i])) {
			gone += (uint64_t)t->at[i].values[0];
			continue;
		}
		s = sample_left(f, w, &t->at[i]);
		text_put_truth(&a, &s, 0);
		count_sample(&c, f, &t->at[i]);
	}
	assert_int_equal(profile_filter(p, f, &part, NULL), 0);
	text_put_profile(&b, part);
	text_assert_equal(&a, &b);
	check_all_used(part);
	assert_int_equal(part->ledger.n[LEDGER_FILTERED], p->ledger.n[LEDGER_FILTERED] + gone);
	assert_int_equal(part->ledger.n[LEDGER_TAKEN], p->ledger.n[LEDGER_TAKEN] - gone);
	assert_int_equal(part->ledger.n[LEDGER_LOST_RING], 3);
	check_counts(part, &c);
	profile_free(part);
}

static uint32_t object_of(const struct profile *p, const char *path)
{
	for (uint32_t i = 1; i < p->objects.n; i++)
		if (!strcmp(profile_text(p, p->objects.at[i].path), path))
			return i;
	return 0;
}

static void filters_equal_brute_force(void **state)
{
	static const char *const words[] = {NULL, "main", "vfs", "recurse", "[app]", "cut", "copy"};
	static const uint32_t pids[] = {10, 30}, tids[] = {11, 31, 20}, cpus[] = {0, 3};
	struct truth t = truth_new(1500, true);
	struct profile *p = truth_profile(&t);
	struct regex *r[7] = {0}, *app;
	struct counts all = {0};

	p->ledger.n[LEDGER_TAKEN] = (uint64_t)profile_total(p, 0);
	p->ledger.n[LEDGER_LOST_RING] = 3;
	for (size_t i = 0; i < t.n; i++)
		count_sample(&all, &(struct profile_filter){0}, &t.at[i]);
	p->ledger.n[LEDGER_STACKS_USER] = all.user;
	p->ledger.n[LEDGER_STACKS_WHOLE] = all.whole;
	p->ledger.n[LEDGER_STACKS_KERNEL] = all.kernel;
	ledger_cut(&p->ledger, 2, object_of(p, "/usr/bin/app"), all.cut);
	assert_true(all.cut && all.whole < all.user);
	assert_int_equal(regex_new("app", &app, NULL), 0);
	for (int i = 1; i < 7; i++)
		assert_int_equal(regex_new(i == 4 ? "\\[app\\]" : words[i], &r[i], NULL), 0);
	for (int i = 0; i < 600; i++) {
		uint32_t k = truth_random(3) ? 0 : truth_random(7),
			 d = truth_random(2) ? 0 : truth_random(7);
		uint32_t o = truth_random(2) ? 0 : truth_random(7), on = truth_random(128);
		struct words w = {on & 1 ? "app" : NULL, words[k], words[d], words[o]};
		struct profile_filter f = {
			.comm = on & 1 ? app : NULL,
			.keep = r[k],
			.drop = r[d],
			.focus = r[o],
			.no_kernel = on & 2,
			.no_user = on & 4,
		};

		if ((on & 24) == 8)
			f.pids = pids, f.n_pids = 2;
		if ((on & 24) == 16)
			f.tids = tids, f.n_tids = 3;
		if ((on & 96) == 32)
			f.cpus = cpus, f.n_cpus = 2;
		if (truth_random(3) == 0)
			f.from = truth_random(500);
		if (truth_random(3) == 0)
			f.to = 300 + truth_random(800);
		check_filter(&t, p, &f, &w);
	}
	for (int i = 1; i < 7; i++)
		regex_free(r[i]);
	regex_free(app);
	profile_free(p);
	free(t.at);
}

/* Which lines remain, and of whom; kinds aside: what was inlined stands in for what it was in. */
static void text_put_shown(struct truth_text *to, const struct truth_sample *s, uint32_t hidden)
{
	struct buf b = {0};

	buf_printf(&b, "%" PRId64, s->values[0]);
	for (int i = 0; i < s->depth; i++)
		for (int l = truth_n_lines(s->frames[i]); l-- > 0;)
			if (!(hidden >> truth_kind(s->frames[i], l) & 1))
				buf_printf(&b, ";%s", truth_label(s->frames[i], l));
	text_add(to, &b);
}

static void text_put_labels(struct truth_text *to, const struct profile *p, size_t sample)
{
	uint32_t path[TRUTH_DEPTH], n = 0;
	char scratch[256];
	struct buf b = {0};

	for (uint32_t i = p->samples.at[sample].stack; i; i = p->nodes.at[i].parent)
		path[n++] = p->nodes.at[i].frame;
	buf_printf(&b, "%" PRId64, profile_values(p, sample)[0]);
	while (n-- > 0)
		for (uint32_t l = profile_frame_lines(p, path[n]); l-- > 0;)
			buf_printf(&b, ";%s", profile_line_label(p, path[n], l, scratch, sizeof(scratch)));
	text_add(to, &b);
}

static void hidden_kinds_leave_their_callers(void **state)
{
	struct truth t = truth_new(800, true);
	struct profile *p = truth_profile(&t), *part;

	p->ledger.n[LEDGER_STACKS_USER] = p->ledger.n[LEDGER_STACKS_KERNEL] = t.n * 5;
	for (uint32_t hidden = 0; hidden < 1 << FRAME_KIND_MAX; hidden++) {
		struct profile_filter f = {.hidden = hidden};
		struct truth_text a = {0}, b = {0};

		for (size_t i = 0; i < t.n; i++)
			text_put_shown(&a, &t.at[i], hidden);
		assert_int_equal(profile_filter(p, &f, &part, NULL), 0);
		for (size_t i = 0; i < part->samples.n; i++)
			text_put_labels(&b, part, i);
		text_assert_equal(&a, &b);
		check_all_used(part);
		assert_int_equal(part->ledger.n[LEDGER_FILTERED], 0);
		assert_int_equal(!part->ledger.n[LEDGER_STACKS_KERNEL], hidden >> FRAME_KERNEL & 1);
		profile_free(part);
	}
	profile_free(p);
	free(t.at);
}

static void a_window_has_its_own_clock(void **state)
{
	struct profile *p = profile_new("samples", "count"), *part;
	struct profile_filter f = {.from = 100, .to = 600};

	p->meta.start_wall = 5000;
	p->meta.start_mono = 70;
	p->meta.duration = 1000;
	p->meta.tool = profile_str(p, "waggle");
	assert_int_equal(profile_filter(p, &f, &part, NULL), 0);
	assert_int_equal(part->meta.start_wall, 5100);
	assert_int_equal(part->meta.start_mono, 170);
	assert_int_equal(part->meta.duration, 500);
	assert_string_equal(profile_text(part, part->meta.tool), "waggle");
	profile_free(part);
	f = (struct profile_filter){.from = 2000};
	assert_int_equal(profile_filter(p, &f, &part, NULL), 0);
	assert_int_equal(part->meta.duration, 0);
	profile_free(part);
	profile_free(p);
}

/* -- merge -- */

static struct profile *started(const struct truth *t, uint64_t wall, const char *host)
{
	struct profile *p = truth_profile(t);

	p->meta.start_wall = wall;
	p->meta.duration = 1000;
	p->meta.host = profile_str(p, host);
	p->meta.n_cpus = 4;
	p->ledger.n[LEDGER_TAKEN] = t->n;
	assert_int_equal(ledger_cut(&p->ledger, 2, object_of(p, "/usr/bin/app"), 7), 0);
	assert_int_equal(profile_count_unnamed(p), 0);
	return p;
}

static void check_merge(uint64_t wall_a, uint64_t wall_b, bool blank)
{
	struct truth a = truth_new(1000, true), b = truth_new(700, true);
	struct profile *pa = started(&a, wall_a, "one"), *pb = started(&b, wall_b, "two");
	struct profile *all = blank ? profile_new("samples", "count") : pa;
	struct truth_text want = {0}, got = {0};
	uint64_t first = wall_a < wall_b ? wall_a : wall_b, frames = pa->ledger.n[LEDGER_FRAMES];

	if (blank) {
		profile_value_type(all, "cpu", "nanoseconds");
		assert_int_equal(profile_merge(all, pa, NULL), 0);
		assert_int_equal(all->meta.start_wall, wall_a);
		assert_string_equal(profile_text(all, all->meta.host), "one");
	}
	assert_int_equal(profile_merge(all, pb, NULL), 0);
	for (size_t i = 0; i < a.n; i++)
		text_put_truth(&want, &a.at[i], wall_a - first);
	for (size_t i = 0; i < b.n; i++)
		text_put_truth(&want, &b.at[i], wall_b - first);
	text_put_profile(&got, all);
	text_assert_equal(&want, &got);
	assert_int_equal(all->meta.start_wall, first);
	assert_int_equal(all->meta.duration, 1000 + (wall_a > wall_b ? wall_a : wall_b) - first);
	assert_int_equal(all->meta.host, 0);
	assert_int_equal(all->meta.n_cpus, 8);
	assert_int_equal(all->ledger.n[LEDGER_TAKEN], 1700);
	assert_int_equal(all->ledger.cuts.at[0].count, 14);
	assert_int_equal(all->ledger.cuts.n, 1);
	assert_int_equal(all->ledger.n[LEDGER_FRAMES], frames); /* the same ones in both */
	if (blank)
		profile_free(pa);
	profile_free(all);
	profile_free(pb);
	free(a.at);
	free(b.at);
}

static void merges_equal_concatenation(void **state)
{
	check_merge(5000, 5400, false);
	check_merge(5400, 5000, false);
	check_merge(5000, 5000, true);
	check_merge(9000, 5000, true);
}

/* Nothing new comes of merging a profile's copy: every row is found again. */
static void merging_twice_adds_no_rows(void **state)
{
	struct truth t = truth_new(500, true);
	struct profile *a = truth_profile(&t), *b = truth_profile(&t);
	size_t nodes = a->nodes.n, frames = a->frames.n, strings = a->strings.n;
	int64_t total = profile_total(a, 1);

	assert_int_equal(profile_merge(b, a, NULL), 0);
	assert_int_equal(b->frames.n, frames);
	assert_int_equal(b->nodes.n, nodes);
	assert_int_equal(b->strings.n, strings);
	assert_int_equal(b->tasks.n, a->tasks.n);
	assert_int_equal(b->label_sets.n, a->label_sets.n);
	assert_int_equal(profile_total(b, 1), 2 * total);
	profile_free(a);
	profile_free(b);
	free(t.at);
}

/* One side has the names: with a build id they are the other's too, without one they are not. */
static void names_cross_by_build_id(void **state)
{
	for (int known = 0; known < 2; known++) {
		struct profile *p[2] = {profile_new("s", "c"), profile_new("s", "c")};
		uint32_t f[2];
		int64_t one = 1;

		for (int i = 0; i < 2; i++) {
			struct profile_object o = {.kind = OBJECT_FILE,
						   .path = profile_str(p[i], "/bin/x"),
						   .build_id =
							   profile_str(p[i], known ? "ab" : "")};
			struct profile_line l = {.function = profile_str(p[i], "fn")};
			struct profile_sample s = {0};

			f[i] = profile_frame_at(p[i], profile_object(p[i], &o), 8, FRAME_USER);
			if (i)
				profile_frame_set_lines(p[i], f[i], &l, 1);
			s.stack = profile_push(p[i], 0, f[i]);
			assert_int_equal(profile_sample(p[i], &s, &one), 0);
		}
		assert_int_equal(profile_merge(p[0], p[1], NULL), 0);
		assert_int_equal(p[0]->ledger.n[LEDGER_FRAMES], known ? 1 : 2);
		assert_int_equal(p[0]->ledger.n[LEDGER_FRAMES_UNNAMED], known ? 0 : 1);
		profile_free(p[0]);
		profile_free(p[1]);
	}
}

static void values_are_matched_by_name(void **state)
{
	struct profile *a = profile_new("samples", "count"), *b = profile_new("cpu", "nanoseconds");
	int64_t va[] = {1, 10}, vb[] = {20, 2};
	struct profile_sample s = {0};
	struct err e = {0};

	assert_int_equal(profile_merge(a, b, &e), -EINVAL);
	assert_non_null(strstr(e.text, "samples/count"));
	assert_int_equal(profile_merge(a, a, &e), -EINVAL);
	profile_value_type(a, "cpu", "nanoseconds");
	profile_value_type(b, "samples", "count");
	assert_int_equal(profile_sample(a, &s, va), 0);
	assert_int_equal(profile_sample(b, &s, vb), 0);
	assert_int_equal(profile_merge(a, b, &e), 0);
	assert_int_equal(profile_total(a, 0), 3);
	assert_int_equal(profile_total(a, 1), 30);
	profile_free(a);
	profile_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_equal_brute_force),
		cmocka_unit_test(hidden_kinds_leave_their_callers),
		cmocka_unit_test(a_window_has_its_own_clock),
		cmocka_unit_test(merges_equal_concatenation),
		cmocka_unit_test(merging_twice_adds_no_rows),
		cmocka_unit_test(names_cross_by_build_id),
		cmocka_unit_test(values_are_matched_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
