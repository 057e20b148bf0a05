/* completion_command.c - `waggle completion bash|zsh`: completion scripts from the option tables.
 *
 * Both scripts are one shell function with a branch a command. What an argument completes to follows
 * from its row: choices, FILE, DIR, CMD or nothing. The scripts need no completion library.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/nearest.h"
#include "format/format.h"

extern const struct command command_completion;

static void completion_commands(const char *between)
{
	for (const struct command *const *c = command_all(); *c; c++)
		printf("%s%s", c == command_all() ? "" : between, (*c)->name);
}

/* Words an argument may be, parted by blanks: choices, or the formats for an argument "FORMAT". */
static bool completion_words(const struct option_row *row)
{
	bool any = false;

	if (row->type == OPTION_CHOICE) {
		for (const char *const *w = row->choices; *w; w++)
			printf("%s%s", w == row->choices ? "" : " ", *w);
		return true;
	}
	if (!row->arg || strcmp(row->arg, "FORMAT"))
		return false;
	for (const struct format *const *f = format_all(); *f; f++)
		if ((*f)->write) {
			printf("%s%s", any ? " " : "", (*f)->name);
			any = true;
		}
	return true;
}

static bool completion_has_words(const struct option_row *row)
{
	return row->type == OPTION_CHOICE || (row->arg && !strcmp(row->arg, "FORMAT"));
}

static bool completion_is(const struct option_row *row, const char *arg)
{
	return row->arg && !strcmp(row->arg, arg);
}

/* -- bash --------------------------------------------------------------------------------------- */

static void completion_bash_values(const struct command *c, const struct option_row *row)
{
	printf("\t%s:--%s", c->name, row->name);
	if (row->letter)
		printf("|%s:-%c", c->name, row->letter);
	fputs(") ", stdout);
	if (completion_has_words(row)) {
		fputs("COMPREPLY=($(compgen -W '", stdout);
		completion_words(row);
		fputs("' -- \"$cur\"))", stdout);
	} else if (completion_is(row, "DIR")) {
		fputs("compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\"))", stdout);
	} else if (completion_is(row, "FILE")) {
		fputs("compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))", stdout);
	} else {
		putchar(':');
	}
	puts("; return ;;");
}

static void completion_bash_options(const struct command *c)
{
	printf("\t%s) options='--help", c->name);
	for (const struct option_table *t = c->options; t && t->rows; t++)
		for (const struct option_row *row = t->rows; row->name; row++)
			if (row->type != OPTION_REFUSED)
				printf(" --%s", row->name);
	fputs("'; first='", stdout);
	for (const char *const *w = c->words; w && *w; w++)
		printf("%s%s", w == c->words ? "" : " ", *w);
	if (!strcmp(c->name, "help"))
		completion_commands(" ");
	puts("' ;;");
}

static void completion_bash(void)
{
	puts("# bash completion for waggle: . <(waggle completion bash)\n"
	     "_waggle()\n{\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	     "\tlocal cmd=cpu at=1 options='' first='' i\n"
	     "\tCOMPREPLY=()\n"
	     "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	     "\t\tif [[ ${COMP_WORDS[i]} == -- ]]; then\n"
	     "\t\t\tcompopt -o filenames\n"
	     "\t\t\tCOMPREPLY=($(compgen -c -- \"$cur\") $(compgen -f -- \"$cur\"))\n"
	     "\t\t\treturn\n\t\tfi\n\tdone\n"
	     "\tif [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then\n"
	     "\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n\tfi");
	fputs("\tif ((COMP_CWORD == 1)) && [[ $cur != -* ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W '",
	      stdout);
	completion_commands(" ");
	fputs("' -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in\n\t", stdout);
	completion_commands("|");
	puts(") cmd=${COMP_WORDS[1]} at=2 ;;\n\tesac\n\tcase $cmd:$prev in");
	for (const struct command *const *c = command_all(); *c; c++)
		for (const struct option_table *t = (*c)->options; t && t->rows; t++)
			for (const struct option_row *row = t->rows; row->name; row++)
				if (option_takes_argument(row))
					completion_bash_values(*c, row);
	puts("\tesac\n\tcase $cmd in");
	for (const struct command *const *c = command_all(); *c; c++)
		completion_bash_options(*c);
	puts("\tesac\n"
	     "\tif [[ $cur == -* ]]; then\n"
	     "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	     "\telif [[ -n $first ]] && ((COMP_CWORD == at)); then\n"
	     "\t\tCOMPREPLY=($(compgen -W \"$first\" -- \"$cur\"))\n"
	     "\telse\n"
	     "\t\tcompopt -o filenames\n"
	     "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
	     "\tfi\n}\ncomplete -F _waggle waggle");
}

