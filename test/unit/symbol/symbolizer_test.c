/* symbolizer_test.c - frames of a profile get their names, or the right reason for having none. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "elf/image.h"
#include "symbol/debugfile.h"
#include "symbol/kallsyms.h"

static char dir[] = "/tmp/symbolizer-test-XXXXXX";

static void run(const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (system(text))
		fail_msg("failed: %s", text);
}

static const char *in_dir(const char *name)
{
	static char path[64][128]; /* enough for one test */
	static int next;

	next = (next + 1) % 64;
	snprintf(path[next], sizeof(path[next]), "%s/%s", dir, name);
	return path[next];
}

/* A program with a hidden static function, built with its symbols, and forms without them. */
static int build_programs(void **state)
{
	FILE *c;

	if (!mkdtemp(dir))
		return -1;
	c = fopen(in_dir("prog.c"), "w");
	if (!c)
		return -1;
	fputs("#include <stdio.h>\n"
	      "static int __attribute__((noinline)) hidden_one(int x) { return puts(\"x\") + x; }\n"
	      "int __attribute__((noinline)) visible_two(int x) { return hidden_one(x) + 1; }\n"
	      "int main(int c, char **v) { return visible_two(c); }\n",
	      c);
	fclose(c);
	run("cd %s && gcc -g -O1 -Wl,--build-id -rdynamic prog.c -o full && "
	    "objcopy --only-keep-debug full prog.debug && "
	    "objcopy --strip-all full bare && "
	    "objcopy --strip-all --add-gnu-debuglink=prog.debug full linked && "
	    "mkdir -p debug",
	    dir);
	return 0;
}

static int remove_programs(void **state)
{
	run("rm -rf %s", dir);
	return 0;
}

/* The file offset of a function of `full`, by nm and readelf's word. */
static uint64_t offset_of(const char *function)
{
	char command[512];
	struct elf_image *img;
	uint64_t vaddr = 0, offset = 0;
	int fd = open(in_dir("full"), O_RDONLY);
	FILE *p;

	snprintf(command, sizeof(command), "nm %s | awk '$3 == \"%s\" { print $1 }'",
		 in_dir("full"), function);
	p = popen(command, "r");
	assert_int_equal(fscanf(p, "%lx", &vaddr), 1);
	pclose(p);
	assert_int_equal(elf_image_open(fd, &img, NULL), 0);
	assert_true(elf_image_to_offset(img, vaddr, &offset));
	elf_image_free(img);
	close(fd);
	return offset;
}

static uint32_t add_object(struct profile *p, enum object_kind kind, const char *path,
			   const char *build_id, uint32_t pid)
{
	struct profile_object o = {.kind = (uint8_t)kind,
				   .path = profile_str(p, path),
				   .build_id = profile_str(p, build_id),
				   .pid = pid};

	return profile_object(p, &o);
}

static uint32_t add_file_frame(struct profile *p, const char *name, const char *function)
{
	uint32_t object = add_object(p, OBJECT_FILE, in_dir(name), "", 0);

	return profile_frame_at(p, object, offset_of(function) + 2, FRAME_USER);
}

static void name_all(struct profile *p, const struct symbolizer_opts *o)
{
	struct symbolizer *s = symbolizer_new(o);

	assert_non_null(s);
	assert_int_equal(symbolizer_run(s, p), 0);
	symbolizer_free(s);
}

static void assert_named(const struct profile *p, uint32_t frame, const char *function)
{
	const struct profile_frame *f = &p->frames.at[frame];

	if (f->unnamed != UNNAMED_NAMED)
		fail_msg("%s: %s", function, ledger_unnamed_key(f->unnamed));
	assert_int_equal(f->n_lines, 1);
	assert_string_equal(profile_text(p, p->lines.at[f->first_line].function), function);
}

static void assert_unnamed(const struct profile *p, uint32_t frame, enum unnamed_reason why)
{
	assert_string_equal(ledger_unnamed_key(p->frames.at[frame].unnamed),
			    ledger_unnamed_key(why));
	assert_int_equal(p->frames.at[frame].n_lines, 0);
}

