/* html_head.c - the JSON head of the viewer's blob: titles, facts, ledger, values, classes of waiting and
 * all strings; see html_data.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "format/html_parts.h"
#include "format/palette.h"
#include "profile/waits.h"

static void head_text(struct html_data *d, const char *key, const struct buf *text)
{
	out_printf(d->to, "\"%s\":", key);
	format_json_string(d->to, (const char *)text->data, text->len);
	out_putc(d->to, ',');
}

static void head_date(struct buf *to, uint64_t ns)
{
	time_t t = (time_t)(ns / 1000000000);
	char text[64];
	struct tm tm;

	if (ns && gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
		buf_puts(to, text);
}

static void head_fact(struct html_data *d, bool *first, const char *name, const char *text)
{
	if (!*text)
		return;
	out_puts(d->to, *first ? "[\"" : ",[\"");
	out_puts(d->to, name);
	out_puts(d->to, "\",");
	format_json_string(d->to, text, strlen(text));
	out_putc(d->to, ']');
	*first = false;
}

static void head_facts(struct html_data *d, const struct buf *date)
{
	const struct profile_meta *m = &d->p->meta;
	char text[64] = "";
	bool first = true;

	out_puts(d->to, "\"facts\":[");
	head_fact(d, &first, "Host", profile_text(d->p, m->host));
	head_fact(d, &first, "Kernel", profile_text(d->p, m->kernel));
	head_fact(d, &first, "Machine", profile_text(d->p, m->arch));
	head_fact(d, &first, "Command", profile_text(d->p, m->command));
	head_fact(d, &first, "Event", profile_text(d->p, m->event));
	if (m->frequency)
		snprintf(text, sizeof(text), "%u Hz on %u processors", m->frequency, m->n_cpus);
	head_fact(d, &first, "Rate", text);
	head_fact(d, &first, "Started", date->data ? (const char *)date->data : "");
	head_fact(d, &first, "Made by", profile_text(d->p, m->tool));
	out_puts(d->to, "],");
}

/* "cpu-clock at 99 Hz · Linux 6.1 · 2026-11-21 03:12:00 UTC" */
static void head_subtitle(struct html_data *d, const struct buf *date)
{
	const struct profile_meta *m = &d->p->meta;
	const char *parts[4] = {profile_text(d->p, m->event), "", profile_text(d->p, m->kernel),
				date->data ? (const char *)date->data : ""};
	struct buf line = { 0 };
	char rate[32];

	if (m->frequency) {
		snprintf(rate, sizeof(rate), "%u Hz", m->frequency);
		parts[1] = rate;
	}
	for (size_t i = 0; i < 4; i++) {
		if (*parts[i] && line.len)
			buf_puts(&line, " \xc2\xb7 ");
		buf_puts(&line, parts[i]);
	}
	if (!line.len)
		buf_puts(&line, profile_text(d->p, m->tool));
	head_text(d, "subtitle", &line);
	buf_free(&line);
}

static void head_causes(struct html_data *d, const char *key, const struct ledger_cause *c,
			size_t n, const char *(*text)(uint32_t))
{
	const struct profile *p = d->p;

	out_printf(d->to, ",\"%s\":[", key);
	for (size_t i = 0; i < n; i++) {
		const char *why = text(c[i].reason);
		uint32_t path = c[i].object < p->objects.n ? p->objects.at[c[i].object].path : 0;

		out_puts(d->to, i ? ",[" : "[");
		format_json_string(d->to, why, strlen(why));
		out_putc(d->to, ',');
		format_json_string(d->to, profile_text(p, path), intern_len(&p->strings, path));
		out_printf(d->to, ",%" PRIu64 "]", c[i].count);
	}
	out_putc(d->to, ']');
}

