/* dwarf_form.c - values: how each form is stored, how to get past it, what it stands for.
 *
 * One table says it for every form: what kind of value it is and how it is stored (DWARF 5, section
 * 7.5.6 and table 7.6; the GNU forms are those of split DWARF 4 and of dwz).
 */
#include <string.h>

#include "elf/dwarf_unit.h"

struct form {
	uint8_t kind, step, n;
};

enum { /* the GNU forms follow the standard's in the table */
	FORM_GNU_ADDR = DW_FORM_addrx4 + 1, FORM_GNU_STR, FORM_GNU_REF_ALT, FORM_GNU_STRP_ALT, FORM_MAX
};

static const struct form form_table[FORM_MAX] = {
	[DW_FORM_addr] = {VALUE_ADDR, STEP_ADDR},
	[DW_FORM_block2] = {VALUE_OTHER, STEP_BLOCK2},
	[DW_FORM_block4] = {VALUE_OTHER, STEP_BLOCK4},
	[DW_FORM_data2] = {VALUE_CONST, STEP_FIXED, 2},
	[DW_FORM_data4] = {VALUE_CONST, STEP_FIXED, 4},
	[DW_FORM_data8] = {VALUE_CONST, STEP_FIXED, 8},
	[DW_FORM_string] = {VALUE_TEXT, STEP_STRING},
	[DW_FORM_block] = {VALUE_OTHER, STEP_BLOCK},
	[DW_FORM_block1] = {VALUE_OTHER, STEP_BLOCK1},
	[DW_FORM_data1] = {VALUE_CONST, STEP_FIXED, 1},
	[DW_FORM_flag] = {VALUE_CONST, STEP_FIXED, 1},
	[DW_FORM_sdata] = {VALUE_CONST, STEP_ULEB},
	[DW_FORM_strp] = {VALUE_STR, STEP_OFFSET},
	[DW_FORM_udata] = {VALUE_CONST, STEP_ULEB},
	[DW_FORM_ref_addr] = {VALUE_REF, STEP_REF_ADDR},
	[DW_FORM_ref1] = {VALUE_REF, STEP_FIXED, 1},
	[DW_FORM_ref2] = {VALUE_REF, STEP_FIXED, 2},
	[DW_FORM_ref4] = {VALUE_REF, STEP_FIXED, 4},
	[DW_FORM_ref8] = {VALUE_REF, STEP_FIXED, 8},
	[DW_FORM_ref_udata] = {VALUE_REF, STEP_ULEB},
	[DW_FORM_indirect] = {VALUE_OTHER, STEP_INDIRECT},
	[DW_FORM_sec_offset] = {VALUE_OFFSET, STEP_OFFSET},
	[DW_FORM_exprloc] = {VALUE_OTHER, STEP_BLOCK},
	[DW_FORM_flag_present] = {VALUE_CONST, STEP_FIXED, 0},
	[DW_FORM_strx] = {VALUE_STRX, STEP_ULEB},
	[DW_FORM_addrx] = {VALUE_ADDRX, STEP_ULEB},
	[DW_FORM_ref_sup4] = {VALUE_REF_SUP, STEP_FIXED, 4},
	[DW_FORM_strp_sup] = {VALUE_STR_SUP, STEP_OFFSET},
	[DW_FORM_data16] = {VALUE_OTHER, STEP_FIXED, 16},
	[DW_FORM_line_strp] = {VALUE_LINE_STR, STEP_OFFSET},
	[DW_FORM_ref_sig8] = {VALUE_OTHER, STEP_FIXED, 8},
	[DW_FORM_implicit_const] = {VALUE_CONST, STEP_FIXED, 0},
	[DW_FORM_loclistx] = {VALUE_OTHER, STEP_ULEB},
	[DW_FORM_rnglistx] = {VALUE_RNGLISTX, STEP_ULEB},
	[DW_FORM_ref_sup8] = {VALUE_REF_SUP, STEP_FIXED, 8},
	[DW_FORM_strx1] = {VALUE_STRX, STEP_FIXED, 1},
	[DW_FORM_strx2] = {VALUE_STRX, STEP_FIXED, 2},
	[DW_FORM_strx3] = {VALUE_STRX, STEP_FIXED, 3},
	[DW_FORM_strx4] = {VALUE_STRX, STEP_FIXED, 4},
	[DW_FORM_addrx1] = {VALUE_ADDRX, STEP_FIXED, 1},
	[DW_FORM_addrx2] = {VALUE_ADDRX, STEP_FIXED, 2},
	[DW_FORM_addrx3] = {VALUE_ADDRX, STEP_FIXED, 3},
	[DW_FORM_addrx4] = {VALUE_ADDRX, STEP_FIXED, 4},
	[FORM_GNU_ADDR] = {VALUE_ADDRX, STEP_ULEB},
	[FORM_GNU_STR] = {VALUE_STRX, STEP_ULEB},
	[FORM_GNU_REF_ALT] = {VALUE_REF_SUP, STEP_OFFSET},
	[FORM_GNU_STRP_ALT] = {VALUE_STR_SUP, STEP_OFFSET},
};

