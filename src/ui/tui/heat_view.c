/* heat_view.c - time from left to right, a second (or two, four ..) a column, and within it from
 * top to bottom.
 *
 * A range that is chosen here is what all views show. The map itself always shows all there is, or
 * nobody could choose another one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ui/tui/tui_parts.h"

extern const struct view view_heat;

struct heat_state {
	struct heat *heat;
	uint64_t seen;     /* generation it was made of */
	uint64_t made;     /* ns */
	uint32_t pid, tid; /* tasks it was made of */
	int classes, columns;
	bool marked, placed; /* a range is being chosen; the cursor was put somewhere by hand */
	uint64_t mark, at;   /* time columns: where it begins, the cursor */
	uint64_t left;       /* the first column shown */
	int width, dragged;  /* cells shown; a button is down since this one, -1 = no */
};

enum { HEAT_AGAIN_MS = 900, HEAT_LABELS = 7 };

/* One snapshot of everything, by the same tasks and classes as the other views. */
static void heat_make(struct tui *t, struct heat_state *v, int columns)
{
	uint32_t pid, tid;
	struct live_query q = tui_query(t, &pid, &tid);
	const struct live_snapshot *s;
	struct heat_opts o = { .value = UINT32_MAX, .columns = (uint32_t)columns };
	uint64_t now = clock_mono_ns();
	bool same = v->heat && v->pid == t->pid && v->tid == t->tid &&
		    v->classes == (int)t->classes && v->columns == columns;

	if (same && (t->frozen || v->seen == t->state.generation ||
		     now < v->made + HEAT_AGAIN_MS * UINT64_C(1000000)))
		return;
	q.filter.from = q.filter.to = q.last = q.half_life = 0;
	if (live_snapshot(t->o.live, &q, &s, NULL))
		return;
	heat_free(v->heat);
	v->heat = NULL;
	o.grain = s->grain;
	if (!heat_new(s->profile, &o, &v->heat)) {
		v->seen = s->state.generation;
		v->made = now;
		v->pid = t->pid;
		v->tid = t->tid;
		v->classes = (int)t->classes;
		v->columns = columns;
	}
	live_snapshot_unref(s);
}

static void heat_place(struct heat_state *v, int width)
{
	uint64_t last = v->heat->rows ? v->heat->rows - 1 : 0;

	v->width = width;
	if (!v->placed || v->at > last)
		v->at = last;
	if (v->at < v->left)
		v->left = v->at;
	if (v->at >= v->left + (uint64_t)width)
		v->left = v->at - (uint64_t)width + 1;
	if (!v->placed)
		v->left = last >= (uint64_t)width ? last - (uint64_t)width + 1 : 0;
}

static bool heat_is_chosen(const struct tui *t, const struct heat_state *v, uint64_t column)
{
	uint64_t a = v->mark < v->at ? v->mark : v->at, b = v->mark < v->at ? v->at : v->mark;

	if (v->marked)
		return column >= a && column <= b;
	return t->to && column * v->heat->row >= t->from && column * v->heat->row < t->to;
}

static void heat_cells(struct tui *t, const struct heat_state *v, const struct pane *p)
{
	const struct heat *h = v->heat;

	for (int x = 0; x < p->w && v->left + (uint64_t)x < h->rows; x++) {
		uint64_t column = v->left + (uint64_t)x;
		bool chosen = heat_is_chosen(t, v, column);

		for (int y = 0; y < (int)h->columns && y < p->h; y++) {
			int64_t cell = heat_cell(h, (uint32_t)column, (uint32_t)y);
			double share = h->most > 0 ? (double)cell / (double)h->most : 0;
			struct style s = theme_heat(&t->theme, share);
			uint32_t ch = theme_heat_character(share, p->g->utf8);

			if (chosen && (!t->theme.colour || !(s.flags & STYLE_BG)))
				s.flags |= STYLE_REVERSE;
			pane_fill(p, x, y, 1, 1, s, ch);
		}
	}
}

/* Below the map: the cursor, what is chosen, and the seconds. */
static void heat_scale(struct tui *t, const struct heat_state *v, const struct pane *p, int y)
{
	for (int x = 0; x < p->w; x++) {
		uint64_t column = v->left + (uint64_t)x, time = column * v->heat->row;

		if (column >= v->heat->rows)
			break;
		if (heat_is_chosen(t, v, column))
			pane_put(p, x, y, 1, theme_match(&t->theme), "-");
		if (column == v->at)
			pane_put(p, x, y, 1, theme_selected(&t->theme), "^");
		if (column % 10 == 0)
			pane_printf(p, x, y + 1, 9, theme_dim(), "%llu s",
				    (unsigned long long)(time / NSEC_PER_SEC));
	}
}

