/* runtime_test.c - which programs generate code, and whether they were asked to tell its names. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "symbol/runtime.h"

static const char *id_of(const char *path, bool library)
{
	const struct runtime_row *r = runtime_of(path, library);

	return r ? r->id : "none";
}

static void programs_are_recognised(void **state)
{
	assert_string_equal(id_of("/usr/bin/node", false), "node");
	assert_string_equal(id_of("nodejs", false), "node");
	assert_string_equal(id_of("/opt/jdk/bin/java", false), "java");
	assert_string_equal(id_of("/usr/bin/python3.12", false), "python");
	assert_string_equal(id_of("/usr/bin/javac", false), "none");
	assert_string_equal(id_of("/usr/bin/nodered", false), "none");
	assert_string_equal(id_of("/usr/lib/jvm/libjvm.so", true), "java");
	assert_string_equal(id_of("/usr/lib/libpython3.11.so.1.0", true), "python");
	assert_string_equal(id_of("/usr/lib/libc.so.6", true), "none");
	assert_string_equal(id_of("", false), "none");
	assert_string_equal(id_of("/", true), "none");
}

/* A child whose command line is what we like; it waits as soon as it runs. That it runs is known by a line of
 * its own: its name changes before the kernel knows where its arguments and environment are. */
static struct runtime of_child(const char *name, const char *word, const char *next,
			       const char *environment)
{
	char *argv[] = {(char *)name, "-c", "echo; read x; :", (char *)word, (char *)next, NULL};
	char *envp[] = {(char *)environment, NULL};
	char line;
	struct maps m;
	struct runtime r;
	int hold[2], runs[2];
	pid_t child;

	assert_int_equal(pipe(hold), 0);
	assert_int_equal(pipe(runs), 0);
	child = fork();
	if (child == 0) {
		dup2(hold[0], 0);
		dup2(runs[1], 1);
		close(hold[1]);
		execve("/bin/sh", argv, envp);
		_exit(127);
	}
	close(hold[0]);
	close(runs[1]);
	assert_int_equal(read(runs[0], &line, 1), 1);
	close(runs[0]);
	assert_int_equal(maps_read((uint32_t)child, &m), 0);
	/* as if it were node */
	for (size_t i = 0; i < m.list.n; i++)
		if (m.list.at[i].exec && m.list.at[i].ino) {
			free(m.text);
			m.text = strdup("/x/libnode.so.108");
			for (size_t k = 0; k < m.list.n; k++)
				m.list.at[k].path = k == i ? 0 : (uint32_t)strlen(m.text);
			break;
		}
	runtime_read((uint32_t)child, &m, &r);
	maps_free(&m);
	close(hold[1]);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return r;
}

static void words_are_found(void **state)
{
	struct runtime r = of_child("sh", "--other", NULL, "A=1");

	assert_string_equal(r.row->id, "node");
	assert_false(r.asked);
	assert_non_null(strstr(r.remedy, "--perf-basic-prof"));
	assert_true(of_child("sh", "--perf-basic-prof", NULL, "A=1").asked);
	r = of_child("sh", "x", "--perf-basic-prof", NULL);
	assert_true(r.asked);
	assert_string_equal(r.remedy, "");
	assert_true(of_child("sh", "x", NULL, "NODE_OPTIONS=--perf-basic-prof").asked);
	assert_true(of_child("sh", "x", NULL, "NODE_OPTIONS=-a --perf-prof").asked);
	assert_false(of_child("sh", "= =", " ", "OTHER=--perf").asked);
}

static void generated_code_is_measured(void **state)
{
	size_t size = 12 * 4096;
	void *code = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct maps m;
	struct runtime r;

	assert_true(code != MAP_FAILED);
	assert_int_equal(maps_read((uint32_t)getpid(), &m), 0);
	runtime_read((uint32_t)getpid(), &m, &r);
	assert_true(r.generated >= size);
	assert_null(r.row);
	assert_string_equal(r.remedy, "");
	maps_free(&m);
	munmap(code, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_are_recognised),
		cmocka_unit_test(words_are_found),
		cmocka_unit_test(generated_code_is_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
