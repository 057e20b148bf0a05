/* ready.c - THREADS threads that want to compute all the time but have to share the processors they are
 * bound to: they are ready, not blocked. burn: until they are preempted; yield: they give the processor away
 * after each piece of work, in give_away. CPU -1 = not bound. Each prints the truth (wait.h): its queue time.
 * Usage: ready [SECONDS [THREADS [burn|yield [CPU]]]]
 * CFLAGS: -D_GNU_SOURCE -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

#include "wait.h"

static uint64_t until;
static int yields;

FRAME void give_away(void)
{
	sched_yield();
}

FRAME void busy_work(void)
{
	struct wait_truth truth;

	wait_begin(&truth);
	while (burn_wall_ns() < until) {
		for (int i = 0; i < 100000; i++)
			burn_sink = burn_sink * 6364136223846793005ull + 1442695040888963407ull;
		if (yields)
			give_away();
	}
	wait_print(&truth, "");
}

static FRAME void *busy_thread(void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "busy-%u", (unsigned int)(uintptr_t)arg % 1000);
	prctl(PR_SET_NAME, name);
	busy_work();
	return NULL;
}

int main(int argc, char **argv)
{
	long threads = (long)burn_arg(argc, argv, 2, 2), cpu = (long)burn_arg(argc, argv, 4, 0);
	pthread_t t[threads > 0 ? threads : 1];

	until = burn_wall_ns() + (uint64_t)(burn_arg(argc, argv, 1, 5) * 1e9);
	yields = argc > 3 && strcmp(argv[3], "yield") == 0;
	if (cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		WAIT_OR_DIE(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
	}
	for (long i = 0; i < threads; i++)
		WAIT_OR_DIE(pthread_create(&t[i], NULL, busy_thread, (void *)i) == 0, "pthread_create");
	for (long i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	return 0;
}
