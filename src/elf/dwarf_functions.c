/* dwarf_functions.c - a unit's functions by address, and what is inlined in one of them.
 *
 * Two walks over the entries of a unit. The first looks for functions only and jumps over bodies and
 * types where the compiler says how far to jump (GCC does; with others every entry is passed). The
 * second goes through the body of one function, when an address is in it.
 *
 * Ranges may overlap: of two functions the later one wins, of an inlined function and the one around
 * it the inner. Flattening both to pieces when they are read makes every question one search.
 */
#include <errno.h>
#include <stdlib.h>

#include "elf/dwarf_body.h"

#define CALLS_CAP (1u << 20) /* inlined functions in one */
#define DEPTH_CAP (1u << 16) /* entries inside of each other */
#define SPANS_CAP (1u << 22) /* ranges of one unit or function */

struct functions_walk {
	struct dwarf_unit *u;
	const struct dwarf_head *h;
	const struct dwarf_code *code;
	const uint8_t *base; /* of .debug_info */
	struct cursor c;
	struct dwarf_ranges ranges; /* of the entry at hand */
	VEC(struct span) spans;
	bool jumped; /* over something */
};

/* What functions and inlined ones are asked for. */
struct functions_entry {
	struct dwarf_value low, high, ranges;
	uint32_t file, line;
};

static struct functions_walk functions_start(struct dwarf_unit *u, const struct dwarf_code *code,
					     uint64_t entry)
{
	const uint8_t *base = u->file->sections.at[DWARF_INFO].p;

	return (struct functions_walk){
		.u = u,
		.h = dwarf_unit_head(u),
		.code = code,
		.base = base,
		.c = cursor_of(base + entry, u->end - entry),
	};
}

static void functions_done(struct functions_walk *w)
{
	VEC_FREE(&w->ranges.list);
	VEC_FREE(&w->spans);
}

/* Reads an entry's values; *ret_sibling as dwarf_entry_skip(). */
static struct functions_entry functions_entry(struct functions_walk *w,
					      const struct dwarf_abbrev *shape,
					      uint64_t *ret_sibling)
{
	struct functions_entry e = {0};

	*ret_sibling = 0;
	for (size_t i = 0; i < shape->n_attrs && !w->c.bad; i++) {
		const struct dwarf_attr *a = &w->h->abbrevs.attrs.at[shape->attr + i];
		struct dwarf_value v = dwarf_form_read(w->u, &w->c, a->form, a->implicit);

		switch (a->name) {
		case DW_AT_low_pc:
			e.low = v;
			break;
		case DW_AT_high_pc:
			e.high = v;
			break;
		case DW_AT_ranges:
			e.ranges = v;
			break;
		case DW_AT_call_file:
			e.file = (uint32_t)v.u;
			break;
		case DW_AT_call_line:
			e.line = (uint32_t)v.u;
			break;
		case DW_AT_sibling:
			*ret_sibling = a->form == DW_FORM_ref4 ? v.u : 0;
			break;
		default:
			break;
		}
	}
	return e;
}

/* Adds the entry's ranges of code as spans that lead to `id`; *ret_any when there are some. */
static int functions_add_spans(struct functions_walk *w, const struct functions_entry *e, uint32_t id,
			       bool *ret_any)
{
	int rc;

	*ret_any = false;
	w->ranges.list.n = 0;
	rc = dwarf_ranges_add(w->u, w->h, &e->low, &e->high, &e->ranges, &w->ranges);
	for (size_t i = 0; i < w->ranges.list.n && !rc; i++) {
		struct dwarf_range r = w->ranges.list.at[i];
		/* Ranks are distinct and grow; spans of one entry do not contradict each other. */
		struct span span = {r.start, r.end, (uint32_t)w->spans.n, id};

		if (!dwarf_code_clip(w->code, &r) || w->spans.n >= SPANS_CAP)
			continue;
		span.end = r.end;
		*ret_any = true;
		if (!VEC_PUSH(&w->spans, span))
			rc = -ENOMEM;
	}
	return rc;
}

