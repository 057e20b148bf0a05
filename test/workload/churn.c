/* churn.c - threads that burn in paths of depth 60 while others map and unmap memory as fast as they can:
 * every look-up of a mapping runs against a tree that changes under it. Prints "truth churns N cpu S" (N
 * maps and unmaps, S the processor seconds burnt in the paths).
 * Usage: churn [SECONDS [BURNERS [CHURNERS]]]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "chain.h"

enum { HELD = 64, PAGES = 4, THREADS_MAX = 64 };

static uint64_t stop_at;
static atomic_ullong churns, burnt;

FRAME uint64_t stay_0(uint64_t ns)
{
	return burn(ns);
}

DEPTHS(CHAIN_LINK, stay)

static void *churn_burn(void *arg)
{
	uint64_t before = burn_cpu_ns();

	prctl(PR_SET_NAME, "churn-burn");
	while (burn_wall_ns() < stop_at)
		burn_sink = stay_60(20 * MS);
	atomic_fetch_add(&burnt, burn_cpu_ns() - before);
	return arg;
}

/* Protections differ between neighbours, so that mappings are not merged and nodes split and join. */
static void *churn_map(void *arg)
{
	size_t bytes = PAGES * (size_t)sysconf(_SC_PAGESIZE);
	void *held[HELD] = { NULL };
	unsigned long long n = 0;

	prctl(PR_SET_NAME, "churn-map");
	while (burn_wall_ns() < stop_at) {
		void **at = &held[(n * 37) % HELD];

		if (*at)
			munmap(*at, bytes);
		*at = mmap(NULL, bytes, n % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (*at == MAP_FAILED)
			*at = NULL;
		n++;
	}
	atomic_fetch_add(&churns, n);
	return arg;
}

int main(int argc, char **argv)
{
	int burners = (int)burn_arg(argc, argv, 2, 2), all = burners + (int)burn_arg(argc, argv, 3, 1);
	pthread_t at[THREADS_MAX];

	if (burners < 0 || all > THREADS_MAX)
		return 2;
	stop_at = burn_wall_ns() + (uint64_t)(burn_arg(argc, argv, 1, 5) * 1e9);
	for (int i = 0; i < all; i++)
		if (pthread_create(&at[i], NULL, i < burners ? churn_burn : churn_map, NULL))
			return 1;
	for (int i = 0; i < all; i++)
		pthread_join(at[i], NULL);
	fprintf(stderr, "truth churns %llu cpu %.3f\n", (unsigned long long)churns, (double)burnt / 1e9);
	return 0;
}
