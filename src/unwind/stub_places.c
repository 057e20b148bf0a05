/* stub_places.c - where in a file linkers' and start files' code is; see stubs.h.
 *
 * Sections tell by their names. A file whose section headers were removed still has what the
 * dynamic linker needs: the addresses of _init and _fini, and for every function bound lazily a
 * word that holds, until it is bound, the address of its call stub.
 */
#include "unwind/stubs.h"

#include <elf.h>

#define START_FAR   256u /* from where it is looked for to crtbegin.o's functions */
#define START_BYTES 640u /* and to their end */
#define START_LOOK  17u  /* how many bytes tell the first one */

/* crtbegin.o begins with deregister_tm_clones, which compares two addresses that are the same. */
static bool stubs_is_start(const uint8_t *code)
{
	static const uint8_t lea_rdi[] = {0x48, 0x8d, 0x3d}, lea_rax[] = {0x48, 0x8d, 0x05},
			     cmp[] = {0x48, 0x39, 0xf8}, cmp_imm[] = {0x48, 0x3d};

	if (memcmp(code, lea_rdi, 3) == 0)
		return memcmp(code + 7, lea_rax, 3) == 0 && memcmp(code + 14, cmp, 3) == 0;
	return code[0] == 0xb8 && memcmp(code + 5, cmp_imm, 2) == 0 &&
	       memcmp(code + 1, code + 7, 4) == 0;
}

static bool stubs_start_behind(struct elf_image *img, const struct elf_section *text,
			       uint64_t vaddr, struct elf_section *ret)
{
	const uint8_t *code;
	uint64_t left;

	vaddr = (vaddr + 15) & ~UINT64_C(15);
	if (vaddr < text->vaddr || vaddr - text->vaddr >= text->size)
		return false;
	left = text->size - (vaddr - text->vaddr);
	left = left < START_BYTES ? left : START_BYTES;
	if (elf_image_bytes(img, vaddr - text->vaddr + text->offset, left, &code))
		return false;
	for (uint64_t at = 0; at <= START_FAR && at + START_LOOK <= left; at += 16) {
		if (!stubs_is_start(code + at))
			continue;
		*ret = (struct elf_section){
			.data = code + at, .size = left - at, .vaddr = vaddr + at};
		return true;
	}
	return false;
}

/* -- without section headers ----------------------------------------------------------------- */

#define DYNAMIC_CAP (64u << 10)
#define SLOTS_CAP   (1u << 20)
#define STUB_BYTES  UINT64_C(16)
#define INIT_BYTES  32u /* _init and _fini: 27 bytes and 13 */

struct dynamic {
	uint64_t init, fini, inits, slots, slots_size;
};

static bool dynamic_read(struct elf_image *img, struct dynamic *ret)
{
	struct elf_segment ph;
	const uint8_t *data;
	struct cursor c;

	*ret = (struct dynamic){0};
	if (!elf_image_program_header(img, PT_DYNAMIC, &ph) || ph.filesz > DYNAMIC_CAP ||
	    elf_image_bytes(img, ph.offset, ph.filesz, &data))
		return false;
	for (c = cursor_of(data, ph.filesz); cursor_left(&c) >= sizeof(Elf64_Dyn);) {
		uint64_t tag = cursor_u64(&c), value = cursor_u64(&c);

		switch (tag) {
		case DT_INIT:
			ret->init = value;
			break;
		case DT_FINI:
			ret->fini = value;
			break;
		case DT_INIT_ARRAY:
			ret->inits = value;
			break;
		case DT_JMPREL:
			ret->slots = value;
			break;
		case DT_PLTRELSZ:
			ret->slots_size = value;
			break;
		case DT_NULL:
			return true;
		}
	}
	return true;
}

/* What the file has at an address, up to `most` bytes: fewer where its segment ends. NULL: nothing.
 */
static const uint8_t *place_bytes(struct elf_image *img, uint64_t vaddr, uint64_t most, bool exec,
				  uint64_t *ret_n)
{
	const struct elf_segment *s;
	const uint8_t *data;
	size_t n;

	s = elf_image_segments(img, &n);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = vaddr - s[i].vaddr;

		if (vaddr < s[i].vaddr || at >= s[i].filesz || (exec && !s[i].exec))
			continue;
		*ret_n = s[i].filesz - at < most ? s[i].filesz - at : most;
		return elf_image_bytes(img, s[i].offset + at, *ret_n, &data) ? NULL : data;
	}
	return NULL;
}

static uint64_t place_word(struct elf_image *img, uint64_t vaddr)
{
	uint64_t n = 0;
	const uint8_t *p = place_bytes(img, vaddr, 8, false, &n);
	struct cursor c = cursor_of(p, p ? n : 0);

	return cursor_left(&c) >= 8 ? cursor_u64(&c) : 0;
}

