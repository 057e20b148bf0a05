/* pprof_wire.h - the outermost layer of profile.proto as bytes: one field after the other, nothing
 * allocated. Private to src/format. Thread safety: pure.
 * Source: the protobuf encoding guide (tags, wire types) and pprof.proto (numbers).
 */
#ifndef WAGGLE_FORMAT_PPROF_WIRE_H
#define WAGGLE_FORMAT_PPROF_WIRE_H

#include "base/cursor.h"

enum pprof_field_number { /* of message Profile; see pprof.proto */
	FIELD_SAMPLE_TYPE = 1,
	FIELD_SAMPLE = 2,
	FIELD_MAPPING = 3,
	FIELD_LOCATION = 4,
	FIELD_FUNCTION = 5,
	FIELD_STRING = 6,
	FIELD_TIME = 9,
	FIELD_DURATION = 10,
	FIELD_PERIOD_TYPE = 11,
	FIELD_PERIOD = 12,
	FIELD_COMMENT = 13,
	FIELD_DEFAULT = 14,
	FIELD_LAST = 16,
};

struct pprof_field {
	uint32_t number, wire;
	uint64_t value;      /* wire types 0, 1, 5 */
	const uint8_t *data; /* wire type 2 */
	size_t len;
};

/* The next field; false at the end, and when what follows is not one (then c->bad). */
bool pprof_next(struct cursor *c, struct pprof_field *f);

#endif
