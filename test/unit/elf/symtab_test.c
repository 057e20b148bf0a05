/* symtab_test.c - function symbols against nm, addr2line and objdump, and tables that lie. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "elf/lookup.h"

static char dir[] = "/tmp/symtab-test-XXXXXX";

static const char source[] =
	"#include <stdio.h>\n"
	"static int __attribute__((noinline)) hidden_one(int x) { return puts(\"x\") + x; }\n"
	"int __attribute__((noinline)) visible_two(int x) { return hidden_one(x) + 1; }\n"
	"__asm__(\".text\\n.globl __by_hand\\n__by_hand: nop; nop; nop; ret\\n\"\n"
	"\".globl twin\\n.type twin,@function\\n.weak _twin\\n.type _twin,@function\\n\"\n"
	"\"_twin: twin: nop; nop\\ninner: nop; ret\\n.size twin,.-twin\\n.size _twin,.-_twin\\n\"\n"
	"\".type inner,@function\\n.size inner,1\\n\");\n"
	"__asm__(\".type brief,@function\\n.globl brief\\n.type lengthy,@function\\n\"\n"
	"\"brief: lengthy: nop; nop; ret\\n.size brief,1\\n.size lengthy,3\\n\");\n"
	"int main(int c, char **v) { return visible_two(c) + printf(\"%d\", c); }\n";

static int build(void **state)
{
	char path[64], command[1024];
	FILE *c;

	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/prog.c", dir);
	c = fopen(path, "w");
	if (!c)
		return -1;
	fputs(source, c);
	fclose(c);
	/* mini debug info as distributions make it: the symbols of the file, compressed, in a
	 * section */
	snprintf(command, sizeof(command),
		 "cd %s && gcc -O1 -rdynamic prog.c -o full && objcopy --strip-all full bare && "
		 "objcopy -S --keep-symbol=hidden_one --only-keep-debug full mini && "
		 "objcopy --only-keep-debug full mini && xz -k mini && "
		 "objcopy --add-section .gnu_debugdata=mini.xz bare small && "
		 "head -c 100 mini.xz > cut.xz && "
		 "objcopy --add-section .gnu_debugdata=cut.xz bare cut",
		 dir);
	return system(command);
}

