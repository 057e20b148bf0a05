/* view.h - one way to look at a live model, a row in a table.
 *
 * To add a view: write ui/tui/NAME_view.c that defines `const struct view view_NAME`, and add
 * ROW(NAME) to ui/tui/views.def. Tabs, help and the Tab key come from the rows.
 *
 * Thread safety: the user interface's thread only.
 */
#ifndef WAGGLE_UI_TUI_VIEW_H
#define WAGGLE_UI_TUI_VIEW_H

#include "ui/tui/grid.h"
#include "ui/tui/tui.h"

struct buf;

struct view {
	const char *name;      /* in the tabs */
	int key;               /* goes there from anywhere, 0 = only by Tab */
	const char *help;      /* lines of "keys<TAB>what they do" */
	size_t state_size;     /* of zeroed bytes it is given to remember things in */
	void (*draw)(struct tui *t, void *state, const struct pane *p);
	/* True when the key was one of its own. NULL = it has none; the same for all below. */
	bool (*key_pressed)(struct tui *t, void *state, int key);
	bool (*mouse)(struct tui *t, void *state, int x, int y, enum tui_mouse what);
	void (*copy)(struct tui *t, void *state, struct buf *to); /* what y copies: "a;b;c" */
	bool (*find)(struct tui *t, void *state, int direction);  /* n and N: false = nothing found */
	const char *(*current)(struct tui *t, void *state);       /* what # searches for */
	void (*done)(void *state);
};

const struct view *const *view_all(int *ret_n);

#endif
