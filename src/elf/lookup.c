/* lookup.c - one pass over the symbols for a sorted list of addresses; see lookup.h.
 *
 * For the rules of candidates.h it is enough to know, for every address asked: the preferred one of
 * those sized symbols that cover it and start last; and, when there is none, the last symbol at or
 * before it, how far any sized symbol before it reaches, and where the next one starts.
 *
 * The last three are running extremes, so a symbol is noted only in the slot of the first address
 * at or after it and a sweep over the slots spreads them. A covering symbol concerns a run of
 * addresses; runs are kept in a segment tree (a run is at most 2 log n nodes, an answer the best
 * one on the way from its leaf to the root), so that tables of symbols that all cover everything
 * cost no more than others.
 */
#include "elf/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf/candidates.h"
#include "elf/plt.h"

struct lookup_query {
	uint64_t vaddr;
	size_t of; /* index in the caller's list; a stub's when it is at or above n_asked */
};

struct lookup_slot {
	struct candidate before; /* the last, and preferred, one at or before; name NULL: none */
	uint64_t reach;          /* the furthest end of sized ones that start at or before */
	uint64_t next; /* the first start after the query before (of equal queries, the first has
			  it) */
};

struct lookup_stub {
	uint64_t vaddr, size, resolver;
	const char *name; /* NULL: that of the function at the resolver's address */
};

struct lookup {
	struct candidates from;
	struct lookup_query *queries; /* sorted */
	uint64_t *vaddrs;             /* theirs, packed for searching */
	struct lookup_slot *slots;    /* n + 1: the last for what starts after all of them */
	struct candidate *covers;     /* the tree: leaves from n on; name NULL: none */
	size_t n, n_asked;
	VEC(struct lookup_stub) stubs;
	bool oom;
};

/* The first query at or after the address. Without branches: most searches are for nothing. */
static size_t lookup_first(const struct lookup *l, uint64_t vaddr)
{
	const uint64_t *at = l->vaddrs;
	size_t n = l->n;

	while (n > 1) {
		size_t half = n / 2;

		at += at[half - 1] < vaddr ? half : 0;
		n -= half;
	}
	return (size_t)(at - l->vaddrs) + (n && *at < vaddr);
}

/* Of two sized ones that cover an address: the one that starts last, then the preferred. */
static void lookup_cover(struct candidate *node, const struct candidate *c)
{
	if (!node->name || c->vaddr > node->vaddr ||
	    (c->vaddr == node->vaddr && candidate_order(c, node) < 0))
		*node = *c;
}

static void lookup_cover_run(struct lookup *l, const struct candidate *c, size_t from, size_t to)
{
	for (from += l->n, to += l->n; from < to; from /= 2, to /= 2) {
		if (from & 1)
			lookup_cover(&l->covers[from++], c);
		if (to & 1)
			lookup_cover(&l->covers[--to], c);
	}
}

static void lookup_add(void *ctx, const struct candidate *c)
{
	struct lookup *l = ctx;
	size_t i = lookup_first(l, c->vaddr);
	struct lookup_slot *s = &l->slots[i];

	if (c->vaddr < s->next)
		s->next = c->vaddr;
	if (i == l->n)
		return;
	lookup_cover(&s->before, c);
	if (c->rank != CANDIDATE_SIZED)
		return;
	if (c->end > s->reach)
		s->reach = c->end;
	if (c->end > l->vaddrs[i])
		lookup_cover_run(l, c, i, lookup_first(l, c->end));
}

/* -- call stubs ------------------------------------------------------------------------------ */

static bool lookup_note_stub(void *ctx, uint64_t vaddr, uint64_t size, const char *name,
			     uint64_t resolver)
{
	struct lookup *l = ctx;
	struct lookup_stub stub = {vaddr, size, resolver, name};

	l->oom |= !VEC_PUSH(&l->stubs, stub);
	return !l->oom;
}

/* All get their names before the first is added: a resolver is a symbol, never a stub. */
static void lookup_add_stubs(struct lookup *l)
{
	struct candidate c;

	for (size_t i = 0; i < l->stubs.n; i++) {
		struct lookup_stub *stub = &l->stubs.at[i];
		const struct candidate *target;

		if (stub->name)
			continue;
		target = &l->slots[lookup_first(l, stub->resolver)].before;
		if (target->name && target->vaddr == stub->resolver)
			stub->name = target->name;
	}
	for (size_t i = 0; i < l->stubs.n; i++) {
		struct lookup_stub *stub = &l->stubs.at[i];

		if (stub->name &&
		    candidates_stub(&l->from, stub->vaddr, stub->size, stub->name, &c))
			lookup_add(l, &c);
	}
}

/* -- queries --------------------------------------------------------------------------------- */

