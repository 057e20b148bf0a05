/* plt.c - names for call stubs, read off the stubs themselves.
 *
 * A linker may lay the stubs out in several ways (lazy, bind-now, with branch tracking, split over
 * .plt, .plt.sec and .plt.got), so counting relocations would be guessing. Every way ends in one
 * indirect jump through a slot of the global offset table, and the relocation of that slot names
 * the function. Encodings: Intel SDM volume 2 (JMP r/m64 is ff /4; f2 is the old BND prefix); sizes
 * of stubs: x86-64 psABI, section 5.2.
 */
#include "elf/plt.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/map64.h"
#include "base/vec.h"

#define STUB_SHORT  8u  /* .plt.got without branch tracking */
#define STUB_LONG   16u /* everything else */
#define SLOTS_CAP   (1u << 22)
#define PIECE_RELAS 1024u /* 24 KiB on the stack */

static const char *const plt_sections[] = {".plt.sec", ".plt.got", ".plt"};

struct plt {
	struct elf_image *img;
	struct map64 slots;    /* table slot address -> index into relas */
	VEC(Elf64_Rela) relas; /* those that fill slots with function addresses */
	uint64_t symbols;      /* .dynsym, in the file */
	size_t n_symbols;
	const uint8_t *names;
	size_t names_size;
};

static bool plt_keep(struct plt *p, const Elf64_Rela *r)
{
	uint32_t type = ELF64_R_TYPE(r->r_info);
	bool is_new;

	if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT && type != R_X86_64_IRELATIVE)
		return true;
	if (!map64_insert(&p->slots, r->r_offset, (uint32_t)p->relas.n, &is_new))
		return false;
	return !is_new || VEC_PUSH(&p->relas, *r);
}

/* By the piece: of large libraries nearly all relocations, megabytes of them, are of other kinds.
 */
static bool plt_read_slots(struct plt *p, const char *section)
{
	Elf64_Rela piece[PIECE_RELAS];
	struct elf_section s;
	size_t left, n;

	if (elf_image_section_head(p->img, section, &s) || s.type != SHT_RELA || s.compressed)
		return true;
	left = s.size / sizeof(*piece) < SLOTS_CAP ? s.size / sizeof(*piece) : SLOTS_CAP;
	for (uint64_t at = s.offset; left; at += n * sizeof(*piece), left -= n) {
		n = left < PIECE_RELAS ? left : PIECE_RELAS;
		if (elf_image_read(p->img, at, n * sizeof(*piece), piece))
			return true;
		for (size_t i = 0; i < n; i++)
			if (!plt_keep(p, &piece[i]))
				return false;
	}
	return true;
}

static const char *plt_symbol_name(const struct plt *p, uint64_t index)
{
	const char *name;
	Elf64_Sym sym;

	if (!index || index >= p->n_symbols)
		return NULL;
	if (elf_image_read(p->img, p->symbols + index * sizeof(sym), sizeof(sym), &sym) ||
	    sym.st_name >= p->names_size)
		return NULL;
	name = (const char *)p->names + sym.st_name;
	return *name && memchr(name, 0, p->names_size - sym.st_name) ? name : NULL;
}

/* The slot a stub jumps through; false when it is not one (the first stub of lazy .plt, padding).
 */
static bool plt_decode(const uint8_t *code, size_t size, uint64_t vaddr, uint64_t *ret_slot)
{
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	size_t at = 0;
	int32_t disp;

	if (memcmp(code, endbr64, sizeof(endbr64)) == 0)
		at = sizeof(endbr64);
	else if (code[0] == 0xff && code[1] == 0x35)
		return false; /* push of the second slot: the lazy resolver's entry */
	if (at + 7 <= size && code[at] == 0xf2)
		at++;
	if (at + 6 > size || code[at] != 0xff || code[at + 1] != 0x25)
		return false;
	memcpy(&disp, code + at + 2, sizeof(disp));
	*ret_slot = vaddr + at + 6 + (uint64_t)(int64_t)disp;
	return true;
}

static bool plt_section(const struct plt *p, const struct elf_section *s, size_t stub,
			bool (*fn)(void *ctx, uint64_t vaddr, uint64_t size, const char *name,
				   uint64_t resolver),
			void *ctx)
{
	for (uint64_t at = 0; at + stub <= s->size; at += stub) {
		const Elf64_Rela *r;
		const uint32_t *index;
		const char *name;
		uint64_t slot;

		if (!plt_decode(s->data + at, stub, s->vaddr + at, &slot))
			continue;
		index = map64_find(&p->slots, slot);
		if (!index)
			continue;
		r = &p->relas.at[*index];
		name = plt_symbol_name(p, ELF64_R_SYM(r->r_info));
		if (!name && ELF64_R_TYPE(r->r_info) != R_X86_64_IRELATIVE)
			continue;
		if (!fn(ctx, s->vaddr + at, stub, name, (uint64_t)r->r_addend))
			return false;
	}
	return true;
}

/* Eight-byte stubs are told by a second one that decodes where a long stub would be in its middle.
 */
static size_t plt_stub_size(const struct plt *p, const struct elf_section *s)
{
	uint64_t slot;

	if (s->size % STUB_LONG == STUB_SHORT)
		return STUB_SHORT;
	if (s->size >= STUB_LONG &&
	    plt_decode(s->data + STUB_SHORT, STUB_SHORT, s->vaddr + STUB_SHORT, &slot) &&
	    map64_find(&p->slots, slot))
		return STUB_SHORT;
	return STUB_LONG;
}

static void plt_open(struct plt *p, struct elf_image *img)
{
	struct elf_section s, names;

	*p = (struct plt){.img = img};
	if (elf_image_section_head(img, ".dynsym", &s) || s.type != SHT_DYNSYM || s.compressed ||
	    elf_image_section_at(img, s.link, &names) || !names.data || names.type != SHT_STRTAB)
		return;
	p->symbols = s.offset;
	p->n_symbols = s.size / sizeof(Elf64_Sym);
	p->names = names.data;
	p->names_size = names.size;
}

bool plt_has(struct elf_image *img, const uint64_t *vaddrs, size_t n)
{
	struct elf_section s;

	for (size_t i = 0; i < sizeof(plt_sections) / sizeof(*plt_sections); i++) {
		if (elf_image_section_head(img, plt_sections[i], &s))
			continue;
		for (size_t k = 0; k < n; k++)
			if (vaddrs[k] >= s.vaddr && vaddrs[k] - s.vaddr < s.size)
				return true;
	}
	return false;
}

void plt_each(struct elf_image *img,
	      bool (*fn)(void *ctx, uint64_t vaddr, uint64_t size, const char *name,
			 uint64_t resolver),
	      void *ctx)
{
	struct elf_section s;
	struct plt p;
	bool going;

	if (elf_image_machine(img) != EM_X86_64)
		return;
	plt_open(&p, img);
	going = plt_read_slots(&p, ".rela.plt") && plt_read_slots(&p, ".rela.dyn") && p.slots.n;
	for (size_t i = 0; i < sizeof(plt_sections) / sizeof(*plt_sections) && going; i++)
		if (!elf_image_section(img, plt_sections[i], &s) && s.data &&
		    s.type == SHT_PROGBITS)
			going = plt_section(&p, &s, plt_stub_size(&p, &s), fn, ctx);
	map64_free(&p.slots);
	VEC_FREE(&p.relas);
}
