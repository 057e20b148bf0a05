/* waits.h - from what the kernel side counted of waiting to samples of the profile: the other end of
 * bpf/off.bpf.c.
 *
 * Stacks arrive once in the ring of samples and are given their class when they do. Sums are counted in one
 * of two maps; every interval (a second) the maps change roles, and when no program can be at the old one any
 * more it is read and emptied. A sum whose stack has not arrived yet waits for it. For `wall`, samples of
 * the timer are held for the interval and share out the time that the thread is known to have run.
 *
 * At the end, waits that are not over are counted up to there: those of threads that never ran as well.
 *
 * Bounded: sums without their stack and held samples at most what max_keys allows; what finds no room is
 * counted as lost. Thread safety: the session's thread.
 */
#ifndef WAGGLE_SESSION_WAITS_H
#define WAGGLE_SESSION_WAITS_H

#include "session/intake.h"
#include "session/programs.h"

struct waits;

struct waits_opts {
	struct programs *programs;
	struct intake *intake;
	const struct capture_opts *capture;
	bool wall; /* time on the processors too */
};

/* 0, -ENOMEM. Adds the profile's value types, so before there is any sample. */
int waits_new(const struct waits_opts *o, struct waits **ret);
void waits_free(struct waits *w);

/* A record of the ring that is no sample. */
void waits_record(struct waits *w, const struct sample_record *r, size_t len);
/* A sample of the timer, its ids filled in. */
void waits_tick(struct waits *w, const struct profile_sample *s);
/* Once every drain round. */
void waits_turn(struct waits *w, uint64_t now);
/* Right before the programs are detached: threads that sleep are looked at once more. */
void waits_last_look(struct waits *w);
/* ns between two turns in which sums are read. */
uint64_t waits_interval(const struct waits *w);

/* -- where the profile is renewed (session/renew.h) -- */
/* What the kernel side still refers to is in use from now on: stacks, chains, threads. */
void waits_look_used(struct waits *w);
/* Stacks and chains that were met last before `since` (s): the kernel side sends them again from now on. */
void waits_send_again(struct waits *w, uint32_t since);
/* Is nothing held that has numbers of the profile? */
bool waits_is_quiet(const struct waits *w);
/* Marks the stacks that were met since. */
void waits_mark(const struct waits *w, struct renewal *r, uint32_t since);
/* When stacks were met last, and where they end: for each `each`. */
void waits_uses(const struct waits *w, void (*each)(void *ctx, uint32_t used, uint32_t leaf), void *ctx);
/* The profile was renewed: what was not met since is forgotten, and threads that two looks did not find. */
void waits_renewed(struct waits *w, struct renewal *r, uint32_t since);

/* After the programs were detached and the ring was emptied; `end` is when (CLOCK_MONOTONIC ns). */
void waits_finish(struct waits *w, uint64_t end);

#endif
