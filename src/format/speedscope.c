/* speedscope.c - speedscope's own JSON (https://www.speedscope.app/file-format-schema.json): a table
 * of frames and "sampled" profiles, one of everything and one for each of the heaviest threads.
 * Write only; speedscope also reads our folded and pprof output.
 *
 * Samples stay in the order of time, so speedscope's time view is true, up to a size; beyond it equal
 * stacks are added up, or the file would not open in a browser. The schema allows further keys:
 * "waggle" holds meta and ledger.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "format/format.h"
#include "profile/sum.h"

enum {
	SPEED_THREADS = 50,     /* profiles beside the one of everything */
	SPEED_TIMED = 100000,   /* samples kept in the order of time */
};

struct speed_task {
	uint32_t task;
	size_t from, n; /* rows of the order by task */
	int64_t weight;
};

struct speed_writer {
	const struct profile *p;
	struct out *to;
	uint32_t value;
	bool timed;
	bool with_task;        /* the thread's name stands below each stack */
	struct intern names;   /* label NUL file; id - 1 = index in shared.frames */
	uint32_t *first;       /* per frame: index of its lines in `lines` */
	VEC(uint32_t) lines;   /* shared.frames index of each line */
	uint32_t *comm_of;     /* per task: shared.frames index of its name */
	uint32_t *order;       /* samples */
	VEC(uint32_t) stack;
	VEC(struct speed_task) tasks;
};

/* The index in shared.frames; the frame is written when it is met first. */
static uint32_t speed_shared(struct speed_writer *w, const char *label, uint32_t file)
{
	const struct profile *p = w->p;
	uint32_t known = w->names.n, id;
	struct buf key = { 0 };

	buf_put(&key, label, strlen(label));
	buf_putc(&key, 0);
	buf_put(&key, profile_text(p, file), intern_len(&p->strings, file));
	id = key.err ? INTERN_NONE : intern_put(&w->names, (const char *)key.data, key.len);
	buf_free(&key);
	if (id == INTERN_NONE || id < known)
		return id == INTERN_NONE ? id : id - 1;
	out_puts(w->to, id > 1 ? ",\n{\"name\":" : "{\"name\":");
	format_json_string(w->to, label, strlen(label));
	if (file) {
		out_puts(w->to, ",\"file\":");
		format_json_string(w->to, profile_text(p, file), intern_len(&p->strings, file));
	}
	out_putc(w->to, '}');
	return id - 1;
}

/* Functions keep apart by where they come from, not by line: a line would split every function. */
static int speed_frame(struct speed_writer *w, uint32_t frame, uint32_t i)
{
	const struct profile_frame *f = &w->p->frames.at[frame];
	uint32_t file = f->n_lines ? w->p->lines.at[f->first_line + i].file : 0, id;
	char scratch[256];

	id = speed_shared(w, profile_line_label(w->p, frame, i, scratch, sizeof(scratch)),
			  file ? file : w->p->objects.at[f->object].path);
	return id == INTERN_NONE || !VEC_PUSH(&w->lines, id) ? -ENOMEM : 0;
}

static int speed_frames(struct speed_writer *w)
{
	int code = 0;

	intern_puts(&w->names, "");
	for (uint32_t f = 0; f < w->p->frames.n && !code; f++) {
		w->first[f] = (uint32_t)w->lines.n;
		for (uint32_t i = 0; f && i < profile_frame_lines(w->p, f) && !code; i++)
			code = speed_frame(w, f, i);
	}
	for (uint32_t t = 0; t < w->p->tasks.n && !code; t++) {
		const char *comm = profile_text(w->p, w->p->tasks.at[t].comm);

		w->comm_of[t] = speed_shared(w, *comm ? comm : "[unknown]", 0);
		code = w->comm_of[t] == INTERN_NONE ? -ENOMEM : 0;
	}
	return code;
}

