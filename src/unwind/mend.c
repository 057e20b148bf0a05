/* mend.c - looks for the few places that mend.h lists. Most files have none and pay for the question
 * with a look at their rows: text is only read of files that could be a libc or a Go program.
 */
#include "unwind/mend.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/cursor.h"
#include "elf/symtab.h"
#include "unwind/leaf.h"

#define TEXT_CAP     (UINT64_C(16) << 20) /* what is searched for a sigreturn, at most */
#define DYNAMIC_CAP  (UINT64_C(1) << 16)
#define CLONE_GAP    64u /* from the system call to the child's first instruction: 30 or so */
#define FUNCTION_CAP 4096u
#define LEAF_STEP    16u  /* functions begin at multiples of it */
#define LEAF_CAP     128u /* bytes of a gap that are looked at */

static const struct unwind_rule mend_bottom = {.kind = RULE_BOTTOM};
static const struct unwind_rule mend_signal = {.kind = RULE_SIGNAL};
static const struct unwind_rule mend_leaf = {.kind = RULE_RSP, .cfa_off = 8, .ra_off = -8};

static int mend_add(mends *m, uint64_t from, uint64_t to, const struct unwind_rule *rule)
{
	return VEC_PUSH(m, (struct mend){.from = from, .to = to, .rule = *rule}) ? 0 : -ENOMEM;
}

static int mend_interrupted(mends *m, uint64_t from, uint64_t to)
{
	return VEC_PUSH(m, (struct mend){.from = from, .to = to, .interrupted = true}) ? 0 : -ENOMEM;
}

/* -- the return from signal handlers --------------------------------------------------------- */

/* mov $15, %rax; syscall: the bytes that debuggers look for, so that nobody writes it differently. */
static const uint8_t mend_sigreturn_code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};

static bool mend_is_go(struct elf_image *img)
{
	struct elf_section s;

	return elf_image_section_head(img, ".gopclntab", &s) == 0 ||
	       elf_image_section_head(img, ".go.buildinfo", &s) == 0;
}

/* A program or library that takes nothing from others: it would have its own sigreturn. */
static bool mend_is_alone(struct elf_image *img)
{
	struct elf_segment ph;
	struct cursor c;
	const uint8_t *data;

	if (elf_image_program_header(img, PT_INTERP, &ph))
		return false;
	if (!elf_image_program_header(img, PT_DYNAMIC, &ph))
		return true;
	if (ph.filesz > DYNAMIC_CAP || elf_image_bytes(img, ph.offset, ph.filesz, &data))
		return false;
	c = cursor_of(data, ph.filesz);
	while (cursor_left(&c) >= sizeof(Elf64_Dyn)) {
		uint64_t tag = cursor_u64(&c);

		cursor_u64(&c);
		if (tag == DT_NEEDED)
			return false;
		if (tag == DT_NULL)
			break;
	}
	return true;
}

static bool mend_knows_signals(const struct table *t)
{
	for (uint32_t i = 0; i < t->n_rules; i++)
		if (t->rules[i].kind == RULE_SIGNAL)
			return true;
	return false;
}

/* From one byte before: the handler's return address is the first of these bytes, and return addresses
 * are looked up less one. */
static int mend_sigreturn(struct elf_image *img, mends *ret)
{
	const size_t len = sizeof(mend_sigreturn_code);
	size_t n;
	const struct elf_segment *seg = elf_image_segments(img, &n);

	for (size_t i = 0; i < n; i++) {
		const uint8_t *data, *at;

		if (!seg[i].exec || seg[i].filesz > TEXT_CAP ||
		    elf_image_bytes(img, seg[i].offset, seg[i].filesz, &data))
			continue;
		at = memmem(data, seg[i].filesz, mend_sigreturn_code, len);
		if (at && at > data) {
			uint64_t offset = seg[i].offset + (uint64_t)(at - data);

			return mend_add(ret, offset - 1, offset + len, &mend_signal);
		}
	}
	return 0;
}

/* -- clone() --------------------------------------------------------------------------------- */

/* The parent's return from the system call: glibc ends the description before it, because in the child
 * it would be wrong, and begins one without a return address for the child. */
static int mend_clone(struct elf_image *img, const struct table *t, mends *ret)
{
	static const uint8_t syscall_test[] = {0x0f, 0x05, 0x48, 0x85, 0xc0};
	const uint8_t *code;

	for (size_t i = 0; i + 1 < t->n; i++) {
		uint64_t from = t->rows[i].offset, to = t->rows[i + 1].offset;
		int rc;

		if (table_rule(t, i)->kind != RULE_END ||
		    table_rule(t, i + 1)->kind != RULE_BOTTOM || to - from > CLONE_GAP ||
		    to - from < sizeof(syscall_test) ||
		    elf_image_bytes(img, from, sizeof(syscall_test), &code) ||
		    memcmp(code, syscall_test, sizeof(syscall_test)) != 0)
			continue;
		rc = mend_add(ret, from, to, &mend_leaf);
		if (rc)
			return rc;
	}
	return 0;
}

/* -- returns with a wrong height ------------------------------------------------------------- */

/* An epilogue only takes off the stack. Where a description has the stack grow by more than a push, and
 * there is a return, it is the description that counted in the wrong direction (OpenSSL's x25519). */
