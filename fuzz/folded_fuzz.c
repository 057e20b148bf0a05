/* folded_fuzz.c - folded stacks from hostile hands. What is read must add up, and writing it and
 * reading that again must give the same total, with marks and without. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct buf fuzz_write(const struct profile *p, bool marks)
{
	struct format_opts o;
	struct out to;

	format_opts_default(&o);
	o.tree.annotate = marks;
	o.notes = marks;
	out_mem(&to);
	if (format_by_name("folded")->write(p, &o, &to, NULL) || to.err)
		abort();
	return to.pending;
}

/* Writes, reads back and checks the total; the profile that came back, NULL when it is empty. */
static struct profile *fuzz_round(const struct profile *p, bool marks, struct buf *ret)
{
	struct profile *back = NULL;

	*ret = fuzz_write(p, marks);
	if (format_by_name("folded")->read(ret->data, ret->len, &back, NULL)) {
		if (profile_total(p, 0))
			abort();
		return NULL;
	}
	if (profile_total(p, 0) != profile_total(back, 0))
		abort();
	return back;
}

/* Names of control characters are mended when written, which may merge or reorder stacks, so bytes
 * are not compared here (the unit tests do, for names that need no mending); totals always are. */
static void fuzz_again(const struct profile *p, bool marks)
{
	struct buf first = { 0 }, second = { 0 };
	struct profile *a = fuzz_round(p, marks, &first), *b = NULL;

	if (a)
		b = fuzz_round(a, marks, &second);
	buf_free(&first);
	buf_free(&second);
	profile_free(a);
	profile_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct format *f = format_by_name("folded");
	struct profile *p = NULL;

	f->probe(data, len < 4096 ? len : 4096);
	if (f->read(data, len, &p, NULL))
		return 0;
	if (profile_total(p, 0) < 0)
		abort();
	fuzz_again(p, false);
	fuzz_again(p, true);
	profile_free(p);
	return 0;
}