/* The stack as speedscope wants it: outermost first. */
static void speed_stack(struct speed_writer *w, const struct profile_sample *s)
{
	const char *comma = "";
	uint32_t node = s->stack;

	w->stack.n = 0;
	for (; node; node = w->p->nodes.at[node].parent) {
		uint32_t frame = w->p->nodes.at[node].frame;

		for (uint32_t i = 0; i < profile_frame_lines(w->p, frame); i++)
			if (!VEC_PUSH(&w->stack, w->lines.at[w->first[frame] + i]))
				w->to->err = -ENOMEM;
	}
	if (w->with_task && !VEC_PUSH(&w->stack, w->comm_of[s->task]))
		w->to->err = -ENOMEM;
	out_putc(w->to, '[');
	for (size_t i = w->stack.n; i-- > 0;) {
		out_printf(w->to, "%s%u", comma, w->stack.at[i]);
		comma = ",";
	}
	out_putc(w->to, ']');
}

static int64_t speed_value(const struct speed_writer *w, uint32_t sample)
{
	int64_t v = profile_values(w->p, sample)[w->value];

	return v > 0 ? v : 0; /* a weight cannot be negative */
}

static bool speed_same(const struct speed_writer *w, const struct profile_sample *a,
		       const struct profile_sample *b)
{
	return a->stack == b->stack &&
	       (!w->with_task || w->comm_of[a->task] == w->comm_of[b->task]);
}

/* Where the run of samples with one stack that begins at `from` ends, and its weight. */
static size_t speed_run(const struct speed_writer *w, size_t from, size_t end, int64_t *ret)
{
	const struct profile_sample *first = &w->p->samples.at[w->order[from]];

	for (*ret = 0; from < end && speed_same(w, first, &w->p->samples.at[w->order[from]]); from++)
		*ret = sum_signed(*ret, speed_value(w, w->order[from]));
	return from;
}

static const char *speed_unit(const struct speed_writer *w)
{
	static const char *const units[] = { "bytes", "microseconds", "milliseconds", "nanoseconds",
					     "seconds" };
	const char *unit = profile_text(w->p, w->p->value_types.at[w->value].unit);

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(unit, units[i]))
			return units[i];
	return "none";
}

static void speed_profile(struct speed_writer *w, const char *name, size_t from, size_t end)
{
	int64_t weight, total = 0;
	const char *comma = "";

	out_puts(w->to, "{\"type\":\"sampled\",\"name\":");
	format_json_string(w->to, name, strlen(name));
	out_printf(w->to, ",\"unit\":\"%s\",\"startValue\":0,\"samples\":[", speed_unit(w));
	for (size_t at = from, next; at < end; at = next) {
		next = speed_run(w, at, end, &weight);
		out_puts(w->to, comma);
		speed_stack(w, &w->p->samples.at[w->order[at]]);
		comma = ",";
	}
	out_puts(w->to, "],\n\"weights\":[");
	comma = "";
	for (size_t at = from, next; at < end; at = next) {
		next = speed_run(w, at, end, &weight);
		out_printf(w->to, "%s%" PRId64, comma, weight);
		total = sum_signed(total, weight);
		comma = ",";
	}
	out_printf(w->to, "],\"endValue\":%" PRId64 "}", total);
}

