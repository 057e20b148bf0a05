/* steps.c - a fixed amount of work in a path of depth 60, in PROCESSES processes at a time: how long it takes
 * with and without a profiler is what the profiler costs. Prints "truth chunks N seconds S cpu C".
 * Usage: steps [CHUNKS [PROCESSES]]   (a chunk is 20000 dependent multiplications, some 25 us)
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain.h"

FRAME uint64_t step_0(uint64_t chunks)
{
	uint64_t x = 1;

	while (chunks--) {
		for (int i = 0; i < 20000; i++)
			x = x * 6364136223846793005ull + 1442695040888963407ull;
		burn_sink = x;
	}
	return x;
}

DEPTHS(CHAIN_LINK, step)

int main(int argc, char **argv)
{
	uint64_t chunks = (uint64_t)burn_arg(argc, argv, 1, 100000), begun = burn_wall_ns();
	int processes = (int)burn_arg(argc, argv, 2, 1);
	struct rusage all;

	for (int i = 0; i < processes; i++)
		if (fork() == 0) {
			for (uint64_t done = 0; done < chunks; done += 400)
				burn_sink = step_60(400);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	getrusage(RUSAGE_CHILDREN, &all);
	fprintf(stderr, "truth chunks %llu seconds %.3f cpu %.3f\n", (unsigned long long)chunks,
		(double)(burn_wall_ns() - begun) / 1e9,
		(double)(all.ru_utime.tv_sec + all.ru_stime.tv_sec) +
			(double)(all.ru_utime.tv_usec + all.ru_stime.tv_usec) / 1e6);
	return 0;
}
