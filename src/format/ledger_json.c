/* ledger_json.c - the pieces of JSON that several writers share: strings, meta, ledger.
 *
 * jansson is not used for writing: documents are large, and a tree of them in memory would cost more
 * than the profile. Every string goes through format_json_string(), which is where foreign bytes
 * (names from ELF files, command lines) become valid JSON.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "format/format.h"
#include "format/utf8.h"

static void json_escape(struct out *to, uint8_t c)
{
	static const char two[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (size_t i = 0; i + 1 < sizeof(two); i += 2)
		if (c == (uint8_t)two[i]) {
			out_putc(to, '\\');
			out_putc(to, two[i + 1]);
			return;
		}
	out_printf(to, "\\u%04x", c);
}

void format_json_string(struct out *to, const char *s, size_t len)
{
	const uint8_t *at = (const uint8_t *)s;
	size_t from = 0, i = 0;

	out_putc(to, '"');
	while (i < len) {
		uint8_t c = at[i];
		size_t n = utf8_len(at + i, len - i);

		/* '<' too: the text may end up inside a <script> element. */
		if (n && c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != 0x7f) {
			i += n;
			continue;
		}
		out_put(to, s + from, i - from);
		if (n)
			json_escape(to, c);
		else
			out_puts(to, "\xef\xbf\xbd");
		i++;
		from = i;
	}
	out_put(to, s + from, len - from);
	out_putc(to, '"');
}

static void json_id(struct out *to, const struct profile *p, uint32_t id)
{
	format_json_string(to, profile_text(p, id), intern_len(&p->strings, id));
}

static void json_text(struct out *to, const char *s)
{
	format_json_string(to, s, strlen(s));
}

static void json_field(struct out *to, const struct profile *p, const char *key, uint32_t id)
{
	out_printf(to, "\"%s\":", key);
	json_id(to, p, id);
	out_putc(to, ',');
}

/* Nanoseconds since 1970 do not fit a JSON number exactly: ISO 8601 in UTC instead. */
static void json_start(struct out *to, uint64_t wall)
{
	time_t t = (time_t)(wall / 1000000000);
	char iso[40];
	struct tm tm;

	if (!wall || !gmtime_r(&t, &tm) || !strftime(iso, sizeof(iso), "%Y-%m-%dT%H:%M:%S", &tm)) {
		out_puts(to, "\"start\":null,");
		return;
	}
	out_printf(to, "\"start\":\"%s.%09" PRIu64 "Z\",", iso, wall % 1000000000);
}

void format_meta_json(struct out *to, const struct profile *p)
{
	const struct profile_meta *m = &p->meta;

	out_putc(to, '{');
	json_field(to, p, "tool", m->tool);
	json_field(to, p, "host", m->host);
	json_field(to, p, "kernel", m->kernel);
	json_field(to, p, "arch", m->arch);
	json_field(to, p, "command", m->command);
	json_field(to, p, "source", m->source);
	json_field(to, p, "event", m->event);
	json_start(to, m->start_wall);
	out_printf(to, "\"duration_ns\":%" PRIu64 ",\"period\":%" PRIu64 ",", m->duration,
		   m->period);
	json_field(to, p, "period_type", m->period_type.type);
	json_field(to, p, "period_unit", m->period_type.unit);
	out_printf(to, "\"frequency_hz\":%u,\"cpus\":%u,", m->frequency, m->n_cpus);
	if (m->child_status >= 0)
		out_printf(to, "\"child_status\":%d,", m->child_status);
	out_puts(to, "\"values\":[");
	for (size_t i = 0; i < p->value_types.n; i++) {
		out_puts(to, i ? ",{" : "{");
		json_field(to, p, "type", p->value_types.at[i].type);
		json_field(to, p, "unit", p->value_types.at[i].unit);
		out_printf(to, "\"total\":%" PRId64 "}", profile_total(p, (uint32_t)i));
	}
	out_printf(to, "],\"default_value\":%u,\"samples\":%zu}", p->default_value, p->samples.n);
}

static const char *json_object_path(const struct profile *p, uint32_t object)
{
	return object < p->objects.n ? profile_text(p, p->objects.at[object].path) : "";
}

static void json_causes(struct out *to, const struct profile *p, const struct ledger_cause *at,
			size_t n, bool cuts)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t why = at[i].reason;

		out_puts(to, i ? ",{\"reason\":" : "{\"reason\":");
		json_text(to, cuts ? ledger_end_key(why) : ledger_unnamed_key(why));
		out_puts(to, ",\"text\":");
		json_text(to, cuts ? ledger_end_text(why) : ledger_unnamed_text(why));
		out_puts(to, ",\"file\":");
		json_text(to, json_object_path(p, at[i].object));
		out_printf(to, ",\"%s\":%" PRIu64 "}", cuts ? "samples" : "frames", at[i].count);
	}
}

void format_ledger_json(struct out *to, const struct profile *p)
{
	const struct ledger_row *rows = ledger_rows();
	const struct ledger *l = &p->ledger;

	out_putc(to, '{');
	for (size_t i = 0; i < LEDGER_MAX; i++)
		out_printf(to, "\"%s\":%" PRIu64 ",", rows[i].key, l->n[i]);
	out_printf(to, "\"lost\":%" PRIu64 ",\"whole_share\":%.6f,\"cuts\":[", ledger_lost(l),
		   ledger_whole_share(l));
	json_causes(to, p, l->cuts.at, l->cuts.n, true);
	out_puts(to, "],\"unnamed\":[");
	json_causes(to, p, l->unnamed.at, l->unnamed.n, false);
	out_puts(to, "]}");
}
