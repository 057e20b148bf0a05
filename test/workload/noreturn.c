/* noreturn.c - a function whose last instruction calls one that never returns: its return address is
 * already in the next function, so a caller must be looked up one byte before it.
 * Usage: noreturn [SECONDS]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls -fcf-protection=none
 */
#include <setjmp.h>

#include "burn.h"

static jmp_buf again;

__attribute__((noinline, noreturn)) static void jump_away(int n)
{
	burn_sink = burn(3 * MS) + (uint64_t)n;
	longjmp(again, 1);
}

/* The function that ends in the call; the one after it has another frame layout. */
FRAME void ends_in_call(int n)
{
	volatile char pad[216];

	pad[n & 127] = 1;
	jump_away(n + pad[0]);
}

FRAME void after_it(int n)
{
	volatile char pad[8];

	pad[n & 7] = 1;
	burn_sink = (uint64_t)pad[0];
}

FRAME void noreturn_outer(uint64_t end)
{
	setjmp(again);
	if (burn_wall_ns() < end)
		ends_in_call((int)(end & 63));
}

int main(int argc, char **argv)
{
	noreturn_outer(burn_wall_ns() + (uint64_t)(burn_arg(argc, argv, 1, 5) * 1e9));
	after_it(argc);
	return 0;
}
