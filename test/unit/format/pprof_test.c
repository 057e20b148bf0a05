/* pprof_test.c - profile.proto: a profile survives the way there and back whole, and damage of every
 * kind is survived and said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/format.h"
#include "format/input.h"

static uint8_t *write_pprof(const struct profile *p, size_t *ret_len)
{
	struct format_opts o;
	struct out to;
	struct err e = { 0 };

	format_opts_default(&o);
	out_mem(&to);
	if (format_by_name("pprof")->write(p, &o, &to, &e))
		fail_msg("%s", e.text);
	assert_int_equal(to.err, 0);
	return buf_take(&to.pending, ret_len);
}

static struct profile *read_pprof(const uint8_t *data, size_t len)
{
	struct profile *p = NULL;
	struct err e = { 0 };

	if (format_by_name("pprof")->read(data, len, &p, &e))
		fail_msg("%s", e.text);
	return p;
}

static uint32_t line_of(struct profile *p, const char *name, const char *file, uint32_t line,
			const char *system, struct profile_line *to)
{
	*to = (struct profile_line){ profile_str(p, name), profile_str(p, file), line,
				     profile_str(p, system) };
	return 1;
}

/* Every kind of object, frame, label and reason that exists. */
static struct profile *example(void)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_object file = { .kind = OBJECT_FILE }, jit = { .kind = OBJECT_JIT, .pid = 42 },
			      kernel = { .kind = OBJECT_KERNEL }, bpf = { .kind = OBJECT_BPF },
			      module = { .kind = OBJECT_MODULE };
	uint32_t f[8], objects[5];
	struct profile_line lines[2];
	struct profile_label labels[2] = { 0 };
	struct profile_sample s = { .time = PROFILE_NO_TIME };

	file.path = profile_str(p, "/usr/bin/prog \xc3\xa9");
	file.build_id = profile_str(p, "c0ffee");
	jit.path = profile_str(p, "[jit]");
	kernel.path = profile_str(p, "[kernel]");
	bpf.path = profile_str(p, "bpf");
	module.path = profile_str(p, "[nf_tables]");
	objects[0] = profile_object(p, &file);
	objects[1] = profile_object(p, &jit);
	objects[2] = profile_object(p, &kernel);
	objects[3] = profile_object(p, &bpf);
	objects[4] = profile_object(p, &module);
	for (int i = 0; i < 5; i++)
		f[i] = profile_frame_at(p, objects[i], 0x1000 + (uint64_t)i * 77,
					i == 1 ? FRAME_JIT : i >= 2 ? FRAME_KERNEL : FRAME_USER);
	line_of(p, "std::sort<int>(int*)", "sort.h", 99, "_ZSt4sortIiEvPT_", &lines[0]);
	line_of(p, "main", "main.c", 7, "", &lines[1]);
	profile_frame_set_lines(p, f[0], lines, 2);
	profile_frame_set_lines(p, f[2], &lines[1], 1);
	profile_frame_set_unnamed(p, f[1], UNNAMED_JIT);
	profile_frame_set_unnamed(p, f[3], UNNAMED_KERNEL_HIDDEN);
	f[5] = profile_frame_text(p, "kernel without object", FRAME_KERNEL);
	f[6] = profile_frame_text(p, "[waiting: disk]", FRAME_OFFCPU);
	f[7] = profile_frame_cut(p, ledger_end_of_key("gap"), objects[0]);
	labels[0] = (struct profile_label){ profile_str(p, "request"), profile_str(p, "GET /"), 0, 0 };
	labels[1] = (struct profile_label){ profile_str(p, "size"), 0, 4096, profile_str(p, "bytes") };
	s.labels = profile_labels(p, labels, 2);
	s.task = profile_task(p, 42, 43, "worker 1", "prog");
	for (int64_t v = 1; v <= 6; v++) {
		s.stack = profile_stack(p, f + v % 3, 8 - (size_t)(v % 3));
		s.cpu = (uint16_t)(v & 1);
		assert_int_equal(profile_sample(p, &s, &v), 0);
	}
	p->meta.source = profile_str(p, "cpu");
	p->meta.command = profile_str(p, "prog --port 80");
	p->meta.start_wall = UINT64_C(1700000000123456789);
	p->meta.duration = 10000000000;
	p->meta.frequency = 99;
	p->meta.n_cpus = 2;
	p->ledger.n[LEDGER_EXPECTED] = 30;
	p->ledger.n[LEDGER_TAKEN] = 21;
	p->ledger.n[LEDGER_LOST_RING] = 9;
	ledger_cut(&p->ledger, ledger_end_of_key("gap"), objects[0], 21);
	assert_int_equal(profile_count_unnamed(p), 0);
	assert_false(p->oom);
	return p;
}

