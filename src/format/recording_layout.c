/* recording_layout.c - block heads and the list of meta keys; see recording_layout.h. */
#include "format/recording_layout.h"

#include <string.h>
#include <xxhash.h>

#include "base/cursor.h"

static void layout_u32(uint8_t *to, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

uint32_t recording_checksum(const void *p, size_t n)
{
	return XXH32(p, n, 0);
}

void recording_head_write(const struct recording_head *h, uint8_t to[RECORDING_HEAD_SIZE])
{
	layout_u32(to, RECORDING_MARKER);
	layout_u32(to + 4, h->type | (uint32_t)h->version << 16);
	layout_u32(to + 8, h->stream);
	layout_u32(to + 12, h->sequence);
	layout_u32(to + 16, h->raw);
	layout_u32(to + 20, h->stored);
	layout_u32(to + 24, h->checksum);
	layout_u32(to + 28, recording_checksum(to, 28));
}

bool recording_head_read(const uint8_t *at, size_t n, struct recording_head *ret)
{
	struct cursor c = cursor_of(at, n < RECORDING_HEAD_SIZE ? n : RECORDING_HEAD_SIZE);
	struct recording_head h = { 0 };
	uint32_t marker = cursor_u32(&c), sum;

	if (n < RECORDING_HEAD_SIZE || marker != RECORDING_MARKER)
		return false;
	h.type = cursor_u16(&c);
	h.version = cursor_u16(&c);
	h.stream = cursor_u32(&c);
	h.sequence = cursor_u32(&c);
	h.raw = cursor_u32(&c);
	h.stored = cursor_u32(&c);
	h.checksum = cursor_u32(&c);
	sum = cursor_u32(&c);
	if (sum != recording_checksum(at, 28) || h.raw > RECORDING_RAW_MAX || h.stored > h.raw)
		return false;
	*ret = h;
	return true;
}

#define META(key, field, kind)                                                                     \
	{                                                                                          \
		key, kind, offsetof(struct profile_meta, field)                                    \
	}
static const struct recording_meta_row layout_meta[] = {
	META("host", host, META_TEXT),
	META("kernel", kernel, META_TEXT),
	META("arch", arch, META_TEXT),
	META("command", command, META_TEXT),
	META("tool", tool, META_TEXT),
	META("source", source, META_TEXT),
	META("event", event, META_TEXT),
	META("start_wall", start_wall, META_U64),
	META("start_mono", start_mono, META_U64),
	META("duration", duration, META_U64),
	META("period", period, META_U64),
	META("period_type", period_type.type, META_TEXT),
	META("period_unit", period_type.unit, META_TEXT),
	META("frequency", frequency, META_U32),
	META("processors", n_cpus, META_U32),
	META("child_status", child_status, META_I32),
};

const struct recording_meta_row *recording_meta_rows(size_t *ret_n)
{
	*ret_n = sizeof(layout_meta) / sizeof(layout_meta[0]);
	return layout_meta;
}
