/* html_data.c - the viewer's blob; see html_data.h for the layout.
 *
 * The tree is merged once, here, for all values and all times; each sample keeps only the number of
 * the node its stack ended in. The page can therefore compute any selection of time and task in one
 * pass over the rows and one over the nodes, without building trees.
 */
#include "format/html_data.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/html_parts.h"
#include "profile/waits.h"

enum {
	BUCKETS_MOST = 30000, /* a heat map of 600 columns and 50 rows, for any duration */
	PREVIEW_FROM = 50000, /* nodes; fewer are decoded in no time */
	PREVIEW_WIDTH = 2048, /* pixels: narrower boxes are left out of it */
};

/* What data_shape() makes. */
static void data_unshape(struct html_data *d)
{
	free(d->place);
	free(d->order);
	free(d->node_frame);
	VEC_FREE(&d->frames);
	map64_free(&d->by_mark);
	free(d->comms);
	free(d->processes);
	free(d->rows);
	free(d->types);
	free(d->sums);
	d->place = d->order = d->node_frame = d->comms = d->processes = d->types = NULL;
	d->rows = NULL;
	d->sums = NULL;
	d->n_types = d->n_rows = 0;
	d->classes = false;
}

static void data_free(struct html_data *d)
{
	data_unshape(d);
	calltree_free(d->t);
	free(d->ends);
	buf_free(&d->column);
}

/* -- frames --------------------------------------------------------------------------------------
 */

static uint64_t data_mark(uint32_t name, uint8_t kind)
{
	return (uint64_t)name << 8 | kind;
}

/* Frames are what nodes show: a label and a kind. The object is kept while all nodes agree on it.
 */
static int data_frames(struct html_data *d)
{
	struct calltree *t = d->t;

	d->node_frame = calloc(t->nodes.n, sizeof(*d->node_frame));
	if (!d->node_frame)
		return -ENOMEM;
	for (size_t i = 0; i < t->nodes.n; i++) {
		const struct calltree_node *n = &t->nodes.at[i];
		struct html_frame f = {.name = n->name, .object = n->object, .kind = n->kind};
		bool is_new;
		uint32_t *at =
			map64_insert(&d->by_mark, i ? data_mark(n->name, n->kind) : UINT64_MAX,
				     (uint32_t)d->frames.n, &is_new);

		if (!at || (is_new && !VEC_PUSH(&d->frames, f)))
			return -ENOMEM;
		d->node_frame[i] = *at;
		if (d->frames.at[*at].object != n->object)
			d->frames.at[*at].object = 0;
	}
	return 0;
}

static int data_source_line(struct html_data *d, const struct profile_line *line, uint8_t kind)
{
	const struct intern *strings = &d->p->strings;
	uint32_t name = intern_find(&d->t->strings, profile_text(d->p, line->function),
				    intern_len(strings, line->function));
	uint32_t file,
		*at = name == INTERN_NONE ? NULL : map64_find(&d->by_mark, data_mark(name, kind));
	struct html_frame *f = at ? &d->frames.at[*at] : NULL;

	if (!f || !line->file)
		return 0;
	file = intern_put(&d->t->strings, profile_text(d->p, line->file),
			  intern_len(strings, line->file));
	if (file == INTERN_NONE)
		return -ENOMEM;
	if (!f->file)
		f->file = file;
	if (f->file != file || !line->line)
		return 0;
	if (!f->line_from || line->line < f->line_from)
		f->line_from = line->line;
	if (line->line > f->line_to)
		f->line_to = line->line;
	return 0;
}

