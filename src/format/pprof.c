/* pprof.c - the profile.proto of github.com/google/pprof, gzipped: the writing half.
 *
 * A serialized message is the concatenation of its fields, so the profile is packed and compressed
 * piece by piece: one Profile message that holds one sample, one location, .. at a time. Memory stays
 * at the index arrays, however large the profile is.
 *
 * Labels follow perf's converter: "pid", "tid", "comm", to which we add "process" and "cpu". They are
 * text: pprof drops numbers that are 0 and shows others with a made-up unit ("4711pid").
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/vec.h"
#include "format/format.h"
#include "format/notes.h"
#include "format/pprof.h"
#include "format/pprof.pb-c.h"
#include "format/utf8.h"
#include "profile/sum.h"
#include "profile/waits.h"

enum { PPROF_CHUNK = 1 << 16, PPROF_PAGE = 4096 };

struct pprof_function {
	uint32_t name, system, file; /* strings */
};

struct pprof_writer {
	const struct profile *p;
	struct out *to;
	z_stream z;
	struct buf raw;             /* packed, not yet compressed */
	struct intern strings;      /* string_table */
	struct intern function_ids; /* the bytes of a struct pprof_function; id = function id */
	uint32_t *location_of;      /* per frame of the profile: location id, 0 = not used */
	uint64_t *limit_of;         /* per object: where its addresses end, 0 = not used */
	uint8_t *object_has;        /* per object: PPROF_HAS_ flags */
	VEC(uint32_t) locations;    /* frames by location id - 1 */
	VEC(Pprof__Label) labels;   /* of one sample */
	VEC(uint64_t) ids;
	VEC(int64_t) values;
	VEC(int64_t) comments;
	int64_t period_ns;          /* not 0: the derived column is written */
	int err;
};

enum {
	PPROF_HAS_FUNCTION = 1,
	PPROF_HAS_FILE = 2,
	PPROF_HAS_LINE = 4,
	PPROF_HAS_INLINE = 8,
};

static void pprof_fail(struct pprof_writer *w, int code)
{
	if (!w->err)
		w->err = code;
}

static void pprof_deflate(struct pprof_writer *w, int flush)
{
	uint8_t packed[PPROF_CHUNK];

	w->z.next_in = w->raw.data;
	w->z.avail_in = (uInt)w->raw.len;
	do {
		w->z.next_out = packed;
		w->z.avail_out = sizeof(packed);
		if (deflate(&w->z, flush) == Z_STREAM_ERROR)
			pprof_fail(w, -EIO);
		out_put(w->to, packed, sizeof(packed) - w->z.avail_out);
	} while (!w->z.avail_out && !w->err);
	w->raw.len = 0;
}

/* Packs a Profile that holds just a piece, as the next bytes of the whole one. */
static void pprof_emit(struct pprof_writer *w, const Pprof__Profile *piece)
{
	size_t n = pprof__profile__get_packed_size(piece);
	uint8_t *at = buf_reserve(&w->raw, n);

	if (!at) {
		pprof_fail(w, -ENOMEM);
		return;
	}
	w->raw.len += pprof__profile__pack(piece, at);
	if (w->raw.len >= PPROF_CHUNK)
		pprof_deflate(w, Z_NO_FLUSH);
}

static int64_t pprof_str(struct pprof_writer *w, const char *s, size_t len)
{
	uint32_t id = intern_put(&w->strings, s, len);

	if (id != INTERN_NONE)
		return id;
	pprof_fail(w, -ENOMEM);
	return 0;
}

static int64_t pprof_strz(struct pprof_writer *w, const char *s)
{
	return pprof_str(w, s, strlen(s));
}

/* A string of the profile. Strict decoders refuse strings that are not UTF-8: mended here. */
static int64_t pprof_id(struct pprof_writer *w, uint32_t string)
{
	const char *s = profile_text(w->p, string);
	size_t len = intern_len(&w->p->strings, string);
	struct buf b = { 0 };
	int64_t id;

	utf8_mend(&b, s, len);
	if (b.err)
		pprof_fail(w, b.err);
	id = b.len ? pprof_str(w, (const char *)b.data, b.len) : 0;
	buf_free(&b);
	return id;
}

/* -- samples ------------------------------------------------------------------------------------ */

