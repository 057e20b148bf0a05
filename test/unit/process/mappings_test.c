/* mappings_test.c - /proc/PID/maps, our own and lines that were made up. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "process/mappings.h"

static void lines_are_understood(void **state)
{
	static const char text[] =
		"55d0c0000000-55d0c0001000 r-xp 00002000 fd:01 1234                       /a b/c\n"
		"7f0000000000-7f0000001000 rwxp 00000000 00:00 0 \n"
		"7f0000002000-7f0000003000 r-xp 00000000 08:02 9 /gone (deleted)\n"
		"7f0000004000-7f0000005000 r--p 00000000 00:00 0 [vvar]\n"
		"not a line\n"
		"7f0000005000-7f0000004000 r-xp 00000000 00:00 0\n"
		"7f0000006000-7f0000007000 rw-s 00000000 08:02 10 /x (deleted) y\n"
		"ffff-10000 r-xp 0 0:0 0";
	struct mappings m;

	assert_int_equal(mappings_parse(text, sizeof(text) - 1, &m), 0);
	assert_int_equal(m.list.n, 6);
	assert_string_equal(mapping_path(&m, &m.list.at[0]), "/a b/c");
	assert_int_equal(m.list.at[0].offset, 0x2000);
	assert_int_equal(m.list.at[0].device, (UINT64_C(0xfd) << 32) + 1);
	assert_int_equal(m.list.at[0].inode, 1234);
	assert_true(m.list.at[0].exec && !m.list.at[0].deleted);
	assert_string_equal(mapping_path(&m, &m.list.at[1]), "");
	assert_true(m.list.at[1].exec);
	assert_string_equal(mapping_path(&m, &m.list.at[2]), "/gone");
	assert_true(m.list.at[2].deleted);
	assert_false(m.list.at[3].exec);
	assert_string_equal(mapping_path(&m, &m.list.at[4]), "/x (deleted) y");
	assert_false(m.list.at[4].deleted);
	assert_int_equal(m.list.at[5].start, 0xffff);
	mappings_free(&m);
}

static void our_own_are_there(void **state)
{
	bool found = false;
	struct mappings m;
	int fd;

	assert_int_equal(mappings_read((uint32_t)getpid(), &m, NULL), 0);
	for (size_t i = 0; i < m.list.n && !found; i++) {
		const struct mapping *at = &m.list.at[i];

		if ((uintptr_t)our_own_are_there - at->start >= at->end - at->start)
			continue;
		found = true;
		assert_true(at->exec && at->inode);
		assert_non_null(strstr(mapping_path(&m, at), "mappings_test"));
		fd = mapping_open((uint32_t)getpid(), &m, at);
		assert_true(fd >= 0);
		close(fd);
	}
	assert_true(found);
	mappings_free(&m);
}

static void the_dead_have_none(void **state)
{
	struct err e = {0};
	struct mappings m;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	assert_int_equal(mappings_read((uint32_t)child, &m, &e), -ESRCH);
	assert_non_null(strstr(e.text, "no process"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_understood),
		cmocka_unit_test(our_own_are_there),
		cmocka_unit_test(the_dead_have_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
