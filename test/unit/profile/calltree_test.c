/* calltree_test.c - call trees and function tables against sums written down per path, sample by
 * sample, without the model.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "truth.h"
#include "base/buf.h"
#include "profile/calltree.h"

#define TOKENS 64

struct expected { /* per path */
	struct intern paths;
	struct {
		int64_t self, total;
		int object;
	} at[200000]; /* object: -1 none yet, -2 mixed */
};

static struct expected *expected_new(void)
{
	struct expected *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	return e;
}

static void expected_free(struct expected *e)
{
	intern_free(&e->paths);
	free(e);
}

struct tokens {
	char text[TOKENS][80]; /* "label<kind>" from the root */
	const char *object[TOKENS];
	int n;
};

static void token_add(struct tokens *k, const char *label, int kind, const char *object)
{
	snprintf(k->text[k->n], sizeof(k->text[0]), "%s<%d>", label, kind);
	k->object[k->n++] = object;
}

static void token_line(struct tokens *k, const struct calltree_opts *o, int frame, int line)
{
	static const char *const suffix[] = {"", "_[k]", "_[j]", "_[i]", "", ""};
	const char *label = truth_label(frame, line);
	int kind = truth_kind(frame, line);
	char text[64];

	if (o->addresses && frame != TRUTH_CUT && !truth_frames[frame].lines[0])
		snprintf(text, sizeof(text), "%.*s+0x%" PRIx64 "]%s", (int)strlen(label) - 1, label,
			 truth_frames[frame].offset, o->annotate ? suffix[kind] : "");
	else
		snprintf(text, sizeof(text), "%s%s", label, o->annotate ? suffix[kind] : "");
	token_add(k, text, kind, truth_path(frame));
}

static void token_tasks(struct tokens *k, const struct calltree_opts *o, uint32_t task)
{
	const struct truth_task *t = &truth_tasks[task];
	char text[64];

	if (!task || o->root == ROOT_NOTHING)
		return;
	if (o->root == ROOT_COMM) {
		token_add(k, t->comm, FRAME_KIND_MAX, "");
		return;
	}
	snprintf(text, sizeof(text), "%s (%u)", t->process, t->pid);
	token_add(k, text, FRAME_KIND_MAX, "");
	snprintf(text, sizeof(text), "%s (%u)", t->comm, t->tid);
	if (o->root == ROOT_THREAD)
		token_add(k, text, FRAME_KIND_MAX, "");
}

static bool is_kernel(int frame)
{
	return frame != TRUTH_CUT && truth_frames[frame].kind == FRAME_KERNEL;
}

static bool is_user(int frame)
{
	return frame != TRUTH_CUT &&
	       (truth_frames[frame].kind == FRAME_USER || truth_frames[frame].kind == FRAME_JIT);
}

static void token_all(struct tokens *k, const struct calltree_opts *o, const struct truth_sample *s)
{
	int frames[TRUTH_DEPTH], n = 0;

	k->n = 0;
	token_add(k, "all", FRAME_KIND_MAX, "");
	token_tasks(k, o, s->task);
	for (int i = 0; i < s->depth; i++)
		if (!o->no_cut || s->frames[i] != TRUTH_CUT)
			frames[n++] = s->frames[i];
	for (int i = 0; i < n; i++) {
		int f = o->inverted ? frames[n - 1 - i] : frames[i];
		int before = !i ? -1 : o->inverted ? frames[n - i] : frames[i - 1];
		int lines = truth_n_lines(f);

		if (o->delimited && before >= 0 &&
		    (o->inverted ? is_user(f) && is_kernel(before)
				 : is_user(before) && is_kernel(f)))
			token_add(k, "-", FRAME_KIND_MAX, "");
		for (int l = 0; l < lines; l++)
			token_line(k, o, f, o->inverted ? l : lines - 1 - l);
	}
}

static uint32_t expected_path(struct expected *e, struct buf *b, const char *token)
{
	uint32_t n = e->paths.n, id;

	buf_printf(b, "\n%s", token);
	id = intern_put(&e->paths, (char *)b->data, b->len);
	assert_true(id < 200000);
	if (e->paths.n != n)
		e->at[id].object = -1;
	return id;
}

