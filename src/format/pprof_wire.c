/* pprof_wire.c - fields of profile.proto, and how to tell that bytes are one; see pprof_wire.h. */
#include "format/pprof_wire.h"

#include "format/input.h"
#include "format/pprof.h"

bool pprof_next(struct cursor *c, struct pprof_field *f)
{
	uint64_t tag;

	if (c->bad || !cursor_left(c))
		return false;
	tag = cursor_uleb(c);
	*f = (struct pprof_field){ .number = (uint32_t)(tag >> 3), .wire = tag & 7 };
	if (tag >> 3 == 0 || tag >> 32)
		c->bad = true;
	else if (f->wire == 0)
		f->value = cursor_uleb(c);
	else if (f->wire == 1)
		f->value = cursor_u64(c);
	else if (f->wire == 5)
		f->value = cursor_u32(c);
	else if (f->wire == 2) {
		f->value = cursor_uleb(c);
		f->data = cursor_take(c, f->value);
		f->len = (size_t)f->value;
	} else
		c->bad = true;
	return !c->bad;
}

/* No magic number: the fields in sight must be those of a Profile, the first one whole. */
int pprof_probe(const uint8_t *head, size_t n)
{
	struct cursor c = cursor_of(head, n);
	struct pprof_field f;
	int sure = 0;

	if (input_layer_of(head, n) == INPUT_GZIP)
		return 1;
	while (pprof_next(&c, &f)) {
		bool message = f.number <= FIELD_STRING || f.number == FIELD_PERIOD_TYPE;

		if (f.number > FIELD_LAST || (message && f.wire != 2) ||
		    (!message && f.wire != 0 && f.number != FIELD_COMMENT &&
		     f.number != FIELD_LAST))
			return 0;
		if (f.number <= FIELD_FUNCTION && f.len && (f.data[0] >> 3 == 0 || f.data[0] >> 3 > 10))
			return 0;
		sure = f.number == FIELD_SAMPLE_TYPE || sure == 2 ? 2 : 1;
	}
	return sure;
}
