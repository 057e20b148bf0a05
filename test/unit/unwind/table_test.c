/* table_test.c - tables of real files against libdw's reading of them; gaps, overlaps, entry points
 * and linkers with files that are built here. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <cmocka.h>

#include "elf/cfi.h"
#include "elf/image.h"
#include "unit/unwind/built.h"
#include "unit/unwind/oracle.h"
#include "unwind/leaf.h"
#include "unwind/stubs.h"
#include "unwind/table.h"

#define SAMPLES 3000

static void check_order(const struct table *t, bool distinct)
{
	assert_true(t->n > 1 && t->n_rules > 2);
	assert_int_equal(t->rules[0].kind, RULE_END);
	assert_int_equal(t->rules[1].kind, RULE_UNKNOWN);
	assert_int_equal(table_rule(t, t->n - 1)->kind, RULE_END);
	for (size_t i = 1; i < t->n; i++) {
		assert_true(t->rows[i - 1].offset < t->rows[i].offset);
		assert_int_not_equal(t->rows[i - 1].rule, t->rows[i].rule);
		assert_true(t->rows[i].rule < t->n_rules);
	}
	for (uint32_t i = 0; i < t->n_rules; i++) {
		for (uint32_t j = 0; distinct && j < i; j++)
			assert_false(unwind_rule_same(&t->rules[i], &t->rules[j]));
	}
}

/* Code that linkers and start files add, as far as it was understood. */
static bool is_stub(const struct subject *s, uint64_t vaddr)
{
	struct elf_section at[STUBS_MAX];
	size_t n = stubs_find(s->img, at);

	for (size_t i = 0; i < n; i++) {
		struct stubs code = stubs_of(at[i].data, at[i].size);
		struct stub_row row;

		while (stubs_next(&code, &row))
			;
		if (vaddr >= at[i].vaddr && vaddr - at[i].vaddr < row.at)
			return true;
	}
	return false;
}

/* Nothing described here, but less than 16 bytes behind a function, up to the aligned next one. */
static bool is_padding(const struct subject *s, const struct oracle *o, uint64_t vaddr)
{
	struct unwind_rule r;
	uint64_t from = vaddr, to = vaddr + 1;

	while (vaddr - from < 16 && !oracle_rule(o, from - 1, &r) && !is_stub(s, from - 1))
		from--;
	while (to - from < 16 && !oracle_rule(o, to, &r) && !is_stub(s, to))
		to++;
	return to - from < 16 && (to & -to) > to - from;
}

/* In what is right before the next described function and does nothing to the stack until it returns. */
static bool is_leaf(const struct subject *s, const struct oracle *o, uint64_t vaddr)
{
	struct unwind_rule r;
	const uint8_t *code;
	uint64_t to = vaddr, offset;

	while (to - vaddr < 128 && !oracle_rule(o, to, &r))
		to++;
	for (uint64_t from = to - 16; to - from <= 128; from -= 16)
		if (from <= vaddr && elf_image_to_offset(s->img, from, &offset) &&
		    !elf_image_bytes(s->img, offset, to - from, &code) && leaf_is(code, to - from))
			return true;
	return false;
}

static bool is_entry(const struct subject *s, uint64_t vaddr)
{
	uint64_t entry = elf_image_entry(s->img);

	return vaddr >= entry && vaddr - entry < 128;
}

/* A return that is described as if the stack had grown right before it. */
static bool is_mended_return(const struct subject *s, uint64_t offset,
			     const struct unwind_rule *want, const struct unwind_rule *got)
{
	const uint8_t *code;

	if (want->kind != RULE_RSP || got->kind != RULE_RSP || got->cfa_off != 8 || want->cfa_off <= 16 ||
	    elf_image_bytes(s->img, offset, 2, &code))
		return false;
	return code[0] == 0xc3 || (code[0] == 0xf3 && code[1] == 0xc3) ||
	       (!elf_image_bytes(s->img, offset - 1, 2, &code) && code[0] == 0xf3 && code[1] == 0xc3);
}

