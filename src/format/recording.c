/* recording.c - the writer of .waggle streams; see recording.h, layout in doc/recording.md.
 *
 * The profile's tables only ever grow: a flush is "every table from its high-water mark on", in an
 * order in which nothing refers to what comes later. What does change (meta, ledger, value types)
 * is small and written again when its bytes differ; frames that were named after they were written
 * get their names in blocks of their own at the end.
 *
 * Samples are written column by column: in one column neighbours look alike, which is what makes
 * zstd's fastest levels good enough.
 */
#include "format/recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "format/recording_layout.h"

enum {
	BLOCK_BYTES = 1 << 20, /* start a new block when a payload has grown to this */
	ZSTD_LEVEL = 3,
};

struct recording {
	const struct profile *p;
	struct out *to;
	ZSTD_CCtx *zstd;
	struct buf body, payload, packed;
	uint32_t stream, sequence;
	size_t strings, objects, frames, nodes, tasks, label_sets, samples, codes; /* rows written */
	uint64_t types_sum, meta_sum, ledger_sum; /* of the payloads written last */
	VEC(uint32_t) names; /* per written frame: checksum of its names as written */
};

struct recording *recording_new(const struct profile *p, struct out *to)
{
	struct recording *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->p = p;
	r->to = to;
	r->zstd = ZSTD_createCCtx();
	if (!r->zstd) {
		free(r);
		return NULL;
	}
	/* Row 0 of these tables is the same in every profile. */
	r->strings = r->objects = r->frames = r->nodes = r->tasks = r->label_sets = 1;
	return r;
}

void recording_free(struct recording *r)
{
	if (!r)
		return;
	ZSTD_freeCCtx(r->zstd);
	buf_free(&r->body);
	buf_free(&r->payload);
	buf_free(&r->packed);
	VEC_FREE(&r->names);
	free(r);
}

/* -- blocks ------------------------------------------------------------------------------------ */

/* Writes r->payload as a block. */
static int recording_emit(struct recording *r, enum recording_type type)
{
	const struct buf *raw = &r->payload;
	struct recording_head h = { .type = type, .version = RECORDING_VERSION };
	uint8_t head[RECORDING_HEAD_SIZE];
	const uint8_t *stored = raw->data;
	size_t n = raw->len, bound = ZSTD_compressBound(n);

	if (raw->err)
		return raw->err;
	if (n > RECORDING_RAW_MAX)
		return -EFBIG;
	buf_reset(&r->packed);
	if (!buf_reserve(&r->packed, bound))
		return -ENOMEM;
	n = ZSTD_compressCCtx(r->zstd, r->packed.data, bound, raw->data, raw->len, ZSTD_LEVEL);
	if (ZSTD_isError(n) || n >= raw->len)
		n = raw->len; /* equal lengths mean: not compressed */
	else
		stored = r->packed.data;
	h.stream = r->stream;
	h.sequence = r->sequence++;
	h.raw = (uint32_t)raw->len;
	h.stored = (uint32_t)n;
	h.checksum = recording_checksum(stored, n);
	recording_head_write(&h, head);
	out_put(r->to, head, sizeof(head));
	out_put(r->to, stored, n);
	return r->to->err;
}

/* Writes r->payload unless it equals the one that was written last. */
static int recording_emit_changed(struct recording *r, enum recording_type type, uint64_t *last)
{
	uint64_t sum = XXH64(r->payload.data, r->payload.len, 1);
	int err;

	if (sum == *last && !r->payload.err)
		return 0;
	err = recording_emit(r, type);
	if (!err)
		*last = sum;
	return err;
}

static void recording_text(struct buf *b, const char *s, size_t len)
{
	buf_uleb(b, len);
	buf_put(b, s, len);
}

static void recording_string(struct buf *b, const struct profile *p, uint32_t id)
{
	recording_text(b, profile_text(p, id), intern_len(&p->strings, id));
}

/* -- tables, one row each ---------------------------------------------------------------------- */

static void recording_object(struct buf *b, const struct profile *p, size_t id)
{
	const struct profile_object *o = &p->objects.at[id];

	buf_u8(b, o->kind);
	buf_uleb(b, o->path);
	buf_uleb(b, o->build_id);
	buf_uleb(b, o->pid);
	buf_uleb(b, o->start);
	buf_uleb(b, o->limit);
	buf_uleb(b, o->file_offset);
}

