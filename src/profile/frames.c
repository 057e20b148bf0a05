/* frames.c - frames of the model: interning by address or by names, the lines they show, and what
 * to call them.
 *
 * Frames by address and frames by names share one table and one index. The lowest bit of the hash
 * says which of the two a row was added as, so that a named frame never answers for an address.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "profile/index.h"
#include "profile/profile.h"

static uint32_t frame_fail(struct profile *p)
{
	p->oom = true;
	return PROFILE_NONE;
}

static uint64_t frame_hash(uint32_t object, uint64_t offset, enum frame_kind kind,
			   const struct profile_line *lines, uint16_t n_lines)
{
	uint64_t key[] = {(uint64_t)kind << 32 | object, offset};
	uint64_t hash = XXH3_64bits(key, sizeof(key));

	if (!n_lines)
		return hash & ~UINT64_C(1);
	return XXH3_64bits_withSeed(lines, n_lines * sizeof(*lines), hash) | 1;
}

static bool frame_is(const struct profile_frame *f, uint32_t object, uint64_t offset,
		     enum frame_kind kind)
{
	return f->object == object && f->offset == offset && f->kind == kind;
}

bool profile_frame_has_lines(const struct profile *p, uint32_t frame,
			     const struct profile_line *lines, uint16_t n_lines)
{
	const struct profile_frame *f = &p->frames.at[frame];

	return f->n_lines == n_lines &&
	       (!n_lines || !memcmp(p->lines.at + f->first_line, lines, n_lines * sizeof(*lines)));
}

/* Appends lines, which may be some of the profile's own. Returns where, PROFILE_NONE on OOM. */
static uint32_t frame_put_lines(struct profile *p, const struct profile_line *lines, uint16_t n)
{
	uintptr_t from = (uintptr_t)lines, table = (uintptr_t)p->lines.at;
	size_t first = p->lines.n;
	bool own = table && from >= table && from < table + first * sizeof(*lines);
	size_t at = own ? (from - table) / sizeof(*lines) : 0;

	if (first + n > PROFILE_ROWS_MAX || !VEC_RESERVE(&p->lines, n))
		return frame_fail(p);
	memcpy(p->lines.at + first, own ? p->lines.at + at : lines, n * sizeof(*lines));
	p->lines.n += n;
	return (uint32_t)first;
}

static uint32_t frame_add(struct profile *p, struct profile_frame f, uint64_t hash)
{
	uint32_t id = (uint32_t)p->frames.n;

	if (id >= PROFILE_ROWS_MAX || f.object >= p->objects.n || !VEC_RESERVE(&p->frames, 1) ||
	    !index_add(&p->by_frame, hash, id))
		return frame_fail(p);
	p->frames.at[p->frames.n++] = f;
	return id;
}

static uint32_t frame_find(const struct profile *p, uint64_t hash, uint32_t object, uint64_t offset,
			   enum frame_kind kind)
{
	uint32_t id;

	for (id = index_first(&p->by_frame, hash); id; id = p->by_frame.next.at[id])
		if (frame_is(&p->frames.at[id], object, offset, kind))
			return id;
	return PROFILE_NONE;
}

uint32_t profile_frame_find(const struct profile *p, uint32_t object, uint64_t offset,
			    enum frame_kind kind)
{
	return frame_find(p, frame_hash(object, offset, kind, NULL, 0), object, offset, kind);
}

uint32_t profile_frame_at(struct profile *p, uint32_t object, uint64_t offset, enum frame_kind kind)
{
	uint64_t hash = frame_hash(object, offset, kind, NULL, 0);
	uint32_t id = frame_find(p, hash, object, offset, kind);
	struct profile_frame f = {
		.object = object,
		.kind = (uint8_t)kind,
		.offset = offset,
		.unnamed = object ? UNNAMED_NOT_TRIED : UNNAMED_NO_OBJECT,
	};

	return id != PROFILE_NONE ? id : frame_add(p, f, hash);
}

