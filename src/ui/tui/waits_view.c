/* waits_view.c - what threads wait for: classes, then the places or the locks where most of the
 * time goes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "ui/tui/list.h"
#include "ui/tui/tui_parts.h"

extern const struct view view_waits;

enum { WAITS_TIME = 11, WAITS_CLASSES = 8 };

struct waits_state {
	struct list list;
	bool locks; /* instead of places */
};

static const char *waits_ns(int64_t ns, char *to, size_t size)
{
	return format_value(ns, "nanoseconds", to, size);
}

static int waits_class_order(const void *pa, const void *pb, void *ctx)
{
	const struct waitsum *w = ctx;
	int64_t a = w->classes[*(const uint8_t *)pa].time,
		b = w->classes[*(const uint8_t *)pb].time;

	return a != b ? (a > b ? -1 : 1) : *(const uint8_t *)pa - *(const uint8_t *)pb;
}

static void waits_tally(const struct pane *p, int y, struct style s, const struct wait_tally *t,
			int64_t all)
{
	char time[40], longest[40];

	pane_printf(p, 0, y, 8, s, "%5.1f %%", all > 0 ? 100 * (double)t->time / (double)all : 0);
	pane_right(p, 8, y, WAITS_TIME, s, waits_ns(t->time, time, sizeof(time)));
	if (p->w < 70)
		return;
	pane_printf(p, 20, y, 11, s, "%10lld", (long long)t->waits);
	pane_right(p, 31, y, WAITS_TIME, s, waits_ns(t->longest, longest, sizeof(longest)));
}

static int waits_names_at(const struct pane *p)
{
	return p->w < 70 ? 21 : 44;
}

/* The largest classes; returns the line below them. */
static int waits_classes(struct tui *t, const struct waitsum *w, const struct pane *p)
{
	uint8_t order[WAIT_CLASS_MAX];
	int most = p->h / 2 < WAITS_CLASSES ? p->h / 2 : WAITS_CLASSES, y = 1,
	    x = waits_names_at(p);

	for (int i = 0; i < WAIT_CLASS_MAX; i++)
		order[i] = (uint8_t)i;
	qsort_r(order, WAIT_CLASS_MAX, 1, waits_class_order, (void *)w);
	pane_put(p, 0, 0, 20, theme_title(), "share        time");
	if (p->w >= 70)
		pane_put(p, 25, 0, 20, theme_title(), "waits     longest");
	pane_put(p, x, 0, p->w, theme_title(), "class");
	for (int i = 0; i < WAIT_CLASS_MAX && y <= most && w->classes[order[i]].time; i++, y++) {
		const struct wait_class_row *c = waits_class((enum wait_class)order[i]);
		struct style s = theme_group(&t->theme, c->group);

		waits_tally(p, y, theme_plain(), &w->classes[order[i]], w->all.time);
		pane_printf(p, x, y, p->w - x, s, "%s", c->key);
		pane_printf(p, x + 13, y, p->w - x - 13, theme_dim(), "%s", c->text);
	}
	return y;
}

/* Where a person would say that it waits: behind the kernel's own functions, and in the kernel, where there
 * is nothing else, behind those that give the processor away. */
static uint32_t waits_leaf(const struct calltree *t, uint32_t node)
{
	uint32_t n = node;

	while (n && t->nodes.at[n].kind == FRAME_KERNEL)
		n = t->nodes.at[n].parent;
	if (n && t->nodes.at[n].kind < FRAME_KIND_MAX)
		return n;
	for (n = node; n && strstr(calltree_name(t, n), "schedule"); n = t->nodes.at[n].parent)
		;
	return n ? n : node;
}

/* Functions from there on to the root, as many as there is room for. */
static void waits_stack(const struct calltree *t, uint32_t node, char *to, size_t size)
{
	size_t n = 0;

	to[0] = 0;
	for (node = waits_leaf(t, node); node && n + 2 < size; node = t->nodes.at[node].parent)
		n += (size_t)snprintf(to + n, size - n, "%s%s", n ? " < " : "", calltree_name(t, node));
}

static void waits_place(struct tui *t, const struct waitsum *w, int i, int y, const struct pane *p,
			struct style s)
{
	const struct wait_place *at = &w->places.at[i];
	int x = waits_names_at(p);
	char stack[1024];

	waits_stack(w->tree, at->node, stack, sizeof(stack));
	waits_tally(p, y, s, &at->sum, w->all.time);
	pane_printf(p, x, y, p->w - x, s, "%-11s %s", waits_class(at->class)->key, stack);
}

