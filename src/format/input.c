/* input.c - from a path to a profile: all bytes, compression layers off, the right reader.
 *
 * gzip and zstd layers are peeled here, whatever is inside, so that no reader needs to care. What a
 * layer may expand to is bounded (a small file that claims gigabytes is refused with a sentence),
 * and a layer that breaks off gives what was readable: the reader of the format decides whether
 * that is of use.
 */
#include "format/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "format/format.h"

enum {
	INPUT_CHUNK = 1 << 18,
	INPUT_PROBE = 4096,
	INPUT_LAYERS = 4, /* a.folded.gz.zst .. is odd but harmless; more is an attack */
};

#define INPUT_MAX (UINT64_C(8) << 30)
/* Stacks compress well, but not beyond this: real folded files reach 50..150. */
#define INPUT_RATIO 400
#define INPUT_RATIO_FREE (UINT64_C(64) << 20)

uint64_t input_expand_limit(uint64_t compressed, uint64_t max)
{
	uint64_t by_ratio = compressed > INPUT_MAX / INPUT_RATIO ? INPUT_MAX
								 : compressed * INPUT_RATIO;

	if (by_ratio < INPUT_RATIO_FREE)
		by_ratio = INPUT_RATIO_FREE;
	if (!max || max > INPUT_MAX)
		max = INPUT_MAX;
	return by_ratio < max ? by_ratio : max;
}

enum input_layer input_layer_of(const uint8_t *data, size_t len)
{
	static const uint8_t gz[] = { 0x1f, 0x8b, 0x08 };
	static const uint8_t zst[] = { 0x28, 0xb5, 0x2f, 0xfd };

	if (len >= sizeof(gz) && !memcmp(data, gz, sizeof(gz)))
		return INPUT_GZIP;
	if (len >= sizeof(zst) && !memcmp(data, zst, sizeof(zst)))
		return INPUT_ZSTD;
	return INPUT_PLAIN;
}

static int input_too_big(uint64_t limit, struct err *e)
{
	return err_set(e, -EFBIG,
		       "the compressed data expands to more than %llu MiB; no profile of its size does",
		       (unsigned long long)(limit >> 20));
}

/* Does another member follow? What else stands behind the last one is padding and ignored. */
static bool input_gzip_more(const z_stream *z, const uint8_t *rest, size_t n)
{
	return input_layer_of(z->avail_in ? z->next_in : rest, z->avail_in ? z->avail_in : n) ==
	       INPUT_GZIP;
}

/* zlib counts in 32 bits: feed it in pieces. Concatenated gzip members are one stream. */
static int input_gunzip(const uint8_t *data, size_t len, uint64_t limit, struct buf *to,
			struct err *e)
{
	z_stream z = { 0 };
	size_t fed = 0;
	int rc = Z_OK, code = 0;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return err_set(e, -ENOMEM, "out of memory");
	while (rc == Z_OK || (rc == Z_STREAM_END && input_gzip_more(&z, data + fed, len - fed))) {
		uint8_t *at = buf_reserve(to, INPUT_CHUNK);

		if (rc == Z_STREAM_END && inflateReset(&z) != Z_OK)
			break;
		if (!z.avail_in && fed < len) {
			z.next_in = (Bytef *)(data + fed);
			z.avail_in = len - fed > (1u << 30) ? 1u << 30 : (uInt)(len - fed);
			fed += z.avail_in;
		}
		if (!at) {
			code = err_set(e, -ENOMEM, "out of memory");
			break;
		}
		z.next_out = at;
		z.avail_out = INPUT_CHUNK;
		rc = inflate(&z, Z_NO_FLUSH);
		to->len += INPUT_CHUNK - z.avail_out;
		if (to->len > limit) {
			code = input_too_big(limit, e);
			break;
		}
	}
	inflateEnd(&z);
	if (code)
		return code;
	return rc == Z_STREAM_END ? 0 : 1;
}

static int input_unzstd(const uint8_t *data, size_t len, uint64_t limit, struct buf *to,
			struct err *e)
{
	ZSTD_DCtx *z = ZSTD_createDCtx();
	ZSTD_inBuffer in = { data, len, 0 };
	size_t rc = 1;
	int code = 0;

