/* excerpt.c - picks the descriptions that matter out of a file; see excerpt.h. */
#include "unwind/excerpt.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "unwind/table.h"

enum { PE_OMIT = 0xff, PE_PCREL = 0x10, PE_FORMAT = 0x0f }; /* see cfi.c */

struct excerpt_part { /* one section of call frame information */
	struct cfi cfi;
	VEC(uint32_t) fdes; /* those to keep, ascending, each once */
	VEC(uint32_t) cies; /* where each CIE went, by index; UINT32_MAX: not yet */
	struct buf bytes;
};

/* -- which --------------------------------------------------------------------------------------- */

static int excerpt_want(struct excerpt_part *p, size_t fde)
{
	for (size_t i = 0; i < p->fdes.n; i++)
		if (p->fdes.at[i] == fde)
			return 0;
	return VEC_PUSH(&p->fdes, (uint32_t)fde) ? 0 : -ENOMEM;
}

/* All that cover the address, and the nearest on either side: what is between two functions is decided by
 * both. *ret_hit when one covers it. */
static int excerpt_choose(struct excerpt_part *p, uint64_t vaddr)
{
	size_t below = SIZE_MAX, above = SIZE_MAX;
	int code = 0;

	for (size_t i = 0; i < p->cfi.fdes.n && !code; i++) {
		const struct cfi_fde *f = &p->cfi.fdes.at[i];

		if (vaddr >= f->vaddr && vaddr - f->vaddr < f->size) {
			code = excerpt_want(p, i);
		} else if (f->vaddr > vaddr) {
			if (above == SIZE_MAX || f->vaddr < p->cfi.fdes.at[above].vaddr)
				above = i;
		} else if (below == SIZE_MAX || f->vaddr > p->cfi.fdes.at[below].vaddr) {
			below = i;
		}
	}
	if (!code && below != SIZE_MAX)
		code = excerpt_want(p, below);
	if (!code && above != SIZE_MAX)
		code = excerpt_want(p, above);
	return code;
}

/* -- writing records ------------------------------------------------------------------------------ */

static int excerpt_pointer(struct buf *b, uint8_t encoding, uint64_t value)
{
	uint8_t format = encoding & PE_FORMAT & ~8; /* signed or not is the same when written */

	if (encoding == PE_OMIT || (encoding & ~PE_FORMAT & ~PE_PCREL))
		return -ENOTSUP;
	if (format == 0 || format == 4)
		buf_u64(b, value);
	else if (format == 3)
		buf_u32(b, (uint32_t)value);
	else
		return -ENOTSUP;
	return 0;
}

/* The CIE's bytes as they are: only FDEs say where they are. */
static int excerpt_cie(struct excerpt_part *p, uint32_t index)
{
	const struct cfi_section *s = &p->cfi.section;
	uint32_t at = p->cfi.cies.at[index].at;
	struct cursor c = cursor_of(s->data + at, s->size - at);
	uint64_t len = cursor_u32(&c);

	if (len == UINT32_MAX)
		return -ENOTSUP; /* 64-bit CFI: nobody has so much of it */
	if (c.bad || len > cursor_left(&c))
		return -EBADMSG;
	p->cies.at[index] = (uint32_t)p->bytes.len;
	buf_put(&p->bytes, s->data + at, (size_t)len + 4);
	return 0;
}

static int excerpt_fde(struct excerpt_part *p, const struct cfi_fde *f)
{
	const struct cfi_cie *cie = &p->cfi.cies.at[f->cie];
	bool eh = p->cfi.section.eh;
	struct buf *b = &p->bytes;
	uint8_t encoding = eh ? cie->encoding : 0;
	size_t at;
	uint32_t len;
	uint64_t here;
	int code = p->cies.at[f->cie] == UINT32_MAX ? excerpt_cie(p, f->cie) : 0;

	if (code)
		return code;
	at = b->len;
	buf_u32(b, 0);
	buf_u32(b, eh ? (uint32_t)b->len - p->cies.at[f->cie] : p->cies.at[f->cie]);
	here = p->cfi.section.vaddr + b->len;
	code = excerpt_pointer(b, encoding, f->vaddr - (encoding & PE_PCREL ? here : 0));
	if (!code)
		code = excerpt_pointer(b, encoding & PE_FORMAT, f->size);
	if (code)
		return code;
	if (eh && cie->augmented)
		buf_uleb(b, 0);
	buf_put(b, p->cfi.section.data + f->start, f->end - f->start);
	while ((b->len - at) % 8 && !b->err)
		buf_u8(b, 0); /* DW_CFA_nop */
	if (b->err)
		return b->err;
	len = (uint32_t)(b->len - at - 4);
	memcpy(b->data + at, &len, sizeof(len));
	return 0;
}

