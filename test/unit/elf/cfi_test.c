/* cfi_test.c - call frame information from handmade bytes: formats, encodings, every instruction,
 * and what must be refused. (Real files are compared with libdw in unwind/table_test.c.)
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "elf/cfi.h"

#define VADDR 0x400000u
#define FUNC  0x1000u
#define SIZE  0x100u

/* What a CIE says; zero is the usual x86-64 one. */
struct cie_shape {
	uint8_t version;     /* 0: 1 */
	const char *letters; /* NULL: "zR" */
	const char *data;    /* augmentation data */
	size_t data_len;
	uint8_t encoding; /* of FDE addresses, as `data` says; 0: absolute */
	bool eh, wide;
	bool no_ra; /* no initial rule for the return address */
};

static void put_record(struct buf *b, bool wide, const struct buf *body)
{
	if (wide)
		buf_u32(b, UINT32_MAX);
	if (wide)
		buf_u64(b, body->len);
	else
		buf_u32(b, (uint32_t)body->len);
	buf_put(b, body->data, body->len);
}

static void put_cie(struct buf *b, const struct cie_shape *s)
{
	const char *letters = s->letters ? s->letters : "zR";
	struct buf body = {0};

	if (s->wide && !s->eh)
		buf_u64(&body, UINT64_MAX);
	else
		buf_u32(&body, s->eh ? 0 : UINT32_MAX);
	buf_u8(&body, s->version ? s->version : 1);
	buf_put(&body, letters, strlen(letters) + 1);
	if (strncmp(letters, "eh", 2) == 0)
		buf_u64(&body, 0x1234);
	if (s->version == 4)
		buf_put(&body, "\x08\x00", 2);
	buf_uleb(&body, 1);
	buf_sleb(&body, -8);
	buf_u8(&body, 16);
	if (strchr(letters, 'z')) {
		buf_uleb(&body, s->data ? s->data_len : 1);
		buf_put(&body, s->data ? s->data : "\0", s->data ? s->data_len : 1);
	}
	buf_put(&body, "\x0c\x07\x08", 3); /* CFA = rsp + 8 */
	if (!s->no_ra)
		buf_put(&body, "\x90\x01", 2); /* return address at CFA - 8 */
	put_record(b, s->wide, &body);
	buf_free(&body);
}

#define GOT 0x800

/* A number as encoded with `encoding`, at the body's end; its section offset is `at`. */
static void put_pointer(struct buf *body, uint64_t at, uint8_t encoding, uint64_t v)
{
	uint64_t here = VADDR + at + body->len;

	if (encoding == 0x50)
		while ((VADDR + at + body->len) & 7)
			buf_u8(body, 0);
	if ((encoding & 0x70) == 0x10)
		v -= here;
	if ((encoding & 0x70) == 0x30)
		v -= GOT;
	if ((encoding & 0x0f) == 0x01)
		buf_uleb(body, v);
	else if ((encoding & 0x0f) == 0x09)
		buf_sleb(body, (int64_t)v);
	else if ((encoding & 0x07) == 0x02)
		buf_put(body, &v, 2);
	else if ((encoding & 0x07) == 0x03)
		buf_put(body, &v, 4);
	else
		buf_put(body, &v, 8);
}

static void put_fde(struct buf *b, const struct cie_shape *s, uint64_t cie_at, uint64_t lo,
		    uint64_t size, const void *program, size_t len)
{
	uint64_t at = b->len + (s->wide ? 12 : 4);
	struct buf body = {0};

	if (s->wide && !s->eh)
		buf_u64(&body, cie_at);
	else
		buf_u32(&body, (uint32_t)(s->eh ? at - cie_at : cie_at));
	put_pointer(&body, at, s->encoding, lo);
	put_pointer(&body, at, s->encoding & 0x07, size);
	if (!s->letters || strchr(s->letters, 'z'))
		buf_uleb(&body, 0);
	buf_put(&body, program, len);
	put_record(b, s->wide, &body);
	buf_free(&body);
}

