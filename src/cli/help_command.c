/* help_command.c - `waggle help [COMMAND]`. */
#include <errno.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/nearest.h"
#include "cli/usage.h"

extern const struct command command_help;

static int help_run(int argc, char **argv)
{
	struct option_rest rest;
	const struct command *c;
	struct err e = { 0 };
	int code = command_parse(&command_help, argc, argv, NULL, &rest);

	if (code >= 0)
		goto out;
	code = EXIT_DONE;
	if (!rest.words.n) {
		usage_overview(stdout);
		goto out;
	}
	c = command_by_name(rest.words.at[0]);
	if (c) {
		usage_command(stdout, c);
	} else {
		struct nearest n = nearest_to(rest.words.at[0]);

		for (const struct command *const *all = command_all(); *all; all++)
			nearest_offer(&n, (*all)->name);
		err_set(&e, -EINVAL, "there is no command '%s'%s", rest.words.at[0],
			nearest_hint(&n, ""));
		code = command_fail(&e);
	}
out:
	option_free(NULL, NULL, &rest);
	return code;
}

const struct command command_help = {
	.name = "help",
	.summary = "this help, or the options of a command",
	.usage = "[COMMAND]",
	.description = "Lists the commands, or explains one of them.",
	.run = help_run,
};