static void recording_names(struct buf *b, const struct profile *p, size_t id)
{
	const struct profile_frame *f = &p->frames.at[id];

	buf_u8(b, f->unnamed);
	buf_uleb(b, f->n_lines);
	for (uint32_t i = 0; i < f->n_lines; i++) {
		const struct profile_line *l = &p->lines.at[f->first_line + i];

		buf_uleb(b, l->function);
		buf_uleb(b, l->file);
		buf_uleb(b, l->line);
		buf_uleb(b, l->system);
	}
}

static uint32_t recording_names_sum(const struct profile *p, size_t id)
{
	const struct profile_frame *f = &p->frames.at[id];
	uint32_t seed = f->unnamed | (uint32_t)f->n_lines << 8;

	if (!f->n_lines)
		return seed;
	return XXH32(p->lines.at + f->first_line, f->n_lines * sizeof(*p->lines.at), seed);
}

static void recording_frame(struct buf *b, const struct profile *p, size_t id)
{
	const struct profile_frame *f = &p->frames.at[id];

	buf_u8(b, f->kind);
	buf_uleb(b, f->object);
	buf_uleb(b, f->offset);
	recording_names(b, p, id);
}

/* Parents mostly are the row before, so their distance is the smaller number. */
static void recording_node(struct buf *b, const struct profile *p, size_t id)
{
	const struct profile_node *n = &p->nodes.at[id];

	buf_uleb(b, id - n->parent);
	buf_uleb(b, n->frame);
}

static void recording_task(struct buf *b, const struct profile *p, size_t id)
{
	const struct profile_task *t = &p->tasks.at[id];

	buf_uleb(b, t->pid);
	buf_uleb(b, t->tid);
	buf_uleb(b, t->comm);
	buf_uleb(b, t->process);
}

static void recording_label_set(struct buf *b, const struct profile *p, size_t id)
{
	uint32_t first = p->label_sets.at[id].first, n = p->label_sets.at[id].n;

	buf_uleb(b, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct profile_label *l = &p->labels.at[first + i];

		buf_uleb(b, l->key);
		buf_uleb(b, l->text);
		buf_sleb(b, l->number);
		buf_uleb(b, l->unit);
	}
}

/* Lines follow each other closely, so offsets are distances. */
static void recording_code(struct buf *b, const struct profile *p, size_t id)
{
	const struct profile_code *c = &p->codes.at[id];
	uint32_t last = 0;

	buf_uleb(b, c->object);
	buf_uleb(b, c->function);
	buf_u8(b, c->exact);
	buf_uleb(b, c->start);
	buf_uleb(b, c->size);
	buf_uleb(b, c->from);
	buf_uleb(b, c->order);
	buf_uleb(b, c->n_lines);
	for (uint32_t i = 0; i < c->n_lines; i++) {
		const struct profile_code_line *l = &p->code_lines.at[c->first_line + i];

		buf_uleb(b, l->offset - last);
		buf_uleb(b, l->file);
		buf_uleb(b, l->line);
		last = l->offset;
	}
}

static void recording_string_row(struct buf *b, const struct profile *p, size_t id)
{
	recording_string(b, p, (uint32_t)id);
}

typedef void (*recording_row)(struct buf *b, const struct profile *p, size_t id);

/* Rows [*done, n) of a table in as many blocks as it takes. */
static int recording_rows(struct recording *r, enum recording_type type, recording_row row,
			  size_t n, size_t *done)
{
	while (*done < n) {
		size_t rows = 0;
		int err;

		buf_reset(&r->body);
		while (*done + rows < n && rows < RECORDING_ROWS_MAX && r->body.len < BLOCK_BYTES)
			row(&r->body, r->p, *done + rows++);
		buf_reset(&r->payload);
		buf_uleb(&r->payload, *done);
		buf_uleb(&r->payload, rows);
		buf_put(&r->payload, r->body.data, r->body.len);
		if (r->body.err)
			return r->body.err;
		err = recording_emit(r, type);
		if (err)
			return err;
		*done += rows;
	}
	return 0;
}

