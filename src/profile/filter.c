/* filter.c - a part of a profile as a profile of its own; see filter.h.
 *
 * Everything that can be decided once is: names per task, regexes per frame, stacks per node of the
 * prefix tree (a parent's id is always smaller, so one pass from low to high ids sees parents
 * first). A sample then costs a few array reads.
 */
#include "profile/filter.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "profile/recount.h"
#include "profile/remap.h"
#include "profile/sum.h"

enum frame_fact { /* what is known of a frame, one bit each */
		  FACT_KNOWN = 1,
		  FACT_KEEP = 2,
		  FACT_DROP = 4,
		  FACT_FOCUS = 8,
		  FACT_STRIP = 16,
};

enum whole_fact { WHOLE_UNKNOWN, WHOLE_STAYS, WHOLE_DROPPED };

_Static_assert(WAIT_CLASS_MAX < 32, "classes fit into a filter's bits");

struct filter_run {
	const struct profile *src;
	const struct profile_filter *f;
	struct remap map;
	bool *tasks;      /* per task: passes */
	bool *used;       /* per node: a sample that passes so far stands on it */
	uint8_t *frames;  /* per frame: enum frame_fact */
	uint8_t *nodes;   /* per node: facts of it and all its callers */
	uint8_t *whole;   /* per node: enum whole_fact, what drop_stacks says of the stack */
	VEC(uint32_t) path; /* scratch: a stack's nodes, leaf first */
	struct buf text;  /* scratch: its labels */
	uint32_t *stacks; /* per node: the stack that remains */
	uint64_t *kept;   /* per node: samples of the part, NULL when nobody counts stacks */
	uint32_t counted; /* value that counts samples, PROFILE_NONE: every row is one */
	uint64_t least;   /* what a row without any of that value counts for */
};

static bool filter_has(const uint32_t *set, size_t n, uint32_t value)
{
	if (!set)
		return true;
	for (size_t i = 0; i < n; i++)
		if (set[i] == value)
			return true;
	return false;
}

static bool filter_matches(const struct profile *p, const struct regex *r, uint32_t string)
{
	return regex_match(r, profile_text(p, string), intern_len(&p->strings, string));
}

static bool filter_task(const struct filter_run *run, uint32_t task)
{
	const struct profile_filter *f = run->f;
	const struct profile_task *t = &run->src->tasks.at[task];

	return filter_has(f->pids, f->n_pids, t->pid) && filter_has(f->tids, f->n_tids, t->tid) &&
	       (!f->comm || filter_matches(run->src, f->comm, t->comm) ||
		filter_matches(run->src, f->comm, t->process));
}

static bool filter_time(const struct profile_filter *f, uint64_t time)
{
	if (!f->from && !f->to)
		return true;
	return time != PROFILE_NO_TIME && time >= f->from && (!f->to || time < f->to);
}

static bool filter_class(const struct filter_run *run, uint32_t labels)
{
	uint32_t classes = run->f->classes;

	return !classes || classes >> waits_of_labels(run->src, labels, NULL, NULL) & 1;
}

/* By everything but the stack. */
static bool filter_sample(const struct filter_run *run, const struct profile_sample *s)
{
	return run->tasks[s->task] && filter_has(run->f->cpus, run->f->n_cpus, s->cpu) &&
	       filter_time(run->f, s->time) && filter_class(run, s->labels);
}

static bool filter_hides(const struct profile_filter *f, unsigned kind)
{
	return f->hidden >> kind & 1;
}

static bool filter_strips(const struct profile_filter *f, const struct profile_frame *frame)
{
	enum frame_kind kind = (enum frame_kind)frame->kind;

	if (filter_hides(f, kind) && (frame->n_lines < 2 || filter_hides(f, FRAME_INLINED)))
		return true;
	if (kind == FRAME_KERNEL)
		return f->no_kernel;
	return f->no_user && kind != FRAME_OFFCPU;
}

static uint8_t filter_frame(struct filter_run *run, uint32_t frame)
{
	const struct profile *p = run->src;
	const struct profile_frame *f = &p->frames.at[frame];
	uint8_t facts = run->frames[frame];
	char scratch[4352];

	if (facts)
		return facts;
	facts = FACT_KNOWN;
	for (uint32_t i = 0; i < profile_frame_lines(p, frame); i++) {
		const char *label = profile_line_label(p, frame, i, scratch, sizeof(scratch));
		size_t len = strlen(label);

		if (run->f->keep && regex_match(run->f->keep, label, len))
			facts |= FACT_KEEP;
		if (run->f->drop && regex_match(run->f->drop, label, len))
			facts |= FACT_DROP;
		if (run->f->focus && regex_match(run->f->focus, label, len))
			facts |= FACT_FOCUS;
	}
	if (filter_strips(run->f, f))
		facts |= FACT_STRIP;
	run->frames[frame] = facts;
	return facts;
}

