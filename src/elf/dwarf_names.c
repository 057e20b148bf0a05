/* dwarf_names.c - what a function is called.
 *
 * The name is rarely where the code is: an inlined function points to its abstract instance, that to
 * its declaration in a class, both perhaps in another unit or, with dwz, in another file. The
 * linker's name wins wherever it is found on the way, as it is what other tools print.
 */
#include <errno.h>

#include "elf/dwarf_body.h"

#define HOPS 32 /* entries that are looked at for one name; 4 is common */

struct names_place {
	struct dwarf_file *file;
	uint64_t offset;
};

struct names_search {
	struct names_place queue[HOPS];
	size_t n; /* a queue of places to look at, each once: it is not reused */
	const char *plain, *linker;
};

static void names_push(struct names_search *s, struct dwarf_file *file, uint64_t offset)
{
	if (file && s->n < HOPS)
		s->queue[s->n++] = (struct names_place){file, offset};
}

static void names_attr(struct names_search *s, struct dwarf_unit *u, const struct dwarf_head *h,
		       uint16_t name, const struct dwarf_value *v)
{
	if (name == DW_AT_linkage_name || name == DW_AT_MIPS_linkage_name)
		s->linker = dwarf_text(u, h, v);
	else if (name == DW_AT_name && !s->plain)
		s->plain = dwarf_text(u, h, v);
	else if (name == DW_AT_abstract_origin || name == DW_AT_specification) {
		if (v->kind == VALUE_REF)
			names_push(s, u->file, v->u);
		else if (v->kind == VALUE_REF_SUP)
			names_push(s, u->file->supplement, v->u);
	}
}

static bool names_wanted(uint16_t name)
{
	return name == DW_AT_linkage_name || name == DW_AT_MIPS_linkage_name ||
	       name == DW_AT_name || name == DW_AT_abstract_origin || name == DW_AT_specification;
}

static void names_look(struct names_search *s, struct dwarf_unit *u, uint64_t offset)
{
	const struct dwarf_head *h = dwarf_unit_head(u);
	const struct dwarf_abbrev *shape;
	struct cursor c;

	if (!h || offset < u->root || offset >= u->end)
		return;
	c = cursor_of(u->file->sections.at[DWARF_INFO].p + offset, u->end - offset);
	shape = dwarf_abbrev_find(&h->abbrevs, cursor_uleb(&c));
	for (size_t i = 0; shape && i < shape->n_attrs && !c.bad && !s->linker; i++) {
		const struct dwarf_attr *a = &h->abbrevs.attrs.at[shape->attr + i];
		struct dwarf_value v = dwarf_form_read(u, &c, a->form, a->implicit);

		if (names_wanted(a->name) && !c.bad)
			names_attr(s, u, h, a->name, &v);
	}
}

const char *dwarf_entry_name(struct dwarf_unit *u, uint64_t entry)
{
	struct names_search s = {0};

	names_look(&s, u, entry);
	for (size_t i = 0; i < s.n && !s.linker; i++) {
		const struct names_place *at = &s.queue[i];
		bool same = at->file == u->file && at->offset >= u->offset && at->offset < u->end;
		struct dwarf_unit *in = same ? u : dwarf_unit_at(at->file, at->offset);

		if (in)
			names_look(&s, in, at->offset);
	}
	return s.linker ? s.linker : s.plain;
}
