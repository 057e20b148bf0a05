/* image.h - an ELF file as facts: segments, sections, build id. Over libelf, never logging.
 *
 * The file is read with pread (libelf ELF_C_READ), not mapped: a file that is truncated under us gives
 * an error, not SIGBUS. Only the sections that are asked for are read. Everything is bounds-checked:
 * the bytes are foreign.
 *
 * Ownership: elf_image_free(). Section data is borrowed and lives as long as the image.
 * Thread safety: one thread at a time per image.
 */
#ifndef WAGGLE_ELF_IMAGE_H
#define WAGGLE_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/filemap.h"

#define ELF_BUILD_ID_MAX 64

struct elf_image;

struct elf_segment { /* PT_LOAD */
	uint64_t vaddr, offset, filesz, memsz;
	bool exec, write;
};

struct elf_section {
	uint64_t vaddr, offset, size; /* size in memory, i.e. decompressed */
	uint32_t type, link;
	uint64_t entsize;
	uint64_t raw_size; /* in the file, at `offset` */
	bool compressed;   /* in the file (SHF_COMPRESSED) */
	const uint8_t *data; /* NULL when not read or SHT_NOBITS */
};

/* -ENOEXEC with a sentence when it is not a 64-bit little-endian ELF file we can read; else -errno.
 * The descriptor is duplicated. */
int elf_image_open(int fd, struct elf_image **ret, struct err *e);
/* The bytes are borrowed until elf_image_free() (fuzzing, vDSO, .gnu_debugdata). */
int elf_image_memory(const void *data, size_t len, struct elf_image **ret, struct err *e);
void elf_image_free(struct elf_image *img);

uint16_t elf_image_machine(const struct elf_image *img); /* EM_X86_64 .. */
uint16_t elf_image_type(const struct elf_image *img);    /* ET_DYN .. */
uint64_t elf_image_entry(const struct elf_image *img);   /* vaddr, 0 when none */
const struct elf_segment *elf_image_segments(const struct elf_image *img, size_t *ret_n);

/* The first program header of that type (PT_GNU_EH_FRAME ..); exec and write are its flags. */
bool elf_image_program_header(const struct elf_image *img, uint32_t type, struct elf_segment *ret);

/* Address <-> file offset through the PT_LOAD that covers it. False when none does. */
bool elf_image_to_offset(const struct elf_image *img, uint64_t vaddr, uint64_t *ret_offset);
bool elf_image_to_vaddr(const struct elf_image *img, uint64_t offset, uint64_t *ret_vaddr);

/* The section with its data (decompressed). -ENOENT when there is none of that name; when it is there
 * but unreadable -EBADMSG. elf_image_section_head() does not read the data. */
int elf_image_section(struct elf_image *img, const char *name, struct elf_section *ret);
int elf_image_section_head(struct elf_image *img, const char *name, struct elf_section *ret);
/* By index (for sh_link). */
int elf_image_section_at(struct elf_image *img, uint32_t index, struct elf_section *ret);

/* Bytes of the file as they are. Borrowed; each call keeps its bytes until elf_image_free(). -EBADMSG
 * when they are not all in the file, -ENOMEM. */
int elf_image_bytes(struct elf_image *img, uint64_t offset, uint64_t size, const uint8_t **ret);

/* The same, copied to the caller's memory, whatever their number: nothing is kept. */
int elf_image_read(const struct elf_image *img, uint64_t offset, size_t size, void *to);

/* The whole file, mapped, for what is too large to be read; lives on when the image is freed. Memory
 * images lend theirs. 0, or as filemap_open(). */
int elf_image_map(const struct elf_image *img, struct filemap *ret);

/* Raw build id bytes from the note segments or sections; returns the length, 0 when there is none. */
size_t elf_image_build_id(struct elf_image *img, uint8_t id[ELF_BUILD_ID_MAX]);
/* The same as lower-case hex, NUL-terminated; returns false when there is none. */
bool elf_image_build_id_hex(struct elf_image *img, char hex[2 * ELF_BUILD_ID_MAX + 1]);
/* .gnu_debuglink: file name and CRC-32. The name is borrowed. False when there is none. */
bool elf_image_debuglink(struct elf_image *img, const char **ret_name, uint32_t *ret_crc);

#endif
