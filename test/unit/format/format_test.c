/* format_test.c - the table, files with their compression layers, JSON pieces, words for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "format/format.h"

static char dir[] = "/tmp/format_test.XXXXXX";
static char path[256];

static const char *file_with(const char *name, const void *data, size_t len)
{
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	return path;
}

static size_t gzip(const void *in, size_t len, uint8_t *to, size_t size)
{
	z_stream z = { .next_in = (Bytef *)in, .avail_in = (uInt)len, .next_out = to,
		       .avail_out = (uInt)size };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return size - z.avail_out;
}

static void test_table(void **state)
{
	for (size_t i = 0; format_all()[i]; i++) {
		const struct format *f = format_all()[i];
		char name[64];

		assert_ptr_equal(format_by_name(f->name), f);
		assert_true(f->write || f->read);
		assert_true(strlen(f->help) > 10 && strlen(f->help) < 90);
		assert_true(!f->read == !f->probe);
		for (size_t k = 0; k < 5 && f->exts[k]; k++) {
			snprintf(name, sizeof(name), "dir.x/a%s", f->exts[k]);
			assert_ptr_equal(format_by_path(name), f);
		}
	}
	assert_null(format_by_name("nonsense"));
	assert_null(format_by_path("folded"));
	assert_null(format_by_path("x.nonsense"));
	assert_ptr_equal(format_by_path("A.FOLDED"), format_by_name("folded"));
}

static void reads(const char *name, const void *data, size_t len, int64_t total)
{
	struct profile *p = NULL;
	struct err e = { 0 };

	if (format_read_file(file_with(name, data, len), 0, &p, &e))
		fail_msg("%s", e.text);
	assert_int_equal(profile_total(p, 0), total);
	profile_free(p);
}

static void test_layers(void **state)
{
	const char text[] = "a;b 3\na;c 4\n";
	uint8_t once[512], twice[512];
	size_t n, m;

	reads("plain", text, sizeof(text) - 1, 7);
	n = gzip(text, sizeof(text) - 1, once, sizeof(once));
	reads("x.gz", once, n, 7);
	memcpy(once + n, once, n); /* two members, as `cat a.gz b.gz` makes */
	reads("two.gz", once, 2 * n, 14);
	memset(once + n, 0, 100); /* padding, as tapes and tar make */
	reads("pad.gz", once, n + 100, 7);
	m = ZSTD_compress(twice, sizeof(twice), once, n, 3);
	reads("x.gz.zst", twice, m, 7);
}

static void fails(const char *p, uint64_t max, int want, const char *sentence)
{
	struct profile *got = NULL;
	struct err e = { 0 };

	assert_int_equal(format_read_file(p, max, &got, &e), want);
	assert_null(got);
	if (!strstr(e.text, sentence))
		fail_msg("'%s' is not in '%s'", sentence, e.text);
	assert_non_null(strstr(e.text, p));
}

static void test_sentences(void **state)
{
	uint8_t packed[512];
	size_t n = gzip("a;b 3\n", 6, packed, sizeof(packed));

	fails("/nonexistent/x.folded", 0, -ENOENT, "No such file");
	fails(dir, 0, -EISDIR, "directory");
	fails(file_with("empty", "", 0), 0, -ENODATA, "empty");
	fails(file_with("what", "\x7f" "ELF garbage", 12), 0, -EPROTONOSUPPORT, "no format");
	fails(file_with("big.folded", "a;b 3\na;b 3\n", 12), 6, -EFBIG, "larger");
	fails(file_with("cut.gz", packed, 10), 0, -EBADMSG, "damaged");
	assert_true(n > 10);
}

static void test_bomb_is_bounded(void **state)
{
	size_t size = 200 << 20;
	uint8_t *zeros = calloc(1, size), *packed = malloc(1 << 20);
	size_t n;

	assert_non_null(zeros);
	assert_non_null(packed);
	n = gzip(zeros, size, packed, 1 << 20);
	fails(file_with("bomb.gz", packed, n), 0, -EFBIG, "expands");
	n = ZSTD_compress(packed, 1 << 20, zeros, size, 1);
	fails(file_with("bomb.zst", packed, n), 0, -EFBIG, "expands");
	free(zeros);
	free(packed);
}

