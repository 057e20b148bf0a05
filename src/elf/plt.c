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

#define STUB_SHORT 8u  /* .plt.got without branch tracking */
#define STUB_LONG  16u /* everything else */
#define SLOTS_CAP  (1u << 22)

struct plt {
	struct map64 slots;      /* table slot address -> index into relas */
	const uint8_t *relas[2]; /* .rela.plt, .rela.dyn */
	size_t n[2];
	const uint8_t *symbols, *names;
	size_t n_symbols, names_size;
};

static Elf64_Rela plt_rela(const struct plt *p, uint32_t index)
{
	unsigned int which = index >= p->n[0];
	Elf64_Rela r;

	memcpy(&r, p->relas[which] + (index - (which ? p->n[0] : 0)) * sizeof(r), sizeof(r));
	return r;
}

/* The relocations that fill slots with function addresses. */
static void plt_read_slots(struct plt *p, struct elf_image *img)
{
	static const char *const sections[2] = {".rela.plt", ".rela.dyn"};
	struct elf_section s;

	for (int i = 0; i < 2; i++) {
		if (elf_image_section(img, sections[i], &s) || !s.data || s.type != SHT_RELA)
			continue;
		p->relas[i] = s.data;
		p->n[i] = s.size / sizeof(Elf64_Rela);
		if (p->n[i] > SLOTS_CAP)
			p->n[i] = SLOTS_CAP;
	}
	for (uint32_t i = 0; i < p->n[0] + p->n[1]; i++) {
		Elf64_Rela r = plt_rela(p, i);
		uint32_t type = ELF64_R_TYPE(r.r_info);

		if (type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
		    type == R_X86_64_IRELATIVE)
			if (!map64_insert(&p->slots, r.r_offset, i, NULL))
				return;
	}
}

static const char *plt_symbol_name(const struct plt *p, uint64_t index)
{
	const char *name;
	Elf64_Sym sym;

	if (!index || index >= p->n_symbols)
		return NULL;
	memcpy(&sym, p->symbols + index * sizeof(sym), sizeof(sym));
	if (sym.st_name >= p->names_size)
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
		const uint32_t *index;
		const char *name;
		Elf64_Rela r;
		uint64_t slot;

		if (!plt_decode(s->data + at, stub, s->vaddr + at, &slot))
			continue;
		index = map64_find(&p->slots, slot);
		if (!index)
			continue;
		r = plt_rela(p, *index);
		name = plt_symbol_name(p, ELF64_R_SYM(r.r_info));
		if (!name && ELF64_R_TYPE(r.r_info) != R_X86_64_IRELATIVE)
			continue;
		if (!fn(ctx, s->vaddr + at, stub, name, (uint64_t)r.r_addend))
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

void plt_each(struct elf_image *img,
	      bool (*fn)(void *ctx, uint64_t vaddr, uint64_t size, const char *name,
			 uint64_t resolver),
	      void *ctx)
{
	static const char *const sections[] = {".plt.sec", ".plt.got", ".plt"};
	struct elf_section s, names;
	struct plt p = {0};

	if (elf_image_machine(img) != EM_X86_64)
		return;
	if (elf_image_section(img, ".dynsym", &s) == 0 && s.data &&
	    elf_image_section_at(img, s.link, &names) == 0 && names.data &&
	    names.type == SHT_STRTAB) {
		p.symbols = s.data;
		p.n_symbols = s.size / sizeof(Elf64_Sym);
		p.names = names.data;
		p.names_size = names.size;
	}
	plt_read_slots(&p, img);
	for (size_t i = 0; i < 3 && p.slots.n; i++) {
		if (elf_image_section(img, sections[i], &s) || !s.data || s.type != SHT_PROGBITS)
			continue;
		if (!plt_section(&p, &s, plt_stub_size(&p, &s), fn, ctx))
			break;
	}
	map64_free(&p.slots);
}
