/* output.h - where a profile goes: the options every command that ends in a profile shares, checked
 * before any work starts and written at the end.
 *
 * The rules: the format of a file follows its extension unless --format is given. Without any file,
 * standard output gets folded stacks when it is a pipe or a file, and a short report on a terminal;
 * --json turns that into one JSON object. What is said beside goes to standard error; -q silences it.
 *
 * Ownership: an output_opts borrows its texts from argv. Errors: 0 or -errno with a sentence.
 * Thread safety: none; these functions belong to the main thread of a command.
 */
#ifndef WAGGLE_CLI_OUTPUT_H
#define WAGGLE_CLI_OUTPUT_H

#include "cli/option.h"
#include "format/format.h"
#include "session/oracle_session.h"

struct output_opts {
	struct option_texts files; /* -o */
	const char *dir;           /* --output-dir; "auto" = a new one named by the time */
	const char *format, *value, *title;
	const char *streamed;      /* one of `files` that was written while capturing: left alone */
	const struct oracle_report *oracle; /* of --oracle, for --json; NULL when there is none */
	uint32_t by;               /* enum calltree_root */
	uint32_t top;
	bool folded, json, quiet, strict;
	bool annotate, delimited, inverted, addresses;
};

/* What holds when nothing is given. */
#define OUTPUT_DEFAULTS { .by = ROOT_COMM }

extern const struct option_row output_options[];

/* Do the options make sense and can every file be written? Leaves nothing behind. To be called before
 * a capture starts: nobody should wait ten seconds to learn of a typing error. */
int output_check(const struct output_opts *o, struct err *e);

/* Writes every output. Each file appears whole or not at all; the first failure stops. */
int output_write(const struct profile *p, const struct output_opts *o, struct err *e);

/* The ledger's line on standard error (unless quiet), and with --strict whether it is good enough:
 * EXIT_DONE or EXIT_STRICT. */
int output_verdict(const struct profile *p, const struct output_opts *o);

/* The first -o file that is written as `format`, NULL when there is none. A capture uses it to stream
 * its recording to that file instead of writing it at the end. */
const char *output_file_of(const struct output_opts *o, const char *format);

/* One JSON object with meta, ledger, functions and the hottest path, and what the oracle found when it
 * was asked (may be NULL) (report_json.c). */
int output_json(const struct profile *p, const struct format_opts *o,
		const struct oracle_report *oracle, struct out *to);

/* Of a profile of waits (profile/waitsum.h): ',"waits":{..}' with classes, places, locks and threads, at most
 * `top` of each; of others nothing. 0 or -ENOMEM (report_waits_json.c). */
int output_waits_json(const struct profile *p, uint32_t value, uint32_t top, struct out *to);

#endif
