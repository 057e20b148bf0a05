/* tui_test.c - every view of the terminal drawn into a grid, without a terminal: what is on the
 * screen, what keys and the mouse do to it, at any size, with and without colours and UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "format/format.h"
#include "ui/tui/grid.h"
#include "ui/tui/list.h"
#include "ui/tui/paper.h"
#include "ui/tui/tui.h"
#include "ui/tui/view.h"
#include "unit/profile/waits_example.h"

#define SECOND UINT64_C(1000000000)

struct stage {
	struct live *live;
	struct tui *tui;
	struct grid grid;
	struct buf text;
	uint64_t now;
};

static void put(struct profile *p, const char *stack, uint32_t pid, uint32_t tid, uint64_t time,
		int64_t n)
{
	struct profile_sample s = { .time = time,
				    .task = profile_task(p, pid, tid, pid == 7 ? "cook" : "eater",
							 pid == 7 ? "kitchen" : "guest") };

	s.stack = waits_stack(p, stack);
	assert_int_equal(profile_sample(p, &s, &n), 0);
}

/* 100 samples over four seconds: 60 in stir, 20 in chop, 20 in eat. */
static struct profile *meal(void)
{
	struct profile *p = profile_new("samples", "count");

	p->meta.duration = 4 * SECOND;
	put(p, "main;cook;stir", 7, 7, 0, 30);
	put(p, "main;cook;stir;sys_stir_[k]", 7, 8, SECOND + 500000000, 30);
	put(p, "main;cook;chop", 7, 7, 2 * SECOND, 20);
	put(p, "main;eat", 9, 9, 3 * SECOND, 20);
	p->ledger.n[LEDGER_TAKEN] = 100;
	p->ledger.n[LEDGER_EXPECTED] = 103;
	p->ledger.n[LEDGER_LOST_RING] = 3;
	return p;
}

static struct stage stage_of(struct profile *p, int width, int height)
{
	struct stage s = { .now = SECOND, .grid = { .utf8 = true } };
	struct live_opts lo = { .whole = true };
	struct tui_opts o = { .title = "waggle top test", .child = -1 };

	assert_int_equal(live_new(&lo, &s.live), 0);
	assert_int_equal(live_fill(s.live, p), 0);
	profile_free(p);
	o.live = s.live;
	assert_int_equal(tui_new(&o, &s.tui, NULL), 0);
	assert_int_equal(grid_resize(&s.grid, width, height), 0);
	tui_draw(s.tui, &s.grid, s.now); /* keys are about what is on the screen */
	return s;
}

static void strike(struct stage *s)
{
	tui_free(s->tui);
	live_free(s->live);
	grid_done(&s->grid);
	buf_free(&s->text);
}

static const char *screen(struct stage *s)
{
	s->now += SECOND;
	tui_refresh(s->tui, s->now);
	tui_draw(s->tui, &s->grid, s->now);
	buf_reset(&s->text);
	grid_text(&s->grid, &s->text);
	buf_u8(&s->text, 0);
	return (const char *)s->text.data;
}

static void keys(struct stage *s, const char *text)
{
	for (; *text; text++)
		tui_key(s->tui, *text, s->now);
}

static void assert_shows(struct stage *s, const char *text)
{
	if (!strstr(screen(s), text))
		fail_msg("'%s' is not on the screen:\n%s", text, (const char *)s->text.data);
}

static void assert_hides(struct stage *s, const char *text)
{
	if (strstr(screen(s), text))
		fail_msg("'%s' is on the screen:\n%s", text, (const char *)s->text.data);
}

/* What the line says that has `text` in it. */
static const char *line_of(struct stage *s, const char *text)
{
	static char line[1024];
	const char *at = strstr(screen(s), text), *begin = at;

	if (!at)
		fail_msg("'%s' is not on the screen:\n%s", text, (const char *)s->text.data);
	while (begin > (const char *)s->text.data && begin[-1] != '\n')
		begin--;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(begin, "\n"), begin);
	return line;
}

