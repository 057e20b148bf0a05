/* recording_decode.c - tables and samples of .waggle blocks; see recording_decode.h. What is not a
 * table (meta, ledger, value types) is in recording_facts.c.
 */
#include "format/recording_decode.h"

#include <stdio.h>

#include "profile/codes.h"

#define NONE PROFILE_NONE

static void ids_done(struct recording_ids *m)
{
	VEC_FREE(&m->ranges);
	VEC_FREE(&m->ids);
}

void recording_decoder_done(struct recording_decoder *d)
{
	ids_done(&d->strings);
	ids_done(&d->objects);
	ids_done(&d->frames);
	ids_done(&d->nodes);
	ids_done(&d->tasks);
	ids_done(&d->label_sets);
	VEC_FREE(&d->lines);
	VEC_FREE(&d->labels);
	VEC_FREE(&d->code_lines);
	VEC_FREE(&d->samples);
	VEC_FREE(&d->values);
}

/* Starts a range; false when it would run into rows that were there before. */
static bool ids_start(struct recording_ids *m, uint64_t first, uint64_t n)
{
	const struct recording_range *last = m->ranges.n ? &m->ranges.at[m->ranges.n - 1] : NULL;
	uint64_t from = last ? (uint64_t)last->first + last->n : 1;

	if (first < from || first >= UINT32_MAX || n > UINT32_MAX - first)
		return false;
	return VEC_PUSH(&m->ranges, (struct recording_range){ (uint32_t)first, 0, m->ids.n });
}

static bool ids_push(struct recording_ids *m, uint32_t id)
{
	if (!VEC_PUSH(&m->ids, id))
		return false;
	m->ranges.at[m->ranges.n - 1].n++;
	return true;
}

static uint32_t ids_get(struct recording_ids *m, uint64_t id)
{
	size_t low = 0, high = m->ranges.n;
	const struct recording_range *r;

	if (!id)
		return 0;
	if (!high)
		return NONE;
	r = &m->ranges.at[m->hit < high ? m->hit : 0];
	if (id < r->first || id - r->first >= r->n) {
		while (high - low > 1) { /* the last range that starts at or before id */
			size_t mid = low + (high - low) / 2;

			if (m->ranges.at[mid].first <= id)
				low = mid;
			else
				high = mid;
		}
		m->hit = low;
		r = &m->ranges.at[low];
	}
	return id >= r->first && id - r->first < r->n ? m->ids.at[r->at + (id - r->first)] : NONE;
}

/* -- references: what they mean here, or a placeholder ----------------------------------------- */

static uint32_t decode_lost(struct recording_decoder *d, uint64_t id)
{
	char text[40];

	snprintf(text, sizeof(text), "[lost %llu]", (unsigned long long)id);
	return profile_str(d->p, text);
}

static uint32_t decode_string(struct recording_decoder *d, struct cursor *c)
{
	uint64_t id = cursor_uleb(c);
	uint32_t got = ids_get(&d->strings, id);

	return got != NONE || c->bad ? got : decode_lost(d, id);
}

uint32_t recording_decode_object(struct recording_decoder *d, uint64_t id)
{
	uint32_t got = ids_get(&d->objects, id);
	struct profile_object lost = { .kind = OBJECT_OTHER };

	if (got != NONE)
		return got;
	lost.path = decode_lost(d, id);
	return lost.path == NONE ? NONE : profile_object(d->p, &lost);
}

static uint32_t decode_task_id(struct recording_decoder *d, uint64_t id)
{
	uint32_t got = ids_get(&d->tasks, id), name;

	if (got != NONE)
		return got;
	name = decode_lost(d, id);
	return profile_task(d->p, 0, 0, profile_text(d->p, name), "[lost]");
}

static uint32_t decode_label_set_id(struct recording_decoder *d, uint64_t id)
{
	uint32_t got = ids_get(&d->label_sets, id);
	struct profile_label lost = { .number = (int64_t)id };

	if (got != NONE)
		return got;
	lost.key = profile_str(d->p, "[lost]");
	return lost.key == NONE ? NONE : profile_labels(d->p, &lost, 1);
}

