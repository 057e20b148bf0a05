/* runtime.h - does a process run code that it generates itself, and does it tell the names of it? */
#ifndef WAGGLE_SYMBOL_RUNTIME_H
#define WAGGLE_SYMBOL_RUNTIME_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "process/maps.h"

struct runtime_row {
	const char *id, *programs, *libraries, *words, *remedy;
};

struct runtime {
	const struct runtime_row *row; /* NULL: none that is known */
	uint64_t generated; /* bytes of executable memory that no file is behind */
	bool asked;         /* one of its words is on the command line or in the environment */
	bool map;           /* it has written a symbol map .. */
	char map_path[64];  /* .. here, below its root */
	char remedy[400];   /* with the process's number in it; "" when there is nothing to do */
};

/* Thread safe. What may not be read counts as absent. */
void runtime_read(uint32_t pid, const struct maps *m, struct runtime *ret);
/* The row for a program or library of this path; NULL. */
const struct runtime_row *runtime_of(const char *path, bool library);

#endif
