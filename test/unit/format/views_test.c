/* views_test.c - json, speedscope and text as they look: golden output of one small profile that has
 * every kind of frame, several tasks, times, cuts and unnamed frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "format/format.h"

static uint32_t task_a, task_b, object;

static void add(struct profile *p, uint64_t time, uint32_t task, int64_t value, const uint32_t *frames,
		size_t n)
{
	struct profile_sample s = { .time = time, .task = task };

	s.stack = profile_stack(p, frames, n);
	assert_int_equal(profile_sample(p, &s, &value), 0);
}

static struct profile *example(void)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_object o = { .kind = OBJECT_FILE, .path = profile_str(p, "/usr/bin/redis-server") };
	uint32_t start, main_, find, kernel, unnamed, cut;
	struct profile_line inlined[2] = { { profile_str(p, "sds_eq"), profile_str(p, "sds.h"), 5, 0 },
					   { profile_str(p, "dictFind"), profile_str(p, "dict.c"), 9, 0 } };

	object = profile_object(p, &o);
	task_a = profile_task(p, 10, 10, "redis-server", "redis-server");
	task_b = profile_task(p, 10, 12, "bio_lazy", "redis-server");
	start = profile_frame_text(p, "_start", FRAME_USER);
	main_ = profile_frame_named(p, object, 0x10, FRAME_USER,
				    &(struct profile_line){ profile_str(p, "main") }, 1);
	find = profile_frame_named(p, object, 0x20, FRAME_USER, inlined, 2);
	kernel = profile_frame_text(p, "vfs \"read\"\n", FRAME_KERNEL);
	unnamed = profile_frame_at(p, object, 0x30, FRAME_USER);
	profile_frame_set_unnamed(p, unnamed, UNNAMED_STRIPPED);
	cut = profile_frame_cut(p, ledger_end_of_key("gap"), object);
	add(p, 30, task_a, 1, (uint32_t[]){ main_, start }, 2);
	add(p, 10, task_a, 6, (uint32_t[]){ find, main_, start }, 3);
	add(p, 20, task_b, 2, (uint32_t[]){ kernel, main_, start }, 3);
	add(p, 40, task_b, 1, (uint32_t[]){ unnamed, cut }, 2);
	p->meta.source = profile_str(p, "cpu");
	p->meta.command = profile_str(p, "redis");
	p->meta.duration = 2000000000;
	p->meta.frequency = 99;
	p->meta.n_cpus = 2;
	p->ledger.n[LEDGER_EXPECTED] = 400;
	p->ledger.n[LEDGER_IDLE] = 385;
	p->ledger.n[LEDGER_TAKEN] = 10;
	p->ledger.n[LEDGER_LOST_RING] = 5;
	p->ledger.n[LEDGER_STACKS_USER] = 10;
	p->ledger.n[LEDGER_STACKS_WHOLE] = 9;
	p->ledger.n[LEDGER_OWN_CPU] = 4000000;
	p->ledger.n[LEDGER_OWN_RSS] = 30 << 20;
	ledger_cut(&p->ledger, ledger_end_of_key("gap"), object, 1);
	assert_int_equal(profile_count_unnamed(p), 0);
	assert_false(p->oom);
	return p;
}

static char *written(const char *format, const struct profile *p, uint32_t width, bool utf8)
{
	struct format_opts o;
	struct out to;
	struct err e = { 0 };
	size_t n;

	format_opts_default(&o);
	o.width = width;
	o.utf8 = utf8;
	out_mem(&to);
	if (format_by_name(format)->write(p, &o, &to, &e))
		fail_msg("%s", e.text);
	out_putc(&to, 0);
	assert_int_equal(to.err, 0);
	return (char *)buf_take(&to.pending, &n);
}

static void test_text(void **state)
{
	static const char want[] =
		"cpu profile of redis, 2.00 s\n"
		"10 samples at 99 Hz on 2 CPUs\n"
		"\n"
		"  self  total  function\n"
		" 60.0%  60.0%  ######     sds_eq                                    redis-server\n"
		" 20.0%  20.0%  ##         vfs \"read\"?\n"
		" 10.0%  90.0%  #--------  main                                      redis-server\n"
		" 10.0%  10.0%  #          [redis-server]                            redis-server\n"
		"\n"
		"Hottest path\n"
		" 90.0%  _start > main\n"
		" 60.0%   dictFind > sds_eq\n"
		"\n"
		"Threads\n"
		" 70.0%  ##############       redis-server (10)\n"
		" 30.0%  ######               bio_lazy (12)\n"
		"\n"
		"Ledger\n"
		"10 samples taken of 400 timer ticks expected: 385 fell on an idle processor; 5\n"
		"  lost:\n"
		"         5  the ring buffer to user space was full\n"
		"90.0% of user stacks reach the bottom; cut short:\n"
		"         1  no function is described at this address and the frame pointer is\n"
		"            unusable: redis-server\n"
		"1 of 5 distinct frames have no name:\n"
		"         1  the file has no symbol at this address (stripped; install its debug\n"
		"            symbols): redis-server\n"
		"'waggle doctor /usr/bin/redis-server' tells what is missing.\n"
		"waggle itself: 4.0 ms CPU (0.10% of the machine), 30.0 MiB memory.\n";
	struct profile *p = example();
	char *got = written("text", p, 80, false);

	assert_string_equal(got, want);
	free(got);
	profile_free(p);
}

/* No line is wider than asked, however long names are; counted in characters. */
static void test_text_fits(void **state)
{
	struct profile *p = example();
	char name[400];

	memset(name, 'x', sizeof(name));
	memcpy(name, "std::vector<std::pair<int, ", 27);
	name[300] = name[301] = '>';
	name[302] = 0;
	add(p, 50, task_a, 100,
	    (uint32_t[]){ profile_frame_text(p, name, FRAME_USER),
			  profile_frame_text(p, name + 1, FRAME_JIT) }, 2);
	for (uint32_t width = 40; width < 200; width += 7) {
		char *got = written("text", p, width, true);
		uint32_t columns = 0;

		for (char *c = got; *c; c++) {
			if (*c == '\n')
				columns = 0;
			else if (((uint8_t)*c & 0xc0) != 0x80)
				columns++;
			if (columns > width && *c != ' ')
				fail_msg("line wider than %u: %.100s", width, c);
		}
		assert_non_null(strstr(got, "std::vector<\xe2\x80\xa6>"));
		free(got);
	}
	profile_free(p);
}