static int recording_frames(struct recording *r)
{
	size_t first = r->frames;
	int err = recording_rows(r, RECORDING_FRAMES, recording_frame, r->p->frames.n, &r->frames);

	for (size_t id = first; id < r->frames; id++)
		if (!VEC_PUSH(&r->names, recording_names_sum(r->p, id)))
			return -ENOMEM;
	return err;
}

/* -- samples ----------------------------------------------------------------------------------- */

#define RECORDING_COLUMN(field)                                                                    \
	for (size_t i = first; i < first + n; i++)                                                 \
	buf_uleb(b, p->samples.at[i].field)

static int recording_sample_block(struct recording *r, size_t first, size_t n)
{
	const struct profile *p = r->p;
	struct buf *b = &r->payload;
	uint64_t last = 0;

	buf_reset(b);
	buf_uleb(b, first);
	buf_uleb(b, n);
	buf_uleb(b, p->value_types.n);
	for (size_t i = first; i < first + n; last = p->samples.at[i++].time)
		buf_sleb(b, (int64_t)(p->samples.at[i].time - last));
	RECORDING_COLUMN(stack);
	RECORDING_COLUMN(task);
	RECORDING_COLUMN(labels);
	RECORDING_COLUMN(cpu);
	RECORDING_COLUMN(flags);
	for (size_t v = 0; v < p->value_types.n; v++)
		for (size_t i = first; i < first + n; i++)
			buf_sleb(b, profile_values(p, i)[v]);
	return recording_emit(r, RECORDING_SAMPLES);
}

static int recording_samples(struct recording *r)
{
	/* Many value types are possible (pprof); ten bytes is the longest number. */
	size_t most = RECORDING_RAW_MAX / 10 / (6 + r->p->value_types.n + 1);

	if (most > RECORDING_ROWS_MAX)
		most = RECORDING_ROWS_MAX;
	if (!most)
		return -EFBIG;
	while (r->samples < r->p->samples.n) {
		size_t n = r->p->samples.n - r->samples;
		int err = recording_sample_block(r, r->samples, n < most ? n : most);

		if (err)
			return err;
		r->samples += n < most ? n : most;
	}
	return 0;
}

/* -- what may change: written again when it did ------------------------------------------------ */

static int recording_value_types(struct recording *r)
{
	const struct profile *p = r->p;

	buf_reset(&r->payload);
	buf_uleb(&r->payload, p->value_types.n);
	for (size_t i = 0; i < p->value_types.n; i++) {
		recording_string(&r->payload, p, p->value_types.at[i].type);
		recording_string(&r->payload, p, p->value_types.at[i].unit);
	}
	buf_uleb(&r->payload, p->default_value);
	return recording_emit_changed(r, RECORDING_VALUE_TYPES, &r->types_sum);
}

static int recording_meta(struct recording *r)
{
	size_t n;
	const struct recording_meta_row *rows = recording_meta_rows(&n);

	buf_reset(&r->payload);
	buf_uleb(&r->payload, n);
	for (size_t i = 0; i < n; i++) {
		const char *at = (const char *)&r->p->meta + rows[i].offset;
		bool text = rows[i].kind == META_TEXT;

		recording_text(&r->payload, rows[i].key, strlen(rows[i].key));
		buf_u8(&r->payload, text);
		if (text)
			recording_string(&r->payload, r->p, *(const uint32_t *)at);
		else if (rows[i].kind == META_U64)
			buf_sleb(&r->payload, *(const int64_t *)at);
		else if (rows[i].kind == META_U32)
			buf_sleb(&r->payload, *(const uint32_t *)at);
		else
			buf_sleb(&r->payload, *(const int32_t *)at);
	}
	return recording_emit_changed(r, RECORDING_META, &r->meta_sum);
}

static void recording_causes(struct buf *b, const struct ledger_cause *at, size_t n,
			     const char *(*key)(uint32_t reason))
{
	buf_uleb(b, n);
	for (size_t i = 0; i < n; i++) {
		const char *k = key(at[i].reason);

		recording_text(b, k, strlen(k));
		buf_uleb(b, at[i].object);
		buf_uleb(b, at[i].count);
	}
}

