/* cfi.c - the records of .eh_frame and .debug_frame: CIEs (what functions have in common), FDEs
 * (one for each function), and the pointers in them. The programs are run by cfi_program.c.
 */
#include "elf/cfi.h"

#include <elf.h>
#include <errno.h>

/* Pointer encodings, Linux Standard Base core 5.0, section 10.5.1. */
enum {
	PE_ABSPTR = 0x00,
	PE_ULEB = 0x01,
	PE_UDATA2 = 0x02,
	PE_UDATA4 = 0x03,
	PE_UDATA8 = 0x04,
	PE_SIGNED = 0x08,
	PE_SLEB = 0x09,
	PE_SDATA2 = 0x0a,
	PE_SDATA4 = 0x0b,
	PE_SDATA8 = 0x0c,
	PE_FORMAT = 0x0f,
	PE_PCREL = 0x10,
	PE_DATAREL = 0x30,
	PE_ALIGNED = 0x50,
	PE_RELATIVE = 0x70,
	PE_INDIRECT = 0x80,
	PE_OMIT = 0xff,
};

/* System V x86-64 psABI, figure 3.36: 3 is rbx, 6 is rbp, 7 is rsp, 16 the return address. */
static const struct cfi_arch cfi_x86_64 = {
	.sp = 7, .fp = 6, .ra = 16, .bx = 3, .n_regs = 16, .ra_off = -8};

const struct cfi_arch *cfi_arch_of(uint16_t machine)
{
	return machine == EM_X86_64 ? &cfi_x86_64 : NULL;
}

/* The number as stored; false for a format that does not exist. */
static bool cfi_pointer_raw(struct cursor *c, uint8_t format, uint64_t *ret)
{
	switch (format) {
	case PE_ABSPTR:
	case PE_SIGNED:
	case PE_UDATA8:
	case PE_SDATA8:
		*ret = cursor_u64(c);
		return true;
	case PE_ULEB:
		*ret = cursor_uleb(c);
		return true;
	case PE_SLEB:
		*ret = (uint64_t)cursor_sleb(c);
		return true;
	case PE_UDATA2:
		*ret = cursor_u16(c);
		return true;
	case PE_SDATA2:
		*ret = (uint64_t)(int64_t)(int16_t)cursor_u16(c);
		return true;
	case PE_UDATA4:
		*ret = cursor_u32(c);
		return true;
	case PE_SDATA4:
		*ret = (uint64_t)(int64_t)(int32_t)cursor_u32(c);
		return true;
	}
	return false;
}

/* Where an encoded pointer counts from, the cursor before it; steps over its padding. False for bases
 * that an address in code cannot have here: the text section's and the function's own belong to other
 * machines, and what an indirect one points to is only known while the program runs. */
static bool cfi_pointer_base(struct cursor *c, uint8_t encoding, const struct cfi_section *s,
			     uint64_t *ret)
{
	uint64_t here = s->vaddr + (uint64_t)(c->p - s->data);

	*ret = 0;
	if (encoding == PE_ALIGNED) {
		cursor_take(c, -here & 7);
		return !c->bad;
	}
	switch (encoding & ~PE_FORMAT) {
	case PE_ABSPTR:
		return true;
	case PE_PCREL:
		*ret = here;
		return true;
	case PE_DATAREL:
		*ret = s->got;
		return s->got != 0;
	}
	return false;
}

/* A stored zero stays zero: it marks what the linker threw away. */
bool cfi_pointer(struct cursor *c, uint8_t encoding, const struct cfi_section *s, uint64_t *ret)
{
	uint64_t base, v;

	if (!cfi_pointer_base(c, encoding, s, &base) ||
	    !cfi_pointer_raw(c, encoding & PE_FORMAT, &v) || c->bad)
		return false;
	*ret = v ? v + base : v;
	return true;
}

