/* theme.c - colours for cells; see theme.h. */
#include "ui/tui/theme.h"

#include <math.h>
#include <string.h>

#include "format/palette.h"

#define THEME_INK 0x141414

const char *theme_tint_name(enum theme_tint t)
{
	static const char *const names[TINT_MAX] = { "by kind", "by name", "plain" };

	return names[t < TINT_MAX ? t : TINT_PLAIN];
}

struct style theme_plain(void)
{
	return (struct style){ 0 };
}

struct style theme_title(void)
{
	return (struct style){ .flags = STYLE_BOLD };
}

struct style theme_dim(void)
{
	return (struct style){ .flags = STYLE_DIM };
}

static struct style theme_on(const struct theme *t, uint32_t fg, uint32_t bg, uint8_t otherwise)
{
	if (!t->colour)
		return (struct style){ .flags = otherwise };
	return (struct style){ fg, bg, STYLE_FG | STYLE_BG };
}

struct style theme_bar(const struct theme *t)
{
	return theme_on(t, 0xe8e8e8, 0x303a48, STYLE_REVERSE);
}

struct style theme_selected(const struct theme *t)
{
	struct style s = theme_on(t, THEME_INK, 0xffffff, STYLE_REVERSE);

	s.flags |= STYLE_BOLD;
	return s;
}

struct style theme_match(const struct theme *t)
{
	return theme_on(t, 0xffffff, 0xb02aa0, STYLE_UNDERLINE | STYLE_BOLD);
}

struct style theme_warning(const struct theme *t)
{
	if (!t->colour)
		return (struct style){ .flags = STYLE_BOLD };
	return (struct style){ .fg = 0xff7a5c, .flags = STYLE_FG | STYLE_BOLD };
}

struct style theme_frame(const struct theme *t, uint8_t kind, const char *name)
{
	struct palette_pick pick = palette_pick(kind, name, strlen(name));

	if (t->tint == TINT_NAME && kind < FRAME_KIND_MAX)
		pick = (struct palette_pick){ (uint8_t)(palette_tint(name, strlen(name)) % 5),
					      pick.tint };
	if (t->tint == TINT_PLAIN)
		pick = (struct palette_pick){ PALETTE_TASK, pick.tint };
	return theme_on(t, THEME_INK, palette_rgb(pick.kind, pick.tint, true), 0);
}

struct style theme_group(const struct theme *t, enum wait_group g)
{
	static const uint8_t kinds[] = {
		[WAIT_GROUP_RUNNING] = FRAME_JIT, /* green: at work */
		[WAIT_GROUP_BLOCKED] = PALETTE_BLOCKED,
		[WAIT_GROUP_IDLE] = PALETTE_IDLE,
		[WAIT_GROUP_READY] = PALETTE_READY,
	};

	if (!t->colour)
		return theme_plain();
	return (struct style){ .fg = palette_rgb(kinds[g], 3, true), .flags = STYLE_FG };
}

struct style theme_darker(struct style s)
{
	s.bg = ((s.bg >> 16 & 255) * 7 / 8) << 16 | ((s.bg >> 8 & 255) * 7 / 8) << 8 | (s.bg & 255) * 7 / 8;
	return s;
}

/* Dark blue over red to yellow: also tells little from much for people who see few colours. */
struct style theme_heat(const struct theme *t, double share)
{
	static const uint32_t ramp[] = { 0x1b2540, 0x2c3e78, 0x6a3d8f, 0xa83a78,
					 0xd9544d, 0xf08a3c, 0xf7c64b, 0xfff3a0 };
	size_t i = (size_t)(share * 7.999);

	if (!t->colour || share <= 0)
		return theme_plain();
	return (struct style){ .fg = ramp[i], .bg = ramp[i], .flags = STYLE_FG | STYLE_BG };
}

uint32_t theme_heat_character(double share, bool utf8)
{
	static const char ascii[] = ".:-=+*#@";
	static const uint32_t blocks[] = { 0xb7,   0x2591, 0x2591, 0x2592,
					   0x2592, 0x2593, 0x2593, 0x2588 };
	size_t i = (size_t)(share * 7.999);

	if (share <= 0)
		return ' ';
	return utf8 ? blocks[i] : (uint32_t)ascii[i];
}