static struct debugfiles *finder(const char *debug_dir)
{
	static const char *kept; /* the finder borrows it */
	struct debugfile_opts o = {.dirs = &kept, .n_dirs = 1, .no_debuginfod = true};
	struct debugfiles *d;

	kept = debug_dir;
	assert_int_equal(debugfiles_new(&o, &d, NULL), 0);
	return d;
}

/* Whether their tables are built to stay or their symbols are asked once. */
static void own_symbols_name_frames(void **state)
{
	struct symbolizer_opts o = {.debugfiles = finder(in_dir("debug"))};

	for (int once = 0; once < 2; once++) {
		struct profile *p = profile_new("samples", "count");
		uint32_t a = add_file_frame(p, "full", "hidden_one");
		uint32_t b = add_file_frame(p, "full", "visible_two");
		uint32_t c = add_file_frame(p, "bare", "visible_two");
		uint32_t d = add_file_frame(p, "bare", "hidden_one");

		o.once = once;
		name_all(p, &o);
		assert_named(p, a, "hidden_one");
		assert_named(p, b, "visible_two");
		assert_named(p, c, "visible_two");
		assert_unnamed(p, d, UNNAMED_STRIPPED);
		profile_free(p);
	}
	debugfiles_free(o.debugfiles);
}

static void debug_link_is_followed_and_checked(void **state)
{
	struct symbolizer_opts o = {.debugfiles = finder(in_dir("debug"))};
	/* places in the order they are looked at; the last file is damaged and must be refused */
	static const char *const make[] = {"true", "mkdir .debug && mv prog.debug .debug",
					   "mkdir -p debug/$PWD && mv .debug/prog.debug debug/$PWD",
					   "cp -r debug/$PWD/prog.debug keep && "
					   "printf x >> debug/$PWD/prog.debug"};

	for (int i = 0; i < 4; i++) {
		struct profile *p = profile_new("samples", "count");
		uint32_t a = add_file_frame(p, "linked", "hidden_one");

		run("cd %s && %s", dir, make[i]);
		o.once = i != 1;
		name_all(p, &o);
		if (i < 3)
			assert_named(p, a, "hidden_one");
		else
			assert_unnamed(p, a, UNNAMED_STRIPPED);
		profile_free(p);
	}
	run("cd %s && mv keep prog.debug && rm -rf debug/* .debug", dir);
	debugfiles_free(o.debugfiles);
}

static void build_id_finds_debug_file(void **state)
{
	struct symbolizer_opts o = {.debugfiles = finder(in_dir("debug"))};

	for (int wrong = 0; wrong < 2; wrong++) {
		struct profile *p = profile_new("samples", "count");
		uint32_t a = add_file_frame(p, "bare", "hidden_one");

		run("cd %s && rm -rf debug/.build-id && "
		    "id=$(readelf -n full | awk '/Build ID/ { print $3 }') && "
		    "d=debug/.build-id/$(echo $id | cut -c1-2) && mkdir -p $d && "
		    "f=$d/$(echo $id | cut -c3-).debug && cp prog.debug $f && "
		    "if [ %d = 1 ]; then printf '#' > x.c && gcc -g -shared -x c /dev/null -o x.so "
		    "&& "
		    "cp x.so $f; fi",
		    dir, wrong);
		name_all(p, &o);
		if (wrong)
			assert_unnamed(p, a, UNNAMED_STRIPPED);
		else
			assert_named(p, a, "hidden_one");
		profile_free(p);
	}
	run("rm -rf %s/.build-id", in_dir("debug"));
	debugfiles_free(o.debugfiles);
}

static int open_from_table(void *ctx, uint32_t object)
{
	const char *const *paths = ctx;

	return object == 1 ? open(paths[0], O_RDONLY) : -ESTALE;
}