static void test_broken_off_gzip_is_used_and_said(void **state)
{
	struct profile *p = NULL;
	struct err e = { 0 };
	struct buf text = { 0 };
	uint8_t *packed = malloc(1 << 20);
	size_t n;

	for (int i = 0; i < 20000; i++)
		buf_printf(&text, "comm;f%d;g%d %d\n", i * 7919 % 1000, i * 104729 % 9973, i % 10 + 1);
	n = gzip(text.data, text.len, packed, 1 << 20);
	assert_int_equal(format_read_file(file_with("cut.gz", packed, n / 2), 0, &p, &e), 0);
	assert_true(profile_total(p, 0) > 1000);
	assert_int_equal(p->ledger.n[LEDGER_LOST_DAMAGE], 1);
	profile_free(p);
	buf_free(&text);
	free(packed);
}

static void test_write_is_atomic_and_says_why(void **state)
{
	struct profile *p = profile_new("samples", "count"), *back = NULL;
	struct err e = { 0 };
	char name[300];

	snprintf(name, sizeof(name), "%s/x.nonsense", dir);
	assert_int_equal(format_write_file(p, NULL, name, NULL, &e), -EINVAL);
	assert_non_null(strstr(e.text, ".folded"));
	assert_int_equal(access(name, F_OK), -1);
	assert_int_equal(format_write_file(p, NULL, "/nonexistent/x.folded", NULL, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent/x.folded"));
	snprintf(name, sizeof(name), "%s/x.folded", dir);
	assert_int_equal(format_write_file(p, NULL, name, NULL, &e), 0);
	assert_int_equal(format_read_file(name, 0, &back, &e), -ENODATA);
	profile_free(p);
}

static char *json_of(const char *s, size_t len)
{
	struct out to;
	size_t n;

	out_mem(&to);
	format_json_string(&to, s, len);
	out_putc(&to, 0);
	return (char *)buf_take(&to.pending, &n);
}

static void test_json_strings(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "plain", "\"plain\"" },
		{ "q\"b\\n\n\x01\x7f", "\"q\\\"b\\\\n\\n\\u0001\\u007f\"" },
		{ "</script>", "\"\\u003c/script>\"" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x9d", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x9d\"" },
		{ "\xff", "\"\xef\xbf\xbd\"" },
		{ "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },             /* overlong */
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" }, /* surrogate */
		{ "x\xe2\x82", "\"x\xef\xbf\xbd\xef\xbf\xbd\"" },           /* cut off */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *got = json_of(cases[i].in, strlen(cases[i].in));
		json_error_t je;
		json_t *v = json_loads(got, JSON_DECODE_ANY, &je);

		assert_string_equal(got, cases[i].want);
		assert_non_null(v);
		json_decref(v);
		free(got);
	}
}

static json_t *json_parse(void (*write)(struct out *, const struct profile *),
			  const struct profile *p)
{
	struct out to;
	json_error_t je;
	json_t *v;

	out_mem(&to);
	write(&to, p);
	v = json_loadb((const char *)to.pending.data, to.pending.len, 0, &je);
	if (!v)
		fail_msg("%s in %.*s", je.text, (int)to.pending.len, to.pending.data);
	out_abort(&to);
	return v;
}

static void test_ledger_and_meta_json(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_object o = { .kind = OBJECT_FILE, .path = profile_str(p, "/bin/\xff") };
	uint32_t object = profile_object(p, &o);
	json_t *v;

	p->ledger.n[LEDGER_EXPECTED] = 100;
	p->ledger.n[LEDGER_LOST_RING] = 4;
	p->ledger.n[LEDGER_STACKS_USER] = 4;
	p->ledger.n[LEDGER_STACKS_WHOLE] = 3;
	ledger_cut(&p->ledger, ledger_end_of_key("gap"), object, 1);
	ledger_unnamed(&p->ledger, UNNAMED_STRIPPED, object, 5);
	v = json_parse(format_ledger_json, p);
	for (size_t i = 0; i < LEDGER_MAX; i++)
		assert_int_equal(json_integer_value(json_object_get(v, ledger_rows()[i].key)),
				 p->ledger.n[i]);
	assert_int_equal(json_integer_value(json_object_get(v, "lost")), 4);
	assert_true(json_real_value(json_object_get(v, "whole_share")) == 0.75);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(v, "cuts"), 0), "reason")),
			    "gap");
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(json_object_get(v, "unnamed"), 0), "frames")),
			 5);
	json_decref(v);
	p->meta.start_wall = UINT64_C(1700000000123456789);
	v = json_parse(format_meta_json, p);
	assert_string_equal(json_string_value(json_object_get(v, "start")),
			    "2023-11-14T22:13:20.123456789Z");
	json_decref(v);
	profile_free(p);
}

