/* sum.h - additions that stay at the end of their range instead of wrapping. Values of imported
 * profiles are foreign bytes: their sums may exceed 64 bits, and a wrapped total would be a lie.
 */
#ifndef WAGGLE_PROFILE_SUM_H
#define WAGGLE_PROFILE_SUM_H

#include <stdbool.h>
#include <stdint.h>

static inline int64_t sum_signed(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return b < 0 ? INT64_MIN : INT64_MAX;
}

static inline uint64_t sum_unsigned(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Two values of a profile as one: the greater of them where its type does not add up
 * (profile_value_is_max()). */
static inline int64_t sum_value(int64_t a, int64_t b, bool max)
{
	return !max ? sum_signed(a, b) : a > b ? a : b;
}

#endif
