/* dwarf_sections.c - see dwarf_sections.h.
 *
 * libelf of Debian 12 unpacks zlib only, and copies whatever it is asked for; so the section table is
 * libelf's and the bytes are ours. The sizes that compressed sections claim are checked against the
 * most their method can do before memory is taken. Unpacking is most of the time there is to wait
 * for a compressed file, and each section is independent: they are done side by side.
 */
#include "elf/dwarf_sections.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cursor.h"
#include "base/parallel.h"

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2 /* gABI; glibc's elf.h has it from 2.36 on */
#endif
#define ZLIB_RATIO 1032u  /* deflate's limit, zlib's technical notes */
#define ZSTD_RATIO 65536u /* a block of 128 KiB can be a few bytes */

static const char *const sections_names[DWARF_SECTION_MAX] = {
	[DWARF_INFO] = "info",
	[DWARF_ABBREV] = "abbrev",
	[DWARF_STR] = "str",
	[DWARF_LINE_STR] = "line_str",
	[DWARF_STR_OFFSETS] = "str_offsets",
	[DWARF_LINE] = "line",
	[DWARF_ADDR] = "addr",
	[DWARF_RANGES] = "ranges",
	[DWARF_RNGLISTS] = "rnglists",
	[DWARF_ARANGES] = "aranges",
	[DWARF_CU_INDEX] = "cu_index",
};

struct packed { /* a section that has yet to be unpacked */
	uint32_t method; /* ELFCOMPRESS_ */
	const uint8_t *p;
	uint64_t n, size; /* packed and unpacked bytes; size 0: nothing to do */
};

struct sections_load {
	struct dwarf_sections *to;
	struct packed packed[DWARF_SECTION_MAX];
};

static bool sections_inflate(const struct packed *from, uint8_t *to)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)from->p, .next_out = to};
	uint64_t in = from->n, out = from->size;
	int rc = inflateInit(&z) == Z_OK ? Z_OK : Z_MEM_ERROR;

	/* zlib counts in 32 bits */
	while (rc == Z_OK) {
		uInt give = in > UINT32_MAX ? UINT32_MAX : (uInt)in;
		uInt room = out > UINT32_MAX ? UINT32_MAX : (uInt)out;

		z.avail_in = give;
		z.avail_out = room;
		rc = inflate(&z, Z_NO_FLUSH);
		in -= give - z.avail_in;
		out -= room - z.avail_out;
	}
	inflateEnd(&z);
	return rc == Z_STREAM_END && out == 0;
}

static bool sections_unpack(const struct packed *from, uint8_t *to)
{
	if (from->method == ELFCOMPRESS_ZLIB)
		return sections_inflate(from, to);
	return ZSTD_decompress(to, from->size, from->p, from->n) == from->size;
}

static void sections_unpack_one(void *ctx, size_t i)
{
	struct sections_load *l = ctx;
	const struct packed *from = &l->packed[i];
	uint8_t *to = from->size ? malloc(from->size) : NULL;

	if (!to)
		return;
	if (sections_unpack(from, to)) {
		l->to->heap[i] = to;
		l->to->at[i] = (struct dwarf_bytes){to, from->size};
	} else {
		free(to);
	}
}

/* What the section at these bytes of the file is: itself, or something packed. */
static void sections_note(struct sections_load *l, enum dwarf_section id, struct dwarf_bytes raw,
			  bool compressed, bool zdebug)
{
	struct cursor c = cursor_of(raw.p, raw.n);
	struct packed p = {.method = ELFCOMPRESS_ZLIB};

	if (compressed) {
		p.method = cursor_u32(&c);
		cursor_u32(&c); /* reserved */
		p.size = cursor_u64(&c);
		cursor_u64(&c); /* alignment */
	} else if (zdebug && raw.n >= 12 && memcmp(raw.p, "ZLIB", 4) == 0) {
		cursor_u32(&c);
		p.size = be64toh(cursor_u64(&c));
	} else {
		l->to->at[id] = raw;
		return;
	}
	p.p = c.p;
	p.n = cursor_left(&c);
	if (c.bad || (p.method != ELFCOMPRESS_ZLIB && p.method != ELFCOMPRESS_ZSTD) ||
	    p.size / (p.method == ELFCOMPRESS_ZLIB ? ZLIB_RATIO : ZSTD_RATIO) > p.n)
		return;
	l->packed[id] = p;
}

static void sections_find(struct sections_load *l, struct elf_image *img, enum dwarf_section id,
			  bool split)
{
	const struct filemap *file = &l->to->file;

	for (int zdebug = 0; zdebug < 2; zdebug++) {
		struct elf_section s;
		char name[40];

		snprintf(name, sizeof(name), ".%sdebug_%s%s", zdebug ? "z" : "",
			 sections_names[id], split && id != DWARF_CU_INDEX ? ".dwo" : "");
		if (elf_image_section_head(img, name, &s))
			continue;
		if (s.type == SHT_NOBITS || s.offset > file->n || s.raw_size > file->n - s.offset)
			return;
		sections_note(l, id, (struct dwarf_bytes){file->p + s.offset, s.raw_size},
			      s.compressed, zdebug);
		return;
	}
}

int dwarf_sections_load(struct elf_image *img, bool split, uint64_t unpack, struct dwarf_sections *ret)
{
	struct sections_load l = {.to = ret};
	uint64_t total = 0;
	int rc;

	*ret = (struct dwarf_sections){.file.slot = -1};
	rc = elf_image_map(img, &ret->file);
	if (rc)
		return rc;
	for (int id = 0; id < DWARF_SECTION_MAX; id++) {
		sections_find(&l, img, (enum dwarf_section)id, split);
		if (l.packed[id].size > DWARF_UNPACK_CAP - total)
			l.packed[id].size = 0;
		total += l.packed[id].size;
	}
	if (!ret->at[DWARF_INFO].n && !l.packed[DWARF_INFO].size)
		rc = -ENOENT;
	else if (unpack && total > unpack)
		rc = -EFBIG;
	else if (total)
		parallel_run(0, DWARF_SECTION_MAX, sections_unpack_one, &l);
	if (!rc && (!ret->at[DWARF_INFO].n || !ret->at[DWARF_ABBREV].n))
		rc = -ENOENT;
	if (rc)
		dwarf_sections_free(ret);
	return rc;
}

void dwarf_sections_free(struct dwarf_sections *s)
{
	for (int id = 0; id < DWARF_SECTION_MAX; id++)
		free(s->heap[id]);
	filemap_close(&s->file);
	*s = (struct dwarf_sections){.file.slot = -1};
}
