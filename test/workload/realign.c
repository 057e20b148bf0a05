/* realign.c - realigned frames as GCC makes them when arguments lie on the stack, when the frame has a
 * run-time size, and when r10 is taken (a nested function's static chain): the CFA is first in r10 or
 * r13, then behind a pointer at rbp - 8 or so. Their prologues run all the time, so they are sampled.
 * Usage: realign [SECONDS]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include "burn.h"

static volatile unsigned int realign_pad = 24;

FRAME uint64_t realign_leaf(uint64_t n)
{
	_Alignas(64) volatile char here[64];

	here[n & 63] = (char)n;
	return n * 3 + (uint64_t)here[1];
}

FRAME uint64_t realign_wide(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f,
			    uint64_t g, uint64_t h)
{
	_Alignas(64) volatile char here[128];
	volatile char *sized = __builtin_alloca(realign_pad);

	here[a & 63] = (char)b;
	sized[0] = (char)c;
	return realign_leaf(a + b + c + d + e + f) + realign_leaf(g + h) + (uint64_t)sized[0] +
	       (uint64_t)here[5];
}

FRAME uint64_t realign_nest(uint64_t n)
{
	uint64_t seen = 0;

#ifndef __clang__
	__attribute__((noinline)) uint64_t realign_inner(uint64_t x, uint64_t y)
	{
		_Alignas(64) volatile char here[64];
		volatile char *sized = __builtin_alloca(realign_pad);

		seen += x;
		here[x & 63] = sized[0] = (char)y;
		return realign_wide(x, y, 1, 2, 3, 4, 5, 6) + (uint64_t)here[2];
	}
	return realign_inner(n, n + 1) + seen;
#else
	return realign_wide(n, n + 1, 1, 2, 3, 4, 5, 6) + seen;
#endif
}

FRAME uint64_t realign_loop(uint64_t ns)
{
	uint64_t end = burn_cpu_ns() + ns, x = 1;

	while (burn_cpu_ns() < end)
		for (int i = 0; i < 3000; i++)
			x += realign_nest(x);
	return x;
}

int main(int argc, char **argv)
{
	burn_sink = realign_loop((uint64_t)(burn_arg(argc, argv, 1, 5) * 1e9));
	return 0;
}
