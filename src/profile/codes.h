/* codes.h - which function an address of generated code was, at the time of a sample.
 *
 * A runtime replaces and moves the code it makes, so an address alone is not a place: the frame of
 * (process, address) can be two functions in one profile. profile.codes holds the versions that
 * samples may have hit: what was where, from when on. profile_codes_name() names frames that were
 * one version in all their samples; profile_codes_split() makes the others into a frame for each
 * version and moves the samples over, which changes stacks: a recording that is being written must
 * be finished before, and whoever reads it splits again.
 *
 * Which version holds at time t: of those that know their time exactly, the last one from before t;
 * where there is none (or that one says that nothing is there any more), of those that know it
 * roughly the last one from before t, else the first one. Samples without a time get the newest.
 *
 * Thread safety: a writer of the profile.
 */
#ifndef WAGGLE_PROFILE_CODES_H
#define WAGGLE_PROFILE_CODES_H

#include "profile/profile.h"

/* Against recordings made to cost time: ten times what a busy hour of a large program has. */
#define PROFILE_CODES_MAX (1u << 18)

/* Adds a version; `lines` (ascending by offset) are copied. Returns its row, PROFILE_NONE when out of
 * memory or beyond PROFILE_CODES_MAX (`ret_full`, which may be NULL, says that). */
uint32_t profile_code(struct profile *p, const struct profile_code *code,
		      const struct profile_code_line *lines, uint32_t n_lines, bool *ret_full);

/* Names every frame without a name that was one version whenever it was hit. Frames that were
 * several get UNNAMED_SEVERAL, ones that were hit before their code was announced UNNAMED_EARLY;
 * ones that no version covers stay as they are. 0 or -ENOMEM. */
int profile_codes_name(struct profile *p);
/* Gives the frames that are UNNAMED_SEVERAL their names, one frame for each. Only to be called after
 * profile_codes_name() and with no samples added since. Counts unnamed frames anew when it changed
 * any. 0 or -ENOMEM. */
int profile_codes_split(struct profile *p);

#endif
