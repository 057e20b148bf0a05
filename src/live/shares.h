/* shares.h - a profile by process and thread: how much of the value, and of which group of waiting.
 *
 * A profile of processor time has all of it in WAIT_GROUP_RUNNING; `wall` has every group.
 *
 * Ownership: shares_free(); rows borrow strings of the profile. Thread safety: none needed.
 */
#ifndef WAGGLE_LIVE_SHARES_H
#define WAGGLE_LIVE_SHARES_H

#include <stdint.h>

#include "profile/profile.h"
#include "profile/waits.h"

enum { SHARES_GROUPS = WAIT_GROUP_READY + 1 };

struct share_row {
	uint32_t pid, tid;             /* tid 0: the process's row, the sum of its threads */
	uint32_t name;                 /* string of the profile: the thread's, or the process's */
	uint32_t threads;              /* of a process's row */
	int64_t total, group[SHARES_GROUPS]; /* by enum wait_group */
};

struct shares {
	VEC(struct share_row) rows; /* processes, each followed by its threads, largest first */
	int64_t total;
};

/* `value` UINT32_MAX = the profile's default. 0, -EINVAL for a value that is not there, -ENOMEM. */
int shares_new(const struct profile *p, uint32_t value, struct shares **ret);
void shares_free(struct shares *s);

#endif
