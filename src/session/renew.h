/* renew.h - keeps a capture that nobody but the views needs from growing for ever.
 *
 * The profile only gets longer: every stack that was ever met stays, with its frames and names. Where the
 * samples are not kept (session_opts.view_only), what was not met for long is given up: when the profile has
 * grown beyond its bound, the stacks that were met last stay, as many as make half of its nodes, and the
 * profile is renewed with them (profile/renewal.h). The views have a bound of their own and keep showing what
 * they have.
 *
 * The kernel side sends a stack's frames once. So giving one up takes two steps: the kernel is told to send
 * it again, and when everything that was under way by then has arrived, what has not been met meanwhile goes.
 *
 * Whoever holds numbers of the profile's rows from one drain round to the next has a line in renew_tell().
 *
 * Thread safety: the session's thread.
 */
#ifndef WAGGLE_SESSION_RENEW_H
#define WAGGLE_SESSION_RENEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;

struct renew {
	size_t bound;   /* bytes the profile may take; 0 = nothing is given up */
	size_t most;    /* the same, or more where what is in use takes more */
	uint64_t due;   /* CLOCK_MONOTONIC ns of the second step; 0 = the first comes next */
	uint32_t since; /* s after the start: stacks that were met last before that go */
};

/* Of a session whose samples nobody keeps: sets the bound. */
void renew_init(struct renew *n);
/* Once every drain round, after the viewer took its samples. */
void renew_turn(struct session *s, uint64_t now);

#endif
