/* svg_test.c - the SVG writer: well-formed whatever the names are, widths that add up, culling that
 * is counted; and the small writers it is made of. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "format/format.h"
#include "format/palette.h"
#include "format/pen.h"

extern const struct format format_svg;

/* -- a checker for the XML that is written here: elements, attributes, references, CDATA ----------
 */

struct xml {
	const char *at, *end, *wrong;
	char open[16][32];
	int depth;
};

static void xml_fail(struct xml *x, const char *why)
{
	if (!x->wrong)
		x->wrong = why;
	x->at = x->end;
}

static size_t xml_name(struct xml *x, char *to, size_t size)
{
	size_t n = 0;

	while (x->at < x->end &&
	       (strchr("-_:.", *x->at)
			? *x->at != 0
			: (*x->at >= 'a' && *x->at <= 'z') || (*x->at >= 'A' && *x->at <= 'Z') ||
				  (*x->at >= '0' && *x->at <= '9'))) {
		if (n + 1 < size)
			to[n++] = *x->at;
		x->at++;
	}
	to[n] = 0;
	return n;
}

static void xml_reference(struct xml *x)
{
	static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;"};

	for (size_t i = 0; i < 4; i++)
		if (!strncmp(x->at, known[i], strlen(known[i])))
			return;
	xml_fail(x, "unknown reference");
}

/* Character data up to `stop`; every character must be one that XML allows. */
static void xml_text(struct xml *x, char stop)
{
	while (x->at < x->end && *x->at != stop) {
		size_t n =
			*x->at == '\n' || *x->at == '\t'
				? 1
				: pen_utf8_char((const uint8_t *)x->at, (size_t)(x->end - x->at));

		if (*x->at == '&')
			xml_reference(x);
		else if (*x->at == '<')
			xml_fail(x, "bare '<'");
		if (!n)
			xml_fail(x, "character not allowed in XML");
		x->at += x->at < x->end ? n : 0;
	}
}

static void xml_tag(struct xml *x)
{
	char name[32], attribute[32];

	if (!xml_name(x, name, sizeof(name)))
		return xml_fail(x, "element without a name");
	while (x->at < x->end && *x->at != '>' && *x->at != '/') {
		x->at += strspn(x->at, " \n\t");
		if (!xml_name(x, attribute, sizeof(attribute)) || strncmp(x->at, "=\"", 2))
			return xml_fail(x, "bad attribute");
		x->at += 2;
		xml_text(x, '"');
		x->at++;
	}
	if (*x->at == '/')
		x->at += 2;
	else if (x->depth < 16) {
		strcpy(x->open[x->depth++], name);
		x->at++;
	}
}

static void xml_markup(struct xml *x)
{
	char name[32];
	const char *close;

	if (!strncmp(x->at, "<![CDATA[", 9) || !strncmp(x->at, "<?xml ", 6)) {
		close = strstr(x->at, x->at[1] == '?' ? "?>" : "]]>");
		if (!close)
			return xml_fail(x, "no end of section");
		x->at = close + (x->at[1] == '?' ? 2 : 3);
	} else if (x->at[1] == '/') {
		x->at += 2;
		xml_name(x, name, sizeof(name));
		if (!x->depth || strcmp(x->open[--x->depth], name) || *x->at != '>')
			return xml_fail(x, "elements overlap");
		x->at++;
	} else {
		x->at++;
		xml_tag(x);
	}
}

static const char *xml_check(const char *text, size_t len)
{
	struct xml x = {.at = text, .end = text + len};

	while (x.at < x.end && !x.wrong) {
		xml_text(&x, '<');
		if (x.at < x.end)
			xml_markup(&x);
	}
	return x.wrong ? x.wrong : x.depth ? "elements left open" : NULL;
}

/* -- profiles ------------------------------------------------------------------------------------
 */

static void add(struct profile *p, const char *stack, int64_t value)
{
	char copy[4096], *save = NULL;
	struct profile_sample s = {.time = PROFILE_NO_TIME};

	snprintf(copy, sizeof(copy), "%s", stack);
	for (char *f = strtok_r(copy, ";", &save); f; f = strtok_r(NULL, ";", &save))
		s.stack = profile_push(p, s.stack, profile_frame_text(p, f, FRAME_USER));
	assert_int_equal(profile_sample(p, &s, &value), 0);
}

/* The document as a string; free() it. */
static char *draw(const struct profile *p, void (*change)(struct format_opts *o))
{
	struct format_opts o;
	struct err e = { 0 };
	struct out to;
	size_t len;

	format_opts_default(&o);
	o.tree.root = ROOT_NOTHING;
	if (change)
		change(&o);
	out_mem(&to);
	assert_int_equal(format_svg.write(p, &o, &to, &e), 0);
	out_putc(&to, 0);
	assert_int_equal(to.err, 0);
	return (char *)buf_take(&to.pending, &len);
}

