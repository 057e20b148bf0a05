/* distro_test.c - distributions are recognised, also derivatives; files lead to packages and packages to
 * their debug symbols.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "symbol/distro.h"

static char root[] = "/tmp/distro-test-XXXXXX";

static void run(const char *text)
{
	char inside[4096];

	snprintf(inside, sizeof(inside), "cd %s && %s", root, text);
	if (system(inside))
		fail_msg("failed: %s", text);
}

static int make_root(void **state)
{
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	run("rm -rf *");
	return rmdir(root);
}

static const char *id_of(const char *text)
{
	struct distro d = {0};

	distro_parse(text, &d);
	return d.row ? d.row->id : "none";
}

static void os_release_is_understood(void **state)
{
	struct distro d = {0};
	char text[300];

	assert_string_equal(id_of("NAME=x\nID=debian\n"), "debian");
	assert_string_equal(id_of("ID_LIKE=debian\nID=ubuntu"), "ubuntu");
	assert_string_equal(id_of("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), "ubuntu");
	assert_string_equal(id_of("ID='rocky'\nID_LIKE='rhel centos fedora'\n"), "rhel");
	assert_string_equal(id_of("ID=opensuse-leap\n"), "opensuse");
	assert_string_equal(id_of("ID=debianoid\n"), "none");
	assert_string_equal(id_of("ID=\nID_LIKE=\n=\n\"\n"), "none");
	assert_string_equal(id_of(""), "none");
	distro_parse("PRETTY_NAME=\"A\tB \033[31mLinux\"\nID=debian\nVERSION_CODENAME=x\n", &d);
	assert_string_equal(d.name, "AB [31mLinux");
	assert_true(distro_archive(&d, text, sizeof(text)));
	assert_non_null(strstr(text, "suite x-debug"));
	memset(&d, 0, sizeof(d));
	distro_parse("ID=debian\n", &d);
	distro_archive(&d, text, sizeof(text));
	assert_non_null(strstr(text, "suite NAME-debug"));
}

static void debug_packages_have_their_names(void **state)
{
	static const struct {
		const char *id, *package, *want;
	} cases[] = {
		{"ID=debian", "redis-tools", "redis-tools-dbgsym"},
		{"ID=debian", "libc6", "libc6-dbg"},
		{"ID=debian", "libc6-i386", "libc6-dbg"},
		{"ID=debian", "libc6plus", "libc6plus-dbgsym"},
		{"ID=ubuntu", "python3.11-minimal", "python3.11-dbg"},
		{"ID=debian", "libpython3.11-stdlib", "python3.11-dbg"},
		{"ID=debian", "python3-apt", "python3-apt-dbgsym"},
		{"ID=debian", "openjdk-17-jre-headless", "openjdk-17-dbg"},
		{"ID=alpine", "musl", "musl-dbg"},
		{"ID=fedora", "glibc", "glibc"},
		{"ID=opensuse", "glibc", "glibc-debuginfo"},
		{"ID=debian", "", NULL},
		{"ID=arch", "glibc", NULL},
		{"ID=who", "glibc", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct distro d = {0};
		char got[160] = "";

		distro_parse(cases[i].id, &d);
		assert_int_equal(distro_debug_package(&d, cases[i].package, got, sizeof(got)),
				 cases[i].want != NULL);
		if (cases[i].want)
			assert_string_equal(got, cases[i].want);
	}
}

static void dpkg_lists_are_searched(void **state)
{
	struct distro_package p[] = {
		{.path = "/usr/lib/x/libc.so.6"}, {.path = "/usr/bin/tool"}, {.path = "/opt/own"},
		{.path = "relative"},		  {.path = "/bin/both"},
		{.path = "/evil"},
	};
	struct distro d;

	run("mkdir -p usr/lib var/lib/dpkg/info && printf 'ID=debian\\n' > usr/lib/os-release && "
	    "cd var/lib/dpkg/info && printf '/.\\n/lib/x\\n/lib/x/libc.so.6\\n' > libc6:amd64.list && "
	    "printf '/usr/bin/tool' > tools.list && printf '/usr/bin/both\\n' > both.list && "
	    "printf '/opt/own\\n' > own.md5sums && : > .list && "
	    "printf '/evil\\n' > 'x;reboot.list' && : > libc6-dbg:amd64.list");
	distro_read(root, &d);
	assert_string_equal(d.row->id, "debian");
	assert_int_equal(distro_packages(&d, p, 6), 0);
	assert_string_equal(p[0].name, "libc6");
	assert_string_equal(p[1].name, "tools");
	assert_string_equal(p[2].name, "");
	assert_string_equal(p[3].name, "");
	assert_string_equal(p[4].name, "both");
	assert_string_equal(p[5].name, "");
	assert_true(distro_has_package(&d, "libc6-dbg"));
	assert_true(distro_has_package(&d, "tools"));
	assert_false(distro_has_package(&d, "tools-dbgsym"));
	run("rm -r usr var");
}

static void apk_list_is_searched(void **state)
{
	struct distro_package p[] = {{.path = "/lib/ld-musl-x86_64.so.1"}, {.path = "/usr/bin/none"}};
	struct distro d;

	run("mkdir -p etc lib/apk/db && printf 'ID=alpine\\n' > etc/os-release && "
	    "printf 'C:x\\nP:musl\\nV:1\\nF:lib\\nR:ld-musl-x86_64.so.1\\nZ:y\\n\\nP:busybox\\n"
	    "F:bin\\nR:busybox\\n' > lib/apk/db/installed");
	distro_read(root, &d);
	assert_int_equal(distro_packages(&d, p, 2), 0);
	assert_string_equal(p[0].name, "musl");
	assert_string_equal(p[1].name, "");
	run("rm -r etc lib");
}

static void a_root_without_anything_knows_nothing(void **state)
{
	struct distro_package p = {.path = "/bin/sh"};
	struct distro d;
	char text[8];

	distro_read(root, &d);
	assert_null(d.row);
	assert_int_equal(distro_packages(&d, &p, 1), 0);
	assert_string_equal(p.name, "");
	assert_false(distro_archive(&d, text, sizeof(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(os_release_is_understood),
		cmocka_unit_test(debug_packages_have_their_names),
		cmocka_unit_test(dpkg_lists_are_searched),
		cmocka_unit_test(apk_list_is_searched),
		cmocka_unit_test(a_root_without_anything_knows_nothing),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
