/* recording_reader_test.c - doc/recording.md is true: examples/read_recording.py was written from
 * it and shares no code with waggle, so what it says about a recording is held against the profile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#include "unit/format/recording_cases.h"

#define READER "examples/read_recording.py"

extern const struct format format_waggle;

static void text_frame(struct buf *b, const struct profile *p, uint32_t frame)
{
	const struct profile_frame *f = &p->frames.at[frame];

	buf_printf(b, " %u:%s+%llx", f->kind, profile_text(p, p->objects.at[f->object].path),
		   (unsigned long long)f->offset);
	for (uint32_t i = 0; i < f->n_lines; i++) {
		const struct profile_line *l = &p->lines.at[f->first_line + i];

		buf_printf(b, ",%s,%s,%u,%s", profile_text(p, l->function),
			   profile_text(p, l->file), l->line, profile_text(p, l->system));
	}
}

static void text_stack(struct buf *b, const struct profile *p, uint32_t node)
{
	if (!node)
		return;
	text_stack(b, p, p->nodes.at[node].parent);
	text_frame(b, p, p->nodes.at[node].frame);
}

/* The same line that the reader's --samples prints. */
static void text_sample(struct buf *b, const struct profile *p, size_t i)
{
	const struct profile_sample *s = &p->samples.at[i];
	const struct profile_task *t = &p->tasks.at[s->task];
	struct profile_label_set set = p->label_sets.at[s->labels];

	buf_printf(b, "%llu %u %u/%u %s %s", (unsigned long long)s->time, s->cpu, t->pid, t->tid,
		   profile_text(p, t->comm), profile_text(p, t->process));
	for (size_t v = 0; v < p->value_types.n; v++)
		buf_printf(b, " %lld", (long long)profile_values(p, i)[v]);
	for (uint32_t k = 0; k < set.n; k++) {
		const struct profile_label *l = &p->labels.at[set.first + k];

		buf_printf(b, " %s=%s%lld%s", profile_text(p, l->key), profile_text(p, l->text),
			   (long long)l->number, profile_text(p, l->unit));
	}
	text_stack(b, p, s->stack);
	buf_putc(b, '\n');
}

static void compare(const struct profile *p, const char *path)
{
	struct buf want = { 0 }, got = { 0 };
	char command[256];
	FILE *pipe;
	size_t n;

	for (size_t i = 0; i < p->samples.n; i++)
		text_sample(&want, p, i);
	snprintf(command, sizeof(command), "python3 " READER " %s --samples", path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	do {
		n = fread(buf_reserve(&got, 65536), 1, 65536, pipe);
		got.len += n;
	} while (n);
	assert_int_equal(pclose(pipe), 0);
	assert_true(p->samples.n > 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
	buf_free(&want);
	buf_free(&got);
}

static void test_independent_reader(void **state)
{
	char path[] = "/tmp/waggle-recording-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct case_random r = { .state = seed, .plain = true };
		struct profile *p = profile_new("samples", "count");
		struct recording *rec;
		struct out to;

		profile_value_type(p, "number", "");
		assert_int_equal(out_open(&to, path, NULL), 0);
		rec = recording_new(p, &to);
		for (uint64_t i = 0; i < seed * 1000; i++) {
			case_step(p, &r);
			if (!case_below(&r, 200))
				assert_int_equal(recording_flush(rec), 0);
		}
		assert_int_equal(recording_finish(rec), 0);
		recording_free(rec);
		assert_int_equal(out_commit(&to, NULL), 0);
		compare(p, path);
		profile_free(p);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_independent_reader) };

	if (access(READER, R_OK) ||
	    system("python3 --version >/dev/null && zstd --version >/dev/null")) {
		fprintf(stderr, "run from the top of the tree, with python3 and zstd installed\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