/* A sample in words: equal words, equal samples, whatever the ids. */
static char *sample_words(const struct profile *p, size_t i)
{
	const struct profile_sample *s = &p->samples.at[i];
	const struct profile_task *t = &p->tasks.at[s->task];
	struct buf b = { 0 };
	size_t n;

	buf_printf(&b, "%lld cpu%u %u/%u %s/%s {", (long long)profile_values(p, i)[0], s->cpu, t->pid,
		   t->tid, profile_text(p, t->comm), profile_text(p, t->process));
	for (uint32_t k = 0; k < p->label_sets.at[s->labels].n; k++) {
		const struct profile_label *l = &p->labels.at[p->label_sets.at[s->labels].first + k];

		buf_printf(&b, "%s=%s|%lld %s,", profile_text(p, l->key), profile_text(p, l->text),
			   (long long)l->number, profile_text(p, l->unit));
	}
	buf_puts(&b, "} ");
	for (uint32_t node = s->stack; node; node = p->nodes.at[node].parent) {
		const struct profile_frame *f = &p->frames.at[p->nodes.at[node].frame];
		const struct profile_object *o = &p->objects.at[f->object];

		buf_printf(&b, "<%u %u:%s:%s:%u+%llx %u", f->kind, o->kind, profile_text(p, o->path),
			   profile_text(p, o->build_id), o->pid, (unsigned long long)f->offset,
			   f->unnamed);
		for (uint32_t k = 0; k < f->n_lines; k++) {
			const struct profile_line *l = &p->lines.at[f->first_line + k];

			buf_printf(&b, " %s|%s|%s:%u", profile_text(p, l->function),
				   profile_text(p, l->system), profile_text(p, l->file), l->line);
		}
		buf_puts(&b, ">");
	}
	buf_putc(&b, 0);
	return (char *)buf_take(&b, &n);
}

static int words_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **all_words(const struct profile *p)
{
	char **all = calloc(p->samples.n + 1, sizeof(*all));

	for (size_t i = 0; i < p->samples.n; i++)
		all[i] = sample_words(p, i);
	qsort(all, p->samples.n, sizeof(*all), words_order);
	return all;
}

static void assert_same(const struct profile *a, const struct profile *b)
{
	char **wa = all_words(a), **wb = all_words(b);

	assert_int_equal(a->samples.n, b->samples.n);
	for (size_t i = 0; i < a->samples.n; i++) {
		assert_string_equal(wa[i], wb[i]);
		free(wa[i]);
		free(wb[i]);
	}
	free(wa);
	free(wb);
	assert_int_equal(a->value_types.n, b->value_types.n);
	for (uint32_t i = 0; i < a->value_types.n; i++)
		assert_int_equal(profile_total(a, i), profile_total(b, i));
	assert_int_equal(a->default_value, b->default_value);
	assert_memory_equal(a->ledger.n, b->ledger.n, sizeof(a->ledger.n));
	assert_int_equal(a->ledger.cuts.n, b->ledger.cuts.n);
	assert_int_equal(a->ledger.unnamed.n, b->ledger.unnamed.n);
	assert_int_equal(a->meta.start_wall, b->meta.start_wall);
	assert_int_equal(a->meta.duration, b->meta.duration);
	assert_int_equal(a->meta.period, b->meta.period);
	assert_int_equal(a->meta.frequency, b->meta.frequency);
	assert_int_equal(a->meta.n_cpus, b->meta.n_cpus);
	assert_int_equal(a->meta.child_status, b->meta.child_status);
	assert_string_equal(profile_text(a, a->meta.command), profile_text(b, b->meta.command));
	assert_string_equal(profile_text(a, a->meta.period_type.unit),
			    profile_text(b, b->meta.period_type.unit));
}