static void reasons_are_right(void **state)
{
	struct profile *p = profile_new("samples", "count");
	uint32_t gone = add_object(p, OBJECT_FILE, "/nowhere/at/all", "", 0);
	uint32_t text = add_object(p, OBJECT_FILE, in_dir("prog.c"), "", 0);
	uint32_t other = add_object(p, OBJECT_FILE, in_dir("full"), "00112233", 0);
	uint32_t jit = add_object(p, OBJECT_JIT, "[jit]", "", 4194399);
	uint32_t kernel = add_object(p, OBJECT_KERNEL, "[kernel]", "", 0);
	uint32_t pipe = add_object(p, OBJECT_FILE, in_dir("pipe"), "", 0);
	uint32_t full = add_object(p, OBJECT_FILE, in_dir("full"), "", 0);
	uint32_t f[8], cut = profile_frame_cut(p, 0, full);
	struct symbolizer_opts o = {.check_build_id = true};

	mkfifo(in_dir("pipe"), 0600);
	f[0] = profile_frame_at(p, gone, 1, FRAME_USER);
	f[1] = profile_frame_at(p, text, 1, FRAME_USER);
	f[2] = profile_frame_at(p, other, offset_of("main"), FRAME_USER);
	f[3] = profile_frame_at(p, jit, 1, FRAME_JIT);
	f[4] = profile_frame_at(p, kernel, 1, FRAME_KERNEL);
	f[5] = profile_frame_at(p, pipe, 1, FRAME_USER);
	f[6] = profile_frame_at(p, full, UINT64_MAX, FRAME_USER);
	f[7] = profile_frame_at(p, 0, 4711, FRAME_USER);
	name_all(p, &o);
	assert_unnamed(p, f[0], UNNAMED_GONE);
	assert_unnamed(p, f[1], UNNAMED_BAD_FILE);
	assert_unnamed(p, f[2], UNNAMED_CHANGED);
	assert_unnamed(p, f[3], UNNAMED_JIT);
	assert_unnamed(p, f[4], UNNAMED_GONE);
	assert_unnamed(p, f[5], UNNAMED_BAD_FILE);
	assert_unnamed(p, f[6], UNNAMED_STRIPPED);
	assert_unnamed(p, f[7], UNNAMED_NO_OBJECT);
	assert_int_equal(p->frames.at[cut].n_lines, 1);
	profile_free(p);
}

static void descriptors_come_from_the_caller(void **state)
{
	const char *paths[] = {in_dir("full")};
	struct symbolizer_opts o = {.open_object = open_from_table, .ctx = paths};
	struct profile *p = profile_new("samples", "count");
	uint32_t first = add_object(p, OBJECT_FILE, "/deleted/program", "", 0);
	uint32_t second = add_object(p, OBJECT_FILE, in_dir("full"), "", 0);
	uint32_t a = profile_frame_at(p, first, offset_of("hidden_one"), FRAME_USER);
	uint32_t b = profile_frame_at(p, second, offset_of("hidden_one"), FRAME_USER);

	assert_int_equal(first, 1);
	name_all(p, &o);
	assert_named(p, a, "hidden_one");
	assert_unnamed(p, b, UNNAMED_GONE);
	profile_free(p);
}

/* A second run must name what came after the first, from what is already open. */
static void runs_may_be_repeated(void **state)
{
	struct symbolizer_opts o = {0};
	struct symbolizer *s = symbolizer_new(&o);
	struct profile *p = profile_new("samples", "count");
	uint32_t a = add_file_frame(p, "full", "hidden_one"), b;

	assert_int_equal(symbolizer_run(s, p), 0);
	assert_named(p, a, "hidden_one");
	b = add_file_frame(p, "full", "main");
	assert_int_equal(symbolizer_run(s, p), 0);
	assert_named(p, a, "hidden_one");
	assert_named(p, b, "main");
	profile_free(p);
	p = profile_new("samples", "count");
	a = add_file_frame(p, "full", "visible_two");
	assert_int_equal(symbolizer_run(s, p), 0);
	assert_named(p, a, "visible_two");
	assert_int_equal(symbolizer_run(s, p), 0);
	profile_free(p);
	symbolizer_free(s);
}

