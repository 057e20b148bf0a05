/* off.h - the waiting part of the sources off and wall: the scheduler's events, and threads that sleep.
 *
 * Errors: 0 or -errno with a sentence. Thread safety: the session's thread only.
 */
#ifndef WAGGLE_SOURCE_OFF_H
#define WAGGLE_SOURCE_OFF_H

#include "source/source.h"

/* For sources that do not wait: their maps are not made. Between open and load. */
void off_leave_out(struct waggle_bpf *skel);

int off_prepare(struct waggle_bpf *skel, const struct capture_opts *o, struct err *e);
int off_attach(struct waggle_bpf *skel, const struct capture_opts *o, void **ret, struct err *e);
/* Looks through all threads for such as nobody has seen, and enters them with the stack they sleep in. Again
 * later it tries those anew whose walk met a table that was still being built. */
void off_look_asleep(struct waggle_bpf *skel);
void off_stop(void *state);
void off_measure(struct waggle_bpf *skel, struct ledger *l);
uint64_t off_run_time(struct waggle_bpf *skel);
void off_detach(void *state);

#endif
