/* dwarf_line_files.c - the head of a line table: directories and files, and how paths are made of them.
 *
 * Version 5 describes its own entries and keeps strings elsewhere; before, they were lists in place
 * (DWARF 5, section 6.2.4; DWARF 4, section 6.2.4). Paths are put together as llvm-symbolizer does:
 * compilation directory, directory, name, from the last that is absolute.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "elf/dwarf_body.h"

#define FORMATS_CAP 16u        /* values of one entry; compilers have up to 4 */
#define FILES_CAP   (1u << 20) /* of one table */

static int files_read_4(struct cursor *c, struct dwarf_lines *to)
{
	const char *s;

	while ((s = cursor_str(c)) && *s)
		if (to->dirs.n < FILES_CAP && !VEC_PUSH(&to->dirs, s))
			return -ENOMEM;
	while ((s = cursor_str(c)) && *s) {
		struct dwarf_source_file f = {.name = s, .dir = cursor_uleb(c)};

		cursor_uleb(c); /* time */
		cursor_uleb(c); /* length */
		if (to->files.n < FILES_CAP && !VEC_PUSH(&to->files, f))
			return -ENOMEM;
	}
	return c->bad ? -EBADMSG : 0;
}

struct files_format {
	uint64_t content[FORMATS_CAP], form[FORMATS_CAP];
	uint8_t n;
};

static bool files_read_format(struct cursor *c, struct files_format *f)
{
	f->n = cursor_u8(c);
	if (f->n > FORMATS_CAP)
		return false;
	for (uint8_t i = 0; i < f->n; i++) {
		f->content[i] = cursor_uleb(c);
		f->form[i] = cursor_uleb(c);
	}
	return !c->bad;
}

/* A table of directories or files. `u` has the offset size of the line table. */
static int files_read_table_5(const struct dwarf_unit *u, const struct dwarf_head *h,
			      struct cursor *c, bool dirs, struct dwarf_lines *to)
{
	struct files_format format;
	uint64_t n;

	if (!files_read_format(c, &format))
		return -EBADMSG;
	n = cursor_uleb(c);
	for (uint64_t k = 0; k < n && !c->bad; k++) {
		struct dwarf_source_file f = {0};
		const uint8_t *start = c->p;

		if (k == FILES_CAP)
			return -EBADMSG;
		for (uint8_t i = 0; i < format.n; i++) {
			struct dwarf_value v = dwarf_form_read(u, c, format.form[i], 0);

			if (format.content[i] == DW_LNCT_path)
				f.name = dwarf_text(u, h, &v);
			else if (format.content[i] == DW_LNCT_directory_index)
				f.dir = v.u;
		}
		if (c->p == start) /* entries of no bytes: any number of them */
			return -EBADMSG;
		if (!c->bad && !(dirs ? VEC_PUSH(&to->dirs, f.name) : VEC_PUSH(&to->files, f)))
			return -ENOMEM;
	}
	return c->bad ? -EBADMSG : 0;
}

/* Length, version and where the program starts. */
static bool files_read_lengths(struct cursor *c, struct dwarf_lines *to, uint8_t *ret_size,
			       const uint8_t **ret_program)
{
	uint64_t length = cursor_u32(c);

	*ret_size = length == UINT32_MAX ? 8 : 4;
	if (*ret_size == 8)
		length = cursor_u64(c);
	if (length > cursor_left(c)) /* cut off: what is there may be whole */
		length = cursor_left(c);
	c->end = c->p + length;
	to->version = cursor_u16(c);
	if (to->version >= 5)
		cursor_take(c, 2); /* sizes of addresses and segment selectors */
	length = *ret_size == 8 ? cursor_u64(c) : cursor_u32(c);
	if (c->bad || length > cursor_left(c) || to->version < 2 || to->version > 5)
		return false;
	*ret_program = c->p + length;
	return true;
}

int dwarf_line_header_read(struct dwarf_unit *u, const struct dwarf_head *h, struct cursor *c,
			   struct dwarf_line_header *ret, struct dwarf_lines *to)
{
	/* Forms are read as this table says, not as the unit does. */
	struct dwarf_unit self = {.file = u->file, .version = u->version};
	const uint8_t *program, *end;
	int rc;

	if (!files_read_lengths(c, to, &self.offset_size, &program))
		return -EBADMSG;
	end = c->end;
	c->end = program;
	*ret = (struct dwarf_line_header){.max_ops = 1};
	ret->min_length = cursor_u8(c);
	if (to->version >= 4)
		ret->max_ops = cursor_u8(c);
	cursor_u8(c); /* whether rows are statements at first */
	ret->line_base = (int8_t)cursor_u8(c);
	ret->line_range = cursor_u8(c);
	ret->opcode_base = cursor_u8(c);
	for (unsigned int i = 1; i < ret->opcode_base; i++)
		ret->lengths[i] = cursor_u8(c);
	if (c->bad || !ret->line_range || !ret->opcode_base)
		return -EBADMSG;
	if (to->version >= 5) {
		rc = files_read_table_5(&self, h, c, true, to);
		if (!rc)
			rc = files_read_table_5(&self, h, c, false, to);
	} else {
		rc = files_read_4(c, to);
	}
	if (rc == -ENOMEM)
		return rc;
	/* Lines without files are better than nothing. */
	*c = cursor_of(program, (size_t)(end - program));
	return 0;
}

static const char *files_dir(const struct dwarf_lines *l, uint64_t dir)
{
	const char *s = NULL;

	if (l->version < 5)
		dir--; /* 0 is the compilation directory */
	if (dir < l->dirs.n)
		s = l->dirs.at[dir];
	return s ? s : "";
}

static const char *files_slash(const char *dir)
{
	size_t n = strlen(dir);

	return !n || dir[n - 1] == '/' ? "" : "/";
}

const char *dwarf_lines_file(struct dwarf_lines *l, const char *comp_dir, uint32_t file)
{
	uint64_t i = l->version >= 5 ? file : (uint64_t)file - 1;
	struct dwarf_source_file *f = i < l->files.n ? &l->files.at[i] : NULL;
	const char *dir;

	if (!f || !f->name || f->name[0] == '/')
		return f ? f->name : NULL;
	if (f->path)
		return f->path;
	dir = files_dir(l, f->dir);
	if (dir[0] == '/' || !comp_dir || (l->version >= 5 && f->dir == 0))
		comp_dir = "";
	if (asprintf(&f->path, "%s%s%s%s%s", comp_dir, files_slash(comp_dir), dir, files_slash(dir),
		     f->name) < 0) {
		f->path = NULL;
		return f->name;
	}
	l->bytes += strlen(f->path) + 1;
	return f->path;
}