static void pprof_label(struct pprof_writer *w, const char *key, int64_t text)
{
	Pprof__Label l = PPROF__LABEL__INIT;

	l.key = pprof_strz(w, key);
	l.str = text;
	if (text && !VEC_PUSH(&w->labels, l))
		pprof_fail(w, -ENOMEM);
}

static void pprof_label_number(struct pprof_writer *w, const char *key, uint32_t n)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	pprof_label(w, key, pprof_strz(w, text));
}

static void pprof_sample_labels(struct pprof_writer *w, const struct profile_sample *s)
{
	const struct profile *p = w->p;
	const struct profile_task *t = &p->tasks.at[s->task];

	w->labels.n = 0;
	if (t->pid)
		pprof_label_number(w, "pid", t->pid);
	if (t->tid)
		pprof_label_number(w, "tid", t->tid);
	pprof_label(w, "comm", pprof_id(w, t->comm));
	pprof_label(w, "process", pprof_id(w, t->process));
	if (p->meta.n_cpus)
		pprof_label_number(w, "cpu", s->cpu);
	for (uint32_t i = 0; i < p->label_sets.at[s->labels].n; i++) {
		const struct profile_label *have =
			&p->labels.at[p->label_sets.at[s->labels].first + i];
		Pprof__Label l = PPROF__LABEL__INIT;

		l.key = pprof_id(w, have->key);
		l.str = pprof_id(w, have->text);
		l.num = have->text ? 0 : have->number;
		l.num_unit = have->text ? 0 : pprof_id(w, have->unit);
		if (!VEC_PUSH(&w->labels, l))
			pprof_fail(w, -ENOMEM);
	}
}

static uint32_t pprof_location(struct pprof_writer *w, uint32_t frame)
{
	const struct profile_frame *f = &w->p->frames.at[frame];
	uint64_t end = f->offset + (f->offset < UINT64_MAX - PPROF_PAGE ? PPROF_PAGE : 0);

	if (w->location_of[frame])
		return w->location_of[frame];
	if (!VEC_PUSH(&w->locations, frame)) {
		pprof_fail(w, -ENOMEM);
		return 0;
	}
	if (w->limit_of[f->object] < end)
		w->limit_of[f->object] = end;
	return w->location_of[frame] = (uint32_t)w->locations.n;
}

static void pprof_sample_stack(struct pprof_writer *w, uint32_t node)
{
	w->ids.n = 0;
	for (; node; node = w->p->nodes.at[node].parent)
		if (!VEC_PUSH(&w->ids, pprof_location(w, w->p->nodes.at[node].frame)))
			pprof_fail(w, -ENOMEM);
}

static void pprof_sample(struct pprof_writer *w, const struct profile_sample *s)
{
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	Pprof__Sample sample = PPROF__SAMPLE__INIT, *samples[] = { &sample };
	Pprof__Label **labels;

	pprof_sample_stack(w, s->stack);
	pprof_sample_labels(w, s);
	labels = calloc(w->labels.n + 1, sizeof(*labels));
	if (!labels)
		pprof_fail(w, -ENOMEM);
	for (size_t i = 0; labels && i < w->labels.n; i++)
		labels[i] = &w->labels.at[i];
	sample.location_id = w->ids.at;
	sample.n_location_id = w->ids.n;
	sample.value = w->values.at;
	sample.n_value = w->values.n;
	sample.label = labels;
	sample.n_label = labels ? w->labels.n : 0;
	piece.sample = samples;
	piece.n_sample = 1;
	pprof_emit(w, &piece);
	free(labels);
}

static int pprof_same(const struct profile *p, const struct profile_sample *a,
		      const struct profile_sample *b)
{
	if (a->stack != b->stack)
		return a->stack < b->stack ? -1 : 1;
	if (a->task != b->task)
		return a->task < b->task ? -1 : 1;
	if (a->labels != b->labels)
		return a->labels < b->labels ? -1 : 1;
	if (p->meta.n_cpus && a->cpu != b->cpu)
		return a->cpu < b->cpu ? -1 : 1;
	return 0;
}

static int pprof_order(const void *a, const void *b, void *ctx)
{
	const struct profile *p = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int c = pprof_same(p, &p->samples.at[x], &p->samples.at[y]);

	return c ? c : x < y ? -1 : x > y;
}