static void test_round_trip_is_whole(void **state)
{
	struct profile *p = example(), *back;
	size_t n;
	uint8_t *data = write_pprof(p, &n);

	back = read_pprof(data, n);
	assert_same(p, back);
	profile_free(p);
	profile_free(back);
	free(data);
}

static void test_round_trip_with_period_and_two_values(void **state)
{
	struct profile *p = profile_new("contentions", "count"), *back;
	struct profile_sample s = { .time = PROFILE_NO_TIME };
	int64_t v[2] = { 3, -4000000000000 };
	uint8_t *data;
	size_t n;

	profile_value_type(p, "delay", "nanoseconds");
	p->default_value = 0;
	p->meta.period = 17;
	p->meta.period_type.type = profile_str(p, "contentions");
	p->meta.period_type.unit = profile_str(p, "count");
	s.stack = profile_push(p, 0, profile_frame_text(p, "lock", FRAME_USER));
	profile_sample(p, &s, v);
	data = write_pprof(p, &n);
	back = read_pprof(data, n);
	assert_int_equal(back->value_types.n, 2);
	assert_int_equal(profile_total(back, 1), v[1]);
	assert_int_equal(back->default_value, 0);
	assert_int_equal(back->meta.period, 17);
	assert_int_equal(back->samples.at[0].task, 0);
	profile_free(p);
	profile_free(back);
	free(data);
}

static void test_equal_samples_add_up(void **state)
{
	struct profile *p = profile_new("samples", "count"), *back;
	struct profile_sample s = { .task = 0 };
	int64_t one = 1;
	uint8_t *data;
	size_t n;

	s.stack = profile_push(p, 0, profile_frame_text(p, "spin", FRAME_USER));
	for (s.time = 0; s.time < 1000; s.time++)
		profile_sample(p, &s, &one);
	data = write_pprof(p, &n);
	assert_true(n < 2000);
	back = read_pprof(data, n);
	assert_int_equal(back->samples.n, 1);
	assert_int_equal(profile_total(back, 0), 1000);
	assert_int_equal(back->samples.at[0].time, PROFILE_NO_TIME);
	profile_free(p);
	profile_free(back);
	free(data);
}

/* A message by hand, as a stranger would write it: unpacked, in another order, a real range. */
static void test_strangers_profile(void **state)
{
	static const uint8_t data[] =
		"\x32\x00" "\x32\x07" "samples" "\x32\x05" "count" "\x32\x04" "/bin" "\x32\x01" "f"
		"\x32\x02" "_f" "\x32\x03" "tid"
		"\x22\x0b" "\x08\x09\x10\x05\x18\x90\x20\x22\x02\x08\x07" /* location 9 at 0x1010 */
		"\x12\x0c" "\x08\x09" "\x10\x05" "\x1a\x06" "\x08\x06\x18\xe7\x07\x20" /* cut label */
		"\x0a\x04" "\x08\x01\x10\x02";
	static const uint8_t good[] =
		"\x32\x00" "\x32\x07" "samples" "\x32\x05" "count" "\x32\x04" "/bin" "\x32\x01" "f"
		"\x32\x02" "_f" "\x32\x03" "tid"
		"\x22\x0b" "\x08\x09\x10\x05\x18\x90\x20\x22\x02\x08\x07"
		"\x12\x0b" "\x08\x09" "\x10\x05" "\x1a\x05" "\x08\x06\x18\xe7\x07"
		"\x2a\x06" "\x08\x07\x10\x04\x18\x05"
		"\x1a\x0c" "\x08\x05\x10\x80\x20\x18\x80\x40\x20\x10\x28\x03"
		"\x0a\x04" "\x08\x01\x10\x02";
	struct profile *p = read_pprof(good, sizeof(good) - 1);
	const struct profile_frame *f;

	assert_int_equal(p->ledger.n[LEDGER_LOST_DAMAGE], 0);
	assert_int_equal(profile_total(p, 0), 5);
	assert_int_equal(p->ledger.n[LEDGER_TAKEN], 5);
	f = &p->frames.at[p->nodes.at[p->samples.at[0].stack].frame];
	assert_int_equal(f->offset, 0x1010 - 0x1000 + 0x10);
	assert_string_equal(profile_text(p, p->lines.at[f->first_line].function), "f");
	assert_string_equal(profile_text(p, p->lines.at[f->first_line].system), "_f");
	assert_int_equal(p->tasks.at[p->samples.at[0].task].tid, 999);
	profile_free(p);
	p = read_pprof(data, sizeof(data) - 1); /* no mapping, no function, a broken sample */
	assert_true(p->ledger.n[LEDGER_LOST_DAMAGE] >= 2);
	assert_int_equal(p->samples.n, 0);
	profile_free(p);
}

