/* lookup.h - the functions that cover a few addresses, without a table of all of them.
 *
 * For one question to a file: a pass over its symbols as they are, which costs a fraction of
 * sorting them. Whoever asks again and again builds a symtab.
 */
#ifndef WAGGLE_ELF_LOOKUP_H
#define WAGGLE_ELF_LOOKUP_H

#include "base/buf.h"
#include "elf/symtab.h"

/* Sets ret[i] to what symtab_find() would say for vaddrs[i] (which need no order); its name is NULL
 * where nothing covers the address. The names lie in `names`, which must be zeroed or empty and is
 * the caller's to free; they are valid while it is untouched. 0 or -ENOMEM. The image may be closed
 * afterwards. Thread safety: one thread at a time per image. */
int symbol_lookup(struct elf_image *img, const uint64_t *vaddrs, size_t n, struct symbol *ret,
		  struct buf *names);

#endif
