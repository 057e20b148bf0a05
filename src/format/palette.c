/* palette.c - colours by kind; see palette.h.
 *
 * Hues follow what people of this field are used to (orange kernel, green JIT, aqua inlined), with
 * user code in honey. All are light enough for dark text.
 */
#include "format/palette.h"

#include <math.h>

static const struct palette_kind palette[PALETTE_KINDS] = {
	{'u', "user", "User", 41, 88, 64, 3.2, 2.2},
	{'k', "kernel", "Kernel", 13, 74, 67, 3.2, 2.2},
	{'j', "jit", "JIT", 104, 40, 62, 3.2, 2.2},
	{'i', "inlined", "Inlined", 186, 45, 66, 3.2, 2.2},
	{'o', "offcpu", "Off-CPU", 282, 40, 78, 3.2, 2.2},
	{'c', "cut", "Cut short", 30, 5, 68, 3.2, 2.2},
	{'t', "task", "Task", 36, 16, 82, 3.2, 2.2},
	{'b', "blocked", "Blocked", 218, 62, 74, 15, 2.2},
	{'w', "idle", "Idle", 220, 9, 76, 30, 4},
	{'r', "ready", "Ready", 27, 92, 63, 5, 4},
};

const struct palette_kind *palette_kind(uint8_t kind)
{
	return &palette[kind < PALETTE_KINDS ? kind : PALETTE_TASK];
}

/* 32-bit FNV-1a (Fowler, Noll, Vo), folded because its low bits alone are weak. */
uint32_t palette_tint(const char *name, size_t len)
{
	uint32_t h = 0x811c9dc5;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 0x01000193;
	h ^= h >> 15;
	return h % PALETTE_NAME_TINTS;
}

/* In the order of enum wait_group; a processor in use has the colours of its functions. */
static const uint8_t palette_groups[] = {
	[WAIT_GROUP_RUNNING] = FRAME_USER,
	[WAIT_GROUP_BLOCKED] = PALETTE_BLOCKED,
	[WAIT_GROUP_IDLE] = PALETTE_IDLE,
	[WAIT_GROUP_READY] = PALETTE_READY,
};

struct palette_pick palette_of_class(enum wait_class c)
{
	enum wait_group group = waits_class(c)->group;
	uint32_t before = 0;

	for (int i = 0; i < (int)c; i++)
		before += waits_class((enum wait_class)i)->group == group;
	return (struct palette_pick){palette_groups[group], (uint8_t)(before % PALETTE_TINTS)};
}

struct palette_pick palette_pick(uint8_t kind, const char *name, size_t len)
{
	enum wait_class c = kind == FRAME_OFFCPU ? waits_class_of_frame(name) : WAIT_CLASS_MAX;

	if (c != WAIT_CLASS_MAX)
		return palette_of_class(c);
	kind = kind < FRAME_KIND_MAX ? kind : PALETTE_TASK;
	return (struct palette_pick){kind, (uint8_t)palette_tint(name, len)};
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
	double hue = p->hue + ((double)(tint % 4) - 1.5) * p->hue_step;
	double sat = p->sat * (dark ? 0.8 : 1) / 100;
	double light = (p->light + (double)(tint / 2) * p->light_step - 3.3 - (dark ? 7 : 0)) / 100;

	return palette_channel(0, hue, sat, light) << 16 |
	       palette_channel(8, hue, sat, light) << 8 | palette_channel(4, hue, sat, light);
}