static void expect_tree(struct expected *e, const struct truth *t, const struct calltree_opts *o)
{
	static struct tokens k;

	for (size_t i = 0; i < t->n; i++) {
		int64_t v = t->at[i].values[o->value];
		struct buf b = {0};
		uint32_t id = 0;

		token_all(&k, o, &t->at[i]);
		for (int j = 0; j < k.n && (v || !j); j++) {
			int object = (int)intern_puts(&e->paths, k.object[j]);

			id = expected_path(e, &b, k.text[j]);
			e->at[id].total += v;
			if (e->at[id].object == -1)
				e->at[id].object = object;
			else if (e->at[id].object != object)
				e->at[id].object = -2;
		}
		e->at[id].self += v;
		buf_free(&b);
	}
}

static uint32_t path_of(struct expected *e, const struct calltree *t, uint32_t node)
{
	uint32_t up[TOKENS];
	struct buf b = {0};
	int n = 0;
	uint32_t id;

	for (; node; node = t->nodes.at[node].parent)
		up[n++] = node;
	buf_puts(&b, "\nall<6>");
	while (n-- > 0)
		buf_printf(&b, "\n%s<%u>", calltree_name(t, up[n]), t->nodes.at[up[n]].kind);
	id = intern_find(&e->paths, (char *)b.data, b.len);
	buf_free(&b);
	return id;
}

/* Links are whole: every node is reached exactly once, below its parent. */
static void check_links(const struct calltree *t)
{
	size_t reached = 1;

	for (uint32_t i = 0; i < t->nodes.n; i++) {
		uint32_t n = 0;

		for (uint32_t c = t->nodes.at[i].first_child; c; c = t->nodes.at[c].next, n++)
			assert_int_equal(t->nodes.at[c].parent, i);
		assert_int_equal(n, t->nodes.at[i].n_children);
		reached += n;
	}
	assert_int_equal(reached, t->nodes.n);
}

static void check_tree(const struct truth *truth, const struct profile *p,
		       const struct calltree_opts *o)
{
	struct expected *e = expected_new();
	struct calltree *t;
	size_t paths = 0;

	expect_tree(e, truth, o);
	assert_int_equal(calltree_new(p, o, &t), 0);
	for (uint32_t i = 0; i < t->nodes.n; i++) {
		const struct calltree_node *n = &t->nodes.at[i];
		uint32_t id = path_of(e, t, i);

		assert_int_not_equal(id, INTERN_NONE);
		assert_int_equal(n->self, e->at[id].self);
		assert_int_equal(n->total, e->at[id].total);
		assert_string_equal(intern_get(&t->strings, n->object),
				    e->at[id].object < 0
					    ? ""
					    : intern_get(&e->paths, (uint32_t)e->at[id].object));
	}
	for (uint32_t i = 0; i < e->paths.n; i++)
		paths += intern_get(&e->paths, i)[0] == '\n';
	assert_int_equal(paths, t->nodes.n);
	check_links(t);
	calltree_sort(t, BY_TOTAL);
	check_links(t);
	calltree_free(t);
	expected_free(e);
}

static void trees_equal_direct_sums(void **state)
{
	for (int round = 0; round < 4; round++) {
		struct truth t = truth_new(round == 3 ? 3000 : 300, round & 1);
		struct profile *p = truth_profile(&t);

		for (int i = 0; i < 4 * 64; i++) {
			struct calltree_opts o = {
				.root = (enum calltree_root)(i / 64),
				.value = i & 1,
				.inverted = i & 2,
				.no_cut = i & 4,
				.annotate = i & 8,
				.delimited = i & 16,
				.addresses = i & 32,
			};

			if (round < 3 ? i % 3 == round : i % 37 == 0)
				check_tree(&t, p, &o);
		}
		profile_free(p);
		free(t.at);
	}
}

