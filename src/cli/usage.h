/* usage.h - help texts, printed from the command and option tables. Not thread safe (stdio). */
#ifndef WAGGLE_CLI_USAGE_H
#define WAGGLE_CLI_USAGE_H

#include <stdio.h>

#include "cli/command.h"

/* What `waggle help` says: the two usual lines, all commands, where to read on. */
void usage_overview(FILE *to);
/* What `waggle help NAME` and `waggle NAME --help` say. */
void usage_command(FILE *to, const struct command *c);

/* Prints `text` word by word, starting in column `at`, indented to `indent`, no wider than `width`.
 * Newlines in the text are kept. Ends with a newline. */
void usage_wrap(FILE *to, const char *text, int at, int indent, int width);

/* Columns of the terminal `to` is, or of $COLUMNS, or 80; between 40 and 120. */
int usage_width(FILE *to);

#endif
