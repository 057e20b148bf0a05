/* table.c - builds a file's unwind rows; see table.h for what it promises.
 *
 * FDEs are mostly unsorted in files. Sorting them before their programs run is far cheaper than
 * sorting rows, and needs just 16 bytes for each: where it starts and which it is. After that, rows
 * come out in order and are merged as they are written.
 */
#include "unwind/table.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/vec.h"
#include "elf/cfi.h"
#include "unwind/mend.h"
#include "unwind/rules.h"
#include "unwind/stubs.h"

#define PADDING_MAX 16u /* linkers and compilers align functions to 16 */
#define ENTRY_MAX                                                                                  \
	128u /* the longest start-up stub without description (ld.so's) is half of this            \
	      */
#define DIGIT_BITS 11
#define KNOWN_BITS 8 /* a file's functions alternate between few rules */

/* Against files made to cost memory: the largest browsers have 3 M rows, and no compiler's programs
 * come near to this. */
#define ROWS_CAP    (1u << 24)
#define PROGRAM_CAP (1u << 20)

enum { TABLE_END, TABLE_UNKNOWN }; /* every dictionary begins with these (rules.h) */

struct table_key {
	uint64_t offset; /* file offset of the FDE's first byte */
	uint32_t fde;
	uint32_t size; /* cut to its segment */
};

struct table_build {
	struct elf_image *img;
	const struct cfi_arch *arch;
	struct cfi part[2]; /* .eh_frame, then .debug_frame */
	int n_parts;
	struct elf_section stubs[STUBS_MAX];
	size_t n_stubs;
	uint32_t stubs_from;        /* keys' numbers from here on are stubs */
	VEC(struct table_key) keys; /* `fde` counts through both parts, then through stubs */
	VEC(struct table_row) rows;
	VEC(struct cfi_row) scratch;
	struct rules *rules;              /* the table's own dictionary */
	struct unwind_rule *array;        /* its RULES_MAX entries */
	uint16_t known[1u << KNOWN_BITS]; /* saves the dictionary's lock and hash */
	bool full;                        /* a rule of this FDE found no place in it */
	size_t n_fdes, n_bad, n_outside, n_expected;
};

_Static_assert(sizeof(struct table_row) == 8, "table");
_Static_assert(FRAME_OFFSET_MASK >> 48 == 0, "a row's offset names any frame");
_Static_assert(RULES_MAX == 1u << 16, "a row's number names any rule");

/* -- finding the call frame information ------------------------------------------------------ */

/* Files without section headers still have what the exception unwinder needs: PT_GNU_EH_FRAME. */
static int table_find_segment(struct elf_image *img, struct cfi_section *ret)
{
	const struct elf_segment *seg;
	struct elf_segment ph;
	struct cfi_section hdr = {0};
	uint64_t vaddr, left;
	size_t n;

	if (!elf_image_program_header(img, PT_GNU_EH_FRAME, &ph))
		return -ENOENT;
	hdr.vaddr = ph.vaddr;
	hdr.size = ph.filesz < 64 ? ph.filesz : 64; /* the search table behind it is not needed */
	if (elf_image_bytes(img, ph.offset, hdr.size, &hdr.data) || !cfi_header_frame(&hdr, &vaddr))
		return -EBADMSG;
	seg = elf_image_segments(img, &n);
	for (size_t i = 0; i < n; i++) {
		if (vaddr < seg[i].vaddr || vaddr - seg[i].vaddr >= seg[i].filesz)
			continue;
		left = seg[i].filesz - (vaddr - seg[i].vaddr);
		left = left < CFI_SECTION_CAP ? left : CFI_SECTION_CAP;
		*ret = (struct cfi_section){
			.size = left, .vaddr = vaddr, .eh = true, .terminated = true};
		return elf_image_bytes(img, vaddr - seg[i].vaddr + seg[i].offset, left, &ret->data);
	}
	return -EBADMSG;
}

static int table_find_section(struct elf_image *img, const char *name, bool eh,
			      struct cfi_section *ret)
{
	struct elf_section s;
	int rc = elf_image_section_head(img, name, &s);