/* Every sample's node, also of samples that count nothing, is the end of its own path. */
static void samples_know_their_nodes(void **state)
{
	static struct tokens k;
	struct truth t = truth_new(500, true);
	struct profile *p = truth_profile(&t);

	for (int i = 0; i < 16; i++) {
		struct calltree_opts o = {.root = (enum calltree_root)(i / 4),
					  .value = i & 1,
					  .inverted = i & 2};
		struct calltree *tree;
		uint32_t *ends;

		assert_int_equal(calltree_new_mapped(p, &o, &tree, &ends), 0);
		for (size_t j = 0; j < t.n; j++) {
			uint32_t node = ends[j];
			char text[80];

			token_all(&k, &o, &t.at[j]);
			for (int n = k.n; n-- > 0; node = tree->nodes.at[node].parent) {
				snprintf(text, sizeof(text), "%s<%u>", calltree_name(tree, node),
					 tree->nodes.at[node].kind);
				assert_string_equal(text, k.text[n]);
				assert_int_equal(n == 0, node == 0);
			}
		}
		free(ends);
		calltree_free(tree);
	}
	profile_free(p);
	free(t.at);
}

/* How many of a sample's tokens are boxes of that width or more. */
static int seen_of(struct expected *e, const struct tokens *k, int64_t least)
{
	struct buf b = {0};
	int n = 1;

	buf_printf(&b, "\n%s", k->text[0]);
	for (; n < k->n; n++) {
		uint32_t id;

		buf_printf(&b, "\n%s", k->text[n]);
		id = intern_find(&e->paths, (char *)b.data, b.len);
		if (id == INTERN_NONE || e->at[id].total < least)
			break;
	}
	buf_free(&b);
	return n;
}

static void check_pruned(struct expected *e, const struct calltree *t, int64_t least)
{
	size_t wide = 0;

	check_links(t);
	for (uint32_t i = 0; i < t->nodes.n; i++) {
		const struct calltree_node *n = &t->nodes.at[i];
		int64_t below = 0;

		for (uint32_t c = n->first_child; c; c = t->nodes.at[c].next)
			below += t->nodes.at[c].total;
		assert_int_equal(n->total, e->at[path_of(e, t, i)].total);
		assert_true(!i || n->total >= least);
		assert_int_equal(n->self, n->total - below);
	}
	for (uint32_t i = 0; i < e->paths.n; i++)
		wide += intern_get(&e->paths, i)[0] == '\n' && e->at[i].total >= least;
	assert_int_equal(t->nodes.n, wide ? wide : 1);
}

/* What is wide enough stays as it was; what is not counts where its nearest caller does that is. */
static void narrow_branches_are_left_out(void **state)
{
	static struct tokens k;
	struct truth truth = truth_new(800, true);
	struct profile *p = truth_profile(&truth);
	struct calltree_opts o = {.root = ROOT_COMM};
	struct expected *e = expected_new();

	expect_tree(e, &truth, &o);
	for (int part = 1; part < 4000; part *= 3) {
		struct calltree *t;
		uint32_t *ends;
		int64_t least;

		assert_int_equal(calltree_new_mapped(p, &o, &t, &ends), 0);
		calltree_sort(t, BY_NAME);
		least = t->nodes.at[0].total / part + 1;
		assert_int_equal(calltree_prune(t, least, ends, truth.n), 0);
		check_pruned(e, t, least);
		for (size_t j = 0; j < truth.n; j++) {
			uint32_t node = ends[j];
			char text[80];

			token_all(&k, &o, &truth.at[j]);
			for (int n = seen_of(e, &k, least); n-- > 0; node = t->nodes.at[node].parent) {
				snprintf(text, sizeof(text), "%s<%u>", calltree_name(t, node),
					 t->nodes.at[node].kind);
				assert_string_equal(text, k.text[n]);
			}
		}
		free(ends);
		calltree_free(t);
	}
	expected_free(e);
	profile_free(p);
	free(truth.at);
}

struct expected_function {
	char text[80];
	int64_t self, total;
	char object[64], file[32];
	size_t stamp; /* 1 + the sample it was last counted in */
};

