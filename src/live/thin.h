/* thin.h - making the old samples of a profile fewer without changing what they add up to.
 *
 * Thread safety: none; it changes the profile.
 */
#ifndef WAGGLE_LIVE_THIN_H
#define WAGGLE_LIVE_THIN_H

#include "profile/profile.h"

struct thinning {
	uint64_t now;   /* ns: ages are counted from here */
	uint64_t full;  /* ns: samples of this age or less stay as they are */
	uint64_t grain; /* ns: of samples just older than that; doubles whenever the age does */
};

/* The rounding of a sample of that time: 0 = none. Grows with age; each is a multiple of those
 * before. */
uint64_t thin_grain(const struct thinning *t, uint64_t time);

/* Rounds the times of old samples down to their grain and adds up those that are equal then in
 * time, stack, task and labels (their processor is the first one's). Samples end up ordered by
 * time, those without a time last. 0 or -ENOMEM, which changed nothing. */
int thin_samples(struct profile *p, const struct thinning *t);

/* Takes away all samples before `time` (and none without one). Returns how many there were, by the
 * profile's "samples" or "waits" value, otherwise by rows. */
uint64_t thin_forget(struct profile *p, uint64_t time);

#endif