static int clean(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static struct symtab *table_of(const char *path)
{
	struct elf_image *img;
	struct symtab *t;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(elf_image_open(fd, &img, NULL), 0);
	assert_int_equal(symtab_new(img, &t), 0);
	elf_image_free(img);
	close(fd);
	return t;
}

static struct symtab *table_in_dir(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return table_of(path);
}

static uint64_t address_of(const char *symbol)
{
	char command[256];
	uint64_t vaddr = 0;
	FILE *p;

	snprintf(command, sizeof(command), "nm %s/full | awk '$3 == \"%s\" { print $1 }'", dir,
		 symbol);
	p = popen(command, "r");
	assert_int_equal(fscanf(p, "%" SCNx64, &vaddr), 1);
	pclose(p);
	return vaddr;
}

static const char *name_at(const struct symtab *t, uint64_t vaddr)
{
	struct symbol s;

	return symtab_find(t, vaddr, &s) ? s.name : "";
}

static void choices_are_the_telling_ones(void **state)
{
	struct symtab *t = table_in_dir("full");
	uint64_t twin = address_of("twin");

	assert_string_equal(name_at(t, address_of("hidden_one")), "hidden_one");
	assert_string_equal(name_at(t, address_of("main") + 3), "main");
	assert_string_equal(name_at(t, address_of("__by_hand") + 2), "__by_hand");
	assert_string_equal(name_at(t, twin), "twin");
	assert_string_equal(name_at(t, twin + 1), "twin");
	assert_string_equal(name_at(t, twin + 2), "inner");
	assert_string_equal(name_at(t, twin + 3), "twin");
	assert_string_equal(name_at(t, address_of("brief")), "brief");
	assert_string_equal(name_at(t, address_of("brief") + 2), "lengthy");
	assert_string_equal(name_at(t, 0), "");
	assert_string_equal(name_at(t, UINT64_MAX), "");
	symtab_free(t);
}

static void mini_debug_info_is_read(void **state)
{
	static const struct {
		const char *file, *name;
	} want[] = {{"bare", ""}, {"small", "hidden_one"}, {"cut", ""}};

	for (size_t i = 0; i < 3; i++) {
		struct symtab *t = table_in_dir(want[i].file);

		assert_string_equal(name_at(t, address_of("hidden_one")), want[i].name);
		assert_string_equal(name_at(t, address_of("visible_two")), "visible_two");
		symtab_free(t);
	}
}

/* Names at addresses as a tool prints them ("address name" lines) must be ours. */
static void compare(const char *file, const char *command, size_t at_least)
{
	struct symtab *t = table_of(file);
	static char line[65536], name[65536];
	size_t n = 0, same = 0;
	FILE *p = popen(command, "r");
	uint64_t vaddr, last = UINT64_MAX;
	bool hit = true;

	assert_non_null(p);
	while (fgets(line, sizeof(line), p)) {
		if (sscanf(line, "%" SCNx64 " %65535s", &vaddr, name) != 2)
			continue;
		if (vaddr != last) {
			n++;
			same += hit;
			hit = false;
		}
		last = vaddr;
		hit |= strcmp(name_at(t, vaddr), name) == 0;
	}
	pclose(p);
	same += hit;
	print_message("%s: %zu addresses, %zu the same\n", file, n, same - 1);
	assert_true(n >= at_least);
	assert_int_equal(same, n + 1);
	symtab_free(t);
}

/* A program with many functions and without DWARF (with it, addr2line names inlined functions): the
 * profiler itself when it is built, else this test. */
static const char *a_program(void)
{
	static char path[64];
	char self[256] = "", command[1024], *test;

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 8) > 0);
	test = strstr(self, "/test/unit/");
	if (test) {
		strcpy(command, test);
		strcpy(test, "/waggle");
		if (access(self, R_OK))
			strcpy(test, command);
	}
	snprintf(path, sizeof(path), "%s/program", dir);
	snprintf(command, sizeof(command), "objcopy -g %s %s", self, path);
	assert_int_equal(system(command), 0);
	return path;
}

static void agrees_with_nm(void **state)
{
	const char *self = a_program();
	char command[1024];

	snprintf(command, sizeof(command),
		 "readelf -sW %s | awk '$4 == \"FUNC\" && $3 > 0 && $7 != \"UND\" "
		 "{ sub(/@.*/, \"\", $8); print $2, $8 }' | sort -u",
		 self);
	compare(self, command, 50);
	/* the real library's dynamic symbols, aliases included: any of the names will do */
	snprintf(command, sizeof(command),
		 "nm -D --defined-only $(gcc -print-file-name=libstdc++.so.6) | awk "
		 "'$2 ~ /[TWi]/ { sub(/@.*/, \"\", $3); print $1, $3 }' | sort");
	compare("/usr/lib/x86_64-linux-gnu/libstdc++.so.6", command, 1000);
}

/* Inside functions: every 37th byte, judged by addr2line. */
static void agrees_with_addr2line(void **state)
{
	const char *self = a_program();
	char command[1024];

	snprintf(command, sizeof(command),
		 "readelf -sW %s | awk '$4 == \"FUNC\" && $3 > 8 && $7 != \"UND\" { print $2, $3 "
		 "}' | "
		 "sort -u | head -400 | while read a s; do printf '%%x\\n' $((0x$a + s / 2)); done "
		 "| "
		 "addr2line -a -f -e %s | awk 'NR %% 3 == 1 { a = $1 } NR %% 3 == 2 { print a, $1 "
		 "}'",
		 self, self);
	compare(self, command, 50);
}

static void call_stubs_are_named(void **state)
{
	const char *self = a_program();
	char command[1024];

	snprintf(command, sizeof(command),
		 "objdump -d -j .plt -j .plt.sec -j .plt.got %s | sed -n "
		 "'s/^\\([0-9a-f]*\\) <\\(.*\\)@plt>:$/\\1 \\2/p' | sed 's/@.*//; s/$/@plt/'",
		 self);
	compare(self, command, 20);
}