/* Goes where the sibling is, unless that is backwards or outside. */
static bool functions_jump(struct functions_walk *w, uint64_t sibling)
{
	const uint8_t *to = w->base + sibling;

	if (sibling <= (uint64_t)(w->c.p - w->base) || sibling > w->u->end)
		return false;
	w->c.p = to;
	w->jumped = true;
	return true;
}

static bool functions_is_scope(uint16_t tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_compile_unit;
}

/* Takes note of a function with code. */
static int functions_note(struct functions_walk *w, struct dwarf_functions *to,
			  const struct functions_entry *e, uint64_t entry)
{
	struct dwarf_function f = {.entry = entry};
	bool any;
	int rc;

	if (to->list.n >= SPANS_NONE)
		return 0;
	rc = functions_add_spans(w, e, (uint32_t)to->list.n, &any);
	if (!rc && any && !VEC_PUSH(&to->list, f))
		rc = -ENOMEM;
	return rc;
}

static int functions_walk(struct functions_walk *w, bool deep, struct dwarf_functions *to)
{
	int64_t depth = 0;
	int rc = 0;

	while (!rc && cursor_left(&w->c)) {
		uint64_t entry = (uint64_t)(w->c.p - w->base), sibling;
		uint64_t code = cursor_uleb(&w->c);
		const struct dwarf_abbrev *shape;

		if (!code) {
			if (--depth <= 0)
				break;
			continue;
		}
		shape = dwarf_abbrev_find(&w->h->abbrevs, code);
		if (!shape)
			return -EBADMSG;
		if (shape->tag == DW_TAG_subprogram && shape->code_range) {
			struct functions_entry e = functions_entry(w, shape, &sibling);

			rc = functions_note(w, to, &e, entry);
		} else {
			dwarf_entry_skip(w->u, &w->h->abbrevs, shape, &w->c, &sibling);
		}
		if (w->c.bad)
			return rc ? rc : -EBADMSG;
		if (!shape->children || (sibling && !deep && !functions_is_scope(shape->tag) &&
					 functions_jump(w, sibling)))
			continue;
		depth++;
	}
	return rc;
}

int dwarf_functions_read(struct dwarf_unit *u, const struct dwarf_code *code, bool deep,
			 struct dwarf_functions *ret)
{
	struct functions_walk w = functions_start(u, code, u->root);
	int bad = w.h && dwarf_work(u->file, u->end - u->root) ? 0 : -EBADMSG, rc = 0;
	struct dwarf_functions f = {0};

	if (!bad)
		bad = functions_walk(&w, deep, &f);
	f.deep = !w.jumped;
	if (bad == -ENOMEM)
		rc = bad;
	if (!rc)
		rc = spans_build(&f.spans, w.spans.at, w.spans.n);
	functions_done(&w);
	if (rc) {
		dwarf_functions_free(&f);
		return rc;
	}
	VEC_TRIM(&f.list);
	f.bytes = f.list.cap * sizeof(*f.list.at) + f.spans.n * 12;
	*ret = f;
	return bad;
}

static void functions_inlining_free(struct dwarf_inlining *in)
{
	if (!in)
		return;
	free(in->calls);
	spans_free(&in->spans);
	free(in);
}

void dwarf_functions_free(struct dwarf_functions *f)
{
	for (size_t i = 0; i < f->list.n; i++)
		functions_inlining_free(f->list.at[i].inlining);
	VEC_FREE(&f->list);
	spans_free(&f->spans);
	*f = (struct dwarf_functions){0};
}

/* -- inlining ------------------------------------------------------------------------------------ */

struct functions_calls {
	VEC(struct dwarf_call) list;
	VEC(uint32_t) around; /* for every open entry, the call it is in */
};

