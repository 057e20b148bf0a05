/* page.c - lines of text for a terminal; see page.h. */
#include "format/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/utf8.h"

void page_style(struct page *g, enum page_style s)
{
	static const char *const codes[PAGE_STYLES] = {
		[PAGE_PLAIN] = "\033[0m",   [PAGE_TITLE] = "\033[1m",    [PAGE_DIM] = "\033[2m",
		[PAGE_KERNEL] = "\033[33m", [PAGE_JIT] = "\033[32m",     [PAGE_INLINED] = "\033[36m",
		[PAGE_WARN] = "\033[1;31m", [PAGE_BAR] = "\033[38;5;208m",
		[PAGE_READY] = "\033[38;5;221m", [PAGE_BLOCKED] = "\033[38;5;75m",
	};

	if (g->colour)
		out_puts(g->to, codes[s]);
}

void page_blanks(struct page *g, uint32_t n)
{
	while (n--)
		out_putc(g->to, ' ');
}

const char *page_ellipsis(const struct page *g, uint32_t *ret_columns)
{
	*ret_columns = g->utf8 ? 1 : 2;
	return g->utf8 ? "\xe2\x80\xa6" : "..";
}

/* Valid UTF-8 without control characters (C0, DEL and C1, whose bytes are c2 80..9f). */
static void page_clean(struct buf *to, const char *s)
{
	size_t from = to->len;

	utf8_mend(to, s, strlen(s));
	for (size_t i = from; i < to->len; i++) {
		uint8_t *c = &to->data[i];

		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
		else if (*c == 0xc2 && i + 1 < to->len && c[1] < 0xa0)
			c[0] = c[1] = '?';
	}
}

/* Does "<" at s[i] open template arguments, or is it part of an operator's name? */
static bool page_opens(const char *s, size_t i)
{
	static const char op[] = "operator";
	size_t n = sizeof(op) - 1;

	while (i && (s[i - 1] == '<' || s[i - 1] == ' '))
		i--;
	return i > 0 && !(i >= n && !memcmp(s + i - n, op, n));
}

/* "a<b<c>, d>::e<f>" -> "a<..>::e<..>". Leaves alone what does not balance. */
static void page_drop_arguments(const struct page *g, const char *s, size_t len, struct buf *to)
{
	uint32_t depth = 0, columns;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '<' && (depth || page_opens(s, i)) && !depth++) {
			buf_putc(to, '<');
			buf_puts(to, page_ellipsis(g, &columns));
		}
		if (s[i] == '>' && depth && s[i - 1] != '-' && --depth == 0) {
			buf_putc(to, '>');
			continue;
		}
		if (!depth)
			buf_putc(to, s[i]);
	}
	if (depth) {
		buf_reset(to);
		buf_put(to, s, len);
	}
}

/* Head and tail with an ellipsis between; the tail says more, it gets the larger part. */
static void page_cut(struct page *g, const char *s, size_t len, uint32_t max)
{
	uint32_t dots, have = (uint32_t)utf8_count(s, len);
	const char *ellipsis = page_ellipsis(g, &dots);
	uint32_t tail = max > dots ? (max - dots) * 3 / 5 : 0;
	uint32_t head = max > dots ? max - dots - tail : 0;

	out_put(g->to, s, utf8_head(s, len, head));
	if (max >= dots)
		out_puts(g->to, ellipsis);
	if (tail)
		out_put(g->to, s + utf8_head(s, len, have - tail),
			len - utf8_head(s, len, have - tail));
}

uint32_t page_name(struct page *g, const char *name, uint32_t max, bool pad)
{
	struct buf clean = { 0 }, brief = { 0 };
	const struct buf *use = &clean;
	uint32_t n;

	page_clean(&clean, name);
	n = (uint32_t)utf8_count((char *)clean.data, clean.len);
	if (n > max && memchr(clean.data, '<', clean.len)) {
		page_drop_arguments(g, (char *)clean.data, clean.len, &brief);
		use = &brief;
		n = (uint32_t)utf8_count((char *)brief.data, brief.len);
	}
	if (n > max) {
		page_cut(g, (char *)use->data, use->len, max);
		n = max;
	} else {
		out_put(g->to, use->data, use->len);
	}
	if (clean.err || brief.err)
		g->to->err = clean.err ? clean.err : brief.err;
	buf_free(&clean);
	buf_free(&brief);
	if (pad)
		page_blanks(g, max - n);
	return pad ? max : n;
}

uint32_t page_name_width(const char *name)
{
	return (uint32_t)utf8_count(name, strlen(name));
}

void page_bar(struct page *g, double self, double total, uint32_t columns)
{
	static const char *const eighths[] = { "",
					       "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d",
					       "\xe2\x96\x8c", "\xe2\x96\x8b", "\xe2\x96\x8a",
					       "\xe2\x96\x89", "\xe2\x96\x88" };
	double room = columns;
	uint32_t solid = (uint32_t)(self * room * 8 + 0.5), light = (uint32_t)(total * room + 0.5);
	uint32_t at = 0;

	page_style(g, PAGE_BAR);
	if (!g->utf8)
		solid = (solid + 4) / 8 * 8;
	for (; at < columns && solid; at++) {
		uint32_t part = solid > 8 ? 8 : solid;

		out_puts(g->to, g->utf8 ? eighths[part] : "#");
		solid -= part;
	}
	page_style(g, PAGE_PLAIN);
	page_style(g, PAGE_DIM);
	for (; at < columns && at < light; at++)
		out_puts(g->to, g->utf8 ? "\xe2\x96\x91" : "-");
	page_style(g, PAGE_PLAIN);
	page_blanks(g, columns - at);
}

void page_share(struct page *g, double share)
{
	double percent = share * 100;

	if (percent > 0 && percent < 0.05)
		out_puts(g->to, " <0.1%");
	else
		out_printf(g->to, "%5.1f%%", percent);
}

void page_wrap(struct page *g, const char *text, uint32_t at, uint32_t indent)
{
	struct buf clean = { 0 };
	const char *s, *end;
	bool first = true;

	page_clean(&clean, text);
	s = (const char *)clean.data;
	end = s + clean.len;
	while (s < end) {
		const char *space = memchr(s, ' ', (size_t)(end - s));
		size_t len = (size_t)((space ? space : end) - s);
		uint32_t n = (uint32_t)utf8_count(s, len);

		if (!first && at + 1 + n > g->width) {
			out_putc(g->to, '\n');
			page_blanks(g, indent);
			at = indent;
			first = true;
		}
		if (!first)
			out_putc(g->to, ' ');
		out_put(g->to, s, len);
		at += n + !first;
		first = false;
		s += len + (space ? 1 : 0);
	}
	out_putc(g->to, '\n');
	buf_free(&clean);
}
