/* release_fuzz.c - any text as os-release: it may be a container's. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/distro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct distro d = { 0 };
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	distro_parse(text, &d);
	free(text);
	return 0;
}
