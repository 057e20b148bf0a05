/* terminal.c - the grid onto a real terminal through ncurses, and keys, mouse and sizes from it;
 * see tui.h.
 *
 * ncurses' own state is global, so there is one terminal. Colours are exact where the terminal's
 * description has direct colours, otherwise the nearest of the 256 or 16 that there are; NO_COLOR
 * in the environment, or a terminal without any, means none.
 */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/map64.h"
#include "ui/tui/tui.h"

#define NCURSES_WIDECHAR 1
#include <curses.h> /* these two come last: they make macros of ordinary words */
#include <term.h>

enum { TERMINAL_TICK_MS = 100, TERMINAL_PAIRS = 32000, TERMINAL_ESC_MS = 25 };

struct terminal {
	SCREEN *screen;
	struct grid grid;
	struct map64 pairs; /* what is asked for -> pair: finding the nearest colours takes long */
	int colours, n_pairs;
	FILE *in, *out;
};

static struct termios terminal_before; /* for a signal handler */
static volatile sig_atomic_t terminal_is_ours;

void tui_abandon(void)
{
	static const char leave[] =
		"\033[?1002l\033[?1006l\033[?1000l\033[?1049l\033[?25h\033[0m\r\n";

	if (!terminal_is_ours)
		return;
	if (write(STDOUT_FILENO, leave, sizeof(leave) - 1) < 0)
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
}

int tui_possible(struct err *e)
{
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(e, -ENOTTY,
			       "the terminal user interface needs a terminal as standard input and "
			       "output");
	if (!term || !*term || strcmp(term, "dumb") == 0)
		return err_set(e, -ENOTTY,
			       "the terminal user interface cannot work on a terminal of type "
			       "'%s': set TERM, or "
			       "leave --tui out",
			       term ? term : "");
	return 0;
}

/* -- colours ---------------------------------------------------------------------------------- */

static int colour_distance(uint32_t a, uint32_t b)
{
	int d = 0;

	for (int shift = 0; shift < 24; shift += 8) {
		int x = (int)(a >> shift & 255) - (int)(b >> shift & 255);

		d += x * x;
	}
	return d;
}

/* The colours of xterm: 16 of their own, a cube of 6, 24 greys. */
static uint32_t colour_of_256(int i)
{
	static const uint32_t own[] = { 0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd,
					0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00,
					0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff };
	static const uint8_t steps[] = { 0, 95, 135, 175, 215, 255 };

	if (i < 16)
		return own[i];
	if (i >= 232)
		return (uint32_t)(8 + 10 * (i - 232)) * 0x010101;
	i -= 16;
	return (uint32_t)steps[i / 36] << 16 | (uint32_t)steps[i / 6 % 6] << 8 | steps[i % 6];
}

/* The first 16 look different everywhere: of 256, the others are used. */
static int colour_nearest(const struct terminal *t, uint32_t rgb)
{
	int best = 0, from = t->colours >= 256 ? 16 : 0, n = t->colours >= 256 ? 256 : t->colours;

	if (t->colours > 256)
		return (int)rgb;
	for (int i = best = from; i < n; i++)
		if (colour_distance(rgb, colour_of_256(i)) <
		    colour_distance(rgb, colour_of_256(best)))
			best = i;
	return best;
}

static int terminal_pair(struct terminal *t, const struct style *s)
{
	uint64_t fg = s->flags & STYLE_FG ? s->fg : UINT32_MAX,
		 bg = s->flags & STYLE_BG ? s->bg : UINT32_MAX;
	uint32_t *pair;
	bool is_new;

	if (!t->colours || (fg == UINT32_MAX && bg == UINT32_MAX))
		return 0;
	pair = map64_insert(&t->pairs, fg << 32 | bg, 0, &is_new);
	if (!pair)
		return 0;
	if (is_new && t->n_pairs < TERMINAL_PAIRS &&
	    init_extended_pair(t->n_pairs, fg == UINT32_MAX ? -1 : colour_nearest(t, s->fg),
			       bg == UINT32_MAX ? -1 : colour_nearest(t, s->bg)) != ERR)
		*pair = (uint32_t)t->n_pairs++;
	return (int)*pair;
}

/* -- drawing ---------------------------------------------------------------------------------- */

