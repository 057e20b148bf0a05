/* cpu_command.h - the options and the run of `waggle cpu`, for commands that are it with a view: serve, top.
 *
 * Ownership: see capture_options.h; option_free() with cpu_tables. Thread safety: the main thread only.
 */
#ifndef WAGGLE_CLI_CPU_COMMAND_H
#define WAGGLE_CLI_CPU_COMMAND_H

#include "cli/capture.h"

struct cpu_opts {
	struct capture_cli capture;
	bool include_idle;
	uint32_t frequency, event, oracle;
	const char *oracle_out;
	uint64_t period;
};

#define CPU_DEFAULTS { .capture = CAPTURE_DEFAULTS }

extern const struct option_table cpu_tables[];

/* Checks what was parsed and captures. Returns the exit code. */
int cpu_capture(struct cpu_opts *o, const struct option_rest *rest, int argc, char **argv);

#endif
