/* pen.c - numbers and XML text without printf; see pen.h. */
#include "format/pen.h"

/* Digits of v, right-aligned at `end`; returns where they start. */
static char *pen_digits(char *end, uint64_t v)
{
	do {
		*--end = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return end;
}

static uint64_t pen_sign(struct pen *p, int64_t v)
{
	if (v < 0)
		pen_putc(p, '-');
	return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

void pen_int(struct pen *p, int64_t v)
{
	char digits[24], *end = digits + sizeof(digits), *at = pen_digits(end, pen_sign(p, v));

	pen_put(p, at, (size_t)(end - at));
}

void pen_hundredths(struct pen *p, int64_t v)
{
	uint64_t u = pen_sign(p, v), part = u % 100;
	char tail[3] = {'.', (char)('0' + part / 10), (char)('0' + part % 10)};

	pen_int(p, (int64_t)(u / 100));
	if (part)
		pen_put(p, tail, part % 10 ? 3 : 2);
}

void pen_count(struct pen *p, int64_t v)
{
	char digits[24], *end = digits + sizeof(digits), *at = pen_digits(end, pen_sign(p, v));

	for (; at < end; at++) {
		pen_putc(p, *at);
		if ((end - at) % 3 == 1 && end - at > 1)
			pen_putc(p, ',');
	}
}

static int pen_follows(const uint8_t *s, size_t n, size_t count)
{
	for (size_t i = 1; i <= count; i++)
		if (i >= n || (s[i] & 0xc0) != 0x80)
			return 0;
	return 1;
}

size_t pen_utf8_char(const uint8_t *s, size_t n)
{
	uint32_t c;

	if (!n)
		return 0;
	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] >= 0xc2 && s[0] < 0xe0)
		return pen_follows(s, n, 1) && (s[0] > 0xc2 || s[1] >= 0xa0) ? 2 : 0;
	if (s[0] >= 0xe0 && s[0] < 0xf0 && pen_follows(s, n, 2)) {
		c = (uint32_t)(s[0] & 15) << 12 | (uint32_t)(s[1] & 63) << 6 | (s[2] & 63);
		return c >= 0x800 && (c < 0xd800 || c > 0xdfff) && c < 0xfffe ? 3 : 0;
	}
	if (s[0] >= 0xf0 && s[0] < 0xf5 && pen_follows(s, n, 3)) {
		c = (uint32_t)(s[0] & 7) << 18 | (uint32_t)(s[1] & 63) << 12 |
		    (uint32_t)(s[2] & 63) << 6 | (s[3] & 63);
		return c >= 0x10000 && c <= 0x10ffff ? 4 : 0;
	}
	return 0;
}

static void pen_xml_char(struct pen *p, const char *s, size_t n)
{
	switch (n ? *s : 0) {
	case 0:
		pen_puts(p, "\xef\xbf\xbd");
		break;
	case '&':
		pen_puts(p, "&amp;");
		break;
	case '<':
		pen_puts(p, "&lt;");
		break;
	case '>':
		pen_puts(p, "&gt;");
		break;
	case '"':
		pen_puts(p, "&quot;");
		break;
	default:
		pen_put(p, s, n);
	}
}

/* How many characters there are, counting no further than `most`. */
static size_t pen_chars(const char *s, size_t len, size_t most)
{
	size_t n = 0, step;

	for (size_t i = 0; i < len && n < most; i += step ? step : 1, n++)
		step = pen_utf8_char((const uint8_t *)s + i, len - i);
	return n;
}

void pen_xml(struct pen *p, const char *s, size_t len, size_t max)
{
	size_t cut = len > max && pen_chars(s, len, max + 1) > max ? max - 1 : SIZE_MAX;

	for (size_t i = 0, n = 0; i < len; n++) {
		size_t step = pen_utf8_char((const uint8_t *)s + i, len - i);

		if (n == cut) {
			pen_puts(p, "\xe2\x80\xa6");
			return;
		}
		pen_xml_char(p, s + i, step);
		i += step ? step : 1;
	}
}
