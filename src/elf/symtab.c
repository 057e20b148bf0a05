/* symtab.c - function symbols, merged from every table of a file and flattened for look-up.
 *
 * Three passes: collect candidates (names still borrowed from the image), choose (what can cover
 * anything, with an end for symbols without a size), flatten (base/spans.h), copying the surviving
 * names. The rules are in candidates.h. For a few addresses of a file lookup.c is cheaper.
 */
#include "elf/symtab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/spans.h"
#include "elf/candidates.h"
#include "elf/plt.h"

struct symtab_entry {
	uint64_t vaddr, size;
	uint32_t name; /* offset into names */
};

struct symtab {
	struct spans spans;
	VEC(struct symtab_entry) entries; /* by address, at the same one the preferred first */
	struct buf names;
};

struct symtab_build {
	struct candidates from;
	VEC(struct candidate) found;
	size_t n_named; /* candidates before the call stubs */
	bool oom;
};

static void symtab_add(void *ctx, const struct candidate *c)
{
	struct symtab_build *b = ctx;

	b->oom |= !VEC_PUSH(&b->found, *c);
}

static int symtab_order(const void *a, const void *b)
{
	return candidate_order(a, b);
}

static void symtab_sort(struct symtab_build *b)
{
	if (b->found.n)
		qsort(b->found.at, b->found.n, sizeof(*b->found.at), symtab_order);
	b->n_named = b->found.n;
}

/* -- call stubs ------------------------------------------------------------------------------ */

/* The name at exactly this address among the candidates that are sorted already. */
static const struct candidate *symtab_exact(const struct symtab_build *b, uint64_t vaddr)
{
	size_t lo = 0, hi = b->n_named;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (b->found.at[mid].vaddr < vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->n_named && b->found.at[lo].vaddr == vaddr ? &b->found.at[lo] : NULL;
}

static bool symtab_add_stub(void *ctx, uint64_t vaddr, uint64_t size, const char *name,
			    uint64_t resolver)
{
	struct symtab_build *b = ctx;
	const struct candidate *target = name ? NULL : symtab_exact(b, resolver);
	struct candidate c;

	if (target)
		name = target->name;
	if (name && candidates_stub(&b->from, vaddr, size, name, &c))
		symtab_add(b, &c);
	return !b->oom;
}

/* -- choosing -------------------------------------------------------------------------------- */

static bool symtab_keep(struct symtab *t, const struct candidate *c, uint64_t end, uint64_t *budget)
{
	struct symtab_entry entry = {c->vaddr, end - c->vaddr, (uint32_t)t->names.len};

	if (t->names.len > UINT32_MAX)
		return false;
	candidate_put_name(c, &t->names, budget);
	return !t->names.err && VEC_PUSH(&t->entries, entry);
}

/* Of those at one address only the first, and any that reach further than all before them. */
static void symtab_drop_hidden(struct symtab_build *b)
{
	size_t n = 0;
	uint64_t end = 0;

	for (size_t i = 0; i < b->found.n; i++) {
		const struct candidate *c = &b->found.at[i];

		if (n && b->found.at[n - 1].vaddr == c->vaddr &&
		    (c->rank != CANDIDATE_SIZED || c->end <= end))
			continue;
		end = c->end;
		b->found.at[n++] = *c;
	}
	b->found.n = n;
}

/* Ends for those that have none, and what lies inside a symbol with a size goes if it has none
 * itself. */
static bool symtab_choose(struct symtab *t, struct symtab_build *b)
{
	uint64_t covered = 0, budget = b->from.name_budget;
	size_t n;

	symtab_drop_hidden(b);
	n = b->found.n;
	for (size_t i = 0; i < n; i++) {
		const struct candidate *c = &b->found.at[i];
		uint64_t end = c->end;

		if (c->rank == CANDIDATE_SIZED) {
			if (end > covered)
				covered = end;
		} else {
			if (c->vaddr < covered)
				continue;
			if (end == c->vaddr)
				end = candidates_limit(&b->from, c->vaddr);
			if (i + 1 < n && b->found.at[i + 1].vaddr < end)
				end = b->found.at[i + 1].vaddr;
		}
		if (end > c->vaddr && !symtab_keep(t, c, end, &budget))
			return false;
	}
	return true;
}

/* The highest rank wins: the last by address, but the first of those at the same one. */
static void symtab_rank(const struct symtab *t, struct span *spans)
{
	uint32_t n = (uint32_t)t->entries.n;

	for (uint32_t i = 0, next; i < n; i = next) {
		for (next = i; next < n && t->entries.at[next].vaddr == t->entries.at[i].vaddr;)
			next++;
		for (uint32_t k = i; k < next; k++) {
			const struct symtab_entry *e = &t->entries.at[k];

			spans[k] = (struct span){e->vaddr, e->vaddr + e->size, i + next - 1 - k, k};
		}
	}
}

static int symtab_flatten(struct symtab *t)
{
	struct span *spans;
	int rc;

	if (t->entries.n >= SPANS_NONE)
		return -ENOMEM;
	if (!t->entries.n)
		return 0;
	spans = malloc(t->entries.n * sizeof(*spans));
	if (!spans)
		return -ENOMEM;
	symtab_rank(t, spans);
	rc = spans_build(&t->spans, spans, t->entries.n);
	free(spans);
	return rc;
}

int symtab_new(struct elf_image *img, struct symtab **ret)
{
	struct symtab_build b = {0};
	struct symtab *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return -ENOMEM;
	rc = candidates_open(&b.from, img);
	if (!rc) {
		candidates_each(&b.from, symtab_add, &b);
		symtab_sort(&b);
		plt_each(img, symtab_add_stub, &b);
		symtab_sort(&b);
		rc = !b.oom && symtab_choose(t, &b) ? symtab_flatten(t) : -ENOMEM;
		candidates_close(&b.from);
	}
	VEC_FREE(&b.found);
	if (rc) {
		symtab_free(t);
		return rc;
	}
	*ret = t;
	return 0;
}

void symtab_free(struct symtab *t)
{
	if (!t)
		return;
	spans_free(&t->spans);
	VEC_FREE(&t->entries);
	buf_free(&t->names);
	free(t);
}

size_t symtab_count(const struct symtab *t)
{
	return t->entries.n;
}

struct symbol symtab_at(const struct symtab *t, size_t i)
{
	const struct symtab_entry *e = &t->entries.at[i];

	return (struct symbol){ e->vaddr, e->size, (char *)t->names.data + e->name };
}

bool symtab_find(const struct symtab *t, uint64_t vaddr, struct symbol *ret)
{
	uint32_t id = spans_find(&t->spans, vaddr);

	if (id == SPANS_NONE)
		return false;
	*ret = symtab_at(t, id);
	return true;
}
