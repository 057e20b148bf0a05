/* waits.h - how time that is not spent computing is kept in a profile: value types, labels, classes.
 *
 * A sample of `waggle off` or `waggle wall` stands for all waits of one thread that went through one stack,
 * were of one class and of about the same length, in one interval of the capture. Its values are their time
 * ("off" or "wall", nanoseconds), their number ("waits") and the longest ("longest": it does not add up, so
 * everything that sums takes the maximum instead: profile_value_is_max()). Its labels are
 *
 *   class  a key of waits.def
 *   took   number, nanoseconds, a power of two: each wait took at least this long, less than twice as long
 *   lock   text: address of the futex, where locks were asked for ("0x7f12..")
 *
 * and where wakers were asked for its stack goes on, above the leaf, with who ended the wait: a frame of
 * kind FRAME_OFFCPU "[woken by NAME]", then the waker's frames from its leaf to its root; if the waker had
 * itself waited meanwhile, a frame "[which waited]" and the frames of that wait, leaf to root, and so on.
 * In `wall` the stack ends in the class's frame (FRAME_OFFCPU, waits_frame_text()), but for on-cpu.
 *
 * Thread safety: pure functions and constants.
 */
#ifndef WAGGLE_PROFILE_WAITS_H
#define WAGGLE_PROFILE_WAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"

enum wait_class {
#define ROW(id, key, frame, group, text) WAIT_##id,
#include "profile/waits.def"
#undef ROW
	WAIT_CLASS_MAX
};

enum wait_group {
	WAIT_GROUP_RUNNING,
	WAIT_GROUP_BLOCKED, /* for something another part of the system has to do */
	WAIT_GROUP_IDLE,    /* for work, or for time to pass: --no-idle leaves it out */
	WAIT_GROUP_READY,   /* for a processor */
};

#define WAITS_LABEL_CLASS "class"
#define WAITS_LABEL_TOOK "took"
#define WAITS_LABEL_LOCK "lock"
#define WAITS_TYPE_OFF "off"
#define WAITS_TYPE_WALL "wall"
#define WAITS_TYPE_COUNT "waits"
#define WAITS_TYPE_LONGEST "longest"
#define WAITS_WOKEN_BY "[woken by " /* .. NAME] */
#define WAITS_WHICH_WAITED "[which waited]"

struct wait_class_row {
	const char *key, *frame, *text;
	enum wait_group group;
};

const struct wait_class_row *waits_class(enum wait_class c); /* static; never NULL for a valid class */
/* WAIT_CLASS_MAX when no class has that key. */
enum wait_class waits_class_of_key(const char *key);
/* The class of a FRAME_OFFCPU frame's text ("[blocked: lock]"), WAIT_CLASS_MAX for anything else. */
enum wait_class waits_class_of_frame(const char *text);
/* What a sample's label says; WAIT_CLASS_MAX when it has none. `took` and `lock` may be NULL; they become 0
 * and "" (borrowed from p) where there is no such label. */
enum wait_class waits_of_labels(const struct profile *p, uint32_t labels, uint64_t *took, const char **lock);
/* Is the value one of which the maximum is taken instead of the sum? */
bool profile_value_is_max(const struct profile *p, uint32_t value);

#endif
