/* image.c - the ELF file behind image.h.
 *
 * libelf does the reading (pread, on demand). It trusts a few header fields more than we may, so
 * the file header is checked by hand before libelf sees the file: a section count that does not fit
 * into the file would otherwise become one large allocation. Everything after that is asked of
 * libelf as raw bytes: no conversion, no type-dependent parsing.
 */
#include "elf/image.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cursor.h"

#define SECTIONS_CAP (1u << 18) /* a kernel object has some 10^5 with -ffunction-sections */
#define SEGMENTS_CAP 4096u      /* real files have about 15 */
#define DATA_CAP     (UINT64_C(4) << 30) /* one section's bytes */
#define NOTES_CAP    (UINT64_C(1) << 20) /* notes are some hundred bytes */
#define RATIO_CAP    1032u               /* the most deflate can do (zlib's technical notes) */

struct elf_image {
	Elf *elf;
	int fd; /* -1 for memory */
	const uint8_t *mem;
	uint64_t size;
	Elf64_Ehdr ehdr;
	struct elf_segment *segments; /* PT_LOAD, in file order */
	size_t n_segments;
	Elf64_Phdr *phdrs;
	size_t n_phdrs;
	size_t names; /* section index of the section names, 0 when there is none */
};

struct image_source {
	int fd;
	const uint8_t *mem;
	uint64_t size;
};

static int image_pread(const struct image_source *s, void *to, size_t n, uint64_t offset)
{
	ssize_t got;

	if (offset > s->size || s->size - offset < n)
		return -EBADMSG;
	if (s->mem) {
		memcpy(to, s->mem + offset, n);
		return 0;
	}
	do
		got = pread(s->fd, to, n, (off_t)offset);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	return (size_t)got == n ? 0 : -EBADMSG;
}

/* Reads the file header and refuses what libelf should not be given. */
static int image_check_header(const struct image_source *s, Elf64_Ehdr *h, struct err *e)
{
	uint64_t n;
	int rc = image_pread(s, h, sizeof(*h), 0);

	if (rc == -EBADMSG)
		return err_set(e, -ENOEXEC, "not an ELF file: too short");
	if (rc)
		return err_set(e, rc, "cannot read the file: %s", strerror(-rc));
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
		return err_set(e, -ENOEXEC, "not an ELF file");
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(e, -ENOEXEC, "not a 64-bit little-endian ELF file");
	if (h->e_ident[EI_VERSION] != EV_CURRENT || h->e_ehsize != sizeof(*h))
		return err_set(e, -ENOEXEC, "an ELF file of an unknown version");
	if ((h->e_phnum && h->e_phentsize != sizeof(Elf64_Phdr)) ||
	    (h->e_shnum && h->e_shentsize != sizeof(Elf64_Shdr)))
		return err_set(e, -ENOEXEC, "an ELF file with headers of an unknown size");
	if (!h->e_shoff)
		return 0;
	n = h->e_shnum;
	if (!n) { /* more than 0xff00 sections: the count is in the first one */
		Elf64_Shdr first;

		if (image_pread(s, &first, sizeof(first), h->e_shoff) == 0)
			n = first.sh_size;
	}
	if (n > SECTIONS_CAP)
		return err_set(e, -ENOEXEC, "an ELF file with an absurd number of sections");
	return 0;
}

static struct elf_segment image_segment(const Elf64_Phdr *ph)
{
	return (struct elf_segment){
		.vaddr = ph->p_vaddr,
		.offset = ph->p_offset,
		.filesz = ph->p_filesz,
		.memsz = ph->p_memsz,
		.exec = ph->p_flags & PF_X,
		.write = ph->p_flags & PF_W,
	};
}

static bool image_read_segments(struct elf_image *img)
{
	size_t n = 0;

	if (elf_getphdrnum(img->elf, &n) || n > SEGMENTS_CAP)
		n = 0; /* unreadable program headers: a file with sections only */
	img->phdrs = calloc(n + 1, sizeof(*img->phdrs));
	img->segments = calloc(n + 1, sizeof(*img->segments));
	if (!img->phdrs || !img->segments)
		return false;
	/* gelf_*: copies, because libelf's own pointers may be misaligned in hostile files. */
	for (size_t i = 0; i < n; i++) {
		Elf64_Phdr *ph = &img->phdrs[img->n_phdrs];

		if (!gelf_getphdr(img->elf, (int)i, ph))
			break;
		img->n_phdrs++;
		if (ph->p_type == PT_LOAD)
			img->segments[img->n_segments++] = image_segment(ph);
	}
	return true;
}

