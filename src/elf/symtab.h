/* symtab.h - the function symbols of an ELF file, sorted, for address look-up.
 *
 * Ownership: symtab_free(). Names are borrowed from the table. Thread safety: a built table may be
 * read by many threads.
 */
#ifndef WAGGLE_ELF_SYMTAB_H
#define WAGGLE_ELF_SYMTAB_H

#include "elf/image.h"

struct symtab;

struct symbol {
	uint64_t vaddr, size; /* size 0: up to the next symbol */
	const char *name;     /* the linker's (mangled) name */
};

/* Functions of .symtab and .dynsym and of the mini debug info in .gnu_debugdata (xz), merged; where
 * several names share an address the most telling that reaches far enough wins (global over weak
 * over local, fewest leading underscores). 0 with an empty table when there are none; -errno only
 * when out of memory. Symbol tables that lie about sizes, names or entries lose just the entries
 * that lie. */
int symtab_new(struct elf_image *img, struct symtab **ret);
void symtab_free(struct symtab *t);
size_t symtab_count(const struct symtab *t);
/* The i-th symbol by address, i < symtab_count(). */
struct symbol symtab_at(const struct symtab *t, size_t i);
/* The function that covers the address. False when none does: a symbol with a size covers exactly
 * that; one without reaches to the next symbol or the end of its section. */
bool symtab_find(const struct symtab *t, uint64_t vaddr, struct symbol *ret);

#endif
