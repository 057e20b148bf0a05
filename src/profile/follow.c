/* follow.c - the copy of a growing profile, row by row; see follow.h. */
#include "profile/follow.h"

#include <errno.h>
#include <string.h>

#include "profile/codes.h"
#include "profile/renewal_parts.h"
#include "profile/sum.h"

struct follow {
	struct remap map;
	VEC(uint32_t)
	nodes; /* of the source -> of the destination, PROFILE_NONE = not carried over */
	VEC(uint32_t) path; /* scratch: a stack's nodes that are not carried over yet */
	size_t codes;       /* carried over */
};

int follow_new(const struct profile *src, struct follow **ret, struct profile **ret_dst)
{
	struct follow *f = calloc(1, sizeof(*f));
	struct profile *dst = remap_profile(src);

	if (!f || !dst || dst->oom || remap_init(&f->map, dst, src)) {
		follow_free(f);
		profile_free(dst);
		return -ENOMEM;
	}
	*ret = f;
	*ret_dst = dst;
	return 0;
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	remap_free(&f->map);
	VEC_FREE(&f->nodes);
	VEC_FREE(&f->path);
	free(f);
}

void follow_moved(struct follow *f, struct profile *dst)
{
	remap_forget(&f->map, dst);
	f->nodes.n = 0;
	f->codes = 0;
}

/* What is known of old rows, by their new numbers; `ret` has room for new_n. `several` is no row of
 * one old row alone. */
static bool follow_renumber(uint32_t **ret, size_t new_n, const uint32_t *to, const uint32_t *known,
			    size_t old_n, uint32_t several)
{
	uint32_t *at = malloc((new_n ? new_n : 1) * sizeof(*at));

	*ret = at;
	if (!at)
		return false;
	memset(at, 0xff, new_n * sizeof(*at)); /* PROFILE_NONE */
	for (size_t i = 0; i < old_n; i++)
		if (to[i] != PROFILE_NONE && to[i] < new_n && to[i] != several)
			at[to[i]] = known[i];
	at[0] = 0;
	return true;
}

static size_t follow_less(size_t a, size_t b)
{
	return a < b ? a : b;
}

int follow_renewed(struct follow *f, struct renewal *r)
{
	struct remap *m = &f->map;
	const struct profile *old = m->src, *src = r->map.dst;
	struct remap to = { .dst = m->dst,
			    .src = src,
			    .n_strings = src->strings.n,
			    .n_objects = src->objects.n,
			    .n_frames = src->frames.n,
			    .n_tasks = src->tasks.n,
			    .n_labels = src->label_sets.n };
	uint32_t *nodes = NULL, none = PROFILE_NONE;
	bool good = follow_renumber(&nodes, src->nodes.n, r->nodes, f->nodes.at, f->nodes.n, none);

	good &= follow_renumber(&to.strings, to.n_strings, r->map.strings, m->strings,
				follow_less(old->strings.n, m->n_strings), none);
	good &= follow_renumber(&to.objects, to.n_objects, r->map.objects, m->objects,
				follow_less(old->objects.n, m->n_objects), r->common);
	good &= follow_renumber(&to.frames, to.n_frames, r->map.frames, m->frames,
				follow_less(old->frames.n, m->n_frames), none);
	good &= follow_renumber(&to.tasks, to.n_tasks, r->map.tasks, m->tasks,
				follow_less(old->tasks.n, m->n_tasks), none);
	good &= follow_renumber(&to.labels, to.n_labels, r->map.labels, m->labels,
				follow_less(old->label_sets.n, m->n_labels), none);
	if (!good) {
		remap_free(&to);
		free(nodes);
		return -ENOMEM;
	}
	remap_free(m);
	*m = to;
	free(f->nodes.at);
	f->nodes.at = nodes;
	f->nodes.n = f->nodes.cap = src->nodes.n;
	return 0;
}

size_t follow_bytes(const struct follow *f)
{
	return sizeof(*f) + remap_bytes(&f->map) + (f->nodes.cap + f->path.cap) * sizeof(uint32_t);
}

/* -- what changes ----------------------------------------------------------------------------- */

/* An object is what is known of a file by then: its path and build id may come later. */
static void follow_objects(struct follow *f)
{
	struct remap *m = &f->map;

	for (uint32_t i = 1; i < m->src->objects.n; i++) {
		struct profile_object o = m->src->objects.at[i];
		uint32_t to = m->objects[i];

		if (to == PROFILE_NONE)
			continue;
		o.path = remap_string(m, o.path);
		o.build_id = remap_string(m, o.build_id);
		if (o.path != PROFILE_NONE && o.build_id != PROFILE_NONE)
			m->dst->objects.at[to] = o;
	}
}

static void follow_names(struct follow *f)
{
	struct remap *m = &f->map;

	for (uint32_t i = 1; i < m->src->frames.n; i++) {
		uint32_t to = m->frames[i];
		const struct profile_frame *from = &m->src->frames.at[i];

		if (to == PROFILE_NONE || from->kind == FRAME_JIT)
			continue;
		if (from->n_lines ? !m->dst->frames.at[to].n_lines
				  : m->dst->frames.at[to].unnamed != from->unnamed)
			remap_names(m, i);
	}
}

