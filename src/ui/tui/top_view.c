/* top_view.c - functions by their own and their whole time; one can be opened to see who calls it
 * and whom it calls. */
#include <stdlib.h>
#include <string.h>

#include "ui/tui/list.h"
#include "ui/tui/tui_parts.h"

extern const struct view view_top;

struct top_line {
	uint32_t row; /* of the function table, for a function */
	const char *name;
	int64_t self, total;
	uint8_t kind;
	int8_t relation; /* 0 a function, -1 a caller of the opened one, 1 a callee */
};

struct top {
	struct list list;
	VEC(struct top_line) lines;
	char *opened;   /* name of the function that is open; NULL = none */
	char *selected; /* the cursor stays on the function, not on the row */
	bool by_total;
};

static bool top_by_total; /* qsort has no place for it */

static int top_order(const void *pa, const void *pb)
{
	const struct top_line *a = pa, *b = pb;
	int64_t x = top_by_total ? a->total : a->self, y = top_by_total ? b->total : b->self;

	if (x != y)
		return x > y ? -1 : 1;
	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* -- callers and callees
 * --------------------------------------------------------------------------- */

static bool top_is(const struct calltree *t, uint32_t node, const char *name)
{
	return t->nodes.at[node].kind < FRAME_KIND_MAX && strcmp(calltree_name(t, node), name) == 0;
}

/* Is (caller, callee) on the way to this caller already? Then its time is in that one's. */
static bool top_is_nested(const struct calltree *t, uint32_t caller, const char *callee)
{
	const char *name = calltree_name(t, caller);

	for (uint32_t n = caller; n; n = t->nodes.at[n].parent) {
		uint32_t above = t->nodes.at[n].parent;

		if (above && strcmp(calltree_name(t, n), callee) == 0 &&
		    strcmp(calltree_name(t, above), name) == 0)
			return true;
	}
	return false;
}

static void top_relation(struct top *v, size_t from, const struct calltree *t, uint32_t node,
			 int8_t relation, int64_t amount)
{
	struct top_line line = { 0,      calltree_name(t, node), 0,
				 amount, t->nodes.at[node].kind, relation };

	for (size_t i = from; i < v->lines.n; i++)
		if (v->lines.at[i].relation == relation &&
		    strcmp(v->lines.at[i].name, line.name) == 0) {
			v->lines.at[i].total += amount;
			return;
		}
	VEC_PUSH(&v->lines, line); /* without memory the line is not there this time */
}

static void top_open(struct top *v, const struct calltree *t, const char *name)
{
	size_t from = v->lines.n, callees;
	const struct calltree_node *nodes = t->nodes.at;
	bool by_total = top_by_total;

	for (uint32_t n = 1; n < t->nodes.n; n++)
		if (top_is(t, n, name) && nodes[n].parent &&
		    !top_is_nested(t, nodes[n].parent, name))
			top_relation(v, from, t, nodes[n].parent, -1, nodes[n].total);
	callees = v->lines.n;
	for (uint32_t n = 1; n < t->nodes.n; n++) {
		if (!top_is(t, n, name))
			continue;
		for (uint32_t c = nodes[n].first_child; c; c = nodes[c].next)
			if (!top_is_nested(t, n, calltree_name(t, c)))
				top_relation(v, callees, t, c, 1, nodes[c].total);
	}
	top_by_total = true;
	if (callees > from)
		qsort(v->lines.at + from, callees - from, sizeof(*v->lines.at), top_order);
	if (v->lines.n > callees)
		qsort(v->lines.at + callees, v->lines.n - callees, sizeof(*v->lines.at), top_order);
	top_by_total = by_total;
}

/* -- rows ------------------------------------------------------------------------------------- */

static void top_fill(struct tui *t, struct top *v)
{
	const struct function_table *table = look_functions(&t->look);
	const struct calltree *tree = v->opened ? look_tree(&t->look) : NULL;
	VEC(struct top_line) sorted = { 0 };

	v->lines.n = 0;
	for (uint32_t i = 0; table && i < table->rows.n; i++) {
		const struct function_row *r = &table->rows.at[i];
		struct top_line line = { i,       intern_get(&table->strings, r->name),
					 r->self, r->total,
					 r->kind, 0 };

		if (!VEC_PUSH(&sorted, line))
			break;
	}
	top_by_total = v->by_total;
	if (sorted.n)
		qsort(sorted.at, sorted.n, sizeof(*sorted.at), top_order);
	for (size_t i = 0; i < sorted.n; i++) {
		if (!VEC_PUSH(&v->lines, sorted.at[i]))
			break;
		if (tree && strcmp(sorted.at[i].name, v->opened) == 0)
			top_open(v, tree, v->opened);
	}
	VEC_FREE(&sorted);
}

static void top_keep_cursor(struct top *v)
{
	for (size_t i = 0; v->selected && i < v->lines.n; i++)
		if (!v->lines.at[i].relation && strcmp(v->lines.at[i].name, v->selected) == 0 &&
		    v->list.at != (int)i) {
			if (v->list.at < (int)v->lines.n && v->lines.at[v->list.at].relation)
				return; /* on a caller or callee */
			list_go(&v->list, (int)i);
			return;
		}
}

static void top_remember(struct top *v)
{
	free(v->selected);
	v->selected = NULL;
	if (v->list.at < (int)v->lines.n && !v->lines.at[v->list.at].relation)
		v->selected = strdup(v->lines.at[v->list.at].name);
}

static void top_line(struct tui *t, const struct top *v, int i, int y, const struct pane *p,
		     int64_t all)
{
	const struct top_line *r = &v->lines.at[i];
	struct style s = i == v->list.at         ? theme_selected(&t->theme)
			 : tui_finds(t, r->name) ? theme_match(&t->theme)
						 : theme_plain();
	double self = all > 0 ? (double)r->self / (double)all : 0,
	       total = all > 0 ? (double)r->total / (double)all : 0;
	int bar = p->w >= 70 ? 12 : 0, x = 18 + bar;
	char number[40];

	if (i == v->list.at)
		pane_fill(p, 0, y, p->w, 1, s, ' ');
	if (!r->relation)
		pane_printf(p, 0, y, 7, s, "%5.1f %%", 100 * self);
	pane_printf(p, 8, y, 7, s, "%5.1f %%", 100 * total);
	if (bar) {
		struct style b = i == v->list.at ? s : theme_frame(&t->theme, r->kind, r->name);

		if (i != v->list.at) { /* a bar is drawn in its foreground */
			b.fg = b.bg;
			b.flags &= (uint8_t)~STYLE_BG;
		}
		pane_bar(p, 17, y, bar - 1, b, v->by_total || r->relation ? total : self);
	}
	look_number(&t->look, r->relation || v->by_total ? r->total : r->self, number,
		    sizeof(number));
	pane_right(p, x, y, 11, s, number);
	pane_printf(p, x + 13, y, p->w - x - 13, s, "%s%s",
		    !r->relation      ? ""
		    : r->relation < 0 ? p->g->utf8 ? "  ▲ " : "  < "
		    : p->g->utf8      ? "  ▼ "
				      : "  > ",
		    r->name);
}

static void top_draw(struct tui *t, void *state, const struct pane *p)
{
	struct top *v = state;
	const struct function_table *table = look_functions(&t->look);
	bool bar = p->w >= 70;

	top_fill(t, v);
	list_fit(&v->list, (int)v->lines.n, p->h - 1);
	top_keep_cursor(v);
	pane_put(p, 1, 0, 7, v->by_total ? theme_dim() : theme_title(), "self(1)");
	pane_put(p, 9, 0, 8, v->by_total ? theme_title() : theme_dim(), "total(2)");
	pane_put(p, 31 + (bar ? 12 : 0), 0, p->w, theme_dim(),
		 "function (Enter: callers and callees)");
	for (int y = 1; y < p->h && v->list.top + y - 1 < v->list.n; y++)
		top_line(t, v, v->list.top + y - 1, y, p, table ? table->total : 0);
	if (!v->lines.n)
		pane_put(p, 1, p->h / 2, p->w, theme_dim(), "no samples yet");
}

/* -- keys ------------------------------------------------------------------------------------- */

static bool top_key(struct tui *t, void *state, int key)
{
	struct top *v = state;

	if (list_key(&v->list, key)) {
		top_remember(v);
	} else if (key == '1' || key == '2') {
		v->by_total = key == '2';
	} else if (key == TUI_ENTER && v->list.at < (int)v->lines.n) {
		const char *name = v->lines.at[v->list.at].name;
		bool close = v->opened && strcmp(v->opened, name) == 0;
		char *opened = close ? NULL : strdup(name);

		free(v->selected); /* also from a caller or callee: the cursor goes to the function
				    */
		v->selected = strdup(name);
		free(v->opened);
		v->opened = opened;
		list_go(&v->list, 0);
	} else if (key == TUI_ESC && v->opened) {
		free(v->opened);
		v->opened = NULL;
	} else {
		return false;
	}
	return true;
}

static bool top_mouse(struct tui *t, void *state, int x, int y, enum tui_mouse what)
{
	struct top *v = state;

	if (what != MOUSE_PRESS || y < 1 || v->list.top + y - 1 >= v->list.n)
		return false;
	if (v->list.at == v->list.top + y - 1)
		return top_key(t, v, TUI_ENTER);
	list_go(&v->list, v->list.top + y - 1);
	top_remember(v);
	return true;
}

static bool top_find(struct tui *t, void *state, int direction)
{
	struct top *v = state;
	int n = (int)v->lines.n, step = direction < 0 ? -1 : 1;

	for (int i = direction ? 1 : 0; i <= n && n; i++) {
		int at = ((v->list.at + step * i) % n + n) % n;

		if (!tui_finds(t, v->lines.at[at].name))
			continue;
		list_go(&v->list, at);
		top_remember(v);
		return true;
	}
	return false;
}

static const char *top_current(struct tui *t, void *state)
{
	struct top *v = state;

	return v->list.at < (int)v->lines.n ? v->lines.at[v->list.at].name : NULL;
}

static void top_copy(struct tui *t, void *state, struct buf *to)
{
	const char *name = top_current(t, state);

	if (name)
		buf_puts(to, name);
}

static void top_done(void *state)
{
	struct top *v = state;

	VEC_FREE(&v->lines);
	free(v->opened);
	free(v->selected);
}

const struct view view_top = {
	.name = "Top",
	.key = 't',
	.help = "arrows, jk, g G f b\tmove\n"
		"1, 2\torder by own time, by time with callees\n"
		"Enter\topen a function: callers above, callees below; again closes it",
	.state_size = sizeof(struct top),
	.draw = top_draw,
	.key_pressed = top_key,
	.mouse = top_mouse,
	.copy = top_copy,
	.find = top_find,
	.current = top_current,
	.done = top_done,
};
