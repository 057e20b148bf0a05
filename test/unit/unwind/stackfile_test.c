/* stackfile_test.c - files of stacks: what is packed is unpacked, an excerpt of a real file unwinds like the
 * file, and bytes that make no sense are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unwind/excerpt.h"
#include "unwind/stackfile.h"
#include "unwind/table.h"

static struct stackfile sample(void)
{
	static struct stackfile_image images[] = { { "prog", (uint8_t *)"\x7f" "ELF", 4 },
						   { "[vdso]", (uint8_t *)"", 0 } };
	static struct stackfile_mapping mappings[] = { { 0x1000, 0x3000, 0, STACKFILE_IMAGE },
						       { 0x5000, 0x6000, 0, STACKFILE_ANON } };
	static struct stackfile_frame frames[] = { { STACKFILE_IMAGE, 0x10, ORACLE_WAY_CFI },
						   { STACKFILE_NOWHERE, 0x77, ORACLE_WAY_GUESS } };
	static uint8_t stack[48] = { 1, 2, 3 };
	struct stackfile f = { .ip = 0x1010, .stop = ORACLE_COPY, .below = 16, .stack = stack,
			       .stack_bytes = sizeof(stack) };

	for (int i = 0; i < 16; i++)
		f.regs[i] = 0x7ff000 + (uint64_t)i;
	f.images.at = images;
	f.mappings.at = mappings;
	f.frames.at = frames;
	f.images.n = f.mappings.n = f.frames.n = 2;
	return f;
}

static void what_goes_in_comes_out(void **state)
{
	struct stackfile f = sample(), g;
	struct buf b = { 0 };

	assert_int_equal(stackfile_pack(&f, &b), 0);
	assert_int_equal(stackfile_unpack(b.data, b.len, &g), 0);
	assert_memory_equal(f.regs, g.regs, sizeof(f.regs));
	assert_int_equal(f.ip, g.ip);
	assert_int_equal(f.below, g.below);
	assert_int_equal(f.stop, g.stop);
	assert_int_equal(g.images.n, 2);
	assert_string_equal(g.images.at[0].name, "prog");
	assert_int_equal(g.images.at[0].len, 4);
	assert_memory_equal(g.images.at[0].elf, "\x7f" "ELF", 4);
	assert_int_equal(g.mappings.at[1].place, STACKFILE_ANON);
	assert_int_equal(g.mappings.at[0].end, 0x3000);
	assert_int_equal(g.frames.at[1].offset, 0x77);
	assert_int_equal(g.frames.at[1].way, ORACLE_WAY_GUESS);
	assert_int_equal(g.stack_bytes, f.stack_bytes);
	assert_memory_equal(g.stack, f.stack, f.stack_bytes);
	stackfile_free(&g);
	buf_free(&b);
}

static void cut_anywhere_it_is_refused(void **state)
{
	struct stackfile f = sample(), g;
	struct buf b = { 0 };

	assert_int_equal(stackfile_pack(&f, &b), 0);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(stackfile_unpack(b.data, n, &g), -EBADMSG);
	b.data[0] = 'X';
	assert_int_equal(stackfile_unpack(b.data, b.len, &g), -EBADMSG);
	buf_free(&b);
}

static void what_makes_no_sense_is_refused(void **state)
{
	for (int i = 0; i < 5; i++) {
		struct stackfile f = sample(), g;
		struct stackfile_mapping mappings[2] = { f.mappings.at[0], f.mappings.at[1] };
		struct stackfile_frame frames[2] = { f.frames.at[0], f.frames.at[1] };
		struct buf b = { 0 };

		f.mappings.at = mappings;
		f.frames.at = frames;
		if (i == 0)
			mappings[1].start = 0x2000; /* overlap */
		else if (i == 1)
			mappings[1].place = STACKFILE_IMAGE + 2; /* no such image */
		else if (i == 2)
			frames[1].place = STACKFILE_IMAGE + 2;
		else if (i == 3)
			f.stop = ORACLE_STOP_MAX;
		else
			f.below = STACKFILE_BELOW_MAX + 1;
		assert_int_equal(stackfile_pack(&f, &b), 0);
		assert_int_equal(stackfile_unpack(b.data, b.len, &g), -EBADMSG);
		buf_free(&b);
	}
}

static const struct unwind_rule *rule_at(const struct table *t, uint64_t offset)
{
	size_t row = 0;

	while (row + 1 < t->n && t->rows[row + 1].offset <= offset)
		row++;
	return table_rule(t, row);
}

/* Some offsets in functions of this very program. (Not in its call stubs: their rules come off their code,
 * which an excerpt has not.) */
static size_t some_offsets(uint64_t *offsets, size_t room)
{
	const void *const functions[] = { stackfile_pack, stackfile_unpack, stackfile_free, table_build,
					  excerpt_build, oracle_unwind, maps_parse, elf_image_open };
	struct maps m;
	size_t n = 0;

	assert_int_equal(maps_read((uint32_t)getpid(), &m), 0);
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		uint64_t at = (uint64_t)(uintptr_t)functions[i];
		const struct maps_range *in = maps_find(&m, at);

		assert_non_null(in);
		for (uint64_t k = 0; k < 40 && n < room; k += 5)
			offsets[n++] = at + k - in->start + in->offset;
	}
	maps_free(&m);
	return n;
}

/* The rules that hold there are the same in an excerpt of it. */
static void an_excerpt_has_the_rules_of_the_file(void **state)
{
	struct table whole = { 0 }, part = { 0 };
	struct elf_image *img, *small;
	uint64_t offsets[64];
	struct buf b = { 0 };
	int fd = open("/proc/self/exe", O_RDONLY);
	size_t n = some_offsets(offsets, 64);

	assert_true(fd >= 0);
	assert_int_equal(elf_image_open(fd, &img, NULL), 0);
	assert_int_equal(table_build(img, &whole, NULL), 0);
	assert_int_equal(n, 64);
	assert_int_equal(excerpt_build(img, offsets, n, &b), 0);
	assert_int_equal(elf_image_memory(b.data, b.len, &small, NULL), 0);
	assert_int_equal(table_build(small, &part, NULL), 0);
	assert_true(part.n_fdes < whole.n_fdes);
	assert_int_equal(elf_image_entry(small), elf_image_entry(img));
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(rule_at(&whole, offsets[i]), rule_at(&part, offsets[i]),
				    sizeof(struct unwind_rule));
	table_free(&whole);
	table_free(&part);
	elf_image_free(small);
	elf_image_free(img);
	buf_free(&b);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(cut_anywhere_it_is_refused),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(an_excerpt_has_the_rules_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
