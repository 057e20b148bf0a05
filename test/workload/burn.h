/* burn.h - processor time by the clock, for the workloads: the time a path burns is measured by the
 * thread's own CPU clock, so the truth does not depend on how fast the loop happens to run.
 */
#ifndef WAGGLE_TEST_BURN_H
#define WAGGLE_TEST_BURN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Keeps a function a frame of its own whatever the optimizer would like. */
#if defined(__clang__)
#define FRAME __attribute__((noinline, used))
#else
#define FRAME __attribute__((noinline, noclone, noipa, used))
#endif

#define MS 1000000ull

static volatile uint64_t burn_sink;

static inline uint64_t burn_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static inline uint64_t burn_cpu_ns(void)
{
	return burn_clock(CLOCK_THREAD_CPUTIME_ID);
}

static inline uint64_t burn_wall_ns(void)
{
	return burn_clock(CLOCK_MONOTONIC);
}

/* Burns `ns` of this thread's processor time in the function it is inlined into. The clock is a
 * system call, so it is read once in some 20 us. */
static inline __attribute__((always_inline)) uint64_t burn(uint64_t ns)
{
	uint64_t end = burn_cpu_ns() + ns, x = end | 1;

	do {
		for (int i = 0; i < 20000; i++)
			x = x * 6364136223846793005ull + 1442695040888963407ull;
		burn_sink = x;
	} while (burn_cpu_ns() < end);
	return x;
}

static inline double burn_arg(int argc, char **argv, int i, double otherwise)
{
	return argc > i ? atof(argv[i]) : otherwise;
}

#endif
