/* dwarf_unit.c - unit headers, and what a unit's first entry says of it. */
#include "elf/dwarf_unit.h"

#include <errno.h>
#include <stdlib.h>

#define UNITS_CAP (1u << 22) /* Chromium has some 30,000 */
#define WORK_TIMES 16        /* how often everything may be read in one go; twice is usual */
#define WORK_MORE  (UINT64_C(128) << 20)

static uint64_t unit_offset(struct cursor *c, uint8_t size)
{
	return size == 8 ? cursor_u64(c) : cursor_u32(c);
}

/* Version 5 says the kind of unit, and puts some facts of it into the header. */
static void unit_header_5(struct cursor *c, struct dwarf_unit *u, uint8_t *ret_addr)
{
	u->type = cursor_u8(c);
	*ret_addr = cursor_u8(c);
	u->abbrev = unit_offset(c, u->offset_size);
	if (u->type == DW_UT_skeleton || u->type == DW_UT_split_compile)
		u->split_id = cursor_u64(c);
	else if (u->type == DW_UT_type || u->type == DW_UT_split_type)
		cursor_take(c, 8 + u->offset_size);
}

bool dwarf_unit_header(struct dwarf_file *f, struct cursor *c, struct dwarf_unit *ret)
{
	const uint8_t *base = f->sections.at[DWARF_INFO].p;
	struct dwarf_unit u = {.file = f, .offset = (uint64_t)(c->p - base), .offset_size = 4};
	uint64_t length = cursor_u32(c);
	struct cursor body;
	const uint8_t *p;
	uint8_t addr;

	if (length == UINT32_MAX) {
		u.offset_size = 8;
		length = cursor_u64(c);
	}
	p = cursor_take(c, length);
	if (!p)
		return false;
	body = cursor_of(p, length);
	u.end = (uint64_t)(body.end - base);
	u.version = cursor_u16(&body);
	u.type = DW_UT_compile;
	if (u.version >= 5) {
		unit_header_5(&body, &u, &addr);
	} else {
		u.abbrev = unit_offset(&body, u.offset_size);
		addr = cursor_u8(&body);
	}
	u.root = (uint64_t)(body.p - base);
	*ret = u;
	return !body.bad && u.version >= 2 && u.version <= 5 && addr == 8;
}

int dwarf_units_read(struct dwarf_file *f)
{
	const struct dwarf_bytes *s = &f->sections.at[DWARF_INFO];
	struct cursor c = cursor_of(s->p, s->n);
	VEC(struct dwarf_unit) units = {0};

	while (cursor_left(&c) && units.n < UNITS_CAP) {
		struct dwarf_unit u;

		if (!dwarf_unit_header(f, &c, &u)) {
			if (c.bad)
				break;
			continue;
		}
		if (u.type == DW_UT_type || u.type == DW_UT_split_type)
			continue;
		if (!VEC_PUSH(&units, u)) {
			VEC_FREE(&units);
			return -ENOMEM;
		}
	}
	f->units = units.at;
	f->n_units = units.n;
	return 0;
}

int dwarf_file_load(struct elf_image *img, bool split, uint64_t unpack, struct dwarf_file *ret)
{
	int rc;

	*ret = (struct dwarf_file){0};
	rc = dwarf_sections_load(img, split, unpack, &ret->sections);
	/* A package says itself where its units are. */
	if (!rc && !ret->sections.at[DWARF_CU_INDEX].n)
		rc = dwarf_units_read(ret);
	if (!rc)
		dwarf_work_start(ret);
	if (rc)
		dwarf_file_free(ret);
	return rc;
}

void dwarf_file_free(struct dwarf_file *f)
{
	for (size_t i = 0; i < f->n_units; i++)
		dwarf_unit_forget(&f->units[i]);
	free(f->units);
	dwarf_sections_free(&f->sections);
	*f = (struct dwarf_file){.sections.file.slot = -1};
}

void dwarf_work_start(struct dwarf_file *f)
{
	uint64_t most = WORK_MORE;

	for (int i = 0; i < DWARF_SECTION_MAX; i++)
		most += WORK_TIMES * f->sections.at[i].n;
	f->most = most;
	f->work = 0;
}

struct dwarf_unit *dwarf_unit_at(const struct dwarf_file *f, uint64_t offset)
{
	size_t lo = 0, hi = f->n_units;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->units[mid].offset <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && offset < f->units[lo - 1].end ? &f->units[lo - 1] : NULL;
}

/* -- the first entry -------------------------------------------------------------------------- */

static void unit_head_attr(struct dwarf_head *h, uint64_t name, struct dwarf_value v)
{
	switch (name) {
	case DW_AT_name:
		h->name = v;
		break;
	case DW_AT_comp_dir:
		h->comp_dir = v;
		break;
	case DW_AT_GNU_dwo_name:
	case DW_AT_dwo_name:
		h->split_name = v;
		break;
	case DW_AT_GNU_dwo_id:
		h->split_id = v.u;
		break;
	case DW_AT_stmt_list:
		h->stmt_list = v;
		break;
	case DW_AT_low_pc:
		h->low_pc = v;
		break;
	case DW_AT_high_pc:
		h->high_pc = v;
		break;
	case DW_AT_ranges:
		h->ranges = v;
		break;
	case DW_AT_str_offsets_base:
		h->str_offsets = v.u;
		break;
	case DW_AT_GNU_addr_base:
	case DW_AT_addr_base:
		h->addr_base = v.u;
		break;
	case DW_AT_rnglists_base:
		h->rnglists = v.u;
		break;
	case DW_AT_GNU_ranges_base:
		h->ranges_base = v.u;
		break;
	default:
		break;
	}
}

