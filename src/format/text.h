/* text.h - the sections of the terminal report, from text.c and text_ledger.c. Private to src/format.
 * Each ends with a newline and writes nothing at all when it has nothing to say. 0 or -ENOMEM.
 */
#ifndef WAGGLE_FORMAT_TEXT_H
#define WAGGLE_FORMAT_TEXT_H

#include "format/format.h"
#include "format/page.h"

int text_ledger(struct page *g, const struct profile *p);

#endif
