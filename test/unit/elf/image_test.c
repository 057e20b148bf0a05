/* image_test.c - ELF files as facts: real ones, damaged ones, and ones that lie about sizes. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <cmocka.h>

#include "elf/image.h"

static uint8_t *self_read(size_t *ret_len)
{
	FILE *f = fopen("/proc/self/exe", "rb");
	uint8_t *p;
	long n;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	p = malloc((size_t)n);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, (size_t)n, f), n);
	fclose(f);
	*ret_len = (size_t)n;
	return p;
}

static struct elf_image *self_open(void)
{
	struct elf_image *img = NULL;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct err e = {0};

	assert_true(fd >= 0);
	assert_int_equal(elf_image_open(fd, &img, &e), 0);
	close(fd); /* the image has its own */
	return img;
}

static void own_program(void **state)
{
	struct elf_image *img = self_open();
	const struct elf_segment *seg;
	struct elf_section s, head;
	uint64_t off, back;
	size_t n;

	assert_int_equal(elf_image_machine(img), EM_X86_64);
	assert_true(elf_image_type(img) == ET_DYN || elf_image_type(img) == ET_EXEC);
	seg = elf_image_segments(img, &n);
	assert_true(n >= 2);
	assert_int_equal(seg[0].offset, 0);
	assert_true(elf_image_to_offset(img, elf_image_entry(img), &off));
	assert_true(elf_image_to_vaddr(img, off, &back));
	assert_int_equal(back, elf_image_entry(img));
	assert_false(elf_image_to_offset(img, UINT64_MAX, &off));

	assert_int_equal(elf_image_section(img, ".text", &s), 0);
	assert_non_null(s.data);
	assert_true(elf_image_entry(img) >= s.vaddr && elf_image_entry(img) < s.vaddr + s.size);
	assert_int_equal(elf_image_section_head(img, ".text", &head), 0);
	assert_null(head.data);
	assert_int_equal(head.size, s.size);
	assert_int_equal(elf_image_section(img, ".bss", &s), 0);
	assert_null(s.data);
	assert_int_equal(elf_image_section(img, ".no_such_section", &s), -ENOENT);
	assert_int_equal(elf_image_section_at(img, 0, &s), -ENOENT);
	assert_int_equal(elf_image_section_at(img, 1, &s), 0);
	assert_int_equal(elf_image_section_at(img, 100000, &s), -ENOENT);
	elf_image_free(img);
}

/* The text read through the image is the text that runs. */
static void text_is_ours(void **state)
{
	struct elf_image *img = self_open();
	struct elf_segment ph;
	struct elf_section s;

	assert_int_equal(elf_image_section(img, ".text", &s), 0);
	assert_memory_equal(s.data + (elf_image_entry(img) - s.vaddr),
			    (const void *)getauxval(AT_ENTRY), 16);
	assert_true(elf_image_program_header(img, PT_GNU_EH_FRAME, &ph));
	assert_int_equal(elf_image_section_head(img, ".eh_frame_hdr", &s), 0);
	assert_int_equal(s.vaddr, ph.vaddr);
	elf_image_free(img);
}

static void file_and_memory_agree(void **state)
{
	struct elf_image *img = self_open(), *mem = NULL;
	char a[2 * ELF_BUILD_ID_MAX + 1], b[2 * ELF_BUILD_ID_MAX + 1];
	struct elf_section s, t;
	struct err e = {0};
	size_t len;
	uint8_t *p = self_read(&len);

	assert_int_equal(elf_image_memory(p, len, &mem, &e), 0);
	assert_int_equal(elf_image_section(img, ".eh_frame", &s), 0);
	assert_int_equal(elf_image_section(mem, ".eh_frame", &t), 0);
	assert_int_equal(s.size, t.size);
	assert_memory_equal(s.data, t.data, s.size);
	assert_int_equal(elf_image_build_id_hex(img, a), elf_image_build_id_hex(mem, b));
	assert_string_equal(a, b);
	elf_image_free(img);
	elf_image_free(mem);
	free(p);
}

