/* recording_test.c - what goes into a recording comes out of it: whole profiles, in any number of
 * pieces, at the promised size; and what other versions or hostile hands write is told apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <zstd.h>

#include "unit/format/recording_cases.h"

extern const struct format format_waggle;

static struct profile *start(void)
{
	struct profile *p = profile_new("samples", "count");

	assert_non_null(p);
	profile_value_type(p, "number", "");
	p->default_value = 1;
	p->meta.start_wall = UINT64_C(1700000000000000000);
	p->meta.start_mono = 123456789;
	return p;
}

static void fill_facts(struct profile *p)
{
	p->meta.host = profile_str(p, "host.example");
	p->meta.kernel = profile_str(p, "6.1.0");
	p->meta.command = profile_str(p, "waggle -F 99 -- sleep 1");
	p->meta.period_type =
		(struct profile_value_type){ profile_str(p, "cpu"), profile_str(p, "nanoseconds") };
	p->meta.duration = UINT64_MAX;
	p->meta.frequency = 99;
	p->meta.n_cpus = 4;
	p->meta.child_status = -7;
	for (size_t i = 0; i < LEDGER_MAX; i += 2)
		p->ledger.n[i] = UINT64_MAX / (i + 1);
	ledger_cut(&p->ledger, 4, (uint32_t)p->objects.n - 1, 17);
	ledger_cut(&p->ledger, 3, 0, 2);
	profile_count_unnamed(p);
}

static void same_names(const struct profile *a, const struct profile *b, size_t i)
{
	const struct profile_frame *x = &a->frames.at[i], *y = &b->frames.at[i];

	assert_int_equal(x->unnamed, y->unnamed);
	assert_int_equal(x->n_lines, y->n_lines);
	if (x->n_lines)
		assert_memory_equal(a->lines.at + x->first_line, b->lines.at + y->first_line,
				    x->n_lines * sizeof(*a->lines.at));
}

#define SAME_TABLE(field)                                                                          \
	do {                                                                                       \
		assert_int_equal(a->field.n, b->field.n);                                          \
		if (a->field.n)                                                                    \
			assert_memory_equal(a->field.at, b->field.at,                              \
					    a->field.n * sizeof(*a->field.at));                    \
	} while (0)

/* Field by field: the rows have padding. */
static void same_objects(const struct profile *a, const struct profile *b)
{
	assert_int_equal(a->objects.n, b->objects.n);
	for (size_t i = 0; i < a->objects.n; i++) {
		const struct profile_object *x = &a->objects.at[i], *y = &b->objects.at[i];

		assert_int_equal(x->kind, y->kind);
		assert_int_equal(x->path, y->path);
		assert_int_equal(x->build_id, y->build_id);
		assert_int_equal(x->pid, y->pid);
		assert_int_equal(x->start, y->start);
		assert_int_equal(x->limit, y->limit);
		assert_int_equal(x->file_offset, y->file_offset);
	}
}

static void same_labels(const struct profile *a, const struct profile *b)
{
	assert_int_equal(a->labels.n, b->labels.n);
	for (size_t i = 0; i < a->labels.n; i++) {
		assert_int_equal(a->labels.at[i].key, b->labels.at[i].key);
		assert_int_equal(a->labels.at[i].text, b->labels.at[i].text);
		assert_int_equal(a->labels.at[i].number, b->labels.at[i].number);
		assert_int_equal(a->labels.at[i].unit, b->labels.at[i].unit);
	}
}

static void same(const struct profile *a, const struct profile *b)
{
	assert_int_equal(a->strings.n, b->strings.n);
	for (uint32_t i = 0; i < a->strings.n; i++) {
		assert_int_equal(intern_len(&a->strings, i), intern_len(&b->strings, i));
		assert_memory_equal(profile_text(a, i), profile_text(b, i),
				    intern_len(&a->strings, i) + 1);
	}
	same_objects(a, b);
	SAME_TABLE(nodes);
	SAME_TABLE(tasks);
	same_labels(a, b);
	SAME_TABLE(label_sets);
	SAME_TABLE(value_types);
	SAME_TABLE(samples);
	SAME_TABLE(values);
	SAME_TABLE(ledger.cuts);
	SAME_TABLE(ledger.unnamed);
	assert_int_equal(a->frames.n, b->frames.n);
	for (size_t i = 0; i < a->frames.n; i++) {
		assert_int_equal(a->frames.at[i].object, b->frames.at[i].object);
		assert_int_equal(a->frames.at[i].kind, b->frames.at[i].kind);
		assert_int_equal(a->frames.at[i].offset, b->frames.at[i].offset);
		same_names(a, b, i);
	}
	assert_memory_equal(a->ledger.n, b->ledger.n, sizeof(a->ledger.n));
	assert_memory_equal(&a->meta, &b->meta, sizeof(a->meta));
	assert_int_equal(a->default_value, b->default_value);
}

static struct profile *read_back(const uint8_t *data, size_t len)
{
	struct profile *p = NULL;
	struct err e = { 0 };

	assert_int_equal(format_waggle.probe(data, len < 4096 ? len : 4096), 2);
	if (format_waggle.read(data, len, &p, &e))
		fail_msg("%s", e.text);
	return p;
}

