/* command.h - a command of the program, a row in a table.
 *
 * To add a command: write cli/NAME_command.c (`cpu_command.c`) that defines
 * `const struct command command_NAME`, and add ROW(NAME) to cli/commands.def. Usage text, man page and
 * completion are printed from the option tables.
 */
#ifndef WAGGLE_CLI_COMMAND_H
#define WAGGLE_CLI_COMMAND_H

#include "base/err.h"
#include "cli/option.h"

/* Exit codes of the program; documented in the man page and doc/exit-codes.md. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_GATE = 3,
	EXIT_TARGET = 4,      /* the target ended or was never there */
	EXIT_PERMISSION = 5,
	EXIT_UNSUPPORTED = 6, /* by this kernel */
	EXIT_STRICT = 7,      /* finished, but the ledger is below the bar of --strict */
};

/* What the codes mean, for the man page. The table ends with text == NULL. */
struct exit_row {
	int code;
	const char *text;
};
const struct exit_row *command_exit_rows(void);

struct command {
	const char *name;
	const char *summary;     /* one line, no full stop */
	const char *usage;       /* what follows the name: "[OPTIONS] [DURATION] [-- COMMAND ..]" */
	const char *description; /* paragraphs for --help and the man page, parted by empty lines */
	const char *examples;    /* lines of "command<TAB>what it does" */
	const char *const *words;/* what may stand as the first word, for completion; NULL = file names */
	const struct option_table *options;      /* ends with rows == NULL; NULL = no options */
	/* argv[0] is the command's name. Returns an exit code. */
	int (*run)(int argc, char **argv);
};

const struct command *const *command_all(void); /* NULL-terminated, in the order of help */
const struct command *command_by_name(const char *name);

/* Prints "waggle: sentence" to standard error and returns the exit code that fits e->code. */
int command_fail(const struct err *e);
int exit_code_of(int negative_errno);

/* option_parse() with the command's own tables, and --help answered. Returns -1 to go on, or an exit
 * code to leave with (the sentence has been printed). Call option_free() in either case. */
int command_parse(const struct command *c, int argc, char **argv, void *values,
		  struct option_rest *rest);

#endif
