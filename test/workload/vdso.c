/* vdso.c - spends its time in clock_gettime(), that is in code the kernel maps and no file holds.
 * Usage: vdso [SECONDS]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include "burn.h"

FRAME uint64_t vdso_loop(uint64_t ns)
{
	uint64_t end = burn_wall_ns() + ns, n = 0;

	while (burn_wall_ns() < end)
		n++;
	return n;
}

FRAME uint64_t vdso_outer(uint64_t ns)
{
	return vdso_loop(ns) + 1;
}

int main(int argc, char **argv)
{
	burn_sink = vdso_outer((uint64_t)(burn_arg(argc, argv, 1, 5) * 1e9));
	return 0;
}
