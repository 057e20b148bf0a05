/* perfmap_fuzz.c - a JIT symbol map: text that a runtime writes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/perfmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy = malloc(len + 1);
	struct perfmap *m;

	if (!copy)
		return 0;
	memcpy(copy, data, len);
	if (perfmap_new(copy, len, &m) == 0) {
		for (uint64_t at = 0; at < 0x4000; at += 7) {
			const char *name = perfmap_find(m, at);

			if (name && !*name)
				abort();
		}
		perfmap_find(m, UINT64_MAX);
		perfmap_free(m);
	}
	return 0;
}
