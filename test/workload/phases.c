/* phases.c - computes in one function, then in another one, and says when it changes: what a live view has to
 * follow. Prints "boil" and "fry" as each begins, leaves with exit code 3. Usage: phases [SECONDS_EACH]
 * CFLAGS: -D_GNU_SOURCE -O1 -fno-optimize-sibling-calls
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile uint64_t sink;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

__attribute__((noinline)) static void heat(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		sink += i * i;
}

__attribute__((noinline)) static void boil(double until)
{
	while (now() < until)
		heat(100000);
	sink++;
}

__attribute__((noinline)) static void fry(double until)
{
	while (now() < until)
		heat(90000);
	sink--;
}

int main(int argc, char **argv)
{
	double each = argc > 1 ? atof(argv[1]) : 5;

	puts("boil");
	fflush(stdout);
	boil(now() + each);
	puts("fry");
	fflush(stdout);
	fry(now() + each);
	return 3;
}
