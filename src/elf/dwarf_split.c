/* dwarf_split.c - split DWARF: what the linker never saw, in .dwo files or together in a .dwp.
 *
 * The skeleton in the program knows addresses and lines; the split unit holds the entries. A package
 * finds units by their id in a hash table and has, for each, its part of every section (DWARF 5, section
 * 7.3.5; version 2 is GNU's, the GCC wiki's DebugFissionDWP).
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "elf/dwarf_index.h"

struct dwarf_package {
	const struct dwarf_files *files; /* borrowed */
	pthread_mutex_t lock;            /* of what follows, until it was tried */
	bool tried;
	struct dwarf_file file; /* n = 0 sections: none */
};

struct dwarf_package *dwarf_package_new(const struct dwarf_files *files)
{
	struct dwarf_package *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->files = files;
	p->file.sections.file.slot = -1;
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

void dwarf_package_free(struct dwarf_package *p)
{
	if (!p)
		return;
	dwarf_file_free(&p->file);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void dwarf_package_start(struct dwarf_package *p)
{
	if (p->tried)
		dwarf_work_start(&p->file);
}

static void split_load_package(struct dwarf_package *p)
{
	struct elf_image *img;

	pthread_mutex_lock(&p->lock);
	if (!p->tried && p->files->package && p->files->package(p->files->ctx, &img) == 0) {
		dwarf_file_load(img, true, 0, &p->file);
		elf_image_free(img);
	}
	p->tried = true;
	pthread_mutex_unlock(&p->lock);
}

/* -- packages ------------------------------------------------------------------------------------ */

struct split_index {
	const uint8_t *hashes, *rows, *columns, *offsets, *sizes;
	uint32_t n_columns, n_units, n_slots;
};

struct split_part { /* of a section */
	uint32_t offset, size;
};

enum { /* columns (DW_SECT_), the same in both versions as far as they are used */
	SECT_INFO = 1, SECT_ABBREV = 3, SECT_STR_OFFSETS = 6, SECT_RNGLISTS = 8, SECT_MAX = 9
};

static bool split_read_index(const struct dwarf_bytes *s, struct split_index *ret)
{
	struct cursor c = cursor_of(s->p, s->n);
	uint32_t version = cursor_u32(&c); /* 16 bits and padding from version 5 on */
	uint64_t cells;

	ret->n_columns = cursor_u32(&c);
	ret->n_units = cursor_u32(&c);
	ret->n_slots = cursor_u32(&c);
	if (c.bad || (version != 2 && (version & 0xffff) != 5) || ret->n_columns > 64 ||
	    !ret->n_slots || (ret->n_slots & (ret->n_slots - 1)))
		return false;
	cells = (uint64_t)ret->n_units * ret->n_columns;
	ret->hashes = cursor_take(&c, UINT64_C(8) * ret->n_slots);
	ret->rows = cursor_take(&c, UINT64_C(4) * ret->n_slots);
	ret->columns = cursor_take(&c, UINT64_C(4) * ret->n_columns);
	ret->offsets = cursor_take(&c, 4 * cells);
	ret->sizes = cursor_take(&c, 4 * cells);
	return !c.bad;
}

static uint32_t split_u32(const uint8_t *table, size_t i)
{
	uint32_t v;

	memcpy(&v, table + 4 * i, sizeof(v));
	return v;
}

/* The row of a unit, from 0; UINT32_MAX when it is not there. */
static uint32_t split_row(const struct split_index *x, uint64_t id)
{
	uint32_t mask = x->n_slots - 1, slot = (uint32_t)id & mask;
	uint32_t step = ((uint32_t)(id >> 32) & mask) | 1;

	for (uint32_t i = 0; i < x->n_slots; i++, slot = (slot + step) & mask) {
		uint32_t row = split_u32(x->rows, slot);
		uint64_t hash;

		if (!row)
			break;
		memcpy(&hash, x->hashes + 8 * (size_t)slot, sizeof(hash));
		if (hash == id)
			return row <= x->n_units ? row - 1 : UINT32_MAX;
	}
	return UINT32_MAX;
}

static bool split_parts(const struct split_index *x, uint64_t id, struct split_part parts[SECT_MAX])
{
	uint32_t row = split_row(x, id);

	if (row == UINT32_MAX)
		return false;
	for (uint32_t i = 0; i < x->n_columns; i++) {
		uint32_t column = split_u32(x->columns, i);
		size_t cell = (size_t)row * x->n_columns + i;

		if (column < SECT_MAX)
			parts[column] = (struct split_part){split_u32(x->offsets, cell),
							    split_u32(x->sizes, cell)};
	}
	return true;
}

static bool split_from_package(struct dwarf_package *p, uint64_t id, struct dwarf_unit *ret)
{
	const struct dwarf_bytes *info = &p->file.sections.at[DWARF_INFO];
	struct split_part parts[SECT_MAX] = {{0, 0}};
	struct split_index x;
	struct cursor c;

	if (!split_read_index(&p->file.sections.at[DWARF_CU_INDEX], &x) ||
	    !split_parts(&x, id, parts) || parts[SECT_INFO].offset > info->n ||
	    parts[SECT_INFO].size > info->n - parts[SECT_INFO].offset)
		return false;
	c = cursor_of(info->p + parts[SECT_INFO].offset, parts[SECT_INFO].size);
	if (!dwarf_unit_header(&p->file, &c, ret))
		return false;
	ret->abbrev += parts[SECT_ABBREV].offset;
	ret->str_base = parts[SECT_STR_OFFSETS].offset;
	ret->rng_base = parts[SECT_RNGLISTS].offset;
	return true;
}

/* -- single files -------------------------------------------------------------------------------- */

static bool split_has_id(struct dwarf_unit *u, uint64_t id)
{
	struct dwarf_head h;

	return dwarf_unit_peek(u, &h) && h.split_id == id;
}

static int split_from_file(const struct dwarf_files *files, const char *comp_dir, const char *name,
			   uint64_t id, struct dwarf_split *to)
{
	struct elf_image *img;
	int rc;

	if (!files->split || files->split(files->ctx, comp_dir, name, &img))
		return -ENOENT;
	rc = dwarf_file_load(img, true, 0, &to->own);
	elf_image_free(img);
	for (size_t i = 0; i < to->own.n_units && !rc; i++) {
		struct dwarf_unit *u = &to->own.units[i];

		if (!split_has_id(u, id))
			continue;
		to->unit = (struct dwarf_unit){
			.file = &to->own,
			.offset = u->offset,
			.end = u->end,
			.root = u->root,
			.abbrev = u->abbrev,
			.split_id = u->split_id,
			.version = u->version,
			.offset_size = u->offset_size,
			.type = u->type,
		};
		return 0;
	}
	return rc == -ENOMEM ? rc : -ENOENT;
}

bool dwarf_unit_is_split(const struct dwarf_head *h)
{
	return h->split_name.kind != VALUE_NONE;
}

int dwarf_split_open(struct dwarf_unit *skeleton, struct dwarf_package *p, struct dwarf_split **ret)
{
	const struct dwarf_head *h = dwarf_unit_head(skeleton);
	const char *name = h ? dwarf_text(skeleton, h, &h->split_name) : NULL;
	struct dwarf_split *s;
	int rc = 0;

	if (!name)
		return -ENOENT;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->own.sections.file.slot = -1;
	split_load_package(p);
	if (!split_from_package(p, h->split_id, &s->unit))
		rc = split_from_file(p->files, dwarf_text(skeleton, h, &h->comp_dir), name,
				     h->split_id, s);
	if (rc) {
		dwarf_split_free(s);
		return rc;
	}
	s->unit.skeleton = skeleton;
	*ret = s;
	return 0;
}

void dwarf_split_free(struct dwarf_split *s)
{
	if (!s)
		return;
	dwarf_unit_forget(&s->unit);
	dwarf_file_free(&s->own);
	free(s);
}
