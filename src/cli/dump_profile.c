/* dump_profile.c - every table of a profile, a row a line, ids first; see dump_profile.h. */
#include "cli/dump_profile.h"

#include <inttypes.h>

#include "base/buf.h"
#include "format/format.h"

static const char *const dump_objects[OBJECT_KIND_MAX] = {
	"none", "file", "vdso", "kernel", "module", "bpf", "jit", "other",
};

static void dump_meta(FILE *to, const struct profile *p)
{
	const struct profile_meta *m = &p->meta;

	fprintf(to, "tool       %s\nhost       %s\nkernel     %s %s\ncommand    %s\n",
		profile_text(p, m->tool), profile_text(p, m->host), profile_text(p, m->kernel),
		profile_text(p, m->arch), profile_text(p, m->command));
	fprintf(to, "source     %s, event %s, %u Hz, period %" PRIu64 " %s %s\n",
		profile_text(p, m->source), profile_text(p, m->event), m->frequency, m->period,
		profile_text(p, m->period_type.type), profile_text(p, m->period_type.unit));
	fprintf(to, "time       start %" PRIu64 " ns since 1970, duration %" PRIu64 " ns, %u cpus\n",
		m->start_wall, m->duration, m->n_cpus);
	for (size_t i = 0; i < p->value_types.n; i++)
		fprintf(to, "value      %zu %s %s%s\n", i,
			profile_text(p, p->value_types.at[i].type),
			profile_text(p, p->value_types.at[i].unit),
			i == p->default_value ? " (default)" : "");
}

static void dump_object_rows(FILE *to, const struct profile *p)
{
	fprintf(to, "\nobjects %zu\n", p->objects.n);
	for (size_t i = 1; i < p->objects.n; i++) {
		const struct profile_object *o = &p->objects.at[i];

		fprintf(to, "%6zu %-6s %s build-id=%s pid=%u\n", i,
			o->kind < OBJECT_KIND_MAX ? dump_objects[o->kind] : "?",
			profile_text(p, o->path), profile_text(p, o->build_id), o->pid);
	}
}

static void dump_frame_rows(FILE *to, const struct profile *p)
{
	char scratch[512];

	fprintf(to, "\nframes %zu\n", p->frames.n);
	for (uint32_t i = 1; i < p->frames.n; i++) {
		const struct profile_frame *f = &p->frames.at[i];

		fprintf(to, "%6u %-7s object=%u+0x%" PRIx64, i,
			profile_kind_name((enum frame_kind)f->kind), f->object, f->offset);
		for (uint32_t k = 0; k < profile_frame_lines(p, i); k++) {
			const struct profile_line *l =
				k < f->n_lines ? &p->lines.at[f->first_line + k] : NULL;

			fprintf(to, "%s %s", k ? " <-" : "",
				profile_line_label(p, i, k, scratch, sizeof(scratch)));
			if (l && l->file)
				fprintf(to, " (%s:%u)", profile_text(p, l->file), l->line);
		}
		if (!f->n_lines)
			fprintf(to, " unnamed: %s", ledger_unnamed_key(f->unnamed));
		fputc('\n', to);
	}
}

static void dump_stack_rows(FILE *to, const struct profile *p)
{
	fprintf(to, "\nnodes %zu (id parent frame)\n", p->nodes.n);
	for (size_t i = 1; i < p->nodes.n; i++)
		fprintf(to, "%6zu %6u %6u\n", i, p->nodes.at[i].parent, p->nodes.at[i].frame);
}

static void dump_task_rows(FILE *to, const struct profile *p)
{
	fprintf(to, "\ntasks %zu\n", p->tasks.n);
	for (size_t i = 1; i < p->tasks.n; i++)
		fprintf(to, "%6zu pid=%u tid=%u %s (%s)\n", i, p->tasks.at[i].pid,
			p->tasks.at[i].tid, profile_text(p, p->tasks.at[i].comm),
			profile_text(p, p->tasks.at[i].process));
}

static void dump_sample_rows(FILE *to, const struct profile *p)
{
	fprintf(to, "\nsamples %zu (ns since start, cpu, task, stack, values)\n", p->samples.n);
	for (size_t i = 0; i < p->samples.n; i++) {
		const struct profile_sample *s = &p->samples.at[i];

		if (s->time == PROFILE_NO_TIME)
			fprintf(to, "%12s", "-");
		else
			fprintf(to, "%12" PRIu64, s->time);
		fprintf(to, " %3u %6u %6u", s->cpu, s->task, s->stack);
		for (size_t v = 0; v < p->value_types.n; v++)
			fprintf(to, " %" PRId64, profile_values(p, i)[v]);
		if (s->labels)
			fprintf(to, " labels=%u", s->labels);
		fputc('\n', to);
	}
}

static void dump_ledger(FILE *to, const struct profile *p)
{
	const struct ledger *l = &p->ledger;

	fputs("\nledger\n", to);
	for (size_t i = 0; i < LEDGER_MAX; i++)
		if (l->n[i])
			fprintf(to, "%20" PRIu64 " %s\n", l->n[i], ledger_rows()[i].key);
	for (size_t i = 0; i < l->cuts.n; i++)
		fprintf(to, "%20" PRIu64 " cut %s object=%u\n", l->cuts.at[i].count,
			ledger_end_key(l->cuts.at[i].reason), l->cuts.at[i].object);
	for (size_t i = 0; i < l->unnamed.n; i++)
		fprintf(to, "%20" PRIu64 " unnamed %s object=%u\n", l->unnamed.at[i].count,
			ledger_unnamed_key(l->unnamed.at[i].reason), l->unnamed.at[i].object);
}

void dump_profile(FILE *to, const struct profile *p)
{
	dump_meta(to, p);
	dump_object_rows(to, p);
	dump_frame_rows(to, p);
	dump_stack_rows(to, p);
	dump_task_rows(to, p);
	dump_sample_rows(to, p);
	dump_ledger(to, p);
}
