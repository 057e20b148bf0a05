/* provider_dwarf.c - inlined functions, files and lines, where a file or its debug file says them. */
#include <errno.h>
#include <stdlib.h>

#include "symbol/binary.h"

struct dwarf_place {
	uint64_t vaddr;
	size_t of; /* index in the caller's offsets */
};

struct dwarf_batch {
	struct dwarf_place *places; /* sorted */
	uint64_t *vaddrs;
	size_t n;
	struct naming *to;
	VEC(struct provider_line) lines;
};

static int dwarf_open(const struct provider_env *env, uint32_t object, void **ret_state,
		      enum unnamed_reason *ret_why)
{
	struct binary *b;
	int rc = binary_of_object(env, object, &b, ret_why);

	if (rc)
		return rc;
	if (!binary_dwarf(b)) {
		*ret_why = UNNAMED_STRIPPED;
		return -ENOENT;
	}
	*ret_state = b;
	return 0;
}

static int dwarf_order(const void *pa, const void *pb)
{
	const struct dwarf_place *a = pa, *b = pb;

	return (a->vaddr > b->vaddr) - (a->vaddr < b->vaddr);
}

static int dwarf_prepare(struct dwarf_batch *b, const struct elfnames *names, const uint64_t *offsets,
			 size_t n)
{
	b->places = malloc((n + 1) * sizeof(*b->places));
	b->vaddrs = malloc((n + 1) * sizeof(*b->vaddrs));
	if (!b->places || !b->vaddrs)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct dwarf_place *p = &b->places[b->n];

		p->of = i;
		b->n += elfnames_vaddr(names, offsets[i], &p->vaddr);
	}
	/* Segments may lie in memory in another order than in the file. */
	qsort(b->places, b->n, sizeof(*b->places), dwarf_order);
	for (size_t i = 0; i < b->n; i++)
		b->vaddrs[i] = b->places[i].vaddr;
	return 0;
}

static int dwarf_found(void *ctx, size_t i, const struct dwarf_line *lines, size_t n)
{
	struct dwarf_batch *b = ctx;

	if (n == 1 && !lines->function) /* a place without a name: others may know more */
		return 0;
	b->lines.n = 0;
	for (size_t k = 0; k < n; k++) {
		struct provider_line line = {lines[k].function, lines[k].file, lines[k].line};

		if (!VEC_PUSH(&b->lines, line))
			return -ENOMEM;
	}
	return naming_put(b->to, b->places[i].of, b->lines.at, (uint16_t)n);
}

static int dwarf_resolve_offsets(void *state, const uint64_t *offsets, size_t n, struct naming *to)
{
	struct dwarf_batch b = {.to = to};
	int rc = dwarf_prepare(&b, binary_names(state), offsets, n);

	if (!rc)
		rc = binary_lines(state, b.vaddrs, b.n, false, dwarf_found, &b);
	VEC_FREE(&b.lines);
	free(b.places);
	free(b.vaddrs);
	return rc;
}

const struct provider provider_dwarf = {
	.name = "dwarf",
	.help = "inlined functions, files and lines, from the debug information of programs and libraries",
	.kinds = 1u << OBJECT_FILE,
	.missing = UNNAMED_STRIPPED,
	.open = dwarf_open,
	.resolve = dwarf_resolve_offsets,
};