static int lookup_order(const void *pa, const void *pb)
{
	const struct lookup_query *a = pa, *b = pb;

	return (a->vaddr > b->vaddr) - (a->vaddr < b->vaddr);
}

/* The caller's addresses and those whose names call stubs bear. */
static int lookup_prepare(struct lookup *l, const uint64_t *vaddrs, size_t n)
{
	size_t most = n + l->stubs.n;

	if (most > SIZE_MAX / 4 / sizeof(*l->slots))
		return -ENOMEM;
	l->queries = malloc(most * sizeof(*l->queries));
	l->vaddrs = malloc(most * sizeof(*l->vaddrs));
	l->slots = calloc(most + 1, sizeof(*l->slots));
	l->covers = calloc(2 * most, sizeof(*l->covers));
	if (!l->queries || !l->vaddrs || !l->slots || !l->covers)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		l->queries[l->n++] = (struct lookup_query){vaddrs[i], i};
	for (size_t i = 0; i < l->stubs.n; i++)
		if (!l->stubs.at[i].name)
			l->queries[l->n++] = (struct lookup_query){l->stubs.at[i].resolver, n + i};
	qsort(l->queries, l->n, sizeof(*l->queries), lookup_order);
	for (size_t i = 0; i < l->n; i++)
		l->vaddrs[i] = l->queries[i].vaddr;
	for (size_t i = 0; i <= l->n; i++)
		l->slots[i].next = UINT64_MAX;
	return 0;
}

static void lookup_spread(struct lookup *l)
{
	for (size_t i = 1; i < l->n; i++) {
		const struct lookup_slot *last = &l->slots[i - 1];

		if (!l->slots[i].before.name)
			l->slots[i].before = last->before;
		if (l->slots[i].reach < last->reach)
			l->slots[i].reach = last->reach;
	}
	for (size_t i = l->n; i--;)
		if (l->slots[i].next > l->slots[i + 1].next)
			l->slots[i].next = l->slots[i + 1].next;
}

/* What covers the i-th query: sets its end too. False when nothing does. */
static bool lookup_answer(const struct lookup *l, size_t i, struct candidate *ret)
{
	const struct candidate *c = &l->slots[i].before;
	uint64_t end;

	*ret = (struct candidate){0};
	for (size_t node = i + l->n; node; node /= 2)
		if (l->covers[node].name)
			lookup_cover(ret, &l->covers[node]);
	if (ret->name)
		return true;
	if (!c->name || c->rank == CANDIDATE_SIZED || l->slots[i].reach > c->vaddr)
		return false;
	end = c->end > c->vaddr ? c->end : candidates_limit(&l->from, c->vaddr);
	if (end > l->slots[i + 1].next)
		end = l->slots[i + 1].next;
	*ret = *c;
	ret->end = end;
	return end > l->vaddrs[i];
}

static int lookup_answers(const struct lookup *l, struct symbol *ret, struct buf *names)
{
	uint64_t budget = l->from.name_budget;
	size_t *name = calloc(l->n_asked, sizeof(*name));
	struct candidate last = {0}, c;

	if (!name)
		return -ENOMEM;
	for (size_t i = 0, at = 0; i < l->n; i++) {
		size_t of = l->queries[i].of;

		if (of >= l->n_asked || !lookup_answer(l, i, &c))
			continue;
		if (c.name != last.name || c.plt != last.plt) { /* neighbours share one */
			at = names->len;
			candidate_put_name(&c, names, &budget);
			last = c;
		}
		ret[of] = (struct symbol){c.vaddr, c.end - c.vaddr, ""};
		name[of] = at;
	}
	for (size_t i = 0; i < l->n_asked && !names->err; i++)
		if (ret[i].name)
			ret[i].name = (const char *)names->data + name[i];
	free(name);
	return names->err;
}

int symbol_lookup(struct elf_image *img, const uint64_t *vaddrs, size_t n, struct symbol *ret,
		  struct buf *names)
{
	struct lookup l = {.n_asked = n};
	int rc;

	if (!n)
		return 0;
	memset(ret, 0, n * sizeof(*ret));
	rc = candidates_open(&l.from, img);
	if (rc)
		return rc;
	if (plt_has(img, vaddrs, n)) /* stubs take long to name, and reach nowhere else */
		plt_each(img, lookup_note_stub, &l);
	rc = l.oom ? -ENOMEM : lookup_prepare(&l, vaddrs, n);
	if (!rc) {
		candidates_each(&l.from, lookup_add, &l);
		lookup_add_stubs(&l);
		lookup_spread(&l);
		rc = lookup_answers(&l, ret, names);
	}
	candidates_close(&l.from);
	VEC_FREE(&l.stubs);
	free(l.queries);
	free(l.vaddrs);
	free(l.slots);
	free(l.covers);
	return rc;
}
