/* jitslots.c - slots for tables of generated code; see jitslots.h. Only the watching thread is here. */
#include "session/jitslots.h"

#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/vec.h"
#include "waggle.skel.h"

struct jitslots_mapping {
	struct jit_key key;
	uint32_t slot;
};

struct jitslots {
	struct programs *programs;
	struct files *files;
	VEC(struct jitslots_mapping) mappings;
	bool taken[FILES_MAX - FILES_GENERATED];
	uint32_t last; /* the slot taken last: a walk under way may still hold one that was dropped */
};

static struct jitslots_mapping *jitslots_find(struct jitslots *s, uint32_t tgid, uint64_t start)
{
	for (size_t i = 0; i < s->mappings.n; i++)
		if (s->mappings.at[i].key.start == start && s->mappings.at[i].key.tgid == tgid)
			return &s->mappings.at[i];
	return NULL;
}

/* A free slot; FILES_MAX when there is none. */
static uint32_t jitslots_take(struct jitslots *s)
{
	const uint32_t n = FILES_MAX - FILES_GENERATED;

	for (uint32_t i = 1; i <= n; i++) {
		uint32_t at = (s->last + i) % n;

		if (s->taken[at])
			continue;
		s->taken[at] = true;
		s->last = at;
		return FILES_GENERATED + at;
	}
	return FILES_MAX;
}

/* Mappings that processors have kept are looked up anew from here on. */
static void jitslots_changed(struct jitslots *s)
{
	__atomic_add_fetch(&s->programs->skel->bss->jit_changes, 1, __ATOMIC_RELEASE);
}

static void jitslots_drop(struct jitslots *s, uint32_t slot)
{
	jitslots_changed(s);
	tables_replace(files_tables(s->files), slot, NULL);
	s->taken[slot - FILES_GENERATED] = false;
}

static void jitslots_forget(struct jitslots *s, struct jitslots_mapping *m)
{
	bpf_map_delete_elem(bpf_map__fd(s->programs->skel->maps.jit_tables), &m->key);
	jitslots_drop(s, m->slot);
	*m = s->mappings.at[--s->mappings.n];
}

static void jitslots_publish(void *ctx, uint32_t tgid, uint64_t start, uint64_t end,
			     const struct table *table)
{
	struct jitslots *s = ctx;
	struct jitslots_mapping *was = jitslots_find(s, tgid, start);
	struct jitslots_mapping now = {.key = {.start = start, .tgid = tgid}};

	if (!table) {
		if (was)
			jitslots_forget(s, was);
		return;
	}
	/* Without room the mapping keeps what it has; the next growth tries again. */
	now.slot = jitslots_take(s);
	if (now.slot == FILES_MAX)
		return;
	if (tables_replace(files_tables(s->files), now.slot, table) ||
	    (!was && !VEC_RESERVE(&s->mappings, 1)) ||
	    bpf_map_update_elem(bpf_map__fd(s->programs->skel->maps.jit_tables), &now.key, &now.slot,
				BPF_ANY)) {
		jitslots_drop(s, now.slot);
		return;
	}
	jitslots_changed(s);
	was = jitslots_find(s, tgid, start);
	if (was) {
		jitslots_drop(s, was->slot);
		*was = now;
	} else {
		s->mappings.at[s->mappings.n++] = now;
	}
}

static void jitslots_done(void *ctx)
{
	struct jitslots *s = ctx;

	VEC_FREE(&s->mappings);
	free(s);
}

int jitslots_watch(struct programs *p, struct files *f, struct jitwatch **ret, struct err *e)
{
	struct jitslots *s = calloc(1, sizeof(*s));
	struct jitwatch_opts o = {.publish = jitslots_publish, .done = jitslots_done, .ctx = s};

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	s->programs = p;
	s->files = f;
	if (!jitwatch_new(&o, ret))
		return 0;
	jitslots_done(s);
	return err_set(e, -ENOMEM, "out of memory");
}
