/* packed.c - tables to bytes and back; see packed.h. TABLE_VERSION is made by the Makefile from the
 * sources of everything that decides what rows a file gets, so that nobody can forget to raise it. */
#include "unwind/packed.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "base/cursor.h"
#include "unwind/stubs.h"

#define PACKED_FORMAT 1u
#define SKIP          0xffffu
#define ROWS_MAX      ((1u << 24) + (1u << 16)) /* ROWS_CAP of table.c, and the last function's */
#define CHECKED_FROM  20 /* magic, format and the checksum itself come before */

enum { PACKED_END, PACKED_UNKNOWN }; /* every dictionary begins with these (rules.h) */

static const char packed_magic[8] = { 'w', 'a', 'g', 'g', 'l', 'e', 'R', '\n' };

_Static_assert(sizeof(struct unwind_rule) == 16, "rules are kept as they are, without padding");

/* -- the print ---------------------------------------------------------------------------------- */

static void packed_print_word(XXH3_state_t *x, uint64_t v)
{
	XXH3_128bits_update(x, &v, sizeof(v));
}

static int packed_print_section(XXH3_state_t *x, struct elf_image *img, const char *name)
{
	struct elf_section s = { 0 };
	int rc = elf_image_section(img, name, &s);

	if (rc == -ENOENT || (!rc && !s.data)) {
		packed_print_word(x, UINT64_MAX);
		return -ENOENT;
	}
	if (rc)
		return rc;
	packed_print_word(x, s.vaddr);
	packed_print_word(x, s.offset);
	packed_print_word(x, s.size);
	XXH3_128bits_update(x, s.data, s.size);
	return 0;
}

/* What call stubs and start files' code are read off (stubs.h). */
static void packed_print_stubs(XXH3_state_t *x, struct elf_image *img)
{
	struct elf_section stubs[STUBS_MAX];
	size_t n = stubs_find(img, stubs);

	for (size_t i = 0; i < n; i++) {
		packed_print_word(x, stubs[i].vaddr);
		packed_print_word(x, stubs[i].size);
		XXH3_128bits_update(x, stubs[i].data, stubs[i].size);
	}
}

/* What decides how code is mended (mend.h): where these are, for the build id vouches for what they hold.
 * A stripped Go program has its build id still, but not the rows that need symbols. */
static void packed_print_heads(XXH3_state_t *x, struct elf_image *img)
{
	static const char *const names[] = { ".text",	".symtab",	 ".dynsym",	   ".gnu_debugdata",
					     ".gopclntab", ".go.buildinfo", ".interp", ".dynamic" };
	static const uint32_t types[] = { PT_INTERP, PT_DYNAMIC, PT_GNU_EH_FRAME };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct elf_section s = { 0 };

		packed_print_word(x, (uint64_t)elf_image_section_head(img, names[i], &s));
		packed_print_word(x, s.offset);
		packed_print_word(x, s.size);
		packed_print_word(x, s.type);
	}
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct elf_segment ph = { 0 };

		packed_print_word(x, elf_image_program_header(img, types[i], &ph));
		packed_print_word(x, ph.offset);
		packed_print_word(x, ph.filesz);
	}
}

static void packed_print_layout(XXH3_state_t *x, struct elf_image *img)
{
	const struct elf_segment *seg;
	char id[2 * ELF_BUILD_ID_MAX + 1] = "";
	size_t n;

	packed_print_word(x, TABLE_VERSION);
	packed_print_word(x, elf_image_machine(img));
	packed_print_word(x, elf_image_entry(img));
	seg = elf_image_segments(img, &n);
	for (size_t i = 0; i < n; i++) {
		packed_print_word(x, seg[i].vaddr);
		packed_print_word(x, seg[i].offset);
		packed_print_word(x, seg[i].filesz);
		packed_print_word(x, seg[i].exec);
	}
	elf_image_build_id_hex(img, id);
	XXH3_128bits_update(x, id, strlen(id));
}

int packed_print_of(struct elf_image *img, struct packed_print *ret)
{
	XXH3_state_t *x = XXH3_createState();
	XXH128_canonical_t c;
	int eh, debug;

	if (!x)
		return -ENOMEM;
	XXH3_128bits_reset(x);
	packed_print_layout(x, img);
	packed_print_heads(x, img);
	packed_print_stubs(x, img);
	eh = packed_print_section(x, img, ".eh_frame");
	debug = eh && eh != -ENOENT ? eh : packed_print_section(x, img, ".debug_frame");
	if (!debug || debug == -ENOENT) {
		XXH128_canonicalFromHash(&c, XXH3_128bits_digest(x));
		memcpy(ret->bytes, c.digest, sizeof(ret->bytes));
		/* Without .eh_frame the rows may come from a segment, which is not looked at here. */
		debug = eh;
	}
	XXH3_freeState(x);
	return debug;
}

/* -- writing ------------------------------------------------------------------------------------ */

