/* text_ledger.c - the ledger of a report in sentences: how much was seen, what was lost and why, what
 * was cut short and where, what has no name and how to mend that. A cause of which there is nothing
 * is not mentioned, except that nothing lost is said to be nothing.
 */
#include "format/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/shell.h"
#include "base/vec.h"
#include "profile/waitsum.h"

enum { TEXT_FILES = 4 }; /* named for each reason */

static const char *text_count(uint64_t n, char *to, size_t size)
{
	return format_value(n > INT64_MAX ? INT64_MAX : (int64_t)n, "count", to, size);
}

#define COUNT(n) text_count(n, (char[32]){ 0 }, 32)

static void text_sentence(struct page *g, enum page_style style, struct buf *b)
{
	buf_putc(b, 0);
	page_style(g, style);
	if (!b->err)
		page_wrap(g, (char *)b->data, 0, 2);
	page_style(g, PAGE_PLAIN);
	buf_free(b);
}

/* "    1,234  sentence" */
static void text_cause_line(struct page *g, uint64_t n, const char *text)
{
	char count[32];
	uint32_t at = 12;

	out_printf(g->to, "%10s  ", text_count(n, count, sizeof(count)));
	if (strlen(count) > 10)
		at += (uint32_t)strlen(count) - 10;
	page_wrap(g, text, at, 12);
}

static void text_where_ticks_went(struct buf *b, const struct ledger *l)
{
	static const struct {
		enum ledger_id id;
		const char *text;
	} places[] = {
		{ LEDGER_IDLE, "fell on an idle processor" },
		{ LEDGER_ASLEEP, "did not come because the processor slept" },
		{ LEDGER_STOLEN, "could not come because the hypervisor had the processor" },
		{ LEDGER_FILTERED, "in tasks that were not asked for" },
	};
	const char *join = ": ";

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (!l->n[places[i].id])
			continue;
		buf_printf(b, "%s%s %s", join, COUNT(l->n[places[i].id]), places[i].text);
		join = ", ";
	}
}

/* In `wall` both are counted, and only samples come from ticks. */
static void text_how_many(struct buf *b, const struct profile *p)
{
	const struct ledger *l = &p->ledger;
	bool waits = waitsum_applies(p), ticks = l->n[LEDGER_EXPECTED];

	buf_printf(b, "%s %s", COUNT(l->n[LEDGER_TAKEN]),
		   !waits  ? "samples taken"
		   : ticks ? "waits and samples recorded"
			   : "waits recorded");
	if (!ticks)
		return;
	buf_printf(b, waits ? "; %s timer ticks expected" : " of %s timer ticks expected",
		   COUNT(l->n[LEDGER_EXPECTED]));
	text_where_ticks_went(b, l);
}

/* What else there is to know of waits, and what casts doubt on them. */
static void text_of_waits(struct page *g, const struct profile *p)
{
	static const struct {
		enum ledger_id id;
		enum page_style style;
	} rows[] = {
		{ LEDGER_SWITCHES, PAGE_DIM },      { LEDGER_WAITS_FILTERED, PAGE_DIM },
		{ LEDGER_RECALLED, PAGE_DIM },      { LEDGER_ASLEEP_THREADS, PAGE_DIM },
		{ LEDGER_WAITS_SPARED, PAGE_WARN }, { LEDGER_RECALLED_WRONG, PAGE_WARN },
		{ LEDGER_WAKES_UNSEEN, PAGE_WARN },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!p->ledger.n[rows[i].id])
			continue;
		page_style(g, rows[i].style);
		text_cause_line(g, p->ledger.n[rows[i].id], ledger_rows()[rows[i].id].text);
		page_style(g, PAGE_PLAIN);
	}
}

static void text_taken(struct page *g, const struct profile *p)
{
	const struct ledger *l = &p->ledger;
	uint64_t lost = ledger_lost(l), causes = 0;
	struct buf b = { 0 };

	text_how_many(&b, p);
	if (lost)
		buf_printf(&b, "; %s lost:", COUNT(lost));
	else if (ledger_is_kept(l))
		buf_puts(&b, "; nothing lost.");
	else
		buf_puts(&b, "; what was lost is not known: the input keeps no account.");
	text_sentence(g, lost ? PAGE_WARN : PAGE_PLAIN, &b);
	for (size_t i = 0; i < LEDGER_MAX; i++) {
		static const char head[] = "lost: ";
		const char *text = ledger_rows()[i].text;

		if (!l->n[i] || strncmp(text, head, sizeof(head) - 1))
			continue;
		causes += l->n[i];
		text_cause_line(g, l->n[i], text + sizeof(head) - 1);
	}
	if (lost > causes)
		text_cause_line(g, lost - causes, "for no known reason");
}

