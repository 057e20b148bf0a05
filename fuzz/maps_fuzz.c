/* maps_fuzz.c - the text of /proc/PID/maps: paths in it are whatever somebody called a file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "process/maps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);
	struct maps m;

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = 0;
	if (maps_parse(text, len, &m))
		return 0;
	for (size_t i = 0; i < m.list.n; i++) {
		const struct maps_range *at = &m.list.at[i];

		if (at->start >= at->end || (i && at->start < m.list.at[i - 1].end) ||
		    strlen(maps_path(&m, at)) > len || maps_find(&m, at->start) != at ||
		    maps_find(&m, at->end - 1) != at)
			abort();
	}
	maps_find(&m, UINT64_MAX);
	maps_free(&m);
	return 0;
}
