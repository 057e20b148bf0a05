/* nested.c - signal handlers three deep in every thread: SIGALRM's is interrupted by SIGUSR1's, which
 * runs on an alternate stack and touches a page that SIGSEGV's must first make readable. The time is
 * spent in each of the three. Walking out crosses three frames that the kernel pushed.
 * Usage: nested [SECONDS [THREADS]]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "burn.h"

static __thread char *nested_page;
static uint64_t nested_ns;

FRAME void nested_third(int number, siginfo_t *info, void *context)
{
	volatile char pad[300];

	(void)number;
	(void)context;
	pad[7] = 1;
	burn_sink = burn(3 * MS) + (uint64_t)pad[7];
	if (info->si_addr != nested_page || mprotect(nested_page, 4096, PROT_READ))
		_exit(3);
}

FRAME void nested_second(int number)
{
	burn_sink = burn(3 * MS);
	mprotect(nested_page, 4096, PROT_NONE);
	burn_sink = (uint64_t)*(volatile char *)nested_page + (uint64_t)number;
}

FRAME void nested_first(int number)
{
	volatile char pad[120];

	pad[3] = (char)number;
	burn_sink = burn(3 * MS);
	syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), SIGUSR1);
	burn_sink = burn(1 * MS) + (uint64_t)pad[3];
}

FRAME uint64_t nested_base(uint64_t ns)
{
	uint64_t end = burn_cpu_ns() + ns;

	do
		syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), SIGALRM);
	while (burn_cpu_ns() < end);
	return end;
}

static FRAME void *nested_thread(void *arg)
{
	char *stack = malloc(65536);
	stack_t other = {.ss_sp = stack, .ss_size = 65536};

	nested_page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaltstack(&other, NULL);
	burn_sink = nested_base(nested_ns);
	return arg;
}

int main(int argc, char **argv)
{
	int n = (int)burn_arg(argc, argv, 2, 2);
	struct sigaction first = {.sa_handler = nested_first, .sa_flags = SA_NODEFER},
			 second = {.sa_handler = nested_second, .sa_flags = SA_ONSTACK},
			 third = {.sa_sigaction = nested_third, .sa_flags = SA_SIGINFO};
	pthread_t at[n];

	nested_ns = (uint64_t)(burn_arg(argc, argv, 1, 5) * 1e9) / (uint64_t)n;
	sigaction(SIGALRM, &first, NULL);
	sigaction(SIGUSR1, &second, NULL);
	sigaction(SIGSEGV, &third, NULL);
	for (int i = 1; i < n; i++)
		if (pthread_create(&at[i], NULL, nested_thread, NULL))
			return 1;
	nested_thread(NULL);
	for (int i = 1; i < n; i++)
		pthread_join(at[i], NULL);
	return 0;
}
