/* elfnames.h - the names of one ELF file by file offset: what the elf and vdso providers share. */
#ifndef WAGGLE_SYMBOL_ELFNAMES_H
#define WAGGLE_SYMBOL_ELFNAMES_H

#include "base/buf.h"
#include "elf/image.h"
#include "symbol/provider.h"

struct elfnames;

/* The symbols of the file and, when `debug` is not NULL, of its separate debug file, which are
 * asked first. Takes both images, also when it fails. `once`: elfnames_resolve() will be called one
 * time, so nothing is made ready for more. 0 or -ENOMEM. */
int elfnames_new(struct elf_image *img, struct elf_image *debug, bool once, struct elfnames **ret);
void elfnames_free(struct elfnames *n);
int elfnames_resolve(const struct elfnames *n, const uint64_t *offsets, size_t count,
		     struct naming *to);

/* The address of a file offset; false when it is not loaded. */
bool elfnames_vaddr(const struct elfnames *n, uint64_t offset, uint64_t *ret);

/* The linker's names at addresses, NULL where there is none. They are valid while `text` (zeroed at first,
 * the caller's to free) and `n` are untouched. 0 or -ENOMEM. */
#define ELFNAMES_TEXTS 2
int elfnames_lookup(const struct elfnames *n, const uint64_t *vaddrs, size_t count, const char **ret,
		    struct buf text[ELFNAMES_TEXTS]);

#endif