static int recording_ledger(struct recording *r)
{
	const struct ledger *l = &r->p->ledger;
	const struct ledger_row *rows = ledger_rows();
	struct buf *b = &r->payload;
	size_t n = 0;

	for (size_t i = 0; i < LEDGER_MAX; i++)
		n += l->n[i] != 0;
	buf_reset(b);
	buf_uleb(b, n);
	for (size_t i = 0; i < LEDGER_MAX; i++)
		if (l->n[i]) {
			recording_text(b, rows[i].key, strlen(rows[i].key));
			buf_uleb(b, l->n[i]);
		}
	recording_causes(b, l->cuts.at, l->cuts.n, ledger_end_key);
	recording_causes(b, l->unnamed.at, l->unnamed.n, ledger_unnamed_key);
	return recording_emit_changed(r, RECORDING_LEDGER, &r->ledger_sum);
}

/* -- the stream -------------------------------------------------------------------------------- */

static int recording_start(struct recording *r)
{
	uint64_t clocks[2] = { r->p->meta.start_wall, r->p->meta.start_mono };

	if (r->sequence)
		return 0;
	/* From the clocks, not random: the same profile gives the same bytes. */
	r->stream = (uint32_t)XXH64(clocks, sizeof(clocks), 0);
	out_put(r->to, RECORDING_MAGIC, RECORDING_MAGIC_SIZE);
	buf_reset(&r->payload);
	buf_puts(&r->payload, "waggle " WAGGLE_VERSION);
	return recording_emit(r, RECORDING_HEADER);
}

int recording_flush(struct recording *r)
{
	const struct profile *p = r->p;
	int err = recording_start(r);

	err = err ? err : recording_value_types(r);
	err = err ? err : recording_meta(r);
	err = err ? err
		  : recording_rows(r, RECORDING_STRINGS, recording_string_row, p->strings.n,
				   &r->strings);
	err = err ? err
		  : recording_rows(r, RECORDING_OBJECTS, recording_object, p->objects.n,
				   &r->objects);
	err = err ? err : recording_frames(r);
	err = err ? err : recording_rows(r, RECORDING_NODES, recording_node, p->nodes.n, &r->nodes);
	err = err ? err : recording_rows(r, RECORDING_TASKS, recording_task, p->tasks.n, &r->tasks);
	err = err ? err
		  : recording_rows(r, RECORDING_LABEL_SETS, recording_label_set, p->label_sets.n,
				   &r->label_sets);
	err = err ? err : recording_rows(r, RECORDING_CODES, recording_code, p->codes.n, &r->codes);
	err = err ? err : recording_samples(r);
	err = err ? err : recording_ledger(r);
	return err ? err : out_flush(r->to);
}

/* Names of frames that got them, or better ones, after they were written. */
static int recording_late_names(struct recording *r)
{
	for (size_t id = 1, last = 0, rows = 0;; id++) {
		bool end = id >= r->frames;

		if (!rows)
			buf_reset(&r->body);
		if (!end && r->names.at[id - 1] != recording_names_sum(r->p, id)) {
			buf_uleb(&r->body, id - last);
			recording_names(&r->body, r->p, id);
			last = id;
			rows++;
		}
		if (rows && (end || rows == RECORDING_ROWS_MAX || r->body.len >= BLOCK_BYTES)) {
			int err = r->body.err;

			buf_reset(&r->payload);
			buf_uleb(&r->payload, rows);
			buf_put(&r->payload, r->body.data, r->body.len);
			err = err ? err : recording_emit(r, RECORDING_NAMES);
			if (err)
				return err;
			rows = last = 0;
		}
		if (end)
			return 0;
	}
}

int recording_finish(struct recording *r)
{
	int err = recording_flush(r);

	err = err ? err : recording_late_names(r);
	if (err)
		return err;
	/* Everything has a value type: a second copy costs little and saves much. */
	r->types_sum = 0;
	err = recording_value_types(r);
	if (err)
		return err;
	buf_reset(&r->payload);
	buf_uleb(&r->payload, r->p->samples.n);
	err = recording_emit(r, RECORDING_END);
	return err ? err : out_flush(r->to);
}
