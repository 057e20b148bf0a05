/* calltree.c - stacks merged by what a person sees; see calltree.h.
 *
 * Three things keep this quick for millions of samples: samples are first added up per (stack,
 * root); the profile's own prefix tree is followed from the root with the tree node of every
 * profile node remembered, so a shared prefix is walked once and not once per stack; and a child is
 * found among few siblings by looking at them, among many by a hash. Nothing recurses: foreign
 * stacks can be a hundred thousand frames deep.
 */
#include "profile/calltree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "profile/linetable.h"
#include "profile/sum.h"
#include "profile/waits.h"

#define SIBLINGS_LINEAR 8 /* from here on children are hashed */

/* The samples of one stack below one root. */
struct calltree_sum {
	uint32_t stack, root;
	int64_t value;
	uint32_t node; /* where it ended in the tree */
	uint32_t id;   /* its place before sorting */
};

/* Where a profile node's path has come to in the tree. */
struct calltree_place {
	uint32_t root; /* 1 + the root this holds for; 0 = none */
	uint32_t node;
	uint8_t kind; /* of the last frame drawn, for the delimiter */
};

struct calltree_build {
	const struct profile *p;
	const struct calltree_opts *o;
	struct calltree *t;
	struct linetable lines;
	VEC(uint32_t) marks;   /* per tree node */
	struct map64 children; /* parent << 32 | mark -> node, of parents with many */
	VEC(struct calltree_sum) sums;
	struct map64 by_sum;           /* stack << 32 | root -> sums */
	uint32_t *task_roots;          /* per task: 1 + tree node, 0 = not yet */
	struct calltree_place *places; /* per profile node */
	VEC(uint32_t) path;            /* profile nodes still to be drawn */
	bool max;       /* the value does not add up: profile_value_is_max() */
	uint32_t *ends; /* per sample: its sum, then its node; NULL when nobody asks */
};

static bool build_init(struct calltree_build *b, const struct profile *p,
		       const struct calltree_opts *o)
{
	*b = (struct calltree_build){.p = p, .o = o};
	b->t = calloc(1, sizeof(*b->t));
	b->task_roots = calloc(p->tasks.n, sizeof(*b->task_roots));
	if (!o->inverted)
		b->places = calloc(p->nodes.n, sizeof(*b->places));
	if (!b->t || !b->task_roots || (!b->places && !o->inverted) ||
	    intern_puts(&b->t->strings, "") == INTERN_NONE ||
	    linetable_init(&b->lines, p, &b->t->strings) < 0)
		return false;
	b->lines.annotate = o->annotate;
	b->lines.addresses = o->addresses;
	return true;
}

static void build_free(struct calltree_build *b)
{
	linetable_free(&b->lines);
	VEC_FREE(&b->marks);
	VEC_FREE(&b->sums);
	VEC_FREE(&b->path);
	map64_free(&b->children);
	map64_free(&b->by_sum);
	free(b->task_roots);
	free(b->places);
	free(b->ends);
}

/* A new node; the caller knows that there is none yet. */
static uint32_t build_add(struct calltree_build *b, uint32_t parent, uint32_t mark, uint32_t object)
{
	struct calltree *t = b->t;
	uint32_t id = (uint32_t)t->nodes.n;
	struct calltree_node node = {
		.name = b->lines.marks.at[mark].name,
		.kind = b->lines.marks.at[mark].kind,
		.parent = parent,
		.object = object,
	};

	if (id >= UINT32_MAX - 1 || !VEC_RESERVE(&t->nodes, 1) || !VEC_PUSH(&b->marks, mark))
		return PROFILE_NONE;
	if (id) {
		node.next = t->nodes.at[parent].first_child;
		t->nodes.at[parent].first_child = id;
		t->nodes.at[parent].n_children++;
	}
	t->nodes.at[t->nodes.n++] = node;
	return id;
}

static bool build_hash_children(struct calltree_build *b, uint32_t parent)
{
	uint32_t c = b->t->nodes.at[parent].first_child;

	for (; c; c = b->t->nodes.at[c].next)
		if (!map64_insert(&b->children, (uint64_t)parent << 32 | b->marks.at[c], c, NULL))
			return false;
	return true;
}

