/* plt.h - which function each stub of the procedure linkage table calls. Used by symtab.c and lookup.c. */
#ifndef WAGGLE_ELF_PLT_H
#define WAGGLE_ELF_PLT_H

#include "elf/image.h"

/* Is any of the addresses in a section of stubs? Reads no more than section headers. */
bool plt_has(struct elf_image *img, const uint64_t *vaddrs, size_t n);

/* Calls fn for every stub whose target is known: its address and size and either the target's name
 * (borrowed from the image, NUL-terminated) or, with name NULL, the address of an indirect
 * function's resolver in this file. x86-64 only so far; other machines have no stubs named. Stops
 * when fn returns false. */
void plt_each(struct elf_image *img,
	      bool (*fn)(void *ctx, uint64_t vaddr, uint64_t size, const char *name,
			 uint64_t resolver),
	      void *ctx);

#endif
