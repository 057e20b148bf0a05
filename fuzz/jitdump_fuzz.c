/* jitdump_fuzz.c - a jitdump that grows: the first byte says how much of the rest is there at first.
 * Everything that code is said to have must lie inside what was read.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/jitdump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct bytes {
	const uint8_t *at;
	size_t n;
};

static ssize_t bytes_read(void *ctx, void *to, size_t n, uint64_t at)
{
	const struct bytes *b = ctx;

	if (at >= b->n)
		return 0;
	n = n < b->n - at ? n : b->n - at;
	memcpy(to, b->at + at, n);
	return (ssize_t)n;
}

static void check_code(struct jitdump *d, const struct jitdump_source *from, size_t i)
{
	const struct jitdump_code *c = &d->codes.at[i];
	struct jitdump_lines lines = {0};
	char name[64];

	if (!c->size || c->start + c->size < c->start ||
	    c->unwind + (uint64_t)c->unwind_size > d->unwind.n)
		abort();
	if (jitdump_name(d, from, i, name, sizeof(name)) && (c->gone || !*name))
		abort();
	if (jitdump_lines(d, from, i, &lines))
		abort();
	for (size_t k = 0; k < lines.lines.n; k++)
		if (lines.lines.at[k].offset >= c->size || lines.lines.at[k].file >= lines.text.n ||
		    (k && lines.lines.at[k].offset < lines.lines.at[k - 1].offset))
			abort();
	jitdump_lines_free(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct bytes b = {data + 1, 0};
	struct jitdump_source from = {bytes_read, &b};
	struct jitdump *d = len ? jitdump_new() : NULL;
	int rc;

	if (!d)
		return 0;
	b.n = (len - 1) * data[0] / 255;
	rc = jitdump_follow(d, &from);
	b.n = len - 1;
	if (!rc || rc == -ENODATA)
		rc = jitdump_follow(d, &from);
	for (size_t i = 0; i < d->codes.n && i < 256; i++)
		check_code(d, &from, i);
	jitdump_free(d);
	return 0;
}