/* The child of `parent` with this mark, added when new; PROFILE_NONE when out of memory. */
static uint32_t build_child(struct calltree_build *b, uint32_t parent, uint32_t mark,
			    uint32_t object)
{
	struct calltree *t = b->t;
	uint64_t key = (uint64_t)parent << 32 | mark;
	bool hashed = t->nodes.at[parent].n_children >= SIBLINGS_LINEAR;
	const uint32_t *found;
	uint32_t c = 0;

	if (hashed) {
		found = map64_find(&b->children, key);
		c = found ? *found : 0;
	} else {
		for (c = t->nodes.at[parent].first_child; c && b->marks.at[c] != mark;)
			c = t->nodes.at[c].next;
	}
	if (c) {
		if (t->nodes.at[c].object != object)
			t->nodes.at[c].object = 0;
		return c;
	}
	c = build_add(b, parent, mark, object);
	if (c == PROFILE_NONE)
		return c;
	if (hashed ? !map64_insert(&b->children, key, c, NULL)
		   : t->nodes.at[parent].n_children == SIBLINGS_LINEAR &&
			     !build_hash_children(b, parent))
		return PROFILE_NONE;
	return c;
}

static uint32_t build_child_text(struct calltree_build *b, uint32_t parent, const char *text,
				 size_t len)
{
	uint32_t mark = linetable_mark(&b->lines, text, len, FRAME_KIND_MAX);

	return mark == PROFILE_NONE ? mark : build_child(b, parent, mark, 0);
}

/* "redis-server (4711)" */
static uint32_t build_child_task(struct calltree_build *b, uint32_t parent, uint32_t name,
				 uint32_t id)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%.480s (%u)", profile_text(b->p, name), id);

	return build_child_text(b, parent, text, (size_t)n);
}

/* The node that the stacks of a task stand on. Nobody (task 0) stands on the root itself. */
static uint32_t build_task_root(struct calltree_build *b, uint32_t task)
{
	const struct profile_task *t = &b->p->tasks.at[task];
	uint32_t name = t->process ? t->process : t->comm, node = 0;

	if (b->o->root == ROOT_NOTHING || !task)
		return 0;
	if (b->task_roots[task])
		return b->task_roots[task] - 1;
	if (b->o->root == ROOT_COMM)
		node = build_child_text(b, 0, profile_text(b->p, t->comm ? t->comm : name),
					intern_len(&b->p->strings, t->comm ? t->comm : name));
	else
		node = build_child_task(b, 0, name, t->pid);
	if (b->o->root == ROOT_THREAD && node != PROFILE_NONE)
		node = build_child_task(b, node, t->comm, t->tid);
	b->task_roots[task] = node == PROFILE_NONE ? 0 : node + 1;
	return node;
}

static int build_add_up(struct calltree_build *b, uint32_t value)
{
	const struct profile *p = b->p;

	for (size_t i = 0; i < p->samples.n; i++) {
		const struct profile_sample *s = &p->samples.at[i];
		uint32_t root = build_task_root(b, s->task), *at;
		bool is_new;

		if (root == PROFILE_NONE || !VEC_RESERVE(&b->sums, 1))
			return -ENOMEM;
		at = map64_insert(&b->by_sum, (uint64_t)s->stack << 32 | root, (uint32_t)b->sums.n,
				  &is_new);
		if (!at)
			return -ENOMEM;
		if (is_new)
			b->sums.at[b->sums.n++] =
				(struct calltree_sum){s->stack, root, 0, root, *at};
		if (b->ends)
			b->ends[i] = *at;
		b->sums.at[*at].value =
			sum_value(b->sums.at[*at].value, profile_values(p, i)[value], b->max);
	}
	return 0;
}

static bool kind_is_user(uint8_t kind)
{
	return kind == FRAME_USER || kind == FRAME_JIT || kind == FRAME_INLINED;
}

/* Moves one frame on: its lines, outermost first, or innermost first when inverted. */
static bool build_frame(struct calltree_build *b, struct calltree_place *at, uint32_t frame)
{
	const struct profile_frame *f = &b->p->frames.at[frame];
	uint32_t n = profile_frame_lines(b->p, frame);
	uint8_t outer = b->o->inverted ? f->kind : at->kind;
	uint8_t inner = b->o->inverted ? at->kind : f->kind;
	const uint32_t *marks;

	if (b->o->no_cut && f->kind == FRAME_CUT)
		return true;
	if (b->o->delimited && kind_is_user(outer) && inner == FRAME_KERNEL)
		at->node = build_child_text(b, at->node, "-", 1);
	at->kind = f->kind;
	marks = linetable_frame(&b->lines, frame);
	for (uint32_t i = 0; marks && i < n && at->node != PROFILE_NONE; i++)
		at->node = build_child(b, at->node, marks[b->o->inverted ? i : n - 1 - i],
				       b->lines.object_names[f->object]);
	return marks && at->node != PROFILE_NONE;
}