static const struct form *form_of(uint64_t form)
{
	static const struct { uint16_t form, at; } gnu[] = {
		{DW_FORM_GNU_addr_index, FORM_GNU_ADDR},
		{DW_FORM_GNU_str_index, FORM_GNU_STR},
		{DW_FORM_GNU_ref_alt, FORM_GNU_REF_ALT},
		{DW_FORM_GNU_strp_alt, FORM_GNU_STRP_ALT},
	};

	if (form <= DW_FORM_addrx4)
		return &form_table[form];
	for (size_t i = 0; i < sizeof(gnu) / sizeof(*gnu); i++)
		if (gnu[i].form == form)
			return &form_table[gnu[i].at];
	return &form_table[0];
}

struct dwarf_step dwarf_form_step(const struct dwarf_unit *u, uint64_t form)
{
	const struct form *f = form_of(form);
	struct dwarf_step step = {f->step, f->n};

	if (f->step == STEP_OFFSET)
		step = (struct dwarf_step){STEP_FIXED, u->offset_size};
	else if (f->step == STEP_ADDR)
		step = (struct dwarf_step){STEP_FIXED, 8};
	else if (f->step == STEP_REF_ADDR) /* an address in DWARF 2 */
		step = (struct dwarf_step){STEP_FIXED, u->version == 2 ? 8 : u->offset_size};
	return step;
}

static uint64_t form_fixed(struct cursor *c, unsigned int n)
{
	const uint8_t *p = cursor_take(c, n);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, n > 8 ? 8 : n);
	return v;
}

/* Gets past one step. */
static void form_step(const struct dwarf_unit *u, struct cursor *c, struct dwarf_step step)
{
	switch (step.kind) {
	case STEP_FIXED:
		cursor_take(c, step.n);
		break;
	case STEP_ULEB:
		cursor_uleb(c);
		break;
	case STEP_STRING:
		cursor_str(c);
		break;
	case STEP_BLOCK1:
		cursor_take(c, cursor_u8(c));
		break;
	case STEP_BLOCK2:
		cursor_take(c, cursor_u16(c));
		break;
	case STEP_BLOCK4:
		cursor_take(c, cursor_u32(c));
		break;
	case STEP_BLOCK:
		cursor_take(c, cursor_uleb(c));
		break;
	case STEP_INDIRECT: /* one level: a form that names itself is not a form */
		step = dwarf_form_step(u, cursor_uleb(c));
		if (step.kind == STEP_INDIRECT)
			step.kind = STEP_UNKNOWN;
		form_step(u, c, step);
		break;
	default:
		c->bad = true;
	}
}

