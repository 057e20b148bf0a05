/* demangle_fuzz.c - names of hostile symbol tables; every input is tried as both manglings. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/symbolizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const start[] = {"", "_Z", "_R"};

	for (int i = 0; i < 3; i++) {
		char *name = malloc(len + 3), *text;

		if (!name)
			return 0;
		strcpy(name, start[i]);
		memcpy(name + strlen(start[i]), data, len);
		name[strlen(start[i]) + len] = '\0';
		text = demangle(name);
		if (text && !*text)
			abort();
		free(text);
		free(name);
	}
	return 0;
}
