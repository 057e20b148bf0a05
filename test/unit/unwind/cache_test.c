/* cache_test.c - tables kept on disk come back the same, or not at all: damage anywhere, hostile files
 * with a good checksum, directories and files of others, writers at the same time, pruning.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <xxhash.h>

#include "elf/cfi.h"
#include "unwind/cache.h"

enum { SUM_AT = 12, SUM_END = 20, COUNTS_AT = 36, RULES_AT = 76 };

static char folder[64];

static int setup(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/waggle-cache-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];
	pid_t child = fork();

	snprintf(command, sizeof(command), "%s", folder);
	if (!child)
		execlp("rm", "rm", "-rf", command, (char *)NULL);
	waitpid(child, NULL, 0);
	return 0;
}

static struct cache *cache_here(uint64_t max)
{
	struct cache *c = NULL;
	struct err e = {0};

	if (cache_open(folder, max, &c, &e))
		fail_msg("%s", e.text);
	return c;
}

static struct cache_key key_of(int i)
{
	struct cache_key k = {0};

	snprintf(k.name, sizeof(k.name), "%040d-test.rows", i);
	memset(k.print.bytes, i, sizeof(k.print.bytes));
	return k;
}

/* Rows at distances from 1 to more than a word holds. */
static struct table table_of(size_t n, int seed)
{
	struct table t = {.rows = calloc(n, sizeof(*t.rows)), .n = n, .n_rules = 40, .n_fdes = 7, .n_bad = 1};
	static const uint32_t distances[] = {1, 4, 0xfffe, 0xffff, 0x10000, 0x1fffe, 0x1ffff, 5000000};
	uint64_t at = (uint64_t)seed * 4096;

	t.rules = calloc(t.n_rules, sizeof(*t.rules));
	t.rules[1].kind = RULE_UNKNOWN;
	for (uint32_t i = 2; i < t.n_rules; i++)
		t.rules[i] = (struct unwind_rule){.kind = RULE_RSP, .ra_off = -8, .cfa_off = 8 * (int)i};
	for (size_t i = 0; i < n; i++) {
		t.rows[i] = (struct table_row){at, i + 1 == n ? 0 : 1 + (i + (size_t)seed) % 39};
		at += distances[i % (i % 100 ? 2 : 8)];
	}
	return t;
}

static void check_same(const struct table *a, const struct table *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->n_rules, b->n_rules);
	assert_int_equal(a->n_fdes, b->n_fdes);
	assert_int_equal(a->n_bad, b->n_bad);
	assert_int_equal(a->n_outside, b->n_outside);
	assert_memory_equal(a->rules, b->rules, a->n_rules * sizeof(*a->rules));
	assert_memory_equal(a->rows, b->rows, a->n * sizeof(*a->rows));
}

static void save(struct cache *c, const struct cache_key *k, const struct table *t)
{
	struct buf b = {0};

	packed_write(&b, &k->print, t);
	assert_int_equal(b.err, 0);
	assert_int_equal(cache_save(c, k, b.data, b.len), 0);
	buf_free(&b);
}

/* -- what is kept comes back -------------------------------------------------------------------- */

static void round_trip(void **state)
{
	static const size_t sizes[] = {1, 2, 9, 1000, 70000};
	struct cache *c = cache_here(CACHE_DEFAULT_BYTES);

	for (int i = 0; i < 5; i++) {
		struct table t = table_of(sizes[i], i), back = {0};
		struct cache_key k = key_of(i), other = key_of(i);

		assert_int_equal(cache_load(c, &k, &back), -ENOENT);
		save(c, &k, &t);
		assert_int_equal(cache_load(c, &k, &back), 0);
		check_same(&t, &back);
		table_free(&back);
		/* The same name for another print: somebody renamed it. It goes. */
		other.print.bytes[0] ^= 1;
		assert_int_equal(cache_load(c, &other, &back), -EBADMSG);
		assert_int_equal(cache_load(c, &k, &back), -ENOENT);
		table_free(&t);
	}
	cache_close(c);
}

