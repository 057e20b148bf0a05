/* child_test.c - a held command does nothing before its release, and tells how it ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/child.h"
#include "process/lookup.h"

static void held_until_released(void **state)
{
	char path[] = "/tmp/waggle-child-XXXXXX", *argv[] = { "rm", path, NULL };
	struct child c;
	struct err e = { 0 };

	close(mkstemp(path));
	assert_int_equal(child_start(&c, argv, 0, &e), 0);
	assert_false(child_stop(&c, 0, 50));
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(child_release(&c, argv, &e), 0);
	assert_true(child_stop(&c, 0, 5000));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(WEXITSTATUS(c.status), 0);
	child_done(&c);
}

static void exit_code_and_signal(void **state)
{
	char *seven[] = { "sh", "-c", "exit 7", NULL }, *sleeper[] = { "sleep", "100", NULL };
	struct child c;

	assert_int_equal(child_start(&c, seven, 0, NULL), 0);
	assert_int_equal(child_release(&c, seven, NULL), 0);
	assert_true(child_stop(&c, 0, 5000));
	assert_int_equal(WEXITSTATUS(c.status), 7);
	child_done(&c);
	assert_int_equal(child_start(&c, sleeper, 0, NULL), 0);
	assert_int_equal(child_release(&c, sleeper, NULL), 0);
	assert_true(child_stop(&c, SIGTERM, 5000));
	assert_true(WIFSIGNALED(c.status));
	child_done(&c);
}

static void what_cannot_run_is_said(void **state)
{
	char *argv[] = { "/nonexistent/program", NULL };
	struct child c;
	struct err e = { 0 };

	assert_int_equal(child_start(&c, argv, 0, &e), 0);
	assert_int_equal(child_release(&c, argv, &e), -ESRCH);
	assert_non_null(strstr(e.text, "/nonexistent/program"));
	child_done(&c);
}

static void never_released_leaves_on_its_own(void **state)
{
	char *argv[] = { "true", NULL };
	struct child c;
	int status;

	assert_int_equal(child_start(&c, argv, 0, NULL), 0);
	child_done(&c);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_int_equal(WEXITSTATUS(status), 127);
}

static void lookups(void **state)
{
	struct cpu_list cpus;
	struct err e = { 0 };
	char comm[32];
	int fd;

	assert_true(process_exists((uint32_t)getpid()));
	assert_false(process_exists(4194305));
	assert_true(process_comm((uint32_t)getpid(), comm, sizeof(comm)));
	assert_string_equal(comm, "child_test");
	assert_int_equal(process_of_thread((uint32_t)getpid()), getpid());
	assert_false(process_named("child_test")); /* ourselves do not count */
	assert_int_equal(process_watch(4194303), -ESRCH);
	fd = process_watch((uint32_t)getppid());
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(cpus_online(&cpus), 0);
	assert_int_equal(cpus.list.n, sysconf(_SC_NPROCESSORS_ONLN));
	{
		struct cpu_absence before = cpus_absence(&cpus), after;

		usleep(300000); /* one of the processors sleeps meanwhile, or the machine is full */
		after = cpus_absence(&cpus);
		assert_true(after.idle >= before.idle && after.stolen >= before.stolen);
		assert_true(after.idle - before.idle < 400000000ull * cpus.list.n);
		assert_true(before.idle > 0);
	}
	VEC_FREE(&cpus.list);
	assert_true(cgroup_open("no/such/group", &e) < 0);
	assert_non_null(strstr(e.text, "no/such/group"));
	assert_true(cgroup_open("/proc", &e) < 0);
}

/* Starts a process that is the first of a pid namespace (where that is allowed) and ends when `until` has
 * nobody to write to it. In between is one of its own: whoever makes a namespace can only start that one. */
static pid_t start_inner(const int until[2], pid_t *ret_inner, bool *ret_own)
{
	struct {
		pid_t inner;
		bool own;
	} told = { 0 };
	int tell[2];
	pid_t between;

	assert_int_equal(pipe(tell), 0);
	between = fork();
	assert_true(between >= 0);
	if (!between) {
		char c;

		close(until[1]);
		told.own = unshare(CLONE_NEWPID) == 0;
		told.inner = fork();
		if (!told.inner)
			_exit(read(until[0], &c, 1) != 0);
		_exit(write(tell[1], &told, sizeof(told)) != sizeof(told) ||
		      waitpid(told.inner, NULL, 0) != told.inner);
	}
	assert_int_equal(read(tell[0], &told, sizeof(told)), sizeof(told));
	close(tell[0]);
	close(tell[1]);
	*ret_inner = told.inner;
	*ret_own = told.own;
	return between;
}

/* A process in a namespace of its own knows itself as 1. Without privileges: as itself. */
static void known_by_its_inner_pid(void **state)
{
	uint32_t self = (uint32_t)getpid();
	pid_t inner, between;
	int until[2], status;
	bool own;

	assert_int_equal(process_inner_pid(self), self);
	assert_int_equal(process_inner_pid(4194305), 4194305); /* there is none */
	assert_int_equal(pipe(until), 0);
	between = start_inner(until, &inner, &own);
	assert_true(inner > 0);
	assert_int_equal(process_inner_pid((uint32_t)inner), own ? 1 : (uint32_t)inner);
	assert_int_equal(process_of_thread((uint32_t)inner), (uint32_t)inner);
	close(until[0]);
	close(until[1]);
	assert_int_equal(waitpid(between, &status, 0), between);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(held_until_released),	   cmocka_unit_test(exit_code_and_signal),
		cmocka_unit_test(what_cannot_run_is_said), cmocka_unit_test(never_released_leaves_on_its_own),
		cmocka_unit_test(lookups),		   cmocka_unit_test(known_by_its_inner_pid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