static void heat_say(struct tui *t, const struct heat_state *v, const struct pane *p, int y)
{
	int64_t sum = 0;
	char number[40];

	for (uint32_t i = 0; v->at < v->heat->rows && i < v->heat->columns; i++)
		sum += heat_cell(v->heat, (uint32_t)v->at, i);
	look_number(&t->look, sum, number, sizeof(number));
	pane_printf(p, 0, y, p->w, theme_title(), "%s%llu s: %s", v->marked ? "range to " : "at ",
		    (unsigned long long)(v->at * v->heat->row / NSEC_PER_SEC), number);
	pane_right(p, p->w / 2, y, p->w - p->w / 2 - 1, theme_dim(),
		   v->marked ? "Space: the range ends here" : "Space: a range begins here");
}

static void heat_draw(struct tui *t, void *state, const struct pane *p)
{
	struct heat_state *v = state;
	struct pane map = pane_part(p, HEAT_LABELS, 0, p->w - HEAT_LABELS, p->h - 3), below;
	int columns = map.h < 2 ? 2 : map.h > 50 ? 50 : map.h;

	heat_make(t, v, columns);
	if (!v->heat || !v->heat->rows || map.w < 1) {
		pane_put(p, 1, p->h / 2, p->w, theme_dim(), "no samples yet");
		return;
	}
	heat_place(v, map.w);
	pane_put(p, 0, 0, HEAT_LABELS, theme_dim(), "+0 ms");
	if (map.h > 4)
		pane_printf(p, 0, columns / 2, HEAT_LABELS, theme_dim(), "+%llu",
			    (unsigned long long)(v->heat->row / 2 / 1000000));
	heat_cells(t, v, &map);
	below = pane_part(p, HEAT_LABELS, 0, p->w - HEAT_LABELS, p->h);
	heat_scale(t, v, &below, columns);
	heat_say(t, v, p, p->h - 1);
}

static void heat_choose(struct tui *t, struct heat_state *v)
{
	uint64_t a = v->mark < v->at ? v->mark : v->at, b = v->mark < v->at ? v->at : v->mark;

	v->marked = false;
	t->from = a * v->heat->row;
	t->to = (b + 1) * v->heat->row;
	tui_change(t);
}

static void heat_mark(struct tui *t, struct heat_state *v)
{
	v->placed = true;
	if (v->marked) {
		heat_choose(t, v);
	} else {
		v->marked = true;
		v->mark = v->at;
	}
}

static bool heat_move(struct heat_state *v, int key)
{
	uint64_t last = v->heat->rows ? v->heat->rows - 1 : 0,
		 page = (uint64_t)(v->width > 1 ? v->width - 1 : 1);

	if (key == 'h' || key == TUI_LEFT)
		v->at -= v->at > 0;
	else if (key == 'l' || key == TUI_RIGHT)
		v->at += v->at < last;
	else if (key == 'b' || key == TUI_PAGE_UP)
		v->at -= v->at < page ? v->at : page;
	else if (key == 'f' || key == TUI_PAGE_DOWN)
		v->at = v->at + page > last ? last : v->at + page;
	else if (key == 'g' || key == TUI_HOME)
		v->at = 0;
	else if (key == 'G' || key == TUI_END)
		v->at = last;
	else
		return false;
	v->placed = v->marked ||
		    (key != 'G' && key != TUI_END); /* at the end it goes along with time */
	return true;
}

static bool heat_key(struct tui *t, void *state, int key)
{
	struct heat_state *v = state;

	if (!v->heat)
		return false;
	if (heat_move(v, key))
		return true;
	if (key == ' ' || key == 'v' || key == TUI_ENTER) {
		heat_mark(t, v);
	} else if (key == TUI_ESC && v->marked) {
		v->marked = false;
	} else {
		return false;
	}
	return true;
}

static bool heat_mouse(struct tui *t, void *state, int x, int y, enum tui_mouse what)
{
	struct heat_state *v = state;
	uint64_t column = v->left + (uint64_t)(x > HEAT_LABELS ? x - HEAT_LABELS : 0);

	if (!v->heat || !v->heat->rows)
		return false;
	v->at = column < v->heat->rows ? column : v->heat->rows - 1;
	v->placed = true;
	if (what == MOUSE_PRESS) {
		v->marked = true;
		v->mark = v->at;
	} else if (what == MOUSE_RELEASE && v->marked) {
		heat_choose(t, v);
	}
	return true;
}

static void heat_done(void *state)
{
	heat_free(((struct heat_state *)state)->heat);
}

const struct view view_heat = {
	.name = "Heat",
	.help = "left right, hl, g G f b\tmove through the seconds\n"
		"Space, Enter, v\tbegin a range, end it: all views then show that range (Esc: all "
		"again)\n"
		"mouse\tdrag over a range",
	.state_size = sizeof(struct heat_state),
	.draw = heat_draw,
	.key_pressed = heat_key,
	.mouse = heat_mouse,
	.done = heat_done,
};
