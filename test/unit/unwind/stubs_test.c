/* stubs_test.c - reading call stubs and start code: the layouts that linkers write, and what is none. */
#include <setjmp.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <elf.h>
#include <cmocka.h>

#include "unwind/stubs.h"

/* Rows as "at:height" or "at:height/where rbp is", equal neighbours left out; then where it ended. */
static void check_rows(const char *code, size_t size, const char *want)
{
	struct stubs s = stubs_of((const uint8_t *)code, size);
	struct stub_row row, last = {0};
	char got[256] = "";
	size_t n = 0;

	while (stubs_next(&s, &row)) {
		assert_true(row.at < size);
		if (row.cfa_off != last.cfa_off || row.fp_at != last.fp_at)
			n += (size_t)snprintf(got + n, sizeof(got) - n,
					      row.fp_at ? "%u:%u/%u " : "%u:%u ", row.at,
					      row.cfa_off, row.fp_at);
		last = row;
	}
	snprintf(got + n, sizeof(got) - n, "%u", row.at);
	assert_string_equal(got, want);
}
#define CHECK(code, want) check_rows(code, sizeof(code) - 1, want)

#define D "\x01\x02\x03\x04" /* some displacement */

static void layouts(void **state)
{
	/* lld and old ld: header (entered with a number pushed), then stubs */
	CHECK("\xff\x35" D "\xff\x25" D "\x0f\x1f\x40\x00"
	      "\xff\x25" D "\x68" D "\xe9" D
	      "\xff\x25" D "\x68" D "\xe9" D,
	      "0:16 6:24 12:8 27:16 32:8 43:16 48");
	/* ld with branch tracking: .plt pushes, .plt.sec jumps */
	CHECK("\xff\x35" D "\xf2\xff\x25" D "\x0f\x1f\x00"
	      "\xf3\x0f\x1e\xfa\x68" D "\xf2\xe9" D "\x90",
	      "0:16 6:24 13:8 25:16 31:8 32");
	CHECK("\xf3\x0f\x1e\xfa\xf2\xff\x25" D "\x0f\x1f\x44\x00\x00", "0:8 16");
	/* mold */
	CHECK("\xf3\x0f\x1e\xfa\x41\x53\xff\x35" D "\xff\x25" D "\xcc\xcc"
	      "\xf3\x0f\x1e\xfa\x41\xbb" D "\xff\x25" D,
	      "0:8 6:16 12:24 18:8 36");
	/* .plt.got, static programs */
	CHECK("\xff\x25" D "\x66\x90\xff\x25" D "\x66\x90", "0:8 16");
	CHECK("\xff\x25" D "\x66\x2e\x0f\x1f\x84\x00" D, "0:8 16");
}

static void start_code(void **state)
{
	/* glibc's _init and _fini; musl's */
	CHECK("\x48\x83\xec\x08\x48\x8b\x05" D "\x48\x85\xc0\x74\x02\xff\xd0\x48\x83\xc4\x08\xc3",
	      "0:8 4:16 22:8 23");
	CHECK("\x50\xe8" D "\x58\xc3", "0:8 1:16 7:8 8");
	/* __do_global_dtors_aux: its caller's rbp is in the frame meanwhile */
	CHECK("\xf3\x0f\x1e\xfa\x80\x3d" D "\x00\x75\x13\x55\x48\x89\xe5\xe8" D "\xc6\x05" D
	      "\x01\x5d\xc3\x90\xc3",
	      "0:8 14:16/16 30:8 33");
}

static void not_stubs(void **state)
{
	CHECK("", "0");
	CHECK("\xf3\x0f\x1e", "0");             /* cut off */
	CHECK("\xff\x25\x01\x02\x03", "0");     /* the operand is */
	CHECK("\x90\x0f\x0b\x90", "0:8 1");     /* ud2 */
	CHECK("\x66\xff\x25" D, "0");           /* a prefix that only nops have */
	CHECK("\x66\x66\x66\x66", "0");
	CHECK("\x5d\xc3", "0");                 /* pops what was pushed elsewhere */
	CHECK("\x68" D "\x5d\x5d", "0:8 5:16 6"); /* the second */
}

static uint8_t *own_file(size_t *ret_size)
{
	FILE *f = fopen("/proc/self/exe", "rb");
	uint8_t *data;

	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	*ret_size = (size_t)ftell(f);
	rewind(f);
	data = malloc(*ret_size);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, *ret_size, f), *ret_size);
	fclose(f);
	return data;
}

/* Of this very program: what is found by section names is found without them, at the same place. */
static void without_headers(void **state)
{
	struct elf_section with[STUBS_MAX], less[STUBS_MAX], s;
	struct elf_image *img, *bare;
	uint8_t *copy, *data;
	size_t size, n, n_less, found = 0;
	Elf64_Ehdr *h;

	data = own_file(&size);
	copy = own_file(&size);
	h = (Elf64_Ehdr *)copy;
	h->e_shoff = 0;
	h->e_shnum = h->e_shstrndx = 0;
	assert_int_equal(elf_image_memory(data, size, &img, NULL), 0);
	assert_int_equal(elf_image_memory(copy, size, &bare, NULL), 0);
	n = stubs_find(img, with);
	n_less = stubs_find(bare, less);
	assert_int_equal(elf_image_section_head(bare, ".text", &s), -ENOENT);
	for (size_t i = 0; i < n; i++) {
		if (elf_image_section_head(img, ".plt.sec", &s) == 0 && with[i].vaddr == s.vaddr)
			continue; /* no word leads there */
		if (elf_image_section_head(img, ".plt.got", &s) == 0 && with[i].vaddr == s.vaddr)
			continue;
		for (size_t j = 0; j < n_less; j++)
			if (less[j].vaddr == with[i].vaddr) {
				size_t both = less[j].size < with[i].size ? less[j].size : with[i].size;

				assert_memory_equal(less[j].data, with[i].data, both);
				assert_true(less[j].size + 16 >= with[i].size || less[j].size >= 32);
				found++;
			}
	}
	assert_true(found >= 3); /* .init, .fini, crtbegin.o's; .plt where there is lazy binding */
	elf_image_free(img);
	elf_image_free(bare);
	free(data);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts),
		cmocka_unit_test(start_code),
		cmocka_unit_test(not_stubs),
		cmocka_unit_test(without_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
