/* signals.c - half of the time in a signal handler that interrupts a path of depth 60: walking out of the
 * handler crosses the frame the kernel pushed.
 * Usage: signals [SECONDS]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <signal.h>
#include <sys/time.h>

#include "chain.h"

/* Signals come from here on only: on the way down the path is not that deep yet. */
FRAME uint64_t under_0(uint64_t ns)
{
	struct itimerval every = { { 0, 10000 }, { 0, 10000 } }, never = { 0 };
	uint64_t n;

	setitimer(ITIMER_REAL, &every, NULL);
	n = burn(ns);
	setitimer(ITIMER_REAL, &never, NULL);
	return n;
}

DEPTHS(CHAIN_LINK, under)

FRAME void signals_handler(int number)
{
	(void)number;
	burn_sink = burn(5 * MS);
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = signals_handler, .sa_flags = SA_RESTART };

	sigaction(SIGALRM, &act, NULL);
	burn_sink = under_60((uint64_t)(burn_arg(argc, argv, 1, 5) * 1e9));
	return 0;
}
