/* mappings_fuzz.c - any text as /proc/PID/maps, and as os-release: both may be a container's. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "process/mappings.h"
#include "symbol/distro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mappings m;
	struct distro d = { 0 };
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (mappings_parse(text, size, &m) == 0) {
		for (size_t i = 0; i < m.list.n; i++)
			if (m.list.at[i].start >= m.list.at[i].end ||
			    strlen(mapping_path(&m, &m.list.at[i])) > size)
				abort();
		mappings_free(&m);
	}
	distro_parse(text, &d);
	free(text);
	return 0;
}