static void waits_lock(struct tui *t, const struct waitsum *w, int i, int y, const struct pane *p,
		       struct style s)
{
	const struct wait_lock *k = &w->locks.at[i];
	int x = waits_names_at(p);
	char stack[512];

	waits_stack(w->tree, k->waiter, stack, sizeof(stack));
	waits_tally(p, y, s, &k->sum, w->all.time);
	pane_printf(p, x, y, p->w - x, s, "%s of %s, %u threads: %s",
		    profile_text(w->p, k->address), profile_text(w->p, k->process), k->threads,
		    stack);
}

static void waits_none(struct tui *t, const struct pane *p)
{
	pane_put(p, 1, 1, p->w - 1, theme_plain(), "This profile has no waits in it.");
	pane_put(p, 1, 2, p->w - 1, theme_dim(),
		 "waggle off --tui shows where threads wait; waggle wall --tui all");
	pane_put(p, 1, 3, p->w - 1, theme_dim(), "their time, running and waiting.");
}

static void waits_draw(struct tui *t, void *state, const struct pane *p)
{
	struct waits_state *v = state;
	const struct waitsum *w = look_waits(&t->look);
	int y, n;

	if (!w) {
		waits_none(t, p);
		list_fit(&v->list, 0, 1);
		return;
	}
	y = waits_classes(t, w, p);
	n = (int)(v->locks ? w->locks.n : w->places.n);
	list_fit(&v->list, n, p->h - y - 1);
	pane_put(p, waits_names_at(p), y, p->w, theme_title(),
		 v->locks ? "locks, hottest first (L: places)" : "places, leaf first (L: locks)");
	if (!n)
		pane_put(p, 1, y + 1, p->w, theme_dim(),
			 v->locks ? "No locks were told apart: waggle off --locks does."
				  : "no waits yet");
	for (int i = v->list.top, row = y + 1; i < n && row < p->h; i++, row++) {
		struct style s = i == v->list.at ? theme_selected(&t->theme) : theme_plain();

		if (i == v->list.at)
			pane_fill(p, 0, row, p->w, 1, s, ' ');
		(v->locks ? waits_lock : waits_place)(t, w, i, row, p, s);
	}
}

static bool waits_key(struct tui *t, void *state, int key)
{
	struct waits_state *v = state;

	if (key == 'L') {
		v->locks = !v->locks;
		list_go(&v->list, 0);
		return true;
	}
	return list_key(&v->list, key);
}

static uint32_t waits_node(struct tui *t, const struct waits_state *v)
{
	const struct waitsum *w = look_waits(&t->look);
	size_t at = (size_t)v->list.at;

	if (!w || at >= (v->locks ? w->locks.n : w->places.n))
		return 0;
	return v->locks ? w->locks.at[at].waiter : w->places.at[at].node;
}

/* From the root to the leaf, as folded stacks are. */
static void waits_copy(struct tui *t, void *state, struct buf *to)
{
	uint32_t node = waits_node(t, state), path[512];
	const struct waitsum *w = look_waits(&t->look);
	size_t n = 0;

	for (; node && n < sizeof(path) / sizeof(*path); node = w->tree->nodes.at[node].parent)
		path[n++] = node;
	while (n-- > 0)
		buf_printf(to, "%s%s", to->len ? ";" : "", calltree_name(w->tree, path[n]));
}

static const char *waits_current(struct tui *t, void *state)
{
	uint32_t node = waits_node(t, state);

	return node ? calltree_name(look_waits(&t->look)->tree, node) : NULL;
}

static bool waits_finds(const struct tui *t, const struct waitsum *w, uint32_t node)
{
	for (; node; node = w->tree->nodes.at[node].parent)
		if (tui_finds(t, calltree_name(w->tree, node)))
			return true;
	return false;
}

static bool waits_find(struct tui *t, void *state, int direction)
{
	struct waits_state *v = state;
	const struct waitsum *w = look_waits(&t->look);
	int n = w ? v->list.n : 0, was = v->list.at, step = direction < 0 ? -1 : 1;

	for (int i = direction ? 1 : 0; i <= n && n; i++) {
		list_go(&v->list, ((was + step * i) % n + n) % n);
		if (waits_finds(t, w, waits_node(t, v)))
			return true;
	}
	list_go(&v->list, was);
	return false;
}

const struct view view_waits = {
	.name = "Waits",
	.key = 'W',
	.help = "arrows, jk, g G f b\tmove\n"
		"L\tplaces where threads wait, or locks",
	.state_size = sizeof(struct waits_state),
	.draw = waits_draw,
	.key_pressed = waits_key,
	.copy = waits_copy,
	.find = waits_find,
	.current = waits_current,
};
