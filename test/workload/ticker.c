/* ticker.c - a clock made of functions: in the n-th 10 ms (or SLOT_MS) after its start it runs in slot_ABC,
 * n in octal, for 512 slots. Which slot a profile shows first says when its first sample was taken,
 * whatever the profiler. Then it sleeps for LINGER seconds, for profilers that name functions only at
 * the end. Prints "truth start T" (CLOCK_MONOTONIC, seconds). Usage: ticker [LINGER [SLOT_MS]]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <unistd.h>

#include "burn.h"

#define SLOT(a, b, c)                                                                           \
	FRAME uint64_t slot_##a##b##c(uint64_t end)                                             \
	{                                                                                       \
		uint64_t x = 0x##a##b##c;                                                       \
                                                                                                \
		while (burn_wall_ns() < end)                                                    \
			for (int i = 0; i < 1000; i++)                                          \
				burn_sink = x = x * 6364136223846793005ull + 1;                 \
		return x;                                                                       \
	}
#define NAME(a, b, c) slot_##a##b##c,
#define EIGHT(X, a, b)                                                                          \
	X(a, b, 0) X(a, b, 1) X(a, b, 2) X(a, b, 3) X(a, b, 4) X(a, b, 5) X(a, b, 6) X(a, b, 7)
#define ROW(X, a)                                                                               \
	EIGHT(X, a, 0) EIGHT(X, a, 1) EIGHT(X, a, 2) EIGHT(X, a, 3)                             \
	EIGHT(X, a, 4) EIGHT(X, a, 5) EIGHT(X, a, 6) EIGHT(X, a, 7)
#define ALL(X) ROW(X, 0) ROW(X, 1) ROW(X, 2) ROW(X, 3) ROW(X, 4) ROW(X, 5) ROW(X, 6) ROW(X, 7)

ALL(SLOT)

static uint64_t (*const slots[])(uint64_t) = { ALL(NAME) };

int main(int argc, char **argv)
{
	uint64_t start = burn_wall_ns(), width = (uint64_t)burn_arg(argc, argv, 2, 10) * MS;

	fprintf(stderr, "truth start %.6f\n", (double)start / 1e9);
	for (unsigned int i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
		burn_sink = slots[i](start + (i + 1) * width);
	sleep((unsigned int)burn_arg(argc, argv, 1, 0));
	return 0;
}