/* Up to the first return. */
static bool place_of_init(struct elf_image *img, uint64_t vaddr, struct elf_section *ret)
{
	uint64_t n = 0;
	const uint8_t *code = vaddr ? place_bytes(img, vaddr, INIT_BYTES, true, &n) : NULL;
	const uint8_t *end = code ? memchr(code, 0xc3, n) : NULL;

	if (end)
		*ret = (struct elf_section){
			.vaddr = vaddr, .data = code, .size = (uint64_t)(end - code) + 1};
	return end;
}

/* The lowest and highest of what the words of functions that are bound lazily hold. */
static size_t place_slots(struct elf_image *img, const struct dynamic *d, uint64_t *ret_low,
			  uint64_t *ret_high)
{
	uint64_t n_bytes = 0, word;
	const uint8_t *data = place_bytes(img, d->slots, d->slots_size, false, &n_bytes);
	struct cursor c = cursor_of(data, data ? n_bytes : 0);
	size_t n = 0;

	while (n < SLOTS_CAP && cursor_left(&c) >= sizeof(Elf64_Rela)) {
		uint64_t at = cursor_u64(&c), info = cursor_u64(&c);

		cursor_u64(&c); /* the addend */
		if (ELF64_R_TYPE(info) != R_X86_64_JUMP_SLOT)
			continue;
		word = place_word(img, at);
		if (!word)
			return 0;
		*ret_low = n && *ret_low < word ? *ret_low : word;
		*ret_high = n && *ret_high > word ? *ret_high : word;
		n++;
	}
	return n;
}

/* A word leads into the middle of its stub; the resolver's own stub is before the first. Where all
 * lead to one place it is the resolver's (mold), with a stub of 16 bytes for each behind it. */
static bool place_of_plt(struct elf_image *img, const struct dynamic *d, struct elf_section *ret)
{
	uint64_t low = 0, high = 0, start, size, left = 0;
	size_t n = place_slots(img, d, &low, &high);
	const uint8_t *code;

	if (!n)
		return false;
	start = low & ~(STUB_BYTES - 1);
	for (unsigned int back = 0; back <= 2; back++) {
		size = (high | (STUB_BYTES - 1)) + 1 - (start - back * STUB_BYTES);
		if (low == high && !back)
			size = (n + 2) * STUB_BYTES;
		code = place_bytes(img, start - back * STUB_BYTES, size, true, &left);
		if (!code || !stubs_is_header(code, left))
			continue;
		*ret = (struct elf_section){
			.vaddr = start - back * STUB_BYTES, .data = code, .size = left};
		return true;
	}
	return false;
}

/* -- all of them ----------------------------------------------------------------------------- */

/* The last of crtbegin.o's functions, frame_dummy, is the first one that a program calls as it
 * starts. */
static uint64_t stubs_first_init(struct elf_image *img, const struct dynamic *d)
{
	struct elf_section inits;

	if (!elf_image_section_head(img, ".init_array", &inits))
		return place_word(img, inits.vaddr);
	return d->inits ? place_word(img, d->inits) : 0;
}

/* .text, or all code that is in one segment with the entry point. */
static bool stubs_text(struct elf_image *img, struct elf_section *ret)
{
	uint64_t entry = elf_image_entry(img);
	const struct elf_segment *s;
	size_t n;

	if (!elf_image_section_head(img, ".text", ret))
		return ret->type == SHT_PROGBITS;
	s = elf_image_segments(img, &n);
	for (size_t i = 0; i < n; i++)
		if (s[i].exec && entry - s[i].vaddr < s[i].filesz) {
			*ret = (struct elf_section){
				.vaddr = s[i].vaddr, .offset = s[i].offset, .size = s[i].filesz};
			return true;
		}
	return false;
}

/* In programs it is behind the entry point, in libraries the first code, or behind the code that
 * some linkers move to the front: then the first initialiser tells, where the linker wrote its
 * address. */
static bool stubs_find_start(struct elf_image *img, const struct dynamic *d,
			     struct elf_section *ret)
{
	uint64_t init = stubs_first_init(img, d);
	struct elf_section text;

	if (!stubs_text(img, &text))
		return false;
	return stubs_start_behind(img, &text, elf_image_entry(img), ret) ||
	       stubs_start_behind(img, &text, text.vaddr, ret) ||
	       (init > START_FAR && stubs_start_behind(img, &text, init - START_FAR, ret));
}

size_t stubs_find(struct elf_image *img, struct elf_section ret[STUBS_MAX])
{
	static const char *const names[STUBS_MAX - 1] = {".plt",  ".plt.sec", ".plt.got",
							 ".iplt", ".init",    ".fini"};
	struct elf_section text;
	struct dynamic d;
	size_t n = 0;

	dynamic_read(img, &d);
	for (size_t i = 0; i < STUBS_MAX - 1; i++) {
		struct elf_section s;

		if (!elf_image_section(img, names[i], &s) && s.data && s.type == SHT_PROGBITS)
			ret[n++] = s;
	}
	if (elf_image_section_head(img, ".text", &text)) {
		n += place_of_init(img, d.init, &ret[n]);
		n += place_of_init(img, d.fini, &ret[n]);
		n += place_of_plt(img, &d, &ret[n]);
	}
	return n + stubs_find_start(img, &d, &ret[n]);
}