static int speed_order(const void *a, const void *b, void *ctx)
{
	const struct speed_writer *w = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct profile_sample *s = &w->p->samples.at[x], *t = &w->p->samples.at[y];

	if (w->timed && s->time != t->time)
		return s->time < t->time ? -1 : 1;
	if (!w->timed && s->stack != t->stack)
		return s->stack < t->stack ? -1 : 1;
	if (!w->timed && s->task != t->task)
		return s->task < t->task ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int speed_order_tasks(const void *a, const void *b, void *ctx)
{
	const struct speed_writer *w = ctx;
	uint32_t x = w->p->samples.at[*(const uint32_t *)a].task;
	uint32_t y = w->p->samples.at[*(const uint32_t *)b].task;

	return x != y ? (x < y ? -1 : 1) : speed_order(a, b, ctx);
}

static int speed_by_weight(const void *va, const void *vb)
{
	const struct speed_task *a = va, *b = vb;

	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	return a->task < b->task ? -1 : a->task > b->task;
}

static int speed_tasks(struct speed_writer *w)
{
	size_t n = w->p->samples.n, to;

	qsort_r(w->order, n, sizeof(*w->order), speed_order_tasks, w);
	for (size_t from = 0; from < n; from = to) {
		struct speed_task t = { w->p->samples.at[w->order[from]].task, from, 0, 0 };

		for (to = from; to < n && w->p->samples.at[w->order[to]].task == t.task; to++)
			t.weight = sum_signed(t.weight, speed_value(w, w->order[to]));
		t.n = to - from;
		if (!VEC_PUSH(&w->tasks, t))
			return -ENOMEM;
	}
	if (w->tasks.n)
		qsort(w->tasks.at, w->tasks.n, sizeof(*w->tasks.at), speed_by_weight);
	return 0;
}

static void speed_task_name(const struct speed_writer *w, uint32_t task, char *to, size_t size)
{
	const struct profile_task *t = &w->p->tasks.at[task];
	const char *comm = profile_text(w->p, t->comm), *process = profile_text(w->p, t->process);

	if (!t->pid)
		snprintf(to, size, "%s", *comm ? comm : *process ? process : "[unknown]");
	else if (t->pid == t->tid || !*process)
		snprintf(to, size, "%s (%u)", *comm ? comm : process, t->tid ? t->tid : t->pid);
	else
		snprintf(to, size, "%s (%u) / %s (%u)", process, t->pid, comm, t->tid);
}

static int speed_profiles(struct speed_writer *w)
{
	size_t n = w->p->samples.n;
	char name[256];
	int code;

	for (size_t i = 0; i < n; i++)
		w->order[i] = (uint32_t)i;
	qsort_r(w->order, n, sizeof(*w->order), speed_order, w);
	w->with_task = w->p->tasks.n > 1;
	speed_profile(w, "everything", 0, n);
	w->with_task = false;
	code = speed_tasks(w);
	for (size_t i = 0; !code && w->tasks.n > 1 && i < w->tasks.n && i < SPEED_THREADS; i++) {
		const struct speed_task *t = &w->tasks.at[i];

		speed_task_name(w, t->task, name, sizeof(name));
		out_puts(w->to, ",\n");
		speed_profile(w, name, t->from, t->from + t->n);
	}
	return code;
}

static int speed_write_all(struct speed_writer *w, const struct format_opts *o)
{
	struct buf title = { 0 };
	int code;

	format_title(&title, w->p);
	out_puts(w->to, "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"
			"\"exporter\":\"waggle " WAGGLE_VERSION "\",\"name\":");
	if (o->title)
		format_json_string(w->to, o->title, strlen(o->title));
	else
		format_json_string(w->to, (const char *)title.data, title.len);
	code = title.err;
	buf_free(&title);
	out_puts(w->to, ",\"activeProfileIndex\":0,\n\"waggle\":{\"meta\":");
	format_meta_json(w->to, w->p);
	out_puts(w->to, ",\"ledger\":");
	format_ledger_json(w->to, w->p);
	out_puts(w->to, "},\n\"shared\":{\"frames\":[");
	if (!code)
		code = speed_frames(w);
	out_puts(w->to, "]},\n\"profiles\":[");
	if (!code)
		code = speed_profiles(w);
	out_puts(w->to, "]}\n");
	return code;
}

static int speedscope_write(const struct profile *p, const struct format_opts *o, struct out *to,
			    struct err *e)
{
	struct speed_writer w = { .p = p, .to = to, .value = o->tree.value };
	int code = format_adds_up(p, w.value, e);

	if (code)
		return code;
	code = -ENOMEM;
	if (w.value >= p->value_types.n)
		w.value = p->default_value;
	w.timed = p->samples.n <= SPEED_TIMED;
	w.first = calloc(p->frames.n + 1, sizeof(*w.first));
	w.order = calloc(p->samples.n + 1, sizeof(*w.order));
	w.comm_of = calloc(p->tasks.n + 1, sizeof(*w.comm_of));
	if (w.first && w.order && w.comm_of)
		code = speed_write_all(&w, o);
	free(w.first);
	free(w.order);
	free(w.comm_of);
	intern_free(&w.names);
	VEC_FREE(&w.lines);
	VEC_FREE(&w.stack);
	VEC_FREE(&w.tasks);
	return code ? err_set(e, code, "out of memory") : 0;
}

const struct format format_speedscope = {
	.name = "speedscope",
	.exts = { ".speedscope.json", ".speedscope" },
	.help = "opens in https://www.speedscope.app; samples in the order of time, by thread",
	.write = speedscope_write,
};
