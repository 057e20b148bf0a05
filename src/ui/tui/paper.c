/* paper.c - bytes of a terminal to lines; see paper.h. */
#include "ui/tui/paper.h"

#include <stdlib.h>
#include <string.h>

enum { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_CSI, ESCAPE_TEXT, ESCAPE_ONE };

static void paper_new_line(struct paper *p)
{
	char **slot = &p->lines[p->n++ % PAPER_LINES];

	free(*slot);
	p->now[p->len] = 0;
	*slot = strdup(p->now); /* without memory the line is missing: it is shown as empty */
	p->at = p->len = 0;
	p->now[0] = 0;
}

static void paper_put(struct paper *p, char c)
{
	if (p->at >= sizeof(p->now) - 1)
		return;
	p->now[p->at++] = c;
	if (p->at > p->len)
		p->len = p->at;
	p->now[p->len] = 0;
}

/* ESC [ .. letter; ESC ] .. BEL or ESC \; ESC ( x; ESC x. */
static void paper_escape(struct paper *p, char c)
{
	switch (p->escape) {
	case ESCAPE_BEGUN:
		p->escape = c == '['               ? ESCAPE_CSI
			    : c == ']' || c == 'P' ? ESCAPE_TEXT
			    : c == '(' || c == ')' ? ESCAPE_ONE
						   : ESCAPE_NONE;
		break;
	case ESCAPE_CSI:
		if (c == 'K') /* erase to the end of the line */
			p->len = p->at;
		if (c >= 0x40 && c <= 0x7e)
			p->escape = ESCAPE_NONE;
		break;
	case ESCAPE_TEXT:
		if (c == '\a' || c == '\033')
			p->escape = c == '\a' ? ESCAPE_NONE : ESCAPE_ONE;
		break;
	default:
		p->escape = ESCAPE_NONE;
	}
}

void paper_write(struct paper *p, const char *bytes, size_t n)
{
	p->bytes += n;
	for (size_t i = 0; i < n; i++) {
		char c = bytes[i];

		if (p->escape)
			paper_escape(p, c);
		else if (c == '\033')
			p->escape = ESCAPE_BEGUN;
		else if (c == '\n')
			paper_new_line(p);
		else if (c == '\r')
			p->at = 0;
		else if (c == '\b')
			p->at -= p->at > 0;
		else if (c == '\t')
			do
				paper_put(p, ' ');
			while (p->at % 8 && p->at < sizeof(p->now) - 1);
		else if ((unsigned char)c >= 0x20)
			paper_put(p, c);
	}
}

size_t paper_count(const struct paper *p)
{
	size_t whole = p->n < PAPER_LINES ? (size_t)p->n : PAPER_LINES;

	return whole + (p->len > 0);
}

const char *paper_line(const struct paper *p, size_t i)
{
	size_t whole = p->n < PAPER_LINES ? (size_t)p->n : PAPER_LINES;
	const char *line;

	if (i >= whole)
		return p->now;
	line = p->lines[(p->n - whole + i) % PAPER_LINES];
	return line ? line : "";
}

void paper_done(struct paper *p)
{
	for (size_t i = 0; i < PAPER_LINES; i++)
		free(p->lines[i]);
	memset(p->lines, 0, sizeof(p->lines));
}