static void packed_write_rows(struct buf *b, const struct table *t)
{
	uint64_t at = t->n ? t->rows[0].offset : 0;

	for (size_t i = 0; i < t->n; i++) {
		uint64_t distance = t->rows[i].offset - at;

		for (; distance >= SKIP; distance -= SKIP)
			buf_u32(b, SKIP << 16);
		buf_u32(b, (uint32_t)distance << 16 | (uint32_t)t->rows[i].rule);
		at = t->rows[i].offset;
	}
}

void packed_write(struct buf *b, const struct packed_print *print, const struct table *t)
{
	size_t from = b->len;
	uint64_t sum;

	buf_put(b, packed_magic, sizeof(packed_magic));
	buf_u32(b, PACKED_FORMAT);
	buf_u64(b, 0);
	buf_put(b, print->bytes, sizeof(print->bytes));
	buf_u32(b, t->n_rules);
	buf_u32(b, (uint32_t)t->n);
	buf_u64(b, t->n ? t->rows[0].offset : 0);
	buf_u64(b, t->n_fdes);
	buf_u64(b, t->n_bad);
	buf_u64(b, t->n_outside);
	buf_put(b, t->rules, t->n_rules * sizeof(*t->rules));
	packed_write_rows(b, t);
	if (b->err)
		return;
	sum = XXH3_64bits(b->data + from + CHECKED_FROM, b->len - from - CHECKED_FROM);
	memcpy(b->data + from + CHECKED_FROM - sizeof(sum), &sum, sizeof(sum));
}

/* -- reading ------------------------------------------------------------------------------------ */

static bool packed_rules_good(const struct unwind_rule *rules, uint32_t n)
{
	static const struct unwind_rule end = { .kind = RULE_END }, unknown = { .kind = RULE_UNKNOWN };

	if (n < 2 || n > RULES_MAX || memcmp(&rules[0], &end, sizeof(end)) ||
	    memcmp(&rules[1], &unknown, sizeof(unknown)))
		return false;
	for (uint32_t i = 2; i < n; i++)
		if (rules[i].kind == RULE_END || rules[i].kind >= RULE_KIND_MAX ||
		    rules[i].rbp_kind >= RBP_KIND_MAX || rules[i].cfa_reg >= 16)
			return false;
	return true;
}

/* All words, into the table's rows. Every word is looked at even when one was bad: that is simpler
 * for the processor than leaving, and bad tables are rare. */
static bool packed_rows(struct cursor *c, struct table *t, uint64_t at, size_t n)
{
	size_t words = cursor_left(c) / sizeof(uint32_t), made = 0;
	uint64_t before = 0, first = at;
	uint32_t rule = UINT32_MAX;
	bool bad = at >= UINT64_C(1) << 48, ends = false;

	for (size_t i = 0; i < words; i++) {
		uint32_t w = cursor_u32(c);

		at += w >> 16;
		ends = w >> 16 != SKIP;
		if (!ends) {
			bad |= w & 0xffff;
			continue;
		}
		if (made == n)
			return false;
		bad |= (made && at <= before) | ((w & 0xffff) == rule) | ((w & 0xffff) >= t->n_rules);
		before = at;
		rule = w & 0xffff;
		t->rows[made++] = (struct table_row){ at, rule };
	}
	return !bad && ends && made == n && t->rows[0].offset == first && at < UINT64_C(1) << 48 &&
	       rule == PACKED_END && !cursor_left(c);
}

static int packed_body(struct cursor *c, struct table *t)
{
	uint64_t at;
	size_t n;
	const uint8_t *rules;

	t->n_rules = cursor_u32(c);
	n = cursor_u32(c);
	at = cursor_u64(c);
	t->n_fdes = cursor_u64(c);
	t->n_bad = cursor_u64(c);
	t->n_outside = cursor_u64(c);
	rules = cursor_take(c, t->n_rules * sizeof(*t->rules));
	if (c->bad || !n || n > ROWS_MAX || n > cursor_left(c) / sizeof(uint32_t))
		return -EBADMSG;
	t->rules = malloc(t->n_rules * sizeof(*t->rules) + 1);
	t->rows = malloc(n * sizeof(*t->rows));
	if (!t->rules || !t->rows)
		return -ENOMEM;
	memcpy(t->rules, rules, t->n_rules * sizeof(*t->rules));
	if (!packed_rules_good(t->rules, t->n_rules) || !packed_rows(c, t, at, n))
		return -EBADMSG;
	t->n = n;
	return 0;
}

int packed_read(const void *data, size_t len, const struct packed_print *print, struct table *ret)
{
	struct cursor c = cursor_of(data, len);
	const uint8_t *magic = cursor_take(&c, sizeof(packed_magic)), *made_for;
	uint32_t format = cursor_u32(&c);
	uint64_t sum = cursor_u64(&c);
	struct table t = { 0 };
	int code;

	if (c.bad || memcmp(magic, packed_magic, sizeof(packed_magic)) || format != PACKED_FORMAT ||
	    sum != XXH3_64bits(c.p, cursor_left(&c)))
		return -EBADMSG;
	made_for = cursor_take(&c, sizeof(print->bytes));
	if (!made_for || memcmp(made_for, print->bytes, sizeof(print->bytes)))
		return -EBADMSG;
	code = packed_body(&c, &t);
	if (code)
		table_free(&t);
	else
		*ret = t;
	return code;
}
