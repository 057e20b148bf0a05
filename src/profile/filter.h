/* filter.h - a part of a profile as a profile of its own, and several profiles as one.
 *
 * Ownership: results are new profiles for the caller to free. Sources are not changed. Regexes in a
 * filter are borrowed. Not thread safe with respect to the regexes.
 */
#ifndef WAGGLE_PROFILE_FILTER_H
#define WAGGLE_PROFILE_FILTER_H

#include "base/regex.h"
#include "profile/profile.h"
#include "profile/waits.h"

struct profile_filter {
	const uint32_t *pids, *tids, *cpus; /* any of these; NULL = all */
	size_t n_pids, n_tids, n_cpus;
	const struct regex *comm;  /* thread or process name; NULL = all */
	uint64_t from, to;         /* ns since the start, [from, to); to == 0 = to the end. Untimed
				      samples pass only when neither is set */
	const struct regex *keep;  /* only stacks with a frame that matches */
	const struct regex *drop;  /* no stack with a frame that matches */
	const struct regex *focus; /* stacks start at the first (outermost) matching frame, with
				      its whole inline chain; others go */
	const struct regex *drop_stacks; /* no stack of which this matches the whole: labels from the
					    root to the leaf with ';' between, the sleeper's own part
					    where a waker's follows (profile/waits.h) */
	uint32_t classes;          /* only samples of these classes of waiting, bits of 1 << class; 1 <<
				      WAIT_CLASS_MAX for samples without one; 0 = all */
	bool no_kernel, no_user;   /* leave out kernel / user frames (bcc -U / -K); marks of cut user
				      stacks are user frames, classes of waiting are neither */
	uint32_t hidden;           /* leave out lines of these kinds, bits of 1 << enum frame_kind: what
				      was inlined apart from the function it is in. What they took goes
				      to their callers. Kernel frames are no_kernel by another name */
};

/* 0 or -ENOMEM. A sample stays when every part of the filter that is set lets it pass. Regexes see
 * the labels of profile_line_label() of the whole stack, before frames are left out of it; a sample
 * whose stack becomes empty stays. What was filtered away moves from TAKEN to FILTERED in the
 * result's ledger (counted by the "samples" or else the "waits" value where there is one, in which what
 * ran counts for one). Stacks and cuts, where the source counted any, are counted anew: whether a stack has
 * a user part and whether it is whole is judged before a focus shortens it, stacks whose frames are left
 * out are not counted, a kernel stack is cut when it has as many frames as the kernel gives, and no number
 * exceeds the source's. The rest of the ledger is carried over: it tells of the capture. The result starts
 * at `from`: its times count from there, its clocks say when. */
int profile_filter(const struct profile *src, const struct profile_filter *f, struct profile **ret,
		   struct err *e);

/* Adds all of src to dst. Value types must be the same set (matched by type and unit): -EINVAL
 * with a sentence otherwise. Times are shifted so that both keep their wall clock; ledgers add up,
 * except for distinct frames, which are counted anew. Facts of the header that differ become
 * unknown; a dst without samples and header takes over src's. Names are shared between equal
 * addresses only where a build id says it is the same code. After -ENOMEM, dst holds a part. */
int profile_merge(struct profile *dst, const struct profile *src, struct err *e);

#endif
