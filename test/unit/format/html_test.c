/* html_test.c - the page: its data read back from the file and compared with the profile, byte by
 * byte as the viewer would; and that names cannot break out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>
#include <zlib.h>

#include "base/cursor.h"
#include "format/format.h"

extern const struct format format_html;

enum { COLUMNS_MOST = 24, ROWS_MOST = 4096 };

struct page {
	char *text; /* the whole file */
	uint8_t *blob;
	size_t blob_len;
	json_t *head;
	uint64_t column[COLUMNS_MOST][ROWS_MOST];
};

static uint8_t *base64_decode(const char *s, size_t *len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t *to = malloc(strlen(s));
	uint32_t bits = 0, n = 0;

	*len = 0;
	for (const char *d; *s && (d = strchr(digits, *s)); s++) {
		bits = bits << 6 | (uint32_t)(d - digits);
		n += 6;
		if (n >= 8) {
			n -= 8;
			to[(*len)++] = (uint8_t)(bits >> n);
		}
	}
	return to;
}

static uint64_t count_of(const struct page *g, const char *what)
{
	return (uint64_t)json_integer_value(
		json_object_get(json_object_get(g->head, "counts"), what));
}

/* Columns 0-5 frames, 6-7 nodes, 8-11 tasks, 12-14 rows, 15.. values. */
static void page_columns(struct page *g, struct cursor *c)
{
	static const struct {
		const char *what;
		int n;
	} parts[] = {{"frames", 6}, {"nodes", 2}, {"tasks", 4}, {"rows", 3}};
	json_t *values = json_object_get(g->head, "values");
	size_t k = 0;

	for (size_t i = 0; i < 4; i++)
		for (int part = 0; part < parts[i].n; part++, k++)
			for (uint64_t r = 0; r < count_of(g, parts[i].what); r++)
				g->column[k][r] = cursor_uleb(c);
	for (size_t i = 0; i < json_array_size(values); i++) {
		if (json_object_get(json_array_get(values, i), "scale"))
			continue;
		for (uint64_t r = 0; r < count_of(g, "rows"); r++)
			g->column[15 + i][r] = cursor_uleb(c);
	}
	assert_false(c->bad);
	assert_ptr_equal(c->p, c->end);
}

static struct page *page_of(const struct profile *p, enum calltree_root root)
{
	struct page *g = calloc(1, sizeof(*g));
	struct format_opts o;
	struct err e = { 0 };
	struct out to;
	uint8_t *packed;
	uLongf room = 1 << 22;
	size_t len;
	char *at;
	struct cursor c;

	format_opts_default(&o);
	o.tree.root = root;
	out_mem(&to);
	assert_int_equal(format_html.write(p, &o, &to, &e), 0);
	out_putc(&to, 0);
	g->text = (char *)buf_take(&to.pending, &len);
	at = strstr(g->text, "id=\"waggle-data\">");
	assert_non_null(at);
	packed = base64_decode(at + strlen("id=\"waggle-data\">"), &len);
	g->blob = malloc(room);
	assert_int_equal(uncompress(g->blob, &room, packed, len), Z_OK);
	free(packed);
	g->blob_len = room;
	c = cursor_of(g->blob, g->blob_len);
	len = cursor_uleb(&c);
	g->head = json_loadb((const char *)c.p, len, 0, NULL);
	assert_non_null(g->head);
	c.p += len;
	page_columns(g, &c);
	return g;
}

static void page_free(struct page *g)
{
	json_decref(g->head);
	free(g->text);
	free(g->blob);
	free(g);
}