/* Takes over s->fd, also on failure. */
static int image_new(const struct image_source *s, struct elf_image **ret, struct err *e)
{
	struct elf_image *img = calloc(1, sizeof(*img));
	int rc;

	if (!img) {
		if (s->fd >= 0)
			close(s->fd);
		return err_set(e, -ENOMEM, "out of memory");
	}
	img->fd = s->fd;
	img->mem = s->mem;
	img->size = s->size;
	rc = image_check_header(s, &img->ehdr, e);
	if (rc)
		goto fail;
	elf_version(EV_CURRENT);
	/* elf_memory() wants a writable pointer but opens for reading: nothing is written there. */
	img->elf = s->mem ? elf_memory((char *)(uintptr_t)s->mem, s->size)
			  : elf_begin(s->fd, ELF_C_READ, NULL);
	if (!img->elf || elf_kind(img->elf) != ELF_K_ELF) {
		rc = err_set(e, -ENOEXEC, "cannot read the ELF headers: %s", elf_errmsg(-1));
		goto fail;
	}
	if (!image_read_segments(img)) {
		rc = err_set(e, -ENOMEM, "out of memory");
		goto fail;
	}
	if (elf_getshdrstrndx(img->elf, &img->names))
		img->names = 0;
	*ret = img;
	return 0;
fail:
	elf_image_free(img);
	return rc;
}

