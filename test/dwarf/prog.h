/* prog.h - what prog.cc and other.cc have in common. */
static inline __attribute__((always_inline)) int square(int x)
{
	return x * x + (x >> 3);
}

int other(int x);
void keep(int x);
