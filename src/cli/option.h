/* option.h - command line options as data: parser, help, man page and completion read the same rows.
 *
 * A table ends with a row whose name is NULL. Tables are shared between commands (output, filters):
 * a command lists them with the place of their struct in its own, and values are stored at
 * base + offset of the struct that option_parse() is given. A list option appends (a comma-separated
 * argument appends each part). Long options accept "--name=value" and "--name value"; short ones
 * bundle as getopt's do. "--" ends the options and what follows is the command to run.
 *
 *	static const struct option_table cpu_tables[] = {
 *		{ cpu_options, 0 },
 *		{ output_options, offsetof(struct cpu_opts, output) },
 *		{ NULL, 0 },
 *	};
 */
#ifndef WAGGLE_CLI_OPTION_H
#define WAGGLE_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"

enum option_type {
	OPTION_FLAG,      /* bool */
	OPTION_U32,       /* uint32_t in [min, max] */
	OPTION_U64,       /* uint64_t in [min, max] */
	OPTION_DOUBLE,    /* double in [min, max] */
	OPTION_TEXT,      /* const char *, borrowed from argv */
	OPTION_TEXTS,     /* struct option_texts: repeatable, not split at commas */
	OPTION_IDS,       /* struct option_ids: repeatable, split at commas, each in [min, max] */
	OPTION_CPUS,      /* struct option_ids: like IDS with ranges "0-3,8" */
	OPTION_DURATION,  /* uint64_t, ns */
	OPTION_MICROS,    /* uint64_t, ns: a duration whose bare numbers are microseconds */
	OPTION_CHOICE,    /* uint32_t: index in `choices` (NULL-terminated) */
	OPTION_REFUSED,   /* accepted by the peer we are compatible with: `help` says what to use instead */
};

struct option_texts { VEC(const char *) list; };
struct option_ids { VEC(uint32_t) list; };

struct option_row {
	const char *name;   /* long name without dashes; NULL ends the table */
	char letter;        /* short name, 0 = none */
	enum option_type type;
	size_t offset;
	const char *arg;    /* what the argument is called in help: "PID,..", "HZ" */
	const char *help;   /* one sentence */
	double min, max;    /* numbers only; max 0 = no limit */
	const char *const *choices;
	const char *group;  /* heading in help: "Targets", "Output", .. (NULL: same as the row before) */
};

/* A list of these ends with rows == NULL. */
struct option_table {
	const struct option_row *rows;
	size_t base;
};

struct option_rest {
	VEC(const char *) words; /* positional arguments, borrowed */
	char **command;          /* after "--", NULL when there was none */
	int n_command;
	bool help;               /* -h or --help was given */
};

/* Parses argv[1..]. 0, or -EINVAL with a sentence (unknown option with the nearest known one, missing
 * or bad value, option given twice with different values, ..), or -ENOMEM. What is not given keeps the
 * value it has, so defaults are set before. Free the lists with option_free() in either case. */
int option_parse(int argc, char **argv, const struct option_table *tables, void *values,
		 struct option_rest *rest, struct err *e);
void option_free(const struct option_table *tables, void *values, struct option_rest *rest);

/* Does this kind of option take an argument? */
bool option_takes_argument(const struct option_row *row);

#endif
