/* spans.h - overlapping address ranges flattened, so that a look-up is one binary search.
 *
 * Symbol tables and JIT maps overlap: labels inside functions, code regenerated over older code,
 * and tables that lie. Deciding who wins at build time (the highest rank) keeps look-ups
 * independent of how badly the input overlaps: n ranges never become more than 2n pieces.
 *
 * Ownership: spans_free(). A zeroed struct is valid and empty. Thread safety: a built table may be
 * read by many threads.
 */
#ifndef WAGGLE_BASE_SPANS_H
#define WAGGLE_BASE_SPANS_H

#include <stddef.h>
#include <stdint.h>

#define SPANS_NONE UINT32_MAX

struct span {
	uint64_t start, end; /* [start, end); empty ones are ignored */
	uint32_t rank;       /* where ranges overlap the highest wins; distinct */
	uint32_t id;         /* what a look-up returns */
};

struct spans {
	uint64_t *start; /* piece i reaches from start[i] to start[i + 1] */
	uint32_t *id;    /* SPANS_NONE: a hole */
	size_t n;
};

/* Flattens the n ranges, which are sorted in place. 0 or -ENOMEM (and `s` stays empty). */
int spans_build(struct spans *s, struct span *in, size_t n);
void spans_free(struct spans *s);
/* The id of the range that covers the address, SPANS_NONE when none does. */
uint32_t spans_find(const struct spans *s, uint64_t addr);

#endif
