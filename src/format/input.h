/* input.h - compression layers around a format's bytes, bounded. Private to src/format.
 *
 * Limits: output is at most input_expand_limit() bytes. Nothing here trusts a size field.
 * Thread safety: all functions are pure apart from their arguments.
 */
#ifndef WAGGLE_FORMAT_INPUT_H
#define WAGGLE_FORMAT_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum input_layer {
	INPUT_PLAIN,
	INPUT_GZIP, /* RFC 1952 */
	INPUT_ZSTD, /* RFC 8878 */
};

enum input_layer input_layer_of(const uint8_t *data, size_t len);

/* What `compressed` bytes may expand to: a generous ratio, never above `max` (0 = 8 GiB). */
uint64_t input_expand_limit(uint64_t compressed, uint64_t max);

/* Takes one gzip or zstd layer off into `to` (empty before). 0, or a negative errno with a sentence;
 * sets *ret_cut when the data broke off early and `to` holds what came before. */
int input_unpack(const uint8_t *data, size_t len, uint64_t max, struct buf *to, bool *ret_cut,
		 struct err *e);

#endif
