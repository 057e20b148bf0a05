/* stackfile.c - packs and unpacks a stack with all it needs; see stackfile.h. stackfile_make.c makes one. */
#include "unwind/stackfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/cursor.h"

static const char stackfile_magic[8] = { 'W', 'G', 'S', 'T', 'A', 'C', 'K', '1' };

enum { IMAGES_MAX = 4096, ZSTD_LEVEL = 19 };

/* -- out ---------------------------------------------------------------------------------------- */

static void pack_fields(const struct stackfile *f, struct buf *b)
{
	for (int i = 0; i < 16; i++)
		buf_u64(b, f->regs[i]);
	buf_u64(b, f->ip);
	buf_uleb(b, f->below);
	buf_uleb(b, f->stop);
	buf_uleb(b, f->images.n);
	for (size_t i = 0; i < f->images.n; i++) {
		const struct stackfile_image *at = &f->images.at[i];

		buf_put(b, at->name, strlen(at->name) + 1);
		buf_uleb(b, at->len);
		buf_put(b, at->elf, at->len);
	}
	buf_uleb(b, f->mappings.n);
	for (size_t i = 0; i < f->mappings.n; i++) {
		buf_u64(b, f->mappings.at[i].start);
		buf_u64(b, f->mappings.at[i].end);
		buf_u64(b, f->mappings.at[i].offset);
		buf_uleb(b, f->mappings.at[i].place);
	}
	buf_uleb(b, f->frames.n);
	for (size_t i = 0; i < f->frames.n; i++) {
		buf_uleb(b, f->frames.at[i].place);
		buf_uleb(b, f->frames.at[i].offset);
		buf_u8(b, f->frames.at[i].way);
	}
	buf_uleb(b, f->stack_bytes);
	buf_put(b, f->stack, f->stack_bytes);
}

int stackfile_pack(const struct stackfile *f, struct buf *ret)
{
	struct buf plain = { 0 };
	size_t bound, n;
	uint8_t *to;

	pack_fields(f, &plain);
	bound = ZSTD_compressBound(plain.len);
	buf_put(ret, stackfile_magic, sizeof(stackfile_magic));
	to = plain.err ? NULL : buf_reserve(ret, bound);
	n = to ? ZSTD_compress(to, bound, plain.data, plain.len, ZSTD_LEVEL) : 0;
	buf_free(&plain);
	if (!to || ZSTD_isError(n))
		return -ENOMEM;
	ret->len += n;
	return ret->err;
}

/* -- in ----------------------------------------------------------------------------------------- */

/* A count of things that take at least `least` bytes each. */
static uint64_t unpack_count(struct cursor *c, size_t least)
{
	uint64_t n = cursor_uleb(c);

	if (n > cursor_left(c) / least) {
		c->bad = true;
		return 0;
	}
	return n;
}

static uint8_t *unpack_bytes(struct cursor *c, size_t *ret_len)
{
	uint64_t n = unpack_count(c, 1);
	const uint8_t *at = cursor_take(c, n);
	uint8_t *copy = at ? malloc(n + 1) : NULL;

	if (copy) {
		memcpy(copy, at, n);
		*ret_len = n;
	}
	return copy;
}

static int unpack_images(struct cursor *c, struct stackfile *f)
{
	uint64_t n = unpack_count(c, 2);

	if (n > IMAGES_MAX)
		return -EBADMSG;
	for (uint64_t i = 0; i < n; i++) {
		struct stackfile_image image = { 0 };
		const char *name = cursor_str(c);

		image.name = name ? strdup(name) : NULL;
		image.elf = image.name ? unpack_bytes(c, &image.len) : NULL;
		if (!image.elf || !VEC_PUSH(&f->images, image)) {
			free(image.name);
			free(image.elf);
			return c->bad ? -EBADMSG : -ENOMEM;
		}
	}
	return 0;
}

static int unpack_mappings(struct cursor *c, struct stackfile *f)
{
	uint64_t n = unpack_count(c, 25), above = 0;

	for (uint64_t i = 0; i < n; i++) {
		struct stackfile_mapping m = { .start = cursor_u64(c), .end = cursor_u64(c),
					       .offset = cursor_u64(c) };
		uint64_t place = cursor_uleb(c);

		if (c->bad || m.start < above || m.end <= m.start ||
		    place >= STACKFILE_IMAGE + f->images.n)
			return -EBADMSG;
		m.place = (uint32_t)place;
		above = m.end;
		if (!VEC_PUSH(&f->mappings, m))
			return -ENOMEM;
	}
	return 0;
}

static int unpack_frames(struct cursor *c, struct stackfile *f)
{
	uint64_t n = unpack_count(c, 3);

	for (uint64_t i = 0; i < n; i++) {
		uint64_t place = cursor_uleb(c);
		struct stackfile_frame frame = { .place = (uint32_t)place, .offset = cursor_uleb(c),
						 .way = cursor_u8(c) };

		if (c->bad || place >= STACKFILE_IMAGE + f->images.n || frame.way > ORACLE_WAY_GUESS)
			return -EBADMSG;
		if (!VEC_PUSH(&f->frames, frame))
			return -ENOMEM;
	}
	return 0;
}

static int unpack_fields(struct cursor *c, struct stackfile *f)
{
	uint64_t below;
	int code;

	for (int i = 0; i < 16; i++)
		f->regs[i] = cursor_u64(c);
	f->ip = cursor_u64(c);
	below = cursor_uleb(c);
	f->stop = (uint32_t)cursor_uleb(c);
	if (c->bad || f->stop >= ORACLE_STOP_MAX || below > STACKFILE_BELOW_MAX ||
	    below > f->regs[7])
		return -EBADMSG;
	f->below = (uint32_t)below;
	code = unpack_images(c, f);
	if (!code)
		code = unpack_mappings(c, f);
	if (!code)
		code = unpack_frames(c, f);
	if (code)
		return code;
	f->stack = unpack_bytes(c, &f->stack_bytes);
	if (c->bad || f->regs[7] > UINT64_MAX - f->stack_bytes)
		return -EBADMSG;
	return f->stack ? 0 : -ENOMEM;
}

int stackfile_unpack(const void *data, size_t len, struct stackfile *ret)
{
	const size_t head = sizeof(stackfile_magic);
	unsigned long long size;
	struct cursor c;
	uint8_t *plain;
	int code = -EBADMSG;

	*ret = (struct stackfile){ 0 };
	if (len < head || memcmp(data, stackfile_magic, head))
		return -EBADMSG;
	size = ZSTD_getFrameContentSize((const uint8_t *)data + head, len - head);
	if (size > STACKFILE_BYTES_CAP) /* also what is unknown, or no frame */
		return -EBADMSG;
	plain = malloc(size + 1);
	if (!plain)
		return -ENOMEM;
	if (ZSTD_decompress(plain, size, (const uint8_t *)data + head, len - head) == size) {
		c = cursor_of(plain, size);
		code = unpack_fields(&c, ret);
	}
	free(plain);
	if (code)
		stackfile_free(ret);
	return code;
}

void stackfile_free(struct stackfile *f)
{
	for (size_t i = 0; i < f->images.n; i++) {
		free(f->images.at[i].name);
		free(f->images.at[i].elf);
	}
	VEC_FREE(&f->images);
	VEC_FREE(&f->mappings);
	VEC_FREE(&f->frames);
	free(f->stack);
	*f = (struct stackfile){ 0 };
}