static void test_frame(void **state)
{
	struct stage s = stage_of(meal(), 80, 24);

	assert_shows(&s, "waggle top test");
	assert_shows(&s, "ended 4.00 s  100 taken  3 lost");
	assert_shows(&s, "Flame  Top  Processes  Heat  Waits  Ledger  Output");
	assert_shows(&s, "everything");
	keys(&s, "?");
	assert_shows(&s, "Keys of the view: Flame");
	keys(&s, "j");
	assert_hides(&s, "Keys of the view");
	assert_false(tui_is_over(s.tui));
	keys(&s, "q");
	assert_true(tui_is_over(s.tui));
	strike(&s);
}

static void test_flame(void **state)
{
	struct stage s = stage_of(meal(), 100, 24);
	const struct view *const *views = NULL;
	char *copied;
	int n;

	assert_shows(&s, "all  100.0 %  100");
	assert_shows(&s, "kitchen (7)");
	keys(&s, "jjjj"); /* kitchen, main, cook, stir: always the largest */
	assert_shows(&s, "stir  60.0 %  60 (self 30)");
	keys(&s, "h");
	assert_shows(&s, "chop  20.0 %  20 (self 20)");
	keys(&s, "lk");
	assert_shows(&s, "cook  80.0 %");
	keys(&s, "\n");
	assert_hides(&s, "guest (9)");
	keys(&s, "y");
	copied = tui_take_copy(s.tui);
	assert_string_equal(copied, "kitchen (7);main;cook");
	free(copied);
	assert_null(tui_take_copy(s.tui));
	tui_key(s.tui, TUI_ESC, s.now);
	assert_shows(&s, "guest (9)");
	tui_mouse(s.tui, 1, 2 + 2, MOUSE_PRESS, s.now);
	assert_shows(&s, "main  20.0 %"); /* the guest's: in the order of names it comes first */
	tui_mouse(s.tui, 1, 2 + 2, MOUSE_PRESS, s.now);
	assert_hides(&s, "kitchen (7)");
	keys(&s, "r");
	assert_shows(&s, "kitchen (7)");
	views = view_all(&n);
	assert_true(n >= 7 && views[0]->key == 'F');
	strike(&s);
}

static void test_search(void **state)
{
	struct stage s = stage_of(meal(), 100, 24);

	screen(&s);
	keys(&s, "/st.r$\n");
	assert_shows(&s, "stir  60.0 %");
	assert_shows(&s, "/st.r$");
	assert_shows(&s, "found in 60.0 %"); /* a stack with two matches counts once */
	keys(&s, "n");
	assert_shows(&s, "sys_stir  30.0 %");
	keys(&s, "n");
	assert_shows(&s, "stir  60.0 %");
	keys(&s, "N");
	assert_shows(&s, "sys_stir  30.0 %");
	keys(&s, "/[\n");
	assert_shows(&s, "missing terminating ]");
	keys(&s, "/nobody\n");
	assert_shows(&s, "not found: nobody");
	keys(&s, "gjjj#");
	assert_shows(&s, "/cook");
	tui_key(s.tui, TUI_ESC, s.now);
	assert_hides(&s, "/cook");
	keys(&s, "/abc");
	tui_key(s.tui, TUI_BACKSPACE, s.now);
	assert_shows(&s, "/ab_");
	tui_key(s.tui, TUI_ESC, s.now);
	assert_hides(&s, "/ab");
	strike(&s);
}

