/* leaf.c - just enough of x86-64 to step over instructions that compute; see leaf.h. */
#include "unwind/leaf.h"

#include "base/cursor.h"

enum leaf_form {
	LEAF_NONE,
	LEAF_PLAIN,  /* no operands */
	LEAF_MODRM,  /* a ModRM byte and what it asks for */
	LEAF_MODRM1, /* the same, and 1 byte */
	LEAF_MODRM4, /* the same, and 4 bytes (2 behind an operand size prefix) */
	LEAF_GROUP,  /* as these three, where the ModRM byte names one register and an operation */
	LEAF_GROUP1,
	LEAF_GROUP4,
	LEAF_BYTE, /* 1 byte */
	LEAF_WORD, /* 4 bytes, or 8 with REX.W, or 2 behind an operand size prefix */
	LEAF_REL4, /* 4 bytes, always */
	LEAF_RETURN,
};

/* First bytes of opcodes, in ranges. Pushes, pops, calls and whatever names rsp by itself are not
 * here; nor is a jump without a condition, because what is before one does not go on to the return.
 */
static const struct leaf_range {
	uint8_t from, to, form;
} leaf_one[] =
	{
		{0x00, 0x03, LEAF_MODRM},  {0x04, 0x04, LEAF_BYTE},   {0x08, 0x0b, LEAF_MODRM},
		{0x10, 0x13, LEAF_MODRM},  {0x18, 0x1b, LEAF_MODRM},  {0x20, 0x23, LEAF_MODRM},
		{0x24, 0x24, LEAF_BYTE},   {0x28, 0x2b, LEAF_MODRM},  {0x30, 0x33, LEAF_MODRM},
		{0x38, 0x3b, LEAF_MODRM},  {0x3c, 0x3c, LEAF_BYTE},   {0x63, 0x63, LEAF_MODRM},
		{0x69, 0x69, LEAF_MODRM4}, {0x6b, 0x6b, LEAF_MODRM1}, {0x70, 0x7f, LEAF_BYTE},
		{0x80, 0x80, LEAF_GROUP1}, {0x81, 0x81, LEAF_GROUP4}, {0x83, 0x83, LEAF_GROUP1},
		{0x84, 0x8b, LEAF_MODRM},  {0x8d, 0x8d, LEAF_MODRM},  {0x90, 0x90, LEAF_PLAIN},
		{0xa8, 0xa8, LEAF_BYTE},   {0xb0, 0xb3, LEAF_BYTE},   {0xb8, 0xbb, LEAF_WORD},
		{0xbd, 0xbf, LEAF_WORD},   {0xc0, 0xc1, LEAF_GROUP1}, {0xc3, 0xc3, LEAF_RETURN},
		{0xd0, 0xd3, LEAF_GROUP},
},
  leaf_two[] = {
	  /* behind 0x0f */
	  {0x1e, 0x1f, LEAF_MODRM}, {0x31, 0x31, LEAF_PLAIN}, {0x40, 0x4f, LEAF_MODRM},
	  {0x80, 0x8f, LEAF_REL4},  {0x90, 0x9f, LEAF_MODRM}, {0xa3, 0xa3, LEAF_MODRM},
	  {0xaf, 0xaf, LEAF_MODRM}, {0xb6, 0xb7, LEAF_MODRM}, {0xba, 0xba, LEAF_GROUP1},
	  {0xbc, 0xbf, LEAF_MODRM}, {0xc7, 0xc7, LEAF_GROUP}, {0xc8, 0xcb, LEAF_PLAIN},
	  {0xcd, 0xcf, LEAF_PLAIN},
};

#define REX_B 1u
#define REX_R 4u
#define REX_W 8u
#define RSP   4u

static enum leaf_form leaf_form(const struct leaf_range *r, size_t n, uint8_t opcode)
{
	for (size_t i = 0; i < n; i++)
		if (opcode >= r[i].from && opcode <= r[i].to)
			return (enum leaf_form)r[i].form;
	return LEAF_NONE;
}

/* Steps over a ModRM byte with its operand. False where a register it names is rsp: as an operand
 * in memory (SIB) rsp is read, which does no harm. */
static bool leaf_modrm(struct cursor *c, uint8_t rex, bool group)
{
	uint8_t modrm = cursor_u8(c), mod = modrm >> 6, rm = modrm & 7, sib = 0;

	if (!group && (modrm >> 3 & 7) == RSP && !(rex & REX_R))
		return false;
	if (mod == 3)
		return rm != RSP || rex & REX_B;
	if (rm == 4)
		sib = cursor_u8(c);
	if (mod == 1)
		cursor_take(c, 1);
	else if (mod == 2 || rm == 5 || (rm == 4 && (sib & 7) == 5))
		cursor_take(c, 4);
	return true;
}

static bool leaf_operands(struct cursor *c, enum leaf_form form, uint8_t rex, bool small)
{
	switch (form) {
	case LEAF_PLAIN:
	case LEAF_RETURN:
		return true;
	case LEAF_MODRM:
	case LEAF_GROUP:
		return leaf_modrm(c, rex, form == LEAF_GROUP);
	case LEAF_MODRM1:
	case LEAF_GROUP1:
		return leaf_modrm(c, rex, form == LEAF_GROUP1) && cursor_take(c, 1);
	case LEAF_MODRM4:
	case LEAF_GROUP4:
		return leaf_modrm(c, rex, form == LEAF_GROUP4) && cursor_take(c, small ? 2 : 4);
	case LEAF_BYTE:
		return cursor_take(c, 1);
	case LEAF_WORD:
		return cursor_take(c, rex & REX_W ? 8 : small ? 2 : 4);
	case LEAF_REL4:
		return cursor_take(c, 4);
	case LEAF_NONE:
		break;
	}
	return false;
}

static enum leaf_form leaf_step(struct cursor *c)
{
	uint8_t opcode = cursor_u8(c), rex = 0;
	enum leaf_form form;
	bool small = false;

	for (int i = 0;
	     i < 8 && (opcode == 0x66 || opcode == 0x2e || opcode == 0xf3 || opcode == 0xf2); i++) {
		small |= opcode == 0x66;
		opcode = cursor_u8(c);
	}
	if ((opcode & 0xf0) == 0x40) {
		rex = opcode & 15;
		opcode = cursor_u8(c);
	}
	if (opcode == 0x0f)
		form = leaf_form(leaf_two, sizeof(leaf_two) / sizeof(*leaf_two), cursor_u8(c));
	else
		form = leaf_form(leaf_one, sizeof(leaf_one) / sizeof(*leaf_one), opcode);
	return leaf_operands(c, form, rex, small) && !c->bad ? form : LEAF_NONE;
}

/* A nop of any length, or int3. */
static bool leaf_padding(struct cursor *c)
{
	const uint8_t *p = c->p;
	size_t n = cursor_left(c);

	if (n && *p == 0xcc)
		return cursor_take(c, 1);
	while (n && (*p == 0x66 || *p == 0x2e))
		p++, n--;
	if (!n || (*p != 0x90 && (n < 2 || p[0] != 0x0f || p[1] != 0x1f)))
		return false;
	return leaf_step(c) != LEAF_NONE;
}

bool leaf_is(const uint8_t *code, size_t size)
{
	struct cursor c = cursor_of(code, size);
	enum leaf_form form;

	do {
		if (!cursor_left(&c))
			return false;
		form = leaf_step(&c);
		if (form == LEAF_NONE)
			return false;
	} while (form != LEAF_RETURN);
	while (cursor_left(&c))
		if (!leaf_padding(&c))
			return false;
	return true;
}
