/* vec.h - a typed growable array in three macros.
 *
 *	VEC(struct thing) things = { 0 };
 *	if (!VEC_PUSH(&things, value)) -> out of memory, nothing changed
 *
 * Elements move when the array grows: keep indices, not pointers. Not thread safe.
 */
#ifndef WAGGLE_BASE_VEC_H
#define WAGGLE_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define VEC(...)                \
	struct {                \
		__VA_ARGS__ *at; \
		size_t n, cap;  \
	}

/* Grows *at to hold at least `need` elements of `size` bytes; false when out of memory. */
static inline bool vec_grow(void **at, size_t *cap, size_t need, size_t size)
{
	size_t want = *cap ? *cap * 2 : 16;
	void *p;

	if (need <= *cap)
		return true;
	if (want < need)
		want = need;
	if (want > SIZE_MAX / 2 / size)
		return false;
	p = realloc(*at, want * size);
	if (!p)
		return false;
	*at = p;
	*cap = want;
	return true;
}

#define VEC_RESERVE(v, more) \
	vec_grow((void **)&(v)->at, &(v)->cap, (v)->n + (more), sizeof(*(v)->at))
#define VEC_PUSH(v, ...) (VEC_RESERVE(v, 1) ? ((v)->at[(v)->n++] = (__VA_ARGS__), true) : false)
/* Gives back what is not used, for arrays that will not grow any more. */
#define VEC_TRIM(v)                                                                      \
	do {                                                                             \
		void *trimmed = (v)->n ? realloc((v)->at, (v)->n * sizeof(*(v)->at)) : NULL; \
		if (trimmed) {                                                           \
			(v)->at = trimmed;                                               \
			(v)->cap = (v)->n;                                               \
		}                                                                        \
	} while (0)
#define VEC_FREE(v)                       \
	do {                              \
		free((v)->at);            \
		(v)->at = NULL;           \
		(v)->n = (v)->cap = 0;    \
	} while (0)

#endif
