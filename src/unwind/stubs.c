/* stubs.c - a disassembler that knows a few dozen instructions: what linkers write into call stubs,
 * and what _init, _fini and crtbegin.o are made of.
 *
 * A stub is entered by a call (8 bytes on the stack) or by a jump from the stub before it, and
 * every stub ends in a jump. So the height is 8 behind any jump, and 8 more behind each push (_init
 * and _fini end in a return, and take back what they pushed before). The lazy resolver's own stub,
 * the first of its section, is jumped to with a number already pushed; it is told by the push from
 * memory that it begins with (mold's pushes a register first, and is right as it is).
 */
#include "unwind/stubs.h"

#define HEIGHT_ENTRY  8u
#define HEIGHT_HEADER 16u /* the relocation's number was pushed */

enum stub_op {
	STUB_OTHER,
	STUB_PLAIN,
	STUB_PUSH,
	STUB_PUSH_MEMORY,
	STUB_PUSH_FP,
	STUB_POP,
	STUB_JUMP
};

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
	{2, {0x41, 0x53}, 0, STUB_PUSH},        /* push %r11 */
	{2, {0x41, 0xbb}, 4, STUB_PLAIN},       /* mov imm32, %r11d */
	{1, {0xcc}, 0, STUB_PLAIN},             /* int3, as padding */
	{1, {0x90}, 0, STUB_PLAIN},             /* nop */
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
	/* crtbegin.o's functions, position independent or not */
	{3, {0x48, 0x8d, 0x3d}, 4, STUB_PLAIN},       /* lea disp(%rip), %rdi */
	{3, {0x48, 0x8d, 0x05}, 4, STUB_PLAIN},       /* .. %rax */
	{3, {0x48, 0x8d, 0x35}, 4, STUB_PLAIN},       /* .. %rsi */
	{3, {0x48, 0x39, 0xf8}, 0, STUB_PLAIN},       /* cmp %rdi, %rax */
	{3, {0x48, 0x29, 0xfe}, 0, STUB_PLAIN},       /* sub %rdi, %rsi */
	{3, {0x48, 0x89, 0xf0}, 0, STUB_PLAIN},       /* mov %rsi, %rax */
	{4, {0x48, 0xc1, 0xee, 0x3f}, 0, STUB_PLAIN}, /* shr $63, %rsi */
	{4, {0x48, 0xc1, 0xf8, 0x03}, 0, STUB_PLAIN}, /* sar $3, %rax */
	{3, {0x48, 0x01, 0xc6}, 0, STUB_PLAIN},       /* add %rax, %rsi */
	{3, {0x48, 0xd1, 0xfe}, 0, STUB_PLAIN},       /* sar %rsi */
	{2, {0xff, 0xe0}, 0, STUB_JUMP},              /* jmp *%rax */
	{2, {0x80, 0x3d}, 5, STUB_PLAIN},             /* cmpb $imm, disp(%rip) */
	{1, {0x75}, 1, STUB_PLAIN},                   /* jne */
	{1, {0x55}, 0, STUB_PUSH_FP},                 /* push %rbp */
	{3, {0x48, 0x83, 0x3d}, 5, STUB_PLAIN},       /* cmpq $imm, disp(%rip) */
	{3, {0x48, 0x89, 0xe5}, 0, STUB_PLAIN},       /* mov %rsp, %rbp */
	{3, {0x48, 0x8b, 0x3d}, 4, STUB_PLAIN},       /* mov disp(%rip), %rdi */
	{2, {0xff, 0x15}, 4, STUB_PLAIN},             /* call *disp(%rip) */
	{2, {0xc6, 0x05}, 5, STUB_PLAIN},             /* movb $imm, disp(%rip) */
	{1, {0x5d}, 0, STUB_POP},                     /* pop %rbp */
	{1, {0xb8}, 4, STUB_PLAIN},                   /* mov imm32, %eax */
	{1, {0xbe}, 4, STUB_PLAIN},                   /* .. %esi */
	{1, {0xbf}, 4, STUB_PLAIN},                   /* .. %edi */
	{2, {0x48, 0x3d}, 4, STUB_PLAIN},             /* cmp $imm32, %rax */
	{3, {0x48, 0x81, 0xee}, 4, STUB_PLAIN},       /* sub $imm32, %rsi */
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

/* The first instruction that does something: behind an endbr64. */
static enum stub_op stub_first(struct cursor *code)
{
	enum stub_op op = stub_step(code);

	return op == STUB_PLAIN ? stub_step(code) : op;
}

/* It pushes the word that tells the resolver which file this is: first, or (mold) behind a
 * register. */
bool stubs_is_header(const uint8_t *code, size_t size)
{
	struct cursor look = cursor_of(code, size);
	enum stub_op op = stub_first(&look);

	return (op == STUB_PUSH ? stub_step(&look) : op) == STUB_PUSH_MEMORY;
}

struct stubs stubs_of(const uint8_t *code, size_t size)
{
	struct stubs s = {
		.start = code,
		.code = cursor_of(code, size < STUBS_CAP ? size : STUBS_CAP),
		.cfa_off = HEIGHT_ENTRY,
	};
	struct cursor look = s.code;

	if (stub_first(&look) == STUB_PUSH_MEMORY)
		s.cfa_off = HEIGHT_HEADER;
	return s;
}

bool stubs_next(struct stubs *s, struct stub_row *ret)
{
	enum stub_op op;

	*ret = (struct stub_row){(uint32_t)(s->code.p - s->start), s->cfa_off, s->fp_at};
	op = stub_step(&s->code);
	switch (op) {
	case STUB_PUSH_FP:
	case STUB_PUSH:
	case STUB_PUSH_MEMORY:
		s->cfa_off += 8;
		if (op == STUB_PUSH_FP)
			s->fp_at = s->cfa_off;
		return true;
	case STUB_POP:
		if (s->cfa_off == HEIGHT_ENTRY) /* what was pushed elsewhere */
			return false;
		s->cfa_off -= 8;
		break;
	case STUB_JUMP:
		s->cfa_off = HEIGHT_ENTRY;
		break;
	case STUB_PLAIN:
		return true;
	case STUB_OTHER:
		return false;
	}
	if (s->fp_at > s->cfa_off)
		s->fp_at = 0;
	return true;
}
