/* flame_view.c - the call tree as boxes, outermost function at the top; a box is as wide as its
 * share.
 *
 * A picture that renews itself must not jump under the reader: functions stay in the order of their
 * names, and what is selected and zoomed into is remembered by names from the root on, not by
 * numbers of a tree that is gone at the next moment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/tui/tui_parts.h"

extern const struct view view_flame;

struct flame_place { /* names from the root on */
	VEC(char *) names;
};

struct flame_box { /* as drawn last */
	uint32_t node;
	int x, w, y;
};

struct flame {
	struct flame_place selected, zoomed;
	VEC(struct flame_box) boxes;
	const struct calltree *tree; /* of the last drawing: what `boxes` speak of */
	int top, height;             /* first row shown; rows that fit */
	uint32_t at, zoom;           /* nodes of the tree */
	int64_t found;               /* value of the stacks that a search finds .. */
	uint64_t found_look, found_search; /* .. of this look and this search */
};

/* -- places ----------------------------------------------------------------------------------- */

static void place_clear(struct flame_place *p)
{
	while (p->names.n)
		free(p->names.at[--p->names.n]);
}

static void place_set(struct flame_place *p, const struct calltree *t, uint32_t node)
{
	size_t depth = 0;

	place_clear(p);
	for (uint32_t n = node; n; n = t->nodes.at[n].parent)
		depth++;
	if (!VEC_RESERVE(&p->names, depth + 1))
		return;
	p->names.n = depth;
	for (uint32_t n = node; n; n = t->nodes.at[n].parent)
		p->names.at[--depth] = strdup(calltree_name(t, n));
}

/* The deepest node of the place that the tree still has. */
static uint32_t place_find(const struct flame_place *p, const struct calltree *t)
{
	uint32_t node = 0;

	for (size_t i = 0; i < p->names.n; i++) {
		uint32_t c = t->nodes.at[node].first_child;

		while (c && p->names.at[i] && strcmp(calltree_name(t, c), p->names.at[i]))
			c = t->nodes.at[c].next;
		if (!c)
			break;
		node = c;
	}
	return node;
}

static int flame_depth(const struct calltree *t, uint32_t node)
{
	int depth = 0;

	for (; node; node = t->nodes.at[node].parent)
		depth++;
	return depth;
}

static bool flame_is_below(const struct calltree *t, uint32_t node, uint32_t above)
{
	while (node && node != above)
		node = t->nodes.at[node].parent;
	return node == above;
}

/* The node behind this one and all below it as the tree is read; the root again when there is none. */
static uint32_t flame_over(const struct calltree *t, uint32_t node, uint32_t root)
{
	const struct calltree_node *nodes = t->nodes.at;

	while (node != root && !nodes[node].next)
		node = nodes[node].parent;
	return node == root ? root : nodes[node].next;
}

static uint32_t flame_next(const struct calltree *t, uint32_t node, uint32_t root)
{
	uint32_t child = t->nodes.at[node].first_child;

	return child ? child : flame_over(t, node, root);
}

/* -- drawing ---------------------------------------------------------------------------------- */

struct flame_draw {
	struct tui *t;
	struct flame *f;
	const struct calltree *tree;
	const struct pane *p;
};

static void flame_box(const struct flame_draw *d, uint32_t node, int x, int w, int depth, bool odd)
{
	const struct calltree_node *n = &d->tree->nodes.at[node];
	const char *name = node ? calltree_name(d->tree, node) : "all";
	const struct theme *theme = &d->t->theme;
	struct style s = theme_frame(theme, n->kind, name);
	int y = depth - d->f->top, edge = !theme->colour; /* without colours a box begins with a line */

	if (odd)
		s = theme_darker(s);

	if (!VEC_PUSH(&d->f->boxes, (struct flame_box){ node, x, w, depth }))
		return;
	if (y < 0 || y >= d->p->h - 1) /* the last line says what is selected */
		return;
	if (tui_finds(d->t, name))
		s = theme_match(theme);
	if (node == d->f->at)
		s = theme_selected(theme);
	pane_fill(d->p, x, y, w, 1, s, ' ');
	if (edge)
		pane_put(d->p, x, y, 1, s, "|");
	if (w > 2)
		pane_put(d->p, x + edge, y, w - 1 - edge, s, name);
}

/* Children side by side within [x, x + w), each where its share begins; those narrower than a cell
 * stay out. */
static void flame_children(const struct flame_draw *d, uint32_t node, double x, double w, int depth)
{
	const struct calltree_node *nodes = d->tree->nodes.at;
	double total = (double)nodes[node].total, at = x;
	bool odd = false;

	if (total <= 0 || depth >= d->f->top + d->p->h)
		return;
	for (uint32_t c = nodes[node].first_child; c; c = nodes[c].next) {
		double wide = w * (double)nodes[c].total / total;
		int from = (int)(at + 0.5), to = (int)(at + wide + 0.5);

		if (to > from) {
			flame_box(d, c, from, to - from, depth, odd);
			odd = !odd;
			flame_children(d, c, at, wide, depth + 1);
		}
		at += wide;
	}
}

