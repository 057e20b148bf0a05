/* index.h - finding rows of the profile's tables by key; private to this folder.
 *
 * A hash alone never decides: rows with the same hash are chained and the caller compares them.
 */
#ifndef WAGGLE_PROFILE_INDEX_H
#define WAGGLE_PROFILE_INDEX_H

#include "profile/profile.h"

/* Rows of one table never exceed this, so that ids, PROFILE_NONE and id + 1 all fit. */
#define PROFILE_ROWS_MAX (UINT32_MAX - 2)

/* The newest row with this hash, 0 when there is none; older ones through x->next. */
static inline uint32_t index_first(const struct profile_index *x, uint64_t hash)
{
	const uint32_t *head = map64_find(&x->heads, hash);

	return head ? *head : 0;
}

/* Row `row` (the next dense id, >= 1) has this hash. false when out of memory. */
bool index_add(struct profile_index *x, uint64_t hash, uint32_t row);
void index_free(struct profile_index *x);

/* The frame that profile_frame_at() would return, PROFILE_NONE when it would have to add it. */
uint32_t profile_frame_find(const struct profile *p, uint32_t object, uint64_t offset,
			    enum frame_kind kind);
/* Whether the frame has exactly these lines. */
bool profile_frame_has_lines(const struct profile *p, uint32_t frame,
			     const struct profile_line *lines, uint16_t n_lines);

#endif
