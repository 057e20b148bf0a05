/* truth.h - random profiles together with the plain list of samples they were made from, so that
 * every summary can be compared with a sum written down without the model.
 */
#ifndef WAGGLE_TEST_TRUTH_H
#define WAGGLE_TEST_TRUTH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "truth_data.h"

#define TRUTH_DEPTH 12

struct truth_sample {
	int depth, frames[TRUTH_DEPTH]; /* root first */
	uint32_t task, label;           /* label 0 = none, otherwise request=label */
	uint16_t cpu;
	uint64_t time;
	int64_t values[2];
};

struct truth {
	struct truth_sample *at;
	size_t n;
};

static uint64_t truth_seed = 1;

static inline uint32_t truth_random(uint32_t below)
{
	truth_seed = truth_seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(truth_seed >> 33) % below;
}

/* User frames, then now and then kernel frames, as real stacks are; sometimes anything at all. */
static inline struct truth truth_new(size_t n, bool anything)
{
	struct truth t = {calloc(n, sizeof(*t.at)), n};

	for (size_t i = 0; i < n; i++) {
		struct truth_sample *s = &t.at[i];
		int user = (int)truth_random(TRUTH_DEPTH - 3), kernel = (int)truth_random(4);

		if (truth_random(8) == 0)
			s->frames[s->depth++] = TRUTH_CUT;
		while (user-- > 0 && s->depth < TRUTH_DEPTH)
			s->frames[s->depth++] = (int)truth_random(anything ? TRUTH_FRAMES : 12);
		while (kernel-- > 0 && s->depth < TRUTH_DEPTH)
			s->frames[s->depth++] = 12 + (int)truth_random(4);
		s->task = truth_random(TRUTH_TASKS);
		s->label = truth_random(3);
		s->cpu = (uint16_t)truth_random(4);
		s->time = truth_random(20) ? truth_random(1000) : PROFILE_NO_TIME;
		s->values[0] = 1 + truth_random(5);
		s->values[1] = truth_random(3) ? truth_random(100) : 0;
	}
	return t;
}

static inline uint32_t truth_put_frame(struct profile *p, int frame)
{
	const struct truth_frame *f = &truth_frames[frame == TRUTH_CUT ? 0 : frame];
	const struct truth_object *o = &truth_objects[f->object];
	struct profile_object object = {.kind = o->kind,
					.path = profile_str(p, o->path),
					.build_id = profile_str(p, o->build_id),
					.pid = o->kind == OBJECT_JIT ? 10 : 0};
	uint32_t id = f->object ? profile_object(p, &object) : 0;
	struct profile_line lines[3] = {0};
	int n = f->lines[0] ? truth_n_lines(frame) : 0;

	if (frame == TRUTH_CUT)
		return profile_frame_cut(p, ledger_end_of_key("table_pending"), id);
	for (int i = 0; i < n; i++) {
		lines[i].function = profile_str(p, f->lines[i]);
		lines[i].file = profile_str(p, f->file);
		lines[i].line = (uint32_t)(i + 1);
	}
	if (!id)
		return profile_frame_named(p, 0, f->offset, f->kind, lines, (uint16_t)n);
	id = profile_frame_at(p, id, f->offset, f->kind);
	profile_frame_set_lines(p, id, lines, (uint16_t)n);
	return id;
}

static inline uint32_t truth_put_label(struct profile *p, uint32_t number)
{
	struct profile_label l[2] = {
		{.key = profile_str(p, "request"), .number = number, .unit = profile_str(p, "id")},
		{.key = profile_str(p, "phase"), .text = profile_str(p, "hot")},
	};

	return number ? profile_labels(p, l, 2) : 0;
}

static inline void truth_put(struct profile *p, const struct truth *t)
{
	uint32_t frames[TRUTH_DEPTH];

	for (size_t i = 0; i < t->n; i++) {
		const struct truth_sample *s = &t->at[i];
		const struct truth_task *k = &truth_tasks[s->task];
		struct profile_sample to = {.time = s->time, .cpu = s->cpu};

		for (int j = 0; j < s->depth; j++)
			frames[s->depth - 1 - j] = truth_put_frame(p, s->frames[j]);
		to.stack = profile_stack(p, frames, (size_t)s->depth);
		to.task = profile_task(p, k->pid, k->tid, k->comm, k->process);
		to.labels = truth_put_label(p, s->label);
		assert_int_equal(profile_sample(p, &to, s->values), 0);
	}
	assert_false(p->oom);
}

static inline struct profile *truth_profile(const struct truth *t)
{
	struct profile *p = profile_new("samples", "count");

	assert_non_null(p);
	assert_int_equal(profile_value_type(p, "cpu", "nanoseconds"), 1);
	truth_put(p, t);
	return p;
}

#endif
