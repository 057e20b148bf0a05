/* heat.h - a profile by time: a row a second (or two, four ..), a column a part of it.
 *
 * Patterns that repeat within the second show as horizontal lines, bursts as spots. Cells hold a
 * value's sum.
 *
 * Ownership: heat_free(). Thread safety: none needed, a finished heat is only read.
 */
#ifndef WAGGLE_LIVE_HEAT_H
#define WAGGLE_LIVE_HEAT_H

#include <stdint.h>

#include "profile/profile.h"

struct heat_opts {
	uint32_t value;           /* UINT32_MAX = the profile's default */
	uint32_t columns;         /* per row of time, at least 1 */
	uint32_t max_rows;        /* rows of time at most; 0 = no limit */
	uint64_t grain;           /* ns: times are rounded to this (struct live_snapshot), 0 = exact */
};

struct heat {
	uint64_t row;     /* ns that a row stands for: 1 s times a power of two */
	uint64_t column;  /* ns that a cell stands for; where the grain is longer, a value is spread
			   * evenly over the cells of the grain */
	uint32_t columns, rows;
	int64_t *cells;   /* rows * columns, oldest row first; time 0 is the profile's */
	int64_t most;     /* the greatest cell */
	int64_t untimed;  /* of samples without a time */
};

/* 0, -EINVAL for a value that is not there or no columns, -ENOMEM. */
int heat_new(const struct profile *p, const struct heat_opts *o, struct heat **ret);
void heat_free(struct heat *h);

static inline int64_t heat_cell(const struct heat *h, uint32_t row, uint32_t column)
{
	return h->cells[(size_t)row * h->columns + column];
}

#endif