static int build_inverted(struct calltree_build *b, struct calltree_sum *s)
{
	struct calltree_place at = {.node = s->root, .kind = FRAME_KIND_MAX};
	struct calltree_node *node;

	for (uint32_t n = s->stack; n; n = b->p->nodes.at[n].parent)
		if (!build_frame(b, &at, b->p->nodes.at[n].frame))
			return -ENOMEM;
	s->node = at.node;
	node = &b->t->nodes.at[at.node];
	node->self = sum_value(node->self, s->value, b->max);
	return 0;
}

/* Goes up to the first node that is known for this root, then draws the rest on the way down. */
static int build_upright(struct calltree_build *b, struct calltree_sum *s)
{
	struct calltree_place at = {.root = s->root + 1, .node = s->root, .kind = FRAME_KIND_MAX};
	struct calltree_node *node;
	uint32_t n = s->stack;

	for (b->path.n = 0; n && b->places[n].root != at.root; n = b->p->nodes.at[n].parent)
		if (!VEC_PUSH(&b->path, n))
			return -ENOMEM;
	if (n)
		at = b->places[n];
	while (b->path.n) {
		n = b->path.at[--b->path.n];
		if (!build_frame(b, &at, b->p->nodes.at[n].frame))
			return -ENOMEM;
		b->places[n] = at;
	}
	s->node = at.node;
	node = &b->t->nodes.at[at.node];
	node->self = sum_value(node->self, s->value, b->max);
	return 0;
}

/* By root, because `places` holds for one root at a time; then in the order of the profile. */
static int sum_order(const void *va, const void *vb)
{
	const struct calltree_sum *a = va, *b = vb;

	if (a->root != b->root)
		return a->root < b->root ? -1 : 1;
	return a->stack < b->stack ? -1 : a->stack > b->stack;
}

static int build_draw(struct calltree_build *b)
{
	int err = 0;

	if (b->sums.n)
		qsort(b->sums.at, b->sums.n, sizeof(*b->sums.at), sum_order);
	for (size_t i = 0; i < b->sums.n && !err; i++) {
		/* What adds up to nothing (another value's samples) is not in the picture. */
		if (!b->sums.at[i].value && !b->ends)
			continue;
		err = b->o->inverted ? build_inverted(b, &b->sums.at[i])
				     : build_upright(b, &b->sums.at[i]);
	}
	return err;
}

/* From the sum each sample went into to the node that sum ended in. */
static int build_ends(struct calltree_build *b)
{
	uint32_t *node_of = calloc(b->sums.n + 1, sizeof(*node_of));

	if (!node_of)
		return -ENOMEM;
	for (size_t i = 0; i < b->sums.n; i++)
		node_of[b->sums.at[i].id] = b->sums.at[i].node;
	for (size_t i = 0; i < b->p->samples.n; i++)
		b->ends[i] = node_of[b->ends[i]];
	free(node_of);
	return 0;
}

/* A child's id is always larger than its parent's, so one pass each way does. */
static int build_totals(struct calltree *t, bool max)
{
	uint32_t *depth = calloc(t->nodes.n, sizeof(*depth));

	if (!depth)
		return -ENOMEM;
	for (size_t i = 0; i < t->nodes.n; i++)
		t->nodes.at[i].total = t->nodes.at[i].self;
	for (size_t i = t->nodes.n; i-- > 1;) {
		struct calltree_node *parent = &t->nodes.at[t->nodes.at[i].parent];

		parent->total = sum_value(parent->total, t->nodes.at[i].total, max);
	}
	for (size_t i = 1; i < t->nodes.n; i++) {
		depth[i] = depth[t->nodes.at[i].parent] + 1;
		if (depth[i] > t->max_depth)
			t->max_depth = depth[i];
	}
	free(depth);
	return 0;
}

static int build_all(struct calltree_build *b, uint32_t value)
{
	const struct profile_value_type *v = &b->p->value_types.at[value];
	uint32_t root = linetable_mark(&b->lines, "all", 3, FRAME_KIND_MAX);
	int err;

	if (root == PROFILE_NONE || build_add(b, 0, root, 0) == PROFILE_NONE)
		return -ENOMEM;
	b->t->value_type = intern_puts(&b->t->strings, profile_text(b->p, v->type));
	b->t->value_unit = intern_puts(&b->t->strings, profile_text(b->p, v->unit));
	if (b->t->value_type == INTERN_NONE || b->t->value_unit == INTERN_NONE)
		return -ENOMEM;
	b->max = profile_value_is_max(b->p, value);
	err = build_add_up(b, value);
	if (!err)
		err = build_draw(b);
	if (!err && b->ends)
		err = build_ends(b);
	return err ? err : build_totals(b->t, b->max);
}

