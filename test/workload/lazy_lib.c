/* lazy_lib.c - lazy.c's library: lazy_call() calls 240 functions; with LAZY_FAR defined it is the library
 * that has those. Built as a library in spite of its file name.
 * CFLAGS: -O2 -shared -fPIC
 */
#include "chain.h"

#define LAZY_ALL(X) DEPTHS(X, fara) DEPTHS(X, farb) DEPTHS(X, farc) DEPTHS(X, fard)
#ifdef LAZY_FAR
#define LAZY_ONE(p, n, m)                                                                       \
	uint64_t p##_##n(void)                                                                  \
	{                                                                                       \
		return n;                                                                       \
	}
#else
#define LAZY_ONE(p, n, m) uint64_t p##_##n(void);
#endif
LAZY_ALL(LAZY_ONE)

#ifndef LAZY_FAR
#define LAZY_CALL(p, n, m) + p##_##n()
uint64_t lazy_call(void)
{
	return 0 LAZY_ALL(LAZY_CALL);
}
#endif
