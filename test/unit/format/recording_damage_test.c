/* recording_damage_test.c - recordings that were cut off, hit or stitched: whatever is read was
 * there before, what is missing is counted, and nothing is given to somebody else.
 *
 * Every byte of a small recording gets its turn. Value 1 of a sample is its number in the original,
 * so each one that comes back can be held against what it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/format/recording_cases.h"

extern const struct format format_waggle;

/* The original, and its recording in several pieces. */
struct fixture {
	struct profile *p;
	struct out to;
};

static int setup(void **state)
{
	static struct fixture f;
	struct case_random r = { .state = 4242, .once = true };
	struct recording *rec;

	f.p = profile_new("samples", "count");
	profile_value_type(f.p, "number", "");
	f.p->meta.start_mono = 5;
	out_mem(&f.to);
	rec = recording_new(f.p, &f.to);
	for (uint32_t i = 0; i < 300; i++) {
		case_step(f.p, &r);
		f.p->ledger.n[LEDGER_TAKEN] = f.p->samples.n;
		if (i % 60 == 59)
			recording_flush(rec);
	}
	for (uint32_t i = 1; i < f.p->frames.n; i++)
		case_set_names(f.p, &r);
	ledger_cut(&f.p->ledger, 4, 1, 3);
	recording_finish(rec);
	recording_free(rec);
	*state = &f;
	return f.p->oom || f.to.err;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	profile_free(f->p);
	out_abort(&f->to);
	return 0;
}

/* -- is what came back a part of what was there? ----------------------------------------------- */

static void same_text(const struct profile *p, uint32_t a, const struct profile *q, uint32_t b)
{
	if (strncmp(profile_text(q, b), "[lost", 5) != 0) {
		assert_int_equal(intern_len(&p->strings, a), intern_len(&q->strings, b));
		assert_memory_equal(profile_text(p, a), profile_text(q, b),
				    intern_len(&p->strings, a));
	}
}

static void same_frame(const struct profile *p, uint32_t a, const struct profile *q, uint32_t b)
{
	const struct profile_frame *x = &p->frames.at[a], *y = &q->frames.at[b];

	assert_int_equal(x->kind, y->kind);
	assert_int_equal(x->offset, y->offset);
	same_text(p, p->objects.at[x->object].path, q, q->objects.at[y->object].path);
	if (!y->n_lines)
		return; /* the block with its late names is lost: it shows less, not other things */
	assert_int_equal(x->n_lines, y->n_lines);
	for (uint32_t i = 0; i < x->n_lines; i++) {
		const struct profile_line *k = &p->lines.at[x->first_line + i];
		const struct profile_line *l = &q->lines.at[y->first_line + i];

		same_text(p, k->function, q, l->function);
		same_text(p, k->file, q, l->file);
		same_text(p, k->system, q, l->system);
		assert_int_equal(k->line, l->line);
	}
}

static void same_stack(const struct profile *p, uint32_t a, const struct profile *q, uint32_t b)
{
	while (a && b) {
		same_frame(p, p->nodes.at[a].frame, q, q->nodes.at[b].frame);
		a = p->nodes.at[a].parent;
		b = q->nodes.at[b].parent;
	}
	assert_int_equal(a, 0);
	assert_int_equal(b, 0);
}

static void same_task(const struct profile *p, uint32_t a, const struct profile *q, uint32_t b)
{
	const struct profile_task *x = &p->tasks.at[a], *y = &q->tasks.at[b];

	same_text(p, x->comm, q, y->comm);
	same_text(p, x->process, q, y->process);
	if (strcmp(profile_text(q, y->process), "[lost]") != 0) {
		assert_int_equal(x->pid, y->pid);
		assert_int_equal(x->tid, y->tid);
	}
}

/* Sets are sorted by string ids, which placeholders upset: find each label instead. */
static void same_labels(const struct profile *p, uint32_t a, const struct profile *q, uint32_t b)
{
	struct profile_label_set x = p->label_sets.at[a], y = q->label_sets.at[b];

	for (uint32_t i = 0; i < y.n; i++) {
		const struct profile_label *l = &q->labels.at[y.first + i];
		bool found = strncmp(profile_text(q, l->key), "[lost", 5) == 0;

		for (uint32_t k = 0; k < x.n && !found; k++) {
			const struct profile_label *was = &p->labels.at[x.first + k];

			found = was->number == l->number &&
				!strcmp(profile_text(p, was->key), profile_text(q, l->key));
		}
		assert_true(found);
	}
}