static void real_files(void **state)
{
	static const char *const files[] = {"/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib64/libc.so.6",
					    "/lib64/ld-linux-x86-64.so.2", "/bin/sh"};
	struct cache *c = cache_here(CACHE_DEFAULT_BYTES);
	int n = 0;

	for (size_t i = 0; i < 4; i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);
		struct elf_image *img = NULL;
		struct cache_key k, again;
		struct table t, back;

		if (fd < 0)
			continue;
		assert_int_equal(elf_image_open(fd, &img, NULL), 0);
		close(fd);
		assert_int_equal(cache_key_of(img, &k), 0);
		assert_int_equal(cache_key_of(img, &again), 0);
		assert_string_equal(k.name, again.name);
		assert_int_equal(table_build(img, &t, NULL), 0);
		save(c, &k, &t);
		assert_int_equal(cache_load(c, &k, &back), 0);
		check_same(&t, &back);
		table_free(&t);
		table_free(&back);
		elf_image_free(img);
		n++;
	}
	assert_true(n >= 2);
	cache_close(c);
}

static struct packed_print print_with(uint8_t *data, size_t len, uint64_t flip)
{
	struct packed_print print = {{0}};
	struct elf_image *img;

	data[flip] ^= 1;
	assert_int_equal(elf_image_memory(data, len, &img, NULL), 0);
	assert_int_equal(packed_print_of(img, &print), 0);
	elf_image_free(img);
	data[flip] ^= 1;
	return print;
}

/* The print is of what rows are made from: one byte of a section, and it is another file. */
static void prints(void **state)
{
	static const char *const names[] = {".eh_frame", ".plt", ".init", ".fini"};
	struct packed_print a, b;
	struct elf_section s;
	struct elf_image *img;
	struct stat st;
	uint8_t *data;
	int fd = open("/bin/sh", O_RDONLY | O_CLOEXEC), n = 0;

	assert_int_equal(fstat(fd, &st), 0);
	data = malloc((size_t)st.st_size);
	assert_int_equal(pread(fd, data, (size_t)st.st_size, 0), st.st_size);
	close(fd);
	assert_int_equal(elf_image_memory(data, (size_t)st.st_size, &img, NULL), 0);
	assert_int_equal(packed_print_of(img, &a), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (elf_image_section_head(img, names[i], &s))
			continue;
		b = print_with(data, (size_t)st.st_size, s.offset + s.size / 2);
		assert_memory_not_equal(&a, &b, sizeof(a));
		n++;
	}
	assert_true(n >= 2);
	elf_image_free(img);
	free(data);
}

/* -- damage ------------------------------------------------------------------------------------- */

static struct buf packed_of(const struct table *t, const struct packed_print *print)
{
	struct buf b = {0};

	packed_write(&b, print, t);
	assert_int_equal(b.err, 0);
	return b;
}

static void damage(void **state)
{
	struct table t = table_of(300, 3), back = {0};
	struct packed_print print = {{1, 2, 3}};
	struct buf b = packed_of(&t, &print);
	uint8_t *longer;

	assert_int_equal(packed_read(b.data, b.len, &print, &back), 0);
	check_same(&t, &back);
	table_free(&back);
	for (size_t i = 0; i < b.len; i++) { /* every byte: head, rules and rows */
		for (int bit = 0; bit < 8; bit += 3) {
			b.data[i] ^= (uint8_t)(1 << bit);
			assert_int_equal(packed_read(b.data, b.len, &print, &back), -EBADMSG);
			b.data[i] ^= (uint8_t)(1 << bit);
		}
	}
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *cut = malloc(len + !len); /* of its own, so that a sanitizer sees its end */

		memcpy(cut, b.data, len);
		assert_int_equal(packed_read(cut, len, &print, &back), -EBADMSG);
		free(cut);
	}
	longer = calloc(1, b.len + 4);
	memcpy(longer, b.data, b.len);
	assert_int_equal(packed_read(longer, b.len + 4, &print, &back), -EBADMSG);
	free(longer);
	buf_free(&b);
	table_free(&t);
}

static int read_resummed(struct buf *b, const struct packed_print *print)
{
	uint64_t sum = XXH3_64bits(b->data + SUM_END, b->len - SUM_END);
	struct table back = {0};
	int code;

	memcpy(b->data + SUM_AT, &sum, sizeof(sum));
	code = packed_read(b->data, b->len, print, &back);
	if (!code)
		table_free(&back);
	return code;
}

static void put_u32(struct buf *b, size_t at, uint32_t v)
{
	memcpy(b->data + at, &v, sizeof(v));
}

static uint32_t get_u32(const struct buf *b, size_t at)
{
	uint32_t v;

	memcpy(&v, b->data + at, sizeof(v));
	return v;
}

