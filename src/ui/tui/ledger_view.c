/* ledger_view.c - what was seen, what was lost and why, what waggle itself costs, and what the
 * model holds. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "format/format.h"
#include "ui/tui/list.h"
#include "ui/tui/tui_parts.h"

extern const struct view view_ledger;

struct ledger_state {
	struct list list; /* its cursor is only for scrolling */
	int line;         /* while drawing */
};

struct ledger_draw {
	struct tui *t;
	struct ledger_state *v;
	const struct pane *p;
};

/* One line: drawn when it is in sight, counted always. */
static void ledger_line(const struct ledger_draw *d, struct style s, const char *number,
			const char *text)
{
	int y = d->v->line++ - d->v->list.top;

	if (y < 0 || y >= d->p->h)
		return;
	pane_right(d->p, 0, y, 14, s, number);
	pane_put(d->p, 16, y, d->p->w - 16, s, text);
}

static void ledger_head(const struct ledger_draw *d, const char *text)
{
	int y = d->v->line++ - d->v->list.top;

	if (y >= 0 && y < d->p->h)
		pane_put(d->p, 1, y, d->p->w - 1, theme_title(), text);
}

static void ledger_bytes(const struct ledger_draw *d, uint64_t bytes, const char *text)
{
	char number[40];

	ledger_line(d, theme_plain(), format_value((int64_t)bytes, "bytes", number, sizeof(number)),
		    text);
}

/* Whole, also where the terminal is narrower than it: half of it is of no use. */
static void ledger_page(const struct ledger_draw *d)
{
	const char *url = d->t->o.page;
	int width = d->p->w > 2 ? d->p->w - 2 : 1;

	if (!url)
		return;
	ledger_head(d, "The live page (y copies its address)");
	for (int left = (int)strlen(url); left > 0; left -= width, url += width) {
		int y = d->v->line++ - d->v->list.top;

		if (y >= 0 && y < d->p->h)
			pane_printf(d->p, 2, y, width, theme_plain(), "%.*s", width, url);
	}
}

static void ledger_model(const struct ledger_draw *d)
{
	const struct live_state *s = &d->t->state;
	char number[40], text[200], from[40];

	ledger_head(d, "The live model");
	ledger_bytes(d, s->bytes, "held by the model");
	snprintf(number, sizeof(number), "%llu", (unsigned long long)s->samples);
	snprintf(text, sizeof(text), "samples held, as they came since %s",
		 duration_text(s->exact_from, from, sizeof(from)));
	ledger_line(d, theme_plain(), number,
		    s->exact_from ? text : "samples held, all as they came");
	if (s->grain) {
		snprintf(number, sizeof(number), "%llu s",
			 (unsigned long long)(s->grain / NSEC_PER_SEC));
		ledger_line(d, theme_plain(), number, "is what times of the oldest are rounded to");
	}
	if (s->forgotten) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)s->forgotten);
		snprintf(text, sizeof(text),
			 "samples forgotten, those before %s (memory has a bound)",
			 duration_text(s->since, from, sizeof(from)));
		ledger_line(d, theme_warning(&d->t->theme), number, text);
	}
	snprintf(number, sizeof(number), "%llu", (unsigned long long)s->late);
	ledger_line(d, theme_plain(), number,
		    "rounds in which the capture found the model being read, and came again");
}

static bool ledger_is_loss(enum ledger_id id)
{
	static const uint8_t lost[] = { LEDGER_LOST_TIMER,   LEDGER_LOST_RING,
					LEDGER_LOST_STACK,   LEDGER_LOST_MEMORY,
					LEDGER_LOST_SCRATCH, LEDGER_LOST_DAMAGE,
					LEDGER_LOST_DAMAGED, LEDGER_SKIPPED_LINES };

	for (size_t i = 0; i < sizeof(lost); i++)
		if (lost[i] == id)
			return true;
	return false;
}

static void ledger_numbers(const struct ledger_draw *d, const struct ledger *l)
{
	const struct ledger_row *rows = ledger_rows();
	char number[40];

	ledger_head(d,
		    ledger_is_kept(l) ? "What was seen and lost" : "Nobody kept count of losses");
	for (int i = 0; i < LEDGER_MAX; i++) {
		bool loss = ledger_is_loss((enum ledger_id)i);
		struct style s = loss && l->n[i] ? theme_warning(&d->t->theme) : theme_plain();

		if (l->n[i] || (loss && i < LEDGER_LOST_DAMAGE && ledger_is_kept(l)))
			ledger_line(d, s,
				    format_value((int64_t)l->n[i], rows[i].unit, number,
						 sizeof(number)),
				    rows[i].text);
	}
}

static void ledger_section(const struct ledger_draw *d, const char *head,
			   const struct ledger_cause *causes, size_t n,
			   const char *(*text_of)(uint32_t reason))
{
	const struct profile *p = d->t->look.snapshot->profile;
	char number[40], text[512];

	if (n)
		ledger_head(d, head);
	for (size_t i = 0; i < n; i++) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)causes[i].count);
		snprintf(text, sizeof(text), "%s  %s", text_of(causes[i].reason),
			 profile_text(p, p->objects.at[causes[i].object].path));
		ledger_line(d, theme_plain(), number, text);
	}
}

static void ledger_causes(const struct ledger_draw *d, const struct profile *p)
{
	const struct ledger *l = &p->ledger;

	ledger_section(d, "User stacks cut short", l->cuts.at, l->cuts.n, ledger_end_text);
	ledger_section(d, "Frames without a name", l->unnamed.at, l->unnamed.n, ledger_unnamed_text);
}

static void ledger_draw(struct tui *t, void *state, const struct pane *p)
{
	struct ledger_state *v = state;
	struct ledger_draw d = { t, v, p };
	const struct profile *now = t->look.snapshot->profile;

	v->line = 0;
	ledger_page(&d);
	ledger_numbers(&d, &now->ledger);
	ledger_model(&d);
	ledger_causes(&d, now);
	v->list.n = v->line;
	v->list.page = p->h;
}

/* The lines themselves have no cursor: keys move what is in sight. */
static bool ledger_key(struct tui *t, void *state, int key)
{
	struct ledger_state *v = state;
	int last = v->list.n > v->list.page ? v->list.n - v->list.page : 0;
	struct list scroll = { v->list.top, 0, last + 1, v->list.page };
	bool own = list_key(&scroll, key);

	v->list.top = scroll.at;
	return own;
}

static void ledger_copy(struct tui *t, void *state, struct buf *to)
{
	if (t->o.page)
		buf_puts(to, t->o.page);
}

const struct view view_ledger = {
	.name = "Ledger",
	.help = "arrows, jk, g G f b\tmove",
	.state_size = sizeof(struct ledger_state),
	.draw = ledger_draw,
	.key_pressed = ledger_key,
	.copy = ledger_copy,
};