static void test_top(void **state)
{
	struct stage s = stage_of(meal(), 100, 24);
	const char *text;

	keys(&s, "t");
	text = screen(&s);
	assert_non_null(strstr(text, " 30.0 %  60.0 %"));
	assert_true(strstr(text, "  stir\n") < strstr(text, "  main\n")); /* by their own time */
	keys(&s, "2g");
	text = screen(&s);
	assert_true(strstr(text, "  main\n") < strstr(text, "  stir\n"));
	assert_string_not_equal(line_of(&s, "100.0 %"), "");
	keys(&s, "/^cook$\n\n"); /* the second opens it */
	assert_shows(&s, "▲ main");
	assert_shows(&s, "▼ stir");
	assert_non_null(strstr(line_of(&s, "▲ main"), "80.0 %"));
	assert_non_null(strstr(line_of(&s, "▼ chop"), "20.0 %"));
	keys(&s, "\n");
	assert_hides(&s, "▲ main");
	tui_mouse(s.tui, 3, 3, MOUSE_PRESS, s.now); /* the first row, and once more to open it */
	tui_mouse(s.tui, 3, 3, MOUSE_PRESS, s.now);
	assert_shows(&s, "▼ eat");
	strike(&s);
}

static void test_tasks(void **state)
{
	struct stage s = stage_of(meal(), 100, 24);

	keys(&s, "p");
	assert_non_null(strstr(line_of(&s, "kitchen (7)"), "80.0 %"));
	assert_shows(&s, "2 threads");
	assert_hides(&s, "cook (8)");
	keys(&s, "\n");
	assert_non_null(strstr(line_of(&s, "cook (8)"), "30.0 %"));
	keys(&s, "Ga");
	assert_shows(&s, "process 9");
	keys(&s, "F");
	assert_shows(&s, "all  100.0 %  20");
	tui_key(s.tui, TUI_ESC, s.now);
	assert_shows(&s, "all  100.0 %  100");
	strike(&s);
}

static void test_heat_and_range(void **state)
{
	struct stage s = stage_of(meal(), 60, 24);

	keys(&s, "\t\t\t");
	assert_shows(&s, "at 3 s: 20");
	keys(&s, "g");
	assert_shows(&s, "at 0 s: 30");
	keys(&s, "l l ");
	assert_shows(&s, "1.0 s to 3.0 s");
	keys(&s, "F");
	assert_shows(&s, "all  100.0 %  50");
	tui_key(s.tui, TUI_ESC, s.now);
	assert_shows(&s, "all  100.0 %  100");
	keys(&s, "\t\t\t");
	screen(&s);
	tui_mouse(s.tui, 7 + 3, 5, MOUSE_PRESS, s.now);
	tui_mouse(s.tui, 7 + 2, 5, MOUSE_RELEASE, s.now);
	assert_shows(&s, "2.0 s to 4.0 s");
	strike(&s);
}

static void test_modes(void **state)
{
	struct stage s = stage_of(meal(), 100, 24);

	screen(&s);
	keys(&s, "m");
	assert_shows(&s, "last 10 s");
	keys(&s, "mm");
	assert_shows(&s, "fading");
	assert_hides(&s, "all  100.0 %  100");
	keys(&s, "m");
	assert_shows(&s, "everything");
	keys(&s, "z");
	assert_shows(&s, "FROZEN");
	keys(&s, "zx");
	assert_shows(&s, "since 4.0 s");
	assert_shows(&s, "no samples in this range");
	keys(&s, "m");
	assert_shows(&s, "all  100.0 %  100");
	keys(&s, "cc");
	assert_shows(&s, "colours plain");
	strike(&s);
}

static void test_save(void **state)
{
	struct stage s = stage_of(meal(), 100, 24);
	struct profile *p;
	char path[64], line[80];

	snprintf(path, sizeof(path), "/tmp/waggle-tui-%d.waggle", (int)getpid());
	snprintf(line, sizeof(line), "w%s\n", path);
	keys(&s, "\t\t\t");
	screen(&s);
	keys(&s, "g l F"); /* the first two seconds */
	screen(&s);
	keys(&s, line);
	assert_shows(&s, "saved to /tmp");
	assert_int_equal(format_read_file(path, 0, &p, NULL), 0);
	assert_int_equal(profile_total(p, 0), 60);
	profile_free(p);
	unlink(path);
	keys(&s, "wnowhere\n");
	assert_shows(&s, ".svg");
	keys(&s, "w/no/such/dir/x.svg\n");
	assert_shows(&s, "/no/such/dir");
	strike(&s);
}