static struct expected_function *function_of(struct expected_function *f, size_t *n, int frame,
					     int line)
{
	const char *object = truth_path(frame);
	const char *file = frame == TRUTH_CUT ? "" : truth_frames[frame].file;
	char text[80];
	size_t i;

	snprintf(text, sizeof(text), "%s<%d>", truth_label(frame, line), truth_kind(frame, line));
	for (i = 0; i < *n; i++)
		if (!strcmp(f[i].text, text))
			break;
	if (i == *n) {
		snprintf(f[i].text, sizeof(f[i].text), "%s", text);
		snprintf(f[i].object, sizeof(f[i].object), "%s", object);
		snprintf(f[i].file, sizeof(f[i].file), "%s", file);
		++*n;
	}
	if (strcmp(f[i].object, object))
		f[i].object[0] = 0;
	if (strcmp(f[i].file, file))
		f[i].file[0] = 0;
	return &f[i];
}

static size_t expect_functions(struct expected_function *f, const struct truth *t, uint32_t value)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct truth_sample *s = &t->at[i];

		for (int j = 0; j < s->depth; j++)
			for (int l = 0; l < truth_n_lines(s->frames[j]); l++) {
				struct expected_function *e = function_of(f, &n, s->frames[j], l);

				if (e->stamp != i + 1)
					e->total += s->values[value];
				e->stamp = i + 1;
				if (l == 0 && j == s->depth - 1)
					e->self += s->values[value];
			}
	}
	return n;
}

static void functions_equal_direct_sums(void **state)
{
	struct truth t = truth_new(4000, true);
	struct profile *p = truth_profile(&t);

	for (uint32_t value = 0; value < 2; value++) {
		struct expected_function f[64] = {0};
		size_t n = expect_functions(f, &t, value);
		struct function_table *table;

		assert_int_equal(function_table_new(p, value, &table), 0);
		assert_int_equal(table->rows.n, n);
		assert_int_equal(table->total, profile_total(p, value));
		for (size_t i = 0; i < n; i++) {
			const struct function_row *r = &table->rows.at[i];
			char text[80];
			size_t j = 0;

			snprintf(text, sizeof(text), "%s<%u>", intern_get(&table->strings, r->name),
				 r->kind);
			while (j < n && strcmp(f[j].text, text))
				j++;
			assert_true(j < n);
			assert_int_equal(r->self, f[j].self);
			assert_int_equal(r->total, f[j].total);
			assert_string_equal(intern_get(&table->strings, r->object), f[j].object);
			assert_string_equal(intern_get(&table->strings, r->file), f[j].file);
			if (i)
				assert_true(r[-1].self > r->self ||
					    (r[-1].self == r->self && r[-1].total >= r->total));
		}
		function_table_free(table);
	}
	profile_free(p);
	free(t.at);
}

/* Adds a stack of named frames, root first, that ends at NULL. */
static void put(struct profile *p, int64_t value, ...)
{
	struct profile_sample s = {.time = PROFILE_NO_TIME};
	const char *name;
	va_list ap;

	va_start(ap, value);
	while ((name = va_arg(ap, const char *)))
		s.stack = profile_push(p, s.stack, profile_frame_text(p, name, FRAME_USER));
	va_end(ap);
	assert_int_equal(profile_sample(p, &s, &value), 0);
}

static void recursion_counts_once(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct function_table *t;

	put(p, 5, "main", "r", "r", "r", NULL);
	put(p, 2, "main", "r", "x", "r", NULL);
	put(p, 1, "r", NULL);
	assert_int_equal(function_table_new(p, UINT32_MAX, &t), 0);
	assert_int_equal(t->rows.n, 3);
	assert_string_equal(intern_get(&t->strings, t->rows.at[0].name), "r");
	assert_int_equal(t->rows.at[0].self, 8);
	assert_int_equal(t->rows.at[0].total, 8);
	assert_string_equal(intern_get(&t->strings, t->rows.at[1].name), "main");
	assert_int_equal(t->rows.at[1].total, 7);
	function_table_free(t);
	profile_free(p);
}

