/* pen.h - fast small writes: the numbers and texts that pictures repeat a hundred thousand times.
 *
 * printf spends most of a picture's time in parsing its format; these write the few shapes that are
 * needed straight into a block that goes to the `out` when it is full.
 *
 * Errors stick in the `out`. Call pen_flush() at the end. Not thread safe.
 */
#ifndef WAGGLE_FORMAT_PEN_H
#define WAGGLE_FORMAT_PEN_H

#include <stdint.h>
#include <string.h>

#include "base/out.h"

enum { PEN_BLOCK = 1 << 15 };

struct pen {
	struct out *to;
	size_t n;
	char block[PEN_BLOCK];
};

static inline void pen_flush(struct pen *p)
{
	out_put(p->to, p->block, p->n);
	p->n = 0;
}

static inline void pen_put(struct pen *p, const char *s, size_t n)
{
	if (n > PEN_BLOCK - p->n) {
		pen_flush(p);
		if (n > PEN_BLOCK) {
			out_put(p->to, s, n);
			return;
		}
	}
	memcpy(p->block + p->n, s, n);
	p->n += n;
}

static inline void pen_puts(struct pen *p, const char *s)
{
	pen_put(p, s, strlen(s));
}

static inline void pen_putc(struct pen *p, char c)
{
	pen_put(p, &c, 1);
}

void pen_int(struct pen *p, int64_t v);
/* Hundredths as "12.34", without trailing zeros: 1230 -> "12.3". */
void pen_hundredths(struct pen *p, int64_t v);
/* Thousands separated by commas. */
void pen_count(struct pen *p, int64_t v);
/* Escaped for XML text and attributes. What is not valid UTF-8, and characters XML does not allow,
 * become U+FFFD. At most `max` characters; when there are more, the last one is an ellipsis. */
void pen_xml(struct pen *p, const char *s, size_t len, size_t max);

/* Length in bytes of the UTF-8 character at s (n bytes left) that XML 1.0 allows (its section 2.2);
 * 0 when there is none. */
size_t pen_utf8_char(const uint8_t *s, size_t n);

#endif
