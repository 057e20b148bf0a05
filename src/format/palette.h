/* palette.h - one hue per kind of frame, in close tints picked by the name; the same numbers as in
 * web/palette.js, so that a function looks alike in every picture waggle makes. */
#ifndef WAGGLE_FORMAT_PALETTE_H
#define WAGGLE_FORMAT_PALETTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PALETTE_KINDS = 7, PALETTE_TINTS = 8 }; /* enum frame_kind, and tasks last */

struct palette_kind {
	char key;         /* first letter of the style class */
	const char *name; /* in the legend */
	double hue, sat, light;
};

const struct palette_kind *palette_kind(uint8_t kind);
uint32_t palette_tint(const char *name, size_t len);
/* 0xrrggbb, for a light or a dark page. */
uint32_t palette_rgb(uint8_t kind, uint32_t tint, bool dark);

#endif