static const struct cfi_arch *arch(void)
{
	const struct cfi_arch *a = cfi_arch_of(EM_X86_64);

	assert_non_null(a);
	return a;
}

static void read_bytes(struct cfi *c, const struct buf *b, bool eh)
{
	struct cfi_section s = {b->data, b->len, VADDR, eh, .got = GOT};

	assert_int_equal(b->err, 0);
	assert_int_equal(cfi_read(c, arch(), &s), 0);
}

/* Runs one function's program under that CIE; returns the number of rows. */
static size_t run(const struct cie_shape *s, const void *program, size_t len, struct cfi_row *rows,
		  size_t max)
{
	struct buf b = {0};
	struct cfi c;
	size_t n;

	put_cie(&b, s);
	put_fde(&b, s, 0, FUNC, SIZE, program, len);
	read_bytes(&c, &b, s->eh);
	assert_int_equal(c.fdes.n, 1);
	assert_int_equal(c.fdes.at[0].vaddr, FUNC);
	assert_int_equal(c.fdes.at[0].size, SIZE);
	assert_true(cfi_rows_max(&c.fdes.at[0]) <= max);
	n = cfi_run(&c, &c.fdes.at[0], rows);
	cfi_free(&c);
	buf_free(&b);
	return n;
}

#define RUN(shape, program, rows)                                                                  \
	run(shape, program, sizeof(program) - 1, rows, sizeof(rows) / sizeof(*(rows)))

static void formats(void **state)
{
	static const struct cie_shape shapes[] = {
		{.eh = true},
		{.eh = true, .data = "\x1b", .data_len = 1, .encoding = 0x1b},
		{.eh = true, .letters = ""},
		{.eh = true, .letters = "eh"},
		{.eh = true, .letters = "zRB", .data = "\0", .data_len = 1},
		{.eh = true, .letters = "zGR", .data = "\0", .data_len = 1},
		{.eh = true, .letters = "ehzR", .data = "\x1b", .data_len = 1, .encoding = 0x1b},
		/* a personality routine that is left out */
		{.eh = true, .letters = "zPR", .data = "\xff\x1b", .data_len = 2, .encoding = 0x1b},
		/* a personality (4 bytes), LSDA encoding, address encoding */
		{.eh = true,
		 .letters = "zPLR",
		 .data = "\x9b\1\2\3\4\x1b\x1b",
		 .data_len = 7,
		 .encoding = 0x1b},
		/* a letter nobody knows, its data stepped over */
		{.eh = true,
		 .letters = "zRQ",
		 .data = "\x1b\xee\xee",
		 .data_len = 3,
		 .encoding = 0x1b},
		{.eh = true, .wide = true},
		{.letters = ""},
		{.letters = "", .version = 3},
		{.letters = "", .version = 4},
		{.letters = "", .version = 4, .wide = true},
		{.letters = "", .wide = true},
	};
	struct cfi_row rows[16];

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		/* push rbp; mov rsp, rbp; leave */
		size_t n = RUN(&shapes[i], "\x41\x0e\x10\x86\x02\x43\x0d\x06\x02\x20\x0c\x07\x08",
			       rows);

		assert_int_equal(n, 4);
		assert_int_equal(rows[0].vaddr, FUNC);
		assert_int_equal(rows[0].rule.kind, RULE_RSP);
		assert_int_equal(rows[0].rule.cfa_off, 8);
		assert_int_equal(rows[0].rule.ra_off, -8);
		assert_int_equal(rows[0].rule.rbp_kind, RBP_SAME);
		assert_int_equal(rows[1].vaddr, FUNC + 1);
		assert_int_equal(rows[1].rule.cfa_off, 16);
		assert_int_equal(rows[1].rule.rbp_kind, RBP_CFA);
		assert_int_equal(rows[1].rule.rbp_off, -16);
		assert_int_equal(rows[2].vaddr, FUNC + 4);
		assert_int_equal(rows[2].rule.kind, RULE_RBP);
		assert_int_equal(rows[2].rule.cfa_off, 16);
		assert_int_equal(rows[3].vaddr, FUNC + 0x24);
		assert_int_equal(rows[3].rule.kind, RULE_RSP);
	}
}

