/* tasks_view.c - processes and their threads: how much, and of it on a processor, blocked, idle,
 * ready. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/tui/list.h"
#include "ui/tui/tui_parts.h"

extern const struct view view_tasks;

struct tasks {
	struct list list;
	VEC(uint32_t) lines;  /* rows of the shares */
	VEC(uint32_t) opened; /* pids */
	uint32_t pid, tid;    /* the cursor stays on the task */
};

static bool tasks_is_open(const struct tasks *v, uint32_t pid)
{
	for (size_t i = 0; i < v->opened.n; i++)
		if (v->opened.at[i] == pid)
			return true;
	return false;
}

static void tasks_fill(struct tasks *v, const struct shares *s)
{
	v->lines.n = 0;
	for (uint32_t i = 0; s && i < s->rows.n; i++)
		if (!s->rows.at[i].tid || tasks_is_open(v, s->rows.at[i].pid))
			VEC_PUSH(&v->lines, i);
}

static void tasks_keep_cursor(struct tasks *v, const struct shares *s)
{
	for (size_t i = 0; i < v->lines.n; i++) {
		const struct share_row *r = &s->rows.at[v->lines.at[i]];

		if (r->pid == v->pid && r->tid == v->tid) {
			list_go(&v->list, (int)i);
			return;
		}
	}
}

static const struct share_row *tasks_current(struct tui *t, struct tasks *v)
{
	const struct shares *s = look_shares(&t->look);

	return s && v->list.at < (int)v->lines.n ? &s->rows.at[v->lines.at[v->list.at]] : NULL;
}

static void tasks_remember(struct tui *t, struct tasks *v)
{
	const struct share_row *r = tasks_current(t, v);

	v->pid = r ? r->pid : 0;
	v->tid = r ? r->tid : 0;
}

/* One bar of four colours, as wide as the row's share of the largest. */
static void tasks_bar(struct tui *t, const struct share_row *r, const struct pane *p, int x, int y,
		      int w, int64_t most)
{
	static const char marks[] = { 'R', 'B', 'i', 'q' };
	double at = 0;

	for (int g = 0; g < SHARES_GROUPS; g++) {
		double next = at + (most > 0 ? (double)r->group[g] / (double)most * w : 0);
		int from = (int)(at + 0.5), to = (int)(next + 0.5);
		uint32_t ch = t->theme.colour && p->g->utf8 ? 0x2588 : (uint32_t)marks[g];

		pane_fill(p, x + from, y, to - from, 1, theme_group(&t->theme, (enum wait_group)g),
			  ch);
		at = next;
	}
}

static void tasks_line(struct tui *t, struct tasks *v, const struct shares *s, int i, int y,
		       const struct pane *p)
{
	const struct share_row *r = &s->rows.at[v->lines.at[i]];
	struct style style = i == v->list.at ? theme_selected(&t->theme)
			     : r->tid        ? theme_dim()
					     : theme_plain();
	const char *name = r->name ? profile_text(t->look.snapshot->profile, r->name) : "[unknown]";
	bool groups = r->total && p->w >= 90;
	int bar = p->w >= 60 ? p->w / 4 : 0, x = 21;
	char number[40];

	if (i == v->list.at)
		pane_fill(p, 0, y, p->w, 1, style, ' ');
	pane_printf(p, 0, y, 7, style, "%5.1f %%",
		    s->total > 0 ? 100 * (double)r->total / (double)s->total : 0);
	look_number(&t->look, r->total, number, sizeof(number));
	pane_right(p, 8, y, 11, style, number);
	if (groups) {
		for (int g = 0; g < SHARES_GROUPS; g++)
			pane_printf(p, x + 6 * g, y, 6, style, "%4.0f%%",
				    100 * (double)r->group[g] / (double)r->total);
		x += 6 * SHARES_GROUPS + 1;
	}
	if (bar)
		tasks_bar(t, r, p, x, y, bar, s->rows.at[0].total);
	x += bar ? bar + 1 : 0;
	if (r->tid)
		pane_printf(p, x, y, p->w - x, style, "    %s (%u)", name, r->tid);
	else
		pane_printf(p, x, y, p->w - x, style, "%s %s (%u)  %u thread%s",
			    r->threads < 2             ? " "
			    : tasks_is_open(v, r->pid) ? "-"
						       : "+",
			    name, r->pid, r->threads, r->threads == 1 ? "" : "s");
}