/* Behind the `leave` of a realigned function, where GCC says that rbp is still at rbp + 0. */
static bool is_mended(const struct unwind_rule *want, const struct unwind_rule *got)
{
	struct unwind_rule as_gcc = *got;

	as_gcc.rbp_kind = RBP_RBP;
	as_gcc.rbp_off = want->rbp_off;
	return got->rbp_kind == RBP_SAME && (got->kind == RULE_RSP || got->kind == RULE_REG) &&
	       unwind_rule_same(want, &as_gcc);
}

static void check_address(const struct subject *s, const struct oracle *o, const char *path,
			  uint64_t offset, size_t *described)
{
	struct unwind_rule want, got = rule_at(&s->t, offset);
	uint64_t vaddr;

	if (!elf_image_to_vaddr(s->img, offset, &vaddr))
		return;
	if (!oracle_rule(o, vaddr, &want)) {
		if (got.kind == RULE_END || (got.kind == RULE_BOTTOM && is_entry(s, vaddr)) ||
		    is_padding(s, o, vaddr) ||
		    (got.kind == RULE_RSP && (is_stub(s, vaddr) || is_leaf(s, o, vaddr))))
			return;
	} else if (unwind_rule_same(&want, &got) || is_mended(&want, &got) ||
		   is_mended_return(s, offset, &want, &got)) {
		++*described;
		return;
	}
	fail_msg("%s at %#lx: libdw kind %u cfa %d %+d reg %u rbp %u %+d rbx %u ra %+d, "
		 "ours kind %u cfa %d %+d reg %u rbp %u %+d rbx %u ra %+d",
		 path, (unsigned long)vaddr, want.kind, want.cfa_off, want.add, want.cfa_reg,
		 want.rbp_kind, want.rbp_off, want.rbx_at, want.ra_off, got.kind, got.cfa_off, got.add,
		 got.cfa_reg, got.rbp_kind, got.rbp_off, got.rbx_at, got.ra_off);
}

/* Compares at random addresses of the text, and on both sides of rows picked at random. */
static void check_against_libdw(const char *path, size_t samples)
{
	struct subject s;
	struct oracle o;
	size_t described = 0;
	uint64_t first, span;
	int rc = 0;

	assert_true(subject_open(&s, path, &rc));
	assert_int_equal(rc, 0);
	assert_int_equal(s.t.n_bad, 0);
	check_order(&s.t, true);
	assert_true(oracle_open(&o, path));
	first = s.t.rows[0].offset;
	span = s.t.rows[s.t.n - 1].offset - first + 16;
	srand48(1);
	for (size_t i = 0; i < samples; i++) {
		uint64_t at = s.t.rows[(size_t)lrand48() % s.t.n].offset;

		check_address(&s, &o, path, first + (uint64_t)lrand48() % span, &described);
		check_address(&s, &o, path, at, &described);
		check_address(&s, &o, path, at - 1, &described);
	}
	assert_true(described > samples);
	oracle_close(&o);
	subject_close(&s);
}

/* Every row whose rule is not of the two common kinds. */
static size_t check_rare_rules(const char *path)
{
	struct subject s;
	struct oracle o;
	size_t described = 0;
	int rc = 0;

	assert_true(subject_open(&s, path, &rc));
	assert_int_equal(rc, 0);
	assert_true(oracle_open(&o, path));
	for (size_t i = 0; i < s.t.n; i++) {
		const struct unwind_rule *r = table_rule(&s.t, i);

		if (r->kind != RULE_END && ((r->kind != RULE_RSP && r->kind != RULE_RBP) ||
					    r->rbp_kind >= RBP_RBP || r->rbx_at == RBX_LOST ||
					    r->ra_off != -8))
			check_address(&s, &o, path, s.t.rows[i].offset, &described);
	}
	oracle_close(&o);
	subject_close(&s);
	return described;
}

static const char *const system_files[] = {
	"/lib/x86_64-linux-gnu/libc.so.6",
	"/lib64/ld-linux-x86-64.so.2",
	"/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
	"/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
	"/usr/lib64/libc.so.6",
	"/usr/lib64/libcrypto.so.3",
	"/usr/lib64/libstdc++.so.6",
	"/usr/bin/node",
	"/usr/bin/python3",
	"/proc/self/exe",
};

