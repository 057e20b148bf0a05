/* follow.h - a profile that follows another one while that one grows.
 *
 * A capture's profile has one writer and changes all the time: rows are added, files get their
 * paths, frames get their names. A follower is a copy of its own, brought up to date whenever its
 * owner says so; samples are only carried over when asked, so that the source may drop them
 * afterwards.
 *
 * Names of generated code are not taken over: which version a frame was depends on the time of its
 * samples, of which the source may have fewer. The versions are (profile/codes.h), as new ones
 * come.
 *
 * Ownership: source and destination are borrowed until follow_done(). Errors: 0 or -ENOMEM; after
 * that the copy is behind, and the next turn may succeed. Thread safety: reads the source, writes
 * the destination: one thread, which nobody else writes the source meanwhile.
 */
#ifndef WAGGLE_PROFILE_FOLLOW_H
#define WAGGLE_PROFILE_FOLLOW_H

#include "profile/profile.h"
#include "profile/renewal.h"

struct follow;

/* A follower and, in *ret_dst, a new profile with the source's value types, which is the caller's. */
int follow_new(const struct profile *src, struct follow **ret, struct profile **ret_dst);
void follow_free(struct follow *f);

/* Objects, names, versions of code, header and ledger as they are now. */
int follow_turn(struct follow *f);
/* Samples [first, end of the source's) with everything they stand on. All or none: on -ENOMEM no
 * sample was added. */
int follow_samples(struct follow *f, size_t first);
/* A finished source, whole: the names of generated code too. */
int follow_all(struct follow *f);
/* The destination was replaced by an equal one whose rows have other numbers. */
void follow_moved(struct follow *f, struct profile *dst);
/* The source was renewed (profile/renewal.h): from here on it is the new one. 0 or -ENOMEM, and then
 * it is still the old one. */
int follow_renewed(struct follow *f, struct renewal *r);
/* Memory held, bytes; grows with the source's tables. */
size_t follow_bytes(const struct follow *f);

/* Gives dst the versions of src's generated code, `by` ns earlier, for the objects that dst has
 * too, and names dst's frames by them. 0 or -ENOMEM. */
int follow_codes(struct profile *dst, const struct profile *src, uint64_t by);

#endif
