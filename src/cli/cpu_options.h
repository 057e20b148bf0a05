/* cpu_options.h - what `waggle cpu` lets its user choose, for the commands that capture the same.
 *
 * Ownership: texts are borrowed from argv. Thread safety: main thread.
 */
#ifndef WAGGLE_CLI_CPU_OPTIONS_H
#define WAGGLE_CLI_CPU_OPTIONS_H

#include "cli/capture_options.h"

struct cpu_opts {
	struct capture_cli capture;
	bool include_idle;
	uint32_t frequency, event;
	uint64_t period;
};

extern const struct option_table cpu_tables[]; /* over a struct cpu_opts */

/* Checks the options and makes of them what the source is asked. 0, or -errno with a sentence. */
int cpu_complete(struct cpu_opts *o, const struct option_rest *rest, struct capture_opts *ret, struct err *e);

#endif
