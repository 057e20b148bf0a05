/* utf8.h - foreign bytes as valid UTF-8, and how wide they are. Private to src/format.
 * Source: RFC 3629 (no surrogates, no overlong forms). Thread safety: pure.
 */
#ifndef WAGGLE_FORMAT_UTF8_H
#define WAGGLE_FORMAT_UTF8_H

#include <stddef.h>
#include <stdint.h>

struct buf;

/* Bytes of the valid sequence at s (left >= 1 bytes there), 0 when there is none. */
size_t utf8_len(const uint8_t *s, size_t left);

/* Appends with every byte that belongs to no valid sequence replaced by U+FFFD. */
void utf8_mend(struct buf *to, const char *s, size_t len);

/* Characters in s; a byte that is not valid counts as one. Wide and combining characters are not
 * told apart: names of functions hardly have any. */
size_t utf8_count(const char *s, size_t len);

/* Bytes that the first n characters take. */
size_t utf8_head(const char *s, size_t len, size_t n);

#endif