static void test_text_is_safe_on_a_terminal(void **state)
{
	struct profile *p = profile_new("samples", "count");
	char *got;

	add(p, 0, 0, 1, (uint32_t[]){ profile_frame_text(p, "a\033[2Jb\xc2\x9b" "31mc\xff", FRAME_USER) },
	    1);
	p->meta.command = profile_str(p, "\033]0;x\a");
	got = written("text", p, 80, false);
	assert_null(strchr(got, '\033'));
	assert_null(strstr(got, "\xc2\x9b"));
	assert_null(strchr(got, '\a'));
	assert_non_null(strstr(got, "a?[2Jb??31mc\xef\xbf\xbd"));
	free(got);
	profile_free(p);
}

static void test_text_of_nothing(void **state)
{
	struct profile *p = profile_new("samples", "count");
	char *got = written("text", p, 80, false);

	assert_non_null(strstr(got, "no sample"));
	assert_null(strstr(got, "nothing lost")); /* nobody counted */
	free(got);
	p->ledger.n[LEDGER_EXPECTED] = p->ledger.n[LEDGER_TICKS] = p->ledger.n[LEDGER_IDLE] = 100;
	got = written("text", p, 80, false);
	assert_non_null(strstr(got, "nothing lost"));
	free(got);
	profile_free(p);
}

