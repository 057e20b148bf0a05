/* list.c - cursor and scrolling; see list.h. */
#include "ui/tui/list.h"

#include "ui/tui/tui.h"

void list_go(struct list *l, int at)
{
	if (at >= l->n)
		at = l->n - 1;
	l->at = at < 0 ? 0 : at;
	if (l->at < l->top)
		l->top = l->at;
	if (l->page > 0 && l->at >= l->top + l->page)
		l->top = l->at - l->page + 1;
	if (l->top > l->n - l->page)
		l->top = l->n - l->page;
	if (l->top < 0)
		l->top = 0;
}

void list_fit(struct list *l, int n, int page)
{
	l->n = n;
	l->page = page;
	list_go(l, l->at);
}

bool list_key(struct list *l, int key)
{
	static const struct {
		int key, by;
	} moves[] = {
		{ 'j', 1 },
		{ TUI_DOWN, 1 },
		{ 'k', -1 },
		{ TUI_UP, -1 },
	};

	for (unsigned i = 0; i < sizeof(moves) / sizeof(*moves); i++)
		if (key == moves[i].key)
			return list_go(l, l->at + moves[i].by), true;
	if (key == 'f' || key == TUI_PAGE_DOWN)
		return list_go(l, l->at + l->page), true;
	if (key == 'b' || key == TUI_PAGE_UP)
		return list_go(l, l->at - l->page), true;
	if (key == 'g' || key == TUI_HOME)
		return list_go(l, 0), true;
	if (key == 'G' || key == TUI_END)
		return list_go(l, l->n - 1), true;
	return false;
}
