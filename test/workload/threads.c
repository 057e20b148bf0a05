/* threads.c - COUNT named threads ("worker-0" ..) that all burn, each in a function reached through its
 * own parity: even ones in even_work, odd ones in odd_work. Prints "tid NAME TID" lines at the start.
 * Usage: threads [COUNT [SECONDS]]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "burn.h"

static uint64_t stop_at;

FRAME uint64_t even_work(void)
{
	uint64_t x = 0;

	while (burn_wall_ns() < stop_at)
		x += burn(2 * MS);
	return x;
}

FRAME uint64_t odd_work(void)
{
	uint64_t x = 1;

	while (burn_wall_ns() < stop_at)
		x += burn(2 * MS);
	return x;
}

static FRAME void *thread_main(void *arg)
{
	unsigned int i = (unsigned int)(uintptr_t)arg;
	char name[16];

	snprintf(name, sizeof(name), "worker-%u", i % 100000);
	prctl(PR_SET_NAME, name);
	printf("tid %s %ld\n", name, syscall(SYS_gettid));
	fflush(stdout);
	burn_sink = i % 2 ? odd_work() : even_work();
	return NULL;
}

int main(int argc, char **argv)
{
	int count = (int)burn_arg(argc, argv, 1, 4);
	pthread_t at[count];

	stop_at = burn_wall_ns() + (uint64_t)(burn_arg(argc, argv, 2, 5) * 1e9);
	for (int i = 0; i < count; i++)
		if (pthread_create(&at[i], NULL, thread_main, (void *)(uintptr_t)i))
			return 1;
	for (int i = 0; i < count; i++)
		pthread_join(at[i], NULL);
	return 0;
}