static bool filter_stack(const struct filter_run *run, uint32_t node)
{
	uint8_t facts = run->nodes[node];

	return (!run->f->keep || facts & FACT_KEEP) && !(facts & FACT_DROP) &&
	       run->whole[node] != WHOLE_DROPPED && (!run->f->focus || facts & FACT_FOCUS);
}

static void filter_put_labels(struct filter_run *run, uint32_t frame)
{
	char scratch[4352];

	for (uint32_t i = profile_frame_lines(run->src, frame); i-- > 0;) {
		if (run->text.len)
			buf_putc(&run->text, ';');
		buf_puts(&run->text,
			 profile_line_label(run->src, frame, i, scratch, sizeof(scratch)));
	}
}

/* What drop_stacks says of a stack; asked once for each. */
static int filter_whole(struct filter_run *run, uint32_t node)
{
	const struct profile *p = run->src;

	if (!run->f->drop_stacks || run->whole[node] != WHOLE_UNKNOWN)
		return 0;
	run->path.n = 0;
	buf_reset(&run->text);
	for (uint32_t n = node; n; n = p->nodes.at[n].parent)
		if (!VEC_PUSH(&run->path, n))
			return -ENOMEM;
	for (size_t i = run->path.n; i-- > 0;) {
		uint32_t frame = p->nodes.at[run->path.at[i]].frame;

		if (p->frames.at[frame].kind == FRAME_OFFCPU)
			break;
		filter_put_labels(run, frame);
	}
	if (run->text.err)
		return run->text.err;
	run->whole[node] = regex_match(run->f->drop_stacks, (const char *)run->text.data,
				       run->text.len)
				   ? WHOLE_DROPPED
				   : WHOLE_STAYS;
	return 0;
}

static bool filter_init(struct filter_run *run)
{
	const struct profile *p = run->src;
	const uint32_t counts[] = {intern_find(&p->strings, "samples", 7),
				   intern_find(&p->strings, WAITS_TYPE_COUNT,
					       sizeof(WAITS_TYPE_COUNT) - 1)};

	run->tasks = calloc(p->tasks.n, sizeof(*run->tasks));
	run->used = calloc(p->nodes.n, sizeof(*run->used));
	run->frames = calloc(p->frames.n, sizeof(*run->frames));
	run->nodes = calloc(p->nodes.n, sizeof(*run->nodes));
	run->whole = calloc(p->nodes.n, sizeof(*run->whole));
	run->stacks = calloc(p->nodes.n, sizeof(*run->stacks));
	if (recount_applies(&p->ledger)) {
		run->kept = calloc(p->nodes.n, sizeof(*run->kept));
		if (!run->kept)
			return false;
	}
	if (!run->tasks || !run->used || !run->frames || !run->nodes || !run->whole ||
	    !run->stacks)
		return false;
	for (uint32_t i = 0; i < p->tasks.n; i++)
		run->tasks[i] = filter_task(run, i);
	run->counted = PROFILE_NONE;
	for (size_t c = 0; c < 2; c++)
		for (uint32_t i = 0; i < p->value_types.n && run->counted == PROFILE_NONE; i++)
			if (p->value_types.at[i].type == counts[c]) {
				run->counted = i;
				run->least = c; /* what ran is a sample among waits, but no wait */
			}
	return true;
}

static void filter_free(struct filter_run *run)
{
	remap_free(&run->map);
	free(run->tasks);
	free(run->used);
	free(run->frames);
	free(run->nodes);
	free(run->whole);
	VEC_FREE(&run->path);
	buf_free(&run->text);
	free(run->stacks);
	free(run->kept);
}

/* Which stacks may remain: facts run from the root to the leaves. */
static int filter_judge(struct filter_run *run)
{
	const struct profile *p = run->src;
	int err = 0;

	for (size_t i = 0; i < p->samples.n; i++)
		if (filter_sample(run, &p->samples.at[i]))
			run->used[p->samples.at[i].stack] = true;
	for (size_t i = p->nodes.n; i-- > 1;)
		if (run->used[i])
			run->used[p->nodes.at[i].parent] = true;
	for (size_t i = 1; i < p->nodes.n; i++)
		if (run->used[i])
			run->nodes[i] = run->nodes[p->nodes.at[i].parent] |
					filter_frame(run, p->nodes.at[i].frame);
	for (size_t i = 0; i < p->samples.n && !err; i++)
		if (filter_sample(run, &p->samples.at[i]))
			err = filter_whole(run, p->samples.at[i].stack);
	return err;
}

