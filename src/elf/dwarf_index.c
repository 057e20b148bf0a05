/* dwarf_index.c - the ranges of all units, flattened.
 *
 * .debug_aranges says it in one go, but only for the units its compiler was asked to: clang writes none
 * unless told, so a program of both is half described. What is not described is asked at its root. Where
 * units overlap (identical functions folded to one) the first wins, as in LLVM.
 */
#include "elf/dwarf_index.h"

#include <errno.h>
#include <stdlib.h>

#define SPANS_CAP (1u << 25) /* ranges of a file; Chromium has some millions */

struct index_build {
	struct dwarf_file *f;
	const struct dwarf_code *code;
	VEC(struct span) spans;
	bool *described; /* by unit */
	size_t damaged;
	bool oom;
};

static void index_put(struct index_build *b, size_t unit, struct dwarf_range r)
{
	struct span s = {.id = (uint32_t)unit};

	if (!dwarf_code_clip(b->code, &r) || b->spans.n >= SPANS_CAP)
		return;
	s.start = r.start;
	s.end = r.end;
	b->oom |= !VEC_PUSH(&b->spans, s);
}

/* One set of .debug_aranges: a unit's ranges (DWARF 5, section 6.1.2). */
static void index_set(struct index_build *b, const uint8_t *start, struct cursor *c, uint8_t size)
{
	uint16_t version = cursor_u16(c);
	uint64_t offset = size == 8 ? cursor_u64(c) : cursor_u32(c);
	uint8_t addr = cursor_u8(c), segment = cursor_u8(c);
	struct dwarf_unit *u = dwarf_unit_at(b->f, offset);
	size_t i;

	if (c->bad || version != 2 || addr != 8 || segment || !u || u->offset != offset)
		return;
	i = (size_t)(u - b->f->units);
	cursor_take(c, -(uint64_t)(c->p - start) & 15); /* to a multiple of an entry's size */
	while (!b->oom && cursor_left(c) >= 16) {
		uint64_t low = cursor_u64(c), n = cursor_u64(c);

		if (!low && !n)
			break;
		b->described[i] = true;
		index_put(b, i, (struct dwarf_range){low, low + n < low ? UINT64_MAX : low + n});
	}
}

static void index_sets(struct index_build *b)
{
	const struct dwarf_bytes *s = &b->f->sections.at[DWARF_ARANGES];
	struct cursor c = cursor_of(s->p, s->n);

	while (cursor_left(&c) && !b->oom) {
		const uint8_t *start = c.p, *p;
		uint64_t length = cursor_u32(&c);
		uint8_t size = length == UINT32_MAX ? 8 : 4;
		struct cursor set;

		if (size == 8)
			length = cursor_u64(&c);
		p = cursor_take(&c, length);
		if (!p)
			return;
		set = cursor_of(p, length);
		index_set(b, start, &set, size);
	}
}

static void index_root(struct index_build *b, size_t i, struct dwarf_ranges *ranges)
{
	struct dwarf_unit *u = &b->f->units[i];
	struct dwarf_head h;

	if (!dwarf_unit_peek(u, &h)) {
		b->damaged++;
		return;
	}
	ranges->list.n = 0;
	b->oom |= dwarf_ranges_add(u, &h, &h.low_pc, &h.high_pc, &h.ranges, ranges) != 0;
	for (size_t k = 0; k < ranges->list.n; k++)
		index_put(b, i, ranges->list.at[k]);
}

/* The first unit gets the highest rank. */
static int index_order(const void *pa, const void *pb)
{
	const struct span *a = pa, *b = pb;

	if (a->id != b->id)
		return a->id > b->id ? -1 : 1;
	return (a->start > b->start) - (a->start < b->start);
}

int dwarf_index_build(struct dwarf_file *f, const struct dwarf_code *code, struct spans *ret,
		      size_t *ret_damaged)
{
	struct index_build b = {.f = f, .code = code, .described = calloc(f->n_units + 1, 1)};
	struct dwarf_ranges ranges = {0};
	int rc;

	b.oom = !b.described;
	if (!b.oom)
		index_sets(&b);
	for (size_t i = 0; i < f->n_units && !b.oom; i++)
		if (!b.described[i])
			index_root(&b, i, &ranges);
	if (b.spans.n)
		qsort(b.spans.at, b.spans.n, sizeof(*b.spans.at), index_order);
	for (size_t i = 0; i < b.spans.n; i++)
		b.spans.at[i].rank = (uint32_t)i;
	rc = b.oom ? -ENOMEM : spans_build(ret, b.spans.at, b.spans.n);
	*ret_damaged = b.damaged;
	VEC_FREE(&ranges.list);
	VEC_FREE(&b.spans);
	free(b.described);
	return rc;
}
