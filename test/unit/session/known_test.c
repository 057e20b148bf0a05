/* known_test.c - what is known of a kernel comes back as it was kept, and only for the same programs; what is
 * damaged, anywhere, is not believed and goes away.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "session/known.h"

static const char programs[] = "the programs, byte by byte";
static const char types[] = "where fields are";
static char folder[64], path[256];

static int setup(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/waggle-known-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	pid_t child = fork();

	if (!child)
		execlp("rm", "rm", "-rf", folder, (char *)NULL);
	waitpid(child, NULL, 0);
	return 0;
}

static bool is_known(const char *of)
{
	struct known k;
	size_t len = 0;
	const void *btf;
	bool is;

	known_load(&k, folder, false, of, strlen(of));
	btf = known_btf(&k, &len);
	is = btf;
	if (is) {
		assert_int_equal(len, sizeof(types));
		assert_memory_equal(btf, types, len);
	}
	known_free(&k);
	return is;
}

static void keep(void)
{
	struct known k;

	known_load(&k, folder, false, programs, strlen(programs));
	assert_non_null(k.cache);
	known_save(&k, types, sizeof(types));
	snprintf(path, sizeof(path), "%s/%s", folder, k.key.name);
	known_free(&k);
}

static void it_comes_back(void **state)
{
	struct known k;
	size_t len;

	assert_false(is_known(programs));
	keep();
	assert_true(is_known(programs));
	assert_false(is_known("other programs"));
	known_load(&k, folder, true, programs, strlen(programs));
	assert_null(known_btf(&k, &len));
	known_save(&k, types, sizeof(types)); /* without a cache nothing is kept, and nothing happens */
	known_forget(&k);
	known_free(&k);
	assert_true(is_known(programs));
	known_load(&k, "/proc/no/such", false, programs, strlen(programs));
	assert_null(known_btf(&k, &len));
	known_free(&k);
}

static void damage_is_not_believed(void **state)
{
	struct stat st;
	char byte;

	keep();
	assert_int_equal(stat(path, &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		int fd = open(path, O_RDWR);

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 4;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		assert_false(is_known(programs));
		assert_int_equal(access(path, F_OK), -1);
		keep();
	}
	for (off_t size = 0; size < st.st_size; size++) {
		assert_int_equal(truncate(path, size), 0);
		assert_false(is_known(programs));
		keep();
	}
	assert_int_equal(chmod(path, 0666), 0); /* anybody could have written it */
	assert_false(is_known(programs));
}

static void it_is_pruned_as_tables_are(void **state)
{
	struct cache *c = NULL;

	keep();
	assert_int_equal(cache_open(folder, 1, &c, NULL), 0);
	assert_int_equal(cache_prune(c), 1);
	cache_close(c);
	assert_false(is_known(programs));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_not_believed, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_pruned_as_tables_are, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
