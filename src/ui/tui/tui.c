/* tui.c - the state of the terminal user interface: snapshots, the frame around the views, keys of
 * all views; see tui.h. */
#include "ui/tui/tui.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "format/format.h"
#include "ui/tui/tui_parts.h"

#define TUI_REFRESH_NS UINT64_C(500000000)
#define TUI_NOTICE_MS  4000
#define TUI_HALF_LIFE  (10 * NSEC_PER_SEC)
enum { TUI_HEAD = 2, TUI_FOOT = 1, TUI_SHARE = 100 };

#define ROW(id) extern const struct view view_##id;
#include "ui/tui/views.def"
#undef ROW

static const struct view *const views[] = {
#define ROW(id) &view_##id,
#include "ui/tui/views.def"
#undef ROW
};
enum { VIEWS_N = sizeof(views) / sizeof(*views) };
_Static_assert((int)VIEWS_N <= (int)VIEWS_MAX, "raise VIEWS_MAX");

const struct view *const *view_all(int *ret_n)
{
	*ret_n = VIEWS_N;
	return views;
}

/* -- life ------------------------------------------------------------------------------------- */

int tui_new(const struct tui_opts *o, struct tui **ret, struct err *e)
{
	struct tui *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	t->o = *o;
	t->n_views = VIEWS_N;
	t->stale = true;
	for (int i = 0; i < VIEWS_N; i++) {
		t->states[i] = calloc(1, views[i]->state_size + 1);
		if (!t->states[i]) {
			tui_free(t);
			return err_set(e, -ENOMEM, "out of memory");
		}
	}
	*ret = t;
	return 0;
}

void tui_free(struct tui *t)
{
	if (!t)
		return;
	for (int i = 0; i < VIEWS_N; i++) {
		if (t->states[i] && views[i]->done)
			views[i]->done(t->states[i]);
		free(t->states[i]);
	}
	look_done(&t->look);
	regex_free(t->search);
	grid_done(&t->scratch);
	paper_done(&t->paper);
	free(t->copied);
	free(t);
}

void tui_set_colour(struct tui *t, bool colour)
{
	t->theme.colour = colour;
}

bool tui_is_over(const struct tui *t)
{
	return t->over;
}

void tui_child_wrote(struct tui *t, const char *bytes, size_t n)
{
	paper_write(&t->paper, bytes, n);
}

char *tui_take_copy(struct tui *t)
{
	char *text = t->copied;

	t->copied = NULL;
	return text;
}

/* -- what is looked at ------------------------------------------------------------------------ */

void tui_change(struct tui *t)
{
	t->stale = true;
}

void tui_say(struct tui *t, uint64_t now, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->notice, sizeof(t->notice), fmt, ap);
	va_end(ap);
	t->notice_until = now + TUI_NOTICE_MS * UINT64_C(1000000);
}

bool tui_finds(const struct tui *t, const char *name)
{
	return t->search && regex_match(t->search, name, strlen(name));
}

static uint32_t tui_classes(const struct tui *t)
{
	uint32_t on = 1u << WAIT_ON_CPU | 1u << WAIT_CLASS_MAX;

	return t->classes == SWITCH_ALL  ? 0
	       : t->classes == SWITCH_ON ? on
					 : ~on & ((1u << WAIT_CLASS_MAX) - 1);
}

struct live_query tui_query(const struct tui *t, uint32_t *pids, uint32_t *tids)
{
	struct live_query q = { 0 };

	if (t->classes != SWITCH_ALL)
		q.filter.classes = tui_classes(t);
	if (t->pid) {
		*pids = t->pid;
		q.filter.pids = pids;
		q.filter.n_pids = 1;
	}
	if (t->tid) {
		*tids = t->tid;
		q.filter.tids = tids;
		q.filter.n_tids = 1;
	}
	if (t->to) {
		q.filter.from = t->from;
		q.filter.to = t->to;
	} else if (t->mode == MODE_ALL) {
		q.filter.from = t->since;
	} else if (t->mode == MODE_DECAY) {
		q.half_life = TUI_HALF_LIFE;
		q.last = 10 * TUI_HALF_LIFE; /* of what is older a thousandth is left */
	} else {
		q.last = (t->mode == MODE_LAST_10 ? 10 : 60) * NSEC_PER_SEC;
	}
	return q;
}