static void pprof_values(struct pprof_writer *w, const uint32_t *samples, size_t n)
{
	size_t n_types = w->p->value_types.n;

	w->values.n = 0;
	if (!VEC_RESERVE(&w->values, n_types + 1)) {
		pprof_fail(w, -ENOMEM);
		return;
	}
	for (size_t v = 0; v < n_types; v++) {
		bool max = profile_value_is_max(w->p, (uint32_t)v);
		int64_t sum = 0;

		for (size_t i = 0; i < n; i++)
			sum = sum_value(sum, profile_values(w->p, samples[i])[v], max);
		w->values.at[w->values.n++] = sum;
	}
	if (w->period_ns) {
		int64_t ns;

		if (__builtin_mul_overflow(w->values.at[0], w->period_ns, &ns))
			ns = w->values.at[0] < 0 ? INT64_MIN : INT64_MAX;
		w->values.at[w->values.n++] = ns;
	}
}

/* Equal samples next to each other, then each group as one. */
static void pprof_samples(struct pprof_writer *w)
{
	const struct profile *p = w->p;
	size_t n = p->samples.n, to;
	uint32_t *order = malloc((n + 1) * sizeof(*order));

	if (!order) {
		pprof_fail(w, -ENOMEM);
		return;
	}
	for (size_t i = 0; i < n; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, n, sizeof(*order), pprof_order, (void *)p);
	for (size_t from = 0; from < n && !w->err; from = to) {
		const struct profile_sample *s = &p->samples.at[order[from]];

		for (to = from + 1; to < n; to++)
			if (pprof_same(p, s, &p->samples.at[order[to]]))
				break;
		pprof_values(w, order + from, to - from);
		pprof_sample(w, s);
	}
	free(order);
}

/* -- places ------------------------------------------------------------------------------------- */

/* The id of a function; it is written when it is met first. */
static uint64_t pprof_function(struct pprof_writer *w, const struct profile_line *l)
{
	struct pprof_function key = { l->function, l->system, l->file };
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	Pprof__Function f = PPROF__FUNCTION__INIT, *functions[] = { &f };
	uint32_t known = w->function_ids.n ? w->function_ids.n : 1;
	uint32_t id = intern_put(&w->function_ids, (const char *)&key, sizeof(key));

	if (id == INTERN_NONE) {
		pprof_fail(w, -ENOMEM);
		return 0;
	}
	if (id < known)
		return id;
	f.id = id;
	f.name = pprof_id(w, l->function);
	/* Left empty when it is the same: pprof takes a name equal to its system name for one that
	 * still has to be demangled, and strips template arguments from it. */
	f.system_name = pprof_id(w, l->system);
	f.filename = pprof_id(w, l->file);
	piece.function = functions;
	piece.n_function = 1;
	pprof_emit(w, &piece);
	return id;
}

static uint64_t pprof_address(const struct profile_object *o, uint64_t offset)
{
	uint64_t at = offset - o->file_offset + o->start;

	return o->limit > o->start && at >= o->start && at < o->limit ? at : offset;
}

static void pprof_location_lines(struct pprof_writer *w, const struct profile_frame *f,
				 Pprof__Location *to, Pprof__Line *lines, Pprof__Line **at)
{
	uint8_t has = f->n_lines > 1 ? PPROF_HAS_INLINE : 0;

	for (size_t i = 0; i < f->n_lines; i++) {
		const struct profile_line *l = &w->p->lines.at[f->first_line + i];

		pprof__line__init(&lines[i]);
		lines[i].function_id = pprof_function(w, l);
		lines[i].line = l->line;
		at[i] = &lines[i];
		has |= (l->function ? PPROF_HAS_FUNCTION : 0) | (l->file ? PPROF_HAS_FILE : 0) |
		       (l->line ? PPROF_HAS_LINE : 0);
	}
	w->object_has[f->object] |= has;
	to->line = at;
	to->n_line = f->n_lines;
}

static void pprof_locations(struct pprof_writer *w)
{
	for (size_t i = 0; i < w->locations.n && !w->err; i++) {
		const struct profile_frame *f = &w->p->frames.at[w->locations.at[i]];
		Pprof__Profile piece = PPROF__PROFILE__INIT;
		Pprof__Location l = PPROF__LOCATION__INIT, *locations[] = { &l };
		Pprof__Line *lines = calloc(f->n_lines + 1u, sizeof(*lines));
		Pprof__Line **at = calloc(f->n_lines + 1u, sizeof(*at));

		if (lines && at) {
			l.id = i + 1;
			l.mapping_id = f->object;
			l.address = pprof_address(&w->p->objects.at[f->object], f->offset);
			pprof_location_lines(w, f, &l, lines, at);
			piece.location = locations;
			piece.n_location = 1;
			pprof_emit(w, &piece);
		} else {
			pprof_fail(w, -ENOMEM);
		}
		free(lines);
		free(at);
	}
}

