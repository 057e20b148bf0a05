/* man_command.c - `waggle man`: the manual page waggle(1), printed from the same tables as the help.
 * Written in the classic man(7) macros, which man-db, groff and mandoc all read. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "format/format.h"

extern const struct command command_man;

/* Text with what roff would take for itself escaped; line starts are protected too. */
static void man_text(const char *s, size_t n)
{
	bool start = true;

	for (; n; s++, n--) {
		if (start && (*s == '.' || *s == '\''))
			fputs("\\&", stdout);
		start = *s == '\n';
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else
			putchar(*s);
	}
}

static void man_line(const char *s)
{
	man_text(s, strlen(s));
	putchar('\n');
}

/* Paragraphs parted by empty lines; lines that start with a blank keep their shape. */
static void man_paragraphs(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (!n)
			puts(".PP");
		else {
			if (*text == ' ')
				puts(".br");
			man_text(text, n);
			putchar('\n');
		}
		text += n + (text[n] == '\n');
	}
}

static void man_option(const struct option_row *row)
{
	puts(".TP");
	fputs("\\fB", stdout);
	if (row->letter) {
		putchar('\\');
		printf("-%c", row->letter);
		fputs("\\fR, \\fB", stdout);
	}
	fputs("\\-\\-", stdout);
	man_text(row->name, strlen(row->name));
	fputs("\\fR", stdout);
	if (option_takes_argument(row)) {
		fputs(" \\fI", stdout);
		man_text(row->arg ? row->arg : "VALUE", strlen(row->arg ? row->arg : "VALUE"));
		fputs("\\fR", stdout);
	}
	putchar('\n');
	if (row->type == OPTION_REFUSED)
		fputs("Not accepted: ", stdout);
	man_line(row->help);
}

static void man_examples(const char *lines)
{
	puts(".PP\nExamples:");
	for (const char *l = lines; *l; l += strcspn(l, "\n"), l += *l == '\n') {
		size_t n = strcspn(l, "\t\n");
		size_t m = strcspn(l + n, "\n");

		fputs(".TP\n\\fB", stdout);
		man_text(l, n);
		fputs("\\fR\n", stdout);
		man_text(l + n + (m > 0), m - (m > 0));
		putchar('\n');
	}
}

static void man_synopsis(const struct command *c)
{
	printf("\\fBwaggle %s\\fR%s", c->name, *c->usage ? " " : "");
	man_line(c->usage);
}

static void man_command(const struct command *c)
{
	printf(".SH \"WAGGLE ");
	for (const char *s = c->name; *s; s++)
		putchar(*s >= 'a' && *s <= 'z' ? *s - 32 : *s);
	puts("\"");
	man_synopsis(c);
	puts(".PP");
	man_paragraphs(c->description ? c->description : c->summary);
	for (const struct option_table *t = c->options; t && t->rows; t++)
		for (const struct option_row *row = t->rows; row->name; row++) {
			if (row->group) {
				fputs(".SS ", stdout);
				man_line(row->group);
			}
			man_option(row);
		}
	if (c->examples)
		man_examples(c->examples);
}

static void man_formats(void)
{
	puts(".SH FORMATS\nThe format of an output follows its extension, or \\fB\\-\\-format\\fR.");
	for (const struct format *const *f = format_all(); *f; f++) {
		if ((*f)->hidden)
			continue;
		printf(".TP\n\\fB%s\\fR", (*f)->name);
		for (size_t i = 0; (*f)->exts[i]; i++) {
			putchar(' ');
			man_text((*f)->exts[i], strlen((*f)->exts[i]));
		}
		printf(" (%s)\n", (*f)->write && (*f)->read ? "written and read" :
				  (*f)->write               ? "written" :
							      "read");
		man_line((*f)->help);
	}
}

static void man_page(void)
{
	puts(".TH WAGGLE 1 \"\" \"waggle " WAGGLE_VERSION "\" \"User Commands\"");
	puts(".SH NAME\nwaggle \\- find where time goes on a Linux machine\n.SH SYNOPSIS");
	for (const struct command *const *c = command_all(); *c; c++) {
		fputs(c == command_all() ? "" : ".br\n", stdout);
		man_synopsis(*c);
	}
	puts(".SH DESCRIPTION\n"
	     "waggle samples processors with eBPF, walks kernel and user stacks with its own walker\n"
	     "(no frame pointers needed) and gives the result in the forms people use.\n"
	     "Without a command it is \\fBwaggle cpu\\fR.\n"
	     "Every command answers \\fB\\-h\\fR and \\fB\\-\\-help\\fR.\n.SS Commands");
	for (const struct command *const *c = command_all(); *c; c++) {
		printf(".TP\n\\fB%s\\fR\n", (*c)->name);
		man_line((*c)->summary);
	}
	for (const struct command *const *c = command_all(); *c; c++)
		man_command(*c);
	man_formats();
	puts(".SH EXIT STATUS");
	for (const struct exit_row *x = command_exit_rows(); x->text; x++) {
		printf(".TP\n\\fB%d\\fR\n", x->code);
		man_line(x->text);
	}
	puts(".SH SEE ALSO\n\\fBperf\\fR(1), \\fBbpftrace\\fR(8), \\fBprofile\\-bpfcc\\fR(8)");
}

static int man_run(int argc, char **argv)
{
	struct option_rest rest;
	int code = command_parse(&command_man, argc, argv, NULL, &rest);

	if (code < 0) {
		man_page();
		code = EXIT_DONE;
	}
	option_free(NULL, NULL, &rest);
	return code;
}

const struct command command_man = {
	.name = "man",
	.summary = "print the manual page (waggle man | man -l -)",
	.usage = "",
	.description = "Prints the manual page of waggle and all its commands in roff.",
	.examples = "waggle man | man -l -\tread it",
	.run = man_run,
};
