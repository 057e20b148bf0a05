/* explain_test.c - facts become findings: what is there is ok, what is missing has a remedy that fits who
 * built the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "symbol/explain.h"

static char dir[] = "/tmp/explain-test-XXXXXX";

static void run(const char *text)
{
	char inside[4096];

	snprintf(inside, sizeof(inside), "cd %s && %s", dir, text);
	if (system(inside))
		fail_msg("failed: %s", text);
}

/* A root whose distribution has a package with /bare and /usr/bin/tool in it. */
static int build(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	run("echo 'int f(int n) { volatile int a[9]; for (int i = 0; i < n; i++) a[i] = n; return a[2]; } "
	    "int main(int c, char **v) { return f(c); }' > p.c && "
	    "gcc -g -Wl,--build-id -rdynamic p.c -o full && strip -o bare full && "
	    "gcc -fno-asynchronous-unwind-tables -nostdlib -static -Wl,-e,main -Wl,--build-id=none "
	    "-fno-omit-frame-pointer -o fp p.c && objcopy -R .eh_frame fp && "
	    "gcc -O2 -fno-asynchronous-unwind-tables -nostdlib -static -Wl,-e,main "
	    "-Wl,--build-id=none -o blind p.c && objcopy -R .eh_frame blind && strip blind && "
	    "mkdir -p root/etc root/var/lib/dpkg/info && printf 'ID=debian\\n' > root/etc/os-release && "
	    "printf '/bare\\n' > root/var/lib/dpkg/info/pack.list");
	return 0;
}

static int clean(void **state)
{
	run("rm -rf \"$PWD\"");
	return 0;
}

static void explain(struct explain *x, const char *name, const char *as)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/root", dir);
	explain_init(x, NULL, path);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	assert_int_equal(explain_add(x, fd, as ? as : path, false, NULL), 0);
	close(fd);
	assert_int_equal(explain_conclude(x), 0);
	assert_int_equal(x->files.n, 1);
}

static void assert_finding(const struct explain *x, enum explain_topic t, enum explain_state state,
			   const char *detail, const char *remedy)
{
	const struct explain_finding *f = &x->files.at[0].findings[t];

	if (f->state != state || !strstr(f->detail, detail) ||
	    (remedy ? !strstr(f->remedy, remedy) : f->remedy[0]))
		fail_msg("%s: %d, %s, %s", explain_topics[t].key, (int)f->state, f->detail, f->remedy);
}

static void all_is_well(void **state)
{
	struct explain x;

	explain(&x, "full", NULL);
	assert_finding(&x, EXPLAIN_UNWIND, EXPLAIN_OK, ".eh_frame describes", NULL);
	assert_finding(&x, EXPLAIN_FRAME_POINTERS, EXPLAIN_OK, "not needed", NULL);
	assert_finding(&x, EXPLAIN_SYMBOLS, EXPLAIN_OK, ".symtab", NULL);
	assert_finding(&x, EXPLAIN_LINES, EXPLAIN_OK, "in the file itself", NULL);
	assert_finding(&x, EXPLAIN_BUILD_ID, EXPLAIN_OK, x.files.at[0].own.build_id, NULL);
	assert_false(explain_wants_package(&x.files.at[0]));
	explain_free(&x);
}

static void a_package_is_to_be_installed(void **state)
{
	struct explain x;

	explain(&x, "bare", "/bare");
	assert_string_equal(x.files.at[0].package, "pack");
	assert_finding(&x, EXPLAIN_SYMBOLS, EXPLAIN_POOR, "exports", "apt install pack-dbgsym");
	assert_finding(&x, EXPLAIN_LINES, EXPLAIN_MISSING, "none", "apt install pack-dbgsym");
	assert_true(explain_wants_package(&x.files.at[0]));
	assert_true(explain_is_packaged(&x, &x.files.at[0]));
	explain_free(&x);
	run(": > root/var/lib/dpkg/info/pack-dbgsym.list");
	explain(&x, "bare", "/bare");
	assert_finding(&x, EXPLAIN_SYMBOLS, EXPLAIN_POOR, "exports", "to the same version");
	assert_false(explain_wants_package(&x.files.at[0]));
	explain_free(&x);
	run("rm root/var/lib/dpkg/info/pack-dbgsym.list");
}

static void ones_own_is_to_be_built_otherwise(void **state)
{
	struct explain x;

	explain(&x, "bare", "/home/me/bare");
	assert_finding(&x, EXPLAIN_SYMBOLS, EXPLAIN_POOR, "exports", "Do not strip");
	assert_finding(&x, EXPLAIN_LINES, EXPLAIN_MISSING, "none", "-g");
	assert_false(explain_is_packaged(&x, &x.files.at[0]));
	explain_free(&x);
	explain(&x, "fp", NULL);
	assert_finding(&x, EXPLAIN_UNWIND, EXPLAIN_POOR, "frame pointers are followed",
		       "-fasynchronous-unwind-tables");
	assert_finding(&x, EXPLAIN_FRAME_POINTERS, EXPLAIN_OK, "likely (", NULL);
	assert_finding(&x, EXPLAIN_BUILD_ID, EXPLAIN_POOR, "none", "--build-id");
	explain_free(&x);
	explain(&x, "blind", NULL);
	assert_finding(&x, EXPLAIN_UNWIND, EXPLAIN_MISSING, "none", "-fasynchronous-unwind-tables");
	assert_finding(&x, EXPLAIN_SYMBOLS, EXPLAIN_MISSING, "none", "Do not strip");
	explain_free(&x);
}

static void rpm_is_asked_by_its_user(void **state)
{
	struct explain x;

	run("printf 'ID=fedora\\n' > root/etc/os-release");
	explain(&x, "bare", "/usr/bin/bare");
	assert_finding(&x, EXPLAIN_SYMBOLS, EXPLAIN_POOR, "exports",
		       "dnf debuginfo-install $(rpm -qf --qf '%{NAME}' /usr/bin/bare)");
	explain_free(&x);
	explain(&x, "bare", "/usr/local/bin/bare");
	assert_finding(&x, EXPLAIN_SYMBOLS, EXPLAIN_POOR, "exports", "Do not strip");
	explain_free(&x);
	run("printf 'ID=debian\\n' > root/etc/os-release");
}

static void what_is_no_program_is_refused(void **state)
{
	struct err e = {0};
	struct explain x;
	char path[200];
	int fd;

	explain_init(&x, NULL, "");
	snprintf(path, sizeof(path), "%s/p.c", dir);
	fd = open(path, O_RDONLY);
	assert_int_equal(explain_add(&x, fd, path, false, &e), -ENOEXEC);
	assert_non_null(strstr(e.text, "not an ELF file"));
	assert_int_equal(x.files.n, 0);
	assert_int_equal(explain_conclude(&x), 0);
	close(fd);
	explain_free(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_well),
		cmocka_unit_test(a_package_is_to_be_installed),
		cmocka_unit_test(ones_own_is_to_be_built_otherwise),
		cmocka_unit_test(rpm_is_asked_by_its_user),
		cmocka_unit_test(what_is_no_program_is_refused),
	};

	return cmocka_run_group_tests(tests, build, clean);
}