/* Objects keep their ids. Those whose range is not known get one that spans their file from its
 * beginning, so that address and file offset are the same number. */
static void pprof_mapping(struct pprof_writer *w, uint32_t object)
{
	const struct profile_object *o = &w->p->objects.at[object];
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	Pprof__Mapping m = PPROF__MAPPING__INIT, *mappings[] = { &m };
	uint8_t has = w->object_has[object];

	m.id = object;
	m.memory_start = o->limit > o->start ? o->start : 0;
	m.memory_limit = o->limit > o->start ? o->limit
					     : w->limit_of[object] & ~(uint64_t)(PPROF_PAGE - 1);
	m.file_offset = o->limit > o->start ? o->file_offset : 0;
	m.filename = pprof_id(w, o->path);
	m.build_id = pprof_id(w, o->build_id);
	m.has_functions = has & PPROF_HAS_FUNCTION;
	m.has_filenames = has & PPROF_HAS_FILE;
	m.has_line_numbers = has & PPROF_HAS_LINE;
	m.has_inline_frames = has & PPROF_HAS_INLINE;
	piece.mapping = mappings;
	piece.n_mapping = 1;
	pprof_emit(w, &piece);
}

/* pprof takes the first mapping for the main program and puts its name into titles. */
static uint32_t pprof_main_object(const struct pprof_writer *w)
{
	uint32_t main = 0;

	for (uint32_t i = 1; i < w->p->objects.n; i++) {
		const struct profile_object *o = &w->p->objects.at[i];

		if (!w->limit_of[i] || o->kind != OBJECT_FILE)
			continue;
		if (!strstr(profile_text(w->p, o->path), ".so"))
			return i;
		main = main ? main : i;
	}
	return main;
}

static void pprof_mappings(struct pprof_writer *w)
{
	uint32_t main = pprof_main_object(w);

	if (main)
		pprof_mapping(w, main);
	for (uint32_t i = 1; i < w->p->objects.n; i++)
		if (i != main && w->limit_of[i])
			pprof_mapping(w, i);
}

/* -- comments and the rest ---------------------------------------------------------------------- */

static void pprof_comment(void *ctx, const char *line)
{
	struct pprof_writer *w = ctx;
	struct buf b = { 0 };

	utf8_mend(&b, line, strlen(line));
	if (b.err || (b.len && !VEC_PUSH(&w->comments, pprof_str(w, (const char *)b.data, b.len))))
		pprof_fail(w, -ENOMEM);
	buf_free(&b);
}

static void pprof_comments(struct pprof_writer *w)
{
	struct buf b = { 0 };

	format_title(&b, w->p);
	buf_puts(&b, ": ");
	format_ledger_line(&b, w->p);
	buf_putc(&b, 0);
	if (!b.err)
		pprof_comment(w, (const char *)b.data);
	buf_free(&b);
	notes_meta(w->p, pprof_comment, w);
	notes_ledger(w->p, pprof_comment, w);
	if (w->period_ns)
		pprof_comment(w, w->p->meta.period_type.type ? "waggle.derived=cpu"
							     : "waggle.derived=cpu,period");
	for (uint32_t i = 1; i < w->p->objects.n; i++)
		if (w->limit_of[i])
			pprof_note_object(w->p, i, pprof_comment, w);
	if (pprof_note_locations(w->p, w->locations.at, w->locations.n, pprof_comment, w))
		pprof_fail(w, -ENOMEM);
}

static void pprof_types(struct pprof_writer *w)
{
	size_t n = w->p->value_types.n;

	for (size_t i = 0; i < n + (w->period_ns ? 1 : 0); i++) {
		Pprof__Profile piece = PPROF__PROFILE__INIT;
		Pprof__ValueType v = PPROF__VALUE_TYPE__INIT, *types[] = { &v };

		v.type = i < n ? pprof_id(w, w->p->value_types.at[i].type) : pprof_strz(w, "cpu");
		v.unit = i < n ? pprof_id(w, w->p->value_types.at[i].unit)
			       : pprof_strz(w, "nanoseconds");
		piece.sample_type = types;
		piece.n_sample_type = 1;
		pprof_emit(w, &piece);
	}
}

