/* recount.h - the ledger's counts of stacks, anew for a part of a profile; private to this folder.
 *
 * Whoever captures counts user stacks, whole ones, kernel stacks and cuts as they arrive; of a part
 * they must be counted from the samples, or it would answer for stacks that it does not have.
 */
#ifndef WAGGLE_PROFILE_RECOUNT_H
#define WAGGLE_PROFILE_RECOUNT_H

#include "profile/remap.h"

/* Which frames the part does not have, and therefore counts no stacks of. */
struct recount_opts {
	bool no_user, no_kernel;
};

/* Whether stacks were ever counted: an imported profile must not gain what nobody saw. */
bool recount_applies(const struct ledger *l);

/* Replaces the destination's STACKS_USER, STACKS_WHOLE, STACKS_KERNEL, KERNEL_CUT and cuts. `kept`
 * says per source node how many samples of the part stood on it; it is used up. Stacks are judged
 * as they were walked, so a cut stack stays cut when a focus hides the mark at its root. No number
 * becomes greater than the source's. 0 or -ENOMEM. */
int recount_stacks(struct remap *m, uint64_t *kept, const struct recount_opts *o);

#endif
