/* table_options.c - options of unwind tables; see table_options.h. */
#include "cli/table_options.h"

#include <errno.h>
#include <stddef.h>

#define AT(field) offsetof(struct table_opts, field)
const struct option_row table_options[] = {
	{ "max-memory", 0, OPTION_U64, AT(memory_mb), "MB",
	  "memory for unwind tables; the least recently seen give way (default 64)", .min = 8, .max = 4096,
	  .group = "Unwind tables" },
	{ "cache-dir", 0, OPTION_TEXT, AT(cache_dir), "DIR",
	  "keep unwind tables here for later runs (default: WAGGLE_CACHE_DIR, else a folder of your own)" },
	{ "no-cache", 0, OPTION_FLAG, AT(no_cache), NULL,
	  "neither read unwind tables of earlier runs nor keep any" },
	{ NULL },
};
#undef AT

int table_options_check(const struct table_opts *o, struct files_opts *ret, struct err *e)
{
	if (o->no_cache && o->cache_dir)
		return err_set(e, -EINVAL, "--no-cache and --cache-dir exclude each other");
	*ret = (struct files_opts){
		.max_bytes = o->memory_mb << 20,
		.cache_dir = o->cache_dir,
		.no_cache = o->no_cache,
	};
	return 0;
}