/* Now the other way: only what leads to a stack that remains is carried over. */
static int filter_nodes(struct filter_run *run)
{
	const struct profile *p = run->src;

	memset(run->used, 0, p->nodes.n * sizeof(*run->used));
	for (size_t i = 0; i < p->samples.n; i++)
		if (filter_sample(run, &p->samples.at[i]) &&
		    filter_stack(run, p->samples.at[i].stack))
			run->used[p->samples.at[i].stack] = true;
	for (size_t i = p->nodes.n; i-- > 1;)
		if (run->used[i])
			run->used[p->nodes.at[i].parent] = true;
	for (size_t i = 1; i < p->nodes.n; i++) {
		const struct profile_node *n = &p->nodes.at[i];
		bool outside = run->f->focus && !(run->nodes[i] & FACT_FOCUS);
		uint32_t frame;

		run->stacks[i] = run->stacks[n->parent];
		if (!run->used[i] || outside || run->frames[n->frame] & FACT_STRIP)
			continue;
		frame = remap_frame(&run->map, n->frame);
		if (frame == PROFILE_NONE)
			return -ENOMEM;
		run->stacks[i] = profile_push(run->map.dst, run->stacks[i], frame);
		if (run->stacks[i] == PROFILE_NONE)
			return -ENOMEM;
	}
	return 0;
}

static int filter_samples(struct filter_run *run)
{
	const struct profile *p = run->src;
	uint64_t *n = run->map.dst->ledger.n, gone = 0;
	int err = 0;

	for (size_t i = 0; i < p->samples.n && !err; i++) {
		struct profile_sample s = p->samples.at[i];
		const int64_t *values = profile_values(p, i);
		int64_t value = run->counted == PROFILE_NONE ? 1 : values[run->counted];
		uint64_t count = value > 0 ? (uint64_t)value : run->least;

		if (!filter_sample(run, &s) || !filter_stack(run, s.stack)) {
			gone = sum_unsigned(gone, count);
			continue;
		}
		if (run->kept)
			run->kept[s.stack] = sum_unsigned(run->kept[s.stack], count);
		s.stack = run->stacks[s.stack];
		s.task = remap_task(&run->map, s.task);
		s.labels = remap_labels(&run->map, s.labels);
		if (s.time != PROFILE_NO_TIME)
			s.time -= run->f->from;
		err = profile_sample(run->map.dst, &s, values);
	}
	n[LEDGER_FILTERED] = sum_unsigned(n[LEDGER_FILTERED], gone);
	n[LEDGER_TAKEN] -= gone < n[LEDGER_TAKEN] ? gone : n[LEDGER_TAKEN];
	return err;
}

/* Frames that remain lose those of their lines that are hidden. */
static void filter_lines(const struct filter_run *run)
{
	struct profile *dst = run->map.dst;

	for (size_t i = 1; i < dst->frames.n && run->f->hidden; i++) {
		struct profile_frame *f = &dst->frames.at[i];
		uint16_t inlined = f->n_lines ? (uint16_t)(f->n_lines - 1) : 0;

		if (filter_hides(run->f, FRAME_INLINED)) {
			f->first_line += inlined;
			f->n_lines -= inlined;
		} else if (filter_hides(run->f, f->kind)) {
			f->n_lines = inlined;
		}
	}
}

/* The window's own start and length. */
static void filter_window(struct profile_meta *m, const struct profile_filter *f)
{
	if (f->to && (f->to < m->duration || !m->duration))
		m->duration = f->to;
	m->duration -= f->from < m->duration ? f->from : m->duration;
	if (m->start_wall)
		m->start_wall = sum_unsigned(m->start_wall, f->from);
	if (m->start_mono)
		m->start_mono = sum_unsigned(m->start_mono, f->from);
}

static struct profile *filter_result(const struct profile *src)
{
	struct profile *dst = NULL;

	for (size_t i = 0; i < src->value_types.n; i++) {
		const char *type = profile_text(src, src->value_types.at[i].type);
		const char *unit = profile_text(src, src->value_types.at[i].unit);

		if (!dst) {
			dst = profile_new(type, unit);
			if (!dst)
				return NULL;
		} else {
			profile_value_type(dst, type, unit);
		}
	}
	if (dst)
		dst->default_value = src->default_value;
	return dst;
}

static int filter_all(struct filter_run *run, struct profile *dst)
{
	const struct recount_opts left = {run->f->no_user,
					  run->f->no_kernel || filter_hides(run->f, FRAME_KERNEL)};
	int err = remap_init(&run->map, dst, run->src);

	if (err || !filter_init(run))
		return -ENOMEM;
	dst->meta = remap_meta(&run->map);
	filter_window(&dst->meta, run->f);
	err = remap_ledger(&run->map);
	if (err)
		return err;
	err = filter_judge(run);
	if (!err)
		err = filter_nodes(run);
	if (!err)
		err = filter_samples(run);
	filter_lines(run);
	if (!err && run->kept)
		err = recount_stacks(&run->map, run->kept, &left);
	return dst->oom ? -ENOMEM : err;
}

int profile_filter(const struct profile *src, const struct profile_filter *f, struct profile **ret,
		   struct err *e)
{
	struct filter_run run = {.src = src, .f = f};
	struct profile *dst = filter_result(src);
	int err = dst ? filter_all(&run, dst) : -ENOMEM;

	filter_free(&run);
	*ret = NULL;
	if (err) {
		profile_free(dst);
		return err_set(e, err, "out of memory while filtering the profile");
	}
	*ret = dst;
	return 0;
}
