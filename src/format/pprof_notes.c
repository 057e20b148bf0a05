/* pprof_notes.c - what a profile knows and profile.proto has no field for, as comments, both ways;
 * the lines are described in pprof.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/pprof.h"

const char *const pprof_object_kinds[OBJECT_KIND_MAX] = {
	[OBJECT_NONE] = "none",     [OBJECT_FILE] = "file", [OBJECT_VDSO] = "vdso",
	[OBJECT_KERNEL] = "kernel", [OBJECT_MODULE] = "module", [OBJECT_BPF] = "bpf",
	[OBJECT_JIT] = "jit",       [OBJECT_OTHER] = "other",
};

const char *const pprof_frame_kinds[FRAME_KIND_MAX] = {
	[FRAME_USER] = "user",       [FRAME_KERNEL] = "kernel", [FRAME_JIT] = "jit",
	[FRAME_INLINED] = "inlined", [FRAME_OFFCPU] = "offcpu", [FRAME_CUT] = "cut",
};

enum object_kind pprof_kind_of_path(const char *path)
{
	static const struct {
		const char *head;
		enum object_kind kind;
	} rows[] = {
		{ "[vdso]", OBJECT_VDSO },        { "[kernel", OBJECT_KERNEL },
		{ "[guest.kernel", OBJECT_KERNEL }, { "vmlinux", OBJECT_KERNEL },
		{ "[bpf", OBJECT_BPF },           { "bpf_prog_", OBJECT_BPF },
		{ "[jit", OBJECT_JIT },           { "[anon", OBJECT_JIT },
		{ "//anon", OBJECT_JIT },         { "/memfd:", OBJECT_JIT },
		{ "/lib/modules/", OBJECT_MODULE }, { "/", OBJECT_FILE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strncmp(path, rows[i].head, strlen(rows[i].head)))
			return rows[i].kind;
	return OBJECT_OTHER;
}

enum frame_kind pprof_kind_of_frame(enum object_kind kind)
{
	if (kind == OBJECT_KERNEL || kind == OBJECT_MODULE || kind == OBJECT_BPF)
		return FRAME_KERNEL;
	return kind == OBJECT_JIT ? FRAME_JIT : FRAME_USER;
}

/* One line with the ids of all locations for which `is` says yes, as ids and ranges. */
typedef bool pprof_is(const struct profile *p, const struct profile_frame *f, uint32_t what);

struct pprof_note_ctx {
	const struct profile *p;
	const uint32_t *frames;
	size_t n;
	notes_put *put;
	void *ctx;
};

static int pprof_note_ranges(const struct pprof_note_ctx *c, const char *head, const char *key,
			     pprof_is *is, uint32_t what)
{
	struct buf b = { 0 };
	const char *comma = "";
	int code;

	buf_printf(&b, "%s%s=", head, key);
	for (size_t i = 0; i < c->n; i++) {
		size_t from = i;

		while (i < c->n && is(c->p, &c->p->frames.at[c->frames[i]], what))
			i++;
		if (i == from)
			continue;
		buf_printf(&b, "%s%zu", comma, from + 1);
		if (i - from > 1)
			buf_printf(&b, "-%zu", i);
		comma = ",";
	}
	buf_putc(&b, 0);
	code = b.err;
	if (!code && *comma)
		c->put(c->ctx, (const char *)b.data);
	buf_free(&b);
	return code;
}

static bool pprof_is_kind(const struct profile *p, const struct profile_frame *f, uint32_t kind)
{
	return f->kind == kind && pprof_kind_of_frame(p->objects.at[f->object].kind) != kind;
}

static bool pprof_is_unnamed(const struct profile *p, const struct profile_frame *f, uint32_t why)
{
	return !f->n_lines && f->unnamed == why;
}

int pprof_note_locations(const struct profile *p, const uint32_t *frames, size_t n, notes_put *put,
			 void *ctx)
{
	struct pprof_note_ctx c = { p, frames, n, put, ctx };
	int code = 0;

	for (uint32_t i = 0; !code && i < FRAME_KIND_MAX; i++)
		code = pprof_note_ranges(&c, "waggle.kind.", pprof_frame_kinds[i], pprof_is_kind,
					 i);
	for (uint32_t i = 0; !code && i < UNNAMED_MAX; i++)
		code = pprof_note_ranges(&c, "waggle.why.", ledger_unnamed_key(i),
					 pprof_is_unnamed, i);
	return code;
}

