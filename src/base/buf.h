/* buf.h - a growable byte buffer with a sticky error.
 *
 * Writers append without checking each call; the first failed allocation sets `err` to -ENOMEM and
 * every later append is a no-op, so one check at the end is enough.
 *
 * Ownership: buf_free() releases the memory; buf_take() hands it to the caller (free() it).
 * Not thread safe. A zeroed struct is a valid empty buffer.
 */
#ifndef WAGGLE_BASE_BUF_H
#define WAGGLE_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len, cap;
	int err; /* 0 or -ENOMEM */
};

void buf_free(struct buf *b);
void buf_reset(struct buf *b); /* len = 0 and err = 0, keeps the memory */
uint8_t *buf_take(struct buf *b, size_t *ret_len);

/* Makes room for n more bytes; returns where they go, NULL on error. Does not change len. */
uint8_t *buf_reserve(struct buf *b, size_t n);

void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Little-endian fixed width, and LEB128 as in DWARF and protobuf. */
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_uleb(struct buf *b, uint64_t v);
void buf_sleb(struct buf *b, int64_t v);

#endif
