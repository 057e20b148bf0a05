/* asleep.c - threads that never run while anybody looks: COUNT threads (named "asleep-N") that wait for ever, by
 * turns on a pipe (asleep_pipe), a futex (asleep_lock), in poll (asleep_poll) and sleeping (asleep_sleep).
 * Prints "asleep" when all are, and ends when it is killed.
 * Usage: asleep [COUNT]
 * CFLAGS: -D_GNU_SOURCE -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>

#include "wait.h"

static int nothing[2];
static sem_t never;

FRAME void asleep_pipe(void)
{
	char c;

	burn_sink = (uint64_t)read(nothing[0], &c, 1);
}

FRAME void asleep_lock(void)
{
	while (sem_wait(&never))
		;
}

FRAME void asleep_poll(void)
{
	struct pollfd p = { .fd = nothing[0], .events = POLLIN };

	poll(&p, 1, -1);
}

FRAME void asleep_sleep(void)
{
	wait_sleep_ns(1000000000ull * 86400);
}

static FRAME void *asleep_thread(void *arg)
{
	static void (*const ways[])(void) = { asleep_pipe, asleep_lock, asleep_poll, asleep_sleep };
	unsigned int i = (unsigned int)(uintptr_t)arg;
	char name[16];

	snprintf(name, sizeof(name), "asleep-%u", i % 10000);
	prctl(PR_SET_NAME, name);
	ways[i % 4]();
	return NULL;
}

int main(int argc, char **argv)
{
	uintptr_t count = (uintptr_t)burn_arg(argc, argv, 1, 8);
	pthread_t t;

	prctl(PR_SET_PDEATHSIG, 9);
	WAIT_OR_DIE(pipe(nothing) == 0 && sem_init(&never, 0, 0) == 0, "pipe");
	for (uintptr_t i = 0; i < count; i++)
		WAIT_OR_DIE(pthread_create(&t, NULL, asleep_thread, (void *)i) == 0, "pthread_create");
	wait_sleep_ns(300 * MS);
	printf("asleep %d\n", (int)getpid());
	fflush(stdout);
	for (;;)
		pause();
}