static void system_files_agree(void **state)
{
	size_t n = 0, rare = 0;

	for (size_t i = 0; i < sizeof(system_files) / sizeof(*system_files); i++) {
		if (access(system_files[i], R_OK))
			continue;
		check_against_libdw(system_files[i], SAMPLES);
		rare += check_rare_rules(system_files[i]);
		n++;
	}
	assert_true(n >= 3);
	assert_true(rare >= 1); /* at the least a PLT */
}

/* -- files built here ------------------------------------------------------------------------ */

static const char c_source[] =
	"#include <alloca.h>\n"
	"#include <string.h>\n"
	"#include <unistd.h>\n"
	"extern void exit(int) __attribute__((noreturn));\n"
	"__attribute__((noinline)) int leaf(int x) { return x * 3 + (int)getpid(); }\n"
	"__attribute__((noinline)) int frames(int n) { char b[300]; memset(b, n, sizeof(b));\n"
	"  return n ? leaf(b[n & 255]) + frames(n - 1) : 0; }\n"
	"__attribute__((noinline)) int sized(int n) { char *p = alloca(n * 8 + 8); memset(p, 1, "
	"n);\n"
	"  return leaf(p[n / 2]); }\n"
	"__attribute__((noinline)) int aligned(int n) { _Alignas(128) char b[512];\n"
	"  memset(b, n, sizeof(b)); return leaf(b[n & 63]) + frames(n); }\n"
	"__attribute__((noreturn, noinline)) void stop(int n) { exit(leaf(n)); }\n"
	"int main(int c, char **v) { if (c > 5) stop(c); return frames(c) + sized(c) + aligned(c); "
	"}\n";

static const char gap_source[] =
	"	.text\n	.globl _start\n	.p2align 4\n"
	"first:	.cfi_startproc\n	push %rbp\n	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset 6, -16\n	call noreturn\n	.cfi_endproc\n" /* ends with a call */
	"bare:	.fill 44, 1, 0x90\n"                                    /* 44 bytes of nobody */
	"noreturn:\n	.cfi_startproc\n	hlt\n	.cfi_endproc\n"
	"	.fill 6, 1, 0x90\n	.p2align 4\n" /* padding */
	"padded:	.cfi_startproc\n	sub $24, %rsp\n	.cfi_def_cfa_offset 32\n"
	"	call first\n	.cfi_endproc\n	.p2align 4\n"
	"	.fill 16, 1, 0x90\n" /* 16 and more: a gap */
	"bottom: .cfi_startproc\n	.cfi_undefined 16\n	call padded\n	.cfi_endproc\n"
	"odd:	.fill 4, 1, 0x90\n" /* next is not aligned */
	"last:	.cfi_startproc\n	ret\n	.cfi_endproc\n"
	"	.fill 64, 1, 0x90\n"
	"_start: call bottom\n	hlt\n	.fill 200, 1, 0x90\n";

static void linkers_agree(void **state)
{
	static const char *const linkers[] = {"bfd", "gold", "lld", "mold"};
	static const char *const flags[] = {"-O2 -pie -fPIE", "-O2 -no-pie -fno-pie",
					    "-O1 -fno-omit-frame-pointer -shared -fPIC"};
	size_t n = 0;

	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 3; j++) {
			char command[256];

			snprintf(command, sizeof(command), "cc -fuse-ld=%s %s -o linked t.c",
				 linkers[i], flags[j]);
			if (!build_here("t.c", c_source, command))
				continue;
			check_against_libdw(in_work("linked"), 400);
			check_rare_rules(in_work("linked"));
			n++;
		}
	}
	assert_true(n >= 2);
}

/* What the first table knows, the second knows too, but for what only sections tell. */
static void check_same_rules(const struct subject *a, const struct subject *b)
{
	for (size_t i = 0; i < a->t.n; i++) {
		uint64_t offset = a->t.rows[i].offset, vaddr;
		struct unwind_rule other = rule_at(&b->t, offset);

		if (!elf_image_to_vaddr(a->img, offset, &vaddr) || is_stub(a, vaddr) || is_stub(b, vaddr))
			continue;
		if (table_rule(&a->t, i)->kind != RULE_END)
			assert_true(unwind_rule_same(table_rule(&a->t, i), &other));
	}
}