int elf_image_open(int fd, struct elf_image **ret, struct err *e)
{
	struct image_source s = {0};
	struct stat st;

	if (fstat(fd, &st))
		return err_set(e, -errno, "cannot read the file: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, -ENOEXEC, "not a regular file");
	s.size = (uint64_t)st.st_size;
	s.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (s.fd < 0)
		return err_set(e, -errno, "cannot duplicate the descriptor: %s", strerror(errno));
	return image_new(&s, ret, e);
}

int elf_image_memory(const void *data, size_t len, struct elf_image **ret, struct err *e)
{
	struct image_source s = {.fd = -1, .mem = data, .size = len};

	if (!data)
		return err_set(e, -ENOEXEC, "not an ELF file: empty");
	return image_new(&s, ret, e);
}

void elf_image_free(struct elf_image *img)
{
	if (!img)
		return;
	if (img->elf)
		elf_end(img->elf);
	if (img->fd >= 0)
		close(img->fd);
	free(img->phdrs);
	free(img->segments);
	free(img);
}

uint16_t elf_image_machine(const struct elf_image *img)
{
	return img->ehdr.e_machine;
}

uint16_t elf_image_type(const struct elf_image *img)
{
	return img->ehdr.e_type;
}

uint64_t elf_image_entry(const struct elf_image *img)
{
	return img->ehdr.e_entry;
}

const struct elf_segment *elf_image_segments(const struct elf_image *img, size_t *ret_n)
{
	*ret_n = img->n_segments;
	return img->segments;
}

bool elf_image_program_header(const struct elf_image *img, uint32_t type, struct elf_segment *ret)
{
	for (size_t i = 0; i < img->n_phdrs; i++) {
		if (img->phdrs[i].p_type != type)
			continue;
		*ret = image_segment(&img->phdrs[i]);
		return true;
	}
	return false;
}

bool elf_image_to_offset(const struct elf_image *img, uint64_t vaddr, uint64_t *ret_offset)
{
	for (size_t i = 0; i < img->n_segments; i++) {
		const struct elf_segment *s = &img->segments[i];

		if (vaddr >= s->vaddr && vaddr - s->vaddr < s->filesz) {
			*ret_offset = vaddr - s->vaddr + s->offset;
			return true;
		}
	}
	return false;
}

bool elf_image_to_vaddr(const struct elf_image *img, uint64_t offset, uint64_t *ret_vaddr)
{
	for (size_t i = 0; i < img->n_segments; i++) {
		const struct elf_segment *s = &img->segments[i];

		if (offset >= s->offset && offset - s->offset < s->filesz) {
			*ret_vaddr = offset - s->offset + s->vaddr;
			return true;
		}
	}
	return false;
}

int elf_image_bytes(struct elf_image *img, uint64_t offset, uint64_t size, const uint8_t **ret)
{
	Elf_Data *d;

	if (!size || offset > img->size || img->size - offset < size || size > DATA_CAP)
		return -EBADMSG;
	d = elf_getdata_rawchunk(img->elf, (int64_t)offset, size, ELF_T_BYTE);
	if (!d)
		return elf_errno() == 0 ? -ENOMEM : -EBADMSG;
	if (!d->d_buf || d->d_size != size)
		return -EBADMSG;
	*ret = d->d_buf;
	return 0;
}

int elf_image_read(const struct elf_image *img, uint64_t offset, size_t size, void *to)
{
	struct image_source s = { .fd = img->fd, .mem = img->mem, .size = img->size };

	return image_pread(&s, to, size, offset);
}

int elf_image_map(const struct elf_image *img, struct filemap *ret)
{
	if (img->fd >= 0)
		return filemap_open(img->fd, ret);
	*ret = filemap_borrow(img->mem, img->size);
	return ret->p ? 0 : -ENODATA;
}

/* -- sections -------------------------------------------------------------------------------- */

static Elf_Scn *image_find(struct elf_image *img, const char *name)
{
	Elf_Scn *scn = NULL;

	while (img->names && (scn = elf_nextscn(img->elf, scn))) {
		GElf_Shdr sh;
		const char *s = gelf_getshdr(scn, &sh)
					? elf_strptr(img->elf, img->names, sh.sh_name)
					: NULL;

		if (s && strcmp(s, name) == 0)
			return scn;
	}
	return NULL;
}

/* What a compressed section says of itself. -EBADMSG when it cannot be true. */
static int image_chdr(struct elf_image *img, const GElf_Shdr *sh, Elf64_Chdr *ret)
{
	const uint8_t *p;
	int rc;

	if (sh->sh_size < sizeof(*ret))
		return -EBADMSG;
	rc = elf_image_bytes(img, sh->sh_offset, sizeof(*ret), &p);
	if (rc)
		return rc;
	memcpy(ret, p, sizeof(*ret));
	if (ret->ch_size > DATA_CAP || ret->ch_size / RATIO_CAP > sh->sh_size)
		return -EBADMSG;
	return 0;
}

/* *ret_compressed: the bytes have yet to be decompressed. */
static int image_head(struct elf_image *img, Elf_Scn *scn, struct elf_section *ret,
		      bool *ret_compressed)
{
	GElf_Shdr sh;
	Elf64_Chdr ch;

	if (!gelf_getshdr(scn, &sh))
		return -EBADMSG;
	*ret = (struct elf_section){
		.vaddr = sh.sh_addr,
		.offset = sh.sh_offset,
		.size = sh.sh_size,
		.type = sh.sh_type,
		.link = sh.sh_link,
		.entsize = sh.sh_entsize,
		.raw_size = sh.sh_size,
		.compressed = sh.sh_type != SHT_NOBITS && (sh.sh_flags & SHF_COMPRESSED),
	};
	*ret_compressed = ret->compressed;
	if (*ret_compressed) {
		int rc = image_chdr(img, &sh, &ch);

		if (rc)
			return rc;
		ret->size = ch.ch_size;
	}
	return 0;
}

static int image_section(struct elf_image *img, Elf_Scn *scn, struct elf_section *ret)
{
	struct elf_section s;
	bool compressed;
	Elf_Data *d;
	int rc;

	if (!scn)
		return -ENOENT;
	rc = image_head(img, scn, &s, &compressed);
	if (rc)
		return rc;
	if (s.type == SHT_NOBITS || s.size == 0) {
		*ret = s;
		return 0;
	}
	/* Changes libelf's idea of the section for good: it is plain from here on. */
	if (s.size > DATA_CAP || (compressed && elf_compress(scn, 0, 0) < 0))
		return -EBADMSG;
	/* libelf checks that a section which is read, not decompressed, lies inside of the file. */
	d = elf_rawdata(scn, NULL);
	if (!d || !d->d_buf || d->d_size != s.size)
		return -EBADMSG;
	s.data = d->d_buf;
	*ret = s;
	return 0;
}

int elf_image_section(struct elf_image *img, const char *name, struct elf_section *ret)
{
	return image_section(img, image_find(img, name), ret);
}

int elf_image_section_head(struct elf_image *img, const char *name, struct elf_section *ret)
{
	Elf_Scn *scn = image_find(img, name);
	struct elf_section s;
	bool compressed;
	int rc;

	if (!scn)
		return -ENOENT;
	rc = image_head(img, scn, &s, &compressed);
	if (!rc)
		*ret = s;
	return rc;
}

int elf_image_section_at(struct elf_image *img, uint32_t index, struct elf_section *ret)
{
	return image_section(img, index ? elf_getscn(img->elf, index) : NULL, ret);
}

/* -- identity -------------------------------------------------------------------------------- */

/* Notes are (name size, description size, type, name, description), padded to `align`. */
static size_t image_note_build_id(const uint8_t *data, size_t len, size_t align, uint8_t *id)
{
	struct cursor c = cursor_of(data, len);

	while (cursor_left(&c) >= 12) {
		uint32_t namesz = cursor_u32(&c);
		uint32_t descsz = cursor_u32(&c);
		uint32_t type = cursor_u32(&c);
		uint64_t name_end = (12 + (uint64_t)namesz + align - 1) & ~(uint64_t)(align - 1);
		const uint8_t *name = cursor_take(&c, name_end - 12);
		const uint8_t *desc = cursor_take(&c, descsz);

		if (c.bad)
			return 0;
		if (type == NT_GNU_BUILD_ID && namesz == 4 && memcmp(name, "GNU", 4) == 0 &&
		    descsz > 0 && descsz <= ELF_BUILD_ID_MAX) {
			memcpy(id, desc, descsz);
			return descsz;
		}
		cursor_take(&c, -(uint64_t)descsz & (align - 1));
	}
	return 0;
}

size_t elf_image_build_id(struct elf_image *img, uint8_t id[ELF_BUILD_ID_MAX])
{
	Elf_Scn *scn = NULL;
	const uint8_t *p;
	size_t n = 0;

	for (size_t i = 0; i < img->n_phdrs && !n; i++) {
		const Elf64_Phdr *ph = &img->phdrs[i];

		if (ph->p_type == PT_NOTE && ph->p_filesz <= NOTES_CAP &&
		    elf_image_bytes(img, ph->p_offset, ph->p_filesz, &p) == 0)
			n = image_note_build_id(p, ph->p_filesz, ph->p_align == 8 ? 8 : 4, id);
	}
	while (!n && (scn = elf_nextscn(img->elf, scn))) {
		GElf_Shdr sh;

		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_NOTE && sh.sh_size <= NOTES_CAP &&
		    elf_image_bytes(img, sh.sh_offset, sh.sh_size, &p) == 0)
			n = image_note_build_id(p, sh.sh_size, sh.sh_addralign == 8 ? 8 : 4, id);
	}
	return n;
}

bool elf_image_build_id_hex(struct elf_image *img, char hex[2 * ELF_BUILD_ID_MAX + 1])
{
	static const char digit[] = "0123456789abcdef";
	uint8_t id[ELF_BUILD_ID_MAX];
	size_t n = elf_image_build_id(img, id);

	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digit[id[i] >> 4];
		hex[2 * i + 1] = digit[id[i] & 15];
	}
	hex[2 * n] = '\0';
	return n > 0;
}

bool elf_image_debuglink(struct elf_image *img, const char **ret_name, uint32_t *ret_crc)
{
	struct elf_section s;
	struct cursor c;
	const char *name;
	uint32_t crc;

	if (elf_image_section(img, ".gnu_debuglink", &s) || !s.data)
		return false;
	c = cursor_of(s.data, s.size);
	name = cursor_str(&c);
	if (name) /* the checksum is at the next multiple of four */
		cursor_take(&c, -(uint64_t)(c.p - s.data) & 3);
	crc = cursor_u32(&c);
	if (c.bad || !*name)
		return false;
	*ret_name = name;
	*ret_crc = crc;
	return true;
}