const char *tui_range_text(const struct tui *t, char *to, size_t size)
{
	if (t->to)
		snprintf(to, size, "%.1f s to %.1f s", (double)t->from / 1e9, (double)t->to / 1e9);
	else if (t->mode == MODE_DECAY)
		snprintf(to, size, "fading, half every %d s", (int)(TUI_HALF_LIFE / NSEC_PER_SEC));
	else if (t->mode == MODE_ALL && t->since)
		snprintf(to, size, "since %.1f s", (double)t->since / 1e9);
	else
		snprintf(to, size, "%s",
			 t->mode == MODE_ALL       ? "everything"
			 : t->mode == MODE_LAST_10 ? "last 10 s"
						   : "last 60 s");
	return to;
}

bool tui_refresh(struct tui *t, uint64_t now)
{
	const struct live_snapshot *s;
	struct live_query q;
	uint64_t begun = clock_thread_cpu_ns();
	uint32_t pid, tid;

	live_state(t->o.live, &t->state);
	if (!t->stale && (t->frozen || t->state.generation == t->seen || now < t->next_look))
		return false;
	q = tui_query(t, &pid, &tid);
	if (live_snapshot(t->o.live, &q, &s, NULL))
		return false; /* no memory now: the picture stays as it is */
	look_done(&t->look);
	look_init(&t->look, s);
	t->looks++;
	t->seen = s->state.generation;
	t->stale = false;
	t->look_at = now;
	t->look_cpu = begun;
	t->next_look = now + TUI_REFRESH_NS;
	return true;
}

/* -- the frame around the views --------------------------------------------------------------- */

static void tui_draw_head(struct tui *t, const struct pane *p)
{
	struct style s = theme_bar(&t->theme);
	char right[160], elapsed[32] = "";

	pane_fill(p, 0, 0, p->w, 1, s, ' ');
	if (t->state.elapsed) /* folded stacks have no time */
		duration_text(t->state.elapsed / 100000000 * 100000000, elapsed, sizeof(elapsed));
	snprintf(right, sizeof(right), "%s%s  %llu taken  %llu lost ",
		 t->state.phase == LIVE_ENDED ? "ended " : "", elapsed,
		 (unsigned long long)t->state.taken, (unsigned long long)t->state.lost);
	pane_put(p, 1, 0, p->w - 2, s, t->o.title);
	if ((int)strlen(right) + 8 < p->w)
		pane_right(p, p->w - (int)strlen(right), 0, (int)strlen(right),
			   t->state.lost ? theme_warning(&t->theme) : s, right);
}

static void tui_draw_tabs(struct tui *t, const struct pane *p)
{
	int x = 0;

	for (int i = 0; i < VIEWS_N; i++) {
		struct style s = i == t->view ? theme_selected(&t->theme) : theme_dim();

		x += pane_printf(p, x, 1, p->w - x, s, " %s ", views[i]->name);
	}
	if (t->frozen)
		pane_put(p, x + 1, 1, p->w - x - 1, theme_warning(&t->theme), "FROZEN (z)");
}

static void tui_draw_foot(struct tui *t, const struct pane *p, uint64_t now)
{
	static const char *const classes[SWITCH_MAX] = { "", " | on processor only",
							 " | waiting only" };
	const char *right = t->o.page ? "page: Ledger | ? help " : "? help ";
	struct style s = theme_bar(&t->theme);
	int y = p->h - 1, room = (int)strlen(right) + 1;
	char range[80], who[64] = "", found[PROMPT_MAX + 16] = "", grain[48] = "";

	pane_fill(p, 0, y, p->w, 1, s, ' ');
	if (t->asks != ASKS_NOTHING) {
		pane_printf(p, 1, y, p->w - 1, s, "%s%s_",
			    t->asks == ASKS_SAVE ? "save to file: " : "/", t->typed);
		return;
	}
	if (now < t->notice_until) {
		pane_put(p, 1, y, p->w - 1, s, t->notice);
		return;
	}
	if (t->tid)
		snprintf(who, sizeof(who), " | thread %u", t->tid);
	else if (t->pid)
		snprintf(who, sizeof(who), " | process %u", t->pid);
	if (t->search)
		snprintf(found, sizeof(found), " | /%s", t->searched);
	if (t->look.snapshot->grain)
		snprintf(grain, sizeof(grain), " (thinned to %llu s)",
			 (unsigned long long)(t->look.snapshot->grain / NSEC_PER_SEC));
	pane_printf(p, 1, y, p->w - room - 2, s, "%s%s%s%s%s", tui_range_text(t, range, sizeof(range)),
		    grain, classes[t->classes], who, found);
	pane_right(p, p->w - room, y, room, s, right);
}