static int calltree_make(const struct profile *p, const struct calltree_opts *o,
			 struct calltree **ret, uint32_t **ends)
{
	uint32_t value = o->value == UINT32_MAX ? p->default_value : o->value;
	struct calltree_build b;
	int err;

	*ret = NULL;
	if (value >= p->value_types.n)
		return -EINVAL;
	err = build_init(&b, p, o) ? 0 : -ENOMEM;
	if (!err && ends && !(b.ends = calloc(p->samples.n + 1, sizeof(*b.ends))))
		err = -ENOMEM;
	if (!err)
		err = build_all(&b, value);
	if (!err && ends) {
		*ends = b.ends;
		b.ends = NULL;
	}
	build_free(&b);
	if (err)
		calltree_free(b.t);
	else
		*ret = b.t;
	return err;
}

int calltree_new(const struct profile *p, const struct calltree_opts *o, struct calltree **ret)
{
	return calltree_make(p, o, ret, NULL);
}

int calltree_new_mapped(const struct profile *p, const struct calltree_opts *o,
			struct calltree **ret, uint32_t **ends)
{
	*ends = NULL;
	return calltree_make(p, o, ret, ends);
}

void calltree_free(struct calltree *t)
{
	if (!t)
		return;
	intern_free(&t->strings);
	VEC_FREE(&t->nodes);
	free(t);
}

/* -- order -- */

struct calltree_ranks {
	const struct calltree *t;
	uint32_t *rank; /* per string: its place in byte order */
	enum calltree_order order;
};

static int rank_strings(const void *va, const void *vb, void *arg)
{
	const struct intern *s = arg;
	uint32_t a = *(const uint32_t *)va, b = *(const uint32_t *)vb;
	uint32_t la = s->at[a].len, lb = s->at[b].len;
	int c = memcmp(s->at[a].s, s->at[b].s, la < lb ? la : lb);

	return c ? c : (la > lb) - (la < lb);
}

static int rank_nodes(const void *va, const void *vb, void *arg)
{
	const struct calltree_ranks *r = arg;
	const struct calltree_node *a = &r->t->nodes.at[*(const uint32_t *)va];
	const struct calltree_node *b = &r->t->nodes.at[*(const uint32_t *)vb];

	if (r->order == BY_TOTAL && a->total != b->total)
		return a->total > b->total ? -1 : 1;
	if (a->name != b->name)
		return r->rank[a->name] < r->rank[b->name] ? -1 : 1;
	return (int)a->kind - (int)b->kind;
}

static void sort_children(struct calltree *t, uint32_t parent, uint32_t *scratch,
			  struct calltree_ranks *r)
{
	uint32_t n = 0;

	for (uint32_t c = t->nodes.at[parent].first_child; c; c = t->nodes.at[c].next)
		scratch[n++] = c;
	qsort_r(scratch, n, sizeof(*scratch), rank_nodes, r);
	t->nodes.at[parent].first_child = scratch[0];
	for (uint32_t i = 0; i < n; i++)
		t->nodes.at[scratch[i]].next = i + 1 < n ? scratch[i + 1] : 0;
}

/* Strings are put in order once; after that nodes compare by number. */
void calltree_sort(struct calltree *t, enum calltree_order order)
{
	uint32_t n = t->strings.n;
	uint32_t *ids = calloc(n, sizeof(*ids)), *rank = calloc(n, sizeof(*rank));
	uint32_t *scratch = calloc(t->nodes.n, sizeof(*scratch));
	struct calltree_ranks r = {t, rank, order};

	if (ids && rank && scratch) {
		for (uint32_t i = 0; i < n; i++)
			ids[i] = i;
		qsort_r(ids, n, sizeof(*ids), rank_strings, &t->strings);
		for (uint32_t i = 0; i < n; i++)
			rank[ids[i]] = i;
		for (uint32_t i = 0; i < t->nodes.n; i++)
			if (t->nodes.at[i].n_children > 1)
				sort_children(t, i, scratch, &r);
	}
	free(ids);
	free(rank);
	free(scratch);
}

size_t calltree_hottest(const struct calltree *t, double share, uint32_t *path, size_t max)
{
	uint32_t node = 0;
	size_t n = 0;

	while (n < max) {
		uint32_t best = t->nodes.at[node].first_child;

		path[n++] = node;
		for (uint32_t c = best; c; c = t->nodes.at[c].next)
			if (t->nodes.at[c].total > t->nodes.at[best].total)
				best = c;
		if (!best || t->nodes.at[best].total <= 0 ||
		    (double)t->nodes.at[best].total < share * (double)t->nodes.at[node].total)
			break;
		node = best;
	}
	return n;
}
