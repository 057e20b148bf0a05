/* dump_lines.h - what is known of addresses in an ELF file, for `waggle dump lines`. Not thread safe
 * (stdio). */
#ifndef WAGGLE_CLI_DUMP_LINES_H
#define WAGGLE_CLI_DUMP_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* For each address (hexadecimal, as the file's symbols have them; from standard input when n is 0) its
 * chain from the innermost function on, two lines each ("function", "file:line"), and an empty line.
 * 0 or -errno with a sentence. */
struct dump_lines_opts {
	uint32_t passes; /* above 1: asks again and again and prints the times to standard error */
	uint32_t memory; /* MiB to keep between passes */
};
int dump_lines(const char *path, const char *const *addrs, size_t n, const struct dump_lines_opts *o,
	       struct err *e);

#endif
