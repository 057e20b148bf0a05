/* pprof_read.c - anyone's profile.proto as a profile: Go's, perf's by converter, ours.
 *
 * The top level is walked by hand, three times (tables, locations, samples, because writers differ in
 * their order), and only the small messages inside are unpacked by protobuf-c. So memory follows what
 * the file really holds: unpacking the whole message at once would let two bytes of input ask for a
 * hundred bytes of memory. Ids and indices that lead nowhere are counted as damage, never followed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map64.h"
#include "base/vec.h"
#include "format/input.h"
#include "format/notes.h"
#include "format/pprof.h"
#include "format/pprof.pb-c.h"
#include "format/pprof_wire.h"

enum { PPROF_TYPES_MAX = 64 };

struct pprof_mapping {
	uint32_t object, bare; /* bare: the same without a range, 0 until needed */
	uint64_t start, limit, offset;
};

enum pprof_label_kind { LABEL_PID, LABEL_TID, LABEL_COMM, LABEL_PROCESS, LABEL_CPU, LABEL_KINDS };

/* What tells the task, as we and others spell it. */
static const struct {
	const char *key;
	enum pprof_label_kind kind;
} pprof_label_keys[] = {
	{ "pid", LABEL_PID },         { "process_id", LABEL_PID },   { "tid", LABEL_TID },
	{ "thread_id", LABEL_TID },   { "thread id", LABEL_TID },    { "comm", LABEL_COMM },
	{ "thread_name", LABEL_COMM }, { "thread name", LABEL_COMM }, { "process", LABEL_PROCESS },
	{ "cpu", LABEL_CPU },
};

#define N_LABEL_KEYS (sizeof(pprof_label_keys) / sizeof(*pprof_label_keys))

struct pprof_reader {
	struct profile *p;
	const uint8_t *data;
	size_t len;
	VEC(uint32_t) strings;  /* string_table index -> string of the profile */
	VEC(int64_t) comments;  /* indices */
	VEC(struct profile_value_type) types; /* still indices */
	VEC(struct pprof_mapping) mappings;
	VEC(struct profile_line) functions;
	VEC(uint32_t) frames;
	VEC(uint32_t) stack;
	VEC(struct profile_label) labels;
	struct map64 mapping_of, function_of, frame_of; /* id -> row */
	uint32_t keys[N_LABEL_KEYS]; /* strings of the profile */
	struct pprof_notes notes;
	struct profile_value_type period_type;
	int64_t default_type;
	uint32_t n_types;       /* values of a sample; one more than the profile keeps when derived */
	uint32_t n_cpus;
	bool ours;              /* its comments are in our words */
	bool oom;
	uint64_t damage;
};

static uint32_t pprof_string(struct pprof_reader *r, int64_t index)
{
	if (index >= 0 && (uint64_t)index < r->strings.n)
		return r->strings.at[index];
	r->damage++;
	return 0;
}

static const char *pprof_text(struct pprof_reader *r, int64_t index)
{
	return profile_text(r->p, pprof_string(r, index));
}

/* -- first walk: tables ------------------------------------------------------------------------- */

static void pprof_take_string(struct pprof_reader *r, const struct pprof_field *f)
{
	uint32_t id = profile_strn(r->p, (const char *)f->data, f->len);

	if (id == PROFILE_NONE || !VEC_PUSH(&r->strings, id))
		r->oom = true;
}

static void pprof_take_type(struct pprof_reader *r, const struct pprof_field *f, bool period)
{
	Pprof__ValueType *m = pprof__value_type__unpack(NULL, f->len, f->data);
	struct profile_value_type v;

	if (!m) {
		r->damage++;
		return;
	}
	v = (struct profile_value_type){ (uint32_t)m->type, (uint32_t)m->unit };
	if (period)
		r->period_type = v;
	else if (!VEC_PUSH(&r->types, v))
		r->oom = true;
	pprof__value_type__free_unpacked(m, NULL);
}

static void pprof_take_comment(struct pprof_reader *r, const struct pprof_field *f)
{
	struct cursor c = cursor_of(f->data, f->wire == 2 ? f->len : 0);

	if (f->wire != 2) {
		r->oom |= !VEC_PUSH(&r->comments, (int64_t)f->value);
		return;
	}
	while (cursor_left(&c)) {
		int64_t index = (int64_t)cursor_uleb(&c);

		if (!c.bad && !VEC_PUSH(&r->comments, index))
			r->oom = true;
	}
}

