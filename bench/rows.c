/* rows.c - how fast unwind tables are built: rows and the best of ROUNDS times (processor time of one
 * thread, file in the page cache) for every file, one line of JSON each.
 * Usage: rows ROUNDS FILE ..
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "elf/image.h"
#include "unwind/table.h"

static double rows_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 0 when there is no table to be made of it, which is no fault of ours. */
static size_t rows_build(const char *path, double *ret_seconds)
{
	struct elf_image *img = NULL;
	struct table t = { 0 };
	struct err e = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	double begun = rows_clock();
	size_t n = 0;

	if (fd >= 0 && !elf_image_open(fd, &img, &e) && !table_build(img, &t, &e))
		n = t.n;
	*ret_seconds = rows_clock() - begun;
	table_free(&t);
	elf_image_free(img);
	if (fd >= 0)
		close(fd);
	return n;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[1]) : 0;

	if (rounds < 1) {
		fprintf(stderr, "Usage: rows ROUNDS FILE ..\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		double best = 0, s;
		size_t n = 0;

		for (int k = 0; k < rounds; k++) {
			n = rows_build(argv[i], &s);
			best = k && best < s ? best : s;
		}
		printf("{\"file\":%d,\"rows\":%zu,\"seconds\":%.6f}\n", i - 2, n, best);
	}
	return 0;
}
