/* renewal.h - a profile without what was not met for long, in place of one that grows for ever.
 *
 * Rows of a profile's tables are never taken away: others know them by their numbers. A capture that
 * runs for a week and keeps no samples itself would still grow with every stack it ever met. So it
 * moves: its owner marks the stacks that are to stay, gets a new profile with those and what they
 * stand on, and turns the numbers that he and others hold into new ones.
 *
 *	renewal_new(), renewal_mark() .., renewal_make(), then renewal_node() ..; renewal_free()
 *
 * What stays: marked stacks with their callers, their frames with names; files, the kernel and its
 * modules; all versions of generated code; header and ledger. Memory of processes whose code no
 * stack and no version is of becomes one object, so that the ledger's rows add up as before.
 * Samples do not: they must have been taken.
 *
 * Ownership: the old profile is borrowed until renewal_free(); the new one is the caller's from
 * renewal_make() on. Errors: 0 or -ENOMEM. Thread safety: none.
 */
#ifndef WAGGLE_PROFILE_RENEWAL_H
#define WAGGLE_PROFILE_RENEWAL_H

#include "profile/profile.h"

struct renewal;

int renewal_new(const struct profile *old, struct renewal **ret);
void renewal_free(struct renewal *r); /* NULL is fine */

/* The stack that ends in that node stays. Returns how many nodes were not marked before. */
uint32_t renewal_mark(struct renewal *r, uint32_t node);

int renewal_make(struct renewal *r, struct profile **ret);

/* New numbers for old ones, after renewal_make(). PROFILE_NONE: it was left behind. */
uint32_t renewal_node(const struct renewal *r, uint32_t node);
uint32_t renewal_frame(const struct renewal *r, uint32_t frame);
uint32_t renewal_object(const struct renewal *r, uint32_t object);
/* Tasks and strings are carried over when they are asked for; PROFILE_NONE: out of memory. */
uint32_t renewal_task(struct renewal *r, uint32_t task);
uint32_t renewal_string(struct renewal *r, uint32_t string);

#endif