uint32_t profile_frame_named(struct profile *p, uint32_t object, uint64_t offset,
			     enum frame_kind kind, const struct profile_line *lines,
			     uint16_t n_lines)
{
	uint64_t hash = frame_hash(object, offset, kind, lines, n_lines);
	struct profile_frame f = {.object = object,
				  .kind = (uint8_t)kind,
				  .n_lines = n_lines,
				  .offset = offset,
				  .unnamed = UNNAMED_NAMED};
	uint32_t id;

	if (!n_lines)
		return profile_frame_at(p, object, offset, kind);
	for (id = index_first(&p->by_frame, hash); id; id = p->by_frame.next.at[id])
		if (frame_is(&p->frames.at[id], object, offset, kind) &&
		    profile_frame_has_lines(p, id, lines, n_lines))
			return id;
	f.first_line = frame_put_lines(p, lines, n_lines);
	return f.first_line == PROFILE_NONE ? PROFILE_NONE : frame_add(p, f, hash);
}

uint32_t profile_frame_text(struct profile *p, const char *function, enum frame_kind kind)
{
	struct profile_line line = {.function = profile_str(p, function)};

	if (line.function == PROFILE_NONE)
		return PROFILE_NONE;
	return profile_frame_named(p, 0, 0, kind, &line, 1);
}

uint32_t profile_frame_cut(struct profile *p, uint32_t end, uint32_t object)
{
	struct profile_line line = {0};
	char text[64];

	snprintf(text, sizeof(text), "[cut: %s]", ledger_end_key(end));
	for (char *c = text; *c; c++)
		if (*c == '_')
			*c = ' ';
	line.function = profile_str(p, text);
	if (line.function == PROFILE_NONE)
		return PROFILE_NONE;
	return profile_frame_named(p, object, 0, FRAME_CUT, &line, 1);
}

uint32_t profile_cut_end(const char *text, size_t len)
{
	static const char head[] = "[cut: ";
	char key[64];
	size_t n;

	if (len <= sizeof(head) || memcmp(text, head, sizeof(head) - 1) || text[len - 1] != ']')
		return UINT32_MAX;
	n = len - sizeof(head);
	if (n >= sizeof(key))
		return UINT32_MAX;
	for (size_t i = 0; i < n; i++)
		key[i] = text[sizeof(head) - 1 + i] == ' ' ? '_' : text[sizeof(head) - 1 + i];
	key[n] = 0;
	return ledger_end_of_key(key);
}

uint32_t profile_frame_end(const struct profile *p, uint32_t frame)
{
	const struct profile_frame *f = &p->frames.at[frame];
	uint32_t name = f->n_lines ? p->lines.at[f->first_line].function : 0;

	if (f->kind != FRAME_CUT)
		return UINT32_MAX;
	return profile_cut_end(profile_text(p, name), intern_len(&p->strings, name));
}

void profile_frame_set_lines(struct profile *p, uint32_t frame, const struct profile_line *lines,
			     uint16_t n_lines)
{
	struct profile_frame *f;
	uint32_t first;

	if (!frame || frame >= p->frames.n || !n_lines)
		return;
	f = &p->frames.at[frame];
	if (n_lines <= f->n_lines) {
		memmove(p->lines.at + f->first_line, lines, n_lines * sizeof(*lines));
	} else {
		first = frame_put_lines(p, lines, n_lines);
		if (first == PROFILE_NONE)
			return;
		f->first_line = first;
	}
	f->n_lines = n_lines;
	f->unnamed = UNNAMED_NAMED;
}

void profile_frame_set_unnamed(struct profile *p, uint32_t frame, enum unnamed_reason why)
{
	if (frame && frame < p->frames.n && !p->frames.at[frame].n_lines)
		p->frames.at[frame].unnamed = (uint8_t)why;
}

enum frame_kind profile_line_kind(const struct profile *p, uint32_t frame, uint32_t i)
{
	const struct profile_frame *f = &p->frames.at[frame];

