/* merge.c - several profiles as one: tables united, samples appended, clocks aligned; see filter.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "profile/filter.h"
#include "profile/remap.h"
#include "profile/sum.h"

/* Where each of dst's values is in src's rows. 0, -EINVAL or -ENOMEM. */
static int merge_match_values(const struct profile *dst, const struct profile *src, uint32_t *from,
			      struct err *e)
{
	bool *used = calloc(src->value_types.n ? src->value_types.n : 1, sizeof(*used));
	size_t n = dst->value_types.n;
	bool same = n == src->value_types.n;

	if (!used)
		return err_set(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n && same; i++) {
		const struct profile_value_type *a = &dst->value_types.at[i];
		uint32_t j;

		for (j = 0; j < n; j++) {
			const struct profile_value_type *b = &src->value_types.at[j];

			if (!used[j] &&
			    !strcmp(profile_text(dst, a->type), profile_text(src, b->type)) &&
			    !strcmp(profile_text(dst, a->unit), profile_text(src, b->unit)))
				break;
		}
		same = j < n;
		if (same) {
			used[j] = true;
			from[i] = j;
		}
	}
	free(used);
	if (same)
		return 0;
	return err_set(
		e, -EINVAL,
		"the profiles measure different things (%s/%s and %s/%s, %zu and %zu values)",
		profile_text(dst, dst->value_types.at[0].type),
		profile_text(dst, dst->value_types.at[0].unit),
		profile_text(src, src->value_types.at[0].type),
		profile_text(src, src->value_types.at[0].unit), n, src->value_types.n);
}

/* Nothing has been said about it yet: the first source's header becomes its own. */
static bool merge_is_blank(const struct profile *p)
{
	return !p->samples.n && !p->meta.start_wall && !p->meta.start_mono && !p->meta.duration &&
	       !p->meta.host && !p->meta.tool && !p->meta.command;
}

/* What both say stays, what only one says is taken, what they disagree on is not known. */
static void merge_fact(uint32_t *a, uint32_t b)
{
	if (*a != b)
		*a = !*a ? b : !b ? *a : 0;
}

static void merge_meta(struct profile_meta *a, const struct profile_meta *b)
{
	bool one_host = a->host == b->host;

	merge_fact(&a->host, b->host);
	merge_fact(&a->kernel, b->kernel);
	merge_fact(&a->arch, b->arch);
	merge_fact(&a->command, b->command);
	merge_fact(&a->tool, b->tool);
	merge_fact(&a->source, b->source);
	merge_fact(&a->event, b->event);
	merge_fact(&a->frequency, b->frequency);
	if (a->period_type.type != b->period_type.type ||
	    a->period_type.unit != b->period_type.unit || a->period != b->period) {
		a->period_type = (struct profile_value_type){0};
		a->period = 0;
	}
	if (!one_host)
		a->n_cpus =
			__builtin_add_overflow(a->n_cpus, b->n_cpus, &a->n_cpus) ? 0 : a->n_cpus;
	else if (b->n_cpus > a->n_cpus)
		a->n_cpus = b->n_cpus;
	if (a->child_status == -1)
		a->child_status = b->child_status;
	else if (b->child_status != -1 && b->child_status != a->child_status)
		a->child_status = -1;
}

static uint64_t merge_later(uint64_t time, uint64_t by)
{
	uint64_t t = sum_unsigned(time, by);

	return time == PROFILE_NO_TIME || t != PROFILE_NO_TIME ? t : PROFILE_NO_TIME - 1;
}

/* How much later src's clock starts than dst's. When it starts earlier, dst is moved to its start.
 */