static void pprof_rest(struct pprof_writer *w)
{
	const struct profile_meta *m = &w->p->meta;
	Pprof__Profile piece = PPROF__PROFILE__INIT;
	Pprof__ValueType period = PPROF__VALUE_TYPE__INIT;

	pprof_comments(w);
	piece.comment = w->comments.at;
	piece.n_comment = w->comments.n;
	piece.time_nanos = (int64_t)m->start_wall;
	piece.duration_nanos = (int64_t)m->duration;
	if (m->period_type.type || w->period_ns) {
		bool known = m->period_type.type;

		period.type = known ? pprof_id(w, m->period_type.type) : pprof_strz(w, "cpu");
		period.unit = known ? pprof_id(w, m->period_type.unit)
				    : pprof_strz(w, "nanoseconds");
		piece.period_type = &period;
		piece.period = known ? (int64_t)m->period : w->period_ns;
	}
	if (w->period_ns)
		piece.default_sample_type = pprof_strz(w, "cpu");
	else if (w->p->default_value < w->p->value_types.n)
		piece.default_sample_type =
			pprof_id(w, w->p->value_types.at[w->p->default_value].type);
	pprof_emit(w, &piece);
}

static void pprof_strings(struct pprof_writer *w)
{
	for (uint32_t i = 0; i < w->strings.n && !w->err; i++) {
		Pprof__Profile piece = PPROF__PROFILE__INIT;
		ProtobufCBinaryData s = { intern_len(&w->strings, i),
					  (uint8_t *)intern_get(&w->strings, i) };

		piece.string_table = &s;
		piece.n_string_table = 1;
		pprof_emit(w, &piece);
	}
}

/* Nanoseconds a sample stands for, when samples are all there is and time can be told from them. */
static int64_t pprof_period_ns(const struct profile *p)
{
	const struct profile_meta *m = &p->meta;
	const char *source = profile_text(p, m->source);

	if (p->value_types.n != 1 || (*source && strcmp(source, "cpu")) ||
	    strcmp(profile_text(p, p->value_types.at[0].type), "samples") ||
	    strcmp(profile_text(p, p->value_types.at[0].unit), "count"))
		return 0;
	if (m->period && m->period < INT64_MAX &&
	    !strcmp(profile_text(p, m->period_type.unit), "nanoseconds"))
		return (int64_t)m->period;
	return m->frequency ? (int64_t)(1000000000 / m->frequency) : 0;
}

static void pprof_write_all(struct pprof_writer *w)
{
	pprof_strz(w, "");
	pprof_types(w);
	pprof_samples(w);
	pprof_locations(w);
	pprof_mappings(w);
	pprof_rest(w);
	pprof_strings(w);
	if (!w->err)
		pprof_deflate(w, Z_FINISH);
}

static int pprof_write(const struct profile *p, const struct format_opts *o, struct out *to,
		       struct err *e)
{
	struct pprof_writer w = { .p = p, .to = to, .period_ns = pprof_period_ns(p) };

	w.location_of = calloc(p->frames.n + 1, sizeof(*w.location_of));
	w.limit_of = calloc(p->objects.n + 1, sizeof(*w.limit_of));
	w.object_has = calloc(p->objects.n + 1, 1);
	if (!w.location_of || !w.limit_of || !w.object_has ||
	    deflateInit2(&w.z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		w.err = -ENOMEM;
	} else {
		pprof_write_all(&w);
		deflateEnd(&w.z);
	}
	free(w.location_of);
	free(w.limit_of);
	free(w.object_has);
	buf_free(&w.raw);
	intern_free(&w.strings);
	intern_free(&w.function_ids);
	VEC_FREE(&w.locations);
	VEC_FREE(&w.labels);
	VEC_FREE(&w.ids);
	VEC_FREE(&w.values);
	VEC_FREE(&w.comments);
	if (w.err)
		err_set(e, w.err, "%s", w.err == -ENOMEM ? "out of memory" : strerror(-w.err));
	return w.err;
}

const struct format format_pprof = {
	.name = "pprof",
	.exts = { ".pb.gz", ".pprof.gz", ".pprof", ".pb" },
	.help = "profile.proto, gzipped; for `go tool pprof`, speedscope, Pyroscope, Grafana",
	.write = pprof_write,
	.probe = pprof_probe,
	.read = pprof_read,
};
