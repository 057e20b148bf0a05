/* dwarf_sections.h - where the bytes of one file's debug information are.
 *
 * Sections that are stored as they are stay in the mapped file; compressed ones (ELF's zlib and
 * zstd, and the older .zdebug_) are unpacked to the heap.
 *
 * Ownership: dwarf_sections_free(). Thread safety: read by many threads once loaded.
 */
#ifndef WAGGLE_ELF_DWARF_SECTIONS_H
#define WAGGLE_ELF_DWARF_SECTIONS_H

#include "elf/image.h"

enum dwarf_section {
	DWARF_INFO,
	DWARF_ABBREV,
	DWARF_STR,
	DWARF_LINE_STR,
	DWARF_STR_OFFSETS,
	DWARF_LINE,
	DWARF_ADDR,
	DWARF_RANGES,
	DWARF_RNGLISTS,
	DWARF_ARANGES,
	DWARF_CU_INDEX,
	DWARF_SECTION_MAX
};

struct dwarf_bytes {
	const uint8_t *p; /* NULL when there is no such section */
	uint64_t n;
};

struct dwarf_sections {
	struct dwarf_bytes at[DWARF_SECTION_MAX];
	struct filemap file;
	uint8_t *heap[DWARF_SECTION_MAX]; /* what was unpacked */
};

/* Bytes of all unpacked sections of one file; larger sections are as good as absent. */
#define DWARF_UNPACK_CAP (UINT64_C(4) << 30)

/* `split`: a .dwo or .dwp file, whose sections end in ".dwo". The image may be freed afterwards.
 * 0, -ENOENT when there is no debug information, -ENOMEM, or as elf_image_map(). */
int dwarf_sections_load(struct elf_image *img, bool split, uint64_t unpack, struct dwarf_sections *ret);
void dwarf_sections_free(struct dwarf_sections *s);

#endif