/* Source files and the lines samples fell on, from the profile's frames to the viewer's. */
static int data_sources(struct html_data *d)
{
	for (uint32_t i = 1; i < d->p->frames.n; i++) {
		const struct profile_frame *f = &d->p->frames.at[i];

		for (uint32_t k = 0; k < f->n_lines; k++)
			if (data_source_line(d, &d->p->lines.at[f->first_line + k],
					     (uint8_t)profile_line_kind(d->p, i, k)) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int data_tasks(struct html_data *d)
{
	const struct profile *p = d->p;

	d->comms = calloc(p->tasks.n + 1, sizeof(*d->comms));
	d->processes = calloc(p->tasks.n + 1, sizeof(*d->processes));
	if (!d->comms || !d->processes)
		return -ENOMEM;
	for (size_t i = 0; i < p->tasks.n; i++) {
		const struct profile_task *t = &p->tasks.at[i];

		d->comms[i] = intern_put(&d->t->strings, profile_text(p, t->comm),
					 intern_len(&p->strings, t->comm));
		d->processes[i] = intern_put(&d->t->strings, profile_text(p, t->process),
					     intern_len(&p->strings, t->process));
		if (d->comms[i] == INTERN_NONE || d->processes[i] == INTERN_NONE)
			return -ENOMEM;
	}
	return 0;
}

/* -- nodes ---------------------------------------------------------------------------------------
 */

static int data_order(struct html_data *d)
{
	const struct calltree *t = d->t;
	uint32_t node = 0, n = 0;

	d->place = calloc(t->nodes.n, sizeof(*d->place));
	d->order = calloc(t->nodes.n, sizeof(*d->order));
	if (!d->place || !d->order)
		return -ENOMEM;
	for (;;) {
		d->place[node] = n;
		d->order[n++] = node;
		if (t->nodes.at[node].first_child) {
			node = t->nodes.at[node].first_child;
			continue;
		}
		while (node && !t->nodes.at[node].next)
			node = t->nodes.at[node].parent;
		if (!node)
			return 0;
		node = t->nodes.at[node].next;
	}
}

/* -- rows ----------------------------------------------------------------------------------------
 */

/* 1, 2 or 5 times a power of ten, at least a millisecond: round numbers make good time axes. */
static void data_choose_buckets(struct html_data *d)
{
	static const uint64_t steps[] = {2, 5, 10};
	uint64_t last = 0, width = 1000000, base = width;
	bool timed = false;

	for (size_t i = 0; i < d->p->samples.n; i++) {
		uint64_t t = d->p->samples.at[i].time;

		if (t == PROFILE_NO_TIME)
			continue;
		timed = true;
		last = t > last ? t : last;
	}
	if (!timed)
		return;
	if (last < d->p->meta.duration)
		last = d->p->meta.duration - 1;
	for (size_t i = 0; last / width >= BUCKETS_MOST; i++) {
		width = base * steps[i % 3];
		if (i % 3 == 2)
			base = width;
	}
	d->bucket_width = width;
	d->n_buckets = (uint32_t)(last / width) + 1;
}

static int row_order(const void *va, const void *vb)
{
	const struct html_row *a = va, *b = vb;

	if (a->bucket != b->bucket)
		return a->bucket < b->bucket ? -1 : 1;
	if (a->task != b->task)
		return a->task < b->task ? -1 : 1;
	if (a->class != b->class)
		return a->class < b->class ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

/* Adds up samples of the same bucket, task, class and node. Wraps like the totals of the tree would. */
static int data_add_up(struct html_data *d)
{
	size_t types = d->n_types, n = 0;

	d->sums = calloc(d->p->samples.n * types + 1, sizeof(*d->sums));
	if (!d->sums)
		return -ENOMEM;
	for (size_t i = 0; i < d->p->samples.n; i++) {
		const int64_t *v = profile_values(d->p, d->rows[i].sample);

		if (!n || row_order(&d->rows[i], &d->rows[n - 1]))
			d->rows[n++] = d->rows[i];
		for (size_t k = 0; k < types; k++) {
			int64_t *sum = &d->sums[(n - 1) * types + k];

			*sum = (int64_t)((uint64_t)*sum + (uint64_t)v[d->types[k]]);
		}
	}
	d->n_rows = n;
	return 0;
}

static int data_choose_types(struct html_data *d)
{
	d->types = calloc(d->p->value_types.n + 1, sizeof(*d->types));
	if (!d->types)
		return -ENOMEM;
	for (uint32_t i = 0; i < d->p->value_types.n; i++)
		if (!profile_value_is_max(d->p, i))
			d->types[d->n_types++] = i;
	return 0;
}

static int data_rows(struct html_data *d)
{
	if (data_choose_types(d))
		return -ENOMEM;
	data_choose_buckets(d);
	d->rows = calloc(d->p->samples.n + 1, sizeof(*d->rows));
	if (!d->rows)
		return -ENOMEM;
	for (size_t i = 0; i < d->p->samples.n; i++) {
		const struct profile_sample *s = &d->p->samples.at[i];
		bool timed = s->time != PROFILE_NO_TIME && !d->preview;

		d->rows[i] = (struct html_row){
			.bucket = timed ? (uint32_t)(s->time / d->bucket_width) : d->n_buckets,
			.task = d->preview ? 0 : s->task,
			.class = waits_of_labels(d->p, s->labels, NULL, NULL),
			.node = d->place[d->ends[i]],
			.sample = (uint32_t)i,
		};
		d->classes |= d->rows[i].class != WAIT_CLASS_MAX;
	}
	qsort(d->rows, d->p->samples.n, sizeof(*d->rows), row_order);
	return data_add_up(d);
}

/* The constant that a value type is of the first one in every row, 0 when it is not. */
int64_t html_scale(const struct html_data *d, size_t type)
{
	size_t types = d->n_types;
	int64_t scale = 0, product;

	for (size_t i = 0; i < d->n_rows; i++) {
		int64_t first = d->sums[i * types], v = d->sums[i * types + type];

		if (!scale)
			scale = first > 0 && v > 0 && v % first == 0 ? v / first : 0;
		if (!scale || __builtin_mul_overflow(first, scale, &product) || product != v)
			return 0;
	}
	return scale;
}

/* -- columns -------------------------------------------------------------------------------------
 */

static void column_put(struct html_data *d)
{
	out_put(d->to, d->column.data, d->column.len);
	d->column.len = 0;
}

#define COLUMN(d, n, expression)                                                                   \
	do {                                                                                       \
		for (size_t i = 0; i < (n); i++)                                                   \
			buf_uleb(&(d)->column, (uint64_t)(expression));                            \
		column_put(d);                                                                     \
	} while (0)

static void data_pops(struct html_data *d)
{
	const struct calltree *t = d->t;

	buf_uleb(&d->column, 0);
	for (size_t i = 1; i < t->nodes.n; i++) {
		uint32_t parent = t->nodes.at[d->order[i]].parent, up = d->order[i - 1];
		uint64_t pops = 0;

		for (; up != parent; up = t->nodes.at[up].parent)
			pops++;
		buf_uleb(&d->column, pops);
	}
	column_put(d);
}

static void data_columns(struct html_data *d)
{
	const struct html_frame *f = d->frames.at;
	const struct profile_task *tasks = d->p->tasks.at;
	const struct html_row *r = d->rows;
	size_t types = d->n_types;

	COLUMN(d, d->frames.n, f[i].name);
	COLUMN(d, d->frames.n, f[i].kind);
	COLUMN(d, d->frames.n, f[i].object);
	COLUMN(d, d->frames.n, f[i].file);
	COLUMN(d, d->frames.n, f[i].line_from);
	COLUMN(d, d->frames.n, f[i].line_to);
	data_pops(d);
	COLUMN(d, d->t->nodes.n, d->node_frame[d->order[i]]);
	COLUMN(d, d->p->tasks.n, tasks[i].pid);
	COLUMN(d, d->p->tasks.n, tasks[i].tid);
	COLUMN(d, d->p->tasks.n, d->comms[i]);
	COLUMN(d, d->p->tasks.n, d->processes[i]);
	COLUMN(d, d->n_rows, r[i].bucket - (i ? r[i - 1].bucket : 0));
	COLUMN(d, d->n_rows, r[i].task);
	COLUMN(d, d->n_rows, r[i].node);
	if (d->classes)
		COLUMN(d, d->n_rows, r[i].class);
	for (size_t k = 0; k < types; k++) {
		if (k && html_scale(d, k))
			continue;
		COLUMN(d, d->n_rows,
		       (uint64_t)d->sums[i * types + k] << 1 ^
			       (uint64_t)(d->sums[i * types + k] >> 63));
	}
}

static int data_gather(struct html_data *d, const struct format_opts *o)
{
	struct calltree_opts tree = o->tree;
	int err;

	tree.inverted = false; /* the page inverts, and marks kinds by colour */
	tree.annotate = false;
	err = calltree_new_mapped(d->p, &tree, &d->t, &d->ends);
	if (!err)
		calltree_sort(d->t, BY_NAME);
	return err;
}

/* From the tree, and where each sample ended in it, to what is written. */
static int data_shape(struct html_data *d)
{
	int err;

	if ((err = data_frames(d)) || (err = data_sources(d)) || (err = data_tasks(d)) ||
	    (err = data_order(d)))
		return err;
	return data_rows(d);
}

static int data_put(struct html_data *d, const struct format_opts *o, struct out *to)
{
	int err = data_shape(d);
	struct out head;

	if (err)
		return err;
	out_mem(&head);
	d->to = &head;
	html_head(d, o);
	d->to = to;
	err = head.err ? head.err : head.pending.err;
	buf_uleb(&d->column, head.pending.len);
	column_put(d);
	out_put(to, head.pending.data, head.pending.len);
	out_abort(&head);
	data_columns(d);
	return err ? err : d->column.err;
}

/* Nothing where it cannot be made smaller: a page does without. */
static int data_preview(struct html_data *d, const struct format_opts *o, struct out *to)
{
	int err = calltree_prune(d->t, d->t->nodes.at[0].total / PREVIEW_WIDTH + 1, d->ends, d->p->samples.n);

	if (err)
		return err == -EINVAL ? 0 : err;
	data_unshape(d);
	d->preview = true;
	return data_put(d, o, to);
}

int html_data_write(const struct profile *p, const struct format_opts *o, uint64_t origin, struct out *to,
		    struct out *preview)
{
	struct html_data d = {.p = p, .origin = origin};
	int err = data_gather(&d, o);

	if (!err)
		err = data_put(&d, o, to);
	if (!err && preview && d.t->nodes.n >= PREVIEW_FROM)
		err = data_preview(&d, o, preview);
	data_free(&d);
	return err;
}