	if (!rc && s.size > CFI_SECTION_CAP)
		rc = -EBADMSG;
	if (!rc)
		rc = elf_image_section(img, name, &s);
	if (rc)
		return rc;
	if (!s.data)
		return -ENOENT; /* a debug file: the bytes are in the program itself */
	*ret = (struct cfi_section){.data = s.data, .size = s.size, .vaddr = s.vaddr, .eh = eh};
	if (!elf_image_section_head(img, ".got.plt", &s) || !elf_image_section_head(img, ".got", &s))
		ret->got = s.vaddr; /* DT_PLTGOT: what libgcc counts from */
	return 0;
}

int table_cfi_section(struct elf_image *img, bool eh, struct cfi_section *ret)
{
	int rc = table_find_section(img, eh ? ".eh_frame" : ".debug_frame", eh, ret);

	return rc && eh ? table_find_segment(img, ret) : rc;
}

static int table_read_part(struct table_build *b, const struct cfi_section *s)
{
	int rc = cfi_read(&b->part[b->n_parts], b->arch, s);

	if (!rc) {
		b->n_bad += b->part[b->n_parts].n_bad;
		b->n_fdes += b->part[b->n_parts].n_bad + b->part[b->n_parts].fdes.n;
		b->n_parts++;
	}
	return rc;
}

/* What there is and can be read; the first error when that is nothing. */
static int table_read(struct table_build *b)
{
	struct cfi_section s;
	int eh, debug;

	eh = table_cfi_section(b->img, true, &s);
	if (!eh)
		eh = table_read_part(b, &s);
	if (eh == -ENOMEM)
		return eh;
	debug = table_cfi_section(b->img, false, &s);
	if (!debug)
		debug = table_read_part(b, &s);
	if (b->n_parts || debug == -ENOMEM)
		return debug == -ENOMEM ? debug : 0;
	return eh != -ENOENT ? eh : debug;
}

static const struct cfi *table_part(const struct table_build *b, uint32_t *fde)
{
	if (*fde < b->part[0].fdes.n)
		return &b->part[0];
	*fde -= (uint32_t)b->part[0].fdes.n;
	return &b->part[1];
}

/* -- putting it in order --------------------------------------------------------------------- */

/* The executable segment around the address, if frames can name all of it, its end included; `hint`
 * is the last one found. */
static const struct elf_segment *table_segment(const struct table_build *b, uint64_t vaddr,
					       const struct elf_segment *hint)
{
	const struct elf_segment *seg;
	size_t n;

	if (hint && vaddr >= hint->vaddr && vaddr - hint->vaddr < hint->filesz)
		return hint;
	seg = elf_image_segments(b->img, &n);
	for (size_t i = 0; i < n; i++)
		if (seg[i].exec && vaddr >= seg[i].vaddr && vaddr - seg[i].vaddr < seg[i].filesz &&
		    seg[i].offset < FRAME_OFFSET_MASK &&
		    seg[i].filesz <= FRAME_OFFSET_MASK - seg[i].offset)
			return &seg[i];
	return NULL;
}

static int table_add_keys(struct table_build *b, const struct cfi *c, size_t first)
{
	const struct elf_segment *seg = NULL;

	if (first + c->fdes.n > UINT32_MAX || !VEC_RESERVE(&b->keys, c->fdes.n))
		return -ENOMEM;
	for (size_t i = 0; i < c->fdes.n; i++) {
		const struct cfi_fde *f = &c->fdes.at[i];
		uint64_t left;

		seg = table_segment(b, f->vaddr, seg);
		if (!seg) {
			b->n_outside++;
			continue;
		}
		/* Neighbours differ: a row takes an advance and an instruction, a byte each. */
		b->n_expected += (f->end - f->start) / 2 + 2;
		left = seg->filesz - (f->vaddr - seg->vaddr);
		b->keys.at[b->keys.n++] = (struct table_key){
			.offset = f->vaddr - seg->vaddr + seg->offset,
			.fde = (uint32_t)(first + i),
			.size = f->size < left ? f->size : (uint32_t)left,
		};
	}
	return 0;
}

/* Last, so that a description of the same place wins. */
static int table_add_stubs(struct table_build *b, size_t first)
{
	b->stubs_from = (uint32_t)first;
	if (first + STUBS_MAX > UINT32_MAX || !VEC_RESERVE(&b->keys, b->n_stubs))
		return -ENOMEM;
	for (uint32_t i = 0; i < b->n_stubs; i++) {
		const struct elf_section *s = &b->stubs[i];
		const struct elf_segment *seg = table_segment(b, s->vaddr, NULL);
		uint64_t left = seg ? seg->filesz - (s->vaddr - seg->vaddr) : 0;

		if (!seg || s->size > left || s->size > STUBS_CAP)
			continue;
		b->keys.at[b->keys.n++] = (struct table_key){
			.offset = s->vaddr - seg->vaddr + seg->offset,
			.fde = b->stubs_from + i,
			.size = (uint32_t)s->size,
		};
	}
	return 0;
}

