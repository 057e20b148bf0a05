/* functions.c - self and inclusive value of every function; see calltree.h.
 *
 * The inclusive value counts a function once per stack, however often it recurs. Instead of looking
 * at every stack, the prefix tree is walked once, depth first: a subtree's value is added to a
 * function when the walk enters it while not already inside of it. Work is linear in the nodes, and
 * nothing recurses.
 */
#include <errno.h>
#include <string.h>

#include "profile/calltree.h"
#include "profile/linetable.h"
#include "profile/sum.h"
#include "profile/waits.h"

struct functions_build {
	const struct profile *p;
	struct function_table *t;
	struct linetable lines;
	bool max;               /* the value does not add up */
	VEC(uint32_t) active;   /* per row: how many of its lines the walk is inside of */
	int64_t *self;          /* per profile node: value of the samples that end there */
	int64_t *total;         /* .. or below */
	uint32_t *first, *next; /* children and siblings of profile nodes */
};

static bool functions_init(struct functions_build *b, const struct profile *p)
{
	*b = (struct functions_build){.p = p};
	b->t = calloc(1, sizeof(*b->t));
	b->self = calloc(p->nodes.n, sizeof(*b->self));
	b->total = calloc(p->nodes.n, sizeof(*b->total));
	b->first = calloc(p->nodes.n, sizeof(*b->first));
	b->next = calloc(p->nodes.n, sizeof(*b->next));
	return b->t && b->self && b->total && b->first && b->next &&
	       intern_puts(&b->t->strings, "") != INTERN_NONE &&
	       linetable_init(&b->lines, p, &b->t->strings) == 0;
}

static void functions_end(struct functions_build *b)
{
	linetable_free(&b->lines);
	VEC_FREE(&b->active);
	free(b->self);
	free(b->total);
	free(b->first);
	free(b->next);
}

/* Values per node and the way down; a child's id is always larger than its parent's. */
static void functions_add_up(struct functions_build *b, uint32_t value)
{
	const struct profile *p = b->p;

	for (size_t i = 0; i < p->samples.n; i++) {
		int64_t v = profile_values(p, i)[value], *self = &b->self[p->samples.at[i].stack];

		*self = sum_value(*self, v, b->max);
		b->t->total = sum_value(b->t->total, v, b->max);
	}
	for (size_t i = p->nodes.n; i-- > 1;) {
		uint32_t parent = p->nodes.at[i].parent;

		b->total[i] = sum_value(b->total[i], b->self[i], b->max);
		b->total[parent] = sum_value(b->total[parent], b->total[i], b->max);
		b->next[i] = b->first[parent];
		b->first[parent] = (uint32_t)i;
	}
}

/* Rows are numbered as the marks of the line table are, so that a mark is a row. */
static bool functions_add_rows(struct functions_build *b)
{
	while (b->t->rows.n < b->lines.marks.n) {
		const struct linetable_mark *m = &b->lines.marks.at[b->t->rows.n];
		struct function_row row = {.name = m->name,
					   .kind = m->kind,
					   .object = PROFILE_NONE,
					   .file = PROFILE_NONE};

		if (!VEC_PUSH(&b->active, 0) || !VEC_PUSH(&b->t->rows, row))
			return false;
	}
	return true;
}

/* Where a row's code is, "" once two places disagree. */
static bool functions_place(struct functions_build *b, struct function_row *row,
			    const struct profile_frame *f, uint32_t i)
{
	uint32_t object = b->lines.object_names[f->object];
	uint32_t source = i < f->n_lines ? b->p->lines.at[f->first_line + i].file : 0;
	uint32_t file = intern_put(&b->t->strings, profile_text(b->p, source),
				   intern_len(&b->p->strings, source));

	row->object = row->object == PROFILE_NONE || row->object == object ? object : 0;
	if (file == INTERN_NONE)
		return false;
	row->file = row->file == PROFILE_NONE || row->file == file ? file : 0;
	return true;
}

static bool functions_enter(struct functions_build *b, uint32_t node)
{
	uint32_t frame = b->p->nodes.at[node].frame;
	const struct profile_frame *f = &b->p->frames.at[frame];
	bool met = b->lines.frame_first[frame];
	const uint32_t *marks = linetable_frame(&b->lines, frame);

	if (!marks || !functions_add_rows(b))
		return false;
	for (uint32_t i = 0; i < profile_frame_lines(b->p, frame); i++) {
		struct function_row *row = &b->t->rows.at[marks[i]];

		if (!b->active.at[marks[i]]++)
			row->total = sum_value(row->total, b->total[node], b->max);
		if (i == 0)
			row->self = sum_value(row->self, b->self[node], b->max);
		if (!met && !functions_place(b, row, f, i))
			return false;
	}
	return true;
}

static void functions_leave(struct functions_build *b, uint32_t node)
{
	uint32_t frame = b->p->nodes.at[node].frame;
	const uint32_t *marks = linetable_frame(&b->lines, frame);

	for (uint32_t i = 0; i < profile_frame_lines(b->p, frame); i++)
		b->active.at[marks[i]]--;
}

static int functions_walk(struct functions_build *b)
{
	uint32_t node = b->first[0];

	while (node) {
		if (!functions_enter(b, node))
			return -ENOMEM;
		if (b->first[node]) {
			node = b->first[node];
			continue;
		}
		for (; node; node = b->p->nodes.at[node].parent) {
			functions_leave(b, node);
			if (b->next[node])
				break;
		}
		node = b->next[node]; /* 0 for the root: nothing is beside it */
	}
	return 0;
}

static int row_order(const void *va, const void *vb, void *arg)
{
	const struct function_row *a = va, *b = vb;
	const struct intern *s = arg;
	uint32_t la = s->at[a->name].len, lb = s->at[b->name].len;
	int c;

	if (a->self != b->self)
		return a->self > b->self ? -1 : 1;
	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	c = memcmp(s->at[a->name].s, s->at[b->name].s, la < lb ? la : lb);
	if (!c)
		c = (la > lb) - (la < lb);
	return c ? c : (int)a->kind - (int)b->kind;
}

/* Frames that no sample of this value has are not rows. */
static void functions_sort(struct function_table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->rows.n; i++)
		if (t->rows.at[i].self || t->rows.at[i].total)
			t->rows.at[n++] = t->rows.at[i];
	t->rows.n = n;
	if (n)
		qsort_r(t->rows.at, n, sizeof(*t->rows.at), row_order, &t->strings);
}

int function_table_new(const struct profile *p, uint32_t value, struct function_table **ret)
{
	uint32_t index = value == UINT32_MAX ? p->default_value : value;
	struct functions_build b;
	int err = -ENOMEM;

	*ret = NULL;
	if (index >= p->value_types.n)
		return -EINVAL;
	if (functions_init(&b, p)) {
		b.max = profile_value_is_max(p, index);
		functions_add_up(&b, index);
		err = functions_walk(&b);
	}
	functions_end(&b);
	if (err) {
		function_table_free(b.t);
		return err;
	}
	functions_sort(b.t);
	*ret = b.t;
	return 0;
}

void function_table_free(struct function_table *t)
{
	if (!t)
		return;
	intern_free(&t->strings);
	VEC_FREE(&t->rows);
	free(t);
}