static void check_part(const struct profile *p, const struct profile *q)
{
	int64_t last = -1;

	assert_false(q->oom);
	for (size_t i = 0; i < q->samples.n; i++) {
		const struct profile_sample *s = &q->samples.at[i], *was;
		int64_t number = profile_values(q, i)[1];

		assert_in_range(number, (uint64_t)(last + 1), p->samples.n - 1);
		last = number;
		was = &p->samples.at[number];
		assert_int_equal(s->time, was->time);
		assert_int_equal(s->cpu, was->cpu);
		assert_int_equal(profile_values(q, i)[0], profile_values(p, number)[0]);
		same_stack(p, was->stack, q, s->stack);
		same_task(p, was->task, q, s->task);
		same_labels(p, was->labels, q, s->labels);
	}
	assert_int_equal(q->ledger.n[LEDGER_TAKEN], q->samples.n);
}

static uint64_t accounted(const struct profile *q)
{
	return q->samples.n + q->ledger.n[LEDGER_LOST_STACK] + q->ledger.n[LEDGER_LOST_DAMAGED];
}

/* Reads from memory of exactly that size, so that a sanitizer sees any step too far. */
static struct profile *read_exact(const uint8_t *data, size_t len, struct err *e)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct profile *q = NULL;

	*e = (struct err){ 0 };
	memcpy(copy, data, len);
	if (format_waggle.read(copy, len, &q, e))
		assert_null(q);
	free(copy);
	return q;
}

/* -- the damages ------------------------------------------------------------------------------- */

static void test_whole(void **state)
{
	struct fixture *f = *state;
	struct err e;
	struct profile *q = read_exact(f->to.pending.data, f->to.pending.len, &e);

	assert_non_null(q);
	check_part(f->p, q);
	assert_int_equal(q->samples.n, f->p->samples.n);
	assert_int_equal(q->ledger.n[LEDGER_LOST_DAMAGE], 0);
	profile_free(q);
}

static void test_truncated(void **state)
{
	struct fixture *f = *state;
	size_t first =
		RECORDING_MAGIC_SIZE + RECORDING_HEAD_SIZE + strlen("waggle " WAGGLE_VERSION);
	size_t most = 0;
	struct err e;

	for (size_t len = 0; len < f->to.pending.len; len++) {
		struct profile *q = read_exact(f->to.pending.data, len, &e);

		assert_int_equal(!q, len < first);
		if (!q) {
			assert_true(e.code < 0 && *e.text);
			continue;
		}
		check_part(f->p, q);
		assert_int_equal(q->ledger.n[LEDGER_LOST_DAMAGE], 1);
		assert_int_equal(q->ledger.n[LEDGER_LOST_STACK], 0);
		assert_true(q->samples.n >= most); /* more bytes never give less */
		most = q->samples.n;
		profile_free(q);
	}
	assert_int_equal(most, f->p->samples.n);
}

static void test_one_byte(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	struct fixture *f = *state;
	uint8_t *data = f->to.pending.data;
	size_t whole = 0;
	struct err e;

	for (size_t at = 0; at < f->to.pending.len * 3; at++) {
		struct profile *q;

		data[at / 3] ^= flips[at % 3];
		q = read_exact(data, f->to.pending.len, &e);
		data[at / 3] ^= flips[at % 3];
		assert_non_null(q);
		check_part(f->p, q);
		assert_int_equal(q->ledger.n[LEDGER_LOST_DAMAGE], 1);
		assert_true(q->ledger.n[LEDGER_LOST_DAMAGE_BYTES] >= RECORDING_MAGIC_SIZE);
		whole += q->samples.n == f->p->samples.n;
		/* Unless the end block itself is gone, every sample is here or counted as lost. */
		if (at / 3 < f->to.pending.len - RECORDING_HEAD_SIZE - 2)
			assert_int_equal(accounted(q), f->p->samples.n);
		profile_free(q);
	}
	assert_true(whole > 0);
}

static void test_bytes_missing(void **state)
{
	struct fixture *f = *state;
	size_t len = f->to.pending.len;
	uint8_t *data = malloc(len);
	struct err e;

	for (size_t at = 0; at + 50 < len; at++) {
		size_t gone = 1 + at % 50;
		struct profile *q;

		memcpy(data, f->to.pending.data, at);
		memcpy(data + at, f->to.pending.data + at + gone, len - at - gone);
		q = read_exact(data, len - gone, &e);
		assert_non_null(q);
		check_part(f->p, q);
		assert_true(q->ledger.n[LEDGER_LOST_DAMAGE] > 0);
		profile_free(q);
	}
	free(data);
}

/* A hole of two kilobytes anywhere: several blocks go, the rest stays right. */
static void test_hole(void **state)
{
	struct fixture *f = *state;
	size_t len = f->to.pending.len, hole = 2048;
	uint8_t *data = malloc(len);
	struct err e;

	assert_true(len > 2 * hole);
	for (size_t at = 0; at + hole < len; at += 7) {
		struct profile *q;

		memcpy(data, f->to.pending.data, len);
		memset(data + at, 0, hole);
		q = read_exact(data, len, &e);
		assert_non_null(q);
		check_part(f->p, q);
		assert_true(q->ledger.n[LEDGER_LOST_DAMAGE] > 0);
		assert_true(q->ledger.n[LEDGER_LOST_DAMAGE_BYTES] >= hole);
		profile_free(q);
	}
	free(data);
}