static void terminal_cell(struct terminal *t, int x, int y, const struct cell *c)
{
	attr_t attrs = A_NORMAL;
	wchar_t text[2] = { (wchar_t)c->ch, 0 };
	int pair = terminal_pair(t, &c->style);
	cchar_t cell;

	if (!c->ch) /* the wide one before it covers this place */
		return;
	attrs |= c->style.flags & STYLE_BOLD ? A_BOLD : 0;
	attrs |= c->style.flags & STYLE_DIM ? A_DIM : 0;
	attrs |= c->style.flags & STYLE_REVERSE ? A_REVERSE : 0;
	attrs |= c->style.flags & STYLE_UNDERLINE ? A_UNDERLINE : 0;
	setcchar(&cell, text, attrs, 0, &pair);
	mvadd_wch(y, x, &cell);
}

static void terminal_show(struct terminal *t)
{
	for (int y = 0; y < t->grid.height; y++)
		for (int x = 0; x < t->grid.width; x++)
			terminal_cell(t, x, y, grid_at(&t->grid, x, y));
	refresh();
}

/* OSC 52: the terminal's clipboard, also through ssh. */
static void terminal_copy(struct terminal *t, struct tui *tui)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = tui_take_copy(tui);
	size_t n = text ? strlen(text) : 0;

	if (!text)
		return;
	fputs("\033]52;c;", t->out);
	for (size_t i = 0; i < n; i += 3) {
		uint32_t a = (uint8_t)text[i], b = i + 1 < n ? (uint8_t)text[i + 1] : 0,
			 c = i + 2 < n ? (uint8_t)text[i + 2] : 0, all = a << 16 | b << 8 | c;

		fputc(digits[all >> 18], t->out);
		fputc(digits[all >> 12 & 63], t->out);
		fputc(i + 1 < n ? digits[all >> 6 & 63] : '=', t->out);
		fputc(i + 2 < n ? digits[all & 63] : '=', t->out);
	}
	fputs("\a", t->out);
	fflush(t->out);
	free(text);
}

/* -- keys ------------------------------------------------------------------------------------- */

static int terminal_special(wint_t key)
{
	static const struct {
		int curses, key;
	} keys[] = {
		{ KEY_UP, TUI_UP },
		{ KEY_DOWN, TUI_DOWN },
		{ KEY_LEFT, TUI_LEFT },
		{ KEY_RIGHT, TUI_RIGHT },
		{ KEY_PPAGE, TUI_PAGE_UP },
		{ KEY_NPAGE, TUI_PAGE_DOWN },
		{ KEY_HOME, TUI_HOME },
		{ KEY_END, TUI_END },
		{ KEY_BTAB, TUI_BACK_TAB },
		{ KEY_ENTER, TUI_ENTER },
		{ KEY_BACKSPACE, TUI_BACKSPACE },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (key == (wint_t)keys[i].curses)
			return keys[i].key;
	return TUI_NONE;
}

static void terminal_mouse(struct tui *tui, uint64_t now)
{
	MEVENT m;

	if (getmouse(&m) != OK)
		return;
	if (m.bstate & BUTTON4_PRESSED)
		tui_mouse(tui, m.x, m.y, MOUSE_WHEEL_UP, now);
	else if (m.bstate & BUTTON5_PRESSED)
		tui_mouse(tui, m.x, m.y, MOUSE_WHEEL_DOWN, now);
	else if (m.bstate & BUTTON1_PRESSED)
		tui_mouse(tui, m.x, m.y, MOUSE_PRESS, now);
	else if (m.bstate & BUTTON1_RELEASED)
		tui_mouse(tui, m.x, m.y, MOUSE_RELEASE, now);
}

static int terminal_resize(struct terminal *t)
{
	int width, height;

	getmaxyx(stdscr, height, width);
	clear();
	return grid_resize(&t->grid, width, height);
}

/* Everything that was typed since. True when anything was. */
static bool terminal_keys(struct terminal *t, struct tui *tui, uint64_t now)
{
	bool any = false;
	wint_t ch;
	int kind;

	while (!tui_is_over(tui) && (kind = get_wch(&ch)) != ERR) {
		any = true;
		if (kind != KEY_CODE_YES)
			tui_key(tui,
				ch == '\r'             ? TUI_ENTER
				: ch == 127 || ch == 8 ? TUI_BACKSPACE
						       : (int)ch,
				now);
		else if (ch == KEY_MOUSE)
			terminal_mouse(tui, now);
		else if (ch == KEY_RESIZE)
			terminal_resize(t);
		else if (terminal_special(ch))
			tui_key(tui, terminal_special(ch), now);
	}
	return any;
}

/* -- life ------------------------------------------------------------------------------------- */

static bool terminal_wants_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return has_colors() && !(no && *no);
}

