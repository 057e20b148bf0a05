/* debugfile_test.c - debug files are found where they may be, in order, and only when they are the right
 * ones; what is named and of no use is refused with a sentence.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "symbol/debugfile.h"

static char dir[] = "/tmp/debugfile-test-XXXXXX";
static char id[2 * ELF_BUILD_ID_MAX + 1];

static void run(const char *fmt, ...)
{
	char text[4096], inside[4200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(inside, sizeof(inside), "cd %s && %s", dir, text);
	if (system(inside))
		fail_msg("failed: %s", inside);
}

static const char *in_dir(const char *name)
{
	static char path[16][128];
	static int next;

	next = (next + 1) % 16;
	snprintf(path[next], sizeof(path[next]), "%s/%s", dir, name);
	return path[next];
}

static struct elf_image *open_image(const char *name)
{
	int fd = open(in_dir(name), O_RDONLY);
	struct elf_image *img;

	assert_int_equal(elf_image_open(fd, &img, NULL), 0);
	close(fd);
	return img;
}

/* `noid` is the same program without a build id. */
static int build(void **state)
{
	struct elf_image *img;

	unsetenv("DEBUGINFOD_URLS");
	if (!mkdtemp(dir))
		return -1;
	run("echo 'int main(void) { return 0; }' > p.c && gcc -g -Wl,--build-id p.c -o full && "
	    "gcc -g -DOTHER -O2 -Wl,--build-id p.c -o other && "
	    "objcopy --only-keep-debug full p.debug && "
	    "objcopy -S --add-gnu-debuglink=p.debug full bare && "
	    "gcc -g -Wl,--build-id=none p.c -o noid.full && "
	    "objcopy --only-keep-debug noid.full noid.debug && "
	    "objcopy -S --add-gnu-debuglink=noid.debug noid.full noid && mkdir away one two && "
	    "mv p.debug noid.debug away");
	img = open_image("full");
	assert_true(elf_image_build_id_hex(img, id));
	elf_image_free(img);
	return 0;
}

static int clean(void **state)
{
	run("rm -rf %s", dir);
	return 0;
}

static struct debugfiles *finder(const char *const *dirs, size_t n_dirs, const char *const *files,
				 size_t n_files)
{
	struct debugfile_opts o = {
		.dirs = dirs, .n_dirs = n_dirs, .files = files, .n_files = n_files};
	struct debugfiles *d;
	struct err e = {0};

	if (debugfiles_new(&o, &d, &e))
		fail_msg("%s", e.text);
	return d;
}

/* Is the debug file of `name` found, and has it the symbols? */
static int found(struct debugfiles *d, const char *name)
{
	struct elf_image *img = open_image(name), *debug = NULL;
	enum unnamed_reason why = UNNAMED_STRIPPED;
	struct elf_section s;
	int rc = debugfile_open(d, img, in_dir(name), &debug, &why);

	if (!rc)
		assert_int_equal(elf_image_section_head(debug, ".symtab", &s), 0);
	assert_int_equal(why, UNNAMED_STRIPPED);
	elf_image_free(debug);
	elf_image_free(img);
	return rc;
}

static void directories_are_asked_in_order(void **state)
{
	const char *dirs[] = {in_dir("one"), in_dir("two")};
	struct debugfiles *d = finder(dirs, 2, NULL, 0);
	struct elf_image *img = open_image("bare"), *debug;
	char place[PATH_MAX], want[PATH_MAX];

	assert_int_equal(found(d, "bare"), -ENOENT);
	run("mkdir -p two/.build-id/%.2s && cp away/p.debug two/.build-id/%.2s/%s.debug", id, id,
	    id + 2);
	assert_int_equal(found(d, "bare"), 0);
	run("cp -r two/.build-id one");
	assert_int_equal(debugfile_local(d, img, in_dir("bare"), &debug, place, sizeof(place)), 0);
	snprintf(want, sizeof(want), "%s/one/.build-id/%.2s/%s.debug", dir, id, id + 2);
	assert_string_equal(place, want);
	elf_image_free(debug);
	/* one that lies about its name is passed over */
	run("cp other one/.build-id/%.2s/%s.debug", id, id + 2);
	assert_int_equal(found(d, "bare"), 0);
	run("cp other two/.build-id/%.2s/%s.debug", id, id + 2);
	assert_int_equal(found(d, "bare"), -ENOENT);
	run("rm -r one/.build-id two/.build-id");
	/* by link, as it is below a given directory */
	run("cp away/p.debug two");
	assert_int_equal(found(d, "bare"), 0);
	run("printf x >> two/p.debug");
	assert_int_equal(found(d, "bare"), -ENOENT);
	run("rm two/p.debug");
	elf_image_free(img);
	debugfiles_free(d);
}