static void tui_draw_keys(const struct pane *p, int *y, const char *lines)
{
	while (*lines && *y < p->h) {
		size_t n = strcspn(lines, "\n"), keys = strcspn(lines, "\t");

		pane_printf(p, 2, *y, 16, theme_title(), "%.*s", (int)keys, lines);
		if (keys < n)
			pane_printf(p, 18, *y, p->w - 18, theme_plain(), "%.*s",
				    (int)(n - keys - 1), lines + keys + 1);
		(*y)++;
		lines += n + (lines[n] == '\n');
	}
}

static void tui_draw_help(struct tui *t, const struct pane *p)
{
	int y = 1;

	pane_printf(p, 1, 0, p->w, theme_title(), "Keys of the view: %s", views[t->view]->name);
	if (views[t->view]->help)
		tui_draw_keys(p, &y, views[t->view]->help);
	pane_put(p, 1, y++, p->w, theme_title(), "Keys of all views (any key closes this)");
	tui_draw_keys(p, &y,
		      "Tab, F, t, p, o\tnext view, flame graph, top, processes, output\n"
		      "m\teverything, last 10 s, last 60 s, fading\n"
		      "x\tstart counting anew\n"
		      "s\tall, only on a processor, only waiting\n"
		      "z\tfreeze the picture; the capture goes on\n"
		      "/  n  N\tsearch (a pattern, case matters), next, previous\n"
		      "#\tsearch for the selected function\n"
		      "Esc\tback: zoom, range, search, process\n"
		      "y\tcopy the selected stack\n"
		      "w\tsave what is shown, in the format of the name\n"
		      "c\tcolours by kind, by name, plain\n"
		      "q, Ctrl-C\tleave");
}

static void tui_draw_view(struct tui *t, const struct pane *p)
{
	uint64_t next;

	views[t->view]->draw(t, t->states[t->view], p);
	t->drawn_view = t->view;
	t->drawn_look = t->looks;
	if (!t->look_cpu)
		return;
	/* A large profile is drawn less often: looking takes so much of one processor at the most. */
	next = t->look_at + (clock_thread_cpu_ns() - t->look_cpu) * TUI_SHARE;
	if (next > t->next_look)
		t->next_look = next;
	t->look_cpu = 0;
}

/* Views remember rows of what they drew. When that is gone, or they never drew, they draw once
 * more, where nobody sees it, before they are given a key. */
static bool tui_drawn(struct tui *t)
{
	struct pane all, view;

	if (!t->look.snapshot || t->height <= TUI_HEAD + TUI_FOOT)
		return false;
	if (t->drawn_view == t->view && t->drawn_look == t->looks)
		return true;
	if (grid_resize(&t->scratch, t->width, t->height))
		return false;
	all = pane_of(&t->scratch);
	view = pane_part(&all, 0, TUI_HEAD, t->width, t->height - TUI_HEAD - TUI_FOOT);
	tui_draw_view(t, &view);
	return true;
}

void tui_draw(struct tui *t, struct grid *g, uint64_t now)
{
	struct pane all = pane_of(g),
		    view = pane_part(&all, 0, TUI_HEAD, g->width, g->height - TUI_HEAD - TUI_FOOT);

	grid_clear(g);
	t->width = g->width;
	t->height = g->height;
	if (!t->look.snapshot)
		tui_refresh(t, now);
	if (!t->look.snapshot) {
		pane_put(&all, 0, 0, all.w, theme_plain(), "out of memory");
		return;
	}
	tui_draw_head(t, &all);
	tui_draw_tabs(t, &all);
	if (t->help)
		tui_draw_help(t, &view);
	else if (view.h > 0)
		tui_draw_view(t, &view);
	tui_draw_foot(t, &all, now);
}

/* -- keys ------------------------------------------------------------------------------------- */

static void tui_switch_mode(struct tui *t)
{
	t->from = t->to = 0;
	t->mode = (enum tui_mode)((t->mode + 1) % MODE_MAX);
	tui_change(t);
}

