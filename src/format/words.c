/* words.c - numbers and profiles in words for people: values with units, titles, the ledger line.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "format/format.h"
#include "profile/waits.h"

static const char *words_count(uint64_t n, bool minus, char *to, size_t size)
{
	char digits[24], out[40];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	size_t at = 0;

	if (minus)
		out[at++] = '-';
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = 0;
	snprintf(to, size, "%s", out);
	return to;
}

static const char *words_bytes(double v, char *to, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t i = 0;

	while (fabs(v) >= 1024 && i + 1 < sizeof(units) / sizeof(*units)) {
		v /= 1024;
		i++;
	}
	snprintf(to, size, "%.*f %s", i ? 1 : 0, v, units[i]);
	return to;
}

/* Units are those of value types in profiles; the times are normalised to nanoseconds. */
static const struct {
	const char *unit;
	double ns;
} words_times[] = {
	{ "nanoseconds", 1 }, { "ns", 1 },   { "microseconds", 1e3 }, { "us", 1e3 },
	{ "milliseconds", 1e6 }, { "ms", 1e6 }, { "seconds", 1e9 },      { "s", 1e9 },
};

const char *format_value(int64_t v, const char *unit, char *to, size_t size)
{
	uint64_t size_of = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
	char number[40];

	for (size_t i = 0; i < sizeof(words_times) / sizeof(*words_times); i++) {
		double ns = (double)size_of * words_times[i].ns;
		char text[40];

		if (strcmp(unit, words_times[i].unit))
			continue;
		duration_text(ns < 1.8e19 ? (uint64_t)ns : UINT64_MAX, text, sizeof(text));
		snprintf(to, size, "%s%s", v < 0 ? "-" : "", size_of ? text : "0 s");
		return to;
	}
	if (!strcmp(unit, "bytes") || !strcmp(unit, "byte"))
		return words_bytes((double)v, to, size);
	words_count(size_of, v < 0, number, sizeof(number));
	if (!*unit || !strcmp(unit, "count"))
		snprintf(to, size, "%s", number);
	else
		snprintf(to, size, "%s %s", number, unit);
	return to;
}

static void words_put_count(struct buf *to, uint64_t n, const char *what)
{
	char text[40];

	buf_puts(to, words_count(n, false, text, sizeof(text)));
	buf_puts(to, what);
}

/* 99.96 must not read as 100 %: shares that are not whole never round up to it. */
static void words_put_share(struct buf *to, double share)
{
	double percent = share * 100;

	if (share < 1 && percent > 99.9)
		percent = 99.9;
	buf_printf(to, percent >= 100 || percent <= 0 ? "%.0f %%" : "%.1f %%", percent);
}

/* By their values, as every view adds them up: a row of an imported profile stands for many. */
static void words_put_samples(struct buf *to, const struct profile *p)
{
	static const char *const types[] = { "samples", WAITS_TYPE_COUNT };
	int64_t n = (int64_t)p->samples.n;
	const char *what = types[0];
	char text[40];

	for (size_t k = 2; k-- > 0;)
		for (uint32_t i = 0; i < p->value_types.n; i++)
			if (!strcmp(profile_text(p, p->value_types.at[i].type), types[k])) {
				n = profile_total(p, i);
				what = types[k];
			}
	buf_printf(to, "%s %.*s", format_value(n, "count", text, sizeof(text)),
		   (int)(strlen(what) - (n == 1)), what);
}

void format_ledger_line(struct buf *to, const struct profile *p)
{
	const struct ledger *l = &p->ledger;
	uint64_t lost = ledger_lost(l);
	char text[40];

	words_put_samples(to, p);
	if (lost || ledger_is_kept(l)) {
		buf_puts(to, ", ");
		words_put_count(to, lost, " lost");
	}
	if (l->n[LEDGER_STACKS_USER]) {
		buf_puts(to, ", ");
		words_put_share(to, ledger_whole_share(l));
		buf_puts(to, " of user stacks whole");
	}
	if (l->n[LEDGER_FRAMES] && l->n[LEDGER_FRAMES_UNNAMED]) {
		buf_puts(to, ", ");
		words_put_share(to, (double)l->n[LEDGER_FRAMES_UNNAMED] /
					    (double)l->n[LEDGER_FRAMES]);
		buf_puts(to, " of frames unnamed");
	}
	if (l->n[LEDGER_LOST_DAMAGE])
		buf_puts(to, ", input damaged");
	if (l->n[LEDGER_SKIPPED_LINES]) {
		buf_puts(to, ", ");
		words_put_count(to, l->n[LEDGER_SKIPPED_LINES], " lines not understood");
	}
	if (l->n[LEDGER_OWN_CPU])
		buf_printf(to, ", own CPU %s",
			   duration_text(l->n[LEDGER_OWN_CPU] + l->n[LEDGER_OWN_BPF], text,
					 sizeof(text)));
}

/* What was profiled: the command that was started, or the only process there is. The command line
 * of waggle itself says nothing about it. */
static void words_put_subject(struct buf *to, const struct profile *p)
{
	const char *command = profile_text(p, p->meta.command), *child = strstr(command, " -- ");
	const struct profile_task *only = p->tasks.n > 1 ? &p->tasks.at[1] : NULL;

	for (size_t i = 2; only && i < p->tasks.n; i++)
		if (p->tasks.at[i].pid != only->pid || p->tasks.at[i].process != only->process)
			only = NULL;
	if (child)
		buf_printf(to, " of %s", child + 4);
	else if (*command && strncmp(command, "waggle", 6))
		buf_printf(to, " of %s", command);
	else if (only && only->pid && only->process)
		buf_printf(to, " of %s (%u)", profile_text(p, only->process), only->pid);
}

/* "cpu profile of redis-server on db7, 10.00 s" */
void format_title(struct buf *to, const struct profile *p)
{
	const struct profile_meta *m = &p->meta;
	const char *source = profile_text(p, m->source);
	const char *host = profile_text(p, m->host);
	char text[40];

	if (!*source && p->default_value < p->value_types.n)
		source = profile_text(p, p->value_types.at[p->default_value].type);
	buf_puts(to, source);
	buf_puts(to, *source ? " profile" : "profile");
	words_put_subject(to, p);
	if (*host)
		buf_printf(to, " on %s", host);
	if (m->duration)
		buf_printf(to, ", %s", duration_text(m->duration, text, sizeof(text)));
}
