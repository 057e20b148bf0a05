/* convoy.c - THREADS threads that switch a lot, 60 functions deep without frame pointers: what it costs to
 * look at every switch. ring: each waits for the one before it and wakes the one after it, so every step is a
 * switch. mutex: all want one pthread mutex and compute a little while they have it (convoy_hold).
 * Prints "truth steps N seconds S cpu C waited W locking L": for mutex, how long all waited for it, and how
 * much of that they computed on the way to sleep and back (two system calls and two switches each time).
 * Usage: convoy [STEPS [THREADS [ring|mutex]]]   (steps of all threads together)
 * CFLAGS: -D_GNU_SOURCE -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "chain.h"
#include "wait.h"

enum { THREADS_MAX = 1000, HOLD = 20000 };

static uint64_t steps, threads, waited, locking;
static int contended;
static sem_t turn[THREADS_MAX];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t ready;

FRAME uint64_t convoy_hold(uint64_t x)
{
	for (int i = 0; i < HOLD; i++)
		x = x * 6364136223846793005ull + 1442695040888963407ull;
	burn_sink = x;
	return x;
}

FRAME void convoy_lock(uint64_t *ns, uint64_t *cpu)
{
	uint64_t since = burn_wall_ns(), ran = burn_cpu_ns();

	pthread_mutex_lock(&mutex);
	*cpu += burn_cpu_ns() - ran;
	*ns += burn_wall_ns() - since;
}

FRAME void convoy_turn(uint64_t me)
{
	while (sem_wait(&turn[me]))
		;
	sem_post(&turn[(me + 1) % threads]);
}

FRAME uint64_t convoy_0(uint64_t me)
{
	uint64_t ns = 0, cpu = 0;

	for (uint64_t i = me; i < steps; i += threads) {
		if (!contended) {
			convoy_turn(me);
			continue;
		}
		convoy_lock(&ns, &cpu);
		convoy_hold(i);
		pthread_mutex_unlock(&mutex);
	}
	__atomic_fetch_add(&waited, ns, __ATOMIC_RELAXED);
	__atomic_fetch_add(&locking, cpu, __ATOMIC_RELAXED);
	return ns;
}

DEPTHS(CHAIN_LINK, convoy)

static FRAME void *convoy_thread(void *arg)
{
	pthread_barrier_wait(&ready);
	burn_sink = convoy_60((uint64_t)(uintptr_t)arg);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t[THREADS_MAX];
	uint64_t begun;

	steps = (uint64_t)burn_arg(argc, argv, 1, 100000);
	threads = (uint64_t)burn_arg(argc, argv, 2, 200);
	contended = argc > 3 && strcmp(argv[3], "mutex") == 0;
	if (threads < 1 || threads > THREADS_MAX)
		return 2;
	steps -= steps % threads; /* so that the ring ends everywhere */
	pthread_barrier_init(&ready, NULL, (unsigned int)threads + 1);
	for (uint64_t i = 0; i < threads; i++) {
		sem_init(&turn[i], 0, i == 0);
		WAIT_OR_DIE(pthread_create(&t[i], NULL, convoy_thread, (void *)i) == 0, "pthread_create");
	}
	pthread_barrier_wait(&ready);
	begun = burn_wall_ns();
	for (uint64_t i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	printf("truth steps %llu seconds %.6f cpu %.6f waited %.6f locking %.6f\n", (unsigned long long)steps,
	       (double)(burn_wall_ns() - begun) / 1e9, (double)burn_clock(CLOCK_PROCESS_CPUTIME_ID) / 1e9,
	       (double)waited / 1e9, (double)locking / 1e9);
	return 0;
}
