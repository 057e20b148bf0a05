/* links.c - one path of depth 60 whose frames are of every kind a compiler makes: fixed, of run-time size,
 * realigned, and realigned with run-time size (saved through r10). test/live/coverage.py builds it in
 * many ways; the path is the same in all of them.
 * Usage: links [SECONDS [NAME]]  (NAME: what the thread calls itself)
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <sys/prctl.h>

#include "chain.h"

FRAME uint64_t link_0(uint64_t ns)
{
	return burn(ns);
}

#define LINK(p, n, m)                                                                           \
	FRAME uint64_t p##_##n(uint64_t ns)                                                     \
	{                                                                                       \
		_Alignas(n % 11 == 5 ? 64 : 8) volatile char fixed[8 + (n % 5) * 16];           \
		volatile char *pad = n % 7 ? fixed : __builtin_alloca(chain_pad);               \
                                                                                                \
		pad[0] = fixed[0] = n;                                                          \
		return p##_##m(ns) + (uint64_t)pad[0] + (uint64_t)fixed[0];                     \
	}

DEPTHS(LINK, link)

int main(int argc, char **argv)
{
	if (argc > 2)
		prctl(PR_SET_NAME, argv[2]);
	burn_sink = link_60((uint64_t)(burn_arg(argc, argv, 1, 5) * 1e9));
	return 0;
}
