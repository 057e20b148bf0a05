/* survey.c - counting what is in an ELF file; see survey.h.
 *
 * Whether code keeps frame pointers is nowhere written down, so the beginnings of some functions are
 * looked at. On x86-64 compilers set one up by moving rsp to rbp soon after they pushed or stored rbp
 * (System V ABI, section 3.2.2; Go does it below its stack check).
 */
#include "elf/survey.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "elf/cfi.h"
#include "elf/dwarf_index.h"
#include "elf/minidebug.h"

#define PROLOGUE_BYTES 48           /* Go's stack check comes first */
#define PROLOGUE_LEAST 24           /* shorter functions often do without on purpose */
#define LOAD_CAP (UINT64_C(64) << 20) /* compressed sections are only unpacked up to here */
#define COMMENT_CAP 65536

/* -- symbols ------------------------------------------------------------------------------------ */

/* Function symbols that have an address. */
static uint32_t survey_count_symbols(struct elf_image *img, const char *section)
{
	struct elf_section s;
	struct cursor c;
	uint32_t n = 0;

	if (elf_image_section(img, section, &s) || !s.data)
		return 0;
	c = cursor_of(s.data, s.size);
	while (cursor_left(&c) >= sizeof(Elf64_Sym)) {
		Elf64_Sym sym;

		memcpy(&sym, cursor_take(&c, sizeof(sym)), sizeof(sym));
		if ((ELF64_ST_TYPE(sym.st_info) == STT_FUNC ||
		     ELF64_ST_TYPE(sym.st_info) == STT_GNU_IFUNC) &&
		    sym.st_shndx != SHN_UNDEF && sym.st_value)
			n++;
	}
	return n;
}

static int survey_mini(struct elf_image *img, struct survey *s)
{
	struct elf_image *mini;
	uint8_t *bytes;
	size_t len;
	int rc = minidebug_unpack(img, &bytes, &len);

	if (rc == -ENOENT || rc == -ENOMEM)
		return rc == -ENOENT ? 0 : rc;
	s->mini_damaged = true;
	if (rc)
		return 0;
	if (elf_image_memory(bytes, len, &mini, NULL) == 0) {
		s->mini_damaged = false;
		s->mini = survey_count_symbols(mini, ".symtab");
		elf_image_free(mini);
	}
	free(bytes);
	return 0;
}

/* -- unwind information ------------------------------------------------------------------------- */

/* Without section headers: .eh_frame_hdr tells where it begins, the segment where it ends at most. */
static bool survey_frame_by_header(struct elf_image *img, struct cfi_section *ret)
{
	struct cfi_section hdr = { 0 };
	struct elf_segment ph;
	const struct elf_segment *seg;
	size_t n;

	if (!elf_image_program_header(img, PT_GNU_EH_FRAME, &ph))
		return false;
	hdr.vaddr = ph.vaddr;
	hdr.size = ph.filesz < 64 ? ph.filesz : 64;
	if (elf_image_bytes(img, ph.offset, hdr.size, &hdr.data) ||
	    !cfi_header_frame(&hdr, &ret->vaddr))
		return false;
	seg = elf_image_segments(img, &n);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = ret->vaddr - seg[i].vaddr;

		if (ret->vaddr < seg[i].vaddr || at >= seg[i].filesz)
			continue;
		ret->size = seg[i].filesz - at;
		ret->eh = ret->terminated = true;
		return elf_image_bytes(img, seg[i].offset + at, ret->size, &ret->data) == 0;
	}
	return false;
}

static bool survey_frame(struct elf_image *img, bool eh, struct cfi_section *ret)
{
	struct elf_section s;
	int rc = elf_image_section(img, eh ? ".eh_frame" : ".debug_frame", &s);

	*ret = (struct cfi_section){ .eh = eh };
	if (rc || !s.data)
		return eh && rc == -ENOENT && survey_frame_by_header(img, ret);
	ret->data = s.data;
	ret->size = s.size;
	ret->vaddr = s.vaddr;
	return true;
}

/* Does the code that starts here set up a frame pointer? Compilers schedule other instructions between
 * storing rbp and moving rsp to it, so only the move is looked for. */