static void test_waits(void **state)
{
	struct stage s = stage_of(meal(), 100, 24);

	keys(&s, "W");
	assert_shows(&s, "no waits in it");
	strike(&s);
	s = stage_of(waits_example_off(), 120, 30);
	keys(&s, "W");
	assert_shows(&s, "waiting for any of many things");
	assert_non_null(strstr(line_of(&s, "disk  "), "5.00 s"));
	assert_shows(&s, "places, leaf first");
	keys(&s, "L");
	assert_non_null(strstr(line_of(&s, "0x7f12a0"), "mariadbd, 2 threads"));
	keys(&s, "s"); /* on a processor: nothing of a profile of waits */
	keys(&s, "F");
	assert_shows(&s, "on processor only");
	keys(&s, "s");
	assert_shows(&s, "waiting only");
	strike(&s);
	s = stage_of(waits_example_wall(), 120, 30);
	keys(&s, "p");
	assert_non_null(
		strstr(line_of(&s, "job (700)"), "50%")); /* half on a processor, half ready */
	strike(&s);
}

static void test_ledger(void **state)
{
	struct stage s = stage_of(meal(), 100, 40);

	keys(&s, "\t\t\t\t\t");
	assert_non_null(strstr(line_of(&s, "ring buffer to user space was full"), " 3  "));
	assert_shows(&s, "The live model");
	assert_shows(&s, "samples held, all as they came");
	strike(&s);
}

static void test_output(void **state)
{
	static const char text[] =
		"one\r\n\033[31mred\033[0m\ttab\r\n\033]0;title\adone\rD\r\nlast";
	struct stage s = stage_of(meal(), 40, 12);

	keys(&s, "o");
	assert_shows(&s, "No command was started");
	tui_child_wrote(s.tui, text, sizeof(text) - 1);
	assert_shows(&s, "\none\nred     tab\nDone\nlast\n");
	for (int i = 0; i < 3000; i++) {
		char line[32];
		int n = snprintf(line, sizeof(line), "\nline %d", i);

		tui_child_wrote(s.tui, line, (size_t)n);
	}
	assert_shows(&s, "line 2999");
	keys(&s, "g");
	assert_hides(&s, "line 2999");
	assert_shows(&s, "line 1000\n");
	keys(&s, "G");
	assert_shows(&s, "line 2999");
	strike(&s);
}

/* Every view at every size, with whatever keys: nothing may be drawn outside (the sanitizers see to
 * that). */
static void test_sizes(void **state)
{
	static const int sizes[][2] = { { 40, 10 }, { 250, 80 }, { 80, 24 }, { 1, 1 },
					{ 3, 4 },   { 20, 3 },   { 10, 100 } };
	static const char typed[] = "jlh\nkGgfb12/a\nnN#yzz Lxm";
	int n;

	for (int kind = 0; kind < 3; kind++) {
		struct stage s = stage_of(kind == 0   ? meal()
					  : kind == 1 ? waits_example_off()
						      : waits_example_wall(),
					  80, 24);

		view_all(&n);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			assert_int_equal(grid_resize(&s.grid, sizes[i][0], sizes[i][1]), 0);
			s.grid.utf8 = i & 1;
			tui_set_colour(s.tui, i & 2);
			for (int v = 0; v < n; v++) {
				keys(&s, "\t");
				screen(&s);
				for (const char *k = typed; *k; k++) {
					tui_key(s.tui, *k, s.now);
					tui_mouse(s.tui, (int)(k - typed) * 3, (int)(k - typed),
						  MOUSE_PRESS, s.now);
					tui_mouse(s.tui, (int)(k - typed), 5, MOUSE_RELEASE, s.now);
				}
				tui_key(s.tui, TUI_ESC, s.now);
				free(tui_take_copy(s.tui));
				screen(&s);
			}
		}
		strike(&s);
	}
}

