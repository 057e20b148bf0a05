/* table_options.h - how much memory unwind tables may take and where they are kept, as options shared by
 * all commands that capture.
 */
#ifndef WAGGLE_CLI_TABLE_OPTIONS_H
#define WAGGLE_CLI_TABLE_OPTIONS_H

#include "cli/option.h"
#include "session/files.h"

struct table_opts {
	uint64_t memory_mb; /* 0 = the default */
	const char *cache_dir;
	bool no_cache;
};

extern const struct option_row table_options[];

/* 0, or -EINVAL with a sentence. */
int table_options_check(const struct table_opts *o, struct files_opts *ret, struct err *e);

#endif