struct drawn {
	int64_t start, total;
	double x, y, width;
};

/* Reads the frames back; returns how many. */
static size_t frames_of(const char *svg, struct drawn *to, size_t max)
{
	size_t n = 0;

	for (const char *at = svg; n < max && (at = strstr(at, "\" v=\"")); n++) {
		const char *rect = strstr(at, "<rect x=");

		assert_int_equal(
			sscanf(at, "\" v=\"%" SCNd64 " %" SCNd64, &to[n].start, &to[n].total), 2);
		assert_int_equal(sscanf(rect, "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\"", &to[n].x,
					&to[n].y, &to[n].width),
				 3);
		at = rect;
	}
	return n;
}

/* A frame whose style class has no rule would be drawn in black. */
static void colours_are_there(const char *svg)
{
	char rule[16];

	for (const char *at = svg; (at = strstr(at, "<g class=\"")); at++) {
		if (!strstr(at, "\" v=\"") || at[12] != '"')
			continue;
		snprintf(rule, sizeof(rule), ".%.2s{fill:#", at + 10);
		assert_non_null(strstr(svg, rule));
	}
}

static void svg_widths_add_up(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct drawn f[64];
	double level = 0;
	size_t n;
	char *svg;

	add(p, "main;a;b", 333);
	add(p, "main;a;c", 1);
	add(p, "main;a", 66);
	add(p, "main;z", 7);
	add(p, "idle", 593);
	svg = draw(p, NULL);
	assert_null(xml_check(svg, strlen(svg)));
	colours_are_there(svg);
	n = frames_of(svg, f, 64);
	assert_int_equal(n, 7);
	assert_int_equal(f[0].total, profile_total(p, 0));
	for (size_t i = 0; i < n; i++) {
		double exact = (double)f[i].total / 1000 * 1168;

		assert_true(f[i].x >= 16 && f[i].x + f[i].width <= 1200 - 16 + 0.02);
		assert_true(exact - f[i].width <= 0.51 && f[i].width - exact <= 0.01);
		level += f[i].y == f[0].y - 18 ? f[i].width + 0.5 : 0;
	}
	assert_true(level > 1167.9 && level < 1168.1);
	free(svg);
	profile_free(p);
}

static void svg_hostile_names(void **state)
{
	static const char *const names[] = {"<script>",
					    "a&b\"c'd",
					    "]]>",
					    "\xff\xfe",
					    "\x01\x1b[0m",
					    "\xc3(",
					    "\xed\xa0\x80",
					    "\xef\xbf\xbe",
					    "\xf4\x90\x80\x80",
					    "\xe2\x82",
					    "ok \xf0\x9f\x90\x9d",
					    "\x7f"};
	struct profile *p = profile_new("<&>", "count");
	char *svg;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		add(p, names[i], 10);
	profile_frame_text(p, "", FRAME_USER);
	p->meta.command = profile_str(p, "rm -rf \"<&>\" \xff");
	svg = draw(p, NULL);
	assert_null(xml_check(svg, strlen(svg)));
	assert_non_null(strstr(svg, "<title>a&amp;b&quot;c'd\n"));
	assert_non_null(strstr(svg, "<title>\xef\xbf\xbd(\n"));
	assert_non_null(strstr(svg, "\xf0\x9f\x90\x9d"));
	assert_null(strstr(svg, "<script>\n10"));
	free(svg);
	profile_free(p);
}

static void svg_counts_what_it_culls(void **state)
{
	struct profile *p = profile_new("samples", "count");
	char stack[64], *svg;
	struct drawn f[64];

	add(p, "main;hot", 1000000);
	for (int i = 0; i < 500; i++) { /* 1 of 1,000,500 over 1168 px is far below 0.1 px */
		snprintf(stack, sizeof(stack), "main;cold_%d;below", i);
		add(p, stack, 1);
	}
	svg = draw(p, NULL);
	assert_null(xml_check(svg, strlen(svg)));
	assert_int_equal(frames_of(svg, f, 64), 3);
	assert_non_null(
		strstr(svg, ">1,000 frames narrower than 0.1 px not drawn: 0.05 % of samples<"));
	free(svg);
	profile_free(p);
}

static void ask_for_all(struct format_opts *o)
{
	o->min_share = 0;
	o->width = 3000;
	o->title = "a title <of> one's own";
}

static void svg_options(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct drawn f[64];
	char *svg;

	add(p, "main;hot", 1000000);
	add(p, "main;cold", 1);
	svg = draw(p, ask_for_all);
	assert_null(xml_check(svg, strlen(svg)));
	assert_int_equal(frames_of(svg, f, 64), 4);
	assert_non_null(strstr(svg, "viewBox=\"0 0 3000 "));
	assert_non_null(strstr(svg, "<title>a title &lt;of&gt; one's own</title>"));
	assert_null(strstr(svg, "not drawn"));
	free(svg);
	profile_free(p);
}