static void test_json(void **state)
{
	static const char want[] =
		"[{\"name\":\"bio_lazy\",\"value\":3,\"kind\":\"task\",\"children\":["
		"{\"name\":\"[cut: gap]\",\"value\":1,\"kind\":\"cut\",\"object\":\"/usr/bin/redis-server\",\"children\":["
		"{\"name\":\"[redis-server]\",\"value\":1,\"kind\":\"user\",\"object\":\"/usr/bin/redis-server\"}]},"
		"{\"name\":\"_start\",\"value\":2,\"kind\":\"user\",\"children\":["
		"{\"name\":\"main\",\"value\":2,\"kind\":\"user\",\"object\":\"/usr/bin/redis-server\",\"children\":["
		"{\"name\":\"vfs \\\"read\\\"\\n\",\"value\":2,\"kind\":\"kernel\"}]}]}]},"
		"{\"name\":\"redis-server\",\"value\":7,\"kind\":\"task\",\"children\":["
		"{\"name\":\"_start\",\"value\":7,\"kind\":\"user\",\"children\":["
		"{\"name\":\"main\",\"value\":7,\"kind\":\"user\",\"object\":\"/usr/bin/redis-server\",\"children\":["
		"{\"name\":\"dictFind\",\"value\":6,\"kind\":\"user\",\"object\":\"/usr/bin/redis-server\",\"children\":["
		"{\"name\":\"sds_eq\",\"value\":6,\"kind\":\"inlined\",\"object\":\"/usr/bin/redis-server\"}]}]}]}]}]}\n";
	struct profile *p = example();
	char *got = written("json", p, 0, false), *children = strstr(got, "\"children\":[");
	json_error_t e;
	json_t *v = json_loads(got, 0, &e);

	if (!v)
		fail_msg("%s", e.text);
	assert_int_equal(json_integer_value(json_object_get(v, "value")), 10);
	assert_string_equal(json_string_value(json_object_get(v, "value_type")), "samples");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(v, "ledger"), "lost")),
			 ledger_lost(&p->ledger));
	assert_non_null(children);
	assert_string_equal(children + strlen("\"children\":"), want);
	json_decref(v);
	free(got);
	profile_free(p);
}

static void test_json_of_a_deep_stack(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_sample s = { 0 };
	int64_t one = 1;
	char *got;

	for (int i = 0; i < 200000; i++)
		s.stack = profile_push(p, s.stack, profile_frame_text(p, i % 2 ? "a" : "b", FRAME_USER));
	profile_sample(p, &s, &one);
	got = written("json", p, 0, false);
	assert_true(strlen(got) > 200000 * 30);
	free(got);
	profile_free(p);
}

static void test_speedscope(void **state)
{
	static const char want[] =
		"\"profiles\":[{\"type\":\"sampled\",\"name\":\"everything\",\"unit\":\"none\",\"startValue\":0,"
		"\"samples\":[[8,0,1,3,2],[9,0,1,4],[8,0,1],[9,6,5]],\n"
		"\"weights\":[6,2,1,1],\"endValue\":10},\n"
		"{\"type\":\"sampled\",\"name\":\"redis-server (10)\",\"unit\":\"none\",\"startValue\":0,"
		"\"samples\":[[0,1,3,2],[0,1]],\n\"weights\":[6,1],\"endValue\":7},\n"
		"{\"type\":\"sampled\",\"name\":\"redis-server (10) / bio_lazy (12)\",\"unit\":\"none\","
		"\"startValue\":0,\"samples\":[[0,1,4],[6,5]],\n\"weights\":[2,1],\"endValue\":3}]}\n";
	struct profile *p = example();
	char *got = written("speedscope", p, 0, false), *profiles = strstr(got, "\"profiles\":");
	json_error_t e;
	json_t *v = json_loads(got, 0, &e), *frames;

	if (!v)
		fail_msg("%s", e.text);
	frames = json_object_get(json_object_get(v, "shared"), "frames");
	assert_string_equal(json_string_value(json_object_get(json_array_get(frames, 2), "name")), "sds_eq");
	assert_string_equal(json_string_value(json_object_get(json_array_get(frames, 2), "file")), "sds.h");
	assert_non_null(json_object_get(json_object_get(v, "waggle"), "ledger"));
	assert_non_null(profiles);
	assert_string_equal(profiles, want);
	json_decref(v);
	free(got);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_fits),
		cmocka_unit_test(test_text_is_safe_on_a_terminal),
		cmocka_unit_test(test_text_of_nothing),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_of_a_deep_stack),
		cmocka_unit_test(test_speedscope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