static bool survey_sets_fp(const uint8_t *code, size_t n)
{
	for (size_t i = 0; i + 3 <= n; i++) {
		if (!memcmp(code + i, "\x48\x89\xe5", 3) || !memcmp(code + i, "\x48\x8b\xec", 3))
			return true;
		/* mov %rbp, N(%rsp); lea N(%rsp), %rbp: Go before 1.21 */
		if (i >= 5 && i + 5 <= n && !memcmp(code + i, "\x48\x8d\x6c\x24", 4) &&
		    !memcmp(code + i - 5, "\x48\x89\x6c\x24", 4))
			return true;
	}
	return false;
}

static void survey_look(struct elf_image *img, struct survey *s, uint64_t vaddr, uint64_t size)
{
	const uint8_t *code;
	uint64_t offset;

	if (s->machine != EM_X86_64 || size < PROLOGUE_LEAST)
		return;
	size = size < PROLOGUE_BYTES ? size : PROLOGUE_BYTES;
	if (!elf_image_to_offset(img, vaddr, &offset) || elf_image_bytes(img, offset, size, &code))
		return;
	s->looked++;
	s->with_fp += survey_sets_fp(code, size);
}

static int survey_unwind_part(struct elf_image *img, struct survey *s, bool eh)
{
	const struct cfi_arch *arch = cfi_arch_of(s->machine);
	struct cfi_section section;
	struct cfi c;
	size_t step;
	int rc;

	if (!arch || !survey_frame(img, eh, &section))
		return 0;
	rc = cfi_read(&c, arch, &section);
	if (rc)
		return rc == -ENOMEM ? rc : 0;
	if (c.fdes.n)
		*(eh ? &s->eh_frame : &s->debug_frame) = true;
	s->functions += (uint32_t)c.fdes.n;
	s->bad += (uint32_t)c.n_bad;
	step = c.fdes.n / SURVEY_LOOKED + 1;
	for (size_t i = 0; i < c.fdes.n; i++) {
		if (c.fdes.at[i].vaddr - s->text.vaddr < s->text.size)
			s->described += c.fdes.at[i].size;
		if (i % step == 0 && s->looked < SURVEY_LOOKED)
			survey_look(img, s, c.fdes.at[i].vaddr, c.fdes.at[i].size);
	}
	cfi_free(&c);
	return 0;
}

/* Where nothing describes the functions their symbols tell where they begin. */
static void survey_look_at_symbols(struct elf_image *img, struct survey *s)
{
	static const char *const tables[] = { ".symtab", ".dynsym" };
	struct elf_section t;
	size_t n, step;

	for (int i = 0; i < 2 && !s->looked; i++) {
		if (elf_image_section(img, tables[i], &t) || !t.data)
			continue;
		n = t.size / sizeof(Elf64_Sym);
		step = n / SURVEY_LOOKED + 1;
		for (size_t k = 0; k < n && s->looked < SURVEY_LOOKED; k += step) {
			Elf64_Sym sym;

			memcpy(&sym, t.data + k * sizeof(sym), sizeof(sym));
			if (ELF64_ST_TYPE(sym.st_info) == STT_FUNC && sym.st_shndx != SHN_UNDEF)
				survey_look(img, s, sym.st_value, sym.st_size);
		}
	}
}

/* What is in .text; without section headers, in all that may be executed. */
static void survey_code(struct elf_image *img, struct survey *s)
{
	const struct elf_segment *seg;
	size_t n;

	if (elf_image_section_head(img, ".text", &s->text) == 0)
		return;
	s->text = (struct elf_section){ 0 };
	seg = elf_image_segments(img, &n);
	for (size_t i = 0; i < n; i++) {
		if (!seg[i].exec)
			continue;
		if (!s->text.size)
			s->text.vaddr = seg[i].vaddr;
		s->text.size = seg[i].vaddr + seg[i].filesz - s->text.vaddr;
	}
}

static int survey_unwind(struct elf_image *img, struct survey *s)
{
	int rc;

	survey_code(img, s);
	rc = survey_unwind_part(img, s, true);
	if (!rc)
		rc = survey_unwind_part(img, s, false);
	if (!rc && !s->looked)
		survey_look_at_symbols(img, s);
	if (s->described > s->text.size) /* described twice, or a lie */
		s->described = s->text.size;
	return rc;
}

/* -- debug information -------------------------------------------------------------------------- */

struct survey_bytes { /* a section, read piece by piece unless it is compressed */
	struct elf_image *img;
	struct elf_section s;
};

static const uint8_t *survey_piece(struct survey_bytes *b, uint64_t at, uint64_t n)
{
	const uint8_t *p;

	if (at > b->s.size || b->s.size - at < n)
		return NULL;
	if (b->s.data)
		return b->s.data + at;
	return elf_image_bytes(b->img, b->s.offset + at, n, &p) ? NULL : p;
}