/* Addresses absolute in every format, relative to themselves, to the table of offsets, and aligned. */
static void encodings(void **state)
{
	static const char all[] =
		"\x01\x02\x03\x04\x08\x09\x0a\x0b\x0c\x10\x19\x1b\x1c\x30\x3b\x50";
	struct cfi_row rows[16];

	for (size_t i = 0; i < 2 * (sizeof(all) - 1); i++) {
		const char *e = &all[i / 2];
		struct cie_shape shape = {.eh = true, .wide = i & 1, .data = e, .data_len = 1,
					  .encoding = (uint8_t)*e};

		assert_int_equal(RUN(&shape, "\x41\x0e\x10", rows), 2); /* looks at the address */
	}
}

/* One program each, and the rule that holds at the function's end. */
static void instructions(void **state)
{
	static const struct {
		const char *program;
		size_t len;
		struct unwind_rule want;
	} cases[] = {
#define CASE(program, ...)                                                                         \
	{                                                                                          \
		program, sizeof(program) - 1,                                                      \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
		CASE("\x41\x0e\x80\x01", .kind = RULE_RSP, .cfa_off = 128, .ra_off = -8),
		CASE("\x41\x13\x7e", .kind = RULE_RSP, .cfa_off = 16, .ra_off = -8),
		CASE("\x41\x12\x06\x7e", .kind = RULE_RBP, .cfa_off = 16, .ra_off = -8),
		CASE("\x41\x0c\x0a\x00", .kind = RULE_REG, .cfa_reg = 10, .ra_off = -8),
		CASE("\x41\x0c\x11\x00", .kind = RULE_UNKNOWN),
		CASE("\x41\x0c\x87\x02\x00", .kind = RULE_UNKNOWN), /* 263 is not rsp */
		/* registers: extended, signed, GNU negative */
		CASE("\x41\x05\x06\x02", .kind = RULE_RSP, .cfa_off = 8, .rbp_kind = RBP_CFA,
		     .rbp_off = -16, .ra_off = -8),
		CASE("\x41\x11\x06\x7e", .kind = RULE_RSP, .cfa_off = 8, .rbp_kind = RBP_CFA,
		     .rbp_off = 16, .ra_off = -8),
		CASE("\x41\x2f\x06\x02", .kind = RULE_RSP, .cfa_off = 8, .rbp_kind = RBP_CFA,
		     .rbp_off = 16, .ra_off = -8),
		CASE("\x41\x90\x05", .kind = RULE_RSP, .cfa_off = 8, .ra_off = -40),
		/* saved too far away to say it */
		CASE("\x41\x05\x06\x80\x80\x80\x01", .kind = RULE_RSP, .cfa_off = 8,
		     .rbp_kind = RBP_LOST, .ra_off = -8),
		CASE("\x41\x05\x10\x80\x80\x80\x01", .kind = RULE_UNKNOWN),
		CASE("\x41\x0e\x80\x80\x80\x80\x10", .kind = RULE_UNKNOWN),
		/* undefined, same, register, restore */
		CASE("\x41\x07\x06", .kind = RULE_RSP, .cfa_off = 8, .rbp_kind = RBP_LOST,
		     .ra_off = -8),
		CASE("\x41\x07\x10", .kind = RULE_BOTTOM),
		CASE("\x41\x86\x02\x41\x08\x06", .kind = RULE_RSP, .cfa_off = 8, .ra_off = -8),
		CASE("\x41\x08\x10", .kind = RULE_UNKNOWN),
		CASE("\x41\x09\x06\x03", .kind = RULE_RSP, .cfa_off = 8, .rbp_kind = RBP_LOST,
		     .ra_off = -8),
		CASE("\x41\x86\x02\x41\xc6", .kind = RULE_RSP, .cfa_off = 8, .ra_off = -8),
		CASE("\x41\x07\x10\x41\x06\x10", .kind = RULE_RSP, .cfa_off = 8, .ra_off = -8),
		CASE("\x41\x0a\x0e\x20\x86\x02\x41\x0b", .kind = RULE_RSP, .cfa_off = 8,
		     .ra_off = -8),
		/* values and expressions of registers */
		CASE("\x41\x14\x06\x02", .kind = RULE_RSP, .cfa_off = 8, .rbp_kind = RBP_LOST,
		     .ra_off = -8),
		CASE("\x41\x15\x06\x02", .kind = RULE_RSP, .cfa_off = 8, .rbp_kind = RBP_LOST,
		     .ra_off = -8),
		CASE("\x41\x16\x06\x02\x76\x00", .kind = RULE_RSP, .cfa_off = 8,
		     .rbp_kind = RBP_LOST, .ra_off = -8),
		CASE("\x41\x10\x06\x02\x76\x70", .kind = RULE_RSP, .cfa_off = 8,
		     .rbp_kind = RBP_RBP, .rbp_off = -16, .ra_off = -8),
		CASE("\x41\x10\x06\x03\x76\x70\x06", .kind = RULE_RSP, .cfa_off = 8,
		     .rbp_kind = RBP_LOST, .ra_off = -8),
		CASE("\x41\x10\x10\x02\x76\x08", .kind = RULE_UNKNOWN),
		/* rbx */
		CASE("\x41\x83\x02", .kind = RULE_RSP, .cfa_off = 8, .rbx_at = 2, .ra_off = -8),
		CASE("\x41\x05\x03\xfe\x01", .kind = RULE_RSP, .cfa_off = 8, .rbx_at = 254,
		     .ra_off = -8),
		CASE("\x41\x05\x03\xff\x01", .kind = RULE_RSP, .cfa_off = 8, .rbx_at = RBX_LOST,
		     .ra_off = -8), /* too far to say it */
		CASE("\x41\x83\x00", .kind = RULE_RSP, .cfa_off = 8, .rbx_at = RBX_LOST,
		     .ra_off = -8),
		CASE("\x41\x11\x03\x7f", .kind = RULE_RSP, .cfa_off = 8, .rbx_at = RBX_LOST,
		     .ra_off = -8), /* above the CFA */
		CASE("\x41\x07\x03", .kind = RULE_RSP, .cfa_off = 8, .rbx_at = RBX_LOST,
		     .ra_off = -8),
		CASE("\x41\x09\x03\x0c", .kind = RULE_RSP, .cfa_off = 8, .rbx_at = RBX_LOST,
		     .ra_off = -8),
		CASE("\x41\x14\x03\x02", .kind = RULE_RSP, .cfa_off = 8, .rbx_at = RBX_LOST,
		     .ra_off = -8),
		CASE("\x41\x10\x03\x02\x76\x70", .kind = RULE_RSP, .cfa_off = 8,
		     .rbx_at = RBX_LOST, .ra_off = -8),
		CASE("\x41\x83\x02\x41\x08\x03", .kind = RULE_RSP, .cfa_off = 8, .ra_off = -8),
		CASE("\x41\x83\x02\x41\xc3", .kind = RULE_RSP, .cfa_off = 8, .ra_off = -8),
		CASE("\x41\x07\x03\x41\x06\x03", .kind = RULE_RSP, .cfa_off = 8, .ra_off = -8),
		CASE("\x41\x83\x02\x41\x0a\x83\x05\x41\x0b", .kind = RULE_RSP, .cfa_off = 8,
		     .rbx_at = 2, .ra_off = -8),
		CASE("\x41\x83\x02\x41\x07\x10", .kind = RULE_BOTTOM),
		CASE("\x41\x83\x02\x41\x0f\x00", .kind = RULE_UNKNOWN),
		/* the return address in a register */
		CASE("\x41\x0e\x00\x09\x10\x05", .kind = RULE_RA_REG, .cfa_reg = 5),
		CASE("\x41\x0e\x00\x09\x10\x05\x41\x0e\x08\x90\x01", .kind = RULE_RSP,
		     .cfa_off = 8, .ra_off = -8),
		CASE("\x41\x09\x10\x11", .kind = RULE_UNKNOWN),
		CASE("\x41\x09\x10\xfb\xff\xff\xff\xff\xff\xff\xff\xff\x01", .kind = RULE_UNKNOWN),
		CASE("\x41\x0d\x06\x09\x10\x05", .kind = RULE_UNKNOWN),
		CASE("\x41\x09\x10\x10", .kind = RULE_UNKNOWN),
		/* the CFA by expression */
		CASE("\x0f\x03\x76\x78\x06", .kind = RULE_DEREF_RBP, .cfa_off = -8, .ra_off = -8),
		CASE("\x0f\x06\x77\xf8\x00\x06\x23\x08", .kind = RULE_DEREF_RSP, .cfa_off = 120,
		     .add = 8, .ra_off = -8),
		CASE("\x0f\x05\x77\x10\x06\x38\x22", .kind = RULE_DEREF_RSP, .cfa_off = 16,
		     .add = 8, .ra_off = -8),
		CASE("\x0f\x06\x77\x10\x06\x08\x10\x22", .kind = RULE_DEREF_RSP, .cfa_off = 16,
		     .add = 16, .ra_off = -8),
		CASE("\x0f\x0a\x77\x08\x79\x00\x38\x1e\x22\x06\x23\x08", .kind = RULE_DEREF_INDEX,
		     .cfa_reg = 9, .cfa_off = 8, .add = 8, .ra_off = -8),
		CASE("\x0f\x08\x77\x08\x73\x00\x38\x1e\x22\x06", .kind = RULE_DEREF_INDEX,
		     .cfa_reg = 3, .cfa_off = 8, .ra_off = -8),
		CASE("\x0f\x08\x77\x08\x73\x08\x38\x1e\x22\x06", .kind = RULE_UNKNOWN),
		CASE("\x0f\x08\x77\x08\x80\x00\x38\x1e\x22\x06", .kind = RULE_UNKNOWN), /* rip */
		CASE("\x0f\x08\x76\x08\x73\x00\x38\x1e\x22\x06", .kind = RULE_UNKNOWN),
		CASE("\x0f\x07\x77\x08\x73\x00\x38\x1e\x22", .kind = RULE_UNKNOWN),
		CASE("\x0f\x05\x77\x10\x06\x38\x1c", .kind = RULE_UNKNOWN), /* minus */
		CASE("\x0f\x03\x73\x78\x06", .kind = RULE_UNKNOWN),         /* another register */
		CASE("\x0f\x04\x77\x10\x06\x06", .kind = RULE_UNKNOWN),
		CASE("\x0f\x00", .kind = RULE_UNKNOWN),
		CASE("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22", .kind = RULE_PLT,
		     .cfa_off = 11, .ra_off = -8),
		CASE("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3a\x2a\x33\x24\x22", .kind = RULE_PLT,
		     .cfa_off = 10, .ra_off = -8),
		CASE("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x50\x2a\x33\x24\x22", .kind = RULE_UNKNOWN),
		CASE("\x0f\x03\x77\x08\x06\x41\x0c\x07\x18", .kind = RULE_RSP, .cfa_off = 24,
		     .ra_off = -8), /* back from an expression */
		/* stepped over */
		CASE("\x41\x2e\x10\x2d\x00\x8c\x05\xcc", .kind = RULE_RSP, .cfa_off = 8,
		     .ra_off = -8),
	};
	static const struct cie_shape shape = {.eh = true};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cfi_row rows[32];
		size_t n = run(&shape, cases[i].program, cases[i].len, rows, 32);
		const struct unwind_rule *got = &rows[n ? n - 1 : 0].rule;

		if (!n || !unwind_rule_same(got, &cases[i].want))
			fail_msg("case %zu: %zu rows, kind %u reg %u cfa %d rbp %u %d rbx %u ra %d", i, n,
				 got->kind, got->cfa_reg, got->cfa_off, got->rbp_kind, got->rbp_off,
				 got->rbx_at, got->ra_off);
	}
}