/* Somebody who can write the checksum as well: what is taken keeps the promises of a table. */
static void lies(void **state)
{
	struct table t = table_of(300, 3);
	struct packed_print print = {{9}};
	struct buf b = packed_of(&t, &print);
	size_t rows = RULES_AT + t.n_rules * sizeof(struct unwind_rule);
	const struct { size_t at; uint32_t v; } wrong[] = {
		{COUNTS_AT, 1}, {COUNTS_AT, 41}, {COUNTS_AT, UINT32_MAX}, {COUNTS_AT, 0},
		{COUNTS_AT + 4, 0}, {COUNTS_AT + 4, 299}, {COUNTS_AT + 4, 301}, {COUNTS_AT + 4, UINT32_MAX},
		{COUNTS_AT + 12, 0x10000},               /* first offset beyond 48 bits */
		{RULES_AT + 12, RULE_RSP},               /* rule 0 is not the end */
		{RULES_AT + 16 + 12, RULE_RSP},          /* rule 1 is not "unknown" */
		{RULES_AT + 5 * 16 + 12, RULE_KIND_MAX}, {RULES_AT + 5 * 16 + 12, RULE_END},
		{RULES_AT + 5 * 16 + 12, RULE_RSP | RBP_KIND_MAX << 8},
		{RULES_AT + 5 * 16 + 12, RULE_REG | 16 << 16},
		{rows + 40, 1 << 16 | 40},               /* a rule that is not there */
		{rows + 40, get_u32(&b, rows + 40) & 0xffff}, /* the same place twice */
		{rows + 40, 4 << 16 | (get_u32(&b, rows + 36) & 0xffff)}, /* the same rule twice */
		{b.len - 4, 4 << 16 | 2},                /* the last is not the end */
		{b.len - 4, 0xffffu << 16},              /* nor is there a last */
		{b.len - 8, 0xffffu << 16 | 1},          /* a mere distance has no rule */
	};

	assert_int_equal(read_resummed(&b, &print), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		uint32_t was = get_u32(&b, wrong[i].at);

		put_u32(&b, wrong[i].at, wrong[i].v);
		if (read_resummed(&b, &print) != -EBADMSG)
			fail_msg("lie %zu was believed", i);
		put_u32(&b, wrong[i].at, was);
	}
	assert_int_equal(read_resummed(&b, &print), 0);
	buf_free(&b);
	table_free(&t);
}

/* -- the directory ------------------------------------------------------------------------------ */

