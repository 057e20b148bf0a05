/* filemap_test.c - a mapped file that is cut under us reads as zeros; other faults stay fatal. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/filemap.h"
#include "base/parallel.h"

static int temporary(size_t n)
{
	char path[] = "/tmp/filemap-test-XXXXXX";
	char *bytes = malloc(n + 1);
	int fd = mkstemp(path);

	assert_true(fd >= 0 && bytes);
	unlink(path);
	memset(bytes, 'x', n);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	free(bytes);
	return fd;
}

static void test_cut_file_reads_as_zeros(void **state)
{
	int fd = temporary(3 * 4096 + 10);
	struct filemap m;

	assert_int_equal(filemap_open(fd, &m), 0);
	assert_int_equal(m.n, 3 * 4096 + 10);
	assert_int_equal(m.p[3 * 4096], 'x');
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(m.p[0], 'x');
	assert_int_equal(m.p[2 * 4096 + 7], 0);
	assert_int_equal(m.p[3 * 4096], 0);
	filemap_close(&m);
	assert_null(m.p);
	filemap_close(&m);
	close(fd);
}

static void test_empty_and_foreign_are_refused(void **state)
{
	int fd = temporary(0), pipes[2];
	struct filemap m;

	assert_int_equal(filemap_open(fd, &m), -ENODATA);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(filemap_open(pipes[0], &m), -EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
	m = filemap_borrow("abc", 3);
	filemap_close(&m); /* nothing of ours */
}

/* A fault in somebody else's mapping must kill as it would have. */
static void test_other_faults_are_fatal(void **state)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int fd = temporary(8192);
		struct filemap m;
		volatile char *p;

		signal(SIGBUS, SIG_DFL);
		if (filemap_open(fd, &m))
			_exit(0);
		p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED || ftruncate(fd, 0))
			_exit(0);
		_exit(p[4096] == 'x');
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0); /* a sanitizer exits */
}

static void count(void *ctx, size_t i)
{
	__atomic_fetch_add(&((unsigned int *)ctx)[i], 1, __ATOMIC_RELAXED);
}

static void test_parallel_does_each_once(void **state)
{
	static unsigned int done[1000];

	for (unsigned int threads = 0; threads < 40; threads += 3) {
		memset(done, 0, sizeof(done));
		parallel_run(threads, 1000, count, done);
		for (size_t i = 0; i < 1000; i++)
			assert_int_equal(done[i], 1);
	}
	parallel_run(4, 0, count, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* first: the handler is installed with the first mapping */
		cmocka_unit_test(test_other_faults_are_fatal),
		cmocka_unit_test(test_cut_file_reads_as_zeros),
		cmocka_unit_test(test_empty_and_foreign_are_refused),
		cmocka_unit_test(test_parallel_does_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
