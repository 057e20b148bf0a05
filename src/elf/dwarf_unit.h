/* dwarf_unit.h - units, their abbreviations and values: what the dwarf_*.c files share.
 *
 * Thread safety: several threads may read a file's units. Each unit's `head` is made once by whoever
 * needs it first; `body` belongs to the thread that was given the unit (see dwarf.c).
 */
#ifndef WAGGLE_ELF_DWARF_UNIT_H
#define WAGGLE_ELF_DWARF_UNIT_H

#include <dwarf.h>
#include <stdatomic.h>

#include "base/cursor.h"
#include "base/vec.h"
#include "elf/dwarf_sections.h"

struct dwarf_body;
struct dwarf_unit;

/* -- abbreviations: the shapes of entries --------------------------------------------------------- */

struct dwarf_attr {
	uint16_t name, form; /* DW_AT_, DW_FORM_ */
	int32_t implicit;    /* the value of DW_FORM_implicit_const, as far as it fits */
};

enum dwarf_step_kind { /* how to get past a value; see dwarf_form.c */
	STEP_UNKNOWN, STEP_FIXED, STEP_OFFSET, STEP_ADDR, STEP_REF_ADDR, STEP_ULEB, STEP_STRING,
	STEP_BLOCK1, STEP_BLOCK2, STEP_BLOCK4, STEP_BLOCK, STEP_INDIRECT, STEP_SIBLING,
};

struct dwarf_step {
	uint8_t kind;
	uint16_t n; /* STEP_FIXED: bytes, neighbours added up */
};

struct dwarf_abbrev {
	uint64_t code;
	uint16_t tag, n_attrs, n_steps;
	bool children;
	bool code_range; /* has an address: DW_AT_low_pc or DW_AT_ranges */
	bool sibling;    /* has STEP_SIBLING */
	uint32_t attr, step; /* the first of them */
};

struct dwarf_abbrevs {
	VEC(struct dwarf_abbrev) list; /* by code */
	VEC(struct dwarf_attr) attrs;
	VEC(struct dwarf_step) steps;
	bool dense; /* code i is list.at[i - 1] */
};

/* -- units ------------------------------------------------------------------------------------------ */

struct dwarf_value {
	uint8_t kind; /* enum dwarf_value_kind */
	uint64_t u;
	const char *s;
};

enum dwarf_value_kind {
	VALUE_NONE, VALUE_CONST, VALUE_ADDR, VALUE_ADDRX, VALUE_TEXT, VALUE_STR, VALUE_LINE_STR,
	VALUE_STRX, VALUE_STR_SUP, VALUE_REF /* in the file */, VALUE_REF_SUP, VALUE_OFFSET,
	VALUE_RNGLISTX, VALUE_OTHER,
};

/* What the unit's first entry says. */
struct dwarf_head {
	struct dwarf_abbrevs abbrevs;
	struct dwarf_value name, comp_dir, split_name, stmt_list, low_pc, high_pc, ranges;
	uint64_t split_id; /* DW_AT_GNU_dwo_id and its like, 0: none */
	uint64_t str_offsets, addr_base, rnglists, ranges_base; /* where indices count from */
	size_t bytes;
};

struct dwarf_file { /* one ELF file */
	struct dwarf_sections sections;
	struct dwarf_unit *units; /* by offset */
	size_t n_units;
	struct dwarf_file *supplement; /* NULL: none */
	_Atomic(size_t) head_bytes;    /* held by heads */
	_Atomic(uint64_t) work, most;  /* see dwarf_work() */
};

/* Takes `bytes` from what may be read until dwarf_work_start(): many units can point to the same huge
 * table, and a file that is read over and over is hostile. False when there is nothing left. */
static inline bool dwarf_work(struct dwarf_file *f, uint64_t bytes)
{
	return atomic_fetch_add_explicit(&f->work, bytes, memory_order_relaxed) + bytes <= f->most;
}
void dwarf_work_start(struct dwarf_file *f);

struct dwarf_unit {
	struct dwarf_file *file;
	uint64_t offset, end, root;   /* in .debug_info: header, end, first entry */
	uint64_t abbrev;              /* in .debug_abbrev */
	uint64_t split_id;            /* where the header says it */
	uint64_t str_base, rng_base;  /* where a package keeps this unit's part of the sections */
	const struct dwarf_unit *skeleton; /* of a split unit: who knows the addresses */
	uint16_t version;
	uint8_t offset_size, type; /* 4 or 8; DW_UT_ */
	_Atomic(struct dwarf_head *) head;
	struct dwarf_body *body;
};

/* Headers of all units that may hold code or what it refers to. 0 or -ENOMEM. */
int dwarf_units_read(struct dwarf_file *f);
/* Sections and units of an image. 0, -ENOENT, -ENOMEM or as elf_image_map(). */
int dwarf_file_load(struct elf_image *img, bool split, uint64_t unpack, struct dwarf_file *ret);
void dwarf_file_free(struct dwarf_file *f);
/* One unit's header at c; false when it makes no sense. Moves c behind the unit. */
bool dwarf_unit_header(struct dwarf_file *f, struct cursor *c, struct dwarf_unit *ret);
/* The unit that holds this offset of .debug_info, NULL when none does. */
struct dwarf_unit *dwarf_unit_at(const struct dwarf_file *f, uint64_t offset);

/* The unit's abbreviations and root; NULL when damaged or out of memory. */
const struct dwarf_head *dwarf_unit_head(struct dwarf_unit *u);
void dwarf_unit_forget(struct dwarf_unit *u); /* the head; no other thread may be at work */
/* The same for the one question at hand, without abbreviations. False when damaged. */
bool dwarf_unit_peek(struct dwarf_unit *u, struct dwarf_head *ret);

/* 0, -EBADMSG or -ENOMEM. */
int dwarf_abbrevs_read(const struct dwarf_unit *u, struct dwarf_abbrevs *ret);
void dwarf_abbrevs_free(struct dwarf_abbrevs *a);
const struct dwarf_abbrev *dwarf_abbrev_find(const struct dwarf_abbrevs *a, uint64_t code);

/* Reads one value. An unknown form sets c->bad. */
struct dwarf_value dwarf_form_read(const struct dwarf_unit *u, struct cursor *c, uint64_t form,
				   int64_t implicit);
/* How to get past a form; the step's size depends on the unit. */
struct dwarf_step dwarf_form_step(const struct dwarf_unit *u, uint64_t form);
/* Gets past an entry's values. *ret_sibling (0 when it has none): offset of the next sibling. */
void dwarf_entry_skip(const struct dwarf_unit *u, const struct dwarf_abbrevs *a,
		      const struct dwarf_abbrev *shape, struct cursor *c, uint64_t *ret_sibling);

/* What a value stands for; NULL or false when nothing. */
const char *dwarf_text(const struct dwarf_unit *u, const struct dwarf_head *h,
		       const struct dwarf_value *v);
bool dwarf_address(const struct dwarf_unit *u, const struct dwarf_head *h,
		   const struct dwarf_value *v, uint64_t *ret);

#endif
