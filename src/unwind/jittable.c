/* jittable.c - rows for a mapping of generated code; see jittable.h. */
#include "unwind/jittable.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/spans.h"
#include "base/vec.h"
#include "elf/cfi.h"
#include "unwind/rules.h"

enum { JITTABLE_END, JITTABLE_UNKNOWN }; /* every dictionary begins with these (rules.h) */

#define JITTABLE_ROWS_MAX (1u << 22)

struct jittable {
	const struct cfi_arch *arch;
	uint64_t start, end;
	VEC(struct table_row) rows;
	VEC(struct cfi_row) scratch;
	struct rules *rules;
	struct unwind_rule *array;
	size_t n_fdes, n_bad;
};

static int jittable_put(struct jittable *b, uint64_t addr, uint16_t rule)
{
	uint64_t offset = addr - b->start;

	if (b->rows.n && b->rows.at[b->rows.n - 1].offset == offset)
		b->rows.n--;
	if (b->rows.n && b->rows.at[b->rows.n - 1].rule == rule)
		return 0;
	if (b->rows.n >= JITTABLE_ROWS_MAX ||
	    !VEC_PUSH(&b->rows, (struct table_row){offset, rule}))
		return -ENOMEM;
	return 0;
}

/* Rows of one description, moved by `by` and cut to [from, to). */
static int jittable_fde(struct jittable *b, const struct cfi *c, const struct cfi_fde *f,
			uint64_t by, uint64_t from, uint64_t to)
{
	uint64_t first = f->vaddr + by, last = first + f->size;
	uint16_t before = JITTABLE_UNKNOWN;
	size_t n;
	int rc = 0;

	if (last <= from || first >= to)
		return 0;
	if (!VEC_RESERVE(&b->scratch, cfi_rows_max(f)))
		return -ENOMEM;
	n = cfi_run(c, f, b->scratch.at);
	b->n_bad += !n;
	for (size_t i = 0; i < n && !rc; i++) {
		uint64_t at = b->scratch.at[i].vaddr + by;
		uint16_t rule = rules_number(b->rules, &b->scratch.at[i].rule);

		if (at >= to)
			break;
		before = rule;
		if (i + 1 < n && b->scratch.at[i + 1].vaddr + by <= from)
			continue;
		rc = jittable_put(b, at > from ? at : from, rule);
	}
	if (!n)
		rc = jittable_put(b, first > from ? first : from, before);
	return rc ? rc : last < to ? jittable_put(b, last, JITTABLE_END) : 0;
}

static int jittable_order(const void *pa, const void *pb)
{
	const struct cfi_fde *a = pa, *b = pb;

	return (a->vaddr > b->vaddr) - (a->vaddr < b->vaddr);
}

/* The part [from, to) of a piece of code. */
static int jittable_code(struct jittable *b, const struct jittable_code *code, uint64_t from,
			 uint64_t to)
{
	struct cfi_section s = {
		.data = code->eh_frame,
		.size = code->eh_size,
		.vaddr = (code->home + code->size + 7) & ~UINT64_C(7),
		.eh = true,
		.terminated = true,
	};
	struct cfi c;
	int rc = jittable_put(b, from, JITTABLE_END);

	if (rc || !code->eh_frame)
		return rc;
	rc = cfi_read(&c, b->arch, &s);
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	b->n_fdes += c.fdes.n;
	b->n_bad += c.n_bad;
	if (c.fdes.n == 1 && c.fdes.at[0].vaddr != code->home) {
		c.fdes.at[0].vaddr = code->home;
		c.fdes.at[0].size = (uint32_t)code->size;
	}
	if (c.fdes.n > 1)
		qsort(c.fdes.at, c.fdes.n, sizeof(*c.fdes.at), jittable_order);
	for (size_t i = 0; i < c.fdes.n && !rc; i++) {
		const struct cfi_fde *f = &c.fdes.at[i];
		uint64_t by = code->start - code->home, last = f->vaddr + f->size + by;

		if (f->vaddr < code->home || f->vaddr - code->home > code->size ||
		    f->size > code->size - (f->vaddr - code->home))
			continue; /* not of this code */
		rc = jittable_fde(b, &c, f, by, from, to);
		from = last > from ? last : from; /* of two for one place the first counts */
	}
	cfi_free(&c);
	return rc;
}

/* Who is where in [start, end), the last one on top. */
static int jittable_spans(struct jittable *b, const struct jittable_code *codes, size_t n,
			  struct spans *ret)
{
	VEC(struct span) in = {0};
	int rc = 0;

	for (size_t i = 0; i < n && i < SPANS_NONE && !rc; i++) {
		struct span s = {codes[i].start, codes[i].start + codes[i].size, (uint32_t)i,
				 (uint32_t)i};

		s.start = s.start > b->start ? s.start : b->start;
		s.end = s.end < b->end ? s.end : b->end;
		if (s.start < s.end && !VEC_PUSH(&in, s))
			rc = -ENOMEM;
	}
	if (!rc)
		rc = spans_build(ret, in.at, in.n);
	VEC_FREE(&in);
	return rc;
}

static int jittable_rows(struct jittable *b, const struct jittable_code *codes, size_t n)
{
	struct spans spans = {0};
	int rc = jittable_spans(b, codes, n, &spans);

	for (size_t i = 0; i < spans.n && !rc; i++) {
		uint64_t to = i + 1 < spans.n ? spans.start[i + 1] : b->end;

		if (spans.id[i] == SPANS_NONE)
			rc = b->rows.n ? jittable_put(b, spans.start[i], JITTABLE_END) : 0;
		else
			rc = jittable_code(b, &codes[spans.id[i]], spans.start[i], to);
	}
	spans_free(&spans);
	if (!rc && b->rows.n)
		rc = jittable_put(b, b->end, JITTABLE_END);
	return rc;
}

int jittable_build(const struct jittable_code *codes, size_t n, uint64_t start, uint64_t end,
		   struct table *ret)
{
	struct jittable b = {.arch = cfi_arch_of(EM_X86_64), .start = start, .end = end};
	int rc;

	if (end < start || end - start > FRAME_OFFSET_MASK)
		return -EFBIG;
	b.array = calloc(RULES_MAX, sizeof(*b.array));
	b.rules = b.array ? rules_new(b.array) : NULL;
	rc = b.rules ? jittable_rows(&b, codes, n) : -ENOMEM;
	if (!rc && !b.n_fdes)
		rc = -ENODATA;
	if (!rc) {
		uint32_t n_rules = rules_count(b.rules);
		void *rules = realloc(b.array, n_rules * sizeof(*b.array));

		*ret = (struct table){.rows = b.rows.at,
				      .n = b.rows.n,
				      .rules = rules ? rules : b.array,
				      .n_rules = n_rules,
				      .n_fdes = b.n_fdes,
				      .n_bad = b.n_bad};
		b.rows.at = NULL;
		b.array = NULL;
	}
	VEC_FREE(&b.rows);
	VEC_FREE(&b.scratch);
	rules_free(b.rules);
	free(b.array);
	return rc;
}
