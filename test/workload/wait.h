/* wait.h - the truth about waiting, for the workloads that do: every wait is timed around the call that
 * waits, and the time the thread was ready but had no processor comes from the kernel's own account
 * (/proc/thread-self/schedstat), so what is left is what it was blocked. Printed as
 *   truth waits N seconds S longest L queue Q cpu C elapsed E switches W tid T
 * where seconds are around the N waits, and queue, cpu, elapsed and switches (those that the thread made
 * itself, to wait: a call whose answer was there first makes none) are of the thread from begin to end.
 */
#ifndef WAGGLE_TEST_WAIT_H
#define WAGGLE_TEST_WAIT_H

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "burn.h"

struct wait_truth {
	uint64_t n, ns, longest, since; /* since: of the wait that is going on */
	uint64_t begun, queue, cpu;     /* at the beginning */
	long switches;
};

static inline long wait_switches(void)
{
	struct rusage u;

	return getrusage(RUSAGE_THREAD, &u) ? 0 : u.ru_nvcsw;
}

static inline uint64_t wait_queue_ns(void)
{
	unsigned long long ran, queued = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	if (f && fscanf(f, "%llu %llu", &ran, &queued) != 2)
		queued = 0;
	if (f)
		fclose(f);
	return queued;
}

static inline void wait_begin(struct wait_truth *t)
{
	*t = (struct wait_truth){ .queue = wait_queue_ns() };
	t->switches = wait_switches();
	t->begun = burn_wall_ns();
	t->cpu = burn_cpu_ns();
}

static inline void wait_enter(struct wait_truth *t)
{
	t->since = burn_wall_ns();
}

static inline void wait_leave(struct wait_truth *t)
{
	uint64_t took = burn_wall_ns() - t->since;

	t->n++;
	t->ns += took;
	if (took > t->longest)
		t->longest = took;
}

/* `name` comes first, for programs that print several. */
static inline void wait_print(const struct wait_truth *t, const char *name)
{
	long switches = wait_switches() - t->switches;
	double cpu = (double)(burn_cpu_ns() - t->cpu) / 1e9;
	double elapsed = (double)(burn_wall_ns() - t->begun) / 1e9;

	printf("%s%struth waits %llu seconds %.6f longest %.6f queue %.6f cpu %.6f elapsed %.6f "
	       "switches %ld tid %ld\n",
	       name, *name ? ": " : "", (unsigned long long)t->n, (double)t->ns / 1e9, (double)t->longest / 1e9,
	       (double)(wait_queue_ns() - t->queue) / 1e9, cpu, elapsed, switches, syscall(SYS_gettid));
	fflush(stdout);
}

/* Sleeps for the whole time, whatever signals come. */
static inline void wait_sleep_ns(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

#define WAIT_OR_DIE(condition, what)          \
	do {                                  \
		if (!(condition)) {           \
			perror(what);         \
			exit(1);              \
		}                             \
	} while (0)

#endif
