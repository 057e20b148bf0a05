/* depth.c - a known stack for measuring what one frame costs: THREADS threads 60 functions deep below
 * main or a thread's start, either computing (caches stay warm) or writing at random places of 64 MiB
 * each ("thrash": what the walk needs has left the caches by the next sample). Prints how much it got
 * done for its processor time: "truth chunks N cpu C".
 * Usage: depth [SECONDS [THREADS [warm|thrash]]]   (seconds of wall time)
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <pthread.h>
#include <string.h>

#include "chain.h"

enum { CHUNK = 200000, THRASH_CHUNK = 10000, WORDS = 64 << 17 };

static uint64_t until, done;
static int thrash;

/* One chunk is some 250 us of work, so that the two clocks read between chunks are no part of it. */
FRAME uint64_t depth_0(uint64_t seed)
{
	volatile uint64_t *memory = thrash ? calloc(WORDS, sizeof(*memory)) : NULL;
	uint64_t x = seed | 1, n = 0;

	do {
		for (int i = 0; memory && i < THRASH_CHUNK; i++) {
			x = x * 6364136223846793005ull + 1442695040888963407ull;
			memory[(x >> 33) & (WORDS - 1)] += x;
		}
		for (int i = 0; !memory && i < CHUNK; i++)
			x = x * 6364136223846793005ull + 1442695040888963407ull;
		burn_sink = x;
		n++;
	} while (burn_wall_ns() < until);
	__atomic_fetch_add(&done, n, __ATOMIC_RELAXED);
	return x;
}

DEPTHS(CHAIN_LINK, depth)

static void *depth_thread(void *arg)
{
	depth_60((uint64_t)(uintptr_t)arg);
	return NULL;
}

int main(int argc, char **argv)
{
	double seconds = burn_arg(argc, argv, 1, 5);
	long threads = (long)burn_arg(argc, argv, 2, 1);
	pthread_t t[64];

	thrash = argc > 3 && !strcmp(argv[3], "thrash");
	until = burn_wall_ns() + (uint64_t)(seconds * 1e9);
	for (long i = 1; i < threads && i < 64; i++)
		if (pthread_create(&t[i], NULL, depth_thread, (void *)i))
			return 1;
	burn_sink = depth_60(0);
	for (long i = 1; i < threads && i < 64; i++)
		pthread_join(t[i], NULL);
	fprintf(stderr, "truth chunks %llu cpu %.3f\n", (unsigned long long)done,
		(double)burn_clock(CLOCK_PROCESS_CPUTIME_ID) / 1e9);
	return 0;
}