static void jit_maps_are_found_for_living_processes(void **state)
{
	struct symbolizer_opts o = {.live = true};
	struct profile *p = profile_new("samples", "count");
	uint32_t object, a, b, c;
	char path[64];
	FILE *map;
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", child);
	map = fopen(path, "w");
	assert_non_null(map);
	fputs("1000 100 JS:*outer /x.js:2:19\nzz 10 lie\n0x2000 0x10 _ZN3foo3barEi\n1010 10 "
	      "newer\n",
	      map);
	fclose(map);
	object = add_object(p, OBJECT_JIT, "[jit]", "", (uint32_t)child);
	a = profile_frame_at(p, object, 0x1004, FRAME_JIT);
	b = profile_frame_at(p, object, 0x1015, FRAME_JIT);
	c = profile_frame_at(p, object, 0x3000, FRAME_JIT);
	name_all(p, &o);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	unlink(path);
	assert_named(p, a, "JS:*outer /x.js:2:19");
	assert_named(p, b, "newer");
	assert_unnamed(p, c, UNNAMED_JIT);
	assert_int_equal(p->ledger.n[LEDGER_JIT_SKIPPED], 1);
	profile_free(p);
}

static void kernel_frames_are_offsets(void **state)
{
	struct profile *p = profile_new("samples", "count");
	uint32_t object = add_object(p, OBJECT_KERNEL, "[kernel]", "", 0), a, none;
	uint32_t module = add_object(p, OBJECT_MODULE, "[no_such_module]", "", 0);
	struct symbolizer_opts o = {.live = true};
	const char *name;
	struct kallsyms *k;
	uint64_t base;

	if (kallsyms_read(&k, NULL))
		skip();
	assert_true(kallsyms_base(k, OBJECT_KERNEL, "", &base));
	a = profile_frame_at(p, object, 0x12345, FRAME_KERNEL);
	none = profile_frame_at(p, module, 0x10, FRAME_KERNEL);
	name = kallsyms_name(k, base + 0x12345);
	name_all(p, &o);
	assert_named(p, a, name);
	assert_unnamed(p, none, UNNAMED_GONE);
	profile_free(p);
	kallsyms_free(k);
}

static void vdso_is_read_from_memory(void **state)
{
	const uint8_t *vdso = (const uint8_t *)(uintptr_t)getauxval(AT_SYSINFO_EHDR);
	struct profile *p = profile_new("samples", "count");
	uint32_t object = add_object(p, OBJECT_VDSO, "[vdso]", "", 0), n = 0;
	struct symbolizer_opts o = {.live = true};
	uint32_t first = (uint32_t)p->frames.n;

	if (!vdso)
		skip();
	for (uint64_t at = 0; at < 0x2000; at += 16)
		profile_frame_at(p, object, at, FRAME_USER);
	name_all(p, &o);
	for (uint32_t i = first; i < p->frames.n; i++)
		n += strstr(profile_text(p, p->lines.at[p->frames.at[i].first_line].function),
			    "clock_gettime") &&
		     p->frames.at[i].n_lines;
	assert_true(n > 0);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_symbols_name_frames),
		cmocka_unit_test(debug_link_is_followed_and_checked),
		cmocka_unit_test(build_id_finds_debug_file),
		cmocka_unit_test(reasons_are_right),
		cmocka_unit_test(descriptors_come_from_the_caller),
		cmocka_unit_test(runs_may_be_repeated),
		cmocka_unit_test(jit_maps_are_found_for_living_processes),
		cmocka_unit_test(kernel_frames_are_offsets),
		cmocka_unit_test(vdso_is_read_from_memory),
	};

	return cmocka_run_group_tests(tests, build_programs, remove_programs);
}
