/* stubs_fuzz.c - any bytes as call stubs or start code: rows go forward, stay inside, and say heights
 * that can be.
 */
#include <stdint.h>
#include <stdlib.h>

#include "unwind/stubs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1); /* exactly so long that the sanitizer sees one byte more */
	struct stubs s;
	struct stub_row row;
	uint32_t next = 0;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	copy = realloc(copy, size ? size : 1);
	s = stubs_of(copy, size);
	while (stubs_next(&s, &row)) {
		if (row.at < next || row.at >= size || row.cfa_off < 8 || row.cfa_off % 8 ||
		    row.fp_at > row.cfa_off)
			abort();
		next = row.at + 1;
	}
	if (row.at < next || row.at > size)
		abort();
	free(copy);
	return 0;
}
