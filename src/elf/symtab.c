/* symtab.c - function symbols, merged from every table of a file and flattened for look-up.
 *
 * Three passes: collect candidates (names still borrowed from the image), choose (one name per
 * address, an end for symbols without a size), flatten (base/spans.h), copying the surviving names.
 *
 * What covers an address: the symbol with a size that starts last, so a label with a size inside a
 * function is more specific than the function. Symbols without a size and untyped ones
 * (hand-written assembly) only fill what is left: up to the next symbol or the end of their
 * section.
 *
 * Nothing a table says is believed unchecked: an entry outside executable memory or without a
 * proper name is dropped, a size that leaves its segment is treated as no size. Reading names is
 * bounded by a budget, because a million entries may all point at the same megabyte.
 */
#include "elf/symtab.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/spans.h"
#include "base/vec.h"
#include "elf/minidebug.h"
#include "elf/plt.h"

#define NAME_LEN_CAP (64u << 10)
#define SEGMENTS_CAP 64u /* executable ones; real files have one to three */
#define PLT_SUFFIX   "@plt"

enum { RANK_SIZED, RANK_UNSIZED, RANK_UNTYPED };

struct symtab_candidate {
	uint64_t vaddr, end; /* end == vaddr: not known yet */
	const char *name;    /* borrowed from the image, not terminated */
	uint32_t len;
	uint32_t order;  /* of arrival, to make choices repeatable */
	uint8_t rank;    /* RANK_* */
	uint8_t binding; /* 0 global, 1 weak, 2 local */
	uint8_t underscores;
	bool plt;
};

struct symtab_range {
	uint64_t start, end;
};

struct symtab_entry {
	uint64_t vaddr, size;
	uint32_t name; /* offset into names */
};

struct symtab {
	struct spans spans;
	VEC(struct symtab_entry) entries; /* by address */
	VEC(char) names;
};

struct symtab_build {
	VEC(struct symtab_candidate) found;
	VEC(struct symtab_range) code;     /* executable segments of the image being read */
	VEC(struct symtab_range) sections; /* where a symbol without a size must end */
	size_t n_named;                    /* candidates before the call stubs */
	bool oom;
};

static const struct symtab_range *symtab_range_of(const struct symtab_range *r, size_t n,
						  uint64_t vaddr)
{
	for (size_t i = 0; i < n; i++)
		if (vaddr >= r[i].start && vaddr < r[i].end)
			return &r[i];
	return NULL;
}

static void symtab_read_ranges(struct symtab_build *b, struct elf_image *img)
{
	static const char *const names[] = {".init",    ".plt",  ".plt.got",
					    ".plt.sec", ".text", ".fini"};
	const struct elf_segment *segments;
	struct elf_section s;
	size_t n;

	segments = elf_image_segments(img, &n);
	for (size_t i = 0; i < n && b->code.n < SEGMENTS_CAP; i++) {
		const struct elf_segment *g = &segments[i];
		struct symtab_range r = {g->vaddr, g->vaddr + g->memsz};

		if (g->exec && r.end > r.start)
			b->oom |= !VEC_PUSH(&b->code, r);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct symtab_range r;

		if (elf_image_section_head(img, names[i], &s))
			continue;
		r = (struct symtab_range){s.vaddr, s.vaddr + s.size};
		if (r.end > r.start)
			b->oom |= !VEC_PUSH(&b->sections, r);
	}
}

/* Where a symbol that does not say its size must end at the latest. */
static uint64_t symtab_limit(const struct symtab_build *b, uint64_t vaddr)
{
	const struct symtab_range *r = symtab_range_of(b->sections.at, b->sections.n, vaddr);

	if (!r)
		r = symtab_range_of(b->code.at, b->code.n, vaddr);
	return r ? r->end : vaddr;
}

static bool symtab_rank(const Elf64_Sym *sym, struct symtab_candidate *c)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info), bind = ELF64_ST_BIND(sym->st_info);

	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx == SHN_ABS || sym->st_shndx == SHN_COMMON)
		return false;
	if (type == STT_FUNC || type == STT_GNU_IFUNC)
		c->rank = sym->st_size ? RANK_SIZED : RANK_UNSIZED;
	else if (type == STT_NOTYPE)
		c->rank = RANK_UNTYPED;
	else
		return false;
	c->binding = bind == STB_LOCAL ? 2 : bind == STB_WEAK ? 1 : 0;
	return true;
}

