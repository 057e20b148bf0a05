/* renewal.c - marks, and the rows that stay; see renewal.h. */
#include "profile/renewal.h"

#include <errno.h>
#include <string.h>

#include "profile/renewal_parts.h"

int renewal_new(const struct profile *old, struct renewal **ret)
{
	struct renewal *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->map.src = old;
	r->marked = calloc(old->nodes.n, sizeof(*r->marked));
	if (!r->marked) {
		free(r);
		return -ENOMEM;
	}
	r->marked[0] = 1;
	*ret = r;
	return 0;
}

void renewal_free(struct renewal *r)
{
	if (!r)
		return;
	remap_free(&r->map);
	free(r->marked);
	free(r->nodes);
	free(r);
}

uint32_t renewal_mark(struct renewal *r, uint32_t node)
{
	const struct profile *p = r->map.src;
	uint32_t n = 0;

	for (; node < p->nodes.n && !r->marked[node]; node = p->nodes.at[node].parent) {
		r->marked[node] = 1;
		n++;
	}
	return n;
}

/* -- objects ---------------------------------------------------------------------------------- */

/* Two files may be alike in everything that is known of them, and are two all the same. */
static uint32_t renewal_add_file(struct renewal *r, struct profile_object o)
{
	uint64_t start = o.start;
	uint32_t id;

	o.start = UINT64_MAX - r->map.dst->objects.n;
	id = profile_object(r->map.dst, &o);
	if (id != PROFILE_NONE)
		r->map.dst->objects.at[id].start = start;
	return id;
}

static void renewal_put_object(struct renewal *r, uint32_t id)
{
	struct remap *m = &r->map;
	struct profile_object o = m->src->objects.at[id];

	o.path = remap_string(m, o.path);
	o.build_id = remap_string(m, o.build_id);
	if (m->dst->oom)
		return;
	m->objects[id] = o.kind == OBJECT_FILE ? renewal_add_file(r, o) : profile_object(m->dst, &o);
}

/* Which memory of processes is still wanted? By object; NULL when out of memory. */
static bool *renewal_wanted(const struct renewal *r)
{
	const struct profile *p = r->map.src;
	bool *wanted = calloc(p->objects.n, sizeof(*wanted));

	for (uint32_t i = 1; wanted && i < p->objects.n; i++)
		wanted[i] = p->objects.at[i].kind != OBJECT_JIT;
	for (size_t i = 0; wanted && i < p->nodes.n; i++)
		if (r->marked[i])
			wanted[p->frames.at[p->nodes.at[i].frame].object] = true;
	for (size_t i = 0; wanted && i < p->codes.n; i++)
		wanted[p->codes.at[i].object] = true;
	return wanted;
}

static int renewal_put_objects(struct renewal *r)
{
	struct remap *m = &r->map;
	bool *wanted = renewal_wanted(r);

	if (!wanted)
		return -ENOMEM;
	for (uint32_t i = 1; i < m->src->objects.n; i++) {
		struct profile_object o = { .kind = OBJECT_JIT };

		if (wanted[i]) {
			renewal_put_object(r, i);
			continue;
		}
		o.path = remap_string(m, m->src->objects.at[i].path);
		r->common = m->objects[i] = m->dst->oom ? PROFILE_NONE : profile_object(m->dst, &o);
	}
	free(wanted);
	return m->dst->oom ? -ENOMEM : 0;
}

/* -- frames and stacks ------------------------------------------------------------------------ */

/* Frames that are places stay what they are found by: an address, also once they have a name. */
static void renewal_put_frame(struct renewal *r, uint32_t id)
{
	struct remap *m = &r->map;
	const struct profile_frame *f = &m->src->frames.at[id];

	if (f->object && f->kind != FRAME_CUT && f->kind != FRAME_OFFCPU) {
		uint32_t object = m->objects[f->object];

		m->frames[id] = profile_frame_at(m->dst, object, f->offset, (enum frame_kind)f->kind);
		if (m->frames[id] != PROFILE_NONE)
			remap_names(m, id);
	} else {
		remap_frame(m, id);
	}
}

static int renewal_put_nodes(struct renewal *r)
{
	struct remap *m = &r->map;
	const struct profile *p = m->src;

	r->nodes = malloc(p->nodes.n * sizeof(*r->nodes));
	if (!r->nodes)
		return -ENOMEM;
	memset(r->nodes, 0xff, p->nodes.n * sizeof(*r->nodes)); /* PROFILE_NONE */
	r->nodes[0] = 0;
	for (uint32_t i = 1; i < p->nodes.n && !m->dst->oom; i++) {
		const struct profile_node *n = &p->nodes.at[i];

		if (!r->marked[i])
			continue;
		if (m->frames[n->frame] == PROFILE_NONE)
			renewal_put_frame(r, n->frame);
		if (!m->dst->oom)
			r->nodes[i] = profile_push(m->dst, r->nodes[n->parent], m->frames[n->frame]);
	}
	return m->dst->oom ? -ENOMEM : 0;
}

int renewal_make(struct renewal *r, struct profile **ret)
{
	struct profile *dst = remap_profile(r->map.src);
	int err = dst ? remap_init(&r->map, dst, r->map.src) : -ENOMEM;

	if (!err) {
		dst->meta = remap_meta(&r->map);
		err = renewal_put_objects(r);
	}
	if (!err)
		err = renewal_put_nodes(r);
	for (uint32_t i = 0; i < r->map.src->codes.n && !err; i++)
		err = remap_code(&r->map, i, r->map.objects[r->map.src->codes.at[i].object], 0);
	if (!err)
		err = remap_ledger(&r->map);
	if (err || dst->oom) {
		profile_free(dst);
		return -ENOMEM;
	}
	*ret = dst;
	return 0;
}

/* -- numbers ---------------------------------------------------------------------------------- */

uint32_t renewal_node(const struct renewal *r, uint32_t node)
{
	return node < r->map.src->nodes.n ? r->nodes[node] : PROFILE_NONE;
}

uint32_t renewal_frame(const struct renewal *r, uint32_t frame)
{
	return frame < r->map.src->frames.n ? r->map.frames[frame] : PROFILE_NONE;
}

uint32_t renewal_object(const struct renewal *r, uint32_t object)
{
	return object < r->map.src->objects.n ? r->map.objects[object] : PROFILE_NONE;
}

uint32_t renewal_task(struct renewal *r, uint32_t task)
{
	return task < r->map.src->tasks.n ? remap_task(&r->map, task) : PROFILE_NONE;
}

uint32_t renewal_string(struct renewal *r, uint32_t string)
{
	return remap_string(&r->map, string);
}
