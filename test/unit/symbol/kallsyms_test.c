/* kallsyms_test.c - the kernel's symbols: made-up lists, and this kernel's own against its list. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "symbol/kallsyms.h"

static int text_fd(const char *text)
{
	int fd = memfd_create("text", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static int read_text(const char *symbols, const char *modules, struct kallsyms **ret, struct err *e)
{
	int fd = text_fd(symbols), mfd = modules ? text_fd(modules) : -1;
	int rc = kallsyms_read_fd(fd, mfd, ret, e);

	close(fd);
	if (mfd >= 0)
		close(mfd);
	return rc;
}

static const char list[] = "0000000000000000 A fixed_percpu_data\n"
			   "ffffffff81000000 T _stext\n"
			   "ffffffff81000000 T _text\n"
			   "ffffffff81000100 t __do_thing\n"
			   "ffffffff81000100 W do_thing_weak\n"
			   "ffffffff81000100 T _do_thing\n"
			   "ffffffff81000200 T last_function\n"
			   "ffffffff81002000 T _etext\n"
			   "ffffffff82000000 D some_data\n"
			   "ffffffffc0101000 t ext4_read\t[ext4]\n"
			   "ffffffffc0100800 t ext4_init\t[ext4]\n"
			   "ffffffffc0102000 d ext4_data\t[ext4]\n"
			   "ffffffffc0200000 t kvm_run\t[kvm]\n"
			   "ffffffffc0300000 t bpf_prog_1234_handler\t[bpf]\n"
			   "ffffffffc0300400 t bpf_prog_5678_other\t[bpf]\n"
			   "not a line\n"
			   "ffffffffc0900000 t\n"
			   "fffffffffffffffffffff t too_long\n";
static const char modules[] = "ext4 917504 2 - Live 0xffffffffc0100000\n"
			      "broken line\n"
			      "kvm 1 0 - Live 0x0\n";

static void images_and_names(void **state)
{
	static const struct {
		uint64_t addr;
		enum object_kind kind;
		const char *image, *name;
		uint64_t base;
	} want[] = {
		{0xffffffff81000000, OBJECT_KERNEL, "", "_stext", 0xffffffff81000000},
		{0xffffffff81000150, OBJECT_KERNEL, "", "_do_thing", 0xffffffff81000000},
		{0xffffffff81001fff, OBJECT_KERNEL, "", "last_function", 0xffffffff81000000},
		{0xffffffffc0100801, OBJECT_MODULE, "ext4", "ext4_init", 0xffffffffc0100000},
		{0xffffffffc0101010, OBJECT_MODULE, "ext4", "ext4_read", 0xffffffffc0100000},
		{0xffffffffc0200010, OBJECT_MODULE, "kvm", "kvm_run", 0xffffffffc0200000},
		{0xffffffffc0300004, OBJECT_BPF, "bpf", "bpf_prog_1234_handler", 0},
		{0xffffffffc0300400, OBJECT_BPF, "bpf", "bpf_prog_5678_other", 0},
	};
	static const uint64_t nowhere[] = {0,
					   0x400000,
					   0xffffffff80ffffff,
					   0xffffffff81002000,
					   0xffffffffc0000000,
					   0xffffffffc0900000,
					   UINT64_MAX};
	enum object_kind kind;
	struct kallsyms *k;
	const char *image;
	uint64_t base;

	assert_int_equal(read_text(list, modules, &k, NULL), 0);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		assert_true(kallsyms_image(k, want[i].addr, &kind, &image, &base));
		assert_int_equal(kind, want[i].kind);
		assert_string_equal(image, want[i].image);
		assert_int_equal(base, want[i].base);
		assert_string_equal(kallsyms_name(k, want[i].addr), want[i].name);
		assert_true(kallsyms_base(k, kind, image, &base));
		assert_int_equal(base, want[i].base);
	}
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(*nowhere); i++) {
		assert_false(kallsyms_image(k, nowhere[i], &kind, &image, &base));
		assert_null(kallsyms_name(k, nowhere[i]));
	}
	assert_false(kallsyms_base(k, OBJECT_MODULE, "xfs", &base));
	kallsyms_free(k);
}

static void hidden_addresses_are_said(void **state)
{
	static const char zeros[] = "0000000000000000 T _stext\n0000000000000000 T _etext\n";
	struct kallsyms *k = NULL;
	struct err e = {0};

	assert_int_equal(read_text(zeros, NULL, &k, &e), -EPERM);
	assert_non_null(strstr(e.text, "kptr_restrict"));
	assert_int_equal(read_text("", NULL, &k, &e), -EPERM);
	assert_int_equal(read_text("ffffffff81000000 T only\n", NULL, &k, &e), -ENOENT);
	assert_null(k);
}

static void long_lines_lose_only_themselves(void **state)
{
	size_t len = 700000;
	char *text = malloc(len + 200);
	struct kallsyms *k;
	int n = snprintf(text, 200, "ffffffff81000000 T _stext\nffffffff81000010 T ");

	memset(text + n, 'x', len);
	strcpy(text + n + len, "\nffffffff81000020 T after\nffffffff81000030 T _etext");
	assert_int_equal(read_text(text, NULL, &k, NULL), 0);
	assert_string_equal(kallsyms_name(k, 0xffffffff81000025), "after");
	kallsyms_free(k);
	free(text);
}

/* Every address of text in /proc/kallsyms must get one of the names that stand there. */
static void agrees_with_the_list_itself(void **state)
{
	FILE *in = popen("cat /proc/kallsyms | LC_ALL=C sort -s -k1,1 -S 64M", "r");
	char line[1024], name[1024], type;
	size_t n = 0, same = 0, unnamed = 0;
	uint64_t addr, last = 0;
	struct kallsyms *k;
	struct err e;
	int rc = kallsyms_read(&k, &e);
	bool hit = false;

	assert_non_null(in);
	if (rc == -EPERM) {
		pclose(in);
		skip();
	}
	assert_int_equal(rc, 0);
	while (fgets(line, sizeof(line), in)) {
		if (sscanf(line, "%" SCNx64 " %c %1023s", &addr, &type, name) != 3 || !addr ||
		    !strchr("tTwW", type))
			continue;
		if (addr != last) {
			n++;
			same += hit;
			hit = false;
		}
		last = addr;
		if (!kallsyms_name(k, addr))
			unnamed += !hit;
		else
			hit |= strcmp(kallsyms_name(k, addr), name) == 0;
	}
	pclose(in);
	same += hit;
	print_message("%zu symbols, %zu addresses, %zu unnamed\n", kallsyms_count(k), n, unnamed);
	assert_int_equal(n, kallsyms_count(k));
	assert_true(n > 1000);
	assert_true(unnamed < 16); /* the marks at and behind the end of text */
	assert_true(same + unnamed >= n);
	kallsyms_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_and_names),
		cmocka_unit_test(hidden_addresses_are_said),
		cmocka_unit_test(long_lines_lose_only_themselves),
		cmocka_unit_test(agrees_with_the_list_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