/* One pass over the symbols of a file says of any address what its sorted table says. */
static void lookup_is(const char *path, unsigned int seed, size_t n, size_t at_least)
{
	struct symtab *t = table_of(path);
	uint64_t *vaddrs = calloc(n, sizeof(*vaddrs));
	struct symbol *got = calloc(n, sizeof(*got)), want;
	size_t count = symtab_count(t), named = 0;
	struct buf names = {0};
	struct elf_image *img;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0 && count && vaddrs && got);
	assert_int_equal(elf_image_open(fd, &img, NULL), 0);
	close(fd);
	for (size_t i = 0; i < n; i++) {
		struct symbol s = symtab_at(t, (size_t)rand_r(&seed) % count);
		uint64_t near[] = {s.vaddr - 1,          s.vaddr,
				   s.vaddr + s.size - 1, s.vaddr + s.size,
				   s.vaddr + s.size / 2, s.vaddr + (uint64_t)rand_r(&seed) % 4096};

		vaddrs[i] = near[rand_r(&seed) % 6];
	}
	assert_int_equal(symbol_lookup(img, vaddrs, n, got, &names), 0);
	elf_image_free(img);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(symtab_find(t, vaddrs[i], &want), got[i].name != NULL);
		if (!got[i].name)
			continue;
		named++;
		assert_string_equal(got[i].name, want.name);
		assert_int_equal(got[i].vaddr, want.vaddr);
		assert_int_equal(got[i].size, want.size);
	}
	assert_true(named >= at_least);
	buf_free(&names);
	free(vaddrs);
	free(got);
	symtab_free(t);
}

static void lookup_agrees_with_the_table(void **state)
{
	static const char *const made[] = {"full", "bare", "small", "cut"};
	char path[64];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, made[i]);
		for (unsigned int n = 1; n < 40; n += 6)
			lookup_is(path, n, n, 0);
		lookup_is(path, 7, 2000, 500);
	}
	lookup_is(a_program(), 1, 5000, 2000);
	lookup_is("/usr/lib/x86_64-linux-gnu/libc.so.6", 2, 5000, 2000);
	lookup_is("/usr/lib/x86_64-linux-gnu/libstdc++.so.6", 3, 5000, 2000);
}

/* Every byte of the symbol table and its header in turn becomes nonsense. */
static void lying_tables_lose_only_what_lies(void **state)
{
	char path[64];
	struct stat st;
	uint8_t *bytes;
	Elf64_Ehdr *eh;
	Elf64_Shdr *sh;
	FILE *f;

	snprintf(path, sizeof(path), "%s/full", dir);
	assert_int_equal(stat(path, &st), 0);
	bytes = malloc((size_t)st.st_size);
	f = fopen(path, "r");
	assert_int_equal(fread(bytes, 1, (size_t)st.st_size, f), (size_t)st.st_size);
	fclose(f);
	eh = (Elf64_Ehdr *)bytes;
	sh = (Elf64_Shdr *)(bytes + eh->e_shoff);
	for (int i = 0; i < eh->e_shnum; i++) {
		uint8_t *from = bytes + sh[i].sh_offset, *head = (uint8_t *)&sh[i];
		size_t n = sh[i].sh_size;

		if (sh[i].sh_type != SHT_SYMTAB)
			continue;
		for (size_t at = 0; at < n + sizeof(*sh); at++) {
			uint8_t *victim = at < n ? from + at : head + (at - n), old = *victim;
			struct elf_image *img;
			struct symtab *t;

			*victim ^= 0xff;
			if (elf_image_memory(bytes, (size_t)st.st_size, &img, NULL) == 0) {
				assert_int_equal(symtab_new(img, &t), 0);
				/* .dynsym has it too, and is left alone */
				if (at >= n)
					assert_true(symtab_count(t) > 0);
				symtab_free(t);
				elf_image_free(img);
			}
			*victim = old;
		}
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choices_are_the_telling_ones),
		cmocka_unit_test(mini_debug_info_is_read),
		cmocka_unit_test(agrees_with_nm),
		cmocka_unit_test(agrees_with_addr2line),
		cmocka_unit_test(call_stubs_are_named),
		cmocka_unit_test(lookup_agrees_with_the_table),
		cmocka_unit_test(lying_tables_lose_only_what_lies),
	};

	return cmocka_run_group_tests(tests, build, clean);
}