static void pprof_tables_field(struct pprof_reader *r, const struct pprof_field *f)
{
	struct profile_meta *m = &r->p->meta;

	if (f->number == FIELD_STRING && f->wire == 2)
		pprof_take_string(r, f);
	else if (f->number == FIELD_SAMPLE_TYPE && f->wire == 2)
		pprof_take_type(r, f, false);
	else if (f->number == FIELD_PERIOD_TYPE && f->wire == 2)
		pprof_take_type(r, f, true);
	else if (f->number == FIELD_COMMENT)
		pprof_take_comment(r, f);
	else if (f->number == FIELD_TIME)
		m->start_wall = f->value;
	else if (f->number == FIELD_DURATION)
		m->duration = f->value;
	else if (f->number == FIELD_PERIOD)
		m->period = f->value;
	else if (f->number == FIELD_DEFAULT)
		r->default_type = (int64_t)f->value;
}

static int pprof_tables(struct pprof_reader *r, struct err *e)
{
	struct cursor c = cursor_of(r->data, r->len);
	struct pprof_field f;

	while (pprof_next(&c, &f) && !r->oom)
		pprof_tables_field(r, &f);
	if (r->oom)
		return -ENOMEM;
	if (c.bad)
		r->damage++;
	if (!r->strings.n || r->strings.at[0])
		return err_set(e, -EBADMSG, "%s",
			       c.bad ? "the pprof data is cut off before its table of strings"
				     : "it is no pprof profile: its table of strings is missing");
	if (!r->types.n || r->types.n > PPROF_TYPES_MAX)
		return err_set(e, -EBADMSG, "it is not a pprof profile: it has %zu sample types",
			       r->types.n);
	return 0;
}

static int pprof_meta(struct pprof_reader *r)
{
	struct profile *p = r->p;
	uint32_t default_type = r->default_type ? pprof_string(r, r->default_type) : 0;

	for (size_t i = 0; i < r->comments.n; i++) {
		const char *line = pprof_text(r, r->comments.at[i]);

		if (!strncmp(line, "waggle.", 7)) {
			r->ours = true;
			pprof_notes_take(&r->notes, line);
		}
	}
	pprof_notes_sort(&r->notes);
	r->n_types = (uint32_t)r->types.n;
	p->value_types.n = 0;
	for (uint32_t i = 0; i < r->n_types - (r->notes.derived && r->n_types > 1); i++) {
		const char *type = pprof_text(r, r->types.at[i].type);
		const char *unit = pprof_text(r, r->types.at[i].unit);

		p->default_value = i; /* the last one, unless it says otherwise */
		if (profile_value_type(p, type, unit) == PROFILE_NONE)
			return -ENOMEM;
	}
	for (uint32_t i = 0; default_type && i < p->value_types.n; i++)
		if (p->value_types.at[i].type == default_type)
			p->default_value = i;
	p->meta.period_type.type = pprof_string(r, r->period_type.type);
	p->meta.period_type.unit = pprof_string(r, r->period_type.unit);
	if (r->notes.derived_period) {
		p->meta.period_type = (struct profile_value_type){ 0 };
		p->meta.period = 0;
	}
	return r->notes.oom ? -ENOMEM : 0;
}

/* -- second walk: mappings and functions, then locations ---------------------------------------- */

static void pprof_put(struct map64 *m, uint64_t id, size_t row, struct pprof_reader *r)
{
	bool is_new;

	if (!map64_insert(m, id, (uint32_t)row, &is_new))
		r->oom = true;
	else if (!is_new)
		r->damage++;
}

static uint32_t pprof_object(struct pprof_reader *r, const Pprof__Mapping *m, bool bare)
{
	const struct pprof_mark *mark = pprof_marks_find(&r->notes.objects, m->id);
	struct profile_object o = {
		.path = pprof_string(r, m->filename),
		.build_id = pprof_string(r, m->build_id),
	};
	/* Ranges that start at 0 in our own files were made up when writing. */
	bool made_up = r->ours && !m->memory_start && !m->file_offset;

	o.kind = mark ? (uint8_t)mark->what : (uint8_t)pprof_kind_of_path(profile_text(r->p, o.path));
	o.pid = mark ? mark->pid : 0;
	if (!bare && !made_up) {
		o.start = m->memory_start;
		o.limit = m->memory_limit;
		o.file_offset = m->file_offset;
	}
	return profile_object(r->p, &o);
}