static void locations(void **state)
{
	static const struct cie_shape shape = {.eh = true};
	struct cfi_row rows[64];
	size_t n = RUN(&shape,
		       "\x40\x0e\x10"                                 /* at the start */
		       "\x02\x10\x0e\x18"                             /* +0x10 */
		       "\x03\x20\x00\x0e\x20"                         /* +0x20 */
		       "\x04\x08\x00\x00\x00\x0e\x28"                 /* +8 */
		       "\x01\x40\x10\x00\x00\x00\x00\x00\x00\x0e\x30" /* to FUNC + 0x40 */
		       "\x41\x0e\x30"                                 /* no change */
		       "\x03\x00\x10\x0e\x38",                        /* behind the end */
		       rows);
	static const uint32_t at[] = {0, 0x10, 0x30, 0x38, 0x40};

	assert_int_equal(n, 5);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(rows[i].vaddr, FUNC + at[i]);
		assert_int_equal(rows[i].rule.cfa_off, 16 + 8 * i);
	}
}

/* GCC's realigned function: after `leave` rbp is the caller's, whatever the program says. */
static void realigned_epilogue(void **state)
{
	static const struct cie_shape shape = {.eh = true};
	struct cfi_row rows[64];
	size_t n = RUN(&shape,
		       "\x45\x0c\x0a\x00"             /* +5: lea 8(%rsp), %r10 */
		       "\x4c\x10\x06\x02\x76\x00"     /* +12: mov %rsp, %rbp */
		       "\x42\x0f\x03\x76\x78\x06"     /* +2: push %r10 */
		       "\x60\x0c\x0a\x00"             /* +32: mov -8(%rbp), %r10 */
		       "\x49\x0c\x07\x08",            /* +9: leave; lea -8(%r10), %rsp */
		       rows);
	static const struct {
		uint32_t at;
		uint8_t kind, rbp_kind;
	} want[] = {
		{0, RULE_RSP, RBP_SAME},        {5, RULE_REG, RBP_SAME}, {17, RULE_REG, RBP_RBP},
		{19, RULE_DEREF_RBP, RBP_RBP},  {51, RULE_REG, RBP_RBP}, {56, RULE_REG, RBP_SAME},
		{60, RULE_RSP, RBP_SAME},
	};

	assert_int_equal(n, 7);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(rows[i].vaddr, FUNC + want[i].at);
		assert_int_equal(rows[i].rule.kind, want[i].kind);
		assert_int_equal(rows[i].rule.rbp_kind, want[i].rbp_kind);
		assert_int_equal(rows[i].rule.rbp_off, 0);
	}
	/* no room for a `lea` between the two */
	n = RUN(&shape, "\x0c\x0a\x00\x10\x06\x02\x76\x00\x44\x0c\x07\x08", rows);
	assert_int_equal(n, 2);
	assert_int_equal(rows[0].rule.rbp_kind, RBP_RBP);
	assert_int_equal(rows[1].rule.rbp_kind, RBP_SAME);
}

