/* cursor.h - a bounded reader of foreign bytes.
 *
 * Every parser of ELF, CFI, recordings and pprof reads through a cursor: a read past the end sets
 * `bad`, returns zero and leaves the cursor at its end, so a parser can read a whole record and
 * check once. Nothing here can read outside [p, end). Header-only because it is on hot paths.
 *
 * Not thread safe; a cursor is a value, copy it to look ahead.
 */
#ifndef WAGGLE_BASE_CURSOR_H
#define WAGGLE_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct cursor cursor_of(const void *data, size_t len)
{
	const uint8_t *p = data;

	return (struct cursor){ p, len ? p + len : p, false }; /* NULL + 0 is undefined */
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* The next n bytes, or NULL (and `bad`) when there are fewer. */
static inline const uint8_t *cursor_take(struct cursor *c, uint64_t n)
{
	const uint8_t *at = c->p;

	if (n > cursor_left(c)) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	c->p += n;
	return at;
}

#define CURSOR_FIXED(name, type)                            \
	static inline type name(struct cursor *c)           \
	{                                                   \
		const uint8_t *at = cursor_take(c, sizeof(type)); \
		type v = 0;                                 \
		if (at)                                     \
			memcpy(&v, at, sizeof(v));          \
		return v;                                   \
	}
CURSOR_FIXED(cursor_u8, uint8_t)
CURSOR_FIXED(cursor_u16, uint16_t)
CURSOR_FIXED(cursor_u32, uint32_t)
CURSOR_FIXED(cursor_u64, uint64_t)
#undef CURSOR_FIXED

/* LEB128; bits past 64 are dropped, an unterminated number sets `bad`. */
static inline uint64_t cursor_uleb(struct cursor *c)
{
	uint64_t v = 0;
	unsigned int shift = 0;

	while (c->p < c->end) {
		uint8_t byte = *c->p++;

		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (!(byte & 0x80))
			return v;
	}
	c->bad = true;
	return 0;
}

static inline int64_t cursor_sleb(struct cursor *c)
{
	uint64_t v = 0;
	unsigned int shift = 0;

	while (c->p < c->end) {
		uint8_t byte = *c->p++;

		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (!(byte & 0x80)) {
			if (shift < 64 && (byte & 0x40))
				v |= ~UINT64_C(0) << shift;
			return (int64_t)v;
		}
	}
	c->bad = true;
	return 0;
}

/* A NUL-terminated string inside the data, or NULL (and `bad`). */
static inline const char *cursor_str(struct cursor *c)
{
	const uint8_t *nul = cursor_left(c) ? memchr(c->p, 0, cursor_left(c)) : NULL;
	const char *s = (const char *)c->p;

	if (!nul) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	c->p = nul + 1;
	return s;
}

#endif
