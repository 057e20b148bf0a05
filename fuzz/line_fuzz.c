/* line_fuzz.c - any bytes as .debug_line: the table must keep the promises of dwarf_body.h. The first
 * byte is left out; .debug_line_str and .debug_str are the same bytes.
 */
#include <stdlib.h>

#include "elf/dwarf_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct dwarf_lines *l)
{
	for (size_t i = 0; i < l->sequences.n; i++) {
		const struct dwarf_sequence *s = &l->sequences.at[i];
		const struct dwarf_row *row;

		if (s->end <= s->start || !s->n || s->first + s->n > l->rows.n ||
		    l->rows.at[s->first].delta != 0)
			abort();
		for (size_t k = 1; k < s->n; k++)
			if (l->rows.at[s->first + k].delta <= l->rows.at[s->first + k - 1].delta)
				abort();
		row = dwarf_lines_find(l, s->end - 1);
		if (!row)
			abort();
		dwarf_lines_file(l, "/home", row->file);
		dwarf_lines_find(l, s->start);
		dwarf_lines_find(l, s->end);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dwarf_head *head = calloc(1, sizeof(*head));
	struct dwarf_code code = {0};
	struct dwarf_file f = {0};
	struct dwarf_unit u = {.file = &f, .version = 5, .offset_size = 4};
	struct dwarf_lines l;

	if (!head || !size) {
		free(head);
		return 0;
	}
	head->stmt_list.kind = VALUE_OFFSET;
	u.head = head;
	f.sections.at[DWARF_LINE] = (struct dwarf_bytes){data + 1, size - 1};
	f.sections.at[DWARF_STR] = f.sections.at[DWARF_LINE_STR] = f.sections.at[DWARF_LINE];
	dwarf_work_start(&f);
	if (dwarf_lines_read(&u, &code, &l) == 0)
		check(&l);
	dwarf_lines_free(&l);
	free(head);
	return 0;
}
