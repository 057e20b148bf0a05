/* governor.h - keeps what waggle costs below what it may cost.
 *
 * Once a second the processor time that waggle's programs took in the kernel (by their own clock) and that
 * its process took are compared with the allowance, a share of the whole machine. Over it twice in a row
 * the sampling rate is halved; the samples that are left count double, so that shares and totals stay
 * unbiased. When the rate cannot be lowered any further walks are cut to fewer frames. After a while well
 * below it goes back step by step. Start-up, which is paid once, is not counted.
 *
 * Thread safety: none; it belongs to the session's thread.
 */
#ifndef WAGGLE_SESSION_GOVERNOR_H
#define WAGGLE_SESSION_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

#define GOVERNOR_WEIGHT_MAX 64u  /* the rate goes down to this part of what was asked */
#define GOVERNOR_DEPTH_LEAST 64u /* frames that a walk may always have */

struct governor {
	double allowed;      /* share of the machine, 0..1; 0 = no limit */
	uint32_t n_cpus;
	uint64_t next, last; /* ns, CLOCK_MONOTONIC; 0 before the first look */
	uint64_t own, bpf;   /* ns, at the last look */
	uint32_t over, under;/* looks in a row */
	uint32_t weight;     /* ticks that one stands for now */
	uint32_t depth;      /* frames, 0 = no limit of ours */
	uint32_t weight_most;/* the highest weight so far */
	double share;        /* at the last look */
};

void governor_init(struct governor *g, double allowed, uint32_t n_cpus, uint64_t now);
/* Due for a look? Cheap. */
bool governor_due(const struct governor *g, uint64_t now);
/* A look. `own` and `bpf` are processor times so far, ns (`own` may go back, when some of it turns out to be
 * somebody else's). True when weight or depth have changed and must
 * be applied. */
bool governor_look(struct governor *g, uint64_t now, uint64_t own, uint64_t bpf);

#endif
