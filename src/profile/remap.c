/* remap.c - rows of one profile as rows of another; see remap.h. */
#include "profile/remap.h"

#include <errno.h>
#include <string.h>

#include "profile/codes.h"
#include "profile/index.h"
#include "profile/sum.h"

/* Makes the map longer; what is added is not known yet, but that 0 is 0. */
static bool remap_table(uint32_t **table, size_t *have, size_t need)
{
	size_t want = *have;
	uint32_t *t;

	if (*table && need <= *have)
		return true;
	want = want ? want + want / 2 : 0; /* sources that grow ask again and again */
	if (want < need)
		want = need;
	if (!want)
		want = 1;
	t = realloc(*table, want * sizeof(*t));
	if (!t)
		return false;
	memset(t + *have, 0xff, (want - *have) * sizeof(*t)); /* PROFILE_NONE */
	t[0] = 0;
	*table = t;
	*have = want;
	return true;
}

struct profile *remap_profile(const struct profile *src)
{
	struct profile *dst = NULL;

	for (size_t i = 0; i < src->value_types.n; i++) {
		const char *type = profile_text(src, src->value_types.at[i].type);
		const char *unit = profile_text(src, src->value_types.at[i].unit);

		if (dst)
			profile_value_type(dst, type, unit);
		else
			dst = profile_new(type, unit);
		if (!dst)
			return NULL;
	}
	if (dst)
		dst->default_value = src->default_value;
	return dst;
}

int remap_grow(struct remap *m)
{
	const struct profile *p = m->src;

	return remap_table(&m->strings, &m->n_strings, p->strings.n) &&
			       remap_table(&m->objects, &m->n_objects, p->objects.n) &&
			       remap_table(&m->frames, &m->n_frames, p->frames.n) &&
			       remap_table(&m->tasks, &m->n_tasks, p->tasks.n) &&
			       remap_table(&m->labels, &m->n_labels, p->label_sets.n)
		       ? 0
		       : -ENOMEM;
}

int remap_init(struct remap *m, struct profile *dst, const struct profile *src)
{
	*m = (struct remap){.dst = dst, .src = src};
	return remap_grow(m);
}

static void remap_forget_table(uint32_t *table, size_t n)
{
	memset(table, 0xff, n * sizeof(*table));
	table[0] = 0;
}

void remap_forget(struct remap *m, struct profile *dst)
{
	m->dst = dst;
	remap_forget_table(m->strings, m->n_strings);
	remap_forget_table(m->objects, m->n_objects);
	remap_forget_table(m->frames, m->n_frames);
	remap_forget_table(m->tasks, m->n_tasks);
	remap_forget_table(m->labels, m->n_labels);
}

size_t remap_bytes(const struct remap *m)
{
	return (m->n_strings + m->n_objects + m->n_frames + m->n_tasks + m->n_labels) *
	       sizeof(uint32_t);
}

void remap_free(struct remap *m)
{
	free(m->strings);
	free(m->objects);
	free(m->frames);
	free(m->tasks);
	free(m->labels);
}

uint32_t remap_string(struct remap *m, uint32_t id)
{
	if (id >= m->src->strings.n)
		return 0;
	if (m->strings[id] == PROFILE_NONE)
		m->strings[id] = profile_strn(m->dst, profile_text(m->src, id),
					      intern_len(&m->src->strings, id));
	return m->strings[id];
}

uint32_t remap_object(struct remap *m, uint32_t id)
{
	struct profile_object o;

	if (id >= m->src->objects.n)
		return 0;
	if (m->objects[id] != PROFILE_NONE)
		return m->objects[id];
	o = m->src->objects.at[id];
	o.path = remap_string(m, o.path);
	o.build_id = remap_string(m, o.build_id);
	m->objects[id] = profile_object(m->dst, &o);
	return m->objects[id];
}

static struct profile_line *remap_lines(struct remap *m, const struct profile_frame *f)
{
	struct profile_line *lines = malloc(f->n_lines * sizeof(*lines));

	if (!lines) {
		m->dst->oom = true;
		return NULL;
	}
	for (uint16_t i = 0; i < f->n_lines; i++) {
		struct profile_line l = m->src->lines.at[f->first_line + i];

		lines[i] = (struct profile_line){
			.function = remap_string(m, l.function),
			.file = remap_string(m, l.file),
			.line = l.line,
			.system = remap_string(m, l.system),
		};
	}
	return lines;
}

/* A frame with names. Where a build id says that it is the same code, an address that one profile
 * could name and the other could not is one frame; everywhere else an equal path proves nothing. */
static uint32_t remap_named(struct remap *m, const struct profile_frame *f, uint32_t object)
{
	struct profile_line *lines = remap_lines(m, f);
	enum frame_kind kind = (enum frame_kind)f->kind;
	bool same_code = object && m->dst->objects.at[object].build_id;
	uint32_t id;

	if (!lines)
		return PROFILE_NONE;
	same_code = same_code && (kind == FRAME_USER || kind == FRAME_KERNEL);
	if (same_code)
		id = profile_frame_at(m->dst, object, f->offset, kind);
	else
		id = profile_frame_find(m->dst, object, f->offset, kind);
	if (id != PROFILE_NONE && same_code && !m->dst->frames.at[id].n_lines)
		profile_frame_set_lines(m->dst, id, lines, f->n_lines);
	else if (id != PROFILE_NONE && !profile_frame_has_lines(m->dst, id, lines, f->n_lines))
		id = PROFILE_NONE;
	if (id == PROFILE_NONE && !m->dst->oom)
		id = profile_frame_named(m->dst, object, f->offset, kind, lines, f->n_lines);
	free(lines);
	return id;
}

