/* plt.c - calls a tiny function of another file all the time, so that many samples are in the linker's
 * call stubs, where no compiler described anything.
 * Usage: plt [SECONDS]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls -fno-builtin
 */
#include "burn.h"

#include <string.h>

static char plt_from[8] = "x", plt_to[8];

FRAME uint64_t plt_loop(uint64_t ns)
{
	uint64_t end = burn_cpu_ns() + ns, x = 1;

	while (burn_cpu_ns() < end)
		for (int i = 0; i < 10000; i++) {
			x += (uint64_t)labs((long)x);
			if (i % 8 == 0) /* an IFUNC: has a stub in static programs */
				memcpy(plt_to, plt_from, x & 7);
		}
	return x;
}

FRAME uint64_t plt_outer(uint64_t ns)
{
	volatile char pad[40];

	pad[3] = 1;
	return plt_loop(ns) + (uint64_t)pad[3];
}

int main(int argc, char **argv)
{
	burn_sink = plt_outer((uint64_t)(burn_arg(argc, argv, 1, 5) * 1e9));
	return 0;
}
