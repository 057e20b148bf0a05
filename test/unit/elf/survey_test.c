/* survey_test.c - what is counted in an ELF file is what readelf counts, whatever it was built with. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "elf/survey.h"

static char dir[] = "/tmp/survey-test-XXXXXX";

static int shell(const char *text)
{
	char inside[4096];

	snprintf(inside, sizeof(inside), "cd %s && { %s; } 2>/dev/null", dir, text);
	return system(inside);
}

static void run(const char *text)
{
	if (shell(text))
		fail_msg("failed: %s", text);
}

static unsigned int number(const char *text)
{
	char inside[4096];
	unsigned int n = 0;
	FILE *p;

	snprintf(inside, sizeof(inside), "cd %s && { %s; } 2>/dev/null", dir, text);
	p = popen(inside, "r");
	assert_int_equal(fscanf(p, "%u", &n), 1);
	pclose(p);
	return n;
}

static struct survey survey_of(const char *name)
{
	struct elf_image *img;
	struct survey s;
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	assert_int_equal(elf_image_open(fd, &img, NULL), 0);
	assert_int_equal(survey_read(img, &s), 0);
	elf_image_free(img);
	close(fd);
	return s;
}

static int build(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	run("for i in 1 2 3 4 5 6 7 8 9; do echo \"int g$i(int); int f$i(int n) { int i, s = n; "
	    "for (i = 0; i < g$i(n); i++) s += g$i(s) * i; return s; } int g$i(int n) { "
	    "volatile int a[9]; for (int k = 0; k < 9; k++) a[k] = n; return a[3]; }\"; "
	    "done > p.c && echo 'int main(int c, char **v) { return f1(c); }' >> p.c");
	run("gcc -w -gdwarf-5 -O1 -fno-inline -Wl,--build-id -fno-omit-frame-pointer -o fp p.c && "
	    "gcc -w -gdwarf-4 -O1 -fno-inline -Wl,--build-id=none -fomit-frame-pointer -o nofp p.c");
	return 0;
}

static int clean(void **state)
{
	run("rm -rf \"$PWD\"");
	return 0;
}

static void counts_are_readelfs(void **state)
{
	struct survey s = survey_of("fp");

	assert_int_equal(s.symtab, number("readelf -sW fp | sed -n '/symtab/,$p' | "
					  "awk '$4 == \"FUNC\" && $7 != \"UND\"' | wc -l"));
	assert_int_equal(s.functions, number("readelf --debug-dump=frames fp | grep -c FDE"));
	assert_true(s.eh_frame && !s.debug_frame && !s.bad);
	assert_true(s.described > s.text.size / 2 && s.described <= s.text.size);
	assert_int_equal(strlen(s.build_id), 40);
	assert_int_equal(s.mini, 0);
	assert_int_equal(s.language, SURVEY_C);
	run("strip -o bare fp");
	s = survey_of("bare");
	assert_int_equal(s.symtab, 0);
	assert_true(s.eh_frame && !s.info && !s.lines);
}

static void frame_pointers_are_seen(void **state)
{
	struct survey with = survey_of("fp"), without = survey_of("nofp");

	assert_true(with.looked >= 18 && with.with_fp * 10 >= with.looked * 7);
	assert_true(without.looked >= 18 && without.with_fp * 10 <= without.looked * 3);
	assert_string_equal(without.build_id, "");
	run("objcopy -R .eh_frame -R .eh_frame_hdr fp gone");
	with = survey_of("gone");
	assert_false(with.eh_frame);
	assert_true(with.looked >= 18 && with.with_fp * 10 >= with.looked * 7);
}

static void debug_information_is_described(void **state)
{
	struct survey s = survey_of("fp");

	assert_true(s.info && s.lines && !s.split);
	assert_int_equal(s.dwarf_min, 5);
	assert_int_equal(s.dwarf_max, 5);
	s = survey_of("nofp");
	assert_int_equal(s.dwarf_min, 4);
	run("gcc -w -gdwarf-5 -gz=zlib -o zipped p.c && gcc -w -gdwarf-5 -gsplit-dwarf -o five p.c && "
	    "gcc -w -gdwarf-4 -gsplit-dwarf -o four p.c && "
	    "gcc -w -gdwarf-4 -c p.c -o a.o && echo 'int z(void) { return 1; }' > z.c && "
	    "gcc -gdwarf-5 -c z.c -o b.o && gcc -o mixed a.o b.o && objcopy --only-keep-debug fp d");
	s = survey_of("zipped");
	assert_int_equal(s.dwarf_max, 5);
	assert_true(survey_of("five").split);
	assert_true(survey_of("four").split);
	s = survey_of("mixed");
	assert_int_equal(s.dwarf_min, 4);
	assert_int_equal(s.dwarf_max, 5);
	s = survey_of("d");
	assert_true(s.info && s.lines && s.symtab && !s.eh_frame);
}

static void links_are_read(void **state)
{
	struct survey s;

	run("objcopy --only-keep-debug fp fp.dbg && objcopy -S --add-gnu-debuglink=fp.dbg fp linked");
	s = survey_of("linked");
	assert_string_equal(s.link, "fp.dbg");
	if (shell("command -v dwz && cp fp one && cp fp two && dwz -m common one two"))
		skip();
	s = survey_of("one");
	assert_non_null(strstr(s.alt, "common"));
	assert_int_equal(strlen(s.alt_id), 40);
}

static void mini_debug_information_is_counted(void **state)
{
	struct survey s;

	if (shell("command -v xz && objcopy -S --keep-symbol=f1 --keep-symbol=g1 fp m && xz m && "
		  "objcopy --add-section .gnu_debugdata=m.xz bare mini && head -c 60 m.xz > cut && "
		  "objcopy --add-section .gnu_debugdata=cut bare damaged"))
		skip();
	s = survey_of("mini");
	assert_int_equal(s.mini, 2);
	assert_false(s.mini_damaged);
	s = survey_of("damaged");
	assert_int_equal(s.mini, 0);
	assert_true(s.mini_damaged);
}

static void other_languages_are_told(void **state)
{
	if (shell("command -v go && mkdir -p m && cd m && "
		  "printf 'package main\\nfunc main() { println(1) }\\n' > m.go && "
		  "HOME=$PWD GO111MODULE=off GOFLAGS= go build -o ../go m.go"))
		skip();
	assert_int_equal(survey_of("go").language, SURVEY_GO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_readelfs),
		cmocka_unit_test(frame_pointers_are_seen),
		cmocka_unit_test(debug_information_is_described),
		cmocka_unit_test(links_are_read),
		cmocka_unit_test(mini_debug_information_is_counted),
		cmocka_unit_test(other_languages_are_told),
	};

	return cmocka_run_group_tests(tests, build, clean);
}
