/* cfi_fuzz.c - any bytes as .eh_frame or .debug_frame: every program is run, and rows must keep the
 * promises of cfi.h. The first byte chooses the kind of section.
 */
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>

#include "elf/cfi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(const struct cfi_fde *f, const struct cfi_row *rows, size_t n)
{
	if (n > cfi_rows_max(f) || (n && rows[0].vaddr != f->vaddr))
		abort();
	for (size_t i = 0; i < n; i++) {
		if (rows[i].vaddr - f->vaddr >= f->size || rows[i].rule.kind >= RULE_KIND_MAX ||
		    rows[i].rule.rbp_kind >= RBP_KIND_MAX || rows[i].rule.kind == RULE_END ||
		    rows[i].rule.cfa_reg >= 16)
			abort();
		if (i && (rows[i].vaddr <= rows[i - 1].vaddr ||
			  unwind_rule_same(&rows[i].rule, &rows[i - 1].rule)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cfi_section s = {.vaddr = 0x401000};
	uint64_t vaddr;
	struct cfi c;

	if (!size)
		return 0;
	s.data = data + 1;
	s.size = size - 1;
	s.eh = data[0] & 1;
	s.terminated = data[0] & 2;
	cfi_header_frame(&s, &vaddr);
	if (cfi_read(&c, cfi_arch_of(EM_X86_64), &s))
		return 0;
	for (size_t i = 0; i < c.fdes.n; i++) {
		size_t max = cfi_rows_max(&c.fdes.at[i]);
		struct cfi_row *rows = malloc(max * sizeof(*rows));

		if (!rows)
			abort();
		check_rows(&c.fdes.at[i], rows, cfi_run(&c, &c.fdes.at[i], rows));
		free(rows);
	}
	cfi_free(&c);
	return 0;
}
