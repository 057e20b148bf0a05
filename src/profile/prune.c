/* prune.c - a call tree without its narrow branches; see calltree_prune() in calltree.h.
 *
 * A page shows a thousand pixels: of a million nodes a few thousand are wide enough to be seen, and
 * those are quickly sent, decoded and drawn while the rest is on its way.
 */
#include <errno.h>
#include <stdlib.h>

#include "profile/calltree.h"

struct prune {
	const struct calltree *from;
	struct calltree to;
	uint32_t *place; /* per node: its number in `to`; UINT32_MAX: it is left out */
	uint32_t *last;  /* per node of `to`: its last child so far */
	bool oom;
};

static uint32_t prune_string(struct prune *r, uint32_t id)
{
	uint32_t at = intern_put(&r->to.strings, intern_get(&r->from->strings, id),
				 intern_len(&r->from->strings, id));

	r->oom |= at == INTERN_NONE;
	return r->oom ? 0 : at;
}

static void prune_add(struct prune *r, uint32_t node)
{
	const struct calltree_node *n = &r->from->nodes.at[node];
	uint32_t id = (uint32_t)r->to.nodes.n, parent = id ? r->place[n->parent] : 0;
	struct calltree_node copy = {
		.name = prune_string(r, n->name),
		.object = prune_string(r, n->object),
		.parent = parent,
		.kind = n->kind,
		.self = n->total,
		.total = n->total,
	};

	if (!VEC_PUSH(&r->to.nodes, copy)) {
		r->oom = true;
		return;
	}
	r->place[node] = id;
	r->last[id] = 0;
	if (!id)
		return;
	r->to.nodes.at[parent].self -= n->total;
	r->to.nodes.at[parent].n_children++;
	if (r->last[parent])
		r->to.nodes.at[r->last[parent]].next = id;
	else
		r->to.nodes.at[parent].first_child = id;
	r->last[parent] = id;
}

/* Depth first, siblings in their order; nothing recurses. */
static void prune_walk(struct prune *r, int64_t least)
{
	const struct calltree_node *at = r->from->nodes.at;
	uint32_t node = 0, depth = 0;

	for (;;) {
		bool kept = !node || at[node].total >= least;

		if (kept)
			prune_add(r, node);
		if (r->oom)
			return;
		if (kept && depth > r->to.max_depth)
			r->to.max_depth = depth;
		if (kept && at[node].first_child) {
			node = at[node].first_child;
			depth++;
			continue;
		}
		while (node && !at[node].next) {
			node = at[node].parent;
			depth--;
		}
		if (!node)
			return;
		node = at[node].next;
	}
}

static bool prune_adds_up(const struct prune *r)
{
	for (size_t i = 0; i < r->to.nodes.n; i++)
		if (r->to.nodes.at[i].self < 0)
			return false;
	return true;
}

/* What was left out is where the nearest node above is. Parents have lower numbers than their
 * children. */
static void prune_place(struct prune *r, uint32_t *ends, size_t n)
{
	for (uint32_t i = 1; i < r->from->nodes.n; i++)
		if (r->place[i] == UINT32_MAX)
			r->place[i] = r->place[r->from->nodes.at[i].parent];
	for (size_t i = 0; i < n; i++)
		ends[i] = r->place[ends[i]];
}

static int prune_make(struct prune *r, int64_t least)
{
	size_t n = r->from->nodes.n;

	r->place = malloc(n * sizeof(*r->place));
	r->last = malloc(n * sizeof(*r->last));
	if (!r->place || !r->last || intern_puts(&r->to.strings, "") == INTERN_NONE)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		r->place[i] = UINT32_MAX;
	r->to.value_type = prune_string(r, r->from->value_type);
	r->to.value_unit = prune_string(r, r->from->value_unit);
	prune_walk(r, least);
	if (r->oom)
		return -ENOMEM;
	return prune_adds_up(r) ? 0 : -EINVAL;
}

int calltree_prune(struct calltree *t, int64_t least, uint32_t *ends, size_t n)
{
	struct prune r = {.from = t};
	struct calltree was = *t;
	int err = prune_make(&r, least);

	if (!err) {
		prune_place(&r, ends, n);
		*t = r.to;
		r.to = was;
	}
	free(r.place);
	free(r.last);
	intern_free(&r.to.strings);
	VEC_FREE(&r.to.nodes);
	return err;
}
