/* linetable.c - labels of frame lines, cached; see linetable.h. */
#include "profile/linetable.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define LABEL_SCRATCH 4352 /* the longest label of an object: its name is cut at 4096 bytes */

int linetable_init(struct linetable *t, const struct profile *p, struct intern *strings)
{
	*t = (struct linetable){.p = p, .strings = strings};
	t->frame_first = calloc(p->frames.n, sizeof(*t->frame_first));
	t->object_names = calloc(p->objects.n, sizeof(*t->object_names));
	if (!t->frame_first || !t->object_names)
		return -ENOMEM;
	for (size_t i = 0; i < p->objects.n; i++) {
		uint32_t path = p->objects.at[i].path;

		t->object_names[i] =
			intern_put(strings, profile_text(p, path), intern_len(&p->strings, path));
		if (t->object_names[i] == INTERN_NONE)
			return -ENOMEM;
	}
	return 0;
}

void linetable_free(struct linetable *t)
{
	VEC_FREE(&t->marks);
	VEC_FREE(&t->line_marks);
	map64_free(&t->by_mark);
	free(t->frame_first);
	free(t->object_names);
}

uint32_t linetable_mark(struct linetable *t, const char *name, size_t len, uint8_t kind)
{
	uint32_t id = intern_put(t->strings, name, len), *mark;
	bool is_new;

	if (id == INTERN_NONE || !VEC_RESERVE(&t->marks, 1))
		return PROFILE_NONE;
	mark = map64_insert(&t->by_mark, (uint64_t)id << 8 | kind, (uint32_t)t->marks.n, &is_new);
	if (!mark)
		return PROFILE_NONE;
	if (is_new)
		t->marks.at[t->marks.n++] = (struct linetable_mark){id, kind};
	return *mark;
}

/* "[libfoo.so.1]" -> "[libfoo.so.1+0x1f40]" */
static void linetable_put_address(struct buf *b, const char *label, size_t len, uint64_t offset)
{
	if (len && label[len - 1] == ']')
		len--;
	buf_put(b, label, len);
	buf_printf(b, "+0x%" PRIx64 "]", offset);
}

static uint32_t linetable_line(struct linetable *t, uint32_t frame, uint32_t i)
{
	static const char *const suffix[FRAME_KIND_MAX] = {
		[FRAME_KERNEL] = "_[k]",
		[FRAME_INLINED] = "_[i]",
		[FRAME_JIT] = "_[j]",
	};
	const struct profile_frame *f = &t->p->frames.at[frame];
	uint32_t function = i < f->n_lines ? t->p->lines.at[f->first_line + i].function : 0;
	uint8_t kind = (uint8_t)profile_line_kind(t->p, frame, i);
	bool code = kind < FRAME_OFFCPU;
	bool address = t->addresses && !function && code && (f->object || f->offset);
	const char *mark = t->annotate && kind < FRAME_KIND_MAX ? suffix[kind] : NULL;
	char scratch[LABEL_SCRATCH];
	const char *label = profile_line_label(t->p, frame, i, scratch, sizeof(scratch));
	size_t len = function ? intern_len(&t->p->strings, function) : strlen(label);
	struct buf b = {0};
	uint32_t id;

	if (!address && !mark)
		return linetable_mark(t, label, len, kind);
	if (address)
		linetable_put_address(&b, label, len, f->offset);
	else
		buf_put(&b, label, len);
	if (mark)
		buf_puts(&b, mark);
	id = b.err ? PROFILE_NONE : linetable_mark(t, (char *)b.data, b.len, kind);
	buf_free(&b);
	return id;
}

const uint32_t *linetable_frame(struct linetable *t, uint32_t frame)
{
	uint32_t n = profile_frame_lines(t->p, frame);
	size_t first = t->line_marks.n;

	if (t->frame_first[frame])
		return t->line_marks.at + t->frame_first[frame] - 1;
	if (first + n >= UINT32_MAX || !VEC_RESERVE(&t->line_marks, n))
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t mark = linetable_line(t, frame, i);

		if (mark == PROFILE_NONE)
			return NULL;
		t->line_marks.at[first + i] = mark;
	}
	t->line_marks.n += n;
	t->frame_first[frame] = (uint32_t)first + 1;
	return t->line_marks.at + first;
}