	while (z && !code) {
		uint8_t *at = buf_reserve(to, INPUT_CHUNK);
		ZSTD_outBuffer out = { at, INPUT_CHUNK, 0 };
		size_t before = in.pos;

		if (!at)
			break;
		rc = ZSTD_decompressStream(z, &out, &in);
		to->len += out.pos;
		if (to->len > limit)
			code = input_too_big(limit, e);
		else if (ZSTD_isError(rc) || (!out.pos && in.pos == before))
			break;
		else if (in.pos == in.size && out.pos < INPUT_CHUNK)
			break;
	}
	if (!z || to->err)
		code = err_set(e, -ENOMEM, "out of memory");
	ZSTD_freeDCtx(z);
	if (code)
		return code;
	return rc ? 1 : 0;
}

int input_unpack(const uint8_t *data, size_t len, uint64_t max, struct buf *to, bool *ret_cut,
		 struct err *e)
{
	bool gzip = input_layer_of(data, len) == INPUT_GZIP;
	uint64_t limit = input_expand_limit(len, max);
	int code = gzip ? input_gunzip(data, len, limit, to, e)
			: input_unzstd(data, len, limit, to, e);

	if (code < 0)
		return code;
	if (code && !to->len)
		return err_set(e, -EBADMSG, "the %s data is damaged at its very beginning",
			       gzip ? "gzip" : "zstd");
	*ret_cut |= code > 0;
	return 0;
}

static int input_slurp(int fd, uint64_t max, struct buf *to, struct err *e)
{
	struct stat st;

	if (!fstat(fd, &st) && S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "it is a directory");
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (uint64_t)st.st_size <= max)
		buf_reserve(to, (size_t)st.st_size + 1); /* one read, no copies; a hint only */
	for (;;) {
		size_t room = to->cap - to->len > INPUT_CHUNK ? to->cap - to->len : INPUT_CHUNK;
		uint8_t *at = buf_reserve(to, room);
		ssize_t n;

		if (!at)
			return err_set(e, -ENOMEM, "out of memory after %zu bytes", to->len);
		n = read(fd, at, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, -errno, "%s", strerror(errno));
		if (!n)
			return 0;
		to->len += (size_t)n;
		if (to->len > max)
			return err_set(e, -EFBIG, "it is larger than %llu MiB",
				       (unsigned long long)(max >> 20));
	}
}

static int input_parse(const struct buf *b, const char *path, struct profile **ret, struct err *e)
{
	const struct format *f =
		format_probe(b->data, b->len < INPUT_PROBE ? b->len : INPUT_PROBE);

	if (!f) { /* the name is a weaker witness than the content, but better than nothing */
		f = format_by_path(path);
		if (!f || !f->read)
			return err_set(e, -EPROTONOSUPPORT,
				       "it is in no format that can be read here");
	}
	return f->read(b->data, b->len, ret, e);
}

static int input_read_fd(int fd, const char *path, uint64_t max, struct profile **ret,
			 struct err *e)
{
	struct buf b = { 0 };
	bool cut = false;
	int code = input_slurp(fd, max, &b, e);

	for (int i = 0; !code && input_layer_of(b.data, b.len) != INPUT_PLAIN; i++) {
		struct buf inner = { 0 };

		code = i < INPUT_LAYERS ? input_unpack(b.data, b.len, max, &inner, &cut, e)
					: err_set(e, -EBADMSG, "it is compressed too many times");
		buf_free(&b);
		b = inner;
	}
	if (!code && !b.len)
		code = err_set(e, -ENODATA, "it is empty");
	if (!code)
		code = input_parse(&b, path, ret, e);
	if (!code && cut)
		(*ret)->ledger.n[LEDGER_LOST_DAMAGE]++;
	buf_free(&b);
	return code;
}

int format_read_file(const char *path, uint64_t max, struct profile **ret, struct err *e)
{
	bool in = !strcmp(path, "-");
	int fd = in ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int code;

	*ret = NULL;
	if (fd < 0)
		return err_set(e, -errno, "cannot read '%s': %s", path, strerror(errno));
	code = input_read_fd(fd, path, max && max < INPUT_MAX ? max : INPUT_MAX, ret, e);
	if (!in)
		close(fd);
	if (code)
		err_prefix(e, "cannot read %s%s%s", in ? "" : "'", in ? "standard input" : path,
			   in ? "" : "'");
	return code;
}
