/* dwarf_lines.c - line number programs (DWARF 5, section 6.2) run to rows.
 *
 * Only what an address is asked for is kept: the last row at each address, where the file or line
 * changes. That is a third of what compilers write.
 */
#include <errno.h>
#include <stdlib.h>

#include "elf/dwarf_body.h"

#define ROWS_CAP (1u << 25) /* of one unit: 400 MB; the largest LTO units have some millions */

struct lines_run {
	struct cursor c;
	struct dwarf_line_header h;
	const struct dwarf_code *code;
	struct dwarf_lines *to;
	uint64_t addr;
	uint32_t file, line, op;
	bool open; /* in a sequence */
	struct dwarf_sequence at;
	bool oom;
};

static void lines_reset(struct lines_run *r)
{
	r->addr = 0;
	r->file = r->line = 1;
	r->op = 0;
}

/* Ends the sequence at an address: kept when it is about code. */
static void lines_end(struct lines_run *r, uint64_t end)
{
	struct dwarf_range range = {r->at.start, end};

	if (!r->open)
		return;
	r->open = false;
	r->at.end = end;
	r->at.n = r->to->rows.n - r->at.first;
	if (!r->at.n || !dwarf_code_clip(r->code, &range)) {
		r->to->rows.n = r->at.first;
		return;
	}
	if (!VEC_PUSH(&r->to->sequences, r->at))
		r->oom = true;
}

static void lines_push(struct lines_run *r, const struct dwarf_row *row)
{
	if (r->to->rows.n < ROWS_CAP) {
		r->oom = !VEC_PUSH(&r->to->rows, *row);
	} else { /* what there is will do */
		r->open &= r->to->rows.n > r->at.first;
		r->c.bad = true;
	}
}

static void lines_row(struct lines_run *r)
{
	struct dwarf_row *last = NULL, row;

	if (r->open) {
		last = &r->to->rows.at[r->to->rows.n - 1];
		if (r->addr < r->at.start + last->delta) /* backwards: what comes is another */
			lines_end(r, r->at.start + last->delta);
		else if (r->addr - r->at.start > UINT32_MAX)
			return;
	}
	if (!r->open) {
		r->at = (struct dwarf_sequence){.start = r->addr, .first = r->to->rows.n};
		r->open = true;
		last = NULL;
	}
	row = (struct dwarf_row){(uint32_t)(r->addr - r->at.start), r->file, r->line};
	if (last && last->delta == row.delta)
		*last = row;
	else if (!(last && last->file == row.file && last->line == row.line))
		lines_push(r, &row);
}

static void lines_advance(struct lines_run *r, uint64_t operation)
{
	if (r->h.max_ops <= 1) {
		r->addr += operation * r->h.min_length;
		return;
	}
	operation += r->op; /* several operations in one instruction */
	r->addr += operation / r->h.max_ops * r->h.min_length;
	r->op = (uint32_t)(operation % r->h.max_ops);
}

static void lines_special(struct lines_run *r, uint8_t opcode)
{
	uint8_t adjusted = (uint8_t)(opcode - r->h.opcode_base);

	lines_advance(r, adjusted / r->h.line_range);
	r->line += (uint32_t)(r->h.line_base + adjusted % r->h.line_range);
	lines_row(r);
}

static void lines_extended(struct lines_run *r)
{
	uint64_t n = cursor_uleb(&r->c);
	const uint8_t *p = cursor_take(&r->c, n);
	struct cursor c;

	if (!p || !n)
		return;
	c = cursor_of(p, n);
	switch (cursor_u8(&c)) {
	case DW_LNE_end_sequence:
		lines_end(r, r->addr);
		lines_reset(r);
		break;
	case DW_LNE_set_address:
		r->addr = n == 9 ? cursor_u64(&c) : n == 5 ? cursor_u32(&c) : 0;
		r->op = 0;
		break;
	default: /* discriminators; files of version 2, which nobody writes here */
		break;
	}
}

