/* names_options.h - where names are looked for, as options, shared by commands that name frames.
 *
 * Two tables over one struct: files of this machine, and servers.
 *
 * Between names_begin() and names_end() the finder may be used. While it downloads, a line on standard
 * error says so (when `talk`), and names_interrupt(), called from a signal handler, ends the download:
 * naming goes on with what there is.
 */
#ifndef WAGGLE_CLI_NAMES_OPTIONS_H
#define WAGGLE_CLI_NAMES_OPTIONS_H

#include "cli/option.h"
#include "symbol/debugfile.h"

struct names_opts {
	struct option_texts dirs, files;
	bool no_debuginfod;
	uint64_t timeout; /* ns */
	uint64_t unpack;  /* MiB */
};

#define NAMES_DEFAULTS { .timeout = 30 * UINT64_C(1000000000) }

extern const struct option_row names_file_options[];   /* debug-dir debug-file */
extern const struct option_row names_server_options[]; /* no-debuginfod debuginfod-timeout */

/* 0, or -errno with a sentence: a directory or file that was named is not there or of no use. `o` must
 * outlive the finder. One at a time. */
int names_begin(const struct names_opts *o, bool talk, struct debugfiles **ret, struct err *e);
/* From here on (or not any more) downloads are shown: a capture has a line of its own until it names. */
void names_talk(bool talk);
/* For commands without signal handlers of their own: from here to names_end() SIGINT ends a download
 * first and the program only when there is none. */
void names_catch_interrupt(void);
/* True when a download was going on and has been told to end. Async-signal-safe. */
bool names_interrupt(void);
/* Says on standard error (unless `quiet`) which named files matched nothing and how downloading went,
 * and frees the finder. Accepts NULL. */
void names_end(struct debugfiles *d, const struct names_opts *o, bool quiet);

#endif
