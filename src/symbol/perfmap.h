/* perfmap.h - the symbol map a JIT compiler writes: lines of "start size name", both numbers hex.
 *
 * The file only ever grows: code that replaces older code is simply listed again, so where entries
 * overlap the last one holds. Lines that make no sense are skipped and counted. (Format: perf's
 * jit-interface.txt in the kernel's tools/perf/Documentation.)
 *
 * Ownership: perfmap_free(). Thread safety: a built map may be read by many threads.
 */
#ifndef WAGGLE_SYMBOL_PERFMAP_H
#define WAGGLE_SYMBOL_PERFMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct perfmap;

struct perfmap_entry {
	uint64_t start, size; /* size is not 0, the end does not wrap */
	char *name;           /* in the line */
};

/* Takes one line (without its newline) apart, in place; false when it makes no sense. */
bool perfmap_line(char *line, struct perfmap_entry *ret);

/* Takes over `data` (malloc'ed, len bytes, also on failure). 0 or -ENOMEM. */
int perfmap_new(char *data, size_t len, struct perfmap **ret);
/* Reads a whole file. -EFBIG when it is larger than a map may be, -EINVAL when not a regular file.
 */
int perfmap_read(int fd, struct perfmap **ret);
void perfmap_free(struct perfmap *m);
/* The name that covers the address, NULL when none does. Borrowed. */
const char *perfmap_find(const struct perfmap *m, uint64_t addr);
size_t perfmap_count(const struct perfmap *m);
size_t perfmap_skipped(const struct perfmap *m);

#endif