/* True colour is something few descriptions of terminals say, but a variable that many terminals
 * set. */
static SCREEN *terminal_screen(FILE *out, FILE *in)
{
	const char *term = getenv("TERM"), *said = getenv("COLORTERM");
	SCREEN *s = NULL;
	char direct[64];
	int status;

	if (said && (!strcmp(said, "truecolor") || !strcmp(said, "24bit"))) {
		snprintf(direct, sizeof(direct), "%.*s-direct", (int)strcspn(term, "-"), term);
		if (setupterm(direct, STDOUT_FILENO, &status) == OK) {
			del_curterm(cur_term);
			s = newterm(direct, out, in);
		}
	}
	return s ? s : newterm(NULL, out, in);
}

static int terminal_open(struct terminal *t, struct tui *tui, bool ascii, struct err *e)
{
	setlocale(LC_CTYPE, "");
	tcgetattr(STDIN_FILENO, &terminal_before);
	t->in = stdin;
	t->out = stdout;
	t->screen = terminal_screen(t->out, t->in);
	if (!t->screen)
		return err_set(e, -ENOTTY, "nothing is known of a terminal of type '%s'",
			       getenv("TERM"));
	terminal_is_ours = 1;
	set_escdelay(TERMINAL_ESC_MS);
	raw();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	mouseinterval(0);
	mousemask(BUTTON1_PRESSED | BUTTON1_RELEASED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	if (terminal_wants_colour()) {
		start_color();
		use_default_colors();
		t->colours = COLORS;
	}
	t->n_pairs = 1;
	tui_set_colour(tui, t->colours >= 8);
	t->grid.utf8 = !ascii && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	return terminal_resize(t) ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static void terminal_close(struct terminal *t)
{
	if (t->screen) {
		endwin();
		terminal_is_ours = 0;
		delscreen(t->screen);
	}
	grid_done(&t->grid);
	map64_free(&t->pairs);
}

/* What the command has written. False when there will be no more. */
static bool terminal_child(struct tui *tui, int child)
{
	char bytes[8192];
	ssize_t n = read(child, bytes, sizeof(bytes));

	if (n > 0)
		tui_child_wrote(tui, bytes, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void terminal_loop(struct terminal *t, struct tui *tui, const struct tui_opts *o)
{
	int child = o->child;
	uint64_t drawn = 0;
	bool draw = true;

	live_looks_here(o->live);
	while (!tui_is_over(tui) && !(o->leave && __atomic_load_n(o->leave, __ATOMIC_ACQUIRE))) {
		struct pollfd fds[2] = { { STDIN_FILENO, POLLIN, 0 }, { child, POLLIN, 0 } };
		uint64_t now = clock_mono_ns();

		draw |= tui_refresh(tui, now);
		if (draw || now - drawn > NSEC_PER_SEC) { /* the clock at the top goes on */
			tui_draw(tui, &t->grid, now);
			terminal_show(t);
			drawn = now;
			draw = false;
		}
		if (poll(fds, child >= 0 ? 2 : 1, TERMINAL_TICK_MS) < 0 && errno != EINTR)
			return;
		if (fds[0].revents & (POLLHUP | POLLERR))
			return; /* the terminal is gone */
		if (child >= 0 && fds[1].revents) {
			draw = true;
			if (!terminal_child(tui, child))
				child = -1;
		}
		draw |= terminal_keys(t, tui, now);
		terminal_copy(t, tui);
	}
}

int tui_run(const struct tui_opts *o, struct err *e)
{
	struct terminal t = { 0 };
	struct tui *tui = NULL;
	int code = tui_new(o, &tui, e);

	if (!code)
		code = terminal_open(&t, tui, o->ascii, e);
	if (!code)
		terminal_loop(&t, tui, o);
	terminal_close(&t);
	tui_free(tui);
	if (o->left)
		o->left(o->ctx);
	return code;
}