static void order_and_hottest_path(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct calltree_opts o = {.value = UINT32_MAX};
	struct calltree *t;
	uint32_t path[8], c;

	put(p, 1, "b", NULL);
	put(p, 50, "c", "d", NULL);
	put(p, 30, "c", "e", NULL);
	put(p, 2, "a", NULL);
	put(p, 2, "Z", NULL);
	assert_int_equal(calltree_new(p, &o, &t), 0);
	assert_int_equal(t->max_depth, 2);
	assert_string_equal(intern_get(&t->strings, t->value_type), "samples");
	calltree_sort(t, BY_NAME);
	c = t->nodes.at[0].first_child;
	for (const char *want = "Zabc"; *want; want++, c = t->nodes.at[c].next)
		assert_int_equal(calltree_name(t, c)[0], *want);
	assert_int_equal(c, 0);
	calltree_sort(t, BY_TOTAL);
	c = t->nodes.at[0].first_child;
	for (const char *want = "cZab"; *want; want++, c = t->nodes.at[c].next)
		assert_int_equal(calltree_name(t, c)[0], *want);
	assert_int_equal(calltree_hottest(t, 0.5, path, 8), 3);
	assert_string_equal(calltree_name(t, path[2]), "d");
	assert_int_equal(calltree_hottest(t, 0.7, path, 8), 2);
	assert_int_equal(calltree_hottest(t, 0, path, 2), 2);
	assert_int_equal(calltree_hottest(t, 0, path, 0), 0);
	calltree_free(t);
	profile_free(p);
}

/* Deep and wide: no recursion on depth, no linear search among many children. */
static void deep_and_wide(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct calltree_opts o = {.value = UINT32_MAX};
	struct profile_sample s = {0};
	struct function_table *table;
	struct calltree *t;
	int64_t one = 1;
	char name[32];

	for (uint32_t i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		s.stack = profile_push(p, s.stack, profile_frame_text(p, name, FRAME_USER));
	}
	assert_int_equal(profile_sample(p, &s, &one), 0);
	for (uint32_t i = 0; i < 100000; i++) {
		s.stack = profile_push(p, 0, i + 1);
		assert_int_equal(profile_sample(p, &s, &one), 0);
	}
	for (int inverted = 0; inverted < 2; inverted++) {
		o.inverted = inverted;
		assert_int_equal(calltree_new(p, &o, &t), 0);
		assert_int_equal(t->nodes.n, 1 + 100000 + 99999);
		assert_int_equal(t->max_depth, 100000);
		calltree_sort(t, BY_NAME);
		calltree_sort(t, BY_TOTAL);
		calltree_free(t);
	}
	assert_int_equal(function_table_new(p, 0, &table), 0);
	assert_int_equal(table->rows.n, 100000);
	assert_int_equal(table->rows.at[0].self, 2);
	function_table_free(table);
	profile_free(p);
}

static void empty_and_extreme(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct calltree_opts o = {.value = UINT32_MAX, .root = ROOT_THREAD};
	struct function_table *table;
	struct calltree *t;

	assert_int_equal(calltree_new(p, &o, &t), 0);
	assert_int_equal(t->nodes.n, 1);
	calltree_sort(t, BY_NAME);
	calltree_free(t);
	assert_int_equal(function_table_new(p, 0, &table), 0);
	assert_int_equal(table->rows.n, 0);
	function_table_free(table);
	put(p, INT64_MAX, "a", NULL);
	put(p, INT64_MAX, "a", "b", NULL);
	put(p, INT64_MIN, "c", NULL);
	assert_int_equal(calltree_new(p, &o, &t), 0);
	calltree_free(t);
	assert_int_equal(function_table_new(p, 0, &table), 0);
	assert_true(table->rows.at[0].total == INT64_MAX);
	function_table_free(table);
	o.value = 1;
	assert_int_equal(calltree_new(p, &o, &t), -EINVAL);
	assert_null(t);
	assert_int_equal(function_table_new(p, 1, &table), -EINVAL);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees_equal_direct_sums),
		cmocka_unit_test(samples_know_their_nodes),
		cmocka_unit_test(narrow_branches_are_left_out),
		cmocka_unit_test(functions_equal_direct_sums),
		cmocka_unit_test(recursion_counts_once),
		cmocka_unit_test(order_and_hottest_path),
		cmocka_unit_test(deep_and_wide),
		cmocka_unit_test(empty_and_extreme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