static void refused_programs(void **state)
{
	static const struct cie_shape shape = {.eh = true};
	struct cfi_row rows[128];
	char deep[40];

	assert_int_equal(RUN(&shape, "\x41\x0b", rows), 0);     /* nothing remembered */
	assert_int_equal(RUN(&shape, "\x41\x3f", rows), 0);     /* no such instruction */
	assert_int_equal(RUN(&shape, "\x41\x0e", rows), 0);     /* operand missing */
	assert_int_equal(RUN(&shape, "\x41\x0e\x80", rows), 0); /* half an operand */
	assert_int_equal(RUN(&shape, "\x0f\x05\x77", rows), 0); /* expression cut off */
	assert_int_equal(RUN(&shape, "\x41\x04\x01", rows), 0);
	assert_int_equal(RUN(&shape, "\x01\x01\0\0\0\0\0\0\0", rows), 0); /* backwards */
	memset(deep, 0x0a, sizeof(deep));
	assert_int_equal(run(&shape, deep, sizeof(deep), rows, 128), 0);
}

static void signal_frame(void **state)
{
	static const struct cie_shape shape = {.eh = true, .letters = "zRS"};
	const struct unwind_rule want = {.kind = RULE_SIGNAL};
	struct cfi_row rows[16];

	assert_int_equal(RUN(&shape, "\x0f\x03\x77\x20\x06\x41\x0e\x10", rows), 1);
	assert_true(unwind_rule_same(&rows[0].rule, &want));
}

