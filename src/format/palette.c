/* palette.c - colours by kind; see palette.h.
 *
 * Hues follow what people of this field are used to (orange kernel, green JIT, aqua inlined), with
 * user code in honey. All are light enough for dark text.
 */
#include "format/palette.h"

#include <math.h>

static const struct palette_kind palette[PALETTE_KINDS] = {
	{'u', "User", 41, 88, 64},     {'k', "Kernel", 13, 74, 67},   {'j', "JIT", 104, 40, 62},
	{'i', "Inlined", 186, 45, 66}, {'o', "Off-CPU", 231, 52, 76}, {'c', "Cut short", 30, 5, 68},
	{'t', "Task", 36, 16, 82},
};

const struct palette_kind *palette_kind(uint8_t kind)
{
	return &palette[kind < PALETTE_KINDS ? kind : PALETTE_KINDS - 1];
}

/* 32-bit FNV-1a (Fowler, Noll, Vo), folded because its low bits alone are weak. */
uint32_t palette_tint(const char *name, size_t len)
{
	uint32_t h = 0x811c9dc5;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 0x01000193;
	h ^= h >> 15;
	return h % PALETTE_TINTS;
}

/* One channel of HSL to RGB as CSS Color 4, section 7.1, has it. */
static uint32_t palette_channel(double n, double hue, double sat, double light)
{
	double k = fmod(n + hue / 30, 12), a = sat * fmin(light, 1 - light);

	return (uint32_t)lround(255 * (light - a * fmax(-1, fmin(fmin(k - 3, 9 - k), 1))));
}

uint32_t palette_rgb(uint8_t kind, uint32_t tint, bool dark)
{
	const struct palette_kind *p = palette_kind(kind);
	double hue = p->hue + ((double)(tint % 4) - 1.5) * 3.2;
	double sat = p->sat * (dark ? 0.8 : 1) / 100;
	double light = (p->light + (double)(tint / 2) * 2.2 - 3.3 - (dark ? 7 : 0)) / 100;

	return palette_channel(0, hue, sat, light) << 16 |
	       palette_channel(8, hue, sat, light) << 8 | palette_channel(4, hue, sat, light);
}