/* Steps over a pointer whose value does not matter (personality routines). */
static bool cfi_pointer_skip(struct cursor *c, uint8_t encoding, const struct cfi_section *s)
{
	uint64_t v;

	if (encoding == PE_OMIT)
		return true;
	if ((encoding & PE_RELATIVE) == PE_ALIGNED && !cfi_pointer_base(c, PE_ALIGNED, s, &v))
		return false;
	return cfi_pointer_raw(c, encoding & PE_FORMAT, &v) && !c->bad;
}

bool cfi_header_frame(const struct cfi_section *hdr, uint64_t *ret_vaddr)
{
	struct cursor c = cursor_of(hdr->data, hdr->size);
	uint8_t version = cursor_u8(&c), encoding = cursor_u8(&c);
	struct cfi_section s = *hdr;

	cursor_take(&c, 2); /* encodings of the search table, which we do not need */
	if (c.bad || version != 1 || encoding == PE_OMIT)
		return false;
	s.got = hdr->vaddr; /* here data-relative is relative to this */
	return cfi_pointer(&c, encoding, &s, ret_vaddr);
}

struct cfi_record {
	uint32_t at;        /* of its length field */
	bool is_cie, wide;  /* wide: 64-bit DWARF */
	uint64_t cie_at;    /* FDE: where its CIE is */
	struct cursor body; /* behind the CIE id */
};

/* 1 with the next record, 0 at the end, -EBADMSG when a length leads out of the section. */
static int cfi_record_next(const struct cfi_section *s, struct cursor *c, struct cfi_record *ret)
{
	for (;;) {
		uint64_t len, id, id_at;
		const uint8_t *start;

		if (cursor_left(c) < 4)
			return 0;
		ret->at = (uint32_t)(c->p - s->data);
		len = cursor_u32(c);
		if (len == 0) { /* crtend.o's terminator is not always last */
			if (s->terminated)
				return 0;
			continue;
		}
		ret->wide = len == UINT32_MAX;
		if (ret->wide)
			len = cursor_u64(c);
		start = cursor_take(c, len);
		if (!start)
			return -EBADMSG;
		ret->body = cursor_of(start, len);
		id_at = (uint64_t)(start - s->data);
		if (s->eh) { /* four bytes even in the 64-bit format */
			id = cursor_u32(&ret->body);
			ret->is_cie = id == 0;
			ret->cie_at = id_at - id;
		} else {
			id = ret->wide ? cursor_u64(&ret->body) : cursor_u32(&ret->body);
			ret->is_cie = id == (ret->wide ? UINT64_MAX : UINT32_MAX);
			ret->cie_at = id;
		}
		if (!ret->body.bad)
			return 1;
	}
}

/* 'z' says how long the data is, so letters we do not know are stepped over. */
static bool cfi_cie_augmentation(const struct cfi *c, struct cfi_cie *cie, const char *letters,
				 struct cursor *b)
{
	uint64_t len;
	struct cursor d;

	if (!*letters)
		return true;
	if (*letters != 'z')
		return false;
	cie->augmented = true;
	len = cursor_uleb(b);
	d.p = cursor_take(b, len);
	if (!d.p)
		return false;
	d.end = b->p;
	d.bad = false;
	for (letters++; *letters; letters++) {
		if (*letters == 'R')
			cie->encoding = cursor_u8(&d);
		else if (*letters == 'L')
			cursor_u8(&d);
		else if (*letters == 'P' && !cfi_pointer_skip(&d, cursor_u8(&d), &c->section))
			return false;
		else if (*letters == 'S')
			cie->signal = true;
		else if (!strchr("RLPSBG", *letters)) /* B, G: AArch64's, without data */
			break;
	}
	return !d.bad;
}