/* Without a rule, the return address is nowhere we know. */
static void no_return_address(void **state)
{
	static const struct cie_shape shape = {.eh = true, .no_ra = true};
	struct cfi_row rows[16];

	assert_int_equal(RUN(&shape, "\x41\x0e\x10", rows), 1);
	assert_int_equal(rows[0].rule.kind, RULE_UNKNOWN);
}

static void several_records(void **state)
{
	static const struct cie_shape eh = {.eh = true}, plain = {.letters = ""};
	struct buf b = {0}, d = {0};
	struct cfi c;

	put_cie(&b, &eh);
	put_fde(&b, &eh, 0, FUNC, 16, "", 0);
	put_fde(&b, &eh, 0, 0, 16, "", 0);         /* dropped by the linker */
	put_fde(&b, &eh, 0, FUNC + 16, 0, "", 0);  /* empty */
	put_fde(&b, &eh, 3, FUNC + 32, 16, "", 0); /* no CIE there */
	put_fde(&b, &eh, 0, UINT64_MAX - 7, 16, "", 0);
	put_fde(&b, &eh, 0, FUNC, UINT64_C(1) << 33, "", 0);
	buf_u32(&b, 0); /* terminator, and more */
	put_fde(&b, &eh, 0, FUNC + 64, 16, "", 0);
	read_bytes(&c, &b, true);
	assert_int_equal(c.cies.n, 1);
	assert_int_equal(c.fdes.n, 2);
	assert_int_equal(c.fdes.at[1].vaddr, FUNC + 64);
	assert_int_equal(c.n_bad, 3);
	cfi_free(&c);

	c.section = (struct cfi_section){b.data, b.len, VADDR, true, true};
	assert_int_equal(cfi_read(&c, arch(), &c.section), 0);
	assert_int_equal(c.fdes.n, 1); /* the terminator ends it */
	cfi_free(&c);

	/* In .debug_frame a CIE may follow its FDEs. */
	put_fde(&d, &plain, 28, FUNC, 16, "\x41\x0e\x10", 3);
	while (d.len < 28)
		buf_u8(&d, 0);
	d.data[0] = 24;
	put_cie(&d, &plain);
	read_bytes(&c, &d, false);
	assert_int_equal(c.fdes.n, 1);
	assert_int_equal(c.n_bad, 0);
	cfi_free(&c);
	buf_free(&b);
	buf_free(&d);
}