static int mend_returns(struct elf_image *img, const struct table *t, mends *ret)
{
	for (size_t i = 1; i + 1 < t->n; i++) {
		const struct unwind_rule *r = table_rule(t, i), *before = table_rule(t, i - 1);
		uint64_t from = t->rows[i].offset, to = t->rows[i + 1].offset;
		const uint8_t *code;
		int rc;

		if (r->kind != RULE_RSP || before->kind != RULE_RSP ||
		    r->cfa_off <= before->cfa_off + 8 || to - from > 2 ||
		    elf_image_bytes(img, from, to - from, &code) || code[to - from - 1] != 0xc3 ||
		    (to - from == 2 && code[0] != 0xf3))
			continue;
		rc = mend_add(ret, from, to, &mend_leaf);
		if (rc)
			return rc;
	}
	return 0;
}

/* -- functions of a few instructions --------------------------------------------------------- */

/* The last function of a gap, as far back as it is understood. */
static uint64_t mend_leaf_from(struct elf_image *img, uint64_t from, uint64_t to)
{
	uint8_t code[LEAF_CAP];
	uint64_t size = to - from < LEAF_CAP ? to - from : LEAF_CAP, best = 0;

	if (elf_image_read(img, to - size, size, code))
		return to;
	for (uint64_t back = LEAF_STEP; back <= size; back += LEAF_STEP)
		if (leaf_is(code + size - back, back))
			best = back;
	return to - best;
}

static int mend_leaves(struct elf_image *img, const struct table *t, mends *ret)
{
	for (size_t i = 0; i + 1 < t->n; i++) {
		uint64_t from = t->rows[i].offset, to = t->rows[i + 1].offset, leaf;
		int rc;

		if (table_rule(t, i)->kind != RULE_END || to - from < LEAF_STEP)
			continue;
		leaf = mend_leaf_from(img, from, to);
		rc = leaf < to ? mend_add(ret, leaf, to, &mend_leaf) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

/* -- Go -------------------------------------------------------------------------------------- */

/* What a Go function means for the walk. Its name may have ".abi0" behind it. */
static const struct mend_go {
	const char *name;
	uint8_t code[4]; /* the call that is made on another stack; none: all of the function */
	uint8_t n;
	bool signal, rest; /* rest: everything from there on, it does not come back */
	bool interrupted;  /* a signal's handler pushes the pc and goes on here */
} mend_go_functions[] = {
	{"runtime.goexit", {0}, 0},
	{"runtime.mstart", {0}, 0},
	{"runtime.rt0_go", {0}, 0},
	{"runtime.systemstack", {0xff, 0xd7}, 2}, /* call *%rdi */
	{"runtime.mcall", {0x41, 0xff, 0xd4}, 3}, /* call *%r12 */
	{"runtime.asmcgocall", {0xff, 0xd0}, 2},  /* call *%rax */
	{"runtime.morestack", {0x48, 0x8b, 0x63, 0x38}, 4, false, true}, /* mov 56(%rbx), %rsp */
	{"runtime.sigreturn", {0}, 0, true},      /* its name up to 1.18 and after */
	{"runtime.sigreturn__sigaction", {0}, 0, true},
	{.name = "runtime.asyncPreempt", .interrupted = true},
	{.name = "runtime.sigpanic", .interrupted = true},
	{.name = "runtime.sigpanic0", .interrupted = true},
};

static const struct mend_go *mend_go_of(const char *name)
{
	for (size_t i = 0; i < sizeof(mend_go_functions) / sizeof(*mend_go_functions); i++) {
		const struct mend_go *f = &mend_go_functions[i];
		size_t len = strlen(f->name);

		if (strncmp(name, f->name, len) == 0 &&
		    (!name[len] || strcmp(name + len, ".abi0") == 0))
			return f;
	}
	return NULL;
}

static int mend_go_calls(const struct mend_go *f, const uint8_t *code, uint64_t size,
			 uint64_t offset, mends *ret)
{
	const uint8_t *at = code, *end = code + size;

	while ((at = memmem(at, (size_t)(end - at), f->code, f->n))) {
		uint64_t from = offset + (uint64_t)(at - code);
		uint64_t to = f->rest ? offset + size : from + f->n;
		int rc = mend_add(ret, from, to, &mend_bottom);

		if (rc)
			return rc;
		at += f->n;
	}
	return 0;
}

static int mend_go_function(struct elf_image *img, const struct mend_go *f, const struct symbol *s,
			    mends *ret)
{
	const uint8_t *code;
	uint64_t offset;

	if (!s->size || s->size > FUNCTION_CAP || !elf_image_to_offset(img, s->vaddr, &offset))
		return 0;
	if (f->signal)
		return offset ? mend_add(ret, offset - 1, offset + s->size, &mend_signal) : 0;
	if (f->interrupted)
		return mend_interrupted(ret, offset, offset + s->size);
	if (!f->n)
		return mend_add(ret, offset, offset + s->size, &mend_bottom);
	if (elf_image_bytes(img, offset, s->size, &code))
		return 0;
	return mend_go_calls(f, code, s->size, offset, ret);
}

static int mend_go(struct elf_image *img, mends *ret)
{
	struct symtab *t;
	int rc = symtab_new(img, &t);

	if (rc)
		return rc;
	for (size_t i = 0; i < symtab_count(t) && !rc; i++) {
		struct symbol s = symtab_at(t, i);
		const struct mend_go *f = mend_go_of(s.name);

		if (f)
			rc = mend_go_function(img, f, &s, ret);
	}
	symtab_free(t);
	return rc;
}

int mend_find(struct elf_image *img, const struct table *t, mends *ret)
{
	bool go = mend_is_go(img);
	int rc = mend_clone(img, t, ret);

	if (!rc)
		rc = mend_returns(img, t, ret);
	if (!rc)
		rc = mend_leaves(img, t, ret);
	if (!rc && go)
		rc = mend_go(img, ret);
	else if (!rc && !mend_knows_signals(t) && mend_is_alone(img))
		rc = mend_sigreturn(img, ret);
	return rc;
}