/* Sections, and then without section headers: the same rows. */
static void no_section_headers(void **state)
{
	struct subject a, b;
	int rc = 0;

	if (!build_here(
		    "t.c", c_source,
		    "cc -O2 -o plain t.c && cp plain bare && "
		    /* e_shoff, then e_shentsize, e_shnum, e_shstrndx */
		    "printf '\\0\\0\\0\\0\\0\\0\\0\\0' | dd of=bare bs=1 seek=40 conv=notrunc && "
		    "printf '\\0\\0\\0\\0\\0\\0' | dd of=bare bs=1 seek=58 conv=notrunc"))
		skip();
	assert_true(subject_open(&a, in_work("plain"), &rc));
	assert_int_equal(rc, 0);
	assert_true(subject_open(&b, in_work("bare"), &rc));
	assert_int_equal(rc, 0);
	assert_int_equal(a.t.n_fdes, b.t.n_fdes);
	check_same_rules(&a, &b);
	check_same_rules(&b, &a);
	subject_close(&a);
	subject_close(&b);
}

static void debug_frame_only(void **state)
{
	struct subject s;
	int rc = 0;

	if (!build_here("t.c", c_source,
			"cc -O2 -g -gz=zlib -fno-asynchronous-unwind-tables -fno-exceptions "
			"-o debugframe t.c"))
		skip();
	assert_true(subject_open(&s, in_work("debugframe"), &rc));
	assert_int_equal(rc, 0);
	subject_close(&s);
	check_against_libdw(in_work("debugframe"), 200);
}

static struct unwind_rule gap_rule(const struct subject *s, const char *symbol, int64_t plus)
{
	uint64_t offset;

	assert_true(elf_image_to_offset(s->img, symbol_in("gap", symbol), &offset));
	return rule_at(&s->t, offset + (uint64_t)plus);
}

static void gaps(void **state)
{
	struct subject s;
	int rc = 0;

	if (!build_here("gap.S", gap_source, "cc -nostdlib -static -o gap gap.S"))
		skip();
	assert_true(subject_open(&s, in_work("gap"), &rc));
	assert_int_equal(rc, 0);
	check_order(&s.t, true);
	/* The return address of the call that ends `first` is `bare`; one less is still `first`. */
	assert_int_equal(gap_rule(&s, "bare", -1).kind, RULE_RSP);
	assert_int_equal(gap_rule(&s, "bare", -1).cfa_off, 16);
	assert_int_equal(gap_rule(&s, "bare", -1).rbp_kind, RBP_CFA);
	for (int i = 0; i < 44; i++)
		assert_int_equal(gap_rule(&s, "bare", i).kind, RULE_END);
	assert_int_equal(gap_rule(&s, "noreturn", 0).kind, RULE_RSP);
	assert_int_equal(gap_rule(&s, "padded", -1).kind, RULE_RSP);
	assert_int_equal(gap_rule(&s, "padded", -1).cfa_off, 8); /* padding carries on */
	assert_int_equal(gap_rule(&s, "bottom", -1).kind, RULE_END);
	assert_int_equal(gap_rule(&s, "bottom", -16).kind, RULE_END);
	assert_int_equal(gap_rule(&s, "bottom", 0).kind, RULE_BOTTOM);
	assert_int_equal(gap_rule(&s, "odd", -1).kind, RULE_BOTTOM);
	assert_int_equal(gap_rule(&s, "odd", 0).kind, RULE_END);
	assert_int_equal(gap_rule(&s, "last", 0).cfa_off, 8);
	assert_int_equal(gap_rule(&s, "_start", -1).kind, RULE_END);
	assert_int_equal(gap_rule(&s, "_start", 0).kind, RULE_BOTTOM);
	assert_int_equal(gap_rule(&s, "_start", 5).kind, RULE_BOTTOM);
	assert_int_equal(gap_rule(&s, "_start", 150).kind, RULE_END);
	subject_close(&s);
}