static void test_ascii(void **state)
{
	struct stage s = stage_of(meal(), 100, 24);
	const char *text;

	s.grid.utf8 = false;
	for (int v = 0; v < 7; v++) {
		text = screen(&s);
		for (; *text; text++)
			assert_true((unsigned char)*text < 0x80);
		keys(&s, "\t");
	}
	keys(&s, "F");
	assert_shows(&s, "|main"); /* boxes without colours have an edge */
	tui_set_colour(s.tui, true);
	assert_hides(&s, "|main");
	strike(&s);
}

static void test_growing(void **state)
{
	struct profile *p = profile_new("samples", "count");
	struct live_opts lo = { 0 };
	struct stage s = { .now = SECOND, .grid = { .utf8 = true } };
	struct tui_opts o = { .title = "live", .child = -1 };
	struct live_round r = { p, 0, SECOND };

	assert_int_equal(live_new(&lo, &s.live), 0);
	o.live = s.live;
	assert_int_equal(tui_new(&o, &s.tui, NULL), 0);
	assert_int_equal(grid_resize(&s.grid, 80, 24), 0);
	assert_shows(&s, "no samples yet");
	put(p, "main;first", 1, 1, 5, 10);
	r.first += live_take(s.live, &r);
	assert_shows(&s, "first");
	keys(&s, "jjjz");
	put(p, "main;second", 1, 1, 6, 30);
	r.first += live_take(s.live, &r);
	assert_hides(&s, "second");
	keys(&s, "z");
	assert_shows(&s, "second");
	assert_shows(&s, "first  25.0 %"); /* what was selected still is */
	assert_int_equal(live_end(s.live, &r), 0);
	assert_shows(&s, "ended");
	strike(&s);
	profile_free(p);
}

/* The address of the live page is told in full, however narrow the terminal is, and can be copied. */
static void test_page(void **state)
{
	static const char url[] = "http://127.0.0.1:40123/?token=00112233445566778899aabbccddeeff";
	struct stage s = stage_of(meal(), 80, 24);
	struct tui_opts o = { .live = s.live, .title = "with a page", .page = url, .child = -1 };
	char *copied;

	tui_free(s.tui);
	assert_int_equal(tui_new(&o, &s.tui, NULL), 0);
	assert_shows(&s, "page: Ledger | ? help");
	keys(&s, "\t\t\t\t\t");
	assert_shows(&s, "The live page");
	assert_shows(&s, url);
	keys(&s, "y");
	copied = tui_take_copy(s.tui);
	assert_string_equal(copied, url);
	free(copied);
	assert_int_equal(grid_resize(&s.grid, 40, 24), 0);
	assert_shows(&s, "  http://127.0.0.1:40123/?token=00112233\n");
	assert_shows(&s, "  445566778899aabbccddeeff\n");
	strike(&s);
}

static void test_list(void **state)
{
	struct list l = { 0 };

	list_fit(&l, 100, 10);
	list_key(&l, 'G');
	assert_int_equal(l.at, 99);
	assert_int_equal(l.top, 90);
	list_fit(&l, 5, 10);
	assert_int_equal(l.at, 4);
	assert_int_equal(l.top, 0);
	list_fit(&l, 0, 10);
	assert_int_equal(l.at, 0);
	assert_false(list_key(&l, 'x'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame),  cmocka_unit_test(test_flame),
		cmocka_unit_test(test_search), cmocka_unit_test(test_top),
		cmocka_unit_test(test_tasks),  cmocka_unit_test(test_heat_and_range),
		cmocka_unit_test(test_modes),  cmocka_unit_test(test_save),
		cmocka_unit_test(test_waits),  cmocka_unit_test(test_ledger),
		cmocka_unit_test(test_output), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_ascii),  cmocka_unit_test(test_growing),
		cmocka_unit_test(test_page),   cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
