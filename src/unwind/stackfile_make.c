/* stackfile_make.c - what was captured of a live process into a stackfile; see stackfile.h. */
#include "unwind/stackfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unwind/excerpt.h"

#define SMALL_NUMBER 65536u /* tells nothing about anybody */
#define OVERWRITTEN UINT64_C(0xfefefefefefefefe) /* no address, no number anybody would mean */
#define MARGIN 1024u /* of stack above what the oracle needed: a walk that goes wrong may look there */

struct maker {
	const struct raw_record *record;
	const struct maps *maps;
	const struct oracle_stack *found;
	struct stackfile *file;
	uint64_t bytes; /* of stack */
	uint64_t nowhere; /* where the last expected frame is, when it is in nothing; else 0 */
	VEC(uint32_t) of_image; /* the mapping an image was first met in */
	VEC(uint64_t) offsets;
};

static bool maker_is_vdso(const struct maker *k, const struct maps_range *at)
{
	return !at->ino && !strcmp(maps_path(k->maps, at), "[vdso]");
}

static bool maker_same_file(const struct maps_range *a, const struct maps_range *b)
{
	return a->ino == b->ino && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

/* The place of a mapping; its file becomes an image when it is none yet. */
static int maker_place(struct maker *k, uint32_t mapping, uint32_t *ret)
{
	const struct maps_range *at = &k->maps->list.at[mapping];
	const char *path = maps_path(k->maps, at), *slash = strrchr(path, '/');
	struct stackfile_image image = { 0 };

	*ret = STACKFILE_NOWHERE;
	if (!at->exec)
		return 0;
	*ret = STACKFILE_ANON;
	if (!at->ino && !maker_is_vdso(k, at))
		return 0;
	for (size_t i = 0; i < k->of_image.n; i++) {
		*ret = (uint32_t)i + STACKFILE_IMAGE;
		if (maker_same_file(at, &k->maps->list.at[k->of_image.at[i]]))
			return 0;
	}
	*ret = (uint32_t)k->of_image.n + STACKFILE_IMAGE;
	image.name = strdup(slash ? slash + 1 : path);
	if (!image.name || !VEC_PUSH(&k->file->images, image)) {
		free(image.name);
		return -ENOMEM;
	}
	return VEC_PUSH(&k->of_image, mapping) ? 0 : -ENOMEM;
}

/* Expected frames, and the executable mappings they are in. The last frame that is nowhere stays: a walk
 * that comes there must say the same. */
static int maker_frames(struct maker *k)
{
	for (size_t i = 0; i < k->found->frames.n; i++) {
		const struct oracle_frame *f = &k->found->frames.at[i];
		struct stackfile_frame to = { .offset = f->offset, .way = f->way };
		int code = f->mapping == ORACLE_NOWHERE ? 0 : maker_place(k, f->mapping, &to.place);

		if (code)
			return code;
		if (to.place < STACKFILE_IMAGE)
			to.offset = f->look;
		if (to.place == STACKFILE_NOWHERE)
			k->nowhere = f->look;
		if (!VEC_PUSH(&k->file->frames, to))
			return -ENOMEM;
	}
	return 0;
}

static uint64_t maker_word(const struct maker *k, uint64_t at)
{
	uint64_t word;

	memcpy(&word, raw_stack(k->record) + at, sizeof(word));
	return word;
}

/* What might be taken for a return address as well, so that a walk that goes wrong goes where it went. */
static int maker_suspects(struct maker *k)
{
	int code = 0;

	for (uint64_t i = 0; i < k->bytes && !code; i += 8) {
		const struct maps_range *at = maps_find(k->maps, maker_word(k, i) - 1);
		uint32_t place;

		if (at && at->exec)
			code = maker_place(k, (uint32_t)(at - k->maps->list.at), &place);
	}
	return code;
}

/* The offsets in image n of all that maker_suspects() saw. */
static int maker_suspect_offsets(struct maker *k, size_t n)
{
	const struct maps_range *image = &k->maps->list.at[k->of_image.at[n]];

	for (uint64_t i = 0; i < k->bytes; i += 8) {
		uint64_t word = maker_word(k, i) - 1;
		const struct maps_range *at = maps_find(k->maps, word);

		if (at && at->exec && maker_same_file(at, image) &&
		    (at->ino || maker_is_vdso(k, at)) &&
		    !VEC_PUSH(&k->offsets, word - at->start + (at->ino ? at->offset : 0)))
			return -ENOMEM;
	}
	return 0;
}

/* All executable mappings of the files that matter, and of none: a walk that goes wrong should find what
 * it found then. */
static int maker_mappings(struct maker *k)
{
	for (size_t i = 0; i < k->maps->list.n; i++) {
		const struct maps_range *at = &k->maps->list.at[i];
		struct stackfile_mapping to = { at->start, at->end, at->offset, STACKFILE_ANON };
		bool wanted = !at->ino && !maker_is_vdso(k, at);

		for (size_t n = 0; at->exec && n < k->of_image.n && !wanted; n++) {
			wanted = maker_same_file(at, &k->maps->list.at[k->of_image.at[n]]);
			to.place = (uint32_t)n + STACKFILE_IMAGE;
		}
		if (at->exec && wanted && !VEC_PUSH(&k->file->mappings, to))
			return -ENOMEM;
	}
	return 0;
}

static int maker_image(struct maker *k, size_t n, const struct oracle_opts *open)
{
	const struct maps_range *at = &k->maps->list.at[k->of_image.at[n]];
	struct elf_image *img = NULL;
	struct buf b = { 0 };
	int fd = -1, code;

	k->offsets.n = 0;
	for (size_t i = 0; i < k->file->frames.n; i++)
		if (k->file->frames.at[i].place == n + STACKFILE_IMAGE &&
		    !VEC_PUSH(&k->offsets, k->file->frames.at[i].offset))
			return -ENOMEM;
	if (maker_suspect_offsets(k, n))
		return -ENOMEM;
	if (maker_is_vdso(k, at)) { /* ours is that of everybody */
		code = oracle_vdso(&img);
	} else {
		fd = open && open->open ? open->open(open->ctx, k->record->tgid, k->maps, at) :
					  oracle_open_live(NULL, k->record->tgid, k->maps, at);
		code = fd < 0 ? fd : elf_image_open(fd, &img, NULL);
	}
	if (!code)
		code = excerpt_build(img, k->offsets.at, k->offsets.n, &b);
	elf_image_free(img);
	if (fd >= 0)
		close(fd);
	k->file->images.at[n].elf = buf_take(&b, &k->file->images.at[n].len);
	return code;
}

/* Is the word of use to anybody who unwinds? */
static bool maker_keeps(const struct maker *k, uint64_t word)
{
	const struct maps_range *at;

	if (word < SMALL_NUMBER || (word && word - 1 == k->nowhere))
		return true;
	at = maps_find(k->maps, word);
	return at && (at->exec || at == maps_find(k->maps, k->record->regs[7]));
}

static int maker_stack(struct maker *k)
{
	struct stackfile *f = k->file;

	f->stack = calloc(1, k->bytes + 1);
	if (!f->stack)
		return -ENOMEM;
	f->stack_bytes = k->bytes;
	for (uint64_t i = 0; i < k->bytes; i += 8) {
		uint64_t word = maker_word(k, i);

		word = maker_keeps(k, word) ? word : OVERWRITTEN;
		memcpy(f->stack + i, &word, sizeof(word));
	}
	for (int i = 0; i < 16; i++)
		f->regs[i] = i == 7 || maker_keeps(k, k->record->regs[i]) ? k->record->regs[i] :
									    OVERWRITTEN;
	return 0;
}

int stackfile_make(const struct raw_record *r, const struct maps *m, const struct oracle_stack *found,
		   const struct oracle_opts *open, struct stackfile *ret)
{
	struct maker k = { .record = r, .maps = m, .found = found, .file = ret };
	int code;

	*ret = (struct stackfile){ .ip = r->ip, .below = r->below, .stop = found->stop };
	k.bytes = found->read_end - r->regs[7] + r->below + MARGIN;
	k.bytes = (k.bytes < r->bytes ? k.bytes : r->bytes) & ~UINT64_C(7);
	code = maker_frames(&k);
	if (!code)
		code = maker_suspects(&k);
	if (!code)
		code = maker_mappings(&k);
	for (size_t i = 0; i < ret->images.n && !code; i++)
		code = maker_image(&k, i, open);
	if (!code)
		code = maker_stack(&k);
	VEC_FREE(&k.of_image);
	VEC_FREE(&k.offsets);
	if (code)
		stackfile_free(ret);
	return code;
}