static void test_round_trip(void **state)
{
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct case_random r = { seed * 1000 };
		struct profile *p = start(), *q;
		struct out to;

		for (uint64_t i = 0; i < seed * 40; i++)
			case_step(p, &r);
		fill_facts(p);
		assert_false(p->oom);
		out_mem(&to);
		assert_int_equal(format_waggle.write(p, NULL, &to, NULL), 0);
		q = read_back(to.pending.data, to.pending.len);
		same(p, q);
		profile_free(q);
		profile_free(p);
		out_abort(&to);
	}
}

static void test_pieces(void **state)
{
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct case_random r = { seed * 7777 };
		struct profile *p = start(), *q;
		struct recording *rec;
		struct out to;

		out_mem(&to);
		rec = recording_new(p, &to);
		for (uint64_t i = 0; i < 1500; i++) {
			case_step(p, &r);
			p->ledger.n[LEDGER_TICKS]++;
			if (!case_below(&r, (uint32_t)(2 + seed * 10)))
				assert_int_equal(recording_flush(rec), 0);
		}
		fill_facts(p);
		assert_int_equal(recording_finish(rec), 0);
		q = read_back(to.pending.data, to.pending.len);
		same(p, q);
		profile_free(q);
		recording_free(rec);
		profile_free(p);
		out_abort(&to);
	}
}

static void test_many_rows(void **state)
{
	struct profile *p = start(), *q;
	uint32_t node = 0, frame;
	struct out to;

	for (uint32_t i = 0; i < 3 * RECORDING_ROWS_MAX + 5; i++) {
		int64_t values[2] = { INT64_MIN + i, INT64_MAX - i };
		struct profile_sample s = { .time = i & 1 ? UINT64_MAX - 1 - i : i, .stack = node };

		frame = profile_frame_at(p, 0, i, FRAME_KERNEL);
		node = i % 500 ? profile_push(p, node, frame) : 0;
		assert_int_equal(profile_sample(p, &s, values), 0);
	}
	out_mem(&to);
	assert_int_equal(format_waggle.write(p, NULL, &to, NULL), 0);
	q = read_back(to.pending.data, to.pending.len);
	same(p, q);
	profile_free(p);
	profile_free(q);
	out_abort(&to);
}

/* A minute of `cpus` processors at 99 Hz, a flush a second, 300 stacks seen again and again. */
static double bytes_per_sample(uint32_t cpus)
{
	struct case_random r = { 1 };
	struct profile *p = start();
	struct recording *rec;
	uint64_t warm, n;
	struct out to;
	double each;

	for (uint32_t i = 0; i < 300; i++)
		profile_push(p, case_below(&r, (uint32_t)p->nodes.n),
			     profile_frame_at(p, 0, i, FRAME_USER));
	for (uint32_t i = 0; i < 20; i++)
		profile_task(p, 100 + i / 4, 100 + i, "worker", "server");
	out_mem(&to);
	rec = recording_new(p, &to);
	assert_int_equal(recording_flush(rec), 0);
	warm = to.bytes;
	for (uint32_t tick = 0; tick < 60 * 99; tick++) {
		for (uint32_t cpu = 0; cpu < cpus; cpu++) {
			int64_t values[2] = { 1, 10101010 };
			struct profile_sample s = { .time = tick * UINT64_C(10101010) + cpu * 1500 +
							    case_below(&r, 20000),
						    .stack = case_below(&r, 300),
						    .task = case_below(&r, 21),
						    .cpu = (uint16_t)cpu };

			profile_sample(p, &s, values);
			p->ledger.n[LEDGER_TICKS]++;
			p->ledger.n[LEDGER_TAKEN]++;
		}
		if (tick % 99 == 98)
			assert_int_equal(recording_flush(rec), 0);
	}
	n = p->samples.n;
	each = (double)(to.bytes - warm) / (double)n;
	recording_free(rec);
	profile_free(p);
	out_abort(&to);
	return each;
}

static void test_size(void **state)
{
	double one = bytes_per_sample(1), four = bytes_per_sample(4);

	print_message("bytes per sample at 99 Hz: %.2f on one processor, %.2f on four\n", one,
		      four);
	assert_true(one <= 8);
	assert_true(four <= 8);
}

static void put_block(struct buf *b, uint32_t sequence, uint16_t type, uint16_t version,
		      const void *payload, uint32_t stored, uint32_t raw)
{
	struct recording_head h = { .type = type,
				    .version = version,
				    .sequence = sequence,
				    .raw = raw,
				    .stored = stored,
				    .checksum = recording_checksum(payload, stored) };
	uint8_t head[RECORDING_HEAD_SIZE];

	if (!b->len)
		buf_put(b, RECORDING_MAGIC, RECORDING_MAGIC_SIZE);
	recording_head_write(&h, head);
	buf_put(b, head, sizeof(head));
	buf_put(b, payload, stored);
}

static int read_buf(const struct buf *b, struct profile **ret, struct err *e)
{
	*e = (struct err){ 0 };
	*ret = NULL;
	return format_waggle.read(b->data, b->len, ret, e);
}

