/* tui.h - the live terminal: views of a live model, their state, and what keys do to it.
 *
 * Without a terminal: tui_key() and tui_draw() work on a grid in memory, which tests read.
 * tui_run() is the loop on a real one (terminal.c).
 *
 * Times are CLOCK_MONOTONIC ns where `now` is asked for. Ownership: tui_free(); options are borrowed.
 * Errors: 0 or -errno with a sentence. Thread safety: one thread; the live model takes care of its own.
 */
#ifndef WAGGLE_UI_TUI_TUI_H
#define WAGGLE_UI_TUI_TUI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "live/live.h"
#include "ui/tui/grid.h"

struct tui;

struct tui_opts {
	struct live *live;
	const char *title;  /* what was asked for: "waggle top -p 4711" */
	const char *page;   /* address of a live page of the same capture, told in the ledger; NULL = none */
	int child;          /* our end of the started command's terminal; -1 = there is none */
	bool ascii;         /* no characters beyond ASCII, whatever the terminal can do */
	/* Called on the user interface's thread when the user leaves; may be NULL. */
	void (*left)(void *ctx);
	void *ctx;
	const bool *leave;  /* set by others, atomically: the terminal is to be given back; may be NULL */
};

/* Keys are Unicode characters, or these. */
enum tui_key {
	TUI_NONE = 0,
	TUI_TAB = '\t',
	TUI_ENTER = '\n',
	TUI_ESC = 27,
	TUI_SPECIAL = 0x110000,
	TUI_UP, TUI_DOWN, TUI_LEFT, TUI_RIGHT, TUI_PAGE_UP, TUI_PAGE_DOWN, TUI_HOME, TUI_END, TUI_BACK_TAB,
	TUI_BACKSPACE,
};

enum tui_mouse { MOUSE_PRESS, MOUSE_RELEASE, MOUSE_WHEEL_UP, MOUSE_WHEEL_DOWN };

int tui_new(const struct tui_opts *o, struct tui **ret, struct err *e);
void tui_free(struct tui *t);
/* Takes a new snapshot when it is time; true when there is something new to draw. */
bool tui_refresh(struct tui *t, uint64_t now);
/* The whole screen; the grid's size is the screen's. */
void tui_draw(struct tui *t, struct grid *g, uint64_t now);
/* `colour`: the screen has any. */
void tui_set_colour(struct tui *t, bool colour);
void tui_key(struct tui *t, int key, uint64_t now);
void tui_mouse(struct tui *t, int x, int y, enum tui_mouse what, uint64_t now);
/* The user asked to leave. */
bool tui_is_over(const struct tui *t);
/* Bytes the started command has written. */
void tui_child_wrote(struct tui *t, const char *bytes, size_t n);
/* Text the user asked to be copied, once; NULL = none. The caller frees it. */
char *tui_take_copy(struct tui *t);

/* Can there be a terminal user interface here? 0, or -ENOTTY with a sentence. */
int tui_possible(struct err *e);
/* Runs until the user leaves or `leave` is set. */
int tui_run(const struct tui_opts *o, struct err *e);
/* Gives the terminal back in a hurry: for a signal handler that is about to end the process. */
void tui_abandon(void);

#endif
