/* split.c - burns 70, 20 and 10 % of its processor time in three call paths of depth 60, for tests of
 * how true a profile is. The split is driven by the thread's CPU clock, and the measured truth is
 * printed to standard error at the end: "truth hot70 0.7001 hot20 0.1999 hot10 0.1000 cpu 3.99".
 * Usage: split [SECONDS [PROCESSES [THREADS]]]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain.h"

FRAME uint64_t hot70_0(uint64_t ns)
{
	return burn(ns);
}

FRAME uint64_t hot20_0(uint64_t ns)
{
	return burn(ns) + 1;
}

FRAME uint64_t hot10_0(uint64_t ns)
{
	return burn(ns) + 2;
}

DEPTHS(CHAIN_LINK, hot70)
DEPTHS(CHAIN_LINK, hot20)
DEPTHS(CHAIN_LINK, hot10)

static const struct path {
	const char *name;
	double share;
	uint64_t (*top)(uint64_t);
} paths[] = { { "hot70", 0.7, hot70_60 }, { "hot20", 0.2, hot20_60 }, { "hot10", 0.1, hot10_60 } };
#define N_PATHS 3

static double seconds;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t spent_all[N_PATHS];

/* Runs whichever path is furthest behind its share for that share of 160 to 240 ms: long against a
 * sampling period, so that few samples suffice, and of varying length, so that it cannot run in step
 * with a sampling timer. */
static FRAME void *split_run(void *arg)
{
	uint64_t end = burn_wall_ns() + (uint64_t)(seconds * 1e9), spent[N_PATHS] = { 0 }, total = 0;
	uint32_t random = 12345 + (uint32_t)(uintptr_t)arg;

	while (burn_wall_ns() < end) {
		int next = 0;
		double most = -1e18;

		for (int i = 0; i < N_PATHS; i++) {
			double behind = paths[i].share * (double)total - (double)spent[i];

			if (behind > most)
				most = behind, next = i;
		}
		random = random * 1664525u + 1013904223u;
		uint64_t before = burn_cpu_ns();
		burn_sink = paths[next].top(
			(uint64_t)(paths[next].share * (double)(160 * MS + random % (80 * MS))));
		uint64_t used = burn_cpu_ns() - before;
		spent[next] += used;
		total += used;
	}
	pthread_mutex_lock(&lock);
	for (int i = 0; i < N_PATHS; i++)
		spent_all[i] += spent[i];
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void split_print(void)
{
	double total = 0;

	for (int i = 0; i < N_PATHS; i++)
		total += (double)spent_all[i];
	fprintf(stderr, "truth");
	for (int i = 0; i < N_PATHS; i++)
		fprintf(stderr, " %s %.4f", paths[i].name, (double)spent_all[i] / total);
	fprintf(stderr, " cpu %.3f\n", total / 1e9);
}

int main(int argc, char **argv)
{
	int processes = (int)burn_arg(argc, argv, 2, 1), threads = (int)burn_arg(argc, argv, 3, 1);
	pthread_t more[threads > 1 ? threads : 1];

	seconds = burn_arg(argc, argv, 1, 5);
	for (int i = 1; i < processes; i++)
		if (fork() == 0)
			break;
	for (int i = 1; i < threads; i++)
		pthread_create(&more[i], NULL, split_run, (void *)(uintptr_t)(i + 1));
	split_run((void *)(uintptr_t)getpid());
	for (int i = 1; i < threads; i++)
		pthread_join(more[i], NULL);
	while (wait(NULL) > 0)
		;
	split_print();
	return 0;
}