	return i + 1 < f->n_lines ? FRAME_INLINED : (enum frame_kind)f->kind;
}

/* What a frame without a name and without a usable object is called. */
static const char *frame_anonymous(const struct profile_frame *f, enum object_kind kind)
{
	static const char *const by_object[OBJECT_KIND_MAX] = {
		[OBJECT_VDSO] = "[vdso]",
		[OBJECT_KERNEL] = "[kernel]",
		[OBJECT_BPF] = "[bpf]",
		[OBJECT_JIT] = "[jit]",
	};
	static const char *const by_frame[FRAME_KIND_MAX] = {
		[FRAME_KERNEL] = "[kernel]",
		[FRAME_JIT] = "[jit]",
		[FRAME_OFFCPU] = "[off-cpu]",
		[FRAME_CUT] = "[cut]",
	};

	if (kind < OBJECT_KIND_MAX && by_object[kind])
		return by_object[kind];
	if (f->kind < FRAME_KIND_MAX && by_frame[f->kind])
		return by_frame[f->kind];
	return "[unknown]";
}

/* "/usr/lib/libfoo.so.1 (deleted)" -> "[libfoo.so.1]"; "[vdso]" stays. */
static const char *frame_object_label(const char *path, char *scratch, size_t size)
{
	static const char deleted[] = " (deleted)";
	const char *base = strrchr(path, '/');
	size_t len;

	base = base && base[1] ? base + 1 : path;
	len = strlen(base);
	if (len >= sizeof(deleted) && strcmp(base + len - (sizeof(deleted) - 1), deleted) == 0)
		len -= sizeof(deleted) - 1;
	if (base[0] == '[' && base[len - 1] == ']')
		return base;
	snprintf(scratch, size, "[%.*s]", len > 4096 ? 4096 : (int)len, base);
	return scratch;
}

const char *profile_line_label(const struct profile *p, uint32_t frame, uint32_t i, char *scratch,
			       size_t size)
{
	const struct profile_frame *f;
	const struct profile_object *o;
	const char *path;

	if (frame >= p->frames.n)
		return "[unknown]";
	f = &p->frames.at[frame];
	if (i < f->n_lines && p->lines.at[f->first_line + i].function)
		return profile_text(p, p->lines.at[f->first_line + i].function);
	o = &p->objects.at[f->object];
	path = profile_text(p, o->path);
	if (!*path || o->kind == OBJECT_JIT || o->kind == OBJECT_KERNEL || !size)
		return frame_anonymous(f, o->kind);
	return frame_object_label(path, scratch, size);
}

const char *profile_kind_name(enum frame_kind kind)
{
	static const char *const names[FRAME_KIND_MAX] = {
		[FRAME_USER] = "user",       [FRAME_KERNEL] = "kernel", [FRAME_JIT] = "jit",
		[FRAME_INLINED] = "inlined", [FRAME_OFFCPU] = "offcpu", [FRAME_CUT] = "cut",
	};

	return kind < FRAME_KIND_MAX ? names[kind] : "";
}

int profile_count_unnamed(struct profile *p)
{
	struct ledger *l = &p->ledger;
	int err = 0;

	ledger_clear_unnamed(l);
	l->n[LEDGER_FRAMES] = l->n[LEDGER_FRAMES_UNNAMED] = 0;
	for (size_t i = 1; i < p->frames.n && !err; i++) {
		const struct profile_frame *f = &p->frames.at[i];

		/* Marks and classes of waiting are not code that could have a name. */
		if (f->kind == FRAME_CUT || f->kind == FRAME_OFFCPU)
			continue;
		l->n[LEDGER_FRAMES]++;
		if (f->n_lines)
			continue;
		l->n[LEDGER_FRAMES_UNNAMED]++;
		err = ledger_unnamed(l, f->unnamed, f->object, 1);
	}
	return err;
}