/* The callers of what is zoomed into, each over the whole width. */
static void flame_callers(const struct flame_draw *d)
{
	int depth = flame_depth(d->tree, d->f->zoom);

	for (uint32_t n = d->f->zoom;; n = d->tree->nodes.at[n].parent) {
		flame_box(d, n, 0, d->p->w, depth--, false);
		if (!n)
			return;
	}
}

/* What the search finds, each stack once; asked once for each picture. */
static int64_t flame_found(const struct flame_draw *d)
{
	const struct calltree_node *nodes = d->tree->nodes.at;
	struct flame *f = d->f;
	uint32_t n = nodes[0].first_child;

	if (f->found_look == d->t->looks && f->found_search == d->t->searches)
		return f->found;
	f->found_look = d->t->looks;
	f->found_search = d->t->searches;
	f->found = 0;
	while (n) {
		bool found = tui_finds(d->t, calltree_name(d->tree, n));

		f->found += found ? nodes[n].total : 0;
		n = found ? flame_over(d->tree, n, 0) : flame_next(d->tree, n, 0);
	}
	return f->found;
}

static void flame_say(const struct flame_draw *d)
{
	const struct calltree_node *nodes = d->tree->nodes.at, *n = &nodes[d->f->at];
	double all = (double)nodes[0].total;
	char total[40], self[40], found[48] = "";

	if (d->t->search && all > 0)
		snprintf(found, sizeof(found), "  found in %.1f %%", 100 * (double)flame_found(d) / all);
	look_number(&d->t->look, n->total, total, sizeof(total));
	look_number(&d->t->look, n->self, self, sizeof(self));
	pane_printf(d->p, 0, d->p->h - 1, d->p->w, theme_title(), "%s  %.1f %%  %s (self %s)%s  %s",
		    d->f->at ? calltree_name(d->tree, d->f->at) : "all",
		    all > 0 ? 100 * (double)n->total / all : 0, total, self, found,
		    intern_get(&d->tree->strings, n->object));
}

static void flame_scroll(struct flame *f, const struct calltree *t, int height)
{
	int depth = flame_depth(t, f->at), shown = height - 1;

	f->height = height;
	if (depth < f->top)
		f->top = depth;
	if (shown > 0 && depth >= f->top + shown)
		f->top = depth - shown + 1;
	if (f->top > (int)t->max_depth)
		f->top = (int)t->max_depth;
}

static void flame_draw(struct tui *t, void *state, const struct pane *p)
{
	struct flame *f = state;
	struct flame_draw d = { t, f, look_tree(&t->look), p };

	f->tree = d.tree;
	f->boxes.n = 0;
	if (!d.tree || !d.tree->nodes.n) {
		pane_put(p, 0, 0, p->w, theme_dim(), "nothing to draw");
		return;
	}
	f->at = place_find(&f->selected, d.tree);
	f->zoom = place_find(&f->zoomed, d.tree);
	if (!flame_is_below(d.tree, f->at, f->zoom) && !flame_is_below(d.tree, f->zoom, f->at))
		f->at = f->zoom;
	flame_scroll(f, d.tree, p->h);
	flame_callers(&d);
	flame_children(&d, f->zoom, 0, p->w, flame_depth(d.tree, f->zoom) + 1);
	if (d.tree->nodes.at[0].total)
		flame_say(&d);
	else
		pane_put(p, 0, p->h / 2, p->w, theme_dim(),
			 t->state.phase == LIVE_ENDED ? "no samples in this range"
						      : "no samples yet");
}

/* -- moving ----------------------------------------------------------------------------------- */

static void flame_select(struct flame *f, uint32_t node)
{
	f->at = node;
	place_set(&f->selected, f->tree, node);
}

static void flame_down(struct flame *f)
{
	const struct calltree_node *nodes = f->tree->nodes.at;
	uint32_t best = 0;

	for (uint32_t c = nodes[f->at].first_child; c; c = nodes[c].next) {
		if (flame_is_below(f->tree, f->zoom, c)) { /* above the zoom there is one way */
			best = c;
			break;
		}
		if (!best || nodes[c].total > nodes[best].total)
			best = c;
	}
	if (best)
		flame_select(f, best);
}

/* The nearest box in the same row. */
static void flame_aside(struct flame *f, int direction)
{
	const struct flame_box *here = NULL, *best = NULL;

	for (size_t i = 0; i < f->boxes.n; i++)
		if (f->boxes.at[i].node == f->at)
			here = &f->boxes.at[i];
	for (size_t i = 0; here && i < f->boxes.n; i++) {
		const struct flame_box *b = &f->boxes.at[i];

		if (b->y != here->y || (b->x - here->x) * direction <= 0)
			continue;
		if (!best || abs(b->x - here->x) < abs(best->x - here->x))
			best = b;
	}
	if (best)
		flame_select(f, best->node);
}