/* -- rows -------------------------------------------------------------------------------------- */

/* Each reads one row with the writer's number `id` and returns our id for it. A row that turns out
 * to be cut short has set c->bad; its result is not used. */
typedef uint32_t (*decode_row)(struct recording_decoder *d, uint64_t id, struct cursor *c);

static uint32_t decode_string_row(struct recording_decoder *d, uint64_t id, struct cursor *c)
{
	uint64_t len = cursor_uleb(c);
	const uint8_t *s = cursor_take(c, len);

	return c->bad ? NONE : profile_strn(d->p, (const char *)s, len);
}

static uint32_t decode_object_row(struct recording_decoder *d, uint64_t id, struct cursor *c)
{
	struct profile_object o = { .kind = cursor_u8(c) };

	if (o.kind >= OBJECT_KIND_MAX)
		o.kind = OBJECT_OTHER;
	o.path = decode_string(d, c);
	o.build_id = decode_string(d, c);
	o.pid = (uint32_t)cursor_uleb(c);
	o.start = cursor_uleb(c);
	o.limit = cursor_uleb(c);
	o.file_offset = cursor_uleb(c);
	return c->bad || d->p->oom ? NONE : profile_object(d->p, &o);
}

/* The names of a frame, into d->lines. */
static uint8_t decode_lines(struct recording_decoder *d, struct cursor *c)
{
	uint8_t unnamed = cursor_u8(c);
	uint64_t n = cursor_uleb(c);

	d->lines.n = 0;
	if (n > UINT16_MAX || n > cursor_left(c) / 4)
		c->bad = true;
	for (uint64_t i = 0; i < n && !c->bad; i++) {
		struct profile_line l = { 0 };

		l.function = decode_string(d, c);
		l.file = decode_string(d, c);
		l.line = (uint32_t)cursor_uleb(c);
		l.system = decode_string(d, c);
		if (!VEC_PUSH(&d->lines, l))
			d->p->oom = true;
	}
	return unnamed < UNNAMED_MAX ? unnamed : UNNAMED_NOT_TRIED;
}

static uint32_t decode_frame_row(struct recording_decoder *d, uint64_t id, struct cursor *c)
{
	uint8_t kind = cursor_u8(c), unnamed;
	uint64_t object = cursor_uleb(c), offset = cursor_uleb(c);
	uint32_t frame;

	unnamed = decode_lines(d, c);
	if (kind >= FRAME_KIND_MAX)
		kind = FRAME_USER;
	if (c->bad || d->p->oom)
		return NONE;
	frame = recording_decode_object(d, object);
	if (frame == NONE)
		return NONE;
	if (d->lines.n)
		return profile_frame_named(d->p, frame, offset, kind, d->lines.at,
					   (uint16_t)d->lines.n);
	frame = profile_frame_at(d->p, frame, offset, kind);
	if (frame != NONE)
		profile_frame_set_unnamed(d->p, frame, unnamed);
	return frame;
}

static uint32_t decode_node_row(struct recording_decoder *d, uint64_t id, struct cursor *c)
{
	uint64_t distance = cursor_uleb(c);
	uint32_t frame = ids_get(&d->frames, cursor_uleb(c)), parent;

	if (!distance || distance > id)
		c->bad = true;
	if (c->bad)
		return NONE;
	parent = ids_get(&d->nodes, id - distance);
	return parent == NONE || frame == NONE ? NONE : profile_push(d->p, parent, frame);
}

static uint32_t decode_task_row(struct recording_decoder *d, uint64_t id, struct cursor *c)
{
	uint32_t pid = (uint32_t)cursor_uleb(c), tid = (uint32_t)cursor_uleb(c);
	uint32_t comm = decode_string(d, c), process = decode_string(d, c);

	if (c->bad || d->p->oom)
		return NONE;
	return profile_task(d->p, pid, tid, profile_text(d->p, comm), profile_text(d->p, process));
}