static void named_files_are_used_by_build_id_or_link(void **state)
{
	const char *files[] = {in_dir("other"), in_dir("away/p.debug"), in_dir("away/noid.debug")};
	struct debugfiles *d = finder(NULL, 0, files, 3);
	struct elf_image *img;

	assert_int_equal(found(d, "bare"), 0);
	assert_false(debugfiles_used(d, 0));
	assert_true(debugfiles_used(d, 1));
	assert_false(debugfiles_used(d, 2));
	assert_int_equal(found(d, "noid"), 0);
	assert_true(debugfiles_used(d, 2));
	/* A file of debug information alone cannot stand for the program. */
	assert_int_equal(debugfile_program(d, id, "bare", &img, NULL), -ENOENT);
	assert_int_equal(debugfile_by_id(d, id, "bare", &img, NULL), 0);
	elf_image_free(img);
	debugfiles_free(d);
	files[0] = in_dir("full");
	d = finder(NULL, 0, files, 1);
	assert_int_equal(debugfile_program(d, id, "bare", &img, NULL), 0);
	elf_image_free(img);
	debugfiles_free(d);
}

static void what_is_of_no_use_is_refused(void **state)
{
	static const struct {
		const char *name;
		bool is_dir;
		const char *text;
	} cases[] = {
		{"nowhere", true, "No such file"},   {"full", true, "not a directory"},
		{"nowhere", false, "No such file"},  {"one", false, "cannot read"},
		{"p.c", false, "not an ELF file"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *path = in_dir(cases[i].name);
		struct debugfile_opts o = {.dirs = &path, .n_dirs = cases[i].is_dir, .files = &path,
					   .n_files = !cases[i].is_dir};
		struct debugfiles *d = NULL;
		struct err e = {0};

		assert_int_not_equal(debugfiles_new(&o, &d, &e), 0);
		assert_null(d);
		if (!strstr(e.text, cases[i].text) || !strstr(e.text, path))
			fail_msg("%s: %s", cases[i].name, e.text);
	}
}

static void nothing_is_asked_without_servers(void **state)
{
	struct debugfiles *d = finder(NULL, 0, NULL, 0);
	struct download_totals t;

	assert_int_equal(found(d, "bare"), -ENOENT);
	assert_int_equal(found(NULL, "bare"), -ENOENT);
	debugfiles_totals(d, &t);
	assert_int_equal(t.got + t.absent + t.late + t.stopped + t.failed, 0);
	setenv("DEBUGINFOD_URLS", "  ", 1);
	assert_false(download_possible());
	setenv("DEBUGINFOD_URLS", "http://127.0.0.1:1", 1);
	assert_true(download_possible());
	unsetenv("DEBUGINFOD_URLS");
	debugfiles_free(d);
}

static bool count_calls(void *ctx, const char *name, uint64_t done, uint64_t total)
{
	int *calls = ctx;

	if (name)
		assert_string_equal(name, "bare");
	(*calls)++;
	return true;
}

/* Nobody listens on port 1: the answer is a reason, at once, and the watcher hears of the end. */
static void an_absent_server_is_a_reason(void **state)
{
	int calls = 0;
	struct debugfile_opts o = {
		.download = {.timeout = 5000000000, .watch = count_calls, .ctx = &calls}};
	struct elf_image *img = open_image("bare"), *debug;
	enum unnamed_reason why = UNNAMED_STRIPPED;
	struct download_totals t;
	struct debugfiles *d;

	setenv("DEBUGINFOD_URLS", "http://127.0.0.1:1", 1);
	setenv("DEBUGINFOD_CACHE_PATH", in_dir("cache"), 1);
	assert_int_equal(debugfiles_new(&o, &d, NULL), 0);
	assert_int_equal(debugfile_open(d, img, in_dir("bare"), &debug, &why), -ENOENT);
	debugfiles_totals(d, &t);
	assert_true(why == UNNAMED_SERVER_FAILED || why == UNNAMED_SERVER_STOPPED);
	assert_int_equal(t.failed + t.stopped, 1);
	if (why == UNNAMED_SERVER_FAILED)
		assert_true(t.trouble[0]);
	unsetenv("DEBUGINFOD_URLS");
	debugfiles_free(d);
	elf_image_free(img);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_are_asked_in_order),
		cmocka_unit_test(named_files_are_used_by_build_id_or_link),
		cmocka_unit_test(what_is_of_no_use_is_refused),
		cmocka_unit_test(nothing_is_asked_without_servers),
		cmocka_unit_test(an_absent_server_is_a_reason),
	};

	return cmocka_run_group_tests(tests, build, clean);
}