static int64_t signed_of(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static const char *string_of(const struct page *g, uint64_t i)
{
	return json_string_value(json_array_get(json_object_get(g->head, "strings"), i));
}

/* The name of a node, and its parent by walking the pops. */
static const char *node_name(const struct page *g, uint64_t node)
{
	return string_of(g, g->column[0][g->column[7][node]]);
}

static void node_parents(const struct page *g, uint64_t *parent)
{
	parent[0] = 0;
	for (uint64_t i = 1; i < count_of(g, "nodes"); i++) {
		parent[i] = i - 1;
		for (uint64_t k = g->column[6][i]; k; k--)
			parent[i] = parent[parent[i]];
	}
}

static uint32_t add(struct profile *p, uint64_t time, uint32_t task, const char *stack, int64_t a,
		    int64_t b)
{
	struct profile_sample s = {.time = time, .task = task};
	char copy[1024], *save = NULL;
	int64_t values[2] = {a, b};

	snprintf(copy, sizeof(copy), "%s", stack);
	for (char *f = strtok_r(copy, ";", &save); f; f = strtok_r(NULL, ";", &save))
		s.stack = profile_push(p, s.stack, profile_frame_text(p, f, FRAME_USER));
	assert_int_equal(profile_sample(p, &s, values), 0);
	return s.stack;
}

static void html_holds_the_tree(void **state)
{
	static const char *const names[] = {"all", "main", "a", "b", "c", "z"};
	static const uint64_t parents[] = { 0, 0, 1, 2, 2, 1};
	struct profile *p = profile_new("samples", "count");
	uint64_t parent[8];
	struct page *g;

	add(p, PROFILE_NO_TIME, 0, "main;z", 1, 0);
	add(p, PROFILE_NO_TIME, 0, "main;a;c", 2, 0);
	add(p, PROFILE_NO_TIME, 0, "main;a;b", 4, 0);
	g = page_of(p, ROOT_NOTHING);
	assert_int_equal(count_of(g, "nodes"), 6);
	node_parents(g, parent);
	for (uint64_t i = 0; i < 6; i++) {
		assert_string_equal(node_name(g, i), names[i]);
		assert_int_equal(parent[i], parents[i]);
	}
	assert_int_equal(count_of(g, "rows"), 3);
	assert_int_equal(signed_of(g->column[15][0]), 4); /* by node: b, c, z */
	assert_int_equal(signed_of(g->column[15][1]), 2);
	assert_int_equal(signed_of(g->column[15][2]), 1);
	page_free(g);
	profile_free(p);
}

static void html_sums_by_bucket_and_task(void **state)
{
	struct profile *p = profile_new("samples", "count");
	uint32_t one = profile_task(p, 1, 1, "one", "one"),
		 two = profile_task(p, 1, 2, "two", "one");
	struct page *g;
	uint64_t bucket = 0;
	static const int64_t want[][4] = {/* bucket, task, node, value */
					  {0, 1, 1, 5},
					  {0, 2, 1, 4},
					  {3, 1, 1, 8},
					  {1000, 1, 1, 16}};

	p->meta.duration = UINT64_C(1000000000);
	add(p, 100, one, "main", 2, 0);
	add(p, 999999, one, "main", 3, 0);
	add(p, 5, two, "main", 4, 0);
	add(p, 3000000, one, "main", 8, 0);
	add(p, PROFILE_NO_TIME, one, "main", 16, 0);
	g = page_of(p, ROOT_NOTHING);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(g->head, "buckets"), "n")),
		1000);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(g->head, "buckets"), "width")),
		1000000);
	assert_int_equal(count_of(g, "rows"), 4);
	for (size_t i = 0; i < 4; i++) {
		bucket += g->column[12][i];
		assert_int_equal(bucket, want[i][0]);
		assert_int_equal(g->column[13][i], want[i][1]);
		assert_int_equal(g->column[14][i], want[i][2]);
		assert_int_equal(signed_of(g->column[15][i]), want[i][3]);
	}
	page_free(g);
	profile_free(p);
}

/* A time axis of any length becomes at most 30000 buckets of a round width. */
static void html_chooses_buckets(void **state)
{
	static const uint64_t spans[][2] = {{1, 1000000},
					    {2000000000, 1000000},
					    {UINT64_C(30000000000), 1000000},
					    {UINT64_C(30000000001), 2000000},
					    {UINT64_C(75000000000), 5000000},
					    {UINT64_C(3600000000000), UINT64_C(200000000)},
					    {UINT64_MAX - 1, UINT64_C(1000000000000000)}};

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		struct profile *p = profile_new("samples", "count");
		json_t *buckets;
		struct page *g;

		add(p, spans[i][0] - 1, 0, "main", 1, 0);
		g = page_of(p, ROOT_NOTHING);
		buckets = json_object_get(g->head, "buckets");
		assert_int_equal(json_integer_value(json_object_get(buckets, "width")),
				 spans[i][1]);
		assert_int_equal(json_integer_value(json_object_get(buckets, "n")),
				 (spans[i][0] - 1) / spans[i][1] + 1);
		assert_true(json_integer_value(json_object_get(buckets, "n")) <= 30000);
		page_free(g);
		profile_free(p);
	}
}