static uint64_t merge_clocks(struct profile *dst, const struct profile *src)
{
	struct profile_meta *m = &dst->meta;
	uint64_t shift = 0, end, by = 0;

	if (m->start_wall && src->meta.start_wall > m->start_wall) {
		shift = src->meta.start_wall - m->start_wall;
	} else if (src->meta.start_wall && src->meta.start_wall < m->start_wall) {
		by = m->start_wall - src->meta.start_wall;
		for (size_t i = 0; i < dst->samples.n; i++)
			dst->samples.at[i].time = merge_later(dst->samples.at[i].time, by);
		m->start_wall = src->meta.start_wall;
		m->start_mono = src->meta.start_mono;
		m->duration = sum_unsigned(m->duration, by);
	} else if (!m->start_wall) {
		m->start_wall = src->meta.start_wall;
		m->start_mono = src->meta.start_mono;
	}
	end = sum_unsigned(src->meta.duration, shift);
	if (end > m->duration)
		m->duration = end;
	return shift;
}

/* The prefix tree, parents first. */
static int merge_nodes(struct remap *m, uint32_t *nodes)
{
	nodes[0] = 0;
	for (size_t i = 1; i < m->src->nodes.n; i++) {
		uint32_t frame = remap_frame(m, m->src->nodes.at[i].frame);

		if (frame == PROFILE_NONE)
			return -ENOMEM;
		nodes[i] = profile_push(m->dst, nodes[m->src->nodes.at[i].parent], frame);
		if (nodes[i] == PROFILE_NONE)
			return -ENOMEM;
	}
	return 0;
}

static int merge_samples(struct remap *m, const uint32_t *nodes, const uint32_t *from,
			 uint64_t shift)
{
	size_t n = m->dst->value_types.n;
	int64_t *values = calloc(n ? n : 1, sizeof(*values));
	int err = values ? 0 : -ENOMEM;

	for (size_t i = 0; i < m->src->samples.n && !err; i++) {
		struct profile_sample s = m->src->samples.at[i];

		s.stack = nodes[s.stack];
		s.task = remap_task(m, s.task);
		s.labels = remap_labels(m, s.labels);
		s.time = merge_later(s.time, shift);
		for (size_t j = 0; j < n; j++)
			values[j] = profile_values(m->src, i)[from[j]];
		err = profile_sample(m->dst, &s, values);
	}
	free(values);
	return err;
}

/* Rows that no stack refers to still say what was met. */
static int merge_tables(struct remap *m)
{
	for (size_t i = 1; i < m->src->objects.n; i++)
		remap_object(m, (uint32_t)i);
	for (size_t i = 1; i < m->src->tasks.n; i++)
		remap_task(m, (uint32_t)i);
	return m->dst->oom ? -ENOMEM : 0;
}

static int merge_all(struct remap *m, uint32_t *nodes, const uint32_t *from)
{
	bool blank = merge_is_blank(m->dst);
	struct profile_meta meta = remap_meta(m);
	uint64_t shift = 0;
	int err = merge_tables(m);

	if (!err)
		err = merge_nodes(m, nodes);
	if (err)
		return err;
	if (blank) {
		m->dst->meta = meta;
		for (uint32_t i = 0; i < m->dst->value_types.n; i++)
			if (from[i] == m->src->default_value)
				m->dst->default_value = i;
	} else {
		merge_meta(&m->dst->meta, &meta);
		shift = merge_clocks(m->dst, m->src);
	}
	err = merge_samples(m, nodes, from, shift);
	if (!err)
		err = remap_ledger(m);
	/* Distinct frames do not add up: some are in both. */
	return err ? err : profile_count_unnamed(m->dst);
}

int profile_merge(struct profile *dst, const struct profile *src, struct err *e)
{
	uint32_t *from = calloc(dst->value_types.n ? dst->value_types.n : 1, sizeof(*from));
	uint32_t *nodes = calloc(src->nodes.n, sizeof(*nodes));
	struct remap m = {0};
	int err = -ENOMEM;

	if (dst == src) {
		err = err_set(e, -EINVAL, "a profile cannot be merged into itself");
	} else if (from && nodes) {
		err = merge_match_values(dst, src, from, e);
		if (!err)
			err = remap_init(&m, dst, src);
		if (!err)
			err = merge_all(&m, nodes, from);
	}
	if (err == -ENOMEM)
		err_set(e, -ENOMEM, "out of memory while merging profiles");
	remap_free(&m);
	free(nodes);
	free(from);
	return err;
}
