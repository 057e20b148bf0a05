/* classframes.c - classes of waiting as frames; see classframes.h. */
#include "profile/classframes.h"

#include <errno.h>

/* A stack's frames, leaf first, taken apart and put together again. */
struct classframes {
	struct profile *p;
	VEC(uint32_t) path;
	struct map64 known; /* stack << 32 | class -> the stack with the class's frame */
};

/* How many of the path's frames, counted from the leaf, are not the waiting thread's own: they begin with the
 * mark of a waker. */
static size_t classframes_own(const struct classframes *c)
{
	const struct profile *p = c->p;
	size_t i = c->path.n;

	while (i > 0 && p->frames.at[c->path.at[i - 1]].kind != FRAME_OFFCPU)
		i--;
	return i;
}

static bool classframes_has(const struct classframes *c, size_t own)
{
	const struct profile_frame *f;

	if (!own)
		return false;
	f = &c->p->frames.at[c->path.at[own - 1]];
	return f->n_lines &&
	       waits_class_of_frame(profile_text(c->p, c->p->lines.at[f->first_line].function)) !=
		       WAIT_CLASS_MAX;
}

static uint32_t classframes_stack(struct classframes *c, uint32_t stack, enum wait_class class)
{
	struct profile *p = c->p;
	uint32_t node = 0, mark;
	size_t own;

	c->path.n = 0;
	for (uint32_t n = stack; n; n = p->nodes.at[n].parent)
		if (!VEC_PUSH(&c->path, p->nodes.at[n].frame))
			return PROFILE_NONE;
	own = classframes_own(c);
	if (classframes_has(c, own))
		return stack;
	mark = profile_frame_text(p, waits_class(class)->frame, FRAME_OFFCPU);
	for (size_t i = c->path.n; i > own && node != PROFILE_NONE; i--)
		node = profile_push(p, node, c->path.at[i - 1]);
	if (mark == PROFILE_NONE || node == PROFILE_NONE)
		return PROFILE_NONE;
	node = profile_push(p, node, mark);
	for (size_t i = own; i > 0 && node != PROFILE_NONE; i--)
		node = profile_push(p, node, c->path.at[i - 1]);
	return node;
}

static int classframes_sample(struct classframes *c, struct profile_sample *s)
{
	enum wait_class class = waits_of_labels(c->p, s->labels, NULL, NULL);
	uint64_t key = (uint64_t)s->stack << 32 | class;
	const uint32_t *known;
	uint32_t node;

	if (class == WAIT_CLASS_MAX || !*waits_class(class)->frame)
		return 0;
	known = map64_find(&c->known, key);
	node = known ? *known : classframes_stack(c, s->stack, class);
	if (node == PROFILE_NONE || (!known && !map64_insert(&c->known, key, node, NULL)))
		return -ENOMEM;
	s->stack = node;
	return 0;
}

int profile_class_frames(struct profile *p)
{
	struct classframes c = {.p = p};
	int err = 0;

	for (size_t i = 0; i < p->samples.n && !err; i++)
		err = classframes_sample(&c, &p->samples.at[i]);
	VEC_FREE(&c.path);
	map64_free(&c.known);
	return err;
}
