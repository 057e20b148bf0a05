/* stubs.c - a disassembler that knows two dozen instructions: what linkers write into call stubs, and
 * what _init and _fini are made of.
 *
 * A stub is entered by a call (8 bytes on the stack) or by a jump from the stub before it, and every
 * stub ends in a jump. So the height is 8 behind any jump, and 8 more behind each push (_init and _fini
 * end in a return, and take back what they pushed before). The lazy
 * resolver's own stub, the first of its section, is jumped to with a number already pushed; it is told
 * by the push from memory that it begins with (mold's pushes a register first, and is right as it is).
 */
#include "unwind/stubs.h"

#define HEIGHT_ENTRY  8u
#define HEIGHT_HEADER 16u /* the relocation's number was pushed */

enum stub_op { STUB_OTHER, STUB_PLAIN, STUB_PUSH, STUB_PUSH_MEMORY, STUB_POP, STUB_JUMP };

/* One encoding: `n` bytes to recognise it by, then operands. */
static const struct stub_code {
	uint8_t n, bytes[4], operands;
	uint8_t op;
} stub_codes[] = {
	{4, {0xf3, 0x0f, 0x1e, 0xfa}, 0, STUB_PLAIN}, /* endbr64 */
	{2, {0xff, 0x25}, 4, STUB_JUMP},              /* jmp *disp(%rip) */
	{3, {0xf2, 0xff, 0x25}, 4, STUB_JUMP},        /* the same with BND prefix */
	{3, {0x3e, 0xff, 0x25}, 4, STUB_JUMP},        /* with NOTRACK prefix */
	{1, {0xe9}, 4, STUB_JUMP},                    /* jmp rel32 */
	{2, {0xf2, 0xe9}, 4, STUB_JUMP},
	{1, {0xeb}, 1, STUB_JUMP}, /* jmp rel8 */
	{1, {0x68}, 4, STUB_PUSH}, /* push imm32 */
	{2, {0xff, 0x35}, 4, STUB_PUSH_MEMORY},
	{2, {0x41, 0x53}, 0, STUB_PUSH},  /* push %r11 */
	{2, {0x41, 0xbb}, 4, STUB_PLAIN}, /* mov imm32, %r11d */
	{1, {0xcc}, 0, STUB_PLAIN},       /* int3, as padding */
	{1, {0x90}, 0, STUB_PLAIN},       /* nop */
	{3, {0x0f, 0x1f, 0x00}, 0, STUB_PLAIN}, /* longer nops, by their operand */
	{3, {0x0f, 0x1f, 0x40}, 1, STUB_PLAIN},
	{3, {0x0f, 0x1f, 0x44}, 2, STUB_PLAIN},
	{3, {0x0f, 0x1f, 0x80}, 4, STUB_PLAIN},
	{3, {0x0f, 0x1f, 0x84}, 5, STUB_PLAIN},
	/* _init and _fini: of glibc, then of musl */
	{4, {0x48, 0x83, 0xec, 0x08}, 0, STUB_PUSH}, /* sub $8, %rsp */
	{4, {0x48, 0x83, 0xc4, 0x08}, 0, STUB_POP},  /* add $8, %rsp */
	{3, {0x48, 0x8b, 0x05}, 4, STUB_PLAIN},      /* mov disp(%rip), %rax */
	{3, {0x48, 0x85, 0xc0}, 0, STUB_PLAIN},      /* test %rax, %rax */
	{1, {0x74}, 1, STUB_PLAIN},                  /* je, over the call */
	{2, {0xff, 0xd0}, 0, STUB_PLAIN},            /* call *%rax */
	{1, {0xe8}, 4, STUB_PLAIN},                  /* call */
	{1, {0x50}, 0, STUB_PUSH},                   /* push %rax */
	{1, {0x58}, 0, STUB_POP},                    /* pop %rax */
	{1, {0xc3}, 0, STUB_JUMP},                   /* ret */
};

/* Steps over one instruction; STUB_OTHER (and nothing stepped over) when it is not one of ours. */
static enum stub_op stub_step(struct cursor *code)
{
	struct cursor c = *code;

	/* Prefixes only ever make a nop longer here. */
	while (cursor_left(&c) > 1 && (*c.p == 0x66 || *c.p == 0x2e))
		c.p++;
	for (size_t i = 0; i < sizeof(stub_codes) / sizeof(*stub_codes); i++) {
		const struct stub_code *k = &stub_codes[i];

		if (cursor_left(&c) < (size_t)k->n + k->operands || memcmp(c.p, k->bytes, k->n))
			continue;
		if (c.p != code->p && k->op != STUB_PLAIN)
			return STUB_OTHER;
		c.p += k->n + k->operands;
		*code = c;
		return (enum stub_op)k->op;
	}
	return STUB_OTHER;
}

struct stubs stubs_of(const uint8_t *code, size_t size)
{
	struct stubs s = {
		.start = code,
		.code = cursor_of(code, size < STUBS_CAP ? size : STUBS_CAP),
		.cfa_off = HEIGHT_ENTRY,
	};
	struct cursor look = s.code;
	enum stub_op op = stub_step(&look);

	if (op == STUB_PLAIN) /* behind an endbr64 */
		op = stub_step(&look);
	if (op == STUB_PUSH_MEMORY)
		s.cfa_off = HEIGHT_HEADER;
	return s;
}

bool stubs_next(struct stubs *s, struct stub_row *ret)
{
	enum stub_op op;

	*ret = (struct stub_row){(uint32_t)(s->code.p - s->start), s->cfa_off};
	op = stub_step(&s->code);
	if (op == STUB_JUMP)
		s->cfa_off = HEIGHT_ENTRY;
	else if (op == STUB_PUSH || op == STUB_PUSH_MEMORY)
		s->cfa_off += 8;
	else if (op == STUB_POP && s->cfa_off == HEIGHT_ENTRY)
		op = STUB_OTHER; /* what was pushed elsewhere */
	else if (op == STUB_POP)
		s->cfa_off -= 8;
	return op != STUB_OTHER;
}
