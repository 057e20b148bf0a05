/* truth_text.h - samples as sorted lines of text, from a truth and from a profile, to compare the
 * two whatever their order and their ids.
 */
#ifndef WAGGLE_TEST_TRUTH_TEXT_H
#define WAGGLE_TEST_TRUTH_TEXT_H

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "truth.h"

struct truth_text {
	char **at;
	size_t n, cap;
};

static inline void text_add(struct truth_text *t, struct buf *b)
{
	size_t len;

	buf_putc(b, 0);
	assert_int_equal(b->err, 0);
	assert_true(vec_grow((void **)&t->at, &t->cap, t->n + 1, sizeof(*t->at)));
	t->at[t->n++] = (char *)buf_take(b, &len);
}

static inline int text_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void text_free(struct truth_text *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->at[i]);
	free(t->at);
}

/* Both are consumed. */
static inline void text_assert_equal(struct truth_text *a, struct truth_text *b)
{
	assert_int_equal(a->n, b->n);
	if (a->n) {
		qsort(a->at, a->n, sizeof(*a->at), text_order);
		qsort(b->at, b->n, sizeof(*b->at), text_order);
	}
	for (size_t i = 0; i < a->n; i++)
		assert_string_equal(a->at[i], b->at[i]);
	text_free(a);
	text_free(b);
}

static inline void text_put_truth(struct truth_text *to, const struct truth_sample *s,
				  uint64_t later)
{
	const struct truth_task *k = &truth_tasks[s->task];
	struct buf b = {0};

	buf_printf(&b, "%" PRIu64 " %u/%u/%s/%s cpu%u %" PRId64 ",%" PRId64 " r%u",
		   s->time == PROFILE_NO_TIME ? s->time : s->time + later, k->pid, k->tid, k->comm,
		   k->process, s->cpu, s->values[0], s->values[1], s->label);
	for (int i = 0; i < s->depth; i++)
		for (int l = truth_n_lines(s->frames[i]); l-- > 0;)
			buf_printf(&b, ";%s<%d>%s", truth_label(s->frames[i], l),
				   truth_kind(s->frames[i], l), truth_path(s->frames[i]));
	text_add(to, &b);
}

static inline void text_put_stack(struct buf *b, const struct profile *p, uint32_t node)
{
	uint32_t path[4096], n = 0;
	char scratch[256];

	for (; node; node = p->nodes.at[node].parent)
		path[n++] = p->nodes.at[node].frame;
	while (n-- > 0)
		for (uint32_t l = profile_frame_lines(p, path[n]); l-- > 0;)
			buf_printf(
				b, ";%s<%d>%s",
				profile_line_label(p, path[n], l, scratch, sizeof(scratch)),
				(int)profile_line_kind(p, path[n], l),
				profile_text(p, p->objects.at[p->frames.at[path[n]].object].path));
}

static inline void text_put_profile(struct truth_text *to, const struct profile *p)
{
	for (size_t i = 0; i < p->samples.n; i++) {
		const struct profile_sample *s = &p->samples.at[i];
		const struct profile_task *k = &p->tasks.at[s->task];
		struct buf b = {0};
		int64_t request = 0;

		for (uint32_t l = 0; l < p->label_sets.at[s->labels].n; l++) {
			uint32_t at = p->label_sets.at[s->labels].first + l;

			if (!strcmp(profile_text(p, p->labels.at[at].key), "request"))
				request = p->labels.at[at].number;
			else
				assert_string_equal(profile_text(p, p->labels.at[at].text), "hot");
		}
		buf_printf(&b, "%" PRIu64 " %u/%u/%s/%s cpu%u %" PRId64 ",%" PRId64 " r%u", s->time,
			   k->pid, k->tid, profile_text(p, k->comm), profile_text(p, k->process),
			   s->cpu, profile_values(p, i)[0], profile_values(p, i)[1],
			   (unsigned int)request);
		text_put_stack(&b, p, s->stack);
		text_add(to, &b);
	}
}

#endif