int follow_turn(struct follow *f)
{
	struct remap *m = &f->map;
	int err = remap_grow(m);

	if (err)
		return err;
	m->dst->oom = false;
	m->dst->meta = remap_meta(m);
	follow_objects(f);
	follow_names(f);
	while (f->codes < m->src->codes.n && !err) {
		uint32_t object = remap_object(m, m->src->codes.at[f->codes].object);

		err = object == PROFILE_NONE ? -ENOMEM
					     : remap_code(m, (uint32_t)f->codes, object, 0);
		f->codes += !err;
	}
	ledger_free(&m->dst->ledger);
	m->dst->ledger = (struct ledger){ 0 };
	if (!err)
		err = remap_ledger(m);
	return m->dst->oom ? -ENOMEM : err;
}

/* -- samples ---------------------------------------------------------------------------------- */

static uint32_t follow_stack(struct follow *f, uint32_t leaf)
{
	struct remap *m = &f->map;
	uint32_t to;

	f->path.n = 0;
	for (uint32_t n = leaf; f->nodes.at[n] == PROFILE_NONE; n = m->src->nodes.at[n].parent)
		if (!VEC_PUSH(&f->path, n))
			return PROFILE_NONE;
	if (!f->path.n)
		return f->nodes.at[leaf];
	to = f->nodes.at[m->src->nodes.at[f->path.at[f->path.n - 1]].parent];
	for (size_t i = f->path.n; i-- > 0;) {
		uint32_t n = f->path.at[i], frame = remap_frame(m, m->src->nodes.at[n].frame);

		to = frame == PROFILE_NONE ? PROFILE_NONE : profile_push(m->dst, to, frame);
		if (to == PROFILE_NONE)
			return PROFILE_NONE;
		f->nodes.at[n] = to;
	}
	return to;
}

/* Grows by an eighth, not by doubling: these tables are most of what a bound on memory is about. */
static bool follow_grow(void **at, size_t *cap, size_t need, size_t size)
{
	size_t want = need + need / 8 + 64;
	void *p;

	if (need <= *cap)
		return true;
	if (want > SIZE_MAX / size)
		return false;
	p = realloc(*at, want * size);
	if (!p)
		return false;
	*at = p;
	*cap = want;
	return true;
}

static bool follow_room(struct follow *f, size_t more)
{
	struct remap *m = &f->map;
	struct profile *to = m->dst;
	size_t n = m->src->nodes.n;

	if (!follow_grow((void **)&to->samples.at, &to->samples.cap, to->samples.n + more,
			 sizeof(*to->samples.at)) ||
	    !follow_grow((void **)&to->values.at, &to->values.cap,
			 to->values.n + more * to->value_types.n, sizeof(*to->values.at)))
		return false;
	if (n > f->nodes.n && !VEC_RESERVE(&f->nodes, n - f->nodes.n))
		return false;
	while (f->nodes.n < n)
		f->nodes.at[f->nodes.n++] = PROFILE_NONE;
	f->nodes.at[0] = 0;
	return true;
}

int follow_samples(struct follow *f, size_t first)
{
	struct remap *m = &f->map;
	size_t n = m->src->samples.n, had = m->dst->samples.n, had_values = m->dst->values.n;
	int err = remap_grow(m);

	if (err || !follow_room(f, n > first ? n - first : 0))
		return -ENOMEM;
	for (size_t i = first; i < n && !err; i++) {
		struct profile_sample s = m->src->samples.at[i];

		s.stack = follow_stack(f, s.stack);
		s.task = remap_task(m, s.task);
		s.labels = remap_labels(m, s.labels);
		err = profile_sample(m->dst, &s, profile_values(m->src, i));
	}
	if (err) {
		m->dst->samples.n = had;
		m->dst->values.n = had_values;
	}
	return err;
}

int follow_all(struct follow *f)
{
	int err = follow_samples(f, 0);

	for (uint32_t i = 1; i < f->map.src->objects.n && !err; i++)
		err = remap_object(&f->map, i) == PROFILE_NONE ? -ENOMEM : 0;
	return err ? err : follow_turn(f);
}

/* -- generated code --------------------------------------------------------------------------- */

/* The destination's object that is the same process's memory; PROFILE_NONE = it has none. */
static uint32_t follow_same_object(const struct profile *dst, const struct profile *src,
				   uint32_t object)
{
	const struct profile_object *o = &src->objects.at[object];

	for (uint32_t i = 1; i < dst->objects.n; i++)
		if (dst->objects.at[i].kind == o->kind && dst->objects.at[i].pid == o->pid)
			return i;
	return PROFILE_NONE;
}

int follow_codes(struct profile *dst, const struct profile *src, uint64_t by)
{
	struct remap m;
	int err = remap_init(&m, dst, src);
	uint32_t last = 0, to = PROFILE_NONE;

	for (uint32_t i = 0; i < src->codes.n && !err; i++) {
		if (src->codes.at[i].object != last) {
			last = src->codes.at[i].object;
			to = follow_same_object(dst, src, last);
		}
		if (to != PROFILE_NONE)
			err = remap_code(&m, i, to, by);
	}
	remap_free(&m);
	if (!err)
		err = profile_codes_name(dst);
	return err ? err : profile_codes_split(dst);
}