/* -- zsh ---------------------------------------------------------------------------------------- */

/* A help sentence inside '..[..]': no quotes, brackets or colons. */
static void completion_zsh_text(const char *s)
{
	for (; *s; s++) {
		if (strchr("[]:\\", *s))
			putchar('\\');
		putchar(*s == '\'' ? '`' : *s);
	}
}

static void completion_zsh_option(const struct option_row *row)
{
	bool list = row->type == OPTION_TEXTS || row->type == OPTION_IDS || row->type == OPTION_CPUS;

	fputs(" \\\n\t\t\t", stdout);
	if (row->letter)
		printf("%s{-%c,--%s}'", list ? "'*'" : "", row->letter, row->name);
	else
		printf("'%s--%s", list ? "*" : "", row->name);
	putchar('[');
	completion_zsh_text(row->help);
	putchar(']');
	if (option_takes_argument(row)) {
		putchar(':');
		completion_zsh_text(row->arg ? row->arg : "VALUE");
		putchar(':');
		if (completion_has_words(row)) {
			putchar('(');
			completion_words(row);
			putchar(')');
		} else if (completion_is(row, "DIR")) {
			fputs("_directories", stdout);
		} else if (completion_is(row, "FILE")) {
			fputs("_files", stdout);
		}
	}
	putchar('\'');
}

static void completion_zsh_command(const struct command *c)
{
	printf("\t(%s)\n\t\t_arguments -s '(- *)'{-h,--help}'[help]'", c->name);
	for (const struct option_table *t = c->options; t && t->rows; t++)
		for (const struct option_row *row = t->rows; row->name; row++)
			if (row->type != OPTION_REFUSED)
				completion_zsh_option(row);
	if (c->words || !strcmp(c->name, "help")) {
		fputs(" \\\n\t\t\t'1:word:(", stdout);
		for (const char *const *w = c->words; w && *w; w++)
			printf("%s ", *w);
		if (!c->words)
			completion_commands(" ");
		fputs(")'", stdout);
	}
	puts(" \\\n\t\t\t'*:file:_files'\n\t\t;;");
}

static void completion_zsh(void)
{
	puts("#compdef waggle\n"
	     "# zsh completion for waggle: waggle completion zsh > DIR_IN_FPATH/_waggle\n"
	     "_waggle() {\n"
	     "\tlocal cmd=cpu dashes=${words[(i)--]}\n"
	     "\tlocal -a commands\n"
	     "\tif (( dashes < CURRENT )); then\n"
	     "\t\tshift $dashes words; (( CURRENT -= dashes )); _normal; return\n\tfi\n"
	     "\tcommands=(");
	for (const struct command *const *c = command_all(); *c; c++) {
		printf("\t\t'%s:", (*c)->name);
		completion_zsh_text((*c)->summary);
		puts("'");
	}
	puts("\t)\n"
	     "\tif (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
	     "\t\t_describe command commands\n\t\treturn\n\tfi");
	fputs("\tcase $words[2] in\n\t(", stdout);
	completion_commands("|");
	puts(") cmd=$words[2]; shift words; (( CURRENT-- )) ;;\n\tesac\n\tcase $cmd in");
	for (const struct command *const *c = command_all(); *c; c++)
		completion_zsh_command(*c);
	puts("\tesac\n}\n"
	     "if [[ $funcstack[1] == _waggle ]]; then _waggle \"$@\"; else compdef _waggle waggle; fi");
}

/* -- command ------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*print)(void);
} completion_shells[] = {
	{ "bash", completion_bash },
	{ "zsh", completion_zsh },
};

static const char *const completion_shell_names[] = { "bash", "zsh", NULL };

static int completion_run(int argc, char **argv)
{
	struct option_rest rest;
	struct err e = { 0 };
	int code = command_parse(&command_completion, argc, argv, NULL, &rest);

	for (size_t i = 0; code < 0 && i < sizeof(completion_shells) / sizeof(*completion_shells); i++)
		if (rest.words.n == 1 && !strcmp(rest.words.at[0], completion_shells[i].name)) {
			completion_shells[i].print();
			code = EXIT_DONE;
		}
	if (code < 0) {
		err_set(&e, -EINVAL, "completion needs the shell: bash or zsh");
		code = command_fail(&e);
	}
	option_free(NULL, NULL, &rest);
	return code;
}

const struct command command_completion = {
	.name = "completion",
	.summary = "print a completion script for bash or zsh",
	.usage = "bash|zsh",
	.description = "Prints a completion script for the shell.",
	.examples = ". <(waggle completion bash)\tuse it in this shell\n"
		    "waggle completion zsh > ~/.zfunc/_waggle\tkeep it, where ~/.zfunc is in fpath",
	.words = completion_shell_names,
	.run = completion_run,
};