static bool cfi_cie_parse(const struct cfi *c, struct cfi_cie *cie, struct cursor b)
{
	uint8_t version = cursor_u8(&b);
	const char *letters = cursor_str(&b);
	uint64_t ra;

	if (!letters || (version != 1 && version != 3 && version != 4))
		return false;
	if (strncmp(letters, "eh", 2) == 0) { /* GCC 2: a pointer, then as if it was not there */
		cursor_take(&b, 8);
		letters += 2;
	}
	if (version == 4 && (cursor_u8(&b) != 8 || cursor_u8(&b) != 0))
		return false; /* other address sizes and segments */
	cie->code_align = cursor_uleb(&b);
	cie->data_align = cursor_sleb(&b);
	ra = version == 1 ? cursor_u8(&b) : cursor_uleb(&b);
	cie->ra_reg = ra < 255 ? (uint8_t)ra : 255;
	if (b.bad || !cfi_cie_augmentation(c, cie, letters, &b))
		return false;
	return cfi_run_initial(c, cie, b);
}

static int cfi_read_cies(struct cfi *c)
{
	struct cursor at = cursor_of(c->section.data, c->section.size);
	struct cfi_record r;

	while (cfi_record_next(&c->section, &at, &r) > 0) {
		struct cfi_cie cie = {.at = r.at};

		if (!r.is_cie)
			continue;
		if (c->cies.n == CFI_CIES_CAP)
			return -EBADMSG;
		cie.bad = !cfi_cie_parse(c, &cie, r.body);
		if (!VEC_PUSH(&c->cies, cie))
			return -ENOMEM;
	}
	return 0;
}

/* `hint` is where the last one was: neighbours mostly share theirs. */
static bool cfi_find_cie(const struct cfi *c, uint64_t at, uint32_t *hint)
{
	size_t lo = 0, hi = c->cies.n;

	if (*hint < c->cies.n && c->cies.at[*hint].at == at)
		return true;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->cies.at[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == c->cies.n || c->cies.at[lo].at != at)
		return false;
	*hint = (uint32_t)lo;
	return true;
}

static bool cfi_fde_parse(const struct cfi *c, const struct cfi_cie *cie, struct cursor b,
			  struct cfi_fde *ret)
{
	uint64_t size;

	if (cie->bad || !cfi_pointer(&b, cie->encoding, &c->section, &ret->vaddr))
		return false;
	/* The length has the format of the address but is a plain, unsigned number. */
	if (!cfi_pointer_raw(&b, cie->encoding & PE_FORMAT & ~PE_SIGNED, &size) || b.bad)
		return false;
	if (cie->augmented)
		cursor_take(&b, cursor_uleb(&b));
	if (b.bad || size > UINT32_MAX || ret->vaddr + size < ret->vaddr)
		return false;
	ret->size = (uint32_t)size;
	ret->start = (uint32_t)(b.p - c->section.data);
	ret->end = (uint32_t)(b.end - c->section.data);
	return true;
}

static int cfi_read_fdes(struct cfi *c)
{
	struct cursor at = cursor_of(c->section.data, c->section.size);
	struct cfi_record r;
	uint32_t cie = 0;
	int rc;

	while ((rc = cfi_record_next(&c->section, &at, &r)) > 0) {
		struct cfi_fde f;

		if (r.is_cie)
			continue;
		if (!cfi_find_cie(c, r.cie_at, &cie) ||
		    !cfi_fde_parse(c, &c->cies.at[cie], r.body, &f)) {
			c->n_bad++;
			continue;
		}
		if (!f.vaddr || !f.size) /* of a function that the linker dropped */
			continue;
		f.cie = cie;
		if (c->fdes.n == CFI_FDES_CAP)
			return -EBADMSG;
		if (!VEC_PUSH(&c->fdes, f))
			return -ENOMEM;
	}
	c->n_bad += rc < 0;
	return 0;
}

int cfi_read(struct cfi *c, const struct cfi_arch *arch, const struct cfi_section *section)
{
	int rc;

	*c = (struct cfi){.arch = arch, .section = *section};
	if (section->size > CFI_SECTION_CAP) {
		if (!section->terminated)
			return -EBADMSG;
		c->section.size = CFI_SECTION_CAP;
	}
	rc = cfi_read_cies(c);
	if (!rc)
		rc = cfi_read_fdes(c);
	if (rc)
		cfi_free(c);
	return rc;
}

void cfi_free(struct cfi *c)
{
	VEC_FREE(&c->cies);
	VEC_FREE(&c->fdes);
}
