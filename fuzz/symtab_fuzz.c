/* symtab_fuzz.c - symbol tables, call stubs and mini debug info of a hostile file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "elf/symtab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct elf_image *img;
	struct symbol s;
	struct symtab *t;

	if (elf_image_memory(data, len, &img, NULL))
		return 0;
	if (symtab_new(img, &t) == 0) {
		for (uint64_t at = 0; at < 0x10000; at += 13)
			if (symtab_find(t, at, &s) && (at < s.vaddr || !*s.name || !s.size))
				abort();
		symtab_find(t, UINT64_MAX, &s);
		symtab_free(t);
	}
	elf_image_free(img);
	return 0;
}