static void others(void **state)
{
	char link[80], path[300], wide[80];
	struct cache *c = NULL;
	struct err e = {0};
	struct cache_key k = key_of(1);
	struct table t = table_of(50, 1), back;
	struct stat st;

	snprintf(wide, sizeof(wide), "%s/a/b/wide", folder);
	assert_int_equal(cache_open(wide, 1 << 20, &c, &e), 0); /* made, with its parents, for us alone */
	cache_close(c);
	assert_int_equal(stat(wide, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	for (mode_t mode = 0722; mode < 0760; mode += 020) { /* 0722, 0742: for others; */
		chmod(wide, mode);
		assert_int_equal(cache_open(wide, 1 << 20, &c, &e), -EPERM);
		assert_non_null(strstr(e.text, wide));
	}
	chmod(wide, 0720); /* for the group */
	assert_int_equal(cache_open(wide, 1 << 20, &c, &e), -EPERM);
	snprintf(link, sizeof(link), "%s/link", folder);
	assert_int_equal(symlink(wide, link), 0);
	assert_true(cache_open(link, 1 << 20, &c, &e) < 0);
	assert_int_equal(cache_open("/proc/nowhere", 1 << 20, &c, &e), -ENOENT);

	c = cache_here(1 << 20);
	snprintf(path, sizeof(path), "%s/%s", folder, k.name);
	save(c, &k, &t);
	chmod(path, 0622);
	assert_int_equal(cache_load(c, &k, &back), -EBADMSG);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(cache_load(c, &k, &back), -EBADMSG);
	assert_int_equal(lstat(path, &st), -1); /* the link went, not what it points to */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(cache_load(c, &k, &back), -EBADMSG);
	assert_int_equal(cache_load(c, &k, &back), -ENOENT);
	save(c, &k, &t);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(cache_load(c, &k, &back), -EBADMSG);
	save(c, &k, &t);
	if (!geteuid()) {
		assert_int_equal(chown(path, 4711, 4711), 0);
		assert_int_equal(cache_load(c, &k, &back), -EBADMSG);
	}
	table_free(&t);
	cache_close(c);
}

static void places(void **state)
{
	char dir[200], small[8];

	unsetenv("WAGGLE_CACHE_DIR");
	setenv("HOME", "/home/x", 1);
	setenv("XDG_CACHE_HOME", "/x/y", 1);
	assert_int_equal(cache_default_dir(dir, sizeof(dir)), 0);
	assert_string_equal(dir, geteuid() ? "/x/y/waggle/unwind" : "/var/cache/waggle/unwind");
	setenv("WAGGLE_CACHE_DIR", "here", 1);
	assert_int_equal(cache_default_dir(dir, sizeof(dir)), 0);
	assert_string_equal(dir, "here");
	unsetenv("WAGGLE_CACHE_DIR");
	assert_int_equal(cache_default_dir(small, sizeof(small)), -ENAMETOOLONG);
}

static void pruning(void **state)
{
	struct cache *c = cache_here(200 << 10);
	struct table t = table_of(5000, 1), back = {0}; /* 20 KiB on disk */
	char path[300], foreign[100], orphan[100];
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	int kept = 0;
	bool gone = false;

	snprintf(foreign, sizeof(foreign), "%s/letter.txt", folder);
	close(open(foreign, O_CREAT | O_WRONLY, 0600));
	utimensat(AT_FDCWD, foreign, old, 0);
	snprintf(orphan, sizeof(orphan), "%s/.new-1-2-3", folder);
	close(open(orphan, O_CREAT | O_WRONLY, 0600));
	utimensat(AT_FDCWD, orphan, old, 0);
	for (int i = 0; i < 40; i++) {
		struct cache_key k = key_of(i);

		save(c, &k, &t);
		snprintf(path, sizeof(path), "%s/%s", folder, k.name);
		old[0].tv_sec = old[1].tv_sec = 2000000 + i;
		utimensat(AT_FDCWD, path, old, 0);
		if (i == 3) { /* used: young again */
			assert_int_equal(cache_load(c, &k, &back), 0);
			table_free(&back);
		}
	}
	cache_prune(c);
	for (int i = 39; i >= 0; i--) { /* the youngest are there, and none older than one that is not */
		struct cache_key k = key_of(i);
		int code = cache_load(c, &k, &back);

		assert_int_equal(code, i == 3 || (!gone && i > 20) ? code : -ENOENT);
		assert_int_equal(i == 3 || i == 39 ? code : 0, 0);
		gone |= code != 0;
		kept += !code;
		if (!code)
			table_free(&back);
	}
	assert_in_range(kept, 6, 10);
	assert_int_equal(access(foreign, F_OK), 0);
	assert_int_equal(access(orphan, F_OK), -1);
	table_free(&t);
	cache_close(c);
}

/* -- at the same time --------------------------------------------------------------------------- */

/* Writes and reads the same few tables over and over; exits with what went wrong. */
static int worker(int seed)
{
	struct cache *c = cache_here(300 << 10);
	int bad = 0, loaded = 0;

	srand48(seed);
	for (int i = 0; i < 300 && !bad; i++) {
		int n = (int)(lrand48() % 8);
		struct table t = table_of(2000 + (size_t)n * 500, n), back = {0};
		struct cache_key k = key_of(n);
		int code = cache_load(c, &k, &back);

		if (code == -EBADMSG)
			bad = 1;
		if (!code) {
			loaded++;
			bad |= back.n != t.n || memcmp(back.rows, t.rows, t.n * sizeof(*t.rows)) ? 2 : 0;
			table_free(&back);
		}
		if (i % 3 == 0) {
			struct buf b = {0};

			packed_write(&b, &k.print, &t);
			bad |= cache_save(c, &k, b.data, b.len) ? 4 : 0;
			buf_free(&b);
		}
		if (i % 50 == 0)
			cache_prune(c);
		table_free(&t);
	}
	cache_close(c);
	return bad ? bad : loaded ? 0 : 8;
}

static void together(void **state)
{
	pid_t child[6];

	for (int i = 0; i < 6; i++) {
		child[i] = fork();
		if (!child[i])
			_exit(worker(i));
	}
	for (int i = 0; i < 6; i++) {
		int status;

		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(real_files, setup, teardown),
		cmocka_unit_test(prints),
		cmocka_unit_test(damage),
		cmocka_unit_test(lies),
		cmocka_unit_test_setup_teardown(others, setup, teardown),
		cmocka_unit_test(places),
		cmocka_unit_test_setup_teardown(pruning, setup, teardown),
		cmocka_unit_test_setup_teardown(together, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