void pprof_note_object(const struct profile *p, uint32_t object, notes_put *put, void *ctx)
{
	const struct profile_object *o = &p->objects.at[object];
	char line[80];

	if (o->kind >= OBJECT_KIND_MAX ||
	    (!o->pid && o->kind == pprof_kind_of_path(profile_text(p, o->path))))
		return;
	snprintf(line, sizeof(line), "waggle.object=%u %s %u", object, pprof_object_kinds[o->kind],
		 o->pid);
	put(ctx, line);
}

/* -- and back ----------------------------------------------------------------------------------- */

static uint32_t pprof_index_of(const char *const *names, uint32_t n, const char *s, size_t len)
{
	for (uint32_t i = 0; i < n; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], s, len))
			return i;
	return UINT32_MAX;
}

static int pprof_mark_order(const void *va, const void *vb)
{
	const struct pprof_mark *a = va, *b = vb;

	return a->lo < b->lo ? -1 : a->lo > b->lo;
}

static bool pprof_take_ranges(struct pprof_marks *m, const char *s, uint32_t what)
{
	while (*s >= '0' && *s <= '9') {
		struct pprof_mark mark = { .what = what };
		char *end;

		mark.lo = mark.hi = strtoull(s, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			mark.hi = strtoull(end + 1, &end, 10);
		if (!VEC_PUSH(m, mark))
			return false;
		s = *end == ',' ? end + 1 : end;
	}
	return true;
}

static void pprof_take_object(struct pprof_notes *n, const char *s)
{
	struct pprof_mark mark = { 0 };
	char *end;

	mark.lo = mark.hi = strtoull(s, &end, 10);
	if (*end != ' ')
		return;
	s = end + 1;
	end = strchr(s, ' ');
	if (!end)
		return;
	mark.what = pprof_index_of(pprof_object_kinds, OBJECT_KIND_MAX, s, (size_t)(end - s));
	mark.pid = (uint32_t)strtoul(end + 1, NULL, 10);
	if (mark.what != UINT32_MAX && !VEC_PUSH(&n->objects, mark))
		n->oom = true;
}

static bool pprof_starts(const char *s, const char *head, const char **ret_rest)
{
	size_t n = strlen(head);

	*ret_rest = s + n;
	return !strncmp(s, head, n);
}

void pprof_notes_take(struct pprof_notes *n, const char *s)
{
	const char *rest, *eq = strchr(s, '=');
	char key[64];

	if (pprof_starts(s, "waggle.derived=", &rest)) {
		n->derived = true;
		n->derived_period = strstr(rest, "period") != NULL;
	} else if (pprof_starts(s, "waggle.object=", &rest)) {
		pprof_take_object(n, rest);
	} else if (eq && pprof_starts(s, "waggle.kind.", &rest)) {
		uint32_t kind = pprof_index_of(pprof_frame_kinds, FRAME_KIND_MAX, rest,
					       (size_t)(eq - rest));

		if (kind != UINT32_MAX && !pprof_take_ranges(&n->kinds, eq + 1, kind))
			n->oom = true;
	} else if (eq && pprof_starts(s, "waggle.why.", &rest) &&
		   (size_t)(eq - rest) < sizeof(key)) {
		uint32_t why;

		memcpy(key, rest, (size_t)(eq - rest));
		key[eq - rest] = 0;
		why = ledger_unnamed_of_key(key);
		if (why != UINT32_MAX && !pprof_take_ranges(&n->whys, eq + 1, why))
			n->oom = true;
	}
}

void pprof_notes_sort(struct pprof_notes *n)
{
	if (n->kinds.n)
		qsort(n->kinds.at, n->kinds.n, sizeof(*n->kinds.at), pprof_mark_order);
	if (n->whys.n)
		qsort(n->whys.at, n->whys.n, sizeof(*n->whys.at), pprof_mark_order);
	if (n->objects.n)
		qsort(n->objects.at, n->objects.n, sizeof(*n->objects.at), pprof_mark_order);
}

const struct pprof_mark *pprof_marks_find(const struct pprof_marks *m, uint64_t id)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->at[mid].lo <= id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && id <= m->at[lo - 1].hi ? &m->at[lo - 1] : NULL;
}

void pprof_notes_free(struct pprof_notes *n)
{
	VEC_FREE(&n->kinds);
	VEC_FREE(&n->whys);
	VEC_FREE(&n->objects);
}
