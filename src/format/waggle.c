/* waggle.c - the .waggle format: a profile as a recording, and recordings as profiles.
 *
 * Reading goes over the blocks more than once, each time for what the next pass leans on: value
 * types (samples have as many values), strings (so that they get the numbers they had), everything
 * else in the order of the stream, and at last meta and ledger, of which the newest whole copy
 * counts. Damage is no error as long as a block is whole; it is counted in the ledger.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"
#include "format/format.h"
#include "format/recording.h"
#include "format/recording_decode.h"
#include "format/recording_scan.h"
#include "profile/codes.h"

/* What a file may unpack to beyond its own size: real recordings stay below 20 times, ones without
 * times and with one stack reach 1000 times but are small then. */
#define WAGGLE_UNPACK_FREE  (UINT64_C(128) << 20)
#define WAGGLE_UNPACK_RATIO 64

struct waggle {
	struct recording_scan scan;
	struct recording_decoder decoder;
	ZSTD_DCtx *zstd;
	struct buf raw;
	uint64_t bad_bytes; /* of blocks whose checksum is right and content is not */
	uint64_t bad_blocks;
	bool oom;
};

static int waggle_write(const struct profile *p, const struct format_opts *o, struct out *to,
			struct err *e)
{
	struct recording *r = recording_new(p, to);
	int err = r ? recording_finish(r) : -ENOMEM;

	recording_free(r);
	if (err == -EFBIG)
		return err_set(e, err, "a row of the profile is too large for a recording");
	return to->err ? 0 : err;
}

/* Certain by the magic; a stream that lost its first bytes is known by a right block head. */
static int waggle_probe(const uint8_t *head, size_t n)
{
	struct recording_head h;

	if (n >= RECORDING_MAGIC_SIZE && !memcmp(head, RECORDING_MAGIC, RECORDING_MAGIC_SIZE))
		return 2;
	for (size_t i = 0; i + RECORDING_HEAD_SIZE <= n; i++)
		if (recording_head_read(head + i, n - i, &h))
			return 2;
	return 0;
}

/* The payload of a block, valid until the next call. */
static bool waggle_unpack(struct waggle *w, const struct recording_block *b, struct cursor *ret)
{
	uint8_t *to;
	size_t n;

	if (b->head.stored == b->head.raw) {
		*ret = cursor_of(b->payload, b->head.raw);
		return true;
	}
	buf_reset(&w->raw);
	to = buf_reserve(&w->raw, b->head.raw);
	if (!to) {
		w->oom = true;
		return false;
	}
	n = ZSTD_decompressDCtx(w->zstd, to, b->head.raw, b->payload, b->head.stored);
	*ret = cursor_of(to, b->head.raw);
	return n == b->head.raw;
}

static void waggle_bad(struct waggle *w, const struct recording_block *b)
{
	w->bad_blocks++;
	w->bad_bytes += RECORDING_HEAD_SIZE + (uint64_t)b->head.stored;
}

/* Every profile has value types; when all copies of them are lost, their number is all that the
 * samples can tell. */
static struct profile *waggle_lost_types(struct waggle *w)
{
	struct profile *p = profile_new("[lost]", "[lost]");
	uint64_t n = 0;
	struct cursor c;

	for (size_t i = 0; p && i < w->scan.blocks.n && !n; i++)
		if (w->scan.blocks.at[i].head.type == RECORDING_SAMPLES &&
		    waggle_unpack(w, &w->scan.blocks.at[i], &c))
			n = recording_decode_n_values(c);
	for (uint64_t i = 1; i < n; i++)
		profile_value_type(p, "[lost]", "[lost]");
	return p;
}

/* The newest whole block of a type that `decode` is content with, NULL when there is none. */
static const struct recording_block *waggle_newest(struct waggle *w, enum recording_type type,
						   bool (*decode)(struct recording_decoder *d,
								  struct cursor c))
{
	struct cursor c;

	for (size_t i = w->scan.blocks.n; i-- > 0;) {
		const struct recording_block *b = &w->scan.blocks.at[i];

		if (b->head.type != type)
			continue;
		if (waggle_unpack(w, b, &c) && decode(&w->decoder, c))
			return b;
		waggle_bad(w, b);
	}
	return NULL;
}

static bool waggle_types(struct recording_decoder *d, struct cursor c)
{
	d->p = recording_decode_types(c);
	return d->p;
}

/* Which pass a block is for; meta, ledger and value types are fetched by waggle_newest(). */
static int waggle_pass_of(uint16_t type)
{
	switch (type) {
	case RECORDING_STRINGS:
		return 0;
	case RECORDING_OBJECTS:
	case RECORDING_FRAMES:
	case RECORDING_NODES:
	case RECORDING_TASKS:
	case RECORDING_LABEL_SETS:
	case RECORDING_SAMPLES:
	case RECORDING_NAMES:
	case RECORDING_END:
	case RECORDING_CODES:
		return 1;
	default:
		return -1;
	}
}