static uint32_t decode_label_set_row(struct recording_decoder *d, uint64_t id, struct cursor *c)
{
	uint64_t n = cursor_uleb(c);

	d->labels.n = 0;
	if (n > cursor_left(c) / 4)
		c->bad = true;
	for (uint64_t i = 0; i < n && !c->bad; i++) {
		struct profile_label l = { 0 };

		l.key = decode_string(d, c);
		l.text = decode_string(d, c);
		l.number = cursor_sleb(c);
		l.unit = decode_string(d, c);
		if (!VEC_PUSH(&d->labels, l))
			d->p->oom = true;
	}
	return c->bad || d->p->oom ? NONE
				   : profile_labels(d->p, d->labels.at, (uint32_t)d->labels.n);
}

static bool decode_rows(struct recording_decoder *d, struct recording_ids *m, struct cursor *c,
			decode_row row)
{
	uint64_t first = cursor_uleb(c), n = cursor_uleb(c);

	if (c->bad || n > RECORDING_ROWS_MAX || !ids_start(m, first, n))
		return false;
	for (uint64_t id = first; id < first + n && !d->p->oom; id++) {
		uint32_t got = row(d, id, c);

		if (c->bad)
			return false;
		if (!ids_push(m, got))
			d->p->oom = true;
	}
	return true;
}

/* Frames that were named after they had been written. */
static bool decode_names(struct recording_decoder *d, struct cursor *c)
{
	uint64_t n = cursor_uleb(c), id = 0;

	for (uint64_t i = 0; i < n && !c->bad && !d->p->oom; i++) {
		uint64_t step = cursor_uleb(c);
		uint8_t unnamed = decode_lines(d, c);
		uint32_t frame;

		id += step;
		frame = ids_get(&d->frames, id);
		if (c->bad || d->p->oom || frame == NONE)
			continue;
		profile_frame_set_lines(d->p, frame, d->lines.at, (uint16_t)d->lines.n);
		profile_frame_set_unnamed(d->p, frame, unnamed);
	}
	return !c->bad;
}

/* -- generated code ---------------------------------------------------------------------------- */

static bool decode_code_lines(struct recording_decoder *d, struct cursor *c)
{
	uint64_t n = cursor_uleb(c), offset = 0;

	d->code_lines.n = 0;
	if (n > cursor_left(c) / 3)
		c->bad = true;
	for (uint64_t i = 0; i < n && !c->bad; i++) {
		struct profile_code_line l;

		offset += cursor_uleb(c);
		l.offset = offset < UINT32_MAX ? (uint32_t)offset : UINT32_MAX;
		l.file = decode_string(d, c);
		l.line = (uint32_t)cursor_uleb(c);
		if (!VEC_PUSH(&d->code_lines, l))
			d->p->oom = true;
	}
	return !c->bad && !d->p->oom;
}

/* Nothing refers to these rows: one that is missing is a name that is missing. */
static bool decode_codes(struct recording_decoder *d, struct cursor *c)
{
	uint64_t first = cursor_uleb(c), n = cursor_uleb(c);

	for (uint64_t i = 0; i < n && !c->bad && !d->p->oom; i++) {
		uint64_t object = cursor_uleb(c);
		struct profile_code code = {.function = decode_string(d, c)};

		code.exact = cursor_u8(c) != 0;
		code.start = cursor_uleb(c);
		code.size = cursor_uleb(c);
		code.from = cursor_uleb(c);
		code.order = (uint32_t)cursor_uleb(c);
		if (!decode_code_lines(d, c) || !code.size || code.start > UINT64_MAX - code.size)
			return false;
		code.object = recording_decode_object(d, object);
		if (code.object != NONE)
			profile_code(d->p, &code, d->code_lines.at, (uint32_t)d->code_lines.n,
				     NULL);
	}
	return !c->bad && first <= UINT32_MAX;
}

/* -- samples ----------------------------------------------------------------------------------- */

