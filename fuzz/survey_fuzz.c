/* survey_fuzz.c - any bytes as an ELF file that is to be explained: what is counted must fit the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "elf/survey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_image *img;
	struct survey s;

	if (elf_image_memory(data, size, &img, NULL))
		return 0;
	if (survey_read(img, &s) == 0) {
		if (s.described > s.text.size || s.with_fp > s.looked || s.looked > SURVEY_LOOKED)
			abort();
		if (s.dwarf_max > 5 || s.dwarf_min > s.dwarf_max)
			abort();
		if (!memchr(s.alt, 0, sizeof(s.alt)) || !memchr(s.link, 0, sizeof(s.link)))
			abort();
	}
	elf_image_free(img);
	return 0;
}
