/* candidates.c - reading symbol tables; see candidates.h.
 *
 * Nothing a table says is believed unchecked: an entry outside executable memory or without a
 * proper name is dropped, a size that leaves its segment is treated as no size. Whether a name is
 * proper is decided without reading it to its end: most names are never shown.
 */
#include "elf/candidates.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf/minidebug.h"

#define NAME_LEN_CAP   (64u << 10)
#define NAME_LEN_SHORT 64u /* of a name when the budget is used up */
#define SEGMENTS_CAP   64u /* executable ones; real files have one to three */
#define PIECE_SYMBOLS  1024u /* 24 KiB on the stack */
#define PLT_SUFFIX     "@plt"

static const struct candidate_range *candidates_range_of(const struct candidate_range *r, size_t n,
							 uint64_t vaddr)
{
	for (size_t i = 0; i < n; i++)
		if (vaddr >= r[i].start && vaddr < r[i].end)
			return &r[i];
	return NULL;
}

static void candidates_read_ranges(struct candidates *cs)
{
	static const char *const names[] = {".init",    ".plt",  ".plt.got",
					    ".plt.sec", ".text", ".fini"};
	const struct elf_segment *segments;
	struct elf_section s;
	size_t n;

	segments = elf_image_segments(cs->img, &n);
	for (size_t i = 0; i < n && cs->code.n < SEGMENTS_CAP; i++) {
		const struct elf_segment *g = &segments[i];
		struct candidate_range r = {g->vaddr, g->vaddr + g->memsz};

		if (g->exec && r.end > r.start)
			cs->oom |= !VEC_PUSH(&cs->code, r);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct candidate_range r;

		if (elf_image_section_head(cs->img, names[i], &s))
			continue;
		r = (struct candidate_range){s.vaddr, s.vaddr + s.size};
		if (r.end > r.start)
			cs->oom |= !VEC_PUSH(&cs->sections, r);
	}
}

/* The small ELF file inside the file; its addresses are those of the file. */
static void candidates_open_mini(struct candidates *cs)
{
	size_t len;
	int rc = minidebug_unpack(cs->img, &cs->mini_bytes, &len);

	cs->oom |= rc == -ENOMEM;
	if (rc)
		cs->mini_bytes = NULL;
	else if (elf_image_memory(cs->mini_bytes, len, &cs->mini, NULL))
		cs->mini = NULL;
}

int candidates_open(struct candidates *cs, struct elf_image *img)
{
	*cs = (struct candidates){.img = img};
	candidates_read_ranges(cs);
	candidates_open_mini(cs);
	if (!cs->oom)
		return 0;
	candidates_close(cs);
	return -ENOMEM;
}

void candidates_close(struct candidates *cs)
{
	elf_image_free(cs->mini);
	free(cs->mini_bytes);
	VEC_FREE(&cs->code);
	VEC_FREE(&cs->sections);
}

uint64_t candidates_limit(const struct candidates *cs, uint64_t vaddr)
{
	const struct candidate_range *r;

	r = candidates_range_of(cs->sections.at, cs->sections.n, vaddr);
	if (!r)
		r = candidates_range_of(cs->code.at, cs->code.n, vaddr);
	return r ? r->end : vaddr;
}

static bool candidate_rank(const Elf64_Sym *sym, struct candidate *c)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info), bind = ELF64_ST_BIND(sym->st_info);

	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx == SHN_ABS || sym->st_shndx == SHN_COMMON)
		return false;
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		c->rank = sym->st_size ? CANDIDATE_SIZED : CANDIDATE_UNSIZED;
	else if (type == STT_NOTYPE)
		c->rank = CANDIDATE_UNTYPED;
	else
		return false;
	c->binding = bind == STB_LOCAL ? 2 : bind == STB_WEAK ? 1 : 0;
	return true;
}

/* Labels of assemblers and tools name nothing. */
static bool candidate_is_named(const struct candidate *c)
{
	char first = c->name[0];

	return first && first != '@' &&
	       !(c->rank == CANDIDATE_UNTYPED && (first == '$' || first == '.'));
}

