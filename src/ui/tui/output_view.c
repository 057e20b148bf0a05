/* output_view.c - what the started command writes: it has a terminal of its own, and this is it. */
#include "ui/tui/list.h"
#include "ui/tui/tui_parts.h"

extern const struct view view_output;

struct output_state {
	struct list list;
	bool held; /* scrolled up: new lines do not move it */
};

static void output_draw(struct tui *t, void *state, const struct pane *p)
{
	struct output_state *v = state;
	int n = (int)paper_count(&t->paper);

	list_fit(&v->list, n, p->h);
	if (!v->held)
		list_go(&v->list, n - 1);
	if (!n)
		pane_put(p, 1, 1, p->w - 1, theme_dim(),
			 t->o.child < 0 ? "No command was started: waggle top -- COMMAND shows its "
					  "output here."
					: "The command has written nothing so far.");
	for (int y = 0; y < p->h && v->list.top + y < n; y++)
		pane_put(p, 0, y, p->w, theme_plain(),
			 paper_line(&t->paper, (size_t)(v->list.top + y)));
}

static bool output_key(struct tui *t, void *state, int key)
{
	struct output_state *v = state;
	int last = v->list.n > v->list.page ? v->list.n - v->list.page : 0;
	struct list scroll = { v->list.top, 0, last + 1, v->list.page };

	if (!list_key(&scroll, key))
		return false;
	v->held = scroll.at < last;
	v->list.at = v->list.top = scroll.at;
	return true;
}

static void output_copy(struct tui *t, void *state, struct buf *to)
{
	size_t n = paper_count(&t->paper);

	if (n)
		buf_puts(to, paper_line(&t->paper, n - 1));
}

const struct view view_output = {
	.name = "Output",
	.key = 'o',
	.help = "arrows, jk, g G f b\tscroll; G goes along with what is written",
	.state_size = sizeof(struct output_state),
	.draw = output_draw,
	.key_pressed = output_key,
	.copy = output_copy,
};
