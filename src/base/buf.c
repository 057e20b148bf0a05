/* buf.c - growable byte buffer; see buf.h. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}

uint8_t *buf_take(struct buf *b, size_t *ret_len)
{
	uint8_t *p = b->data;

	*ret_len = b->len;
	*b = (struct buf){ 0 };
	return p;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	size_t cap;
	uint8_t *p;

	if (b->err)
		return NULL;
	if (n <= b->cap - b->len)
		return b->data + b->len;
	if (n > SIZE_MAX / 2 - b->len) {
		b->err = -ENOMEM;
		return NULL;
	}
	cap = b->cap ? b->cap * 2 : 256;
	if (cap < b->len + n)
		cap = b->len + n;
	p = realloc(b->data, cap);
	if (!p) {
		b->err = -ENOMEM;
		return NULL;
	}
	b->data = p;
	b->cap = cap;
	return p + b->len;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	uint8_t *to;

	if (!n)
		return;
	to = buf_reserve(b, n);
	if (!to)
		return;
	memcpy(to, p, n);
	b->len += n;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	uint8_t *to;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
	if (to) {
		vsnprintf((char *)to, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

static void buf_le(struct buf *b, uint64_t v, unsigned int bytes)
{
	uint8_t raw[8];

	for (unsigned int i = 0; i < bytes; i++)
		raw[i] = (uint8_t)(v >> (8 * i));
	buf_put(b, raw, bytes);
}

void buf_u8(struct buf *b, uint8_t v)
{
	buf_le(b, v, 1);
}

void buf_u16(struct buf *b, uint16_t v)
{
	buf_le(b, v, 2);
}

void buf_u32(struct buf *b, uint32_t v)
{
	buf_le(b, v, 4);
}

void buf_u64(struct buf *b, uint64_t v)
{
	buf_le(b, v, 8);
}

void buf_uleb(struct buf *b, uint64_t v)
{
	uint8_t raw[10];
	size_t n = 0;

	do {
		raw[n] = (uint8_t)(v & 0x7f);
		v >>= 7;
		raw[n] |= v ? 0x80 : 0;
		n++;
	} while (v);
	buf_put(b, raw, n);
}

void buf_sleb(struct buf *b, int64_t v)
{
	uint8_t raw[10];
	size_t n = 0;
	int more = 1;

	while (more) {
		uint8_t byte = (uint8_t)(v & 0x7f);

		v >>= 7;
		more = !((v == 0 && !(byte & 0x40)) || (v == -1 && (byte & 0x40)));
		raw[n++] = (uint8_t)(byte | (more ? 0x80 : 0));
	}
	buf_put(b, raw, n);
}
