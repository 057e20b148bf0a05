/* dwarf_body.h - what is made of a unit when an address hits it: functions, inlining, lines.
 *
 * Ownership: the _free of each; names are borrowed from the sections. Thread safety: one thread per
 * unit at a time.
 */
#ifndef WAGGLE_ELF_DWARF_BODY_H
#define WAGGLE_ELF_DWARF_BODY_H

#include "base/spans.h"
#include "elf/dwarf_unit.h"

/* -- ranges (dwarf_ranges.c) ------------------------------------------------------------------------- */

struct dwarf_range {
	uint64_t start, end;
};

struct dwarf_ranges {
	VEC(struct dwarf_range) list;
};

/* Appends what an entry's DW_AT_low_pc, _high_pc and _ranges say. 0 or -ENOMEM. */
int dwarf_ranges_add(const struct dwarf_unit *u, const struct dwarf_head *h,
		     const struct dwarf_value *low, const struct dwarf_value *high,
		     const struct dwarf_value *ranges, struct dwarf_ranges *to);

/* Where code can be: ranges elsewhere are those of functions the linker dropped. */
struct dwarf_code {
	VEC(struct dwarf_range) list; /* empty: everywhere */
};

/* Cuts the range to the code it starts in; false when it starts in none or is empty. */
bool dwarf_code_clip(const struct dwarf_code *code, struct dwarf_range *r);

/* -- functions and what is inlined in them (dwarf_functions.c, dwarf_names.c) ------------------------ */

struct dwarf_call { /* a function, or one that is inlined in it */
	uint64_t entry;    /* in .debug_info */
	const char *name;  /* NULL until asked, "" when there is none */
	uint32_t in;       /* index of the one it is inlined in; the first is the function itself */
	uint32_t file, line; /* where it is called */
};

struct dwarf_inlining { /* of one function */
	struct dwarf_call *calls;
	uint32_t n;
	struct spans spans; /* address -> index of the innermost */
};

struct dwarf_function {
	uint64_t entry; /* in .debug_info */
	struct dwarf_inlining *inlining; /* NULL until an address is in it */
};

struct dwarf_functions {
	VEC(struct dwarf_function) list;
	struct spans spans; /* address -> index */
	bool deep;          /* bodies were searched for functions, too */
	size_t bytes;
};

/* All functions with code. Unless `deep`, what is behind a DW_AT_sibling is skipped, which loses
 * functions inside of functions and types. 0, -EBADMSG (what came before is there), or -ENOMEM. */
int dwarf_functions_read(struct dwarf_unit *u, const struct dwarf_code *code, bool deep,
			 struct dwarf_functions *ret);
void dwarf_functions_free(struct dwarf_functions *f);
/* The function at the address with its inlining. 0 with NULL when there is none, or -ENOMEM. */
int dwarf_functions_find(struct dwarf_unit *u, struct dwarf_functions *f, uint64_t vaddr,
			 struct dwarf_inlining **ret);
/* The name of a function's entry: the linker's where there is one. NULL when there is none. */
const char *dwarf_entry_name(struct dwarf_unit *u, uint64_t entry);

/* -- lines (dwarf_lines.c, dwarf_line_files.c) -------------------------------------------------------- */

struct dwarf_row { /* from here to the next one */
	uint32_t delta; /* from the start of its sequence */
	uint32_t file, line;
};

struct dwarf_sequence {
	uint64_t start, end;
	size_t first, n; /* rows */
};

struct dwarf_source_file {
	const char *name;
	uint64_t dir;
	char *path; /* NULL until asked; owned */
};

struct dwarf_lines {
	VEC(struct dwarf_row) rows;
	VEC(struct dwarf_sequence) sequences; /* by end */
	VEC(struct dwarf_source_file) files;  /* file i of version 5, i + 1 of those before */
	VEC(const char *) dirs;               /* likewise */
	uint16_t version;
	size_t bytes;
};

/* The unit's line table, with everything about dropped functions left out. 0 (also when it has none or
 * a damaged one: what came before the damage is there) or -ENOMEM. */
int dwarf_lines_read(struct dwarf_unit *u, const struct dwarf_code *code, struct dwarf_lines *ret);
void dwarf_lines_free(struct dwarf_lines *l);
/* NULL when no row covers the address. */
const struct dwarf_row *dwarf_lines_find(const struct dwarf_lines *l, uint64_t vaddr);
/* The path of a file by the number rows and calls give it; NULL when there is none. Borrowed. */
const char *dwarf_lines_file(struct dwarf_lines *l, const char *comp_dir, uint32_t file);

/* The part of .debug_line before the program: fills version, files and dirs and moves c to the
 * program, which ends where c ends. */
struct dwarf_line_header {
	uint8_t min_length, max_ops, opcode_base, line_range;
	int8_t line_base;
	uint8_t lengths[256]; /* operands of standard opcodes */
};
int dwarf_line_header_read(struct dwarf_unit *u, const struct dwarf_head *h, struct cursor *c,
			   struct dwarf_line_header *ret, struct dwarf_lines *to);

#endif