static void pprof_take_mapping(struct pprof_reader *r, const struct pprof_field *f)
{
	Pprof__Mapping *m = pprof__mapping__unpack(NULL, f->len, f->data);
	struct pprof_mapping row;

	if (!m || !m->id) {
		r->damage++;
	} else {
		row = (struct pprof_mapping){ pprof_object(r, m, false), 0, m->memory_start,
					      m->memory_limit, m->file_offset };
		row.bare = pprof_object(r, m, true);
		pprof_put(&r->mapping_of, m->id, r->mappings.n, r);
		if (row.object == PROFILE_NONE || row.bare == PROFILE_NONE ||
		    !VEC_PUSH(&r->mappings, row))
			r->oom = true;
	}
	if (m)
		pprof__mapping__free_unpacked(m, NULL);
}

static void pprof_take_function(struct pprof_reader *r, const struct pprof_field *f)
{
	Pprof__Function *m = pprof__function__unpack(NULL, f->len, f->data);
	struct profile_line line = { 0 };

	if (!m || !m->id) {
		r->damage++;
	} else {
		line.function = pprof_string(r, m->name);
		line.system = pprof_string(r, m->system_name);
		line.file = pprof_string(r, m->filename);
		if (line.system == line.function)
			line.system = 0;
		if (!line.function) { /* a mangled name is better than none */
			line.function = line.system;
			line.system = 0;
		}
		pprof_put(&r->function_of, m->id, r->functions.n, r);
		if (!VEC_PUSH(&r->functions, line))
			r->oom = true;
	}
	if (m)
		pprof__function__free_unpacked(m, NULL);
}

/* Where the location is: its object and the offset in it. */
static uint32_t pprof_place(struct pprof_reader *r, const Pprof__Location *m, uint64_t *ret_offset)
{
	const uint32_t *row = m->mapping_id ? map64_find(&r->mapping_of, m->mapping_id) : NULL;
	const struct pprof_mapping *at = row ? &r->mappings.at[*row] : NULL;

	*ret_offset = m->address;
	if (!at) {
		r->damage += m->mapping_id != 0;
		return 0;
	}
	if (!at->limit || !m->address)
		return at->object;
	if (m->address < at->start || m->address >= at->limit)
		return at->bare;
	*ret_offset = m->address - at->start + at->offset;
	return at->object;
}

static uint16_t pprof_location_lines(struct pprof_reader *r, const Pprof__Location *m,
				     struct profile_line *to)
{
	uint16_t n = 0;

	for (size_t i = 0; i < m->n_line && n < UINT16_MAX; i++) {
		const uint32_t *row = map64_find(&r->function_of, m->line[i]->function_id);
		int64_t line = m->line[i]->line;

		if (!row) {
			r->damage++;
			continue;
		}
		to[n] = r->functions.at[*row];
		to[n++].line = line > 0 && line <= UINT32_MAX ? (uint32_t)line : 0;
	}
	return n;
}

static uint32_t pprof_frame(struct pprof_reader *r, const Pprof__Location *m,
			    const struct profile_line *lines, uint16_t n)
{
	const struct pprof_mark *kind_mark = pprof_marks_find(&r->notes.kinds, m->id);
	const struct pprof_mark *why = pprof_marks_find(&r->notes.whys, m->id);
	uint64_t offset;
	uint32_t object = pprof_place(r, m, &offset), frame;
	enum frame_kind kind = kind_mark ? (enum frame_kind)kind_mark->what
					 : pprof_kind_of_frame(r->p->objects.at[object].kind);
	const struct profile_frame *have;

	if (n && !offset)
		return profile_frame_named(r->p, object, 0, kind, lines, n);
	frame = profile_frame_at(r->p, object, offset, kind);
	if (frame == PROFILE_NONE)
		return frame;
	if (!n) {
		if (why)
			profile_frame_set_unnamed(r->p, frame, (enum unnamed_reason)why->what);
		return frame;
	}
	have = &r->p->frames.at[frame];
	if (!have->n_lines) {
		profile_frame_set_lines(r->p, frame, lines, n);
		return frame;
	}
	if (have->n_lines == n &&
	    !memcmp(&r->p->lines.at[have->first_line], lines, n * sizeof(*lines)))
		return frame;
	/* Merged profiles may call one address by two names: then it is two frames. */
	return profile_frame_named(r->p, object, offset, kind, lines, n);
}

