/* paths.c - runs in ever other stacks: each round goes down LEVELS calls, path_left or path_right by chance
 * each time, for three parts of work in path_busy and one in path_calm, some 0.1 ms each, and to sleep NAP us
 * in path_nap when asked to. Whoever keeps every stack he meets grows with this as long as it runs.
 * Usage: paths [SECONDS [LEVELS [NAP]]]
 * CFLAGS: -D_GNU_SOURCE -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include "wait.h"

static uint64_t nap;

/* By number, not by the clock: asking that would be a good part of so little work. */
static inline __attribute__((always_inline)) uint64_t path_work(unsigned int parts)
{
	uint64_t x = burn_sink | 1;

	for (unsigned int i = 0; i < parts * 65536; i++)
		x = x * 6364136223846793005ull + 1442695040888963407ull;
	return x;
}

FRAME uint64_t path_busy(void)
{
	return path_work(3);
}

FRAME uint64_t path_calm(void)
{
	return path_work(1);
}

FRAME uint64_t path_nap(void)
{
	wait_sleep_ns(nap);
	return 0;
}

FRAME uint64_t path_right(uint64_t path, unsigned int left);

FRAME uint64_t path_left(uint64_t path, unsigned int left)
{
	if (!left)
		return path_busy() + path_calm() + (nap ? path_nap() : 0);
	return 1 + (path & 1 ? path_right(path >> 1, left - 1) : path_left(path >> 1, left - 1));
}

FRAME uint64_t path_right(uint64_t path, unsigned int left)
{
	if (!left)
		return path_calm() + path_busy() + (nap ? path_nap() : 0);
	return 1 + (path & 1 ? path_right(path >> 1, left - 1) : path_left(path >> 1, left - 1));
}

int main(int argc, char **argv)
{
	uint64_t end = burn_wall_ns() + (uint64_t)(burn_arg(argc, argv, 1, 10) * 1e9);
	unsigned int levels = (unsigned int)burn_arg(argc, argv, 2, 40);
	uint64_t x = 88172645463325252u; /* xorshift64 (Marsaglia, 2003) and its example's seed */

	nap = (uint64_t)(burn_arg(argc, argv, 3, 0) * 1000);
	while (burn_wall_ns() < end) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		burn_sink = path_left(x, levels);
	}
	return 0;
}
