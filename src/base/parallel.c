/* parallel.c - see parallel.h. */
#include "base/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"

#define THREADS_MAX     16u
#define THREADS_DEFAULT 4u

struct parallel {
	atomic_size_t next;
	size_t n;
	void (*fn)(void *ctx, size_t i);
	void *ctx;
	atomic_uint_fast64_t *cpu; /* of the others */
};

static _Thread_local atomic_uint_fast64_t *parallel_cpu;

static void *parallel_help(void *arg)
{
	struct parallel *p = arg;
	uint64_t told = 0, now;
	size_t i;

	parallel_cpu = p->cpu;
	while ((i = atomic_fetch_add(&p->next, 1)) < p->n) {
		p->fn(p->ctx, i);
		if (!p->cpu)
			continue;
		now = clock_thread_cpu_ns();
		atomic_fetch_add(p->cpu, now - told);
		told = now;
	}
	return NULL;
}

void parallel_account(atomic_uint_fast64_t *to)
{
	parallel_cpu = to;
}

static unsigned int parallel_default(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (n < 1)
		return 1;
	return n < (long)THREADS_DEFAULT ? (unsigned int)n : THREADS_DEFAULT;
}

void parallel_run(unsigned int threads, size_t n, void (*fn)(void *ctx, size_t i), void *ctx)
{
	struct parallel p = {.n = n, .fn = fn, .ctx = ctx, .cpu = parallel_cpu};
	size_t i;
	pthread_t others[THREADS_MAX];
	sigset_t all, before;
	unsigned int made = 0;

	if (!threads)
		threads = parallel_default();
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	/* Signals are for the caller's threads. A fault that is blocked would kill (see filemap.h). */
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (made + 1 < threads && made + 1 < n &&
	       pthread_create(&others[made], NULL, parallel_help, &p) == 0)
		made++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	while ((i = atomic_fetch_add(&p.next, 1)) < n)
		fn(ctx, i);
	while (made)
		pthread_join(others[--made], NULL);
}
