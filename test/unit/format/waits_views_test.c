/* waits_views_test.c - profiles of waits as pictures and reports: lines that fit whatever the width, colours
 * by class with a legend, microseconds in folded stacks that lose no stack to rounding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/buf.h"
#include "format/format.h"
#include "format/palette.h"
#include "profile/classframes.h"
#include "unit/profile/waits_example.h"

static char *written(const char *format, const struct profile *p, uint32_t width, bool utf8, uint32_t value)
{
	struct format_opts o;
	struct out to;
	struct err e = { 0 };
	size_t n;

	format_opts_default(&o);
	o.width = width;
	o.utf8 = utf8;
	o.tree.value = value;
	out_mem(&to);
	if (format_by_name(format)->write(p, &o, &to, &e))
		fail_msg("%s", e.text);
	out_putc(&to, 0);
	assert_int_equal(to.err, 0);
	return (char *)buf_take(&to.pending, &n);
}

/* In characters, not in bytes. */
static void lines_fit(char *text, uint32_t width)
{
	uint32_t columns = 0;

	for (char *c = text; *c; c++) {
		if (*c == '\n')
			columns = 0;
		else if (((uint8_t)*c & 0xc0) != 0x80)
			columns++;
		if (columns > width)
			fail_msg("line wider than %u at: %.100s", width, c - 40 > text ? c - 40 : text);
		assert_false(c[0] == ' ' && c[1] == '\n');
	}
}

static void reports_fit(void **state)
{
	static const struct waits_row more[] = {
		{ "std::vector<std::pair<int, long>>::a_name_that_is_longer_than_any_terminal_is_wide_and_then_some::"
		  "operator();schedule_[k]",
		  900, 901, "a long name", "a longer name", WAIT_KERNEL_LOCK, "0xffffffffffffffff", 3600000, 123456,
		  9000000, 9000000, 0 },
		{ "kthread_[k];worker_thread_[k];schedule_[k]", 0, 77, "kworker/0:1", "", WAIT_KERNEL_IDLE, "", 50, 3,
		  20000, 20000, 0 },
		{ "", 0, 78, "bare", "", WAIT_OTHER, "", 50, 1, 50000, 50000, 0 },
	};
	struct profile *p[2] = { waits_example_off(), waits_example_wall() };

	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
			assert_int_equal(waits_add(p[k], &more[i]), 0);
		for (uint32_t width = 40; width < 200; width += 3) {
			char *got = written("text", p[k], width, width % 2, UINT32_MAX);

			lines_fit(got, width);
			assert_non_null(strstr(got, "kernel-lock"));
			free(got);
		}
		profile_free(p[k]);
	}
}

/* Names that could drive the terminal do not, wherever they stand. */
static void reports_are_safe(void **state)
{
	static const struct waits_row row = { "ma\033[31min;\001f;[woken by \033[2Jx];we\033k", 1, 1, "c\033m", "p\033s",
					      WAIT_LOCK, "0x\0331", 10, 2, 9, 9, 0 };
	struct profile *p = waits_profile(WAITS_TYPE_OFF, &row, 1);
	char *got = written("text", p, 80, true, UINT32_MAX);

	assert_null(strchr(got, '\033'));
	assert_null(strchr(got, '\001'));
	assert_non_null(strstr(got, "we?k"));
	free(got);
	profile_free(p);
}

static void rounding_loses_no_stack(void **state)
{
	static const int64_t ns[] = { 1, 499, 500, 1499, 1500, 2500000 };
	static const char want[] = "s0 1\ns1 1\ns2 1\ns3 1\ns4 2\ns5 2500\n";
	struct profile *p = profile_new(WAITS_TYPE_OFF, "nanoseconds");
	char *got, name[8];

	for (uint32_t i = 0; i < 6; i++) {
		struct profile_sample s = { .time = 0 };

		snprintf(name, sizeof(name), "s%u", i);
		s.stack = profile_push(p, 0, profile_frame_text(p, name, FRAME_USER));
		assert_int_equal(profile_sample(p, &s, &ns[i]), 0);
	}
	got = written("folded", p, 0, false, UINT32_MAX);
	assert_string_equal(got, want);
	free(got);
	profile_free(p);
	p = profile_new("cpu", "nanoseconds"); /* not a wait: as it is */
	assert_int_equal(profile_sample(p, &(struct profile_sample){ .time = 0 }, &ns[5]), 0);
	got = written("folded", p, 0, false, UINT32_MAX);
	assert_string_equal(got, "[no stack] 2500000\n");
	free(got);
	profile_free(p);
}

/* The class of the group's colour, in the picture and in its legend. */
static void colour_of(const char *svg, const char *frame, const char *key, uint8_t kind)
{
	enum wait_class class = waits_class_of_frame(frame);
	struct palette_pick pick = palette_of_class(class);
	char want[128];

	assert_int_equal(pick.kind, kind);
	snprintf(want, sizeof(want), "<g class=\"%c%u\" ", palette_kind(pick.kind)->key, pick.tint);
	for (const char *at = strstr(svg, want); at; at = strstr(at + 1, want)) {
		const char *title = strstr(at, "<title>");

		if (!strncmp(title + 7, frame, strlen(frame))) {
			snprintf(want, sizeof(want), ">%s</text>", key);
			assert_non_null(strstr(svg, want));
			return;
		}
	}
	fail_msg("no %s in '%s'", want, frame);
}

static void pictures_are_coloured_by_class(void **state)
{
	struct profile *p = waits_example_wall();
	char *svg = written("svg", p, 0, false, UINT32_MAX);

	colour_of(svg, "[blocked: lock]", "lock", PALETTE_BLOCKED);
	colour_of(svg, "[blocked: disk]", "disk", PALETTE_BLOCKED);
	colour_of(svg, "[blocked: poll]", "poll", PALETTE_IDLE);
	colour_of(svg, "[preempted]", "preempted", PALETTE_READY);
	colour_of(svg, "[run queue]", "run-queue", PALETTE_READY);
	assert_null(strstr(svg, ">network</text>"));
	assert_null(strstr(svg, ">Off-CPU</text>"));
	free(svg);
	profile_free(p);
	p = waits_example_off(); /* marks of wakers are no class */
	assert_int_equal(profile_class_frames(p), 0);
	svg = written("svg", p, 600, false, UINT32_MAX);
	assert_non_null(strstr(svg, ">Off-CPU</text>"));
	colour_of(svg, "[blocked: lock]", "lock", PALETTE_BLOCKED);
	free(svg);
	profile_free(p);
}

/* Classes of a group can be told apart. */
static void classes_have_colours(void **state)
{
	for (int a = WAIT_ON_CPU + 1; a < WAIT_CLASS_MAX; a++) {
		struct palette_pick x = palette_of_class((enum wait_class)a);

		for (int b = a + 1; b < WAIT_CLASS_MAX; b++) {
			struct palette_pick y = palette_of_class((enum wait_class)b);

			for (int dark = 0; dark < 2; dark++)
				assert_int_not_equal(palette_rgb(x.kind, x.tint, dark),
						     palette_rgb(y.kind, y.tint, dark));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_fit),
		cmocka_unit_test(reports_are_safe),
		cmocka_unit_test(rounding_loses_no_stack),
		cmocka_unit_test(pictures_are_coloured_by_class),
		cmocka_unit_test(classes_have_colours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
