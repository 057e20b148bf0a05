/* regex.h - PCRE2 with JIT and match limits, so that a hostile pattern cannot hang us.
 *
 * Ownership: regex_free(). A compiled regex may be used by one thread at a time.
 */
#ifndef WAGGLE_BASE_REGEX_H
#define WAGGLE_BASE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct regex;

/* 0, -EINVAL with a sentence that points at the mistake, or -ENOMEM. */
int regex_new(const char *pattern, struct regex **ret, struct err *e);
void regex_free(struct regex *r);
/* Matches anywhere in the text. A match that runs into the limits counts as no match. */
bool regex_match(const struct regex *r, const char *text, size_t len);

#endif