static void test_values(void **state)
{
	static const struct {
		int64_t v;
		const char *unit, *want;
	} cases[] = {
		{ 12345678, "count", "12,345,678" },
		{ -1234, "count", "-1,234" },
		{ 999, "calls", "999 calls" },
		{ 1500000000, "nanoseconds", "1.50 s" },
		{ 0, "nanoseconds", "0 s" },
		{ 1536, "bytes", "1.5 KiB" },
		{ 12, "bytes", "12 B" },
		{ INT64_MIN, "count", "-9,223,372,036,854,775,808" },
	};
	char text[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(format_value(cases[i].v, cases[i].unit, text, sizeof(text)),
				    cases[i].want);
	assert_string_equal(format_value(12345678, "count", text, 4), "12,");
}

static void test_words(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_sample s = { 0 };
	int64_t values[] = { 12000, 3 };
	struct buf b = { 0 };

	for (int i = 0; i < 2; i++)
		assert_int_equal(profile_sample(p, &s, &values[i]), 0);
	format_ledger_line(&b, p);
	buf_putc(&b, 0);
	assert_string_equal((char *)b.data, "12,003 samples"); /* losses nobody counted */
	buf_reset(&b);
	p->ledger.n[LEDGER_TAKEN] = 2;
	p->ledger.n[LEDGER_LOST_DAMAGED] = 5;
	format_ledger_line(&b, p);
	buf_putc(&b, 0);
	assert_string_equal((char *)b.data, "12,003 samples, 5 lost");
	buf_reset(&b);
	p->ledger.n[LEDGER_LOST_DAMAGED] = 0;
	p->ledger.n[LEDGER_EXPECTED] = 1;
	format_ledger_line(&b, p);
	buf_putc(&b, 0);
	assert_string_equal((char *)b.data, "12,003 samples, 0 lost");
	buf_reset(&b);
	p->ledger.n[LEDGER_STACKS_USER] = 100000;
	p->ledger.n[LEDGER_STACKS_WHOLE] = 99999;
	format_ledger_line(&b, p);
	buf_putc(&b, 0);
	assert_string_equal((char *)b.data, "12,003 samples, 0 lost, 99.9 % of user stacks whole");
	buf_reset(&b);
	p->meta.source = profile_str(p, "cpu");
	p->meta.command = profile_str(p, "redis-server");
	p->meta.host = profile_str(p, "db7");
	p->meta.duration = 10000000000;
	format_title(&b, p);
	buf_putc(&b, 0);
	assert_string_equal((char *)b.data, "cpu profile of redis-server on db7, 10.00 s");
	buf_free(&b);
	profile_free(p);
}

static int clean(void **state)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_bomb_is_bounded),
		cmocka_unit_test(test_broken_off_gzip_is_used_and_said),
		cmocka_unit_test(test_write_is_atomic_and_says_why),
		cmocka_unit_test(test_json_strings),
		cmocka_unit_test(test_ledger_and_meta_json),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_words),
	};

	if (!mkdtemp(dir))
		return 1;
	return cmocka_run_group_tests(tests, NULL, clean);
}
