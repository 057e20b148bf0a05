/* chain.h - DEPTHS(X, prefix): 60 rows (number, the one it calls) to make call paths of depth 60 with,
 * and CHAIN_LINK, a function of such a path. Frame sizes differ and every seventh function has a
 * frame of run-time size, so the unwinder meets rules by stack pointer and by rbp.
 */
#ifndef WAGGLE_TEST_CHAIN_H
#define WAGGLE_TEST_CHAIN_H

#include "burn.h"

static volatile unsigned int chain_pad = 24;

#define CHAIN_LINK(p, n, m)                                                                     \
	FRAME uint64_t p##_##n(uint64_t ns)                                                     \
	{                                                                                       \
		volatile char fixed[8 + (n % 5) * 16];                                          \
		volatile char *pad = n % 7 ? fixed : __builtin_alloca(chain_pad);               \
                                                                                                \
		pad[0] = n;                                                                     \
		return p##_##m(ns) + (uint64_t)pad[0];                                          \
	}

#define DEPTHS(X, p) \
	X(p, 1, 0) X(p, 2, 1) X(p, 3, 2) X(p, 4, 3) X(p, 5, 4) X(p, 6, 5)  \
	X(p, 7, 6) X(p, 8, 7) X(p, 9, 8) X(p, 10, 9) X(p, 11, 10) X(p, 12, 11)  \
	X(p, 13, 12) X(p, 14, 13) X(p, 15, 14) X(p, 16, 15) X(p, 17, 16) X(p, 18, 17)  \
	X(p, 19, 18) X(p, 20, 19) X(p, 21, 20) X(p, 22, 21) X(p, 23, 22) X(p, 24, 23)  \
	X(p, 25, 24) X(p, 26, 25) X(p, 27, 26) X(p, 28, 27) X(p, 29, 28) X(p, 30, 29)  \
	X(p, 31, 30) X(p, 32, 31) X(p, 33, 32) X(p, 34, 33) X(p, 35, 34) X(p, 36, 35)  \
	X(p, 37, 36) X(p, 38, 37) X(p, 39, 38) X(p, 40, 39) X(p, 41, 40) X(p, 42, 41)  \
	X(p, 43, 42) X(p, 44, 43) X(p, 45, 44) X(p, 46, 45) X(p, 47, 46) X(p, 48, 47)  \
	X(p, 49, 48) X(p, 50, 49) X(p, 51, 50) X(p, 52, 51) X(p, 53, 52) X(p, 54, 53)  \
	X(p, 55, 54) X(p, 56, 55) X(p, 57, 56) X(p, 58, 57) X(p, 59, 58) X(p, 60, 59)

#endif