static void head_ledger(struct html_data *d)
{
	const struct ledger *l = &d->p->ledger;
	const struct ledger_row *rows = ledger_rows();

	out_printf(d->to,
		   "\"ledger\":{\"known\":%s,\"lost\":%" PRIu64 ",\"taken\":%" PRIu64
		   ",\"whole\":%.6f,\"user_stacks\":%" PRIu64 ",\"damaged\":%" PRIu64 ",\"rows\":[",
		   ledger_is_kept(l) ? "true" : "false", ledger_lost(l),
		   l->n[LEDGER_TAKEN], ledger_whole_share(l), l->n[LEDGER_STACKS_USER],
		   l->n[LEDGER_LOST_DAMAGE] + l->n[LEDGER_LOST_DAMAGE_BYTES] +
			   l->n[LEDGER_SKIPPED_LINES]);
	for (size_t i = 0; i < LEDGER_MAX; i++)
		out_printf(d->to, "%s[\"%s\",\"%s\",%" PRIu64 ",\"%s\"]", i ? "," : "", rows[i].key,
			   rows[i].unit, l->n[i], rows[i].text);
	out_putc(d->to, ']');
	head_causes(d, "cuts", l->cuts.at, l->cuts.n, ledger_end_text);
	head_causes(d, "unnamed", l->unnamed.at, l->unnamed.n, ledger_unnamed_text);
	out_puts(d->to, "},");
}

static void head_values(struct html_data *d)
{
	const struct profile *p = d->p;

	out_puts(d->to, "\"values\":[");
	for (size_t i = 0; i < d->n_types; i++) {
		const struct profile_value_type *v = &p->value_types.at[d->types[i]];
		int64_t scale = i ? html_scale(d, i) : 0;

		out_puts(d->to, i ? ",{\"type\":" : "{\"type\":");
		format_json_string(d->to, profile_text(p, v->type),
				   intern_len(&p->strings, v->type));
		out_puts(d->to, ",\"unit\":");
		format_json_string(d->to, profile_text(p, v->unit),
				   intern_len(&p->strings, v->unit));
		if (scale)
			out_printf(d->to, ",\"scale\":%" PRId64, scale);
		out_putc(d->to, '}');
	}
	out_puts(d->to, "],");
}

/* [key, frame, group, tint, text] of every class; rows and frames refer to them. */
static void head_classes(struct html_data *d)
{
	if (!d->classes)
		return;
	out_puts(d->to, "\"classes\":[");
	for (int i = 0; i < WAIT_CLASS_MAX; i++) {
		const struct wait_class_row *c = waits_class((enum wait_class)i);
		struct palette_pick pick = palette_of_class((enum wait_class)i);

		out_printf(d->to, "%s[\"%s\",\"%s\",\"%s\",%u,\"%s\"]", i ? "," : "", c->key,
			   c->frame, palette_kind(pick.kind)->id, pick.tint, c->text);
	}
	out_puts(d->to, "],");
}

/* Where a value of the profile is among those of the page. */
static uint32_t head_place_of_value(const struct html_data *d, uint32_t value)
{
	for (uint32_t i = 0; i < d->n_types; i++)
		if (d->types[i] == value)
			return i;
	return 0;
}

void html_head(struct html_data *d, const struct format_opts *o)
{
	struct buf title = { 0 }, ledger = {0}, date = {0};
	const struct intern *s = &d->t->strings;
	uint32_t value = o->tree.value < d->p->value_types.n ? o->tree.value : d->p->default_value;

	if (o->title)
		buf_puts(&title, o->title);
	else
		format_title(&title, d->p);
	format_ledger_line(&ledger, d->p);
	head_date(&date, d->p->meta.start_wall);
	if (date.len)
		buf_putc(&date, 0);
	out_puts(d->to, "{\"format\":\"waggle-view\",\"version\":1,");
	head_text(d, "title", &title);
	head_subtitle(d, &date);
	head_text(d, "ledger_line", &ledger);
	head_facts(d, &date);
	head_ledger(d);
	head_values(d);
	head_classes(d);
	if (d->p->meta.frequency)
		out_printf(d->to, "\"tick\":%u,", 1000000000 / d->p->meta.frequency);
	out_printf(d->to, "\"default_value\":%u,\"buckets\":{\"n\":%u,\"width\":%" PRIu64
		   ",\"origin\":%" PRIu64 "},",
		   head_place_of_value(d, value), d->n_buckets, d->bucket_width, d->origin);
	out_printf(d->to, "\"counts\":{\"frames\":%zu,\"nodes\":%zu,\"tasks\":%zu,\"rows\":%zu},",
		   d->frames.n, d->t->nodes.n, d->p->tasks.n, d->n_rows);
	out_puts(d->to, "\"strings\":[");
	for (uint32_t i = 0; i < s->n; i++) {
		if (i)
			out_putc(d->to, ',');
		format_json_string(d->to, intern_get(s, i), intern_len(s, i));
	}
	out_puts(d->to, "]}");
	buf_free(&title);
	buf_free(&ledger);
	buf_free(&date);
}