static void refused_cies(void **state)
{
	static const struct cie_shape shapes[] = {
		{.eh = true, .version = 2},
		{.eh = true, .letters = "Q"},
		{.eh = true, .letters = "zR", .data = "\x20", .data_len = 1}, /* text-relative */
		{.eh = true, .letters = "zR", .data = "\x40", .data_len = 1}, /* function-relative */
		{.eh = true, .letters = "zR", .data = "\x80", .data_len = 1}, /* indirect */
		{.eh = true, .letters = "zR", .data = "\x9b", .data_len = 1}, /* the same, relative */
		{.eh = true, .letters = "zR", .data = "\x5b", .data_len = 1}, /* aligned, and not */
		{.eh = true, .letters = "eQ"},
		{.eh = true, .letters = "zR", .data = "\x07", .data_len = 1},
		{.eh = true, .letters = "zR", .data = "", .data_len = 0},
		{.eh = true, .letters = "zPR", .data = "\x1b\x01", .data_len = 2},
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct buf b = {0};
		struct cfi c;

		put_cie(&b, &shapes[i]);
		put_fde(&b, &shapes[i], 0, FUNC, SIZE, "", 0);
		read_bytes(&c, &b, true);
		assert_int_equal(c.fdes.n, 0);
		assert_int_equal(c.n_bad, 1);
		cfi_free(&c);
		buf_free(&b);
	}
}