static void html_values_by_scale_or_in_full(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct page *g;
	json_t *second;

	profile_value_type(p, "cpu", "nanoseconds");
	add(p, 0, 0, "main;a", 3, 3000);
	add(p, 0, 0, "main;b", 2, 2000);
	g = page_of(p, ROOT_NOTHING);
	second = json_array_get(json_object_get(g->head, "values"), 1);
	assert_int_equal(json_integer_value(json_object_get(second, "scale")), 1000);
	page_free(g);
	add(p, 0, 0, "main;c", 0,
	    -7); /* no first value: not a constant any more, and the node is there */
	g = page_of(p, ROOT_NOTHING);
	second = json_array_get(json_object_get(g->head, "values"), 1);
	assert_null(json_object_get(second, "scale"));
	assert_int_equal(count_of(g, "nodes"), 5);
	assert_int_equal(signed_of(g->column[16][0]), 3000);
	assert_int_equal(signed_of(g->column[16][2]), -7);
	page_free(g);
	profile_free(p);
}

static void html_tells_file_and_lines(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_object o = {.kind = OBJECT_FILE, .path = profile_str(p, "/bin/x")};
	uint32_t object = profile_object(p, &o), file = profile_str(p, "x.c"), stack = 0;
	struct profile_sample s = {.time = PROFILE_NO_TIME};
	int64_t one = 1;
	struct page *g;

	for (uint32_t i = 0; i < 3; i++) {
		struct profile_line line = {profile_str(p, "work"), file, 40 - i * 10, 0};

		stack = profile_push(p, 0,
				     profile_frame_named(p, object, 64 + i, FRAME_USER, &line, 1));
		s.stack = stack;
		assert_int_equal(profile_sample(p, &s, &one), 0);
	}
	g = page_of(p, ROOT_NOTHING);
	assert_int_equal(count_of(g, "frames"), 2);
	assert_string_equal(string_of(g, g->column[0][1]), "work");
	assert_string_equal(string_of(g, g->column[2][1]), "/bin/x");
	assert_string_equal(string_of(g, g->column[3][1]), "x.c");
	assert_int_equal(g->column[4][1], 20);
	assert_int_equal(g->column[5][1], 40);
	page_free(g);
	profile_free(p);
}

static size_t count_text(const char *in, const char *what)
{
	size_t n = 0;

	for (; (in = strstr(in, what)); in += strlen(what))
		n++;
	return n;
}

static void html_is_closed_and_alone(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct page *g;

	add(p, 0, profile_task(p, 1, 1, "</script>", "<!--"),
	    "</script><img src=http://x>;\xff\xfe", 1, 0);
	p->meta.command = profile_str(p, "</title><script>alert(1)</script>");
	g = page_of(p, ROOT_COMM);
	assert_int_equal(count_text(g->text, "</script>"), 3); /* preview, scripts, data */
	assert_int_equal(count_text(g->text, "</title>"), 1);
	assert_int_equal(count_text(g->text, "waggle:"), 0); /* every mark was replaced */
	assert_int_equal(count_text(g->text, "http://"), 0);
	assert_int_equal(count_text(g->text, "https://"), 0);
	assert_non_null(strstr(g->text, "default-src 'none'"));
	assert_string_equal(node_name(g, 1), "</script>");
	assert_string_equal(node_name(g, 3), "\xef\xbf\xbd\xef\xbf\xbd");
	page_free(g);
	profile_free(p);
}

/* What is ours is all ASCII: a browser decodes that several times faster. */
static void html_is_ascii(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct page *g = page_of(p, ROOT_COMM);
	size_t odd = 0;

	(void)state;
	for (const char *s = g->text; *s; s++)
		odd += (unsigned char)*s > 126;
	assert_int_equal(odd, 0);
	assert_non_null(strstr(g->text, "content: \"\\25be \""));
	assert_non_null(strstr(g->text, "\\u2026"));
	page_free(g);
	profile_free(p);
}

static void html_of_nothing(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct page *g = page_of(p, ROOT_NOTHING);

	assert_int_equal(count_of(g, "nodes"), 1);
	assert_int_equal(count_of(g, "rows"), 0);
	page_free(g);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_holds_the_tree),
		cmocka_unit_test(html_sums_by_bucket_and_task),
		cmocka_unit_test(html_chooses_buckets),
		cmocka_unit_test(html_values_by_scale_or_in_full),
		cmocka_unit_test(html_tells_file_and_lines),
		cmocka_unit_test(html_is_closed_and_alone),
		cmocka_unit_test(html_is_ascii),
		cmocka_unit_test(html_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
