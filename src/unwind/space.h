/* space.h - which words of the walker's word space are free: runs, slabs, and words that must rest.
 *
 * Words that are given back are read for a moment longer by walks that began before their file's slot
 * was withdrawn. So they are parked, and free again only SPACE_REST_NS later; a walk takes well under a
 * millisecond and cannot be preempted, so a second is a thousandfold margin.
 *
 * Free runs are kept in order of address and joined with their neighbours. There are few: a table takes
 * one run where one is large enough, else the largest ones. Only bookkeeping happens here: nothing in
 * this file touches a word.
 *
 * Ownership: space_done(). Thread safety: none, the store locks. Errors: functions that may need memory
 * say so; words that cannot be noted for lack of memory are lost to use and counted in `lost`.
 */
#ifndef WAGGLE_UNWIND_SPACE_H
#define WAGGLE_UNWIND_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "bpf/abi.h"

#define SPACE_REST_NS  UINT64_C(1000000000)
#define SPACE_RUN_MIN  256u /* words: smaller runs are not worth another piece, see space_take() */
#define SPACE_NO_SLAB  UINT32_MAX

struct space_run {
	uint64_t at, n; /* words */
};

struct space_parked {
	struct space_run run;
	uint64_t since; /* ns */
};

struct space {
	VEC(struct space_run) free;      /* ascending, never touching one another */
	VEC(struct space_parked) parked; /* in order of time */
	uint8_t made[SLABS_MAX];
	uint32_t n_slabs, limit; /* slabs made; how many there may be */
	uint64_t n_free, n_parked, lost; /* words */
};

void space_init(struct space *s, uint32_t limit);
void space_done(struct space *s);

/* The slab to make next, SPACE_NO_SLAB at the limit; tell space_add() once it is made. */
uint32_t space_next(const struct space *s);
bool space_add(struct space *s, uint32_t slab);
/* A slab nothing lies in, and forgetting it; words of it must not be used before it is added again. */
uint32_t space_empty(const struct space *s);
void space_drop(struct space *s, uint32_t slab);

/* Takes the smallest run of at least `n` words and cuts it to n; false when there is none. */
bool space_take(struct space *s, uint64_t n, struct space_run *ret);
/* Takes the whole of the largest run, of at least `min` words; false when there is none. */
bool space_take_largest(struct space *s, uint64_t min, struct space_run *ret);

/* Back to use at once (words nobody has seen), or after a rest. */
void space_give(struct space *s, struct space_run run);
void space_park(struct space *s, struct space_run run, uint64_t now);
/* Frees what has rested. */
void space_ripen(struct space *s, uint64_t now);

/* Words that could be in use at most, and those that could still be taken once all have rested. */
uint64_t space_capacity(const struct space *s);
uint64_t space_room(const struct space *s);

#endif
