/* dump_stats.h - what unwind tables cost, file by file: for `waggle dump stats`. */
#ifndef WAGGLE_CLI_DUMP_STATS_H
#define WAGGLE_CLI_DUMP_STATS_H

#include <stddef.h>

#include "base/err.h"

/* Prints a line a file and totals to standard output. With no file: every file that any process maps
 * executable now. Files without a table are counted; when a file was named, that is an error. */
int dump_stats(const char *const *paths, size_t n, struct err *e);

#endif
