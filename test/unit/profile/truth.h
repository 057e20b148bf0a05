/* truth.h - random profiles together with the plain list of samples they were made from, so that
 * every summary can be compared with a sum written down without the model.
 *
 * A truth's labels and kinds are written by hand in `truth_frames`, not asked of the model.
 */
#ifndef WAGGLE_TEST_TRUTH_H
#define WAGGLE_TEST_TRUTH_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "profile/profile.h"

#define TRUTH_DEPTH 12

struct truth_object {
	uint8_t kind;
	const char *path, *label, *build_id;
};

static const struct truth_object truth_objects[] = {
	{ OBJECT_NONE, "", "[unknown]", "" },
	{ OBJECT_FILE, "/usr/bin/app", "[app]", "aa01" },
	{ OBJECT_FILE, "/usr/lib/libfoo.so.1 (deleted)", "[libfoo.so.1]", "" },
	{ OBJECT_KERNEL, "[kernel]", "[kernel]", "" },
	{ OBJECT_JIT, "[jit]", "[jit]", "" },
};

/* Lines run innermost first, as in the model. */
struct truth_frame {
	uint8_t object, kind;
	uint64_t offset;
	const char *lines[3];
	const char *file;
};

static const struct truth_frame truth_frames[] = {
	{ 1, FRAME_USER, 0x100, { "main" }, "main.c" },
	{ 1, FRAME_USER, 0x104, { "main" }, "main.c" },
	{ 1, FRAME_USER, 0x200, { "leaf", "middle", "outer" }, "app.c" },
	{ 1, FRAME_USER, 0x208, { "middle", "outer" }, "app.c" },
	{ 1, FRAME_USER, 0x210, { "outer" }, "app.c" },
	{ 1, FRAME_USER, 0x300, { "recurse" }, "app.c" },
	{ 1, FRAME_USER, 0x308, { "recurse", "recurse" }, "app.c" },
	{ 1, FRAME_USER, 0x400, { NULL }, "" },
	{ 1, FRAME_USER, 0x408, { NULL }, "" },
	{ 2, FRAME_USER, 0x100, { "malloc" }, "malloc.c" },
	{ 2, FRAME_USER, 0x180, { "main" }, "other.c" },
	{ 2, FRAME_USER, 0x1f40, { NULL }, "" },
	{ 3, FRAME_KERNEL, 0x10, { "do_syscall_64" }, "" },
	{ 3, FRAME_KERNEL, 0x20, { "vfs_read" }, "" },
	{ 3, FRAME_KERNEL, 0x30, { "copy", "vfs_read" }, "" },
	{ 3, FRAME_KERNEL, 0x40, { NULL }, "" },
	{ 4, FRAME_JIT, 0x7f0010, { "LFoo;::bar" }, "" },
	{ 4, FRAME_JIT, 0x7f0020, { NULL }, "" },
	{ 0, FRAME_USER, 0x999, { NULL }, "" },
	{ 0, FRAME_USER, 0, { "malloc" }, "" },
	{ 0, FRAME_OFFCPU, 0, { "[blocked]" }, "" },
};

#define TRUTH_FRAMES (sizeof(truth_frames) / sizeof(*truth_frames))
#define TRUTH_CUT ((int)TRUTH_FRAMES) /* "[cut: table pending]" in object 1 */

static const struct truth_task {
	uint32_t pid, tid;
	const char *comm, *process;
} truth_tasks[] = {
	{ 0, 0, "", "" },
	{ 10, 10, "app", "app" },
	{ 10, 11, "worker", "app" },
	{ 20, 20, "app", "app" },
	{ 30, 31, "io", "server" },
};

#define TRUTH_TASKS (sizeof(truth_tasks) / sizeof(*truth_tasks))

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
	struct truth t = { calloc(n, sizeof(*t.at)), n };

	for (size_t i = 0; i < n; i++) {
		struct truth_sample *s = &t.at[i];
		int user = (int)truth_random(TRUTH_DEPTH - 3), kernel = (int)truth_random(4);

		if (truth_random(8) == 0)
			s->frames[s->depth++] = TRUTH_CUT;
		while (user-- > 0 && s->depth < TRUTH_DEPTH)
			s->frames[s->depth++] =
				(int)truth_random(anything ? TRUTH_FRAMES : 12);
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

static inline int truth_n_lines(int frame)
{
	int n = 0;

	if (frame == TRUTH_CUT)
		return 1;
	while (n < 3 && truth_frames[frame].lines[n])
		n++;
	return n ? n : 1;
}

static inline const char *truth_label(int frame, int line)
{
	if (frame == TRUTH_CUT)
		return "[cut: table pending]";
	if (truth_frames[frame].lines[line])
		return truth_frames[frame].lines[line];
	return truth_objects[truth_frames[frame].object].label;
}

static inline int truth_kind(int frame, int line)
{
	if (frame == TRUTH_CUT)
		return FRAME_CUT;
	return line + 1 < truth_n_lines(frame) ? FRAME_INLINED : truth_frames[frame].kind;
}

static inline const char *truth_path(int frame)
{
	return truth_objects[frame == TRUTH_CUT ? 1 : truth_frames[frame].object].path;
}

static inline uint32_t truth_put_frame(struct profile *p, int frame)
{
	const struct truth_frame *f = &truth_frames[frame == TRUTH_CUT ? 0 : frame];
	const struct truth_object *o = &truth_objects[f->object];
	struct profile_object object = { .kind = o->kind, .path = profile_str(p, o->path),
					 .build_id = profile_str(p, o->build_id),
					 .pid = o->kind == OBJECT_JIT ? 10 : 0 };
	uint32_t id = f->object ? profile_object(p, &object) : 0;
	struct profile_line lines[3] = { 0 };
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
		{ .key = profile_str(p, "request"), .number = number, .unit = profile_str(p, "id") },
		{ .key = profile_str(p, "phase"), .text = profile_str(p, "hot") },
	};

	return number ? profile_labels(p, l, 2) : 0;
}

static inline void truth_put(struct profile *p, const struct truth *t)
{
	uint32_t frames[TRUTH_DEPTH];

	for (size_t i = 0; i < t->n; i++) {
		const struct truth_sample *s = &t->at[i];
		const struct truth_task *k = &truth_tasks[s->task];
		struct profile_sample to = { .time = s->time, .cpu = s->cpu };

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

/* -- samples as sorted lines of text, from the truth and from a profile ---------------------------- */

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

static inline void text_put_truth(struct truth_text *to, const struct truth_sample *s, uint64_t later)
{
	const struct truth_task *k = &truth_tasks[s->task];
	struct buf b = { 0 };

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
			buf_printf(b, ";%s<%d>%s",
				   profile_line_label(p, path[n], l, scratch, sizeof(scratch)),
				   (int)profile_line_kind(p, path[n], l),
				   profile_text(p, p->objects.at[p->frames.at[path[n]].object].path));
}

static inline void text_put_profile(struct truth_text *to, const struct profile *p)
{
	for (size_t i = 0; i < p->samples.n; i++) {
		const struct profile_sample *s = &p->samples.at[i];
		const struct profile_task *k = &p->tasks.at[s->task];
		struct buf b = { 0 };
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