static void pprof_take_location(struct pprof_reader *r, const struct pprof_field *f)
{
	Pprof__Location *m = pprof__location__unpack(NULL, f->len, f->data);
	struct profile_line *lines;
	uint32_t frame;

	if (!m || !m->id) {
		r->damage++;
	} else {
		lines = calloc(m->n_line + 1, sizeof(*lines));
		frame = lines ? pprof_frame(r, m, lines, pprof_location_lines(r, m, lines))
			      : PROFILE_NONE;
		free(lines);
		pprof_put(&r->frame_of, m->id, r->frames.n, r);
		if (frame == PROFILE_NONE || !VEC_PUSH(&r->frames, frame))
			r->oom = true;
	}
	if (m)
		pprof__location__free_unpacked(m, NULL);
}

/* -- third walk: samples ------------------------------------------------------------------------ */

static uint32_t pprof_stack(struct pprof_reader *r, const Pprof__Sample *m)
{
	r->stack.n = 0;
	if (!VEC_RESERVE(&r->stack, m->n_location_id + 1))
		return PROFILE_NONE;
	for (size_t i = 0; i < m->n_location_id; i++) {
		const uint32_t *row = map64_find(&r->frame_of, m->location_id[i]);

		if (!row)
			r->damage++;
		r->stack.at[r->stack.n++] =
			row ? r->frames.at[*row] : profile_frame_text(r->p, "[unknown]", FRAME_USER);
	}
	return profile_stack(r->p, r->stack.at, r->stack.n);
}

static bool pprof_label_number(const struct profile *p, const struct profile_label *l,
			       uint64_t max, uint32_t *ret)
{
	const char *s = profile_text(p, l->text);
	uint64_t n = (uint64_t)l->number;
	char *end;

	if (*s) {
		n = *s >= '0' && *s <= '9' ? strtoull(s, &end, 10) : UINT64_MAX;
		if (n == UINT64_MAX || *end)
			return false;
	}
	*ret = (uint32_t)n;
	return n <= max;
}

/* Takes what tells the task out of the labels; others stay. */
static bool pprof_label_task(struct pprof_reader *r, const struct profile_label *l,
			     uint32_t task[LABEL_KINDS], bool seen[LABEL_KINDS])
{
	for (size_t i = 0; i < N_LABEL_KEYS; i++) {
		enum pprof_label_kind kind = pprof_label_keys[i].kind;
		bool text = kind == LABEL_COMM || kind == LABEL_PROCESS;

		if (r->keys[i] != l->key || seen[kind])
			continue;
		if (text && !l->text)
			return false;
		if (text)
			task[kind] = l->text;
		else if (!pprof_label_number(r->p, l, kind == LABEL_CPU ? UINT16_MAX - 1 : INT32_MAX,
					     &task[kind]))
			return false;
		return seen[kind] = true;
	}
	return false;
}

static void pprof_labels(struct pprof_reader *r, const Pprof__Sample *m, struct profile_sample *to)
{
	uint32_t task[LABEL_KINDS] = { 0 };
	bool seen[LABEL_KINDS] = { 0 };

	r->labels.n = 0;
	for (size_t i = 0; i < m->n_label; i++) {
		struct profile_label l = {
			.key = pprof_string(r, m->label[i]->key),
			.text = pprof_string(r, m->label[i]->str),
			.number = m->label[i]->num,
			.unit = pprof_string(r, m->label[i]->num_unit),
		};

		if (!pprof_label_task(r, &l, task, seen) && !VEC_PUSH(&r->labels, l))
			r->oom = true;
	}
	to->task = profile_task(r->p, task[LABEL_PID], task[LABEL_TID],
				profile_text(r->p, task[LABEL_COMM]),
				profile_text(r->p, task[LABEL_PROCESS]));
	to->labels = profile_labels(r->p, r->labels.at, (uint32_t)r->labels.n);
	to->cpu = (uint16_t)task[LABEL_CPU];
	if (seen[LABEL_CPU] && r->n_cpus <= to->cpu)
		r->n_cpus = to->cpu + 1u;
}