uint32_t remap_frame(struct remap *m, uint32_t id)
{
	const struct profile_frame *f = &m->src->frames.at[id];
	uint32_t object, to;

	if (m->frames[id] != PROFILE_NONE)
		return m->frames[id];
	object = remap_object(m, f->object);
	if (object == PROFILE_NONE)
		return PROFILE_NONE;
	if (f->n_lines) {
		to = remap_named(m, f, object);
	} else {
		to = profile_frame_at(m->dst, object, f->offset, (enum frame_kind)f->kind);
		if (to != PROFILE_NONE && m->dst->frames.at[to].unnamed == UNNAMED_NOT_TRIED)
			profile_frame_set_unnamed(m->dst, to, (enum unnamed_reason)f->unnamed);
	}
	m->frames[id] = to;
	return to;
}

void remap_names(struct remap *m, uint32_t id)
{
	const struct profile_frame *f = &m->src->frames.at[id];
	struct profile_line *lines;

	if (!f->n_lines) {
		profile_frame_set_unnamed(m->dst, m->frames[id], (enum unnamed_reason)f->unnamed);
		return;
	}
	lines = remap_lines(m, f);
	if (lines && !m->dst->oom)
		profile_frame_set_lines(m->dst, m->frames[id], lines, f->n_lines);
	free(lines);
}

uint32_t remap_task(struct remap *m, uint32_t id)
{
	const struct profile_task *t = &m->src->tasks.at[id];

	if (m->tasks[id] == PROFILE_NONE)
		m->tasks[id] = profile_task(m->dst, t->pid, t->tid, profile_text(m->src, t->comm),
					    profile_text(m->src, t->process));
	return m->tasks[id];
}

uint32_t remap_labels(struct remap *m, uint32_t id)
{
	const struct profile_label_set *set = &m->src->label_sets.at[id];
	struct profile_label *labels;

	if (m->labels[id] != PROFILE_NONE)
		return m->labels[id];
	labels = malloc(set->n * sizeof(*labels));
	if (!labels) {
		m->dst->oom = true;
		return PROFILE_NONE;
	}
	for (uint32_t i = 0; i < set->n; i++) {
		labels[i] = m->src->labels.at[set->first + i];
		labels[i].key = remap_string(m, labels[i].key);
		labels[i].text = remap_string(m, labels[i].text);
		labels[i].unit = remap_string(m, labels[i].unit);
	}
	m->labels[id] = profile_labels(m->dst, labels, set->n);
	free(labels);
	return m->labels[id];
}

int remap_code(struct remap *m, uint32_t row, uint32_t object, uint64_t by)
{
	struct profile_code c = m->src->codes.at[row];
	VEC(struct profile_code_line) lines = { 0 };
	int err = 0;

	if (!VEC_RESERVE(&lines, c.n_lines ? c.n_lines : 1))
		return -ENOMEM;
	for (uint32_t i = 0; i < c.n_lines; i++) {
		lines.at[i] = m->src->code_lines.at[c.first_line + i];
		lines.at[i].file = remap_string(m, lines.at[i].file);
	}
	c.object = object;
	c.function = remap_string(m, c.function);
	c.from -= by < c.from ? by : c.from;
	if (!m->dst->oom)
		profile_code(m->dst, &c, lines.at, c.n_lines, NULL);
	err = m->dst->oom ? -ENOMEM : 0;
	VEC_FREE(&lines);
	return err;
}

int remap_ledger(struct remap *m)
{
	const struct ledger *from = &m->src->ledger;
	struct ledger *to = &m->dst->ledger;
	int err = 0;

	for (int i = 0; i < LEDGER_MAX; i++)
		to->n[i] = sum_unsigned(to->n[i], from->n[i]);
	for (size_t i = 0; i < from->cuts.n && !err; i++)
		err = ledger_cut(to, from->cuts.at[i].reason,
				 remap_object(m, from->cuts.at[i].object), from->cuts.at[i].count);
	for (size_t i = 0; i < from->unnamed.n && !err; i++)
		err = ledger_unnamed(to, from->unnamed.at[i].reason,
				     remap_object(m, from->unnamed.at[i].object),
				     from->unnamed.at[i].count);
	return m->dst->oom ? -ENOMEM : err;
}

struct profile_meta remap_meta(struct remap *m)
{
	struct profile_meta meta = m->src->meta;
	uint32_t *const strings[] = {&meta.host,
				     &meta.kernel,
				     &meta.arch,
				     &meta.command,
				     &meta.tool,
				     &meta.source,
				     &meta.event,
				     &meta.period_type.type,
				     &meta.period_type.unit};

	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		*strings[i] = remap_string(m, *strings[i]);
	return meta;
}
