/* table.h - a file's unwind rows, from its call frame information, in file-offset space.
 *
 * table_build() reads .eh_frame (by section, else through .eh_frame_hdr's segment), falling back to
 * .debug_frame (both when both are there: Go with C parts), runs every FDE's program, turns addresses
 * into file offsets through the executable PT_LOADs, sorts, merges equal neighbours, and puts RULE_END
 * rows where no function is described. The last row is always RULE_END. The entry point gets
 * RULE_BOTTOM when no FDE covers it (ld.so); call stubs that the linker did not describe get rows
 * read off their code (stubs.h).
 *
 * Gaps: what lies between two functions and is nothing but padding (less than 16 bytes, and less than
 * the alignment of the next function's start) carries on the rule before it, which saves a third of
 * the rows; no larger gap ever matches the previous function. A return address is looked up as RA-1,
 * so a call that ends a function (noreturn) still finds that function.
 * Overlaps: of two FDEs that start at the same place the first wins; any other FDE is cut short where
 * the next one starts.
 * Target: >= 10 M rows a second on one core; no allocation per row or per FDE; memory: 8 bytes a row,
 * the section's bytes, and while it is built some 40 bytes an FDE.
 *
 * Ownership: table_free(). Thread safety: none shared; several builds may run at once.
 */
#ifndef WAGGLE_UNWIND_TABLE_H
#define WAGGLE_UNWIND_TABLE_H

#include "bpf/abi.h"
#include "elf/cfi.h"
#include "elf/image.h"

struct table_row { /* eight bytes: a browser has millions */
	uint64_t offset : 48; /* file offset from which the rule holds */
	uint64_t rule : 16;   /* index into the table's own rules */
};

struct table {
	struct table_row *rows;
	size_t n;
	struct unwind_rule *rules; /* each once; 0 is RULE_END, 1 is RULE_UNKNOWN */
	uint32_t n_rules;
	size_t n_fdes, n_bad; /* descriptions read, and those that made no sense */
	size_t n_outside;     /* those of addresses in no executable segment: dropped */
};

/* Tables are kept on disk: what of a file is looked at here must be in packed_print_of(), and the sources
 * that do it in the Makefile's TABLE_SRC.
 *
 * 0; -ENODATA when the file has no call frame information (for any code in it) or its machine is not
 * ours; -ENOMEM; -EBADMSG when it cannot be parsed at all. Individual bad FDEs are skipped and counted;
 * when it is only the program that is bad, the function has RULE_UNKNOWN. So have, and count as bad,
 * functions with rules beyond the 65,536 that rows can number. */
int table_build(struct elf_image *img, struct table *ret, struct err *e);
void table_free(struct table *t);

/* Where the file keeps its call frame information: .eh_frame, or else .debug_frame. -ENOENT, -EBADMSG. */
int table_cfi_section(struct elf_image *img, bool eh, struct cfi_section *ret);

static inline const struct unwind_rule *table_rule(const struct table *t, size_t row)
{
	return &t->rules[t->rows[row].rule];
}

#endif