static void test_versions(void **state)
{
	static const uint8_t end[] = { 0 };
	struct buf b = { 0 };
	struct profile *p;
	struct err e;

	put_block(&b, 0, RECORDING_HEADER, 1, "x", 1, 1);
	put_block(&b, 1, 200, 77, "from the future", 15, 15);
	put_block(&b, 2, RECORDING_END, 1, end, 1, 1);
	assert_int_equal(read_buf(&b, &p, &e), 0);
	assert_int_equal(p->ledger.n[LEDGER_LOST_DAMAGE], 0);
	profile_free(p);
	buf_reset(&b);
	put_block(&b, 0, RECORDING_HEADER, 2, "x", 1, 1);
	assert_int_equal(read_buf(&b, &p, &e), -EPROTONOSUPPORT);
	assert_non_null(strstr(e.text, "newer waggle"));
	buf_free(&b);
}

static void test_not_a_recording(void **state)
{
	struct buf b = { 0 };
	struct profile *p;
	struct err e;

	assert_int_equal(read_buf(&b, &p, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "not a waggle recording"));
	buf_puts(&b, "main;foo;bar 17\nmain;foo 3\n");
	assert_int_equal(format_waggle.probe(b.data, b.len), 0);
	assert_int_equal(read_buf(&b, &p, &e), -EBADMSG);
	buf_reset(&b);
	buf_put(&b, RECORDING_MAGIC, RECORDING_MAGIC_SIZE);
	assert_int_equal(read_buf(&b, &p, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "cut off"));
	buf_free(&b);
}

/* Blocks whose checksums are right and whose contents are lies. */
static void test_lies(void **state)
{
	static const uint8_t far[] = { 0xf0, 0xff, 0xff, 0xff, 0x0f, 1, 1, 'x' };
	static const uint8_t many[] = { 1, 0xff, 0xff, 0x03, 1, 'x' };
	static const uint8_t again[] = { 1, 1, 1, 'y' };
	static const uint8_t node[] = { 1, 1, 9, 0 };
	static const uint8_t samples[] = { 0, 0xff, 0xff, 0x03, 1, 0, 0, 0 };
	struct buf b = { 0 };
	struct profile *p;
	struct err e;

	put_block(&b, 0, RECORDING_STRINGS, 1, far, sizeof(far), sizeof(far));
	put_block(&b, 1, RECORDING_STRINGS, 1, many, sizeof(many), sizeof(many));
	put_block(&b, 2, RECORDING_STRINGS, 1, again, sizeof(again), sizeof(again));
	put_block(&b, 3, RECORDING_NODES, 1, node, sizeof(node), sizeof(node));
	put_block(&b, 4, RECORDING_SAMPLES, 1, samples, sizeof(samples), sizeof(samples));
	put_block(&b, 5, RECORDING_TASKS, 1, "not zstd", 8, 4000);
	put_block(&b, 6, RECORDING_END, 1, "", 1, 1);
	assert_int_equal(read_buf(&b, &p, &e), 0);
	assert_int_equal(p->ledger.n[LEDGER_LOST_DAMAGE], 5);
	assert_int_equal(p->samples.n, 0);
	assert_int_equal(p->nodes.n, 1);
	profile_free(p);
	buf_free(&b);
}

static void test_bomb(void **state)
{
	uint8_t *zeros = calloc(1, RECORDING_RAW_MAX);
	size_t bound = ZSTD_compressBound(RECORDING_RAW_MAX);
	uint8_t *packed = malloc(bound);
	size_t n = ZSTD_compress(packed, bound, zeros, RECORDING_RAW_MAX, 1);
	struct buf b = { 0 };
	struct profile *p;
	struct err e;

	for (uint32_t i = 0; i < 4; i++)
		put_block(&b, i, RECORDING_NODES, 1, packed, (uint32_t)n, RECORDING_RAW_MAX);
	assert_int_equal(read_buf(&b, &p, &e), -EFBIG);
	assert_non_null(strstr(e.text, "claims to unpack"));
	free(zeros);
	free(packed);
	buf_free(&b);
}

/* A full disk is the out's error, for whoever commits it to say; nothing else happens. */
static void test_disk_full(void **state)
{
	struct profile *p = start();
	struct recording *rec;
	struct err e = { 0 };
	struct out to;

	assert_int_equal(out_open(&to, "/dev/full", &e), 0);
	rec = recording_new(p, &to);
	assert_int_equal(recording_flush(rec), -ENOSPC);
	assert_int_equal(recording_finish(rec), -ENOSPC);
	recording_free(rec);
	assert_int_equal(out_commit(&to, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "/dev/full"));
	assert_int_equal(out_open(&to, "/dev/full", &e), 0);
	assert_int_equal(format_waggle.write(p, NULL, &to, &e), 0);
	assert_int_equal(to.err, -ENOSPC);
	out_abort(&to);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_many_rows),  cmocka_unit_test(test_size),
		cmocka_unit_test(test_versions),   cmocka_unit_test(test_not_a_recording),
		cmocka_unit_test(test_lies),       cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_disk_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
