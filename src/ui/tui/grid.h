/* grid.h - what a screen is to show, as cells in memory.
 *
 * Views draw into a grid and know nothing of terminals; terminal.c puts it onto one, tests read it
 * as text.
 *
 * Units: cells, (0, 0) at the top left. Ownership: grid_done(). Drawing beyond the edges is cut off.
 * Thread safety: none.
 */
#ifndef WAGGLE_UI_TUI_GRID_H
#define WAGGLE_UI_TUI_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum {
	STYLE_BOLD = 1,
	STYLE_DIM = 2,
	STYLE_REVERSE = 4,
	STYLE_UNDERLINE = 8,
	STYLE_FG = 16, /* `fg` holds: otherwise the terminal's own */
	STYLE_BG = 32,
};

struct style {
	uint32_t fg, bg; /* 0xrrggbb */
	uint8_t flags;
};

struct cell {
	uint32_t ch; /* Unicode; 0: the right half of the wide character before it */
	struct style style;
};

struct grid {
	int width, height;
	bool utf8; /* otherwise what is not ASCII is shown as '?' */
	struct cell *cells;
};

/* Empty cells. 0, -EINVAL for a size that is not positive, -ENOMEM; the grid may have been used
 * before. */
int grid_resize(struct grid *g, int width, int height);
void grid_done(struct grid *g);
void grid_clear(struct grid *g);
/* NULL outside. */
struct cell *grid_at(struct grid *g, int x, int y);
/* A character as UTF-8. */
void grid_put_utf8(struct buf *to, uint32_t ch);
/* The lines without blanks at their ends, each with a newline. */
void grid_text(const struct grid *g, struct buf *to);

/* A rectangle of a grid; coordinates are its own. */
struct pane {
	struct grid *g;
	int x, y, w, h;
};

struct pane pane_of(struct grid *g);
/* Cut to the parent. */
struct pane pane_part(const struct pane *p, int x, int y, int w, int h);
/* At most `w` cells of the text (UTF-8, mended); longer ones end in "..". Returns the cells written. */
int pane_put(const struct pane *p, int x, int y, int w, struct style s, const char *text);
int pane_printf(const struct pane *p, int x, int y, int w, struct style s, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* To the right edge of [x, x + w). */
void pane_right(const struct pane *p, int x, int y, int w, struct style s, const char *text);
void pane_fill(const struct pane *p, int x, int y, int w, int h, struct style s, uint32_t ch);
/* A bar of value/most of `w` cells; eighths of a cell where there is UTF-8. */
void pane_bar(const struct pane *p, int x, int y, int w, struct style s, double share);

#endif