/* What waggle did to stay cheap: it changes how precise the result is, not what it says. */
static void text_slowed(struct page *g, const struct profile *p)
{
	const struct ledger *l = &p->ledger;
	struct buf b = { 0 };

	if (!l->n[LEDGER_SLOWEST])
		return;
	buf_printf(&b,
		   "waggle slowed down, at most to 1/%s of the rate, to stay below --max-overhead: the "
		   "samples taken stand for %s more ticks.",
		   COUNT(l->n[LEDGER_SLOWEST]), COUNT(l->n[LEDGER_SPARED]));
	text_sentence(g, PAGE_WARN, &b);
}

/* By reason, then the largest first. */
static int text_cause_order(const void *va, const void *vb)
{
	const struct ledger_cause *a = va, *b = vb;

	if (a->reason != b->reason)
		return a->reason < b->reason ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return a->object < b->object ? -1 : a->object > b->object;
}

static const char *text_file(const struct profile *p, uint32_t object)
{
	const char *path = object && object < p->objects.n
				   ? profile_text(p, p->objects.at[object].path)
				   : "";
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* One reason: how often, why (which names the remedy), and the files it happened in most. */
static void text_reason(struct page *g, const struct profile *p, const struct ledger_cause *at,
			size_t n, const char *why)
{
	struct buf b = { 0 };
	uint64_t total = 0;
	size_t shown = 0;

	buf_puts(&b, why);
	for (size_t i = 0; i < n; i++) {
		const char *file = text_file(p, at[i].object);

		total += at[i].count;
		if (!*file || shown == TEXT_FILES)
			continue;
		buf_printf(&b, "%s%s", shown++ ? ", " : ": ", file);
		if (n > 1)
			buf_printf(&b, " %s", COUNT(at[i].count));
	}
	if (shown == TEXT_FILES && n > shown)
		buf_printf(&b, ", %zu more", n - shown);
	buf_putc(&b, 0);
	if (!b.err)
		text_cause_line(g, total, (char *)b.data);
	buf_free(&b);
}

static int text_causes(struct page *g, const struct profile *p, const struct ledger_cause *at,
		       size_t n, const char *(*text_of)(uint32_t))
{
	struct ledger_cause *sorted = malloc((n + 1) * sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	if (n)
		memcpy(sorted, at, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), text_cause_order);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from; to < n && sorted[to].reason == sorted[from].reason;)
			to++;
		text_reason(g, p, sorted + from, to - from, text_of(sorted[from].reason));
	}
	free(sorted);
	return 0;
}

/* Cuts that are no ends: walks that did not reach the bottom. */
static int text_cuts(struct page *g, const struct profile *p)
{
	const struct ledger *l = &p->ledger;
	VEC(struct ledger_cause) cuts = { 0 };
	double share = ledger_whole_share(l) * 100;
	struct buf b = { 0 };
	int code = 0;

	for (size_t i = 0; i < l->cuts.n && !code; i++)
		if (!ledger_end_whole(l->cuts.at[i].reason) && l->cuts.at[i].count &&
		    !VEC_PUSH(&cuts, l->cuts.at[i]))
			code = -ENOMEM;
	if (l->n[LEDGER_STACKS_USER]) {
		if (share < 100 && share > 99.9)
			share = 99.9; /* not whole must not round up to whole */
		buf_printf(&b, "%.*f%% of user stacks reach the bottom%s", share < 100 ? 1 : 0,
			   share, cuts.n ? "; cut short:" : ".");
	} else if (cuts.n) {
		buf_puts(&b, "Stacks cut short:");
	}
	if (b.len)
		text_sentence(g, share < 99 ? PAGE_WARN : PAGE_PLAIN, &b);
	if (!code && cuts.n)
		code = text_causes(g, p, cuts.at, cuts.n, ledger_end_text);
	if (!code && l->n[LEDGER_KERNEL_CUT])
		text_cause_line(g, l->n[LEDGER_KERNEL_CUT],
				ledger_rows()[LEDGER_KERNEL_CUT].text);
	VEC_FREE(&cuts);
	return code;
}