static void tui_copy(struct tui *t, uint64_t now)
{
	struct buf b = { 0 };
	size_t n;

	if (views[t->view]->copy)
		views[t->view]->copy(t, t->states[t->view], &b);
	if (!b.len || b.err) {
		buf_free(&b);
		tui_say(t, now, "nothing here to copy");
		return;
	}
	buf_u8(&b, 0);
	free(t->copied);
	t->copied = (char *)buf_take(&b, &n);
	tui_say(t, now, "copied: %s", t->copied ? t->copied : "");
}

/* One step back from whatever narrows the view most. */
static void tui_back(struct tui *t)
{
	if (t->search) {
		regex_free(t->search);
		t->search = NULL;
	} else if (t->to) {
		t->from = t->to = 0;
		tui_change(t);
	} else if (t->pid || t->tid) {
		t->pid = t->tid = 0;
		tui_change(t);
	}
}

static bool tui_goes(struct tui *t, int key)
{
	if (key == TUI_TAB || key == TUI_BACK_TAB) {
		t->view = (t->view + (key == TUI_TAB ? 1 : VIEWS_N - 1)) % VIEWS_N;
		return true;
	}
	for (int i = 0; i < VIEWS_N; i++)
		if (views[i]->key == key) {
			t->view = i;
			return true;
		}
	return false;
}

static void tui_global_key(struct tui *t, int key, uint64_t now)
{
	const struct view *v = views[t->view];
	const char *name;

	switch (key) {
	case 'm':
		tui_switch_mode(t);
		break;
	case 'x':
		t->mode = MODE_ALL;
		t->from = t->to = 0;
		t->since = t->state.elapsed;
		tui_change(t);
		break;
	case 's':
		t->classes = (enum tui_switch)((t->classes + 1) % SWITCH_MAX);
		tui_change(t);
		break;
	case 'z':
		t->frozen = !t->frozen;
		break;
	case 'c':
		t->theme.tint = (enum theme_tint)((t->theme.tint + 1) % TINT_MAX);
		tui_say(t, now, "colours %s", theme_tint_name(t->theme.tint));
		break;
	case '/':
	case 'w':
		tui_ask(t, key == '/' ? ASKS_SEARCH : ASKS_SAVE);
		break;
	case 'n':
	case 'N':
		tui_find(t, key == 'n' ? 1 : -1, now);
		break;
	case '#':
		name = v->current ? v->current(t, t->states[t->view]) : NULL;
		if (name)
			tui_search(t, name, true, now);
		break;
	case 'y':
		tui_copy(t, now);
		break;
	case TUI_ESC:
		tui_back(t);
		break;
	}
}

void tui_key(struct tui *t, int key, uint64_t now)
{
	const struct view *v = views[t->view];

	if (key == 3) { /* Ctrl-C */
		t->over = true;
		return;
	}
	if (t->asks != ASKS_NOTHING && tui_drawn(t)) {
		tui_prompt_key(t, key, now);
		return;
	}
	if (t->help || key == '?') {
		t->help = !t->help;
		return;
	}
	if (key == 'q') {
		t->over = true;
		return;
	}
	t->notice_until = 0;
	if (!tui_drawn(t))
		return;
	if (v->key_pressed && v->key_pressed(t, t->states[t->view], key))
		return;
	if (!tui_goes(t, key))
		tui_global_key(t, key, now);
}

void tui_mouse(struct tui *t, int x, int y, enum tui_mouse what, uint64_t now)
{
	const struct view *v = views[t->view];
	int at = 0;

	t->help = false;
	if (y == 1 && what == MOUSE_PRESS) {
		for (int i = 0; i < VIEWS_N; i++) {
			int w = (int)strlen(views[i]->name) + 2;

			if (x >= at && x < at + w)
				t->view = i;
			at += w;
		}
	} else if (what == MOUSE_WHEEL_UP || what == MOUSE_WHEEL_DOWN) {
		tui_key(t, what == MOUSE_WHEEL_UP ? TUI_UP : TUI_DOWN, now);
	} else if (y >= TUI_HEAD && y < t->height - TUI_FOOT && v->mouse && tui_drawn(t)) {
		v->mouse(t, t->states[t->view], x, y - TUI_HEAD, what);
	}
}
