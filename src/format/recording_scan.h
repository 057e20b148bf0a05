/* recording_scan.h - finding the whole blocks of a .waggle stream, whatever happened to the rest.
 *
 * A block counts when its head and its payload have the right checksums, it belongs to the stream
 * and it comes after the ones before it. Everything else is skipped to the next such block. Time is
 * linear in the length of the data, also for data made to be slow. Not thread safe.
 */
#ifndef WAGGLE_FORMAT_RECORDING_SCAN_H
#define WAGGLE_FORMAT_RECORDING_SCAN_H

#include "base/vec.h"
#include "format/recording_layout.h"

struct recording_block {
	struct recording_head head;
	const uint8_t *payload; /* borrowed from the data */
};

struct recording_scan {
	VEC(struct recording_block) blocks; /* whole ones, in order */
	uint64_t good_bytes;                /* of magic and whole blocks */
	uint64_t raw_bytes;                 /* that all whole blocks unpack to */
	uint64_t damaged;                   /* blocks missing, broken or cut off */
	bool magic;                         /* the data starts as a recording should */
};

/* 0 or -ENOMEM. recording_scan_done() in either case. */
int recording_scan(struct recording_scan *s, const uint8_t *data, size_t len);
void recording_scan_done(struct recording_scan *s);

#endif