/* Columns into d->samples and d->values; false when they are not whole. The ids in the samples are
 * ours already; a lost stack is NONE. */
static bool decode_columns(struct recording_decoder *d, struct cursor *c, size_t n)
{
	size_t n_values = d->p->value_types.n;
	struct profile_sample *s;
	uint64_t time = 0, most = 0;

	d->samples.n = d->values.n = 0;
	if (!VEC_RESERVE(&d->samples, n) || !VEC_RESERVE(&d->values, n * n_values)) {
		d->p->oom = true;
		return false;
	}
	s = d->samples.at;
	for (size_t i = 0; i < n; i++) {
		time += (uint64_t)cursor_sleb(c);
		s[i] = (struct profile_sample){ .time = time };
	}
	for (size_t i = 0; i < n; i++)
		s[i].stack = ids_get(&d->nodes, cursor_uleb(c));
	for (size_t i = 0; i < n; i++)
		s[i].task = decode_task_id(d, cursor_uleb(c));
	for (size_t i = 0; i < n; i++)
		s[i].labels = decode_label_set_id(d, cursor_uleb(c));
	for (size_t i = 0; i < n; i++) {
		uint64_t cpu = cursor_uleb(c);

		most |= cpu;
		s[i].cpu = (uint16_t)cpu;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t flags = cursor_uleb(c);

		most |= flags;
		s[i].flags = (uint16_t)flags;
	}
	for (size_t v = 0; v < n_values; v++)
		for (size_t i = 0; i < n; i++)
			d->values.at[i * n_values + v] = cursor_sleb(c);
	return !c->bad && most <= UINT16_MAX && !d->p->oom;
}

static bool decode_samples(struct recording_decoder *d, struct cursor *c)
{
	uint64_t first = cursor_uleb(c), n = cursor_uleb(c), n_values = cursor_uleb(c);

	if (c->bad || n_values != d->p->value_types.n || n > RECORDING_ROWS_MAX ||
	    n > cursor_left(c) / (6 + n_values) || first < d->next_sample || first > UINT64_MAX - n)
		return false;
	if (!decode_columns(d, c, n))
		return false;
	d->lost_samples += first - d->next_sample;
	d->next_sample = first + n;
	for (size_t i = 0; i < n && !d->p->oom; i++) {
		if (d->samples.at[i].stack == NONE)
			d->lost_stacks++;
		else
			profile_sample(d->p, &d->samples.at[i], d->values.at + i * n_values);
	}
	return true;
}

static bool decode_end(struct recording_decoder *d, struct cursor *c)
{
	uint64_t samples = cursor_uleb(c);

	if (c->bad || samples < d->next_sample)
		return false;
	d->lost_samples += samples - d->next_sample;
	d->next_sample = samples;
	return true;
}

bool recording_decode(struct recording_decoder *d, enum recording_type type, struct cursor c)
{
	static const struct {
		enum recording_type type;
		size_t ids; /* offset in the decoder */
		decode_row row;
	} tables[] = {
#define TABLE(type, field, row) { type, offsetof(struct recording_decoder, field), row }
		TABLE(RECORDING_STRINGS, strings, decode_string_row),
		TABLE(RECORDING_OBJECTS, objects, decode_object_row),
		TABLE(RECORDING_FRAMES, frames, decode_frame_row),
		TABLE(RECORDING_NODES, nodes, decode_node_row),
		TABLE(RECORDING_TASKS, tasks, decode_task_row),
		TABLE(RECORDING_LABEL_SETS, label_sets, decode_label_set_row),
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (tables[i].type == type)
			return decode_rows(d, (void *)((char *)d + tables[i].ids), &c,
					   tables[i].row);
	if (type == RECORDING_SAMPLES)
		return decode_samples(d, &c);
	if (type == RECORDING_CODES)
		return decode_codes(d, &c);
	if (type == RECORDING_NAMES)
		return decode_names(d, &c);
	return type != RECORDING_END || decode_end(d, &c);
}