static void tasks_draw(struct tui *t, void *state, const struct pane *p)
{
	struct tasks *v = state;
	const struct shares *s = look_shares(&t->look);
	int x = 0;

	tasks_fill(v, s);
	list_fit(&v->list, (int)v->lines.n, p->h - 1);
	if (s)
		tasks_keep_cursor(v, s);
	x = pane_put(p, 2, 0, p->w, theme_title(), "share      value");
	if (p->w >= 90)
		pane_put(p, 22, 0, p->w, theme_dim(), " cpu  block  idle ready");
	pane_put(p, x + 6 + (p->w >= 90 ? 24 : 0), 0, p->w, theme_dim(),
		 p->w >= 90 ? "" : " process (pid)  Enter: threads  a: only this");
	for (int y = 1; s && y < p->h && v->list.top + y - 1 < v->list.n; y++)
		tasks_line(t, v, s, v->list.top + y - 1, y, p);
	if (!v->lines.n)
		pane_put(p, 1, p->h / 2, p->w, theme_dim(), "no samples yet");
}

static void tasks_toggle(struct tasks *v, uint32_t pid)
{
	for (size_t i = 0; i < v->opened.n; i++)
		if (v->opened.at[i] == pid) {
			v->opened.at[i] = v->opened.at[--v->opened.n];
			return;
		}
	VEC_PUSH(&v->opened, pid);
}

static bool tasks_key(struct tui *t, void *state, int key)
{
	struct tasks *v = state;
	const struct share_row *r = tasks_current(t, v);

	if (list_key(&v->list, key)) {
		tasks_remember(t, v);
	} else if (key == TUI_ENTER && r) {
		tasks_toggle(v, r->pid);
		v->pid = r->pid;
		v->tid = 0;
	} else if (key == 'a' && r) {
		t->pid = r->pid;
		t->tid = r->tid;
		tui_change(t);
	} else {
		return false;
	}
	return true;
}

static bool tasks_mouse(struct tui *t, void *state, int x, int y, enum tui_mouse what)
{
	struct tasks *v = state;

	if (what != MOUSE_PRESS || y < 1 || v->list.top + y - 1 >= v->list.n)
		return false;
	if (v->list.at == v->list.top + y - 1)
		return tasks_key(t, v, TUI_ENTER);
	list_go(&v->list, v->list.top + y - 1);
	tasks_remember(t, v);
	return true;
}

static bool tasks_find(struct tui *t, void *state, int direction)
{
	struct tasks *v = state;
	const struct shares *s = look_shares(&t->look);
	int n = (int)v->lines.n, step = direction < 0 ? -1 : 1;

	for (int i = direction ? 1 : 0; s && i <= n && n; i++) {
		int at = ((v->list.at + step * i) % n + n) % n;

		if (!tui_finds(t, profile_text(t->look.snapshot->profile,
					       s->rows.at[v->lines.at[at]].name)))
			continue;
		list_go(&v->list, at);
		tasks_remember(t, v);
		return true;
	}
	return false;
}

static void tasks_copy(struct tui *t, void *state, struct buf *to)
{
	const struct share_row *r = tasks_current(t, state);

	if (r)
		buf_printf(to, "%s (%u)", profile_text(t->look.snapshot->profile, r->name),
			   r->tid ? r->tid : r->pid);
}

static void tasks_done(void *state)
{
	struct tasks *v = state;

	VEC_FREE(&v->lines);
	VEC_FREE(&v->opened);
}

const struct view view_tasks = {
	.name = "Processes",
	.key = 'p',
	.help = "arrows, jk, g G f b\tmove\n"
		"Enter\tshow or hide the threads of a process\n"
		"a\tlook at this process or thread alone, in all views (Esc: all again)\n"
		"bars\tgreen on a processor, blue blocked, grey idle, orange ready to run",
	.state_size = sizeof(struct tasks),
	.draw = tasks_draw,
	.key_pressed = tasks_key,
	.mouse = tasks_mouse,
	.copy = tasks_copy,
	.find = tasks_find,
	.done = tasks_done,
};
