/* main.c - which command was meant. `waggle` without a command is `waggle cpu`, so that the flags of
 * bcc's `profile` work as they are: a first word that is an option or a duration belongs to cpu. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/nearest.h"
#include "cli/usage.h"

static int main_unknown(const char *word)
{
	struct nearest n = nearest_to(word);
	struct err e = { 0 };

	for (const struct command *const *c = command_all(); *c; c++)
		nearest_offer(&n, (*c)->name);
	if (n.best)
		err_set(&e, -EINVAL, "there is no command '%s'%s", word, nearest_hint(&n, ""));
	else
		err_set(&e, -EINVAL,
			"there is no command '%s'; 'waggle -- %s' profiles a program, 'waggle help' "
			"lists the commands",
			word, word);
	return command_fail(&e);
}

static int main_cpu(int argc, char **argv)
{
	const struct command *cpu = command_by_name("cpu");

	if (!cpu) {
		usage_overview(stderr);
		return EXIT_USAGE;
	}
	return cpu->run(argc, argv);
}

/* A full disk or a closed pipe shows only when standard output is flushed. */
static int main_flush(int code)
{
	struct err e = { 0 };

	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	err_set(&e, -(errno ? errno : EIO), "cannot write to standard output: %s",
		strerror(errno ? errno : EIO));
	return code == EXIT_DONE ? command_fail(&e) : code;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "-";
	const struct command *c = command_by_name(word);

	if (c)
		return main_flush(c->run(argc - 1, argv + 1));
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		puts("waggle " WAGGLE_VERSION);
		return main_flush(EXIT_DONE);
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
		usage_overview(stdout);
		return main_flush(EXIT_DONE);
	}
	if (word[0] == '-' || (word[0] >= '0' && word[0] <= '9'))
		return main_flush(main_cpu(argc, argv));
	return main_unknown(word);
}
