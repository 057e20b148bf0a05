/* capture.h - one run of a capturing command: signals, waiting for the target, progress, the
 * session, the outputs and the exit code.
 *
 * The first SIGINT or SIGTERM ends the capture and everything is still written; one during a
 * download ends that; a second one leaves at once and takes the temporary files with it.
 *
 * Ownership: everything is borrowed for the call. Errors: said on standard error, as an exit code.
 * Thread safety: one at a time, from the main thread; it owns the process's signal handlers.
 */
#ifndef WAGGLE_CLI_CAPTURE_H
#define WAGGLE_CLI_CAPTURE_H

#include "cli/capture_options.h"

struct capture_job {
	const char *source;          /* its name in source/sources.def, and the command's */
	const char *what;            /* what it counts, for the line of progress: "samples" */
	struct capture_cli *options; /* checked */
	const struct option_rest *rest;
	struct capture_opts capture;
};

/* argv: the command line as main() got it, for the profile. Returns the exit code. */
int capture_run(const struct capture_job *job, int argc, char **argv);

#endif
