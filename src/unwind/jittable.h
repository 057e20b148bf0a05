/* jittable.h - unwind rows for one mapping of generated code, from what its runtime tells.
 *
 * Rows are in "offset from the start of the mapping" space. Where no code with call frame information
 * is, RULE_END says so: the walker tries the frame pointer there. Of pieces of code that overlap
 * the last one holds.
 *
 * A runtime writes each piece's .eh_frame as if it followed the code, aligned to 8 (V8, CPython; perf
 * reads it so). Its addresses are therefore only believed as far as they lie in the code as it was
 * there; a single description with another address is taken for the whole piece.
 */
#ifndef WAGGLE_UNWIND_JITTABLE_H
#define WAGGLE_UNWIND_JITTABLE_H

#include "unwind/table.h"

struct jittable_code {
	uint64_t start, size;    /* where it is now */
	uint64_t home;           /* where it was made, to which the .eh_frame refers */
	const uint8_t *eh_frame; /* borrowed; NULL when there is none: it only hides what was before */
	uint32_t eh_size;
};

/* 0 with a table (table_free()); -ENODATA when no code with information is in [start, end), -EFBIG
 * when that is more than frames can name, -ENOMEM. */
int jittable_build(const struct jittable_code *codes, size_t n, uint64_t start, uint64_t end,
		   struct table *ret);

#endif