/* Cuts the version off and counts underscores. Labels of assemblers and tools name nothing. */
static bool symtab_name(struct symtab_candidate *c, const char *name, size_t len)
{
	const char *version = memchr(name, '@', len);

	if (version)
		len = (size_t)(version - name);
	if (!len || (c->rank == RANK_UNTYPED && (name[0] == '$' || name[0] == '.')))
		return false;
	c->name = name;
	c->len = (uint32_t)len;
	while (c->underscores < len && c->underscores < UINT8_MAX && name[c->underscores] == '_')
		c->underscores++;
	return true;
}

static void symtab_add(struct symtab_build *b, const Elf64_Sym *sym,
		       const struct elf_section *names, uint64_t *budget)
{
	struct symtab_candidate c = {.vaddr = sym->st_value, .end = sym->st_value};
	const struct symtab_range *code;
	const char *name, *end;
	uint64_t most;

	if (!symtab_rank(sym, &c) || sym->st_name >= names->size)
		return;
	code = symtab_range_of(b->code.at, b->code.n, c.vaddr);
	if (!code)
		return;
	name = (const char *)names->data + sym->st_name;
	most = names->size - sym->st_name;
	if (most > NAME_LEN_CAP)
		most = NAME_LEN_CAP;
	if (most > *budget)
		most = *budget;
	end = memchr(name, '\0', most);
	if (!end)
		return;
	*budget -= (uint64_t)(end - name);
	if (!symtab_name(&c, name, (size_t)(end - name)))
		return;
	if (sym->st_size && sym->st_size <= code->end - c.vaddr)
		c.end = c.vaddr + sym->st_size;
	else if (c.rank == RANK_SIZED)
		c.rank = RANK_UNSIZED; /* the size is a lie */
	c.order = (uint32_t)b->found.n;
	b->oom |= !VEC_PUSH(&b->found, c);
}

/* One symbol table section. */
static void symtab_collect(struct symtab_build *b, struct elf_image *img, const char *section)
{
	struct elf_section s, names;
	uint64_t budget;

	if (elf_image_section(img, section, &s) || !s.data ||
	    (s.type != SHT_SYMTAB && s.type != SHT_DYNSYM))
		return;
	if (elf_image_section_at(img, s.link, &names) || !names.data || names.type != SHT_STRTAB)
		return;
	/* sh_entsize is not asked: the format has exactly one size. Suffix-merged names may be read
	 * more than once, twice the section in real files. */
	budget = 8 * names.size + NAME_LEN_CAP;
	for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= s.size && !b->oom;
	     at += sizeof(Elf64_Sym)) {
		Elf64_Sym sym;

		memcpy(&sym, s.data + at, sizeof(sym));
		symtab_add(b, &sym, &names, &budget);
	}
}

static int symtab_order(const void *pa, const void *pb)
{
	const struct symtab_candidate *a = pa, *b = pb;

	if (a->vaddr != b->vaddr)
		return a->vaddr < b->vaddr ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank - b->rank;
	if (a->binding != b->binding)
		return a->binding - b->binding;
	if (a->underscores != b->underscores)
		return a->underscores - b->underscores;
	return (a->order > b->order) - (a->order < b->order);
}

/* -- call stubs ------------------------------------------------------------------------------ */