void dwarf_entry_skip(const struct dwarf_unit *u, const struct dwarf_abbrevs *a,
		      const struct dwarf_abbrev *shape, struct cursor *c, uint64_t *ret_sibling)
{
	const struct dwarf_step *step, *end;

	*ret_sibling = 0;
	if (!shape->n_steps)
		return;
	step = &a->steps.at[shape->step];
	for (end = step + shape->n_steps; step < end; step++) {
		if (step->kind == STEP_FIXED)
			cursor_take(c, step->n);
		else if (step->kind == STEP_SIBLING)
			*ret_sibling = u->offset + cursor_u32(c);
		else
			form_step(u, c, *step);
	}
}

struct dwarf_value dwarf_form_read(const struct dwarf_unit *u, struct cursor *c, uint64_t form,
				   int64_t implicit)
{
	struct dwarf_value v = {0};
	const struct form *f;
	struct dwarf_step step;

	if (form == DW_FORM_indirect) {
		form = cursor_uleb(c);
		if (form == DW_FORM_implicit_const || form == DW_FORM_indirect)
			form = 0;
	}
	f = form_of(form);
	step = dwarf_form_step(u, form);
	v.kind = f->kind;
	if (form == DW_FORM_implicit_const)
		v.u = (uint64_t)implicit;
	else if (form == DW_FORM_flag_present)
		v.u = 1;
	else if (step.kind == STEP_FIXED)
		v.u = form_fixed(c, step.n);
	else if (step.kind == STEP_ULEB)
		v.u = cursor_uleb(c);
	else if (step.kind == STEP_STRING)
		v.s = cursor_str(c);
	else
		form_step(u, c, step);
	if (v.kind == VALUE_REF && form != DW_FORM_ref_addr)
		v.u += u->offset;
	return v;
}

/* -- what values stand for -------------------------------------------------------------------- */

static const char *form_string(const struct dwarf_file *f, enum dwarf_section id, uint64_t offset)
{
	const struct dwarf_bytes *s = &f->sections.at[id];

	if (offset >= s->n || !memchr(s->p + offset, 0, s->n - offset))
		return NULL;
	return (const char *)s->p + offset;
}

/* The index-th entry of `size` bytes behind `base` of a section. */
static bool form_entry(const struct dwarf_bytes *s, uint64_t base, uint64_t index, unsigned int size,
		       uint64_t *ret)
{
	struct cursor c;

	if (base > s->n || index >= (s->n - base) / size)
		return false;
	c = cursor_of(s->p + base + index * size, size);
	*ret = form_fixed(&c, size);
	return true;
}

const char *dwarf_text(const struct dwarf_unit *u, const struct dwarf_head *h,
		       const struct dwarf_value *v)
{
	uint64_t offset = v->u;

	switch (v->kind) {
	case VALUE_TEXT:
		return v->s;
	case VALUE_STR:
		return form_string(u->file, DWARF_STR, offset);
	case VALUE_LINE_STR:
		return form_string(u->file, DWARF_LINE_STR, offset);
	case VALUE_STR_SUP:
		return u->file->supplement ? form_string(u->file->supplement, DWARF_STR, offset)
					   : NULL;
	case VALUE_STRX:
		if (!form_entry(&u->file->sections.at[DWARF_STR_OFFSETS], h->str_offsets, v->u,
				u->offset_size, &offset))
			return NULL;
		return form_string(u->file, DWARF_STR, offset);
	default:
		return NULL;
	}
}

bool dwarf_address(const struct dwarf_unit *u, const struct dwarf_head *h,
		   const struct dwarf_value *v, uint64_t *ret)
{
	const struct dwarf_file *f = u->skeleton ? u->skeleton->file : u->file;

	if (v->kind == VALUE_ADDR) {
		*ret = v->u;
		return true;
	}
	return v->kind == VALUE_ADDRX &&
	       form_entry(&f->sections.at[DWARF_ADDR], h->addr_base, v->u, 8, ret);
}
