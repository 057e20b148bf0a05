/* elfnames.h - the names of one ELF file by file offset: what the elf and vdso providers share. */
#ifndef WAGGLE_SYMBOL_ELFNAMES_H
#define WAGGLE_SYMBOL_ELFNAMES_H

#include "elf/image.h"
#include "symbol/provider.h"

struct elfnames;

/* Reads the symbols of the file and, when `debug` is not NULL, of its separate debug file, which
 * are asked first. Neither image is needed afterwards. 0 or -ENOMEM. */
int elfnames_new(struct elf_image *img, struct elf_image *debug, struct elfnames **ret);
void elfnames_free(struct elfnames *n);
int elfnames_resolve(const struct elfnames *n, const uint64_t *offsets, size_t count,
		     struct naming *to);

#endif
