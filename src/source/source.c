/* source.c - the table of sources; see source.h. */
#include "source/source.h"

#include <string.h>

#define ROW(n) extern const struct source source_##n;
#include "source/sources.def"
#undef ROW

static const struct source *const sources[] = {
#define ROW(n) &source_##n,
#include "source/sources.def"
#undef ROW
	NULL,
};

const struct source *const *source_all(void)
{
	return sources;
}

const struct source *source_by_name(const char *name)
{
	for (size_t i = 0; sources[i]; i++)
		if (!strcmp(sources[i]->name, name))
			return sources[i];
	return NULL;
}