static void not_elf(void **state)
{
	static const char text[] =
		"#!/bin/sh\n# this is not an ELF file, and long enough to be read\n";
	struct elf_image *img = NULL;
	uint8_t small[256] = { 0 };
	struct err e = {0};
	int fd = open("/", O_RDONLY | O_DIRECTORY);

	assert_int_equal(elf_image_memory(text, sizeof(text), &img, &e), -ENOEXEC);
	assert_true(e.text[0]);
	assert_int_equal(elf_image_memory("\177ELF", 4, &img, &e), -ENOEXEC);
	memcpy(small, ELFMAG, SELFMAG);
	small[EI_CLASS] = ELFCLASS32;
	small[EI_DATA] = ELFDATA2LSB;
	assert_int_equal(elf_image_memory(small, sizeof(small), &img, &e), -ENOEXEC);
	small[EI_CLASS] = ELFCLASS64;
	small[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(elf_image_memory(small, sizeof(small), &img, &e), -ENOEXEC);
	assert_int_equal(elf_image_open(fd, &img, &e), -ENOEXEC);
	assert_int_equal(elf_image_open(-1, &img, &e), -EBADF);
	close(fd);
	assert_null(img);
}

/* Cut anywhere: opens or not, but what it gives lies inside. */
static void truncated(void **state)
{
	size_t len;
	uint8_t *p = self_read(&len);

	for (size_t cut = 0; cut < len; cut += 1 + len / 97) {
		uint8_t *small = malloc(cut + 1), id[ELF_BUILD_ID_MAX];
		struct elf_image *img = NULL;
		struct elf_section s;

		memcpy(small, p, cut);
		if (elf_image_memory(small, cut, &img, NULL) == 0) {
			if (elf_image_section(img, ".eh_frame", &s) == 0 && s.data)
				assert_true(s.size <= cut);
			elf_image_build_id(img, id);
			elf_image_free(img);
		}
		free(small);
	}
	free(p);
}

static void header_lies(void **state)
{
	struct elf_image *img = NULL;
	struct elf_section s;
	size_t len;
	uint8_t *p = self_read(&len);
	Elf64_Ehdr *h = (void *)p;
	Elf64_Shdr *sh = (void *)(p + h->e_shoff);
	uint16_t shnum = h->e_shnum;

	h->e_shnum = 0; /* "more than 65,279": the count is in section 0 */
	sh[0].sh_size = UINT64_C(1) << 40;
	assert_int_equal(elf_image_memory(p, len, &img, NULL), -ENOEXEC);
	h->e_shnum = shnum;
	sh[0].sh_size = 0;
	for (int i = 1; i < shnum; i++)
		if (sh[i].sh_type != SHT_STRTAB)
			sh[i].sh_size = UINT64_C(1) << 50;
	assert_int_equal(elf_image_memory(p, len, &img, NULL), 0);
	assert_int_equal(elf_image_section(img, ".eh_frame", &s), -EBADMSG);
	elf_image_free(img);
	for (int i = 1; i < shnum; i++)
		if (sh[i].sh_type != SHT_STRTAB)
			sh[i].sh_offset = UINT64_MAX - 16, sh[i].sh_size = 64;
	assert_int_equal(elf_image_memory(p, len, &img, NULL), 0);
	assert_int_equal(elf_image_section(img, ".eh_frame", &s), -EBADMSG);
	elf_image_free(img);
	free(p);
}

/* Far more than there is in the file, twice. */
static void compressed_well(void **state)
{
	char dir[] = "/tmp/waggle-image-XXXXXX", text[512];
	struct elf_image *img = NULL;
	struct elf_section s;
	int fd, rc;

	assert_non_null(mkdtemp(dir));
	snprintf(text, sizeof(text),
		 "cd %s && echo '.section .debug_x; .fill 500000, 1, 7' > x.s && cc -c x.s && "
		 "objcopy --compress-debug-sections=zlib x.o",
		 dir);
	rc = system(text);
	snprintf(text, sizeof(text), "%s/x.o", dir);
	fd = open(text, O_RDONLY);
	snprintf(text, sizeof(text), "rm -rf %s", dir);
	if (system(text) || rc)
		skip();
	assert_true(fd >= 0 && lseek(fd, 0, SEEK_END) < 100000);
	assert_int_equal(elf_image_open(fd, &img, NULL), 0);
	close(fd);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(elf_image_section(img, ".debug_x", &s), 0);
		assert_int_equal(s.size, 500000);
		assert_int_equal(s.data[0], 7);
		assert_int_equal(s.data[499999], 7);
	}
	elf_image_free(img);
}

/* Sections that objcopy compressed have the bytes of the plain ones. */
static void compressed(void **state)
{
	char path[] = "/tmp/waggle-image-XXXXXX", command[128];
	struct elf_image *img = self_open(), *z = NULL;
	struct elf_section plain, s;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	snprintf(command, sizeof(command), "objcopy --compress-debug-sections=zlib /proc/%d/exe %s",
		 (int)getpid(), path);
	if (system(command)) {
		close(fd);
		unlink(path);
		elf_image_free(img);
		skip();
	}
	close(fd);
	fd = open(path, O_RDONLY);
	unlink(path);
	assert_int_equal(elf_image_open(fd, &z, NULL), 0);
	close(fd);
	assert_int_equal(elf_image_section(img, ".debug_info", &plain), 0);
	assert_int_equal(elf_image_section_head(z, ".debug_info", &s), 0);
	assert_int_equal(s.size, plain.size);
	for (int i = 0; i < 2; i++) { /* the second time it is plain already */
		assert_int_equal(elf_image_section(z, ".debug_info", &s), 0);
		assert_int_equal(s.size, plain.size);
		assert_memory_equal(s.data, plain.data, s.size);
	}
	elf_image_free(img);
	elf_image_free(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_program),
		cmocka_unit_test(text_is_ours),
		cmocka_unit_test(file_and_memory_agree),
		cmocka_unit_test(not_elf),
		cmocka_unit_test(truncated),
		cmocka_unit_test(header_lies),
		cmocka_unit_test(compressed),
		cmocka_unit_test(compressed_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
