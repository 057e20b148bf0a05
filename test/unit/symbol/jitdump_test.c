/* jitdump_test.c - jitdumps as runtimes write them, half written, and as nobody should. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "symbol/jitdump.h"

enum { LOAD, MOVE, DEBUG, CLOSE, UNWIND };

struct file {
	struct buf b;
	bool swap;
	size_t visible;
};

static void put32(struct file *f, uint32_t v)
{
	buf_u32(&f->b, f->swap ? __builtin_bswap32(v) : v);
}

static void put64(struct file *f, uint64_t v)
{
	buf_u64(&f->b, f->swap ? __builtin_bswap64(v) : v);
}

static void head(struct file *f, uint64_t flags)
{
	put32(f, 0x4a695444);
	put32(f, 1);
	put32(f, 48); /* eight bytes more than we know */
	put32(f, 62);
	put32(f, 0);
	put32(f, 7);
	put64(f, 5);
	put64(f, flags);
	put64(f, UINT64_MAX);
}

static void prefix(struct file *f, uint32_t type, uint32_t size, uint64_t time)
{
	put32(f, type);
	put32(f, 16 + size);
	put64(f, time);
}

static void load(struct file *f, uint64_t time, uint64_t addr, uint64_t size, uint64_t index,
		 const char *name)
{
	prefix(f, LOAD, (uint32_t)(40 + strlen(name) + 1 + size), time);
	put32(f, 7);
	put32(f, 7);
	put64(f, addr);
	put64(f, addr);
	put64(f, size);
	put64(f, index);
	buf_put(&f->b, name, strlen(name) + 1);
	for (uint64_t i = 0; i < size; i++)
		buf_u8(&f->b, 0xcc);
}

static void move(struct file *f, uint64_t time, uint64_t from, uint64_t to, uint64_t index)
{
	prefix(f, MOVE, 48, time);
	put32(f, 7);
	put32(f, 7);
	put64(f, to);
	put64(f, from);
	put64(f, to);
	put64(f, 1);
	put64(f, index);
}

static void debug(struct file *f, uint64_t addr)
{
	prefix(f, DEBUG, 16 + 3 * 16 + 5 + 2 + 2, 1);
	put64(f, addr);
	put64(f, 3);
	put64(f, addr + 8); /* not in order */
	put32(f, 20);
	put32(f, 0);
	buf_put(&f->b, "a.js", 5);
	put64(f, addr);
	put32(f, 10);
	put32(f, 0);
	buf_put(&f->b, "\xff", 2);
	put64(f, addr + 4096); /* outside */
	put32(f, 30);
	put32(f, 0);
	buf_put(&f->b, "b", 2);
}

/* A frame that begins as one does, 12 bytes, and a header of four. */
static void unwind(struct file *f, bool header_first)
{
	static const uint8_t frame[12] = {8, 0, 0, 0, 0, 0, 0, 0, 'f', 'r', 'a', 'm'};
	static const uint8_t header[12] = {1, 2, 3, 4, 9, 9, 9, 9, 9, 9, 9, 9};

	prefix(f, UNWIND, 24 + 24, 1);
	put64(f, 24);
	put64(f, 12);
	put64(f, 24);
	buf_put(&f->b, header_first ? header : frame, 12);
	buf_put(&f->b, header_first ? frame : header, 12);
}

static ssize_t file_read(void *ctx, void *to, size_t n, uint64_t at)
{
	const struct file *f = ctx;

	if (at >= f->visible)
		return 0;
	n = n < f->visible - at ? n : f->visible - at;
	memcpy(to, f->b.data + at, n);
	return (ssize_t)n;
}

static struct jitdump_source source_of(struct file *f)
{
	f->visible = f->b.len;
	return (struct jitdump_source){file_read, f};
}

static void everything(struct file *f)
{
	head(f, 0);
	debug(f, 0x1000);
	unwind(f, false);
	load(f, 100, 0x1000, 16, 1, "first");
	prefix(f, 77, 3, 0); /* of a later version */
	buf_put(&f->b, "...", 3);
	load(f, 200, 0x1008, 32, 2, "second");
	move(f, 300, 0x1000, 0x5000, 1);
	unwind(f, true);
	load(f, 400, 0x9000, 8, 3, "third");
}

static void check_everything(struct jitdump *d, const struct jitdump_source *from)
{
	static const struct {
		uint64_t start, size, time, home;
		const char *name;
	} want[] = {
		{0x1000, 16, 100, 0x1000, "first"}, {0x1008, 32, 200, 0x1008, "second"},
		{0x1000, 16, 300, 0, NULL},         {0x5000, 16, 300, 0x1000, "first"},
		{0x9000, 8, 400, 0x9000, "third"},
	};
	char name[64];

	assert_int_equal(d->codes.n, 5);
	assert_int_equal(d->skipped, 0);
	for (size_t i = 0; i < 5; i++) {
		const struct jitdump_code *c = &d->codes.at[i];

		assert_int_equal(c->start, want[i].start);
		assert_int_equal(c->size, want[i].size);
		assert_int_equal(c->time, want[i].time);
		assert_int_equal(c->home, want[i].home);
		assert_int_equal(c->gone, !want[i].name);
		assert_int_equal(jitdump_name(d, from, i, name, sizeof(name)), want[i].name != NULL);
		if (want[i].name)
			assert_string_equal(name, want[i].name);
		assert_int_equal(c->unwind_size != 0, i == 0 || i == 3 || i == 4);
		if (c->unwind_size) {
			assert_int_equal(c->unwind_size, 12);
			assert_memory_equal(d->unwind.at + c->unwind + 8, "fram", 4);
		}
	}
}

