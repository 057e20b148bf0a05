/* stubs_test.c - reading call stubs and start code: the layouts that linkers write, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "unwind/stubs.h"

/* Rows as "at:height" or "at:height/where rbp is", equal neighbours left out; then where it ended. */
static void check_rows(const char *code, size_t size, const char *want)
{
	struct stubs s = stubs_of((const uint8_t *)code, size);
	struct stub_row row, last = {0};
	char got[256] = "";
	size_t n = 0;

	while (stubs_next(&s, &row)) {
		assert_true(row.at < size);
		if (row.cfa_off != last.cfa_off || row.fp_at != last.fp_at)
			n += (size_t)snprintf(got + n, sizeof(got) - n,
					      row.fp_at ? "%u:%u/%u " : "%u:%u ", row.at,
					      row.cfa_off, row.fp_at);
		last = row;
	}
	snprintf(got + n, sizeof(got) - n, "%u", row.at);
	assert_string_equal(got, want);
}
#define CHECK(code, want) check_rows(code, sizeof(code) - 1, want)

#define D "\x01\x02\x03\x04" /* some displacement */

static void layouts(void **state)
{
	/* lld and old ld: header (entered with a number pushed), then stubs */
	CHECK("\xff\x35" D "\xff\x25" D "\x0f\x1f\x40\x00"
	      "\xff\x25" D "\x68" D "\xe9" D
	      "\xff\x25" D "\x68" D "\xe9" D,
	      "0:16 6:24 12:8 27:16 32:8 43:16 48");
	/* ld with branch tracking: .plt pushes, .plt.sec jumps */
	CHECK("\xff\x35" D "\xf2\xff\x25" D "\x0f\x1f\x00"
	      "\xf3\x0f\x1e\xfa\x68" D "\xf2\xe9" D "\x90",
	      "0:16 6:24 13:8 25:16 31:8 32");
	CHECK("\xf3\x0f\x1e\xfa\xf2\xff\x25" D "\x0f\x1f\x44\x00\x00", "0:8 16");
	/* mold */
	CHECK("\xf3\x0f\x1e\xfa\x41\x53\xff\x35" D "\xff\x25" D "\xcc\xcc"
	      "\xf3\x0f\x1e\xfa\x41\xbb" D "\xff\x25" D,
	      "0:8 6:16 12:24 18:8 36");
	/* .plt.got, static programs */
	CHECK("\xff\x25" D "\x66\x90\xff\x25" D "\x66\x90", "0:8 16");
	CHECK("\xff\x25" D "\x66\x2e\x0f\x1f\x84\x00" D, "0:8 16");
}

static void start_code(void **state)
{
	/* glibc's _init and _fini; musl's */
	CHECK("\x48\x83\xec\x08\x48\x8b\x05" D "\x48\x85\xc0\x74\x02\xff\xd0\x48\x83\xc4\x08\xc3",
	      "0:8 4:16 22:8 23");
	CHECK("\x50\xe8" D "\x58\xc3", "0:8 1:16 7:8 8");
	/* __do_global_dtors_aux: its caller's rbp is in the frame meanwhile */
	CHECK("\xf3\x0f\x1e\xfa\x80\x3d" D "\x00\x75\x13\x55\x48\x89\xe5\xe8" D "\xc6\x05" D
	      "\x01\x5d\xc3\x90\xc3",
	      "0:8 14:16/16 30:8 33");
}

static void not_stubs(void **state)
{
	CHECK("", "0");
	CHECK("\xf3\x0f\x1e", "0");             /* cut off */
	CHECK("\xff\x25\x01\x02\x03", "0");     /* the operand is */
	CHECK("\x90\x0f\x0b\x90", "0:8 1");     /* ud2 */
	CHECK("\x66\xff\x25" D, "0");           /* a prefix that only nops have */
	CHECK("\x66\x66\x66\x66", "0");
	CHECK("\x5d\xc3", "0");                 /* pops what was pushed elsewhere */
	CHECK("\x68" D "\x5d\x5d", "0:8 5:16 6"); /* the second */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts),
		cmocka_unit_test(start_code),
		cmocka_unit_test(not_stubs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
