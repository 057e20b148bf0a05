/* manykeys.c - THREADS threads that each wait once in each of 2^LEVELS stacks: a path of LEVELS functions,
 * each either key_left or key_right by a bit of the number. So there are THREADS x 2^LEVELS distinct pairs of
 * (task, stack), one wait of a tenth of a millisecond each, in key_wait. Prints "truth keys N seconds S"; a nap
 * whose timer was faster than the way to sleep, by the kernel's count of switches, is no key.
 * Usage: manykeys [THREADS [LEVELS]]
 * CFLAGS: -D_GNU_SOURCE -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <pthread.h>
#include <sys/resource.h>

#include "wait.h"

static unsigned int levels;
static uint64_t slept, keys;

static long switches(void)
{
	struct rusage r;

	getrusage(RUSAGE_THREAD, &r);
	return r.ru_nvcsw;
}

FRAME void key_wait(void)
{
	long before = switches();
	uint64_t since = burn_wall_ns();

	wait_sleep_ns(100000);
	__atomic_fetch_add(&slept, burn_wall_ns() - since, __ATOMIC_RELAXED);
	__atomic_fetch_add(&keys, switches() != before, __ATOMIC_RELAXED);
}

FRAME uint64_t key_right(unsigned int path, unsigned int left);

FRAME uint64_t key_left(unsigned int path, unsigned int left)
{
	if (!left) {
		key_wait();
		return 0;
	}
	return (path & 1 ? key_right(path >> 1, left - 1) : key_left(path >> 1, left - 1)) + 1;
}

FRAME uint64_t key_right(unsigned int path, unsigned int left)
{
	if (!left) {
		key_wait();
		return 0;
	}
	return (path & 1 ? key_right(path >> 1, left - 1) : key_left(path >> 1, left - 1)) + 2;
}

static FRAME void *key_thread(void *arg)
{
	for (unsigned int path = 0; path < 1u << levels; path++)
		burn_sink = (uint64_t)(uintptr_t)arg + key_left(path, levels);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned int threads = (unsigned int)burn_arg(argc, argv, 1, 100);
	uint64_t begun = burn_wall_ns();
	pthread_t t[threads ? threads : 1];

	levels = (unsigned int)burn_arg(argc, argv, 2, 10);
	for (uintptr_t i = 0; i < threads; i++)
		WAIT_OR_DIE(pthread_create(&t[i], NULL, key_thread, (void *)i) == 0, "pthread_create");
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	printf("truth keys %llu seconds %.6f slept %.6f\n", (unsigned long long)keys,
	       (double)(burn_wall_ns() - begun) / 1e9, (double)slept / 1e9);
	return 0;
}
