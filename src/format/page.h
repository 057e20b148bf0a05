/* page.h - lines of text for a terminal: width, bars, colours, names that fit. Private to src/format.
 *
 * Names come from foreign files: control characters (which could drive the terminal) and bytes that
 * are not UTF-8 never get through page_name() and page_wrap().
 * Thread safety: a page belongs to one writer.
 */
#ifndef WAGGLE_FORMAT_PAGE_H
#define WAGGLE_FORMAT_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/out.h"

enum page_style {
	PAGE_PLAIN,
	PAGE_TITLE,
	PAGE_DIM,
	PAGE_KERNEL,
	PAGE_JIT,
	PAGE_INLINED,
	PAGE_WARN,
	PAGE_BAR,
	PAGE_READY,
	PAGE_BLOCKED,
	PAGE_STYLES
};

struct page {
	struct out *to;
	uint32_t width; /* columns */
	bool utf8, colour;
};

void page_style(struct page *g, enum page_style s); /* PAGE_PLAIN ends a style */
/* The name of a function or file in at most `max` columns, template arguments and then the middle
 * left out; padded with blanks to `max` when `pad`. Returns the columns used. */
uint32_t page_name(struct page *g, const char *name, uint32_t max, bool pad);
/* How many columns a name takes when nothing is left out. */
uint32_t page_name_width(const char *name);
/* `columns` wide: `self` (0..1) solid, then up to `total` light. */
void page_bar(struct page *g, double self, double total, uint32_t columns);
/* " 41.2%", 6 columns. */
void page_share(struct page *g, double share);
/* Text broken at blanks, following lines indented; starts at column `at`, ends with a newline. */
void page_wrap(struct page *g, const char *text, uint32_t at, uint32_t indent);
void page_blanks(struct page *g, uint32_t n);
/* "…" or "..", and its columns. */
const char *page_ellipsis(const struct page *g, uint32_t *ret_columns);

#endif
