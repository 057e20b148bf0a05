/* theme.h - styles by meaning: the colours of waggle's other pictures (format/palette.h) for cells.
 *
 * `tint` chooses what the colour of a box says (key c): its kind of code, or a colour of its own by
 * name. Without colours everything that is told apart is told apart by reverse, bold and underline
 * too.
 *
 * Thread safety: pure.
 */
#ifndef WAGGLE_UI_TUI_THEME_H
#define WAGGLE_UI_TUI_THEME_H

#include "profile/waits.h"
#include "ui/tui/grid.h"

enum theme_tint { TINT_KIND, TINT_NAME, TINT_PLAIN, TINT_MAX };

struct theme {
	bool colour;
	enum theme_tint tint;
};

const char *theme_tint_name(enum theme_tint t);
struct style theme_plain(void);
struct style theme_title(void);
struct style theme_dim(void);
struct style theme_bar(const struct theme *t);      /* the lines at the top and the bottom */
struct style theme_selected(const struct theme *t);
struct style theme_match(const struct theme *t);    /* what a search found */
struct style theme_warning(const struct theme *t);
/* The box of a frame, enum frame_kind or FRAME_KIND_MAX for tasks and the root. */
struct style theme_frame(const struct theme *t, uint8_t kind, const char *name);
/* The same a little darker, for every other one of boxes that touch. */
struct style theme_darker(struct style s);
/* The foreground of bars for a group of waiting. */
struct style theme_group(const struct theme *t, enum wait_group g);
/* A cell of a heat map, 0..1; its character is heat_character(). */
struct style theme_heat(const struct theme *t, double share);
uint32_t theme_heat_character(double share, bool utf8);

#endif