static void check_lines(struct jitdump *d, const struct jitdump_source *from, size_t i)
{
	struct jitdump_lines lines = {0};

	assert_int_equal(jitdump_lines(d, from, i, &lines), 0);
	assert_int_equal(lines.lines.n, 2);
	assert_int_equal(lines.lines.at[0].offset, 0);
	assert_int_equal(lines.lines.at[0].line, 10);
	assert_int_equal(lines.lines.at[1].offset, 8);
	assert_int_equal(lines.lines.at[1].line, 20);
	assert_string_equal(lines.text.at + lines.lines.at[0].file, "a.js");
	assert_string_equal(lines.text.at + lines.lines.at[1].file, "a.js");
	jitdump_lines_free(&lines);
}

static void records_of_all_kinds(void **state)
{
	for (int swap = 0; swap < 2; swap++) {
		struct file f = {.swap = swap};
		struct jitdump *d = jitdump_new();
		struct jitdump_source from;
		struct jitdump_lines none = {0};

		everything(&f);
		from = source_of(&f);
		assert_int_equal(jitdump_follow(d, &from), 0);
		check_everything(d, &from);
		check_lines(d, &from, 0);
		check_lines(d, &from, 3); /* moved: lines stay where they are in the code */
		assert_int_equal(jitdump_lines(d, &from, 1, &none), 0);
		assert_int_equal(none.lines.n, 0);
		jitdump_free(d);
		buf_free(&f.b);
	}
}

static void a_file_that_grows_byte_by_byte(void **state)
{
	struct file f = {0};
	struct jitdump *d = jitdump_new();
	struct jitdump_source from;

	everything(&f);
	from = source_of(&f);
	for (f.visible = 0; f.visible <= f.b.len; f.visible++)
		assert_int_equal(jitdump_follow(d, &from), f.visible < 40 ? -ENODATA : 0);
	f.visible = f.b.len;
	check_everything(d, &from);
	check_lines(d, &from, 0);
	jitdump_free(d);
	buf_free(&f.b);
}

static int follow_once(struct file *f)
{
	struct jitdump *d = jitdump_new();
	struct jitdump_source from = source_of(f);
	int rc = jitdump_follow(d, &from);

	jitdump_free(d);
	buf_free(&f->b);
	return rc;
}

static void what_is_no_jitdump(void **state)
{
	struct file text = {0}, clock = {0}, old = {0}, empty = {0};

	buf_puts(&text.b, "this is no jitdump but it has more than forty bytes");
	assert_int_equal(follow_once(&text), -EBADMSG);
	head(&clock, 1);
	assert_int_equal(follow_once(&clock), -ENOTSUP);
	head(&old, 0);
	old.b.data[4] = 2;
	assert_int_equal(follow_once(&old), -EBADMSG);
	assert_int_equal(follow_once(&empty), -ENODATA);
}

static void lies_are_skipped_and_counted(void **state)
{
	struct file f = {0};
	struct jitdump *d = jitdump_new();
	struct jitdump_source from;

	head(&f, 0);
	load(&f, 1, 0x1000, 0, 1, "empty");
	load(&f, 1, UINT64_MAX - 1, 8, 1, "wraps");
	move(&f, 2, 0x1234, 0x2000, 9); /* of code that never was */
	prefix(&f, LOAD, 4, 1);         /* too short for what it is */
	put32(&f, 0);
	prefix(&f, UNWIND, 24, 1);      /* more than there is */
	put64(&f, 1000);
	put64(&f, 20);
	put64(&f, 0);
	load(&f, 3, 0x3000, 4, 4, "good");
	prefix(&f, LOAD, (uint32_t)-10, 1); /* a record of 6 bytes: from here on nothing is sure */
	load(&f, 4, 0x4000, 4, 5, "never seen");
	from = source_of(&f);
	assert_int_equal(jitdump_follow(d, &from), -EBADMSG);
	assert_int_equal(d->codes.n, 1);
	assert_int_equal(d->codes.at[0].start, 0x3000);
	assert_int_equal(d->codes.at[0].unwind_size, 0);
	assert_int_equal(d->skipped, 5);
	jitdump_free(d);
	buf_free(&f.b);
}

static void nothing_is_read_behind_the_end(void **state)
{
	struct file f = {0};
	struct jitdump *d = jitdump_new();
	struct jitdump_source from;

	head(&f, 0);
	load(&f, 1, 0x1000, 4, 1, "a");
	prefix(&f, CLOSE, 0, 2);
	load(&f, 3, 0x2000, 4, 2, "b");
	from = source_of(&f);
	assert_int_equal(jitdump_follow(d, &from), 0);
	assert_true(d->closed);
	assert_int_equal(d->codes.n, 1);
	jitdump_free(d);
	buf_free(&f.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_all_kinds),
		cmocka_unit_test(a_file_that_grows_byte_by_byte),
		cmocka_unit_test(what_is_no_jitdump),
		cmocka_unit_test(lies_are_skipped_and_counted),
		cmocka_unit_test(nothing_is_read_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