/* The tail of another recording, its blocks later in sequence than all of ours. */
static size_t write_stranger(struct out *to)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_sample s = { .cpu = 9999 };
	struct recording *rec = recording_new(p, to);
	int64_t values[2] = { 1, 0 };
	size_t tail;

	profile_value_type(p, "number", "");
	p->meta.start_mono = 6;
	for (int i = 0; i < 500; i++) {
		p->ledger.n[LEDGER_TICKS]++;
		assert_int_equal(recording_flush(rec), 0);
	}
	tail = to->pending.len;
	s.task = profile_task(p, 666, 666, "stranger", "stranger");
	profile_sample(p, &s, values);
	assert_int_equal(recording_finish(rec), 0);
	recording_free(rec);
	profile_free(p);
	return tail;
}

/* A recording inside a recording's hole is somebody else's and stays out. */
static void test_foreign_blocks(void **state)
{
	struct fixture *f = *state;
	size_t len = f->to.pending.len, at = len / 2, tail;
	uint8_t *data = malloc(len);
	struct profile *q;
	struct out to;
	struct err e;

	out_mem(&to);
	tail = write_stranger(&to);
	assert_true(at + to.pending.len - tail < len);
	memcpy(data, f->to.pending.data, len);
	memcpy(data + at, to.pending.data + tail, to.pending.len - tail);
	q = read_exact(data, len, &e);
	assert_non_null(q);
	check_part(f->p, q);
	assert_int_equal(accounted(q), f->p->samples.n);
	profile_free(q);
	out_abort(&to);
	free(data);
}

static uint8_t *find_block(struct out *o, uint16_t type)
{
	uint8_t *at = o->pending.data + RECORDING_MAGIC_SIZE;
	uint8_t *end = o->pending.data + o->pending.len;
	struct recording_head h;

	while (recording_head_read(at, (size_t)(end - at), &h) && h.type != type)
		at += RECORDING_HEAD_SIZE + h.stored;
	assert_true(at < end);
	return at;
}

/* Two names are lost, one of the two frames gets a new one later: the other must not get it too. */
static void test_lost_stay_different(void **state)
{
	struct profile *p = profile_new("samples", "count"), *q;
	uint32_t a = profile_frame_text(p, "first", FRAME_USER);
	uint32_t b = profile_frame_text(p, "second", FRAME_USER);
	struct profile_sample s = { .stack = profile_push(p, profile_push(p, 0, a), b) };
	struct profile_line line = { 0 };
	struct recording *rec;
	char scratch[64];
	int64_t one = 1;
	struct out to;
	struct err e;

	profile_sample(p, &s, &one);
	out_mem(&to);
	rec = recording_new(p, &to);
	recording_flush(rec);
	line.function = profile_str(p, "renamed");
	profile_frame_set_lines(p, a, &line, 1);
	recording_finish(rec);
	find_block(&to, RECORDING_STRINGS)[RECORDING_HEAD_SIZE]++;
	q = read_exact(to.pending.data, to.pending.len, &e);
	assert_non_null(q);
	assert_int_equal(q->samples.n, 1);
	b = q->samples.at[0].stack;
	a = q->nodes.at[b].parent;
	assert_string_equal(profile_line_label(q, q->nodes.at[a].frame, 0, scratch, 64), "renamed");
	assert_memory_equal(profile_line_label(q, q->nodes.at[b].frame, 0, scratch, 64), "[lost",
			    5);
	assert_int_equal(q->ledger.n[LEDGER_LOST_DAMAGE], 1);
	recording_free(rec);
	profile_free(p);
	profile_free(q);
	out_abort(&to);
}

/* One recording behind another: the first is read, the rest is said to be damage. */
static void test_trailing(void **state)
{
	struct fixture *f = *state;
	size_t len = f->to.pending.len;
	uint8_t *data = malloc(2 * len);
	struct profile *q;
	struct err e;

	memcpy(data, f->to.pending.data, len);
	memcpy(data + len, f->to.pending.data, len);
	q = read_exact(data, 2 * len, &e);
	assert_non_null(q);
	check_part(f->p, q);
	assert_int_equal(q->samples.n, f->p->samples.n);
	assert_int_equal(q->ledger.n[LEDGER_LOST_DAMAGE], 1);
	assert_int_equal(q->ledger.n[LEDGER_LOST_DAMAGE_BYTES], len);
	profile_free(q);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),    cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_one_byte), cmocka_unit_test(test_bytes_missing),
		cmocka_unit_test(test_hole),     cmocka_unit_test(test_foreign_blocks),
		cmocka_unit_test(test_trailing), cmocka_unit_test(test_lost_stay_different),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