/* Bases that need not be said: those of split units count from behind the sections' headers, or from
 * the start in DWARF 4; addresses are the skeleton's. */
static void unit_head_bases(struct dwarf_unit *u, struct dwarf_head *h)
{
	uint64_t header = u->version < 5 ? 0 : u->offset_size == 8 ? 16 : 8;

	h->str_offsets = u->str_base + header;
	h->rnglists = u->rng_base + (u->offset_size == 8 ? 20 : 12);
	h->split_id = u->split_id;
}

static void unit_head_skeleton(struct dwarf_unit *u, struct dwarf_head *h)
{
	const struct dwarf_head *s = u->skeleton ? atomic_load(&u->skeleton->head) : NULL;

	if (!s)
		return;
	h->addr_base = s->addr_base;
	h->ranges_base = s->ranges_base;
	if (h->low_pc.kind == VALUE_NONE)
		h->low_pc = s->low_pc;
}

static bool unit_head_entry(struct dwarf_unit *u, struct dwarf_head *h, struct cursor *c,
			    const struct dwarf_abbrev *shape)
{
	unit_head_bases(u, h);
	for (size_t i = 0; i < shape->n_attrs; i++) {
		const struct dwarf_attr *a = &h->abbrevs.attrs.at[shape->attr + i];

		unit_head_attr(h, a->name, dwarf_form_read(u, c, a->form, a->implicit));
	}
	unit_head_skeleton(u, h);
	return !c->bad;
}

static struct cursor unit_cursor(const struct dwarf_unit *u)
{
	return cursor_of(u->file->sections.at[DWARF_INFO].p + u->root, u->end - u->root);
}

static struct dwarf_head *unit_head_new(struct dwarf_unit *u)
{
	struct dwarf_head *h = calloc(1, sizeof(*h));
	struct cursor c = unit_cursor(u);
	const struct dwarf_abbrev *shape = NULL;

	if (h && dwarf_abbrevs_read(u, &h->abbrevs) == 0)
		shape = dwarf_abbrev_find(&h->abbrevs, cursor_uleb(&c));
	if (!shape || !unit_head_entry(u, h, &c, shape)) {
		if (h)
			dwarf_abbrevs_free(&h->abbrevs);
		free(h);
		return NULL;
	}
	h->bytes = sizeof(*h) + h->abbrevs.list.cap * sizeof(*h->abbrevs.list.at) +
		   h->abbrevs.attrs.cap * sizeof(*h->abbrevs.attrs.at) +
		   h->abbrevs.steps.cap * sizeof(*h->abbrevs.steps.at);
	return h;
}

const struct dwarf_head *dwarf_unit_head(struct dwarf_unit *u)
{
	struct dwarf_head *h = atomic_load(&u->head), *mine;

	if (h)
		return h;
	mine = unit_head_new(u);
	if (mine && !atomic_compare_exchange_strong(&u->head, &h, mine)) { /* somebody was faster */
		dwarf_abbrevs_free(&mine->abbrevs);
		free(mine);
		return h;
	}
	if (mine)
		atomic_fetch_add(&u->file->head_bytes, mine->bytes);
	return mine;
}

void dwarf_unit_forget(struct dwarf_unit *u)
{
	struct dwarf_head *h = atomic_exchange(&u->head, NULL);

	if (!h)
		return;
	atomic_fetch_sub(&u->file->head_bytes, h->bytes);
	dwarf_abbrevs_free(&h->abbrevs);
	free(h);
}

/* Looks through the abbreviations for one code; its attributes are read as they come. */
bool dwarf_unit_peek(struct dwarf_unit *u, struct dwarf_head *ret)
{
	const struct dwarf_bytes *s = &u->file->sections.at[DWARF_ABBREV];
	struct cursor c = unit_cursor(u), shapes;
	uint64_t want = cursor_uleb(&c), code;

	*ret = (struct dwarf_head){0};
	if (u->abbrev >= s->n || !want || !dwarf_work(u->file, 0))
		return false;
	shapes = cursor_of(s->p + u->abbrev, s->n - u->abbrev);
	unit_head_bases(u, ret);
	while ((code = cursor_uleb(&shapes))) {
		uint64_t name, form;

		cursor_uleb(&shapes); /* tag */
		cursor_u8(&shapes);   /* children */
		do {
			int64_t implicit = 0;

			name = cursor_uleb(&shapes);
			form = cursor_uleb(&shapes);
			if (form == DW_FORM_implicit_const)
				implicit = cursor_sleb(&shapes);
			if (code == want && (name || form))
				unit_head_attr(ret, name, dwarf_form_read(u, &c, form, implicit));
		} while ((name || form) && !shapes.bad && !c.bad);
		if (code == want || shapes.bad)
			break;
	}
	dwarf_work(u->file, (uint64_t)(shapes.p - s->p) - u->abbrev);
	return code == want && !shapes.bad && !c.bad;
}
