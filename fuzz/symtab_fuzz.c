/* symtab_fuzz.c - symbol tables, call stubs and mini debug info of a hostile file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "elf/lookup.h"

#define STEP    13
#define QUERIES (0x10000 / STEP)
#define SHORT   64 /* names may be cut there when a file has too many */

/* One pass over the symbols must say what the sorted table says. */
static void compare(const struct symtab *t, struct elf_image *img)
{
	static uint64_t vaddrs[QUERIES];
	static struct symbol got[QUERIES];
	struct buf names = {0};
	size_t n = symtab_count(t);
	struct symbol s;

	for (size_t i = 0; i < QUERIES; i++) {
		vaddrs[i] = i * STEP;
		if (n && i % 2) { /* around where they start and end */
			s = symtab_at(t, i / 2 % n);
			vaddrs[i] = s.vaddr + (i % 4 == 1 ? 0 : s.size) - i / 4 % 2;
		}
	}
	if (symbol_lookup(img, vaddrs, QUERIES, got, &names) == 0) {
		for (size_t i = 0; i < QUERIES; i++) {
			bool found = symtab_find(t, vaddrs[i], &s);

			if (found != (got[i].name != NULL))
				abort();
			if (found && (s.vaddr != got[i].vaddr || s.size != got[i].size ||
				      strncmp(s.name, got[i].name, SHORT) != 0))
				abort();
		}
	}
	buf_free(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct elf_image *img;
	struct symbol s;
	struct symtab *t;

	if (elf_image_memory(data, len, &img, NULL))
		return 0;
	if (symtab_new(img, &t) == 0) {
		for (uint64_t at = 0; at < 0x10000; at += STEP)
			if (symtab_find(t, at, &s) && (at < s.vaddr || !*s.name || !s.size))
				abort();
		symtab_find(t, UINT64_MAX, &s);
		compare(t, img);
		symtab_free(t);
	}
	elf_image_free(img);
	return 0;
}