static void svg_extremes(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct drawn f[8];
	char *svg = draw(p, NULL);

	assert_null(xml_check(svg, strlen(svg)));
	assert_int_equal(frames_of(svg, f, 8), 1);
	free(svg);
	add(p, "a;b", INT64_MAX / 2);
	add(p, "a;c", -5);
	svg = draw(p, NULL);
	assert_null(xml_check(svg, strlen(svg)));
	assert_int_equal(frames_of(svg, f, 8),
			 3); /* a negative box cannot be drawn, and is counted */
	assert_non_null(strstr(svg, ">1 frame narrower"));
	free(svg);
	profile_free(p);
}

/* A stack as deep as foreign input can be: nothing may recurse. */
static void svg_deep(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_sample s = {.time = PROFILE_NO_TIME};
	int64_t one = 1;
	char *svg;

	for (int i = 0; i < 50000; i++)
		s.stack = profile_push(p, s.stack,
				       profile_frame_text(p, i % 2 ? "odd" : "even", FRAME_USER));
	assert_int_equal(profile_sample(p, &s, &one), 0);
	svg = draw(p, NULL);
	assert_null(xml_check(svg, strlen(svg)));
	free(svg);
	profile_free(p);
}

/* -- the pen and the palette ---------------------------------------------------------------------
 */

static void pen_says(void (*write)(struct pen *p), const char *want)
{
	struct out to;
	struct pen *pen = calloc(1, sizeof(*pen));

	out_mem(&to);
	pen->to = &to;
	write(pen);
	pen_putc(pen, 0);
	pen_flush(pen);
	assert_string_equal((char *)to.pending.data, want);
	out_abort(&to);
	free(pen);
}

static void pen_numbers(struct pen *p)
{
	static const int64_t v[] = { 0, 7, -7, 1000, 1234567, INT64_MIN, INT64_MAX};

	for (size_t i = 0; i < 7; i++) {
		pen_int(p, v[i]);
		pen_putc(p, ' ');
		pen_count(p, v[i]);
		pen_putc(p, ' ');
	}
}

static void pen_parts(struct pen *p)
{
	static const int64_t v[] = { 0, 5, 50, 100, 1234, 1230, -1205};

	for (size_t i = 0; i < 7; i++) {
		pen_hundredths(p, v[i]);
		pen_putc(p, ' ');
	}
}

static void pen_texts(struct pen *p)
{
	pen_xml(p, "abcdef", 6, 6);
	pen_putc(p, ' ');
	pen_xml(p, "abcdef", 6, 5);
	pen_putc(p, ' ');
	pen_xml(p, "\xc3\xbc\xc3\xbc\xc3\xbc", 6, 3);
	pen_putc(p, ' ');
	pen_xml(p, "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc", 8, 3);
	pen_putc(p, ' ');
	pen_xml(p, "<\xff&", 3, 9);
}

static void pen_writes(void **state)
{
	pen_says(pen_numbers,
		 "0 0 7 7 -7 -7 1000 1,000 1234567 1,234,567 -9223372036854775808 "
		 "-9,223,372,036,854,775,808 9223372036854775807 9,223,372,036,854,775,807 ");
	pen_says(pen_parts, "0 0.05 0.5 1 12.34 12.3 -12.05 ");
	pen_says(pen_texts,
		 "abcdef abcd\xe2\x80\xa6 \xc3\xbc\xc3\xbc\xc3\xbc \xc3\xbc\xc3\xbc\xe2\x80\xa6 "
		 "&lt;\xef\xbf\xbd&amp;");
}

/* Text on the frames is dark in both themes: every tint must leave it a contrast of 4.5 (WCAG 2.1).
 */
static void palette_is_readable(void **state)
{
	for (uint8_t k = 0; k < PALETTE_KINDS; k++) {
		for (uint32_t t = 0; t < 2 * PALETTE_TINTS; t++) {
			uint32_t rgb = palette_rgb(k, t / 2, t % 2);
			double c[3], l;

			for (int i = 0; i < 3; i++) {
				double v = (rgb >> (16 - 8 * i) & 255) / 255.0;

				c[i] = v <= 0.03928 ? v / 12.92
						    : __builtin_pow((v + 0.055) / 1.055, 2.4);
			}
			l = 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
			assert_true((l + 0.05) / (0.0106 + 0.05) >= 4.5);
		}
	}
	assert_int_equal(palette_tint("main", 4), palette_tint("main", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(svg_widths_add_up),
		cmocka_unit_test(svg_hostile_names),
		cmocka_unit_test(svg_counts_what_it_culls),
		cmocka_unit_test(svg_options),
		cmocka_unit_test(svg_extremes),
		cmocka_unit_test(svg_deep),
		cmocka_unit_test(pen_writes),
		cmocka_unit_test(palette_is_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
