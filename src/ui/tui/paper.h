/* paper.h - what a program wrote to its terminal, as lines: control sequences taken out, the last
 * lines kept.
 *
 * Ownership: paper_done(); a zeroed paper is empty. Thread safety: none.
 */
#ifndef WAGGLE_UI_TUI_PAPER_H
#define WAGGLE_UI_TUI_PAPER_H

#include <stddef.h>
#include <stdint.h>

enum { PAPER_LINES = 2000, PAPER_WIDTH = 400 };

struct paper {
	char *lines[PAPER_LINES]; /* a ring; NULL = not used yet */
	uint64_t n;               /* lines begun */
	uint64_t bytes;           /* that were written in all */
	char now[PAPER_WIDTH * 4 + 1]; /* the line being written */
	size_t at, len;
	int escape;               /* where in a control sequence it is */
};

void paper_write(struct paper *p, const char *bytes, size_t n);
/* How many can be read, and the i-th of them, oldest first; the last one may be unfinished. */
size_t paper_count(const struct paper *p);
const char *paper_line(const struct paper *p, size_t i);
void paper_done(struct paper *p);

#endif
