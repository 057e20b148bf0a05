/* dwarf_ranges.c - .debug_ranges and .debug_rnglists (DWARF 5, sections 2.17 and 7.25; DWARF 4,
 * section 2.17.3). */
#include <errno.h>

#include "elf/dwarf_body.h"

#define ENTRIES_CAP (1u << 20) /* of one list */

struct ranges_reader {
	const struct dwarf_unit *u;
	const struct dwarf_head *h;
	struct dwarf_ranges *to;
	uint64_t base;
	bool oom;
};

static void ranges_put(struct ranges_reader *r, uint64_t start, uint64_t end)
{
	if (end > start && !VEC_PUSH(&r->to->list, (struct dwarf_range){start, end}))
		r->oom = true;
}

static void ranges_read_4(struct ranges_reader *r, struct cursor *c)
{
	for (unsigned int i = 0; i < ENTRIES_CAP && !r->oom; i++) {
		uint64_t start = cursor_u64(c), end = cursor_u64(c);

		if (c->bad || (!start && !end))
			return;
		if (start == UINT64_MAX)
			r->base = end;
		else
			ranges_put(r, r->base + start, r->base + end);
	}
}

static uint64_t ranges_indexed(struct ranges_reader *r, struct cursor *c)
{
	struct dwarf_value v = {.kind = VALUE_ADDRX, .u = cursor_uleb(c)};
	uint64_t addr;

	if (!dwarf_address(r->u, r->h, &v, &addr)) {
		c->bad = true;
		return 0;
	}
	return addr;
}

/* One entry of DWARF 5. False at the end of the list. */
static bool ranges_entry_5(struct ranges_reader *r, struct cursor *c)
{
	uint64_t start, end;

	switch (cursor_u8(c)) {
	case DW_RLE_base_addressx:
		r->base = ranges_indexed(r, c);
		return true;
	case DW_RLE_startx_endx:
		start = ranges_indexed(r, c);
		end = ranges_indexed(r, c);
		break;
	case DW_RLE_startx_length:
		start = ranges_indexed(r, c);
		end = start + cursor_uleb(c);
		break;
	case DW_RLE_offset_pair:
		start = r->base + cursor_uleb(c);
		end = r->base + cursor_uleb(c);
		break;
	case DW_RLE_base_address:
		r->base = cursor_u64(c);
		return true;
	case DW_RLE_start_end:
		start = cursor_u64(c);
		end = cursor_u64(c);
		break;
	case DW_RLE_start_length:
		start = cursor_u64(c);
		end = start + cursor_uleb(c);
		break;
	default: /* the end, or something newer */
		return false;
	}
	if (!c->bad)
		ranges_put(r, start, end);
	return true;
}

static void ranges_read_5(struct ranges_reader *r, struct cursor *c)
{
	for (unsigned int i = 0; i < ENTRIES_CAP && !r->oom && !c->bad; i++)
		if (!ranges_entry_5(r, c))
			return;
}

static void ranges_read_list(struct ranges_reader *r, const struct dwarf_value *v)
{
	bool old = r->u->version < 5;
	const struct dwarf_file *f = old && r->u->skeleton ? r->u->skeleton->file : r->u->file;
	const struct dwarf_bytes *s = &f->sections.at[old ? DWARF_RANGES : DWARF_RNGLISTS];
	uint64_t at = v->u;
	struct cursor c;

	if (v->kind == VALUE_RNGLISTX) {
		uint64_t size = r->u->offset_size, table = r->h->rnglists;

		if (table > s->n || at >= (s->n - table) / size)
			return;
		c = cursor_of(s->p + table + at * size, size);
		at = table + (size == 8 ? cursor_u64(&c) : cursor_u32(&c));
	} else if (r->u->skeleton) {
		at += old ? r->h->ranges_base : r->u->rng_base;
	}
	if (at >= s->n || !dwarf_work(r->u->file, 0))
		return;
	c = cursor_of(s->p + at, s->n - at);
	if (old)
		ranges_read_4(r, &c);
	else
		ranges_read_5(r, &c);
	dwarf_work(r->u->file, (uint64_t)(c.p - s->p) - at);
}

int dwarf_ranges_add(const struct dwarf_unit *u, const struct dwarf_head *h,
		     const struct dwarf_value *low, const struct dwarf_value *high,
		     const struct dwarf_value *ranges, struct dwarf_ranges *to)
{
	struct ranges_reader r = {.u = u, .h = h, .to = to};
	uint64_t start, end;

	if (ranges->kind != VALUE_NONE) {
		if (!dwarf_address(u, h, &h->low_pc, &r.base))
			r.base = 0;
		ranges_read_list(&r, ranges);
	} else if (high->kind != VALUE_NONE && dwarf_address(u, h, low, &start)) {
		if (!dwarf_address(u, h, high, &end))
			end = start + high->u;
		ranges_put(&r, start, end);
	}
	return r.oom ? -ENOMEM : 0;
}

bool dwarf_code_clip(const struct dwarf_code *code, struct dwarf_range *r)
{
	for (size_t i = 0; i < code->list.n; i++) {
		const struct dwarf_range *in = &code->list.at[i];

		if (r->start < in->start || r->start >= in->end)
			continue;
		if (r->end > in->end)
			r->end = in->end;
		return r->end > r->start;
	}
	return !code->list.n && r->end > r->start;
}
