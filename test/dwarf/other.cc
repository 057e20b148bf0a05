/* other.cc - a second unit, so that link time optimisation inlines across units. */
#include "prog.h"

static volatile int kept;

static inline int step(int x)
{
	return square(x) - square(x + 1);
}

int other(int x)
{
	return step(x) + step(x + 3);
}

void keep(int x)
{
	kept = other(x);
}
