/* handoff.c - three threads hand on: A waits for B (a semaphore, a_waits), B waits for C (a pipe, b_waits), C
 * sleeps MS milliseconds (c_waits), or with FILE reads a block of it with O_DIRECT. COUNT rounds. Each prints
 * the truth of its waits, "A: truth .." and so on (wait.h).
 * Usage: handoff [COUNT [MS [FILE]]]
 * CFLAGS: -D_GNU_SOURCE -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "wait.h"

enum { BLOCK = 4096, BLOCKS = 1024 };

static uint64_t count, ns;
static int file = -1, to_b[2];
static sem_t to_a, to_c; /* C starts the next round when A says so */

FRAME void c_waits(struct wait_truth *truth, void *block, uint64_t i)
{
	wait_enter(truth);
	if (file < 0)
		wait_sleep_ns(ns);
	else
		WAIT_OR_DIE(pread(file, block, BLOCK, (off_t)(i * 37 % BLOCKS * BLOCK)) == BLOCK, "pread");
	wait_leave(truth);
}

FRAME void *c_thread(void *name)
{
	void *block = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct wait_truth truth;
	char c = 0;

	prctl(PR_SET_NAME, name);
	wait_begin(&truth);
	for (uint64_t i = 0; i < count; i++) {
		while (sem_wait(&to_c))
			;
		c_waits(&truth, block, i);
		WAIT_OR_DIE(write(to_b[1], &c, 1) == 1, "write");
	}
	wait_print(&truth, "C");
	return NULL;
}

FRAME void b_waits(struct wait_truth *truth)
{
	char c;

	wait_enter(truth);
	WAIT_OR_DIE(read(to_b[0], &c, 1) == 1, "read");
	wait_leave(truth);
}

FRAME void *b_thread(void *name)
{
	struct wait_truth truth;

	prctl(PR_SET_NAME, name);
	wait_begin(&truth);
	for (uint64_t i = 0; i < count; i++) {
		b_waits(&truth);
		sem_post(&to_a);
	}
	wait_print(&truth, "B");
	return NULL;
}

FRAME void a_waits(struct wait_truth *truth)
{
	wait_enter(truth);
	while (sem_wait(&to_a))
		;
	wait_leave(truth);
}

FRAME void *a_thread(void *name)
{
	struct wait_truth truth;

	prctl(PR_SET_NAME, name);
	wait_begin(&truth);
	for (uint64_t i = 0; i < count; i++) {
		sem_post(&to_c);
		a_waits(&truth);
	}
	wait_print(&truth, "A");
	return NULL;
}

int main(int argc, char **argv)
{
	static void *(*const run[])(void *) = { c_thread, b_thread, a_thread };
	static char *names[] = { "thread-c", "thread-b", "thread-a" };
	pthread_t t[3];

	count = (uint64_t)burn_arg(argc, argv, 1, 100);
	ns = (uint64_t)(burn_arg(argc, argv, 2, 10) * 1e6);
	if (argc > 3)
		WAIT_OR_DIE((file = open(argv[3], O_RDONLY | O_DIRECT | O_CLOEXEC)) >= 0, argv[3]);
	WAIT_OR_DIE(pipe(to_b) == 0 && sem_init(&to_a, 0, 0) == 0 && sem_init(&to_c, 0, 0) == 0, "pipe");
	for (int i = 0; i < 3; i++)
		WAIT_OR_DIE(pthread_create(&t[i], NULL, run[i], names[i]) == 0, "pthread_create");
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	return 0;
}
