/* usage.c - help texts; see usage.h.
 *
 * Options stand in two columns, grouped as their tables say; the left column is as wide as its longest
 * entry up to a limit, and an entry beyond that puts its help on the next line.
 */
#include "cli/usage.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { USAGE_LEFT_MAX = 28, USAGE_INDENT = 2 };

int usage_width(FILE *to)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	int width = 80;

	if (isatty(fileno(to)) && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col)
		width = size.ws_col;
	else if (columns && atoi(columns) > 0)
		width = atoi(columns);
	return width < 40 ? 40 : width > 120 ? 120 : width;
}

void usage_wrap(FILE *to, const char *text, int at, int indent, int width)
{
	bool fresh = true; /* nothing on this line yet */

	while (*text) {
		size_t n = strcspn(text, " \n");

		if (!fresh && at + 1 + (int)n > width) {
			fputc('\n', to);
			fresh = true;
			at = 0;
		}
		if (fresh && at < indent) {
			fprintf(to, "%*s", indent - at, "");
			at = indent;
		}
		at += fprintf(to, "%s%.*s", fresh ? "" : " ", (int)n, text);
		fresh = false;
		text += n;
		if (*text == '\n') {
			fputc('\n', to);
			fresh = true;
			at = 0;
		}
		if (*text)
			text++;
	}
	fputc('\n', to);
}

/* "-p, --pid PID,..": what stands in the left column. Returns its length. */
static int usage_left(const struct option_row *row, char *to, size_t size)
{
	const char *arg = option_takes_argument(row) ? row->arg ? row->arg : "VALUE" : "";
	char letter[5] = "    ";

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	return snprintf(to, size, "%s--%s%s%s", letter, row->name, *arg ? " " : "", arg);
}

static int usage_left_width(const struct option_table *tables)
{
	char text[128];
	int widest = 0;

	for (const struct option_table *t = tables; t && t->rows; t++)
		for (const struct option_row *row = t->rows; row->name; row++) {
			int n = usage_left(row, text, sizeof(text));

			if (row->type != OPTION_REFUSED && n > widest && n <= USAGE_LEFT_MAX)
				widest = n;
		}
	return widest;
}

/* What option_parse() answers by itself, for every command. */
static const struct option_row usage_common[] = {
	{ "help", 'h', OPTION_FLAG, 0, NULL, "this help", .group = "Other" },
	{ NULL },
};

static void usage_options(FILE *to, const struct option_table *tables, int left, int width)
{
	char text[128];

	for (const struct option_table *t = tables; t && t->rows; t++)
		for (const struct option_row *row = t->rows; row->name; row++) {
			int at;

			if (row->type == OPTION_REFUSED)
				continue;
			if (row->group)
				fprintf(to, "\n%s:\n", row->group);
			usage_left(row, text, sizeof(text));
			at = fprintf(to, "%*s%s", USAGE_INDENT, "", text);
			if (at > USAGE_INDENT + left) {
				fputc('\n', to);
				at = 0;
			}
			usage_wrap(to, row->help, at, USAGE_INDENT + left + 2, width);
		}
}

/* Lines of "command<TAB>what it does" in two columns. */
static void usage_examples(FILE *to, const char *lines, int width)
{
	int left = 0;

	for (const char *l = lines; *l; l += strcspn(l, "\n"), l += *l == '\n')
		if ((int)strcspn(l, "\t\n") > left)
			left = (int)strcspn(l, "\t\n");
	for (const char *l = lines; *l; l += *l == '\n') {
		int n = (int)strcspn(l, "\t"), m;
		char *what;

		m = (int)strcspn(l + n, "\n");
		what = strndup(l + n + (m ? 1 : 0), m ? (size_t)m - 1 : 0);
		fprintf(to, "%*s%.*s", USAGE_INDENT, "", n, l);
		if (left + 20 > width) {
			fputc('\n', to);
			usage_wrap(to, what ? what : "", 0, 3 * USAGE_INDENT, width);
		} else {
			usage_wrap(to, what ? what : "", USAGE_INDENT + n, USAGE_INDENT + left + 2,
				   width);
		}
		free(what);
		l += n + m;
	}
}

void usage_command(FILE *to, const struct command *c)
{
	int width = usage_width(to);

	fprintf(to, "Usage: waggle %s%s%s\n\n", c->name, *c->usage ? " " : "", c->usage);
	usage_wrap(to, c->description ? c->description : c->summary, 0, 0, width);
	if (c->options) {
		const struct option_table common[] = { { usage_common, 0 }, { NULL, 0 } };
		int left = usage_left_width(c->options);

		usage_options(to, c->options, left, width);
		usage_options(to, common, left, width);
	}
	if (c->examples) {
		fputs("\nExamples:\n", to);
		usage_examples(to, c->examples, width);
	}
}

void usage_overview(FILE *to)
{
	int width = usage_width(to);

	fputs("Usage: waggle [COMMAND] [OPTIONS]\n\n", to);
	usage_wrap(to,
		   "waggle finds where time goes on a Linux machine. Without a command it samples all "
		   "processors for 10 seconds.",
		   0, 0, width);
	fputs("\nCommands:\n", to);
	for (const struct command *const *c = command_all(); *c; c++) {
		int at = fprintf(to, "%*s%s", USAGE_INDENT, "", (*c)->name);

		usage_wrap(to, (*c)->summary, at, 14, width);
	}
	fputs("\nTo start with:\n", to);
	usage_examples(to,
		       "sudo waggle\tall processors for 10 seconds, a report\n"
		       "sudo waggle -p 1234 -o cpu.svg\tone process, a flame graph\n"
		       "sudo waggle -o cpu.waggle -- CMD\tstart a command and record it\n"
		       "waggle report cpu.waggle -o cpu.html\tlook at it, anywhere",
		       width);
	fputc('\n', to);
	usage_wrap(to, "'waggle help COMMAND' lists the options of a command.", 0, 0, width);
}
