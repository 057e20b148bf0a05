/* command.c - the table of commands and how a failure becomes a sentence and an exit code. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/usage.h"

#define ROW(name) extern const struct command command_##name;
#include "cli/commands.def"
#undef ROW

static const struct command *const commands[] = {
#define ROW(name) &command_##name,
#include "cli/commands.def"
#undef ROW
	NULL,
};

const struct command *const *command_all(void)
{
	return commands;
}

const struct command *command_by_name(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static const struct exit_row command_exit_table[] = {
	{ EXIT_DONE, "Done." },
	{ EXIT_FAILED, "Failed: a file could not be read or written, or something unforeseen." },
	{ EXIT_USAGE, "Wrong usage: unknown or contradictory options, an unknown format." },
	{ EXIT_GATE, "A gate failed: a regression or a threshold that was asked to be checked." },
	{ EXIT_TARGET, "The target ended before it could be profiled, or was never there." },
	{ EXIT_PERMISSION, "Not permitted." },
	{ EXIT_UNSUPPORTED, "Not supported by this kernel." },
	{ EXIT_STRICT, "Finished, but the ledger is below the bar that --strict set." },
	{ 0, NULL },
};

const struct exit_row *command_exit_rows(void)
{
	return command_exit_table;
}

static const struct {
	int error, exit;
} command_exits[] = {
	{ -EINVAL, EXIT_USAGE },       { -EPERM, EXIT_PERMISSION },
	{ -EACCES, EXIT_PERMISSION },  { -ENOTSUP, EXIT_UNSUPPORTED },
	{ -ENOSYS, EXIT_UNSUPPORTED }, { -ESRCH, EXIT_TARGET },
};

int exit_code_of(int negative_errno)
{
	if (!negative_errno)
		return EXIT_DONE;
	for (size_t i = 0; i < sizeof(command_exits) / sizeof(*command_exits); i++)
		if (command_exits[i].error == negative_errno)
			return command_exits[i].exit;
	return EXIT_FAILED;
}

int command_fail(const struct err *e)
{
	fflush(stdout);
	if (e->text[0])
		fprintf(stderr, "waggle: %s\n", e->text);
	else
		fprintf(stderr, "waggle: %s\n", strerror(-e->code));
	return e->code ? exit_code_of(e->code) : EXIT_FAILED;
}

int command_parse(const struct command *c, int argc, char **argv, void *values,
		  struct option_rest *rest)
{
	struct err e = { 0 };

	if (option_parse(argc, argv, c->options, values, rest, &e) == 0) {
		if (!rest->help)
			return -1;
		usage_command(stdout, c);
		return EXIT_DONE;
	}
	return command_fail(&e);
}
