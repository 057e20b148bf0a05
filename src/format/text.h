/* text.h - the sections of the terminal report, from text.c, text_waits.c and text_ledger.c. Private to
 * src/format. Each ends with a newline and writes nothing at all when it has nothing to say. 0 or -ENOMEM.
 */
#ifndef WAGGLE_FORMAT_TEXT_H
#define WAGGLE_FORMAT_TEXT_H

#include "format/format.h"
#include "format/page.h"

/* Of profiles of waits (profile/waitsum.h) only. */
int text_waits(struct page *g, const struct profile *p, const struct format_opts *o, uint32_t value);
int text_ledger(struct page *g, const struct profile *p);

/* Shared by the sections. */
void text_heading(struct page *g, const char *text);
double text_part(int64_t v, int64_t of); /* 0 when there is nothing */
enum page_style text_kind_style(uint8_t frame_kind);

#endif