/* The head of the unit at `at`: DWARF 5 section 7.5.1, with a 32 or 64-bit length. False when that makes
 * no sense. */
static bool survey_unit(struct survey_bytes *b, struct survey *s, uint64_t at, uint64_t *ret_next)
{
	const uint8_t *p = survey_piece(b, at, 16);
	struct cursor c = cursor_of(p, p ? 16 : 0);
	uint64_t length = cursor_u32(&c), head = 4;
	uint16_t version;

	if (length == 0xffffffff) {
		length = cursor_u64(&c);
		head = 12;
	}
	version = cursor_u16(&c);
	if (c.bad || version < 2 || version > 5 || length < 8 || length > b->s.size - at - head)
		return false;
	if (!s->dwarf_min || version < s->dwarf_min)
		s->dwarf_min = (uint8_t)version;
	if (version > s->dwarf_max)
		s->dwarf_max = (uint8_t)version;
	if (version == 5) {
		uint8_t type = cursor_u8(&c);

		s->split |= type == 4 || type == 5; /* DW_UT_skeleton, DW_UT_split_compile */
	}
	*ret_next = at + head + length;
	return true;
}

static void survey_info(struct elf_image *img, struct survey *s)
{
	struct survey_bytes b = { .img = img };
	struct elf_section head;
	uint64_t at = 0;

	s->lines = !elf_image_section_head(img, ".debug_line", &head) && head.type != SHT_NOBITS;
	if (elf_image_section_head(img, ".debug_info", &b.s) || b.s.type == SHT_NOBITS) {
		s->info = !elf_image_section_head(img, ".zdebug_info", &head);
		s->lines |= s->info;
		return;
	}
	s->info = true;
	if (!survey_unit(&b, s, 0, &at)) { /* compressed: the first bytes are another head */
		if (b.s.size > LOAD_CAP || elf_image_section(img, ".debug_info", &b.s) ||
		    !b.s.data)
			return;
		at = 0;
	}
	for (int i = 0; i < SURVEY_UNITS && at < b.s.size; i++)
		if (!survey_unit(&b, s, at, &at))
			break;
	/* Before DWARF 5 a split unit looks like any other; its addresses are in a section of its own. */
	if (s->dwarf_max == 4 && !elf_image_section_head(img, ".debug_addr", &head))
		s->split = true;
}

static void survey_alt(struct elf_image *img, struct survey *s)
{
	const uint8_t *id;
	const char *name;
	size_t n;

	if (!dwarf_supplement_wanted(img, &name, &id, &n) || n > ELF_BUILD_ID_MAX)
		return;
	snprintf(s->alt, sizeof(s->alt), "%s", name);
	for (size_t i = 0; i < n; i++)
		snprintf(s->alt_id + 2 * i, 3, "%02x", id[i]);
}

/* -- identity ----------------------------------------------------------------------------------- */

/* Compilers leave their names in .comment; Go has tables of its own. */
static enum survey_language survey_language(struct elf_image *img)
{
	struct elf_section s;

	if (!elf_image_section_head(img, ".gopclntab", &s) ||
	    !elf_image_section_head(img, ".go.buildinfo", &s))
		return SURVEY_GO;
	if (!elf_image_section_head(img, ".comment", &s) && s.size <= COMMENT_CAP &&
	    !elf_image_section(img, ".comment", &s) && s.data &&
	    memmem(s.data, s.size, "rustc", 5))
		return SURVEY_RUST;
	return SURVEY_C;
}

int survey_read(struct elf_image *img, struct survey *ret)
{
	struct survey s = { .machine = elf_image_machine(img), .type = elf_image_type(img) };
	const char *link;
	uint32_t crc;
	int rc;

	if (!elf_image_build_id_hex(img, s.build_id))
		s.build_id[0] = '\0';
	s.language = (uint8_t)survey_language(img);
	s.symtab = survey_count_symbols(img, ".symtab");
	s.dynsym = survey_count_symbols(img, ".dynsym");
	if (elf_image_debuglink(img, &link, &crc))
		snprintf(s.link, sizeof(s.link), "%s", link);
	survey_info(img, &s);
	survey_alt(img, &s);
	rc = survey_mini(img, &s);
	if (!rc)
		rc = survey_unwind(img, &s);
	*ret = s;
	return rc;
}
