/* dwarf_test.c - chains of a program built here: the same with little memory and much, and damaged files
 * give an error or fewer names, never more. The flavours are in test/dwarf. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "elf/dwarf.h"
#include "elf/symtab.h"

static char dir[] = "/tmp/dwarf-test-XXXXXX";
static uint8_t *file;
static size_t file_len;

static const char source[] =
	"static inline __attribute__((always_inline)) int inner(int x) { return x * x + 7; }\n"
	"\n"
	"static inline __attribute__((always_inline)) int outer(int x)\n"
	"{\n"
	"	return inner(x) - inner(x + 2);\n"
	"}\n"
	"int __attribute__((noinline)) whole(int x)\n"
	"{\n"
	"	return outer(x) / 3;\n"
	"}\n"
	"int main(int c, char **v) { return whole(c); }\n";

static int build(void **state)
{
	char path[128], command[512];
	FILE *f;
	long n;

	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/a.c", dir);
	f = fopen(path, "w");
	if (!f || fputs(source, f) < 0 || fclose(f))
		return -1;
	snprintf(command, sizeof(command),
		 "cd %s && gcc -O2 -g -o prog a.c && sed s/whole/other/ a.c >b.c && "
		 "sed 's/main/second/' b.c >c.c && gcc -O2 -g -o two a.c c.c", dir);
	if (system(command))
		return -1;
	snprintf(path, sizeof(path), "%s/two", dir);
	f = fopen(path, "r");
	if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) <= 0)
		return -1;
	rewind(f);
	file = malloc((size_t)n);
	file_len = (size_t)n;
	if (!file || fread(file, 1, file_len, f) != file_len)
		return -1;
	return fclose(f);
}

static int clean(void **state)
{
	char command[128];

	free(file);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

struct answers {
	size_t n, inlined;
	char last[256];
	uint64_t hash;
};

static bool is(const struct dwarf_line *l, const char *function, uint32_t line)
{
	return l->function && strcmp(l->function, function) == 0 && l->line == line;
}

static int note(void *ctx, size_t i, const struct dwarf_line *lines, size_t n)
{
	struct answers *a = ctx;

	a->n++;
	a->inlined += n == 3 && is(&lines[0], "inner", 1) && is(&lines[1], "outer", 5) &&
		      is(&lines[2], "whole", 9);
	for (size_t k = 0; k < n; k++) {
		snprintf(a->last, sizeof(a->last), "%s %s %u",
			 lines[k].function ? lines[k].function : "-",
			 lines[k].file ? lines[k].file : "-", lines[k].line);
		for (const char *p = a->last; *p; p++)
			a->hash = (a->hash ^ (uint8_t)*p) * UINT64_C(0x100000001b3) + i;
	}
	return 0;
}

/* All addresses of code, asked twice. */
static int ask(const void *data, size_t len, size_t memory, unsigned int threads, struct answers *ret,
	       struct dwarf_stats *stats)
{
	struct dwarf_opts o = {.memory = memory, .threads = threads};
	static uint64_t vaddrs[0x1000];
	struct elf_image *img;
	struct dwarf *d = NULL;
	int rc = elf_image_memory(data, len, &img, NULL);

	*ret = (struct answers){0};
	if (rc)
		return rc;
	for (size_t i = 0; i < 0x1000; i++)
		vaddrs[i] = 0x1000 + i;
	o.segments = elf_image_segments(img, &o.n_segments);
	rc = dwarf_new(img, &o, &d);
	elf_image_free(img);
	for (int pass = 0; pass < 2 && !rc; pass++) {
		struct answers again = {0};

		rc = dwarf_resolve(d, vaddrs, 0x1000, note, pass ? &again : ret);
		if (pass && !rc && again.hash != ret->hash)
			rc = -EILSEQ;
	}
	if (!rc && stats)
		*stats = dwarf_stats(d);
	dwarf_free(d);
	return rc;
}

static void test_chains(void **state)
{
	struct dwarf_stats s;
	struct answers a, little;

	assert_int_equal(ask(file, file_len, 0, 0, &a, &s), 0);
	assert_true(a.inlined > 5);
	assert_int_equal(s.built, 2);
	assert_int_equal(s.forgotten, 0);
	assert_int_equal(s.damaged, 0);
	assert_non_null(strstr(a.last, dir));
	assert_int_equal(ask(file, file_len, 1, 3, &little, &s), 0);
	assert_true(s.forgotten > 0);
	assert_true(s.bytes < 1000);
	assert_true(little.hash == a.hash && little.n == a.n);
}

static void test_none(void **state)
{
	char path[128], command[256];
	struct elf_image *img;
	struct dwarf_opts o = {0};
	struct dwarf *d;
	int fd;

	snprintf(command, sizeof(command), "cd %s && strip -o bare prog", dir);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "%s/bare", dir);
	fd = open(path, O_RDONLY);
	assert_int_equal(elf_image_open(fd, &img, NULL), 0);
	close(fd);
	assert_int_equal(dwarf_new(img, &o, &d), -ENOENT);
	elf_image_free(img);
}

/* Every n-th byte turned over, one at a time. */
static void test_damage(void **state)
{
	uint8_t *copy = malloc(file_len);
	size_t answered = 0;

	assert_non_null(copy);
	memcpy(copy, file, file_len);
	for (size_t i = 64; i < file_len; i += 61) {
		struct answers a;
		int rc;

		copy[i] ^= 0xff;
		rc = ask(copy, file_len, 0, 1, &a, NULL);
		copy[i] ^= 0xff;
		assert_true(rc == 0 || rc == -ENOENT || rc == -ENOEXEC || rc == -EBADMSG);
		assert_true(a.n <= 0x1000);
		answered += rc == 0 && a.inlined;
	}
	assert_true(answered > file_len / 61 / 2);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, build, clean);
}