static void pprof_take_sample(struct pprof_reader *r, const struct pprof_field *f)
{
	Pprof__Sample *m = pprof__sample__unpack(NULL, f->len, f->data);
	struct profile_sample s = { .time = PROFILE_NO_TIME };

	if (!m || m->n_value != r->n_types) {
		r->damage++;
	} else {
		s.stack = pprof_stack(r, m);
		pprof_labels(r, m, &s);
		if (profile_sample(r->p, &s, m->value))
			r->oom = true;
	}
	if (m)
		pprof__sample__free_unpacked(m, NULL);
}

/* -- all of it ---------------------------------------------------------------------------------- */

typedef void pprof_take(struct pprof_reader *r, const struct pprof_field *f);

static void pprof_walk(struct pprof_reader *r, enum pprof_field_number number, pprof_take *take)
{
	struct cursor c = cursor_of(r->data, r->len);
	struct pprof_field f;

	while (!r->oom && !r->p->oom && pprof_next(&c, &f))
		if (f.number == number && f.wire == 2)
			take(r, &f);
}

static void pprof_ledger(struct pprof_reader *r)
{
	struct profile *p = r->p;
	uint64_t *n = p->ledger.n;
	bool counted = false;
	int64_t total;

	for (size_t i = 0; i < r->comments.n; i++) {
		const char *line = pprof_text(r, r->comments.at[i]);

		if (notes_take(p, line, strlen(line)))
			counted |= !strncmp(line, "waggle.ledger.", 14);
	}
	if (!p->meta.n_cpus)
		p->meta.n_cpus = r->n_cpus;
	if (!counted) {
		total = profile_total(p, 0);
		n[LEDGER_TAKEN] = p->samples.n;
		if (total > 0 && !strcmp(profile_text(p, p->value_types.at[0].unit), "count"))
			n[LEDGER_TAKEN] = (uint64_t)total;
		if (profile_count_unnamed(p))
			r->oom = true;
	}
	n[LEDGER_LOST_DAMAGE] += r->damage;
}

static int pprof_parse(struct pprof_reader *r, struct err *e)
{
	int code = pprof_tables(r, e);

	if (!code)
		code = pprof_meta(r);
	if (code)
		return code;
	for (size_t i = 0; i < N_LABEL_KEYS; i++)
		r->keys[i] = profile_str(r->p, pprof_label_keys[i].key);
	pprof_walk(r, FIELD_MAPPING, pprof_take_mapping);
	pprof_walk(r, FIELD_FUNCTION, pprof_take_function);
	pprof_walk(r, FIELD_LOCATION, pprof_take_location);
	pprof_walk(r, FIELD_SAMPLE, pprof_take_sample);
	pprof_ledger(r);
	return r->oom || r->p->oom ? -ENOMEM : 0;
}

static void pprof_free(struct pprof_reader *r)
{
	VEC_FREE(&r->strings);
	VEC_FREE(&r->comments);
	VEC_FREE(&r->types);
	VEC_FREE(&r->mappings);
	VEC_FREE(&r->functions);
	VEC_FREE(&r->frames);
	VEC_FREE(&r->stack);
	VEC_FREE(&r->labels);
	map64_free(&r->mapping_of);
	map64_free(&r->function_of);
	map64_free(&r->frame_of);
	pprof_notes_free(&r->notes);
}

int pprof_read(const uint8_t *data, size_t len, struct profile **ret, struct err *e)
{
	struct pprof_reader r = { .p = profile_new("samples", "count") };
	struct buf plain = { 0 };
	bool cut = false;
	int code = r.p ? 0 : -ENOMEM;

	if (e)
		*e = (struct err){ 0 };
	r.data = data;
	r.len = len;
	if (!code && input_layer_of(data, len) != INPUT_PLAIN) {
		code = input_unpack(data, len, 0, &plain, &cut, e);
		r.data = plain.data;
		r.len = plain.len;
	}
	if (!code)
		code = pprof_parse(&r, e);
	if (code == -ENOMEM)
		err_set(e, code, "out of memory");
	if (!code) {
		r.p->ledger.n[LEDGER_LOST_DAMAGE] += cut;
		*ret = r.p;
	} else {
		profile_free(r.p);
	}
	pprof_free(&r);
	buf_free(&plain);
	return code;
}
