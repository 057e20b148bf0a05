/* oracle_report.c - the agreement of the walker and the oracle as text and as JSON; see oracle_report.h.
 *
 * Text names the largest files and every cause of which there is any; JSON has all.
 */
#include "cli/oracle_report.h"

#include <inttypes.h>
#include <string.h>

#include "format/format.h"

enum { REPORT_FILES = 12, REPORT_AROUND = 3 }; /* frames shown on either side of a difference */

/* Why a stack is in that row: the way the walk or the oracle ended, in words; "" when there is no more. */
static const char *report_reason(const struct agreement_cause *c)
{
	if (c->verdict == VERDICT_ORACLE_SHORT)
		return oracle_stop_text(c->reason);
	if (c->verdict == VERDICT_WALK_SHORT)
		return ledger_end_text(c->reason);
	return "";
}

static const char *report_reason_key(const struct agreement_cause *c)
{
	if (c->verdict == VERDICT_ORACLE_SHORT)
		return oracle_stop_key(c->reason);
	if (c->verdict == VERDICT_WALK_SHORT)
		return ledger_end_key(c->reason);
	return "";
}

/* Not equal must not round up to equal. */
static double report_percent(uint64_t equal, uint64_t all)
{
	double percent = all ? 100.0 * (double)equal / (double)all : 100;

	return equal < all && percent > 99.999 ? 99.999 : percent;
}

static void report_place(const struct oracle_report *r, uint64_t frame, FILE *to)
{
	fprintf(to, "%s+0x%" PRIx64, oracle_report_file(r, (uint32_t)(frame >> FRAME_FILE_SHIFT)),
		(uint64_t)(frame & FRAME_OFFSET_MASK));
}

static void report_side(const struct oracle_report *r, const char *who, const uint64_t *frames,
			uint32_t n, uint32_t at, FILE *to)
{
	uint32_t from = at > REPORT_AROUND ? at - REPORT_AROUND : 0;
	uint32_t end = n - from > 2 * REPORT_AROUND ? from + 2 * REPORT_AROUND : n;

	fprintf(to, "    %s, %u frames:", who, n);
	for (uint32_t i = from; i < end && i < n; i++) {
		fputs(i == at ? " >" : " ", to);
		report_place(r, frames[i], to);
	}
	fputs(end < n ? " ..\n" : "\n", to);
}

static void report_examples(const struct oracle_report *r, FILE *to)
{
	const struct agreement *a = &r->agreement;

	for (size_t i = 0; i < a->examples.n; i++) {
		const struct agreement_example *x = &a->examples.at[i];

		fprintf(to, "  process %u, %s from frame %u on:\n", x->pid, verdict_key(x->verdict), x->at);
		report_side(r, "walk  ", x->walk, x->n_walk, x->at, to);
		report_side(r, "oracle", x->oracle, x->n_oracle, x->at, to);
	}
}

static void report_lost(const struct oracle_report *r, FILE *to)
{
	const struct {
		uint64_t n;
		const char *text;
	} rows[] = {
		{ r->lost, "dropped because too many were waiting" },
		{ r->gone, "of processes that were over before their mappings could be read" },
		{ r->no_sample, "whose sample never arrived" },
		{ r->failed, "that the oracle could not begin with" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].n)
			fprintf(to, "%10" PRIu64 "  stacks %s\n", rows[i].n, rows[i].text);
}

void oracle_report_print(const struct oracle_report *r, FILE *to)
{
	const struct agreement *a = &r->agreement;

	fprintf(to, "oracle: %" PRIu64 " of %" PRIu64 " frames equal (%.3f %%) in %" PRIu64
		    " stacks; %" PRIu64 " stacks differ\n",
		a->equal, a->frames, report_percent(a->equal, a->frames), a->stacks, a->stacks_differ);
	report_lost(r, to);
	for (size_t i = 0; i < a->files.n && i < REPORT_FILES; i++) {
		const struct agreement_file *f = &a->files.at[i];

		fprintf(to, "%10" PRIu64 "  frames in %s, %.3f %% equal\n", f->frames,
			oracle_report_file(r, f->file), report_percent(f->equal, f->frames));
	}
	if (a->files.n > REPORT_FILES)
		fprintf(to, "%10s  and %zu more files\n", "", a->files.n - REPORT_FILES);
	for (size_t i = 0; i < a->causes.n; i++) {
		const struct agreement_cause *c = &a->causes.at[i];
		const char *why = report_reason(c);

		if (c->verdict != VERDICT_SAME)
			fprintf(to, "%10" PRIu64 "  stacks: %s, in %s%s%s\n", c->stacks,
				verdict_text(c->verdict), oracle_report_file(r, c->file),
				*why ? ": " : "", why);
	}
	report_examples(r, to);
}

