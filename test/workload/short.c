/* short.c - processes that are gone before anybody can look at them: forks COUNT children, PARALLEL
 * at a time, each burning MS milliseconds of processor time in a path of depth 20 and then exiting.
 * With "exec" each child first executes this file anew. Prints "truth children N longest_ms X cpu S work W": all
 * processor time of the children, and what of it they used in the path (each exits with its milliseconds).
 * Usage: short [COUNT [MS [PARALLEL [exec]]]]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain.h"

/* Ends at the CPU budget or, on a busy machine, before 48 ms have passed: the point is to be short. */
FRAME uint64_t short_0(uint64_t ns)
{
	uint64_t limit = burn_wall_ns() + 44 * MS, x = 0;

	for (uint64_t used = 0; used < ns && burn_wall_ns() < limit; used += MS)
		x += burn(MS);
	return x;
}

#define SHORT_20(X, p)                                                                          \
	X(p, 1, 0) X(p, 2, 1) X(p, 3, 2) X(p, 4, 3) X(p, 5, 4) X(p, 6, 5) X(p, 7, 6) X(p, 8, 7) \
	X(p, 9, 8) X(p, 10, 9) X(p, 11, 10) X(p, 12, 11) X(p, 13, 12) X(p, 14, 13)              \
	X(p, 15, 14) X(p, 16, 15) X(p, 17, 16) X(p, 18, 17) X(p, 19, 18) X(p, 20, 19)

SHORT_20(CHAIN_LINK, short)

enum { SHORT_FAILED = 255 };

static uint64_t longest, work_ms;

static void short_reap(uint64_t *started, pid_t *pids, int n)
{
	int status = 0;
	pid_t pid = wait(&status);

	if (WIFEXITED(status) && WEXITSTATUS(status) < SHORT_FAILED)
		work_ms += (uint64_t)WEXITSTATUS(status);

	for (int i = 0; i < n; i++)
		if (pids[i] == pid) {
			uint64_t lived = burn_wall_ns() - started[i];

			longest = lived > longest ? lived : longest;
			pids[i] = 0;
		}
}

static void short_child(double ms, int exec)
{
	char text[32], *path;
	uint64_t begun, used;

	if (exec) {
		snprintf(text, sizeof(text), "%g", ms);
		path = realpath("/proc/self/exe", NULL); /* a link would become its name */
		execl(path, "short", "child", text, NULL);
		_exit(SHORT_FAILED);
	}
	begun = burn_cpu_ns();
	burn_sink = short_20((uint64_t)(ms * 1e6));
	used = (burn_cpu_ns() - begun + MS / 2) / MS;
	_exit(used < SHORT_FAILED ? (int)used : SHORT_FAILED - 1);
}

int main(int argc, char **argv)
{
	int count, parallel, exec, running = 0;
	double ms = burn_arg(argc, argv, 2, 25);
	struct rusage all;

	if (argc > 1 && !strcmp(argv[1], "child"))
		short_child(ms, 0);
	count = (int)burn_arg(argc, argv, 1, 500);
	parallel = (int)burn_arg(argc, argv, 3, 2);
	exec = argc > 4;
	pid_t pids[parallel];
	uint64_t started[parallel];
	memset(pids, 0, sizeof(pids));
	for (int n = 0; n < count; n++) {
		if (running == parallel)
			short_reap(started, pids, parallel), running--;
		for (int i = 0; i < parallel; i++)
			if (!pids[i]) {
				started[i] = burn_wall_ns();
				pids[i] = fork();
				if (!pids[i])
					short_child(ms, exec);
				break;
			}
		running++;
	}
	while (running--)
		short_reap(started, pids, parallel);
	getrusage(RUSAGE_CHILDREN, &all);
	fprintf(stderr, "truth children %d longest_ms %.1f cpu %.3f work %.3f\n", count, (double)longest / 1e6,
		(double)(all.ru_utime.tv_sec + all.ru_stime.tv_sec) +
			(double)(all.ru_utime.tv_usec + all.ru_stime.tv_usec) / 1e6,
		(double)work_ms / 1e3);
	return 0;
}