static int excerpt_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The chosen FDEs as a section; nothing when the file has no such section. */
static int excerpt_section(struct excerpt_part *p, struct elf_image *img, bool eh,
			   const uint64_t *offsets, size_t n)
{
	const struct cfi_arch *arch = cfi_arch_of(elf_image_machine(img));
	struct cfi_section s;
	uint64_t vaddr;
	int code;

	if (!arch || table_cfi_section(img, eh, &s))
		return 0;
	code = cfi_read(&p->cfi, arch, &s);
	for (size_t i = 0; i < n && !code; i++)
		if (elf_image_to_vaddr(img, offsets[i], &vaddr))
			code = excerpt_choose(p, vaddr);
	for (size_t i = 0; i < p->cfi.cies.n && !code; i++)
		code = VEC_PUSH(&p->cies, UINT32_MAX) ? 0 : -ENOMEM;
	if (p->fdes.n)
		qsort(p->fdes.at, p->fdes.n, sizeof(*p->fdes.at), excerpt_order);
	for (size_t i = 0; i < p->fdes.n && !code; i++)
		code = excerpt_fde(p, &p->cfi.fdes.at[p->fdes.at[i]]);
	if (eh && p->bytes.len)
		buf_u32(&p->bytes, 0); /* the end, as crtend.o marks it */
	return code ? code : p->bytes.err;
}

/* -- the file ------------------------------------------------------------------------------------- */

static const char excerpt_names[] = "\0.eh_frame\0.debug_frame\0.shstrtab";
enum { NAME_EH = 1, NAME_DEBUG = 11, NAME_STRTAB = 24 };

static void excerpt_segments(struct elf_image *img, struct buf *b)
{
	const struct elf_segment *seg;
	size_t n;

	seg = elf_image_segments(img, &n);
	for (size_t i = 0; i < n; i++) {
		Elf64_Phdr ph = {
			.p_type = PT_LOAD,
			.p_flags = PF_R | (seg[i].exec ? PF_X : 0) | (seg[i].write ? PF_W : 0),
			.p_offset = seg[i].offset,
			.p_vaddr = seg[i].vaddr,
			.p_paddr = seg[i].vaddr,
			.p_filesz = seg[i].filesz,
			.p_memsz = seg[i].memsz,
			.p_align = 4096,
		};

		buf_put(b, &ph, sizeof(ph));
	}
}

static void excerpt_section_header(struct buf *b, uint32_t name, uint32_t type,
				   const struct excerpt_part *p, uint64_t offset, uint64_t size)
{
	Elf64_Shdr sh = {
		.sh_name = name,
		.sh_type = size ? type : SHT_NULL,
		.sh_flags = p && p->cfi.section.eh ? SHF_ALLOC : 0,
		.sh_addr = p && p->cfi.section.eh ? p->cfi.section.vaddr : 0,
		.sh_offset = offset,
		.sh_size = size,
		.sh_addralign = 1,
	};

	buf_put(b, &sh, sizeof(sh));
}

static void excerpt_file(struct elf_image *img, const struct excerpt_part *eh,
			 const struct excerpt_part *debug, struct buf *ret)
{
	size_t n, headers, names;
	Elf64_Ehdr h = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = elf_image_type(img),
		.e_machine = elf_image_machine(img),
		.e_version = EV_CURRENT,
		.e_entry = elf_image_entry(img),
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 4,
		.e_shstrndx = 3,
	};

	elf_image_segments(img, &n);
	h.e_phnum = (Elf64_Half)n;
	headers = sizeof(h) + n * sizeof(Elf64_Phdr);
	names = headers + eh->bytes.len + debug->bytes.len;
	h.e_shoff = names + sizeof(excerpt_names);
	buf_put(ret, &h, sizeof(h));
	excerpt_segments(img, ret);
	buf_put(ret, eh->bytes.data, eh->bytes.len);
	buf_put(ret, debug->bytes.data, debug->bytes.len);
	buf_put(ret, excerpt_names, sizeof(excerpt_names));
	excerpt_section_header(ret, 0, SHT_NULL, NULL, 0, 0);
	excerpt_section_header(ret, NAME_EH, SHT_PROGBITS, eh, headers, eh->bytes.len);
	excerpt_section_header(ret, NAME_DEBUG, SHT_PROGBITS, debug, headers + eh->bytes.len,
			       debug->bytes.len);
	excerpt_section_header(ret, NAME_STRTAB, SHT_STRTAB, NULL, names, sizeof(excerpt_names));
}

static void excerpt_part_free(struct excerpt_part *p)
{
	cfi_free(&p->cfi);
	VEC_FREE(&p->fdes);
	VEC_FREE(&p->cies);
	buf_free(&p->bytes);
}

int excerpt_build(struct elf_image *img, const uint64_t *offsets, size_t n, struct buf *ret)
{
	struct excerpt_part eh = { 0 }, debug = { 0 };
	int code = excerpt_section(&eh, img, true, offsets, n);

	if (!code)
		code = excerpt_section(&debug, img, false, offsets, n);
	if (!code)
		excerpt_file(img, &eh, &debug, ret);
	excerpt_part_free(&eh);
	excerpt_part_free(&debug);
	return code ? code : ret->err;
}