static void waggle_pass(struct waggle *w, int pass)
{
	struct recording_decoder *d = &w->decoder;
	struct cursor c;

	for (size_t i = 0; i < w->scan.blocks.n && !d->p->oom; i++) {
		const struct recording_block *b = &w->scan.blocks.at[i];

		if (waggle_pass_of(b->head.type) != pass)
			continue;
		if (!waggle_unpack(w, b, &c) || !recording_decode(d, b->head.type, c))
			waggle_bad(w, b);
	}
}

/* What was lost goes into the ledger, on top of what the capture itself lost. */
static void waggle_own_up(struct waggle *w, size_t len)
{
	struct profile *p = w->decoder.p;
	uint64_t *n = p->ledger.n;

	if (!w->scan.damaged && !w->bad_blocks && !w->decoder.lost_stacks)
		return;
	n[LEDGER_LOST_DAMAGE] += w->scan.damaged + w->bad_blocks;
	n[LEDGER_LOST_DAMAGE_BYTES] += len - w->scan.good_bytes + w->bad_bytes;
	n[LEDGER_LOST_DAMAGED] += w->decoder.lost_samples;
	n[LEDGER_LOST_STACK] += w->decoder.lost_stacks;
	n[LEDGER_TAKEN] = p->samples.n;
}

/* Generated code is named by when it was hit, which is known only now that all of it is read. What
 * the ledger says about unnamed frames was counted before. */
static void waggle_name_codes(struct profile *p)
{
	if (p->codes.n && !p->oom &&
	    (profile_codes_name(p) || profile_codes_split(p) || profile_count_unnamed(p)))
		p->oom = true;
}

static int waggle_check(const struct waggle *w, size_t len, struct err *e)
{
	const struct recording_scan *s = &w->scan;

	if (!s->blocks.n && !s->magic)
		return err_set(e, -EBADMSG, "this is not a waggle recording");
	if (!s->blocks.n)
		return err_set(e, -EBADMSG,
			       "the recording is cut off or damaged before its first whole block");
	for (size_t i = 0; i < s->blocks.n; i++) {
		const struct recording_head *h = &s->blocks.at[i].head;

		if (h->type && h->type < RECORDING_TYPE_MAX && h->version > RECORDING_VERSION)
			return err_set(e, -EPROTONOSUPPORT,
				       "the recording was written by a newer waggle (its blocks "
				       "have version %u, this program reads up to %u)",
				       h->version, RECORDING_VERSION);
	}
	if (s->raw_bytes > WAGGLE_UNPACK_FREE + (uint64_t)len * WAGGLE_UNPACK_RATIO)
		return err_set(
			e, -EFBIG,
			"the recording claims to unpack to %llu MiB, which none of its size does",
			(unsigned long long)(s->raw_bytes >> 20));
	return 0;
}

static int waggle_load(struct waggle *w, size_t len, struct err *e)
{
	struct recording_decoder *d = &w->decoder;
	const struct recording_block *types = waggle_newest(w, RECORDING_VALUE_TYPES, waggle_types);
	struct cursor c;

	if (!types && !w->oom)
		d->p = waggle_lost_types(w);
	if (d->p) {
		waggle_pass(w, 0);
		if (types && waggle_unpack(w, types, &c))
			recording_decode_more_types(d->p, c);
		waggle_pass(w, 1);
		waggle_newest(w, RECORDING_META, recording_decode_meta);
		waggle_newest(w, RECORDING_LEDGER, recording_decode_ledger);
		waggle_name_codes(d->p);
		waggle_own_up(w, len);
	}
	if (!d->p || d->p->oom || w->oom)
		return err_set(e, -ENOMEM, "out of memory while reading the recording");
	return 0;
}

static int waggle_read(const uint8_t *data, size_t len, struct profile **ret, struct err *e)
{
	struct waggle w = { 0 };
	int err = recording_scan(&w.scan, data, len);

	w.zstd = ZSTD_createDCtx();
	if (err || !w.zstd)
		err = err_set(e, -ENOMEM, "out of memory while reading the recording");
	else
		err = waggle_check(&w, len, e);
	if (!err)
		err = waggle_load(&w, len, e);
	if (!err)
		*ret = w.decoder.p;
	else
		profile_free(w.decoder.p);
	ZSTD_freeDCtx(w.zstd);
	buf_free(&w.raw);
	recording_decoder_done(&w.decoder);
	recording_scan_done(&w.scan);
	return err;
}

const struct format format_waggle = {
	.name = "waggle",
	.exts = { ".waggle" },
	.help = "a recording: everything that is known, for 'waggle report' here or elsewhere",
	.write = waggle_write,
	.probe = waggle_probe,
	.read = waggle_read,
};