/* One entry below the function. */
static int functions_body_entry(struct functions_walk *w, struct functions_calls *calls,
				const struct dwarf_abbrev *shape, uint64_t entry, bool *ret_into)
{
	uint32_t in = calls->around.at[calls->around.n - 1];
	uint64_t sibling = 0;
	int rc = 0;

	*ret_into = shape->children;
	if (shape->tag == DW_TAG_inlined_subroutine && shape->code_range &&
	    calls->list.n < CALLS_CAP) {
		struct functions_entry e = functions_entry(w, shape, &sibling);
		struct dwarf_call call = {entry, NULL, in, e.file, e.line};
		bool any;

		rc = functions_add_spans(w, &e, (uint32_t)calls->list.n, &any);
		in = any ? (uint32_t)calls->list.n : in;
		if (!rc && any && !VEC_PUSH(&calls->list, call))
			rc = -ENOMEM;
	} else {
		dwarf_entry_skip(w->u, &w->h->abbrevs, shape, &w->c, &sibling);
		/* Types have no code; functions inside are functions of their own. */
		if (sibling && shape->children && shape->tag != DW_TAG_lexical_block &&
		    shape->tag != DW_TAG_inlined_subroutine)
			*ret_into = !functions_jump(w, sibling);
	}
	if (!rc && *ret_into && !VEC_PUSH(&calls->around, in))
		rc = -ENOMEM;
	return rc;
}

static int functions_body(struct functions_walk *w, struct functions_calls *calls)
{
	const struct dwarf_abbrev *shape;
	uint64_t sibling;
	int rc = 0;

	shape = dwarf_abbrev_find(&w->h->abbrevs, cursor_uleb(&w->c));
	if (!shape)
		return -EBADMSG;
	dwarf_entry_skip(w->u, &w->h->abbrevs, shape, &w->c, &sibling);
	if (!shape->children)
		return 0;
	if (!VEC_PUSH(&calls->around, 0))
		return -ENOMEM;
	while (!rc && calls->around.n && cursor_left(&w->c)) {
		uint64_t entry = (uint64_t)(w->c.p - w->base), code = cursor_uleb(&w->c);
		bool into;

		if (!code) {
			calls->around.n--;
			continue;
		}
		shape = dwarf_abbrev_find(&w->h->abbrevs, code);
		if (!shape || w->c.bad || calls->around.n >= DEPTH_CAP)
			return -EBADMSG;
		rc = functions_body_entry(w, calls, shape, entry, &into);
	}
	return rc;
}

/* What can be read of a damaged body is used. */
static int functions_read_inlining(struct dwarf_unit *u, uint64_t entry,
				   struct dwarf_inlining **ret)
{
	static const struct dwarf_code everywhere = {0};
	struct functions_walk w = functions_start(u, &everywhere, entry);
	struct dwarf_call self = {.entry = entry};
	struct functions_calls calls = {0};
	struct dwarf_inlining *in = calloc(1, sizeof(*in));
	int rc = in && VEC_PUSH(&calls.list, self) ? 0 : -ENOMEM;

	if (!rc && w.h && dwarf_work(u->file, 0) && functions_body(&w, &calls) == -ENOMEM)
		rc = -ENOMEM;
	dwarf_work(u->file, (uint64_t)(w.c.p - w.base) - entry);
	if (!rc)
		rc = spans_build(&in->spans, w.spans.at, w.spans.n);
	functions_done(&w);
	VEC_FREE(&calls.around);
	if (rc) {
		VEC_FREE(&calls.list);
		free(in);
		return rc;
	}
	VEC_TRIM(&calls.list);
	in->calls = calls.list.at;
	in->n = (uint32_t)calls.list.n;
	*ret = in;
	return 0;
}

int dwarf_functions_find(struct dwarf_unit *u, struct dwarf_functions *f, uint64_t vaddr,
			 struct dwarf_inlining **ret)
{
	uint32_t i = spans_find(&f->spans, vaddr);
	struct dwarf_function *fn;
	int rc = 0;

	*ret = NULL;
	if (i == SPANS_NONE)
		return 0;
	fn = &f->list.at[i];
	if (!fn->inlining) {
		rc = functions_read_inlining(u, fn->entry, &fn->inlining);
		if (!rc)
			f->bytes += sizeof(*fn->inlining) +
				    fn->inlining->n * sizeof(*fn->inlining->calls) +
				    fn->inlining->spans.n * 12;
	}
	*ret = fn->inlining;
	return rc;
}
