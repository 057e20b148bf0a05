/* deep.c - recursion DEPTH frames deep with the time spent at the bottom: recursion must be counted once
 * and a stack beyond the frame limit must be said to be cut.
 * Usage: deep [DEPTH [SECONDS]]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include "burn.h"

static uint64_t budget;

FRAME uint64_t deep_leaf(void)
{
	return burn(budget);
}

FRAME uint64_t deep_recurse(int left)
{
	volatile char pad[24];

	pad[0] = (char)left;
	return (left > 1 ? deep_recurse(left - 1) : deep_leaf()) + (uint64_t)pad[0];
}

int main(int argc, char **argv)
{
	int depth = (int)burn_arg(argc, argv, 1, 120);

	budget = (uint64_t)(burn_arg(argc, argv, 2, 5) * 1e9);
	burn_sink = deep_recurse(depth);
	return 0;
}