/* -- JSON --------------------------------------------------------------------------------------- */

static void json_text(struct out *to, const char *key, const char *text)
{
	out_printf(to, "\"%s\":", key);
	format_json_string(to, text, strlen(text));
}

static void json_frames(const struct oracle_report *r, const char *key, const uint64_t *frames,
			uint32_t n, struct out *to)
{
	out_printf(to, ",\"%s\":[", key);
	for (uint32_t i = 0; i < n; i++) {
		out_puts(to, i ? ",{" : "{");
		json_text(to, "file", oracle_report_file(r, (uint32_t)(frames[i] >> FRAME_FILE_SHIFT)));
		out_printf(to, ",\"offset\":%" PRIu64 "}", (uint64_t)(frames[i] & FRAME_OFFSET_MASK));
	}
	out_puts(to, "]");
}

static void json_examples(const struct oracle_report *r, struct out *to)
{
	const struct agreement *a = &r->agreement;

	out_puts(to, ",\"examples\":[");
	for (size_t i = 0; i < a->examples.n; i++) {
		const struct agreement_example *x = &a->examples.at[i];

		out_puts(to, i ? ",{" : "{");
		json_text(to, "verdict", verdict_key(x->verdict));
		out_printf(to, ",\"pid\":%u,\"at\":%u", x->pid, x->at);
		json_frames(r, "walk", x->walk, x->n_walk, to);
		json_frames(r, "oracle", x->oracle, x->n_oracle, to);
		out_puts(to, "}");
	}
	out_puts(to, "]");
}

static void json_causes(const struct oracle_report *r, struct out *to)
{
	const struct agreement *a = &r->agreement;

	out_puts(to, ",\"causes\":[");
	for (size_t i = 0; i < a->causes.n; i++) {
		const struct agreement_cause *c = &a->causes.at[i];

		out_puts(to, i ? ",{" : "{");
		json_text(to, "verdict", verdict_key(c->verdict));
		out_putc(to, ',');
		json_text(to, "reason", report_reason_key(c));
		out_putc(to, ',');
		json_text(to, "file", oracle_report_file(r, c->file));
		out_printf(to, ",\"differs\":%s,\"stacks\":%" PRIu64 "}",
			   verdict_differs(c->verdict) ? "true" : "false", c->stacks);
	}
	out_puts(to, "]");
}

void oracle_report_json(const struct oracle_report *r, struct out *to)
{
	const struct agreement *a = &r->agreement;

	out_printf(to,
		   "{\"stacks\":%" PRIu64 ",\"compared\":%" PRIu64 ",\"same\":%" PRIu64
		   ",\"differ\":%" PRIu64 ",\"oracle_stopped\":%" PRIu64 ",\"walk_stopped\":%" PRIu64
		   ",\"frames\":%" PRIu64 ",\"frames_equal\":%" PRIu64 ",\"share\":%.6f",
		   r->raw, a->stacks, a->stacks_same, a->stacks_differ, a->oracle_short, a->walk_short,
		   a->frames, a->equal, agreement_share(a));
	out_printf(to,
		   ",\"queue_full\":%" PRIu64 ",\"process_gone\":%" PRIu64 ",\"moved\":%" PRIu64 ",\"no_sample\":%" PRIu64
		   ",\"failed\":%" PRIu64 ",\"written\":%" PRIu64 ",\"files\":[",
		   r->lost, r->gone, a->moved, r->no_sample, r->failed, r->written);
	for (size_t i = 0; i < a->files.n; i++) {
		out_puts(to, i ? ",{" : "{");
		json_text(to, "file", oracle_report_file(r, a->files.at[i].file));
		out_printf(to, ",\"frames\":%" PRIu64 ",\"equal\":%" PRIu64 "}", a->files.at[i].frames,
			   a->files.at[i].equal);
	}
	out_puts(to, "]");
	json_causes(r, to);
	json_examples(r, to);
	out_puts(to, "}");
}