/* One pass of a stable radix sort: by DIGIT_BITS bits from `shift` on. */
static void table_sort_digit(const struct table_key *from, struct table_key *to, size_t n,
			     uint64_t base, unsigned int shift)
{
	uint32_t at[1u << DIGIT_BITS] = {0}, sum = 0;
	const uint64_t mask = (1u << DIGIT_BITS) - 1;

	for (size_t i = 0; i < n; i++)
		at[(from[i].offset - base) >> shift & mask]++;
	for (size_t d = 0; d <= mask; d++) {
		uint32_t count = at[d];

		at[d] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		to[at[(from[i].offset - base) >> shift & mask]++] = from[i];
}

/* By offset, stable: of two FDEs for the same place the first in the file stays first. */
static int table_sort(struct table_build *b)
{
	struct table_key *from = b->keys.at, *other, *to;
	uint64_t min = UINT64_MAX, max = 0;
	bool sorted = true;
	size_t n = b->keys.n;

	for (size_t i = 0; i < n; i++) {
		sorted &= max <= from[i].offset;
		min = from[i].offset < min ? from[i].offset : min;
		max = from[i].offset > max ? from[i].offset : max;
	}
	if (sorted)
		return 0;
	to = other = malloc(n * sizeof(*to));
	if (!to)
		return -ENOMEM;
	for (unsigned int shift = 0; shift < 64 && (max - min) >> shift; shift += DIGIT_BITS) {
		table_sort_digit(from, to, n, min, shift);
		other = from;
		from = to;
		to = other;
	}
	b->keys.at = from;
	b->keys.cap = n; /* both arrays hold at least n */
	free(other);
	return 0;
}

/* -- making rows ----------------------------------------------------------------------------- */

/* Room for all rows that are to be expected, so that growing copies nothing; pages that are not
 * written cost nothing. */
static int table_start_rows(struct table_build *b)
{
	size_t n = b->n_expected < ROWS_CAP ? b->n_expected : ROWS_CAP;

	b->array = calloc(RULES_MAX, sizeof(*b->array));
	b->rules = b->array ? rules_new(b->array) : NULL;
	return b->rules && VEC_RESERVE(&b->rows, n) ? 0 : -ENOMEM;
}

static uint16_t table_number(struct table_build *b, const struct unwind_rule *rule)
{
	uint64_t w[2];
	uint16_t *known;

	memcpy(w, rule, sizeof(w));
	/* Fibonacci hashing (Knuth, volume 3, 6.4): the upper bits of the product are mixed best.
	 */
	known = &b->known[(w[0] + (w[1] << 3 | w[1] >> 61)) * UINT64_C(0x9e3779b97f4a7c15) >>
			  (64 - KNOWN_BITS)];
	if (!unwind_rule_same(&b->array[*known], rule)) {
		*known = rules_number(b->rules, rule);
		b->full |= *known == TABLE_UNKNOWN && rule->kind != RULE_UNKNOWN;
	}
	return *known;
}

/* Room was reserved. */
static void table_put(struct table_build *b, uint64_t offset, uint16_t rule)
{
	if (b->rows.n && b->rows.at[b->rows.n - 1].rule == rule)
		return;
	b->rows.at[b->rows.n++] = (struct table_row){offset, rule};
}

static bool table_is_padding(uint64_t from, uint64_t to)
{
	uint64_t alignment = to & -to;

	return to - from < PADDING_MAX && to - from < alignment;
}

/* Rows of one FDE, of which `size` bytes count. */
static int table_put_fde(struct table_build *b, const struct table_key *k, uint32_t size)
{
	uint32_t number = k->fde;
	const struct cfi *c = table_part(b, &number);
	struct cfi_fde f = c->fdes.at[number];
	bool sane = f.end - f.start <= PROGRAM_CAP;
	size_t n = 0, max = sane ? cfi_rows_max(&f) : 1;

	f.size = size;
	b->scratch.n = 0;
	if (!VEC_RESERVE(&b->scratch, max) || !VEC_RESERVE(&b->rows, max + 1))
		return -ENOMEM;
	if (b->rows.n > ROWS_CAP)
		return -EBADMSG;
	if (sane)
		n = cfi_run(c, &f, b->scratch.at);
	if (!n)
		table_put(b, k->offset, TABLE_UNKNOWN);
	b->full = false;
	for (size_t i = 0; i < n; i++)
		table_put(b, b->scratch.at[i].vaddr - f.vaddr + k->offset,
			  table_number(b, &b->scratch.at[i].rule));
	b->n_bad += !n || b->full;
	return 0;
}

/* Rows of a section of stubs, of which `size` bytes count. What is not understood has none. */
static int table_put_stubs(struct table_build *b, const struct table_key *k, uint32_t size)
{
	struct stubs s = stubs_of(b->stubs[k->fde - b->stubs_from].data, size);
	struct stub_row row;

	while (stubs_next(&s, &row)) {
		struct unwind_rule rule = {
			.kind = RULE_RSP, .cfa_off = (int32_t)row.cfa_off, .ra_off = -8};

		if (row.fp_at) {
			rule.rbp_kind = row.fp_at <= INT16_MAX ? RBP_CFA : RBP_LOST;
			rule.rbp_off = row.fp_at <= INT16_MAX ? (int16_t)-row.fp_at : 0;
		}

		if (b->rows.n > ROWS_CAP)
			return -EBADMSG;
		if (!VEC_RESERVE(&b->rows, 2))
			return -ENOMEM;
		table_put(b, k->offset + row.at, table_number(b, &rule));
	}
	if (row.at < size)
		table_put(b, k->offset + row.at, TABLE_END);
	return 0;
}

static bool table_is_stubs(const struct table_build *b, const struct table_key *k)
{
	return k->fde >= b->stubs_from;
}

static int table_put_all(struct table_build *b)
{
	const struct table_key *k = b->keys.at;
	size_t n = b->keys.n, next;

	for (size_t i = 0; i < n; i = next) {
		uint64_t stop = k[i].offset + k[i].size;
		uint32_t size;
		int rc;

		/* Described again: the first one counts, and stubs only where nothing else does. */
		for (next = i + 1; next < n && (k[next].offset == k[i].offset ||
						(table_is_stubs(b, &k[next]) && k[next].offset < stop));)
			next++;
		if (next < n && stop > k[next].offset)
			stop = k[next].offset;
		size = (uint32_t)(stop - k[i].offset);
		rc = table_is_stubs(b, &k[i]) ? table_put_stubs(b, &k[i], size)
					      : table_put_fde(b, &k[i], size);
		if (rc)
			return rc;
		if (next == n || (stop < k[next].offset && !table_is_padding(stop, k[next].offset)))
			table_put(b, stop, TABLE_END);
	}
	return 0;
}

/* The first row at or behind the offset. */
static size_t table_lower(const struct table_build *b, uint64_t offset)
{
	size_t lo = 0, hi = b->rows.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (b->rows.at[mid].offset < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Makes the rule hold in [from, to), whatever was said of it. */
static int table_override(struct table_build *b, const struct mend *m)
{
	uint16_t rule = table_number(b, &m->rule), after, before;
	size_t lo = table_lower(b, m->from), hi = table_lower(b, m->to + 1), n = 0;
	struct table_row rows[2];

	if (!VEC_RESERVE(&b->rows, 2))
		return -ENOMEM;
	before = lo ? b->rows.at[lo - 1].rule : TABLE_END;
	after = hi ? b->rows.at[hi - 1].rule : TABLE_END;
	if (before != rule)
		rows[n++] = (struct table_row){m->from, rule};
	if (after != rule)
		rows[n++] = (struct table_row){m->to, after};
	memmove(b->rows.at + lo + n, b->rows.at + hi, (b->rows.n - hi) * sizeof(*rows));
	memcpy(b->rows.at + lo, rows, n * sizeof(*rows));
	b->rows.n = b->rows.n - (hi - lo) + n;
	return 0;
}

/* Makes the rules in [from, to) say that whoever is above did not call. */
static int table_interrupt(struct table_build *b, const struct mend *m)
{
	struct mend part = *m;
	int rc = 0;

	for (; part.from < m->to && !rc; part.from = part.to) {
		size_t next = table_lower(b, part.from + 1);

		part.to = m->to;
		if (next < b->rows.n && b->rows.at[next].offset < m->to)
			part.to = b->rows.at[next].offset;
		part.rule = b->array[next ? b->rows.at[next - 1].rule : TABLE_END];
		if (!unwind_rule_plain(&part.rule))
			continue;
		part.rule.add = 1;
		rc = table_override(b, &part);
	}
	return rc;
}

static int table_mend(struct table_build *b)
{
	struct table so_far = {.rows = b->rows.at,
			       .n = b->rows.n,
			       .rules = b->array,
			       .n_rules = rules_count(b->rules)};
	mends found = {0};
	int rc = mend_find(b->img, &so_far, &found);

	for (size_t i = 0; i < found.n && !rc; i++)
		rc = found.at[i].interrupted ? table_interrupt(b, &found.at[i])
					     : table_override(b, &found.at[i]);
	VEC_FREE(&found);
	return rc;
}

/* Start-up code written in assembly often has no description, and every stack ends there. */
static int table_put_entry(struct table_build *b)
{
	static const struct unwind_rule bottom = {.kind = RULE_BOTTOM};
	uint64_t vaddr = elf_image_entry(b->img), offset, end;
	const struct elf_segment *seg = vaddr ? table_segment(b, vaddr, NULL) : NULL;
	size_t lo;

	if (!seg)
		return 0;
	offset = vaddr - seg->vaddr + seg->offset;
	end = seg->filesz - (vaddr - seg->vaddr) < ENTRY_MAX ? seg->offset + seg->filesz
							     : offset + ENTRY_MAX;
	lo = table_lower(b, offset + 1);
	if (lo && b->rows.at[lo - 1].rule != TABLE_END)
		return 0;
	if (lo < b->rows.n && b->rows.at[lo].offset < end)
		end = b->rows.at[lo].offset;
	return table_override(b, &(struct mend){.from = offset, .to = end, .rule = bottom});
}

static int table_build_rows(struct table_build *b)
{
	size_t first = 0;
	int rc = 0;

	for (int i = 0; i < b->n_parts && !rc; i++) {
		rc = table_add_keys(b, &b->part[i], first);
		first += b->part[i].fdes.n;
	}
	if (!rc && b->keys.n)
		rc = table_add_stubs(b, first);
	if (!rc)
		rc = table_sort(b);
	if (!rc && !b->keys.n)
		rc = -ENODATA;
	if (!rc)
		rc = table_start_rows(b);
	if (!rc)
		rc = table_put_all(b);
	if (!rc)
		rc = table_put_entry(b);
	return rc ? rc : table_mend(b);
}

/* Hands over what was built, cut to size. */
static void table_finish(struct table_build *b, struct table *ret)
{
	uint32_t n_rules = rules_count(b->rules);
	void *rows = realloc(b->rows.at, b->rows.n * sizeof(*b->rows.at));
	void *rules = realloc(b->array, n_rules * sizeof(*b->array));

	*ret = (struct table){.rows = rows ? rows : b->rows.at,
			      .n = b->rows.n,
			      .rules = rules ? rules : b->array,
			      .n_rules = n_rules,
			      .n_fdes = b->n_fdes,
			      .n_bad = b->n_bad,
			      .n_outside = b->n_outside};
	b->rows.at = NULL;
	b->array = NULL;
}

int table_build(struct elf_image *img, struct table *ret, struct err *e)
{
	struct table_build b = {.img = img, .arch = cfi_arch_of(elf_image_machine(img))};
	int rc;

	if (!b.arch)
		return err_set(e, -ENODATA, "unwinding is not supported for machine %u",
			       elf_image_machine(img));
	rc = table_read(&b);
	if (rc == -ENOENT)
		rc = -ENODATA;
	if (!rc)
		b.n_stubs = stubs_find(img, b.stubs);
	if (!rc)
		rc = table_build_rows(&b);
	if (!rc)
		table_finish(&b, ret);
	for (int i = 0; i < 2; i++)
		cfi_free(&b.part[i]);
	VEC_FREE(&b.keys);
	VEC_FREE(&b.rows);
	VEC_FREE(&b.scratch);
	rules_free(b.rules);
	free(b.array);
	if (rc == -ENODATA)
		return err_set(e, rc, "no call frame information");
	if (rc)
		return err_set(e, rc, "cannot read the call frame information: %s", strerror(-rc));
	return 0;
}

void table_free(struct table *t)
{
	free(t->rows);
	free(t->rules);
	*t = (struct table){0};
}