static void lines_standard(struct lines_run *r, uint8_t opcode)
{
	switch (opcode) {
	case DW_LNS_copy:
		lines_row(r);
		break;
	case DW_LNS_advance_pc:
		lines_advance(r, cursor_uleb(&r->c));
		break;
	case DW_LNS_advance_line:
		r->line += (uint32_t)cursor_sleb(&r->c);
		break;
	case DW_LNS_set_file:
		r->file = (uint32_t)cursor_uleb(&r->c);
		break;
	case DW_LNS_const_add_pc:
		lines_advance(r, (uint8_t)(255 - r->h.opcode_base) / r->h.line_range);
		break;
	case DW_LNS_fixed_advance_pc:
		r->addr += cursor_u16(&r->c);
		r->op = 0;
		break;
	default: /* of no interest, or unknown: the header says how many operands */
		for (uint8_t i = 0; i < r->h.lengths[opcode]; i++)
			cursor_uleb(&r->c);
	}
}

static void lines_execute(struct lines_run *r)
{
	lines_reset(r);
	while (cursor_left(&r->c) && !r->c.bad && !r->oom) {
		uint8_t opcode = cursor_u8(&r->c);

		if (opcode >= r->h.opcode_base)
			lines_special(r, opcode);
		else if (opcode)
			lines_standard(r, opcode);
		else
			lines_extended(r);
	}
	if (r->open && !r->oom) /* cut off: the last row's end is not known */
		lines_end(r, r->at.start + r->to->rows.at[r->to->rows.n - 1].delta);
}

static int lines_order(const void *pa, const void *pb)
{
	const struct dwarf_sequence *a = pa, *b = pb;

	if (a->end != b->end)
		return a->end < b->end ? -1 : 1;
	return (a->first > b->first) - (a->first < b->first);
}

int dwarf_lines_read(struct dwarf_unit *u, const struct dwarf_code *code, struct dwarf_lines *ret)
{
	const struct dwarf_bytes *s = &u->file->sections.at[DWARF_LINE];
	const struct dwarf_head *h = dwarf_unit_head(u);
	struct dwarf_lines lines = {0};
	struct lines_run r = {.code = code, .to = &lines};
	int rc;

	*ret = lines;
	if (!h || h->stmt_list.kind == VALUE_NONE || h->stmt_list.u >= s->n)
		return 0;
	r.c = cursor_of(s->p + h->stmt_list.u, s->n - h->stmt_list.u);
	rc = dwarf_line_header_read(u, h, &r.c, &r.h, &lines);
	if (!rc && dwarf_work(u->file, cursor_left(&r.c)))
		lines_execute(&r);
	if (rc == -ENOMEM || r.oom) {
		dwarf_lines_free(&lines);
		return -ENOMEM;
	}
	if (lines.sequences.n)
		qsort(lines.sequences.at, lines.sequences.n, sizeof(*lines.sequences.at),
		      lines_order);
	VEC_TRIM(&lines.rows);
	VEC_TRIM(&lines.sequences);
	lines.bytes = lines.rows.cap * sizeof(*lines.rows.at) +
		      lines.sequences.cap * sizeof(*lines.sequences.at) +
		      lines.files.cap * sizeof(*lines.files.at);
	*ret = lines;
	return 0;
}

void dwarf_lines_free(struct dwarf_lines *l)
{
	for (size_t i = 0; i < l->files.n; i++)
		free(l->files.at[i].path);
	VEC_FREE(&l->rows);
	VEC_FREE(&l->sequences);
	VEC_FREE(&l->files);
	VEC_FREE(&l->dirs);
	*l = (struct dwarf_lines){0};
}

const struct dwarf_row *dwarf_lines_find(const struct dwarf_lines *l, uint64_t vaddr)
{
	const struct dwarf_sequence *s;
	const struct dwarf_row *row;
	size_t lo = 0, hi = l->sequences.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->sequences.at[mid].end <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	s = lo < l->sequences.n ? &l->sequences.at[lo] : NULL;
	if (!s || vaddr < s->start || !s->n)
		return NULL;
	row = &l->rows.at[s->first];
	lo = 1;
	hi = s->n;
	while (lo < hi) { /* the last row that does not start after the address */
		size_t mid = lo + (hi - lo) / 2;

		if (vaddr - s->start < row[mid].delta)
			hi = mid;
		else
			lo = mid + 1;
	}
	return &row[lo - 1];
}
