/* recording_scan.c - which blocks of a stream are whole; see recording_scan.h.
 *
 * After damage there are two ways on. When the head is right, its length is trusted as long as
 * something sensible follows it (only the payload was hit). Otherwise bytes may be missing or
 * inserted, and the next head is searched for by its marker. How many blocks were lost is known
 * from the sequence numbers of those that were not.
 */
#include "format/recording_scan.h"

#include <errno.h>
#include <string.h>

struct scan {
	const uint8_t *data;
	size_t len, pos;
	uint64_t next;      /* sequence expected after the last whole block */
	uint64_t seen;      /* sequence expected after the last head, its payload whole or not */
	uint64_t hash_left; /* bytes that may still be spent on payloads that turn out broken */
	bool ended;         /* the end block's head was seen */
	struct recording_scan *to;
};

static bool scan_head(const struct scan *s, size_t pos, struct recording_head *ret)
{
	return recording_head_read(s->data + pos, s->len - pos, ret) && ret->sequence >= s->seen &&
	       (!s->to->blocks.n || ret->stream == s->to->blocks.at[0].head.stream);
}

/* Is the payload of the head at s->pos all there and undamaged? */
static bool scan_payload(struct scan *s, const struct recording_head *h)
{
	size_t room = s->len - s->pos - RECORDING_HEAD_SIZE;

	if (h->stored > room || h->stored > s->hash_left)
		return false;
	if (recording_checksum(s->data + s->pos + RECORDING_HEAD_SIZE, h->stored) == h->checksum)
		return true;
	s->hash_left -= h->stored;
	return false;
}

static int scan_take(struct scan *s, const struct recording_head *h)
{
	struct recording_scan *to = s->to;
	struct recording_block b = { *h, s->data + s->pos + RECORDING_HEAD_SIZE };

	if (!VEC_PUSH(&to->blocks, b))
		return -ENOMEM;
	to->damaged += h->sequence - s->next;
	to->raw_bytes += h->raw;
	to->good_bytes += RECORDING_HEAD_SIZE + h->stored;
	s->next = s->seen = (uint64_t)h->sequence + 1;
	s->pos += RECORDING_HEAD_SIZE + h->stored;
	return 0;
}

/* The next place behind `pos` where a head may be, or the end. */
static size_t scan_search(const struct scan *s, size_t pos)
{
	static const uint8_t marker[4] = { 0xf7, 'W', 'G', 'B' };
	const uint8_t *at;
	struct recording_head h;

	while (++pos < s->len) {
		at = memmem(s->data + pos, s->len - pos, marker, sizeof(marker));
		if (!at)
			break;
		pos = (size_t)(at - s->data);
		if (scan_head(s, pos, &h))
			return pos;
	}
	return s->len;
}

/* Moves past a block whose payload is not whole. */
static void scan_skip(struct scan *s, const struct recording_head *h)
{
	size_t size = RECORDING_HEAD_SIZE + (size_t)h->stored;
	struct recording_head after;

	s->seen = (uint64_t)h->sequence + 1;
	s->ended |= h->type == RECORDING_END;
	if (size == s->len - s->pos ||
	    (size < s->len - s->pos && scan_head(s, s->pos + size, &after)))
		s->pos += size;
	else
		s->pos = scan_search(s, s->pos);
}

static void scan_finish(struct scan *s)
{
	uint64_t tail = s->seen - s->next;

	/* Without an end block at least one block is missing: the one that was being written. What
	 * stands behind an end block does not belong there. */
	if (!tail && (!s->ended || s->pos < s->len))
		tail = 1;
	s->to->damaged += tail;
}

int recording_scan(struct recording_scan *to, const uint8_t *data, size_t len)
{
	struct scan s = { .data = data, .len = len, .to = to };
	struct recording_head h;

	*to = (struct recording_scan){ 0 };
	s.hash_left = 2 * (uint64_t)len + RECORDING_RAW_MAX;
	to->magic =
		len >= RECORDING_MAGIC_SIZE && !memcmp(data, RECORDING_MAGIC, RECORDING_MAGIC_SIZE);
	if (to->magic) {
		s.pos = RECORDING_MAGIC_SIZE;
		to->good_bytes = RECORDING_MAGIC_SIZE;
	} else {
		to->damaged++;
	}
	while (s.pos < len && !s.ended) {
		if (!scan_head(&s, s.pos, &h)) {
			s.pos = scan_search(&s, s.pos);
		} else if (!scan_payload(&s, &h)) {
			scan_skip(&s, &h);
		} else {
			s.ended = h.type == RECORDING_END;
			if (scan_take(&s, &h))
				return -ENOMEM;
		}
	}
	scan_finish(&s);
	return 0;
}

void recording_scan_done(struct recording_scan *s)
{
	VEC_FREE(&s->blocks);
}
