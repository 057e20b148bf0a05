/* linetable.h - what each frame shows, worked out once per frame and not once per sample; private
 * to this folder.
 *
 * Views merge frames by what a person reads: the label and the kind of a line. Every distinct pair
 * is a `mark` with a dense id, so that trees and tables compare one number. Strings go to the table
 * of the view, which outlives the profile.
 *
 * Ownership: linetable_free(). Borrows the profile and the strings. Not thread safe.
 */
#ifndef WAGGLE_PROFILE_LINETABLE_H
#define WAGGLE_PROFILE_LINETABLE_H

#include "profile/profile.h"

struct linetable_mark {
	uint32_t name; /* string of the view */
	uint8_t kind;  /* enum frame_kind; FRAME_KIND_MAX for what is not code */
};

struct linetable {
	const struct profile *p;
	struct intern *strings;
	bool annotate, addresses; /* as in struct calltree_opts */
	VEC(struct linetable_mark) marks;
	struct map64 by_mark;     /* name << 8 | kind -> mark */
	VEC(uint32_t) line_marks; /* mark of every line worked out so far */
	uint32_t *frame_first; /* per frame: 1 + where its lines start in line_marks, 0 = not yet */
	uint32_t *object_names; /* per object: its path as a string of the view */
};

/* 0 or -ENOMEM. */
int linetable_init(struct linetable *t, const struct profile *p, struct intern *strings);
void linetable_free(struct linetable *t);
/* The marks of a frame's lines, profile_frame_lines() of them, innermost first; NULL when out of
 * memory. Dies with the next call. */
const uint32_t *linetable_frame(struct linetable *t, uint32_t frame);
/* The mark of a text that is not a frame's; PROFILE_NONE when out of memory. */
uint32_t linetable_mark(struct linetable *t, const char *name, size_t len, uint8_t kind);

#endif