/* The file with the most frames that more symbols would name. */
static void text_doctor(struct page *g, const struct profile *p)
{
	const char *worst = NULL;
	uint64_t most = 0;
	struct buf b = { 0 };

	for (size_t i = 0; i < p->ledger.unnamed.n; i++) {
		const struct ledger_cause *c = &p->ledger.unnamed.at[i];
		const struct profile_object *o = &p->objects.at[c->object < p->objects.n ? c->object : 0];

		const char *path = profile_text(p, o->path);

		if (c->count <= most || o->kind != OBJECT_FILE || *path != '/' ||
		    !shell_is_plain(path))
			continue;
		most = c->count;
		worst = path;
	}
	if (!worst)
		return;
	buf_printf(&b, "'waggle doctor %s' tells what is missing.", worst);
	text_sentence(g, PAGE_DIM, &b);
}

static int text_unnamed(struct page *g, const struct profile *p)
{
	const struct ledger *l = &p->ledger;
	struct buf b = { 0 };
	int code;

	if (!l->n[LEDGER_FRAMES_UNNAMED])
		return 0;
	buf_printf(&b, "%s of %s distinct frames have no name:", COUNT(l->n[LEDGER_FRAMES_UNNAMED]),
		   COUNT(l->n[LEDGER_FRAMES]));
	text_sentence(g, PAGE_PLAIN, &b);
	code = text_causes(g, p, l->unnamed.at, l->unnamed.n, ledger_unnamed_text);
	if (!code)
		text_doctor(g, p);
	return code;
}

static void text_damage(struct page *g, const struct profile *p)
{
	static const enum ledger_id ids[] = { LEDGER_LOST_DAMAGE, LEDGER_LOST_DAMAGE_BYTES,
					      LEDGER_SKIPPED_LINES, LEDGER_FILES_FAILED,
					      LEDGER_UNREAD, LEDGER_SPLIT_MISSING,
					      LEDGER_COMMON_MISSING, LEDGER_DEBUG_DAMAGED };

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		struct buf b = { 0 };

		if (!p->ledger.n[ids[i]])
			continue;
		buf_printf(&b, "%s %s.", COUNT(p->ledger.n[ids[i]]), ledger_rows()[ids[i]].text);
		text_sentence(g, PAGE_WARN, &b);
	}
}

static void text_own(struct page *g, const struct profile *p)
{
	const struct ledger *l = &p->ledger;
	uint64_t cpu = l->n[LEDGER_OWN_CPU] + l->n[LEDGER_OWN_BPF];
	struct buf b = { 0 };
	char text[64];

	if (!cpu && !l->n[LEDGER_OWN_RSS])
		return;
	buf_printf(&b, "waggle itself: %s CPU", duration_text(cpu, text, sizeof(text)));
	if (p->meta.duration && p->meta.n_cpus)
		buf_printf(&b, " (%.2f%% of the machine)",
			   100.0 * (double)cpu /
				   ((double)p->meta.duration * (double)p->meta.n_cpus));
	if (l->n[LEDGER_OWN_RSS])
		buf_printf(&b, ", %s memory",
			   format_value((int64_t)(l->n[LEDGER_OWN_RSS] & INT64_MAX), "bytes", text,
					sizeof(text)));
	if (l->n[LEDGER_OWN_MAPS])
		buf_printf(&b, ", %s in the kernel",
			   format_value((int64_t)(l->n[LEDGER_OWN_MAPS] & INT64_MAX), "bytes", text,
					sizeof(text)));
	buf_putc(&b, '.');
	text_sentence(g, PAGE_DIM, &b);
}

int text_ledger(struct page *g, const struct profile *p)
{
	int code;

	out_putc(g->to, '\n');
	page_style(g, PAGE_TITLE);
	out_puts(g->to, "Ledger\n");
	page_style(g, PAGE_PLAIN);
	text_taken(g, p);
	text_of_waits(g, p);
	text_slowed(g, p);
	code = text_cuts(g, p);
	if (!code)
		code = text_unnamed(g, p);
	if (code)
		return code;
	text_damage(g, p);
	text_own(g, p);
	return 0;
}
