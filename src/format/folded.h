/* folded.h - the reading half of the folded format; see folded.c. Private to src/format.
 * Thread safety: both functions are pure.
 */
#ifndef WAGGLE_FORMAT_FOLDED_H
#define WAGGLE_FORMAT_FOLDED_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "profile/profile.h"

int folded_probe(const uint8_t *head, size_t n);
int folded_read(const uint8_t *data, size_t len, struct profile **ret, struct err *e);

#endif