static bool candidates_parse(struct candidates *cs, const Elf64_Sym *sym,
			     const struct elf_section *names, struct candidate *c)
{
	const struct candidate_range *code;

	*c = (struct candidate){.vaddr = sym->st_value, .end = sym->st_value};
	if (!candidate_rank(sym, c) || sym->st_name >= names->size)
		return false;
	code = candidates_range_of(cs->code.at, cs->code.n, c->vaddr);
	if (!code)
		return false;
	c->name = (const char *)names->data + sym->st_name;
	if (!candidate_is_named(c))
		return false;
	if (sym->st_size && sym->st_size <= code->end - c->vaddr)
		c->end = c->vaddr + sym->st_size;
	else if (c->rank == CANDIDATE_SIZED)
		c->rank = CANDIDATE_UNSIZED; /* the size is a lie */
	c->order = cs->n++;
	return true;
}

/* Symbols by the piece: a large table is never in memory as a whole. What cannot be read ends it. */
static void candidates_each_of(struct candidates *cs, struct elf_image *img, const char *section,
			       candidate_fn *fn, void *ctx)
{
	struct elf_section s, names;
	Elf64_Sym piece[PIECE_SYMBOLS];
	struct candidate c;

	if (elf_image_section_head(img, section, &s) || s.compressed ||
	    (s.type != SHT_SYMTAB && s.type != SHT_DYNSYM))
		return;
	if (elf_image_section_at(img, s.link, &names) || !names.data || names.type != SHT_STRTAB)
		return;
	while (names.size && names.data[names.size - 1]) /* what is left of it ends in a NUL */
		names.size--;
	/* Suffix-merged names may be needed more than once, twice the section in real files. */
	cs->name_budget += 8 * names.size + NAME_LEN_CAP;
	/* sh_entsize is not asked: the format has exactly one size. */
	for (uint64_t at = 0, left = s.size / sizeof(*piece); left;) {
		size_t n = left < PIECE_SYMBOLS ? left : PIECE_SYMBOLS;

		if (elf_image_read(img, s.offset + at, n * sizeof(*piece), piece))
			return;
		for (size_t i = 0; i < n; i++)
			if (candidates_parse(cs, &piece[i], &names, &c))
				fn(ctx, &c);
		at += n * sizeof(*piece);
		left -= n;
	}
}

void candidates_each(struct candidates *cs, candidate_fn *fn, void *ctx)
{
	candidates_each_of(cs, cs->img, ".symtab", fn, ctx);
	candidates_each_of(cs, cs->img, ".dynsym", fn, ctx);
	if (cs->mini)
		candidates_each_of(cs, cs->mini, ".symtab", fn, ctx);
}

bool candidates_stub(struct candidates *cs, uint64_t vaddr, uint64_t size, const char *name,
		     struct candidate *ret)
{
	if (!size || size > UINT64_MAX - vaddr)
		return false;
	*ret = (struct candidate){.vaddr = vaddr, .end = vaddr + size, .name = name, .plt = true};
	ret->rank = CANDIDATE_SIZED;
	ret->binding = 2;
	ret->order = cs->n++;
	return true;
}

static size_t candidate_underscores(const struct candidate *c)
{
	size_t n = 0;

	while (!c->plt && n < UINT8_MAX && c->name[n] == '_')
		n++;
	return n;
}

int candidate_order(const struct candidate *a, const struct candidate *b)
{
	size_t ua, ub;

	if (a->vaddr != b->vaddr)
		return a->vaddr < b->vaddr ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank - b->rank;
	if (a->binding != b->binding)
		return a->binding - b->binding;
	ua = candidate_underscores(a);
	ub = candidate_underscores(b);
	if (ua != ub)
		return ua < ub ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

void candidate_put_name(const struct candidate *c, struct buf *to, uint64_t *budget)
{
	size_t most = *budget < NAME_LEN_SHORT ? NAME_LEN_SHORT : NAME_LEN_CAP, len;
	const char *version;

	if (most > *budget && most > NAME_LEN_SHORT)
		most = *budget;
	len = strnlen(c->name, most);
	version = memchr(c->name, '@', len);
	if (version)
		len = (size_t)(version - c->name);
	*budget -= len < *budget ? len : *budget;
	buf_put(to, c->name, len);
	if (c->plt)
		buf_puts(to, PLT_SUFFIX);
	buf_putc(to, '\0');
}
