/* pprof_fuzz.c - profile.proto from hostile hands, plain or gzipped. What can be read must survive
 * being written and read again with the same samples and totals, and every view of it must work. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct buf fuzz_write(const struct profile *p, const char *format)
{
	struct format_opts o;
	struct out to;

	format_opts_default(&o);
	out_mem(&to);
	if (format_by_name(format)->write(p, &o, &to, NULL) || to.err)
		abort();
	return to.pending;
}

static void fuzz_views(const struct profile *p)
{
	static const char *const names[] = { "folded", "json", "speedscope", "text" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct buf b = fuzz_write(p, names[i]);

		buf_free(&b);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct format *f = format_by_name("pprof");
	struct profile *p = NULL, *back = NULL;
	struct buf b;

	f->probe(data, len < 4096 ? len : 4096);
	if (f->read(data, len, &p, NULL))
		return 0;
	b = fuzz_write(p, "pprof");
	if (f->read(b.data, b.len, &back, NULL))
		abort();
	for (uint32_t i = 0; i < p->value_types.n && i < back->value_types.n; i++)
		if (profile_total(p, i) != profile_total(back, i))
			abort();
	if (back->samples.n > p->samples.n)
		abort();
	fuzz_views(p);
	buf_free(&b);
	profile_free(p);
	profile_free(back);
	return 0;
}
