/* recording_codes_test.c - generated code in recordings: who reads one that was cut off, or made without
 * names, names by time; and bytes that are no codes do no harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "format/format.h"
#include "format/recording.h"
#include "format/recording_layout.h"
#include "profile/codes.h"

extern const struct format format_waggle;

static uint32_t object;

static void code(struct profile *p, uint64_t from, bool exact, const char *name)
{
	struct profile_code c = {
		.object = object,
		.function = profile_str(p, name),
		.start = 0x7f0000001000,
		.size = 64,
		.from = from,
		.order = (uint32_t)p->codes.n,
		.exact = exact,
	};
	struct profile_code_line lines[] = {{0, 10, profile_str(p, "x.js")},
					    {0x10, 11, profile_str(p, "x.js")},
					    {0x20, 7, profile_str(p, "y.js")}};

	assert_int_equal(profile_code(p, &c, lines, 3, NULL), c.order);
}

static void sample(struct profile *p, uint64_t time)
{
	struct profile_sample s = {.time = time};
	int64_t one = 1;

	s.stack = profile_push(p, 0, profile_frame_at(p, object, 0x7f0000001018, FRAME_JIT));
	assert_int_equal(profile_sample(p, &s, &one), 0);
}

static struct profile *start(void)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_object o = {.kind = OBJECT_JIT, .pid = 7, .path = profile_str(p, "[jit]")};

	object = profile_object(p, &o);
	return p;
}

static struct profile *read_back(const struct out *to)
{
	struct profile *p = NULL;
	struct err e = {0};

	if (format_waggle.read(to->pending.data, to->pending.len, &p, &e))
		fail_msg("%s", e.text);
	return p;
}

static void check_leaf(const struct profile *p, size_t i, const char *name, uint32_t line)
{
	const struct profile_frame *f = &p->frames.at[p->nodes.at[p->samples.at[i].stack].frame];
	const struct profile_line *l = &p->lines.at[f->first_line];

	assert_int_equal(f->n_lines, 1);
	assert_string_equal(profile_text(p, l->function), name);
	assert_string_equal(profile_text(p, l->file), line == 7 ? "y.js" : "x.js");
	assert_int_equal(l->line, line);
}

/* Codes arrive in pieces, later than the samples they explain; there is no end. */
static void a_capture_that_crashed(void **state)
{
	struct profile *p = start(), *q;
	struct recording *r;
	struct out to;

	out_mem(&to);
	r = recording_new(p, &to);
	sample(p, 5);
	assert_int_equal(recording_flush(r), 0);
	code(p, 0, true, "before");
	code(p, 10, true, "behind");
	sample(p, 15);
	assert_int_equal(recording_flush(r), 0);
	code(p, 20, false, "hidden by what is exact");
	sample(p, 25);
	assert_int_equal(recording_flush(r), 0);
	q = read_back(&to);
	assert_int_equal(q->samples.n, 3);
	check_leaf(q, 0, "before", 11);
	check_leaf(q, 1, "behind", 11);
	check_leaf(q, 2, "behind", 11);
	assert_int_equal(q->ledger.n[LEDGER_FRAMES_UNNAMED], 0);
	profile_free(q);
	profile_free(p);
	recording_free(r);
	out_abort(&to);
}

/* What was split is written and read again as it is. */
static void again_and_again(void **state)
{
	struct profile *p = start(), *q;

	code(p, 0, true, "before");
	code(p, 10, true, "behind");
	sample(p, 5);
	sample(p, 15);
	for (int i = 0; i < 3; i++) {
		struct out to;

		out_mem(&to);
		assert_int_equal(format_waggle.write(p, NULL, &to, NULL), 0);
		q = read_back(&to);
		check_leaf(q, 0, "before", 11);
		check_leaf(q, 1, "behind", 11);
		assert_int_equal(q->codes.n, 2);
		assert_int_equal(q->code_lines.n, 6);
		profile_free(p);
		out_abort(&to);
		p = q;
	}
	profile_free(p);
}

static void put_block(struct out *to, uint32_t sequence, const uint8_t *data, size_t n)
{
	struct recording_head h = {.type = RECORDING_CODES, .version = RECORDING_VERSION,
				   .stream = 0, .sequence = sequence, .raw = (uint32_t)n,
				   .stored = (uint32_t)n,
				   .checksum = recording_checksum(data, n)};
	uint8_t head[RECORDING_HEAD_SIZE];
	struct recording_head first;

	assert_true(recording_head_read(to->pending.data + RECORDING_MAGIC_SIZE,
					to->pending.len - RECORDING_MAGIC_SIZE, &first));
	h.stream = first.stream;
	recording_head_write(&h, head);
	out_put(to, head, sizeof(head));
	out_put(to, data, n);
}

/* An unfinished recording with one more block, three times; how many blocks it says are damaged. */
static uint64_t damaged_by(const uint8_t *data, size_t n, size_t n_codes)
{
	struct profile *p = start(), *q;
	struct recording *r;
	struct out to;
	uint64_t damaged;

	sample(p, 5);
	out_mem(&to);
	r = recording_new(p, &to);
	assert_int_equal(recording_flush(r), 0);
	for (uint32_t i = 0; i < 3; i++)
		put_block(&to, 1000 + i, data, n);
	q = read_back(&to);
	assert_int_equal(q->codes.n, n_codes);
	assert_int_equal(q->samples.n, 1);
	damaged = q->ledger.n[LEDGER_LOST_DAMAGE];
	profile_free(q);
	profile_free(p);
	recording_free(r);
	out_abort(&to);
	return damaged;
}

static void blocks_that_lie(void **state)
{
	static const uint8_t good[] = {0, 1, 1, 0, 1, 9, 9, 0, 0, 0};
	static const uint8_t endless[] = {0, 1, 1, 0, 1, 9, 9, 0, 0, 0xff, 0xff, 0x7f};
	static const uint8_t empty[] = {0, 1, 1, 0, 1, 9, 0, 0, 0, 0};
	static const uint8_t wraps[] = {0,    1,    1,    0,    1,    0xff, 0xff, 0xff, 0xff, 0xff,
					0xff, 0xff, 0xff, 0xff, 0x01, 9,    0,    0,    0};
	uint64_t damaged = damaged_by(good, sizeof(good), 3);

	assert_int_equal(damaged_by(endless, sizeof(endless), 0), damaged + 3);
	assert_int_equal(damaged_by(empty, sizeof(empty), 0), damaged + 3);
	assert_int_equal(damaged_by(wraps, sizeof(wraps), 0), damaged + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_capture_that_crashed),
		cmocka_unit_test(again_and_again),
		cmocka_unit_test(blocks_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