/* The name at exactly this address among the candidates that are sorted already. */
static const struct symtab_candidate *symtab_exact(const struct symtab_build *b, uint64_t vaddr)
{
	size_t lo = 0, hi = b->n_named;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (b->found.at[mid].vaddr < vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < b->n_named && b->found.at[lo].vaddr == vaddr ? &b->found.at[lo] : NULL;
}

static bool symtab_add_stub(void *ctx, uint64_t vaddr, uint64_t size, const char *name,
			    uint64_t resolver)
{
	struct symtab_build *b = ctx;
	struct symtab_candidate c = {.vaddr = vaddr, .end = vaddr + size, .plt = true};
	const struct symtab_candidate *target = name ? NULL : symtab_exact(b, resolver);

	if (size > UINT64_MAX - vaddr || (!name && !target))
		return true;
	c.rank = RANK_SIZED;
	c.binding = 2;
	c.name = name ? name : target->name;
	c.len = name ? (uint32_t)strnlen(name, NAME_LEN_CAP) : target->len;
	c.order = (uint32_t)b->found.n;
	if (VEC_PUSH(&b->found, c))
		return true;
	b->oom = true;
	return false;
}

/* -- choosing -------------------------------------------------------------------------------- */

static bool symtab_keep(struct symtab *t, const struct symtab_candidate *c, uint64_t end)
{
	struct symtab_entry entry = {c->vaddr, end - c->vaddr, (uint32_t)t->names.n};
	size_t len = c->len + (c->plt ? strlen(PLT_SUFFIX) : 0) + 1;

	if (t->names.n > UINT32_MAX - len || !VEC_RESERVE(&t->names, len))
		return false;
	memcpy(t->names.at + t->names.n, c->name, c->len);
	memcpy(t->names.at + t->names.n + c->len, c->plt ? PLT_SUFFIX : "", len - c->len);
	t->names.n += len;
	return VEC_PUSH(&t->entries, entry);
}

/* One candidate per address, sorted; then ends for those that have none, and what lies inside a
 * symbol with a size goes if it has none itself. */
static bool symtab_choose(struct symtab *t, struct symtab_build *b)
{
	uint64_t covered = 0;
	size_t n = 0;

	for (size_t i = 0; i < b->found.n; i++)
		if (!n || b->found.at[n - 1].vaddr != b->found.at[i].vaddr)
			b->found.at[n++] = b->found.at[i];
	b->found.n = n;
	for (size_t i = 0; i < n; i++) {
		const struct symtab_candidate *c = &b->found.at[i];
		uint64_t end = c->end;

		if (c->rank == RANK_SIZED) {
			if (end > covered)
				covered = end;
		} else {
			if (c->vaddr < covered)
				continue;
			if (end == c->vaddr)
				end = symtab_limit(b, c->vaddr);
			if (i + 1 < n && b->found.at[i + 1].vaddr < end)
				end = b->found.at[i + 1].vaddr;
		}
		if (end > c->vaddr && !symtab_keep(t, c, end))
			return false;
	}
	return true;
}

static int symtab_flatten(struct symtab *t)
{
	struct span *spans;
	int rc;

	if (t->entries.n >= SPANS_NONE)
		return -ENOMEM;
	if (!t->entries.n)
		return 0;
	spans = malloc(t->entries.n * sizeof(*spans));
	if (!spans)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->entries.n; i++) {
		const struct symtab_entry *e = &t->entries.at[i];

		spans[i] = (struct span){e->vaddr, e->vaddr + e->size, i, i};
	}
	rc = spans_build(&t->spans, spans, t->entries.n);
	free(spans);
	return rc;
}

static void symtab_sort(struct symtab_build *b)
{
	if (b->found.n)
		qsort(b->found.at, b->found.n, sizeof(*b->found.at), symtab_order);
	b->n_named = b->found.n;
}

/* Symbols of the small ELF file inside the file; its addresses are those of the file. */
static struct elf_image *symtab_collect_mini(struct symtab_build *b, struct elf_image *img,
					     uint8_t **ret_bytes)
{
	struct elf_image *mini;
	size_t len;
	int rc = minidebug_unpack(img, ret_bytes, &len);

	b->oom |= rc == -ENOMEM;
	if (rc || elf_image_memory(*ret_bytes, len, &mini, NULL))
		return NULL;
	symtab_collect(b, mini, ".symtab");
	return mini;
}

int symtab_new(struct elf_image *img, struct symtab **ret)
{
	struct symtab_build b = {0};
	struct symtab *t = calloc(1, sizeof(*t));
	struct elf_image *mini;
	uint8_t *bytes = NULL;
	int rc = -ENOMEM;

	if (!t)
		return -ENOMEM;
	symtab_read_ranges(&b, img);
	symtab_collect(&b, img, ".symtab");
	symtab_collect(&b, img, ".dynsym");
	mini = symtab_collect_mini(&b, img, &bytes);
	symtab_sort(&b);
	plt_each(img, symtab_add_stub, &b);
	symtab_sort(&b);
	if (!b.oom && symtab_choose(t, &b))
		rc = symtab_flatten(t);
	elf_image_free(mini);
	free(bytes);
	VEC_FREE(&b.found);
	VEC_FREE(&b.code);
	VEC_FREE(&b.sections);
	if (rc) {
		symtab_free(t);
		return rc;
	}
	*ret = t;
	return 0;
}

void symtab_free(struct symtab *t)
{
	if (!t)
		return;
	spans_free(&t->spans);
	VEC_FREE(&t->entries);
	VEC_FREE(&t->names);
	free(t);
}

size_t symtab_count(const struct symtab *t)
{
	return t->entries.n;
}

struct symbol symtab_at(const struct symtab *t, size_t i)
{
	const struct symtab_entry *e = &t->entries.at[i];

	return (struct symbol){ e->vaddr, e->size, t->names.at + e->name };
}

bool symtab_find(const struct symtab *t, uint64_t vaddr, struct symbol *ret)
{
	uint32_t id = spans_find(&t->spans, vaddr);

	if (id == SPANS_NONE)
		return false;
	*ret = symtab_at(t, id);
	return true;
}