/* More rules than rows can number: the rest are unknown, and what was known before goes on. */
static void too_many_rules(void **state)
{
	static const char source[] =
		"	.text\n	.globl _start\n"
		"_start:	.cfi_startproc\n	.rept 70000\n	nop\n"
		"	.cfi_adjust_cfa_offset 8\n	.endr\n	.cfi_endproc\n"
		"	.cfi_startproc\n	nop\n	.cfi_endproc\n";
	struct subject s;
	uint64_t first;
	int rc = 0;

	if (!build_here("many.S", source, "cc -nostdlib -static -o many many.S"))
		skip();
	assert_true(subject_open(&s, in_work("many"), &rc));
	assert_int_equal(rc, 0);
	check_order(&s.t, false);
	assert_int_equal(s.t.n_rules, RULES_MAX);
	assert_int_equal(s.t.n_fdes, 2);
	assert_int_equal(s.t.n_bad, 1);
	first = s.t.rows[0].offset;
	for (int i = 0; i < RULES_MAX - 2; i++)
		assert_int_equal(rule_at(&s.t, first + (uint64_t)i).cfa_off, 8 * (i + 1));
	for (int i = RULES_MAX - 2; i < 70000; i++)
		assert_int_equal(rule_at(&s.t, first + (uint64_t)i).kind, RULE_UNKNOWN);
	assert_int_equal(rule_at(&s.t, first + 70000).cfa_off, 8);
	assert_int_equal(s.t.n, RULES_MAX - 2 + 3);
	subject_close(&s);
}

/* Text moved away from its address: a table is in file offsets, whatever the addresses are. */
static void moved_segments(void **state)
{
	struct subject s;
	const struct elf_segment *seg;
	bool moved = false;
	size_t n;
	int rc = 0;

	if (!build_here("t.c", c_source,
			"cc -O2 -no-pie -Wl,-Ttext-segment=0x7000000 -o moved t.c"))
		skip();
	assert_true(subject_open(&s, in_work("moved"), &rc));
	assert_int_equal(rc, 0);
	seg = elf_image_segments(s.img, &n);
	for (size_t i = 0; i < n; i++)
		moved |= seg[i].exec && seg[i].vaddr - seg[i].offset >= 0x7000000;
	assert_true(moved);
	subject_close(&s);
	check_against_libdw(in_work("moved"), 400);
}

static void no_information(void **state)
{
	struct elf_image *img = NULL;
	struct table t;
	struct err e = {0};
	int fd;

	if (!build_here("n.S", "	.globl _start\n_start: hlt\n",
			"cc -nostdlib -static -o none n.S"))
		skip();
	fd = open(in_work("none"), O_RDONLY);
	assert_int_equal(elf_image_open(fd, &img, &e), 0);
	close(fd);
	assert_int_equal(table_build(img, &t, &e), -ENODATA);
	assert_true(e.text[0]);
	elf_image_free(img);
}

/* The kernel's own shared object, read from memory. */
static void vdso(void **state)
{
	const void *at = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct elf_image *img = NULL;
	const struct elf_segment *seg;
	size_t n, rsp = 0;
	struct table t;

	if (!at)
		skip();
	assert_int_equal(elf_image_memory(at, 4096, &img, NULL), 0);
	seg = elf_image_segments(img, &n); /* one, from offset 0: how long it is */
	assert_int_equal(n, 1);
	n = seg[0].filesz;
	elf_image_free(img);
	assert_int_equal(elf_image_memory(at, n, &img, NULL), 0);
	assert_int_equal(table_build(img, &t, NULL), 0);
	check_order(&t, true);
	for (size_t i = 0; i < t.n; i++)
		rsp += table_rule(&t, i)->kind == RULE_RSP;
	assert_true(rsp >= 3);
	assert_int_equal(t.n_bad, 0);
	table_free(&t);
	elf_image_free(img);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(system_files_agree),
		cmocka_unit_test(linkers_agree),
		cmocka_unit_test(no_section_headers),
		cmocka_unit_test(debug_frame_only),
		cmocka_unit_test(gaps),
		cmocka_unit_test(too_many_rules),
		cmocka_unit_test(moved_segments),
		cmocka_unit_test(no_information),
		cmocka_unit_test(vdso),
	};

	return cmocka_run_group_tests(tests, work_setup, work_teardown);
}