static bool flame_escape(struct flame *f)
{
	if (!f->zoom)
		return false;
	place_set(&f->zoomed, f->tree, 0);
	return true;
}

static bool flame_key(struct tui *t, void *state, int key)
{
	struct flame *f = state;
	int page = f->height > 2 ? f->height - 2 : 1;

	if (!f->tree || f->tree != look_tree(&t->look)) /* not drawn since it changed */
		return false;
	if (key == 'j' || key == TUI_DOWN)
		flame_down(f);
	else if (key == 'k' || key == TUI_UP)
		flame_select(f, f->tree->nodes.at[f->at].parent);
	else if (key == 'h' || key == TUI_LEFT)
		flame_aside(f, -1);
	else if (key == 'l' || key == TUI_RIGHT)
		flame_aside(f, 1);
	else if (key == 'g' || key == TUI_HOME)
		flame_select(f, f->zoom);
	else if (key == 'f' || key == TUI_PAGE_DOWN || key == 'G' || key == TUI_END)
		for (int i = key == 'G' || key == TUI_END ? INT32_MAX : page; i > 0; i--) {
			uint32_t was = f->at;

			flame_down(f);
			if (f->at == was)
				break;
		}
	else if (key == 'b' || key == TUI_PAGE_UP)
		for (int i = 0; i < page; i++)
			flame_select(f, f->tree->nodes.at[f->at].parent);
	else if (key == TUI_ENTER)
		place_set(&f->zoomed, f->tree, f->at);
	else if (key == TUI_ESC || key == 'r')
		return flame_escape(f);
	else
		return false;
	return true;
}

static bool flame_mouse(struct tui *t, void *state, int x, int y, enum tui_mouse what)
{
	struct flame *f = state;

	if (what != MOUSE_PRESS || !f->tree || f->tree != look_tree(&t->look))
		return false;
	for (size_t i = 0; i < f->boxes.n; i++) {
		const struct flame_box b = f->boxes.at[i];

		if (b.y - f->top != y || x < b.x || x >= b.x + b.w)
			continue;
		if (b.node == f->at) /* the second click zooms */
			place_set(&f->zoomed, f->tree, b.node);
		else
			flame_select(f, b.node);
		return true;
	}
	return false;
}

/* -- searching and copying -------------------------------------------------------------------- */

static bool flame_find(struct tui *t, void *state, int direction)
{
	struct flame *f = state;
	uint32_t before = PROFILE_NONE, n = f->at;

	if (!f->tree || f->tree != look_tree(&t->look))
		return false;
	if (!direction && f->at && tui_finds(t, calltree_name(f->tree, f->at)))
		return true;
	/* All the way round: forward the first match, backward the last one. */
	do {
		n = flame_next(f->tree, n, f->zoom);
		if (n && n != f->at && tui_finds(t, calltree_name(f->tree, n))) {
			before = n;
			if (direction >= 0)
				break;
		}
	} while (n != f->at && !(n == f->zoom && !flame_is_below(f->tree, f->at, f->zoom)));
	if (before == PROFILE_NONE)
		return f->at && tui_finds(t, calltree_name(f->tree, f->at));
	flame_select(f, before);
	return true;
}

static const char *flame_current(struct tui *t, void *state)
{
	struct flame *f = state;

	if (!f->tree || f->tree != look_tree(&t->look) || !f->at)
		return NULL;
	return calltree_name(f->tree, f->at);
}

static void flame_copy(struct tui *t, void *state, struct buf *to)
{
	struct flame *f = state;

	for (size_t i = 0; i < f->selected.names.n; i++) {
		if (i)
			buf_putc(to, ';');
		buf_puts(to, f->selected.names.at[i] ? f->selected.names.at[i] : "");
	}
}

static void flame_done(void *state)
{
	struct flame *f = state;

	place_clear(&f->selected);
	place_clear(&f->zoomed);
	VEC_FREE(&f->selected.names);
	VEC_FREE(&f->zoomed.names);
	VEC_FREE(&f->boxes);
}

const struct view view_flame = {
	.name = "Flame",
	.key = 'F',
	.help = "arrows, hjkl\tdown: the largest callee; up: the caller; left, right\n"
		"Enter\tzoom into the selected function\n"
		"Esc, r\tthe whole picture again\n"
		"g G f b\tto the top, to the bottom, pages",
	.state_size = sizeof(struct flame),
	.draw = flame_draw,
	.key_pressed = flame_key,
	.mouse = flame_mouse,
	.copy = flame_copy,
	.find = flame_find,
	.current = flame_current,
	.done = flame_done,
};
