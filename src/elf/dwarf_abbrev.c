/* dwarf_abbrev.c - .debug_abbrev: the shapes of a unit's entries, each with the shortest way past it.
 *
 * Most entries are only passed on the way to others, so a shape is compiled to steps when it is read:
 * neighbouring values of fixed size are one step, and where there is a DW_AT_sibling its value is kept.
 */
#include <errno.h>
#include <stdlib.h>

#include "elf/dwarf_unit.h"

#define ATTRS_CAP   1024u      /* of one shape; compilers stay below 30 */
#define SHAPES_CAP  (1u << 20) /* of one unit; compilers stay below 1000 */

static bool abbrev_is_code_range(uint64_t name)
{
	return name == DW_AT_low_pc || name == DW_AT_ranges;
}

/* Adds a value's step to the shape, or to the step before it. False when out of memory. */
static bool abbrev_add_step(struct dwarf_abbrevs *a, struct dwarf_abbrev *shape,
			    struct dwarf_step step)
{
	struct dwarf_step *last = shape->n_steps ? &a->steps.at[a->steps.n - 1] : NULL;

	if (step.kind == STEP_FIXED && step.n == 0)
		return true;
	if (last && last->kind == STEP_FIXED && step.kind == STEP_FIXED &&
	    last->n + step.n <= UINT16_MAX) {
		last->n = (uint16_t)(last->n + step.n);
		return true;
	}
	shape->n_steps++;
	return VEC_PUSH(&a->steps, step);
}

static int abbrev_read_attrs(const struct dwarf_unit *u, struct dwarf_abbrevs *a, struct cursor *c,
			     struct dwarf_abbrev *shape)
{
	for (;;) {
		uint64_t name = cursor_uleb(c), form = cursor_uleb(c);
		int64_t implicit = form == DW_FORM_implicit_const ? cursor_sleb(c) : 0;
		struct dwarf_attr attr = {(uint16_t)name, (uint16_t)form, (int32_t)implicit};
		struct dwarf_step step = dwarf_form_step(u, form);

		if (c->bad)
			return -EBADMSG;
		if (!name && !form)
			return 0;
		if (step.kind == STEP_UNKNOWN || shape->n_attrs == ATTRS_CAP)
			return -EBADMSG;
		if (name > UINT16_MAX)
			attr.name = 0; /* a vendor's, of which we want none */
		if (name == DW_AT_sibling && form == DW_FORM_ref4 && !shape->sibling) {
			shape->sibling = true;
			step.kind = STEP_SIBLING;
		}
		shape->code_range |= abbrev_is_code_range(name);
		shape->n_attrs++;
		if (!VEC_PUSH(&a->attrs, attr) || !abbrev_add_step(a, shape, step))
			return -ENOMEM;
	}
}

static int abbrev_order(const void *pa, const void *pb)
{
	const struct dwarf_abbrev *a = pa, *b = pb;

	return (a->code > b->code) - (a->code < b->code);
}

int dwarf_abbrevs_read(const struct dwarf_unit *u, struct dwarf_abbrevs *ret)
{
	const struct dwarf_bytes *s = &u->file->sections.at[DWARF_ABBREV];
	struct dwarf_abbrevs a = {.dense = true};
	struct cursor c;
	int rc = 0;

	if (u->abbrev >= s->n || !dwarf_work(u->file, 0))
		return -EBADMSG;
	c = cursor_of(s->p + u->abbrev, s->n - u->abbrev);
	while (!rc) {
		struct dwarf_abbrev shape = {.code = cursor_uleb(&c)};

		if (!shape.code || c.bad) /* a table that is cut off ends, too */
			break;
		shape.tag = (uint16_t)cursor_uleb(&c);
		shape.children = cursor_u8(&c);
		shape.attr = (uint32_t)a.attrs.n;
		shape.step = (uint32_t)a.steps.n;
		rc = a.list.n < SHAPES_CAP ? abbrev_read_attrs(u, &a, &c, &shape) : -EBADMSG;
		a.dense &= shape.code == a.list.n + 1;
		if (!rc && !VEC_PUSH(&a.list, shape))
			rc = -ENOMEM;
	}
	dwarf_work(u->file, (uint64_t)(c.p - s->p) - u->abbrev);
	if (rc) {
		dwarf_abbrevs_free(&a);
		return rc;
	}
	VEC_TRIM(&a.list);
	VEC_TRIM(&a.attrs);
	VEC_TRIM(&a.steps);
	if (!a.dense)
		qsort(a.list.at, a.list.n, sizeof(*a.list.at), abbrev_order);
	*ret = a;
	return 0;
}

void dwarf_abbrevs_free(struct dwarf_abbrevs *a)
{
	VEC_FREE(&a->list);
	VEC_FREE(&a->attrs);
	VEC_FREE(&a->steps);
}

const struct dwarf_abbrev *dwarf_abbrev_find(const struct dwarf_abbrevs *a, uint64_t code)
{
	size_t lo = 0, hi = a->list.n;

	if (a->dense)
		return code - 1 < a->list.n ? &a->list.at[code - 1] : NULL;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (a->list.at[mid].code < code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < a->list.n && a->list.at[lo].code == code ? &a->list.at[lo] : NULL;
}
