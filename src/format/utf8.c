/* utf8.c - foreign bytes as valid UTF-8; see utf8.h. */
#include "format/utf8.h"

#include "base/buf.h"

size_t utf8_len(const uint8_t *s, size_t left)
{
	uint8_t lo = 0x80, hi = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		lo = 0xa0;
	else if (s[0] == 0xed)
		hi = 0x9f;
	else if (s[0] == 0xf0)
		lo = 0x90;
	else if (s[0] == 0xf4)
		hi = 0x8f;
	if (left < n || s[1] < lo || s[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void utf8_mend(struct buf *to, const char *s, size_t len)
{
	size_t from = 0, i = 0;

	while (i < len) {
		size_t n = utf8_len((const uint8_t *)s + i, len - i);

		if (n) {
			i += n;
			continue;
		}
		buf_put(to, s + from, i - from);
		buf_puts(to, "\xef\xbf\xbd");
		from = ++i;
	}
	buf_put(to, s + from, len - from);
}

size_t utf8_head(const char *s, size_t len, size_t n)
{
	size_t i = 0;

	while (n-- && i < len) {
		size_t k = utf8_len((const uint8_t *)s + i, len - i);

		i += k ? k : 1;
	}
	return i;
}

size_t utf8_count(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; n++)
		i += utf8_head(s + i, len - i, 1);
	return n;
}
