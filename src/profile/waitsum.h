/* waitsum.h - a profile of waits added up for people and scripts: by class, by place, by lock, by thread.
 *
 * A place is a stack of the thread that waited, by what a person sees (as in a call tree), together with the
 * class of its waits; the frames of wakers and the frames of classes are not part of it.
 *
 * Units: nanoseconds and numbers of waits. Ownership: waitsum_free(); a summary borrows the profile.
 * Thread safety: one writer, then any number of readers.
 */
#ifndef WAGGLE_PROFILE_WAITSUM_H
#define WAGGLE_PROFILE_WAITSUM_H

#include "profile/calltree.h"
#include "profile/waits.h"

enum { WAITSUM_GROUPS = WAIT_GROUP_READY + 1, WAITSUM_TOOK = 64 };

struct wait_tally {
	int64_t time, waits, longest;
};

struct wait_place {
	uint32_t node; /* of the tree */
	enum wait_class class;
	struct wait_tally sum;
	uint32_t process; /* string of the profile: the process that waited here most */
	int64_t process_time;
	uint32_t processes; /* how many names of processes there are */
};

struct wait_lock {
	uint32_t pid;
	uint32_t process, address; /* strings of the profile */
	struct wait_tally sum;
	uint32_t threads; /* that waited for it */
	uint32_t waiter;  /* node of the tree: where most of the time was waited */
	uint32_t holder;  /* the last frame of the waker whose wake-ups ended most of it (its root); 0 when
			     no waker is known */
	int64_t waiter_time, holder_time;
	bool condition; /* no lock: most of it was waited for a condition, a barrier, a thread's end */
};

struct wait_task { /* a thread, or the threads of a process */
	uint32_t task; /* one of those added up */
	uint32_t threads;
	int64_t time[WAITSUM_GROUPS], total;
};

struct waitsum {
	const struct profile *p;
	struct calltree *tree; /* ROOT_NOTHING, not inverted; of the value asked for */
	struct wait_tally classes[WAIT_CLASS_MAX], all;
	VEC(struct wait_place) places; /* largest first, by the value asked for */
	VEC(struct wait_lock) locks;   /* the same, conditions behind locks; empty when they were not told
					  apart */
	VEC(struct wait_task) tasks;   /* those that ran or wanted to most first, then by blocked time */
	bool by_process;               /* tasks are processes */
	/* Private. */
	uint32_t value, time, waits, longest; /* value types; PROFILE_NONE = there is none */
	uint32_t *ends;                       /* per sample: its tree node */
	struct waitsum_node *nodes;           /* per tree node */
};

/* Is this a profile of waits at all? */
bool waitsum_applies(const struct profile *p);
/* `value` (UINT32_MAX = the default) orders; threads are listed one by one up to `most_threads`, by
 * process above. 0, -EINVAL for a profile without waits, or -ENOMEM. */
int waitsum_new(const struct profile *p, uint32_t value, uint32_t most_threads, struct waitsum **ret);
void waitsum_free(struct waitsum *w);

/* How many waits at a place took [2^i, 2^(i+1)) nanoseconds. */
void waitsum_took(const struct waitsum *w, const struct wait_place *at, int64_t took[WAITSUM_TOOK]);
/* The part of a tally that `value` orders by. */
int64_t waitsum_amount(const struct waitsum *w, const struct wait_tally *t);

#endif