/* Cut anywhere and with any byte changed: never outside of the bytes (the sanitizers watch). */
static void damaged(void **state)
{
	static const struct cie_shape shape = {
		.eh = true, .data = "\x1b", .data_len = 1, .encoding = 0x1b};
	struct buf b = {0};
	struct cfi_row *rows;

	put_cie(&b, &shape);
	for (int i = 0; i < 4; i++)
		put_fde(&b, &shape, 0, FUNC + 64u * (unsigned int)i, 64,
			"\x41\x0e\x10\x86\x02\x43\x0d\x06\x0f\x03\x76\x78\x06\x0a\x0b", 15);
	rows = calloc(b.len + 2, sizeof(*rows));
	for (size_t i = 0; i < b.len * 256; i++) {
		size_t len = i & 1 ? b.len : i / 256;
		uint8_t *copy = malloc(len + 1), *end = copy + len;
		struct cfi_section s = {copy, len, VADDR, true};
		struct cfi c;

		memcpy(copy, b.data, len);
		if (copy + i / 256 < end)
			copy[i / 256] = (uint8_t)i;
		assert_int_equal(cfi_read(&c, arch(), &s), 0);
		for (size_t k = 0; k < c.fdes.n; k++) {
			size_t n = cfi_run(&c, &c.fdes.at[k], rows);

			assert_true(n <= cfi_rows_max(&c.fdes.at[k]));
		}
		cfi_free(&c);
		free(copy);
	}
	free(rows);
	buf_free(&b);
}

static void header(void **state)
{
	static const uint8_t pcrel[] = {1, 0x1b, 3, 0x3b, 0xfc, 0xff, 0xff, 0xff};
	static const uint8_t datarel[] = {1, 0x3b, 3, 0x3b, 0x10, 0, 0, 0};
	struct cfi_section s = {pcrel, sizeof(pcrel), 0x5000, true};
	uint64_t at;

	assert_true(cfi_header_frame(&s, &at));
	assert_int_equal(at, 0x5000);
	s.data = datarel;
	assert_true(cfi_header_frame(&s, &at));
	assert_int_equal(at, 0x5010);
	s.size = 6;
	assert_false(cfi_header_frame(&s, &at));
	assert_null(cfi_arch_of(EM_386));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats),         cmocka_unit_test(instructions),
		cmocka_unit_test(locations),       cmocka_unit_test(refused_programs),
		cmocka_unit_test(signal_frame),    cmocka_unit_test(no_return_address),
		cmocka_unit_test(several_records), cmocka_unit_test(refused_cies),
		cmocka_unit_test(damaged),         cmocka_unit_test(header),
		cmocka_unit_test(realigned_epilogue), cmocka_unit_test(encodings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
