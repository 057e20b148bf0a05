/* built.h - files built while a test runs, and the table of one. To be included once, behind cmocka.h. */
#ifndef WAGGLE_TEST_BUILT_H
#define WAGGLE_TEST_BUILT_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf/image.h"
#include "unwind/table.h"

struct subject {
	struct elf_image *img;
	struct table t;
};

static bool subject_open(struct subject *s, const char *path, int *ret_rc)
{
	struct err e = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	memset(s, 0, sizeof(*s));
	if (fd < 0)
		return false;
	*ret_rc = elf_image_open(fd, &s->img, &e);
	close(fd);
	if (!*ret_rc)
		*ret_rc = table_build(s->img, &s->t, &e);
	return true;
}

static void subject_close(struct subject *s)
{
	table_free(&s->t);
	elf_image_free(s->img);
}

static struct unwind_rule rule_at(const struct table *t, uint64_t offset)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->rows[mid].offset <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? *table_rule(t, lo - 1) : (struct unwind_rule){.kind = RULE_END};
}

static char work_dir[64];

static bool build_here(const char *name, const char *text, const char *command_format)
{
	char path[128], command[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", work_dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	snprintf(command, sizeof(command), "cd %s && %s >/dev/null 2>&1", work_dir, command_format);
	return system(command) == 0;
}

static int work_setup(void **state)
{
	snprintf(work_dir, sizeof(work_dir), "/tmp/waggle-table-XXXXXX");
	return mkdtemp(work_dir) ? 0 : -1;
}

static int work_teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", work_dir);
	return system(command);
}

static const char *in_work(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", work_dir, name);
	return path;
}

static uint64_t symbol_in(const char *file, const char *symbol)
{
	char command[256], line[64] = "";
	FILE *p;

	snprintf(command, sizeof(command), "nm %s/%s | sed -n 's/ . %s$//p'", work_dir, file, symbol);
	p = popen(command, "r");
	assert_non_null(p);
	assert_non_null(fgets(line, sizeof(line), p));
	pclose(p);
	return strtoull(line, NULL, 16);
}

#endif