static void fails(const void *data, size_t len)
{
	struct profile *p = NULL;
	struct err e = { 0 };

	assert_int_equal(format_by_name("pprof")->read(data, len, &p, &e), -EBADMSG);
	assert_null(p);
	assert_true(strlen(e.text) > 10);
}

static void test_what_is_no_profile(void **state)
{
	fails("", 0);
	fails("\x0a\x02\x08\x01", 4);
	fails("\x32\x00", 2);
	fails("\x32\x01x\x0a\x00", 5);
	fails("\x1f\x8b\x08garbage", 10);
	fails("\x32\x00\x32\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 12);
}

static void test_every_cut_and_every_flip_is_survived(void **state)
{
	struct profile *p = example();
	struct buf plain = { 0 };
	bool cut = false;
	size_t n;
	uint8_t *data = write_pprof(p, &n);

	assert_int_equal(input_unpack(data, n, 0, &plain, &cut, NULL), 0);
	for (size_t i = 0; i < plain.len; i++) {
		struct profile *got = NULL;

		if (!format_by_name("pprof")->read(plain.data, i, &got, NULL))
			profile_free(got);
		plain.data[i] ^= (uint8_t)(1 << i % 8);
		got = NULL;
		if (!format_by_name("pprof")->read(plain.data, plain.len, &got, NULL))
			profile_free(got);
		plain.data[i] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t i = 0; i < n; i++) {
		struct profile *got = NULL;

		if (!format_by_name("pprof")->read(data, i, &got, NULL)) {
			assert_true(got->ledger.n[LEDGER_LOST_DAMAGE] > 0);
			profile_free(got);
		}
	}
	buf_free(&plain);
	profile_free(p);
	free(data);
}

static void test_probe(void **state)
{
	const struct format *f = format_by_name("pprof");
	struct profile *p = example();
	struct buf plain = { 0 };
	bool cut = false;
	size_t n;
	uint8_t *data = write_pprof(p, &n);
	const char *text = "\n\nbash;main 3\n";

	assert_int_equal(f->probe(data, n), 1);
	input_unpack(data, n, 0, &plain, &cut, NULL);
	assert_int_equal(f->probe(plain.data, plain.len < 4096 ? plain.len : 4096), 2);
	assert_int_equal(f->probe((const uint8_t *)text, strlen(text)), 0);
	assert_int_equal(f->probe((const uint8_t *)"\x7f" "ELF\2\1\1", 7), 0);
	buf_free(&plain);
	profile_free(p);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_is_whole),
		cmocka_unit_test(test_round_trip_with_period_and_two_values),
		cmocka_unit_test(test_equal_samples_add_up),
		cmocka_unit_test(test_strangers_profile),
		cmocka_unit_test(test_what_is_no_profile),
		cmocka_unit_test(test_every_cut_and_every_flip_is_survived),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
