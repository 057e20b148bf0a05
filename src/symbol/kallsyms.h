/* kallsyms.h - the parts of kallsyms.c that only this folder and its tests need. */
#ifndef WAGGLE_SYMBOL_KALLSYMS_H
#define WAGGLE_SYMBOL_KALLSYMS_H

#include "symbol/symbolizer.h"

/* kallsyms_read() from any two files; modules_fd may be -1. The descriptors stay the caller's. */
int kallsyms_read_fd(int fd, int modules_fd, struct kallsyms **ret, struct err *e);

/* The base that was subtracted from an image's addresses; `name` as kallsyms_image() gave it.
 * False when no such image is loaded now. */
bool kallsyms_base(const struct kallsyms *k, enum object_kind kind, const char *name,
		   uint64_t *ret_base);

#endif
