/* classframes.h - what a wait's time went to, as a frame of its stack: "[blocked: disk]" above the functions
 * that waited, as profiles of `waggle wall` have it from the start.
 *
 * Thread safety: none; it changes the profile.
 */
#ifndef WAGGLE_PROFILE_CLASSFRAMES_H
#define WAGGLE_PROFILE_CLASSFRAMES_H

#include "profile/waits.h"

/* Gives every sample that has a class (profile/waits.h) the class's frame behind the last frame of the
 * thread that waited; a waker's frames come after it. Stacks that have one already, and samples
 * without a class or on a processor, stay as they are. 0 or -ENOMEM. */
int profile_class_frames(struct profile *p);

#endif
