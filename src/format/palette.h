/* palette.h - one hue per kind of frame, in close tints picked by the name; the same numbers as in
 * web/palette.js, so that a function looks alike in every picture waggle makes.
 *
 * Classes of waiting (profile/waits.h) are coloured by their group - cold blue what is blocked, grey what
 * is idle, orange what is ready but has no processor - and each has a tint of its own in it. */
#ifndef WAGGLE_FORMAT_PALETTE_H
#define WAGGLE_FORMAT_PALETTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/waits.h"

/* enum frame_kind, tasks, groups of waiting. A name picks one of the first 8 tints. */
enum {
	PALETTE_TASK = FRAME_KIND_MAX,
	PALETTE_BLOCKED,
	PALETTE_IDLE,
	PALETTE_READY,
	PALETTE_KINDS,
	PALETTE_TINTS = 12,
	PALETTE_NAME_TINTS = 8,
};

struct palette_kind {
	char key;         /* first letter of the style class */
	const char *id;   /* in web/palette.js */
	const char *name; /* in the legend */
	double hue, sat, light;
	double hue_step, light_step; /* from one tint to the next */
};

struct palette_pick {
	uint8_t kind, tint;
};

const struct palette_kind *palette_kind(uint8_t kind);
uint32_t palette_tint(const char *name, size_t len);
/* The colour of a frame of a call tree, by its kind and name. */
struct palette_pick palette_pick(uint8_t kind, const char *name, size_t len);
struct palette_pick palette_of_class(enum wait_class c);
/* 0xrrggbb, for a light or a dark page. */
uint32_t palette_rgb(uint8_t kind, uint32_t tint, bool dark);

#endif
