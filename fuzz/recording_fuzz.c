/* recording_fuzz.c - recordings from hostile hands.
 *
 * Checksums would keep a fuzzer at the door, so besides the bytes as they are, the same bytes are
 * read a second time as a list of block payloads with right heads around them: two bytes of length,
 * one of type, then the payload. What comes out must be a profile that can be walked, and written
 * and read again without loss.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/format.h"
#include "format/recording_layout.h"

extern const struct format format_waggle;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t fuzz_walk(const struct profile *p)
{
	uint64_t sum = p->ledger.n[LEDGER_LOST_DAMAGE];
	char scratch[64];

	for (size_t i = 0; i < p->samples.n; i++) {
		const struct profile_sample *s = &p->samples.at[i];
		uint32_t deep = 0;

		sum += p->tasks.at[s->task].pid + p->label_sets.at[s->labels].n +
		       (uint64_t)profile_values(p, i)[0];
		for (uint32_t node = s->stack; node && deep++ < 64; node = p->nodes.at[node].parent)
			sum += strlen(profile_line_label(p, p->nodes.at[node].frame, 0, scratch,
							 sizeof(scratch)));
	}
	return sum;
}

static void fuzz_read(const uint8_t *data, size_t len)
{
	struct profile *p = NULL, *again = NULL;
	struct err e = { 0 };
	struct out to;
	static volatile uint64_t sink;

	if (format_waggle.read(data, len, &p, &e)) {
		if (!*e.text || p)
			abort();
		return;
	}
	sink += fuzz_walk(p);
	out_mem(&to);
	if (format_waggle.write(p, NULL, &to, &e) || to.err)
		abort();
	if (format_waggle.read(to.pending.data, to.pending.len, &again, &e))
		abort();
	if (again->samples.n != p->samples.n ||
	    again->ledger.n[LEDGER_LOST_DAMAGE] != p->ledger.n[LEDGER_LOST_DAMAGE])
		abort();
	profile_free(p);
	profile_free(again);
	out_abort(&to);
}

static void fuzz_wrap(const uint8_t *data, size_t len)
{
	struct buf b = { 0 };
	uint32_t sequence = 0;

	buf_put(&b, RECORDING_MAGIC, RECORDING_MAGIC_SIZE);
	while (len > 3) {
		size_t n = data[0] | (size_t)data[1] << 8;
		struct recording_head h = { .type = data[2], .version = 1, .sequence = sequence++ };
		uint8_t head[RECORDING_HEAD_SIZE];

		data += 3;
		len -= 3;
		if (n > len)
			n = len;
		h.raw = h.stored = (uint32_t)n;
		h.checksum = recording_checksum(data, n);
		recording_head_write(&h, head);
		buf_put(&b, head, sizeof(head));
		buf_put(&b, data, n);
		data += n;
		len -= n;
	}
	fuzz_read(b.data, b.len);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	fuzz_read(data, len);
	fuzz_wrap(data, len);
	return 0;
}
