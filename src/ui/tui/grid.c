/* grid.c - cells in memory; see grid.h. */
#include "ui/tui/grid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/buf.h"

enum { GRID_MOST = 4096, TEXT_MOST = 8192 };

int grid_resize(struct grid *g, int width, int height)
{
	struct cell *cells;

	if (width < 1 || height < 1 || width > GRID_MOST || height > GRID_MOST)
		return -EINVAL;
	cells = realloc(g->cells, (size_t)width * (size_t)height * sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	g->cells = cells;
	g->width = width;
	g->height = height;
	grid_clear(g);
	return 0;
}

void grid_done(struct grid *g)
{
	free(g->cells);
	g->cells = NULL;
	g->width = g->height = 0;
}

void grid_clear(struct grid *g)
{
	for (size_t i = 0; i < (size_t)g->width * (size_t)g->height; i++)
		g->cells[i] = (struct cell){ .ch = ' ' };
}

struct cell *grid_at(struct grid *g, int x, int y)
{
	if (x < 0 || y < 0 || x >= g->width || y >= g->height)
		return NULL;
	return &g->cells[(size_t)y * (size_t)g->width + (size_t)x];
}

void grid_put_utf8(struct buf *to, uint32_t ch)
{
	if (ch < 0x80) {
		buf_putc(to, (char)ch);
	} else if (ch < 0x800) {
		buf_putc(to, (char)(0xc0 | ch >> 6));
		buf_putc(to, (char)(0x80 | (ch & 63)));
	} else if (ch < 0x10000) {
		buf_putc(to, (char)(0xe0 | ch >> 12));
		buf_putc(to, (char)(0x80 | (ch >> 6 & 63)));
		buf_putc(to, (char)(0x80 | (ch & 63)));
	} else {
		buf_putc(to, (char)(0xf0 | ch >> 18));
		buf_putc(to, (char)(0x80 | (ch >> 12 & 63)));
		buf_putc(to, (char)(0x80 | (ch >> 6 & 63)));
		buf_putc(to, (char)(0x80 | (ch & 63)));
	}
}

void grid_text(const struct grid *g, struct buf *to)
{
	for (int y = 0; y < g->height; y++) {
		const struct cell *row = &g->cells[(size_t)y * (size_t)g->width];
		int end = g->width;

		while (end && row[end - 1].ch == ' ')
			end--;
		for (int x = 0; x < end; x++)
			if (row[x].ch)
				grid_put_utf8(to, row[x].ch);
		buf_putc(to, '\n');
	}
}

/* -- panes ------------------------------------------------------------------------------------ */

struct pane pane_of(struct grid *g)
{
	return (struct pane){ g, 0, 0, g->width, g->height };
}

struct pane pane_part(const struct pane *p, int x, int y, int w, int h)
{
	struct pane part = { p->g, p->x + x, p->y + y, w, h };

	if (x + w > p->w)
		part.w = p->w - x;
	if (y + h > p->h)
		part.h = p->h - y;
	if (part.w < 0)
		part.w = 0;
	if (part.h < 0)
		part.h = 0;
	return part;
}

/* The next character of foreign bytes; what is no valid sequence is one '?'. */
static uint32_t text_next(const char **s, const struct grid *g)
{
	const uint8_t *at = (const uint8_t *)*s;
	uint32_t ch = at[0];
	int more = ch < 0x80                 ? 0
		   : ch >= 0xc2 && ch < 0xe0 ? 1
		   : ch >= 0xe0 && ch < 0xf0 ? 2
		   : ch >= 0xf0 && ch < 0xf5 ? 3
					     : -1;

	*s += 1;
	if (more < 0)
		return '?';
	if (!more)
		return ch < 0x20 || ch == 0x7f ? '?' : ch;
	ch &= 0x3fu >> more;
	for (int i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return '?';
		ch = ch << 6 | (at[i] & 63);
	}
	*s += more;
	return !g->utf8 || (ch >= 0x80 && ch < 0xa0) || (ch >= 0xd800 && ch < 0xe000) ? '?' : ch;
}

static int text_width(uint32_t ch)
{
	int w = ch < 0x80 ? 1 : wcwidth((wchar_t)ch);

	return w == 2 ? 2 : 1; /* combining ones are shown by themselves: names of functions hardly
				  have any */
}

static int text_cells(const char *text, const struct grid *g)
{
	int n = 0;

	while (*text)
		n += text_width(text_next(&text, g));
	return n;
}

static void pane_cell(const struct pane *p, int x, int y, uint32_t ch, struct style s)
{
	struct cell *c =
		x >= 0 && y >= 0 && x < p->w && y < p->h ? grid_at(p->g, p->x + x, p->y + y) : NULL;

	if (c)
		*c = (struct cell){ ch, s };
}

int pane_put(const struct pane *p, int x, int y, int w, struct style s, const char *text)
{
	int at = 0, all;

	if (x + w > p->w)
		w = p->w - x;
	if (w <= 0)
		return 0;
	all = text_cells(text, p->g);
	while (*text) {
		uint32_t ch = text_next(&text, p->g);
		int wide = text_width(ch), left = w - (all > w && w > 4 ? 2 : 0);

		if (at + wide > left)
			break;
		pane_cell(p, x + at, y, ch, s);
		if (wide == 2)
			pane_cell(p, x + at + 1, y, 0, s);
		at += wide;
	}
	for (int i = 0; all > w && w > 4 && i < 2; i++)
		pane_cell(p, x + at++, y, '.', s);
	return at;
}

int pane_printf(const struct pane *p, int x, int y, int w, struct style s, const char *fmt, ...)
{
	char text[TEXT_MOST];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return pane_put(p, x, y, w, s, text);
}

void pane_right(const struct pane *p, int x, int y, int w, struct style s, const char *text)
{
	int n = text_cells(text, p->g);

	pane_put(p, n < w ? x + w - n : x, y, n < w ? n : w, s, text);
}

void pane_fill(const struct pane *p, int x, int y, int w, int h, struct style s, uint32_t ch)
{
	for (int j = 0; j < h; j++)
		for (int i = 0; i < w; i++)
			pane_cell(p, x + i, y + j, ch, s);
}

void pane_bar(const struct pane *p, int x, int y, int w, struct style s, double share)
{
	int eighths;

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	eighths = (int)(share * w * 8 + 0.5);
	for (int i = 0; i < w; i++) {
		int left = eighths - i * 8;

		if (left >= 8)
			pane_cell(p, x + i, y, p->g->utf8 ? 0x2588 : '#', s);
		else if (left > 0 && p->g->utf8)
			pane_cell(p, x + i, y, 0x2590 - (uint32_t)left,
				  s); /* left blocks, widest first */
		else if (left >= 4)
			pane_cell(p, x + i, y, '=', s);
	}
}
