/* cfi_program.c - runs call frame programs (DWARF 5 section 6.4.2) and says what they mean as
 * rules.
 *
 * Only four things are tracked: how the CFA is computed, where the frame pointer and rbx are saved,
 * where the return address is. Saves of other registers, the bulk of every program, are stepped over,
 * and a rule is only made when one of the four changed: this is why it is fast.
 */
#include "elf/cfi.h"

#define REMEMBER_DEPTH 32 /* compilers nest one or two deep */
#define LEA_BYTES      4u /* lea -8(%r10), %rsp; lea -16(%r13), %rsp */

enum {
	CFA_ADVANCE = 1, /* these three are the two top bits */
	CFA_OFFSET = 2,
	CFA_RESTORE = 3,
	CFA_NOP = 0x00,
	CFA_SET_LOC = 0x01,
	CFA_ADVANCE1 = 0x02,
	CFA_ADVANCE2 = 0x03,
	CFA_ADVANCE4 = 0x04,
	CFA_OFFSET_EXT = 0x05,
	CFA_RESTORE_EXT = 0x06,
	CFA_UNDEFINED = 0x07,
	CFA_SAME = 0x08,
	CFA_REGISTER = 0x09,
	CFA_REMEMBER_STATE = 0x0a,
	CFA_RESTORE_STATE = 0x0b,
	CFA_DEF_CFA = 0x0c,
	CFA_DEF_CFA_REG = 0x0d,
	CFA_DEF_CFA_OFF = 0x0e,
	CFA_DEF_CFA_EXPR = 0x0f,
	CFA_EXPR = 0x10,
	CFA_OFFSET_EXT_SF = 0x11,
	CFA_DEF_CFA_SF = 0x12,
	CFA_DEF_CFA_OFF_SF = 0x13,
	CFA_VAL_OFFSET = 0x14,
	CFA_VAL_OFFSET_SF = 0x15,
	CFA_VAL_EXPR = 0x16,
	CFA_GNU_WINDOW_SAVE = 0x2d, /* AArch64: negate_ra_state */
	CFA_GNU_ARGS_SIZE = 0x2e,
	CFA_GNU_NEG_OFFSET_EXT = 0x2f,
};

enum {
	OP_DEREF = 0x06,
	OP_CONST1U = 0x08,
	OP_AND = 0x1a,
	OP_MUL = 0x1e,
	OP_PLUS = 0x22,
	OP_PLUS_UCONST = 0x23,
	OP_SHL = 0x24,
	OP_GE = 0x2a,
	OP_LIT0 = 0x30,
	OP_BREG0 = 0x70,
};

struct cfi_run {
	const struct cfi *cfi;
	const struct cfi_cie *cie;
	struct cursor in;
	struct cfi_state now;
	bool dirty; /* `now` changed since the last row */
	uint64_t pc, end;
	struct cfi_row *rows;
	size_t n;
	uint32_t depth;
	struct cfi_state kept[REMEMBER_DEPTH];
};

/* -- from state to rule ---------------------------------------------------------------------- */

/* What the linker writes for its jump stubs: rsp + 8 + ((rip & 15) >= N ? 8 : 0), where N is where
 * in the 16-byte stub its push ends. */
static bool cfi_expr_plt(const struct cfi_arch *a, const uint8_t *p, uint32_t len, uint8_t *ret_n)
{
	const uint8_t form[11] = {
		OP_BREG0 + a->sp, 8,      OP_BREG0 + a->ra, 0, OP_LIT0 + 15, OP_AND, 0, OP_GE,
		OP_LIT0 + 3,      OP_SHL, OP_PLUS};

	if (len != sizeof(form) || memcmp(p, form, 6) != 0 || memcmp(p + 7, form + 7, 4) != 0)
		return false;
	if (p[6] < OP_LIT0 || p[6] > OP_LIT0 + 15)
		return false;
	*ret_n = (uint8_t)(p[6] - OP_LIT0);
	return true;
}

/* How the CFA is found: an enum rule_kind and its numbers. */
struct cfi_found {
	uint8_t kind, reg;
	int64_t off, add;
};

/* What is added to the word that was loaded, to the end of the expression. False when it is not that.
 */
static bool cfi_expr_add(struct cursor *c, int64_t *ret)
{
	uint8_t op;

	*ret = 0;
	if (!cursor_left(c))
		return !c->bad;
	op = cursor_u8(c);
	if (op == OP_PLUS_UCONST)
		*ret = (int64_t)cursor_uleb(c);
	else if (op == OP_CONST1U)
		*ret = cursor_u8(c);
	else if (op >= OP_LIT0 && op < OP_LIT0 + 32)
		*ret = op - OP_LIT0;
	else
		return false;
	if (op != OP_PLUS_UCONST && cursor_u8(c) != OP_PLUS)
		return false;
	return !c->bad && !cursor_left(c);
}

/* "*(sp + offset + 8 * register) [+ add]": OpenSSL's Montgomery multiplication keeps the stack pointer
 * behind a vector of run-time length. `c` is behind the first offset. */
static bool cfi_expr_index(const struct cfi_arch *a, struct cursor *c, struct cfi_found *f)
{
	const uint8_t form[5] = {0, OP_LIT0 + 8, OP_MUL, OP_PLUS, OP_DEREF};
	uint8_t base = cursor_u8(c);
	const uint8_t *p = cursor_take(c, sizeof(form));

	if (!p || memcmp(p, form, sizeof(form)) != 0 || base < OP_BREG0 ||
	    base - OP_BREG0 >= a->n_regs)
		return false;
	f->kind = RULE_DEREF_INDEX;
	f->reg = base - OP_BREG0;
	return cfi_expr_add(c, &f->add);
}

/* "sp or fp + offset", and "*(sp or fp + offset) [+ add]": the stack pointer was saved there
 * (realignment, OpenSSL). */
static bool cfi_expr_base(const struct cfi_arch *a, struct cursor c, struct cfi_found *f)
{
	uint8_t base = cursor_u8(&c);
	bool sp = base == OP_BREG0 + a->sp;
	struct cursor look;

	if (c.bad || (!sp && base != OP_BREG0 + a->fp))
		return false;
	f->off = cursor_sleb(&c);
	if (!cursor_left(&c)) {
		f->kind = sp ? RULE_RSP : RULE_RBP;
		return !c.bad;
	}
	look = c;
	if (cursor_u8(&look) != OP_DEREF)
		return sp && cfi_expr_index(a, &c, f);
	f->kind = sp ? RULE_DEREF_RSP : RULE_DEREF_RBP;
	return cfi_expr_add(&look, &f->add);
}

static struct cfi_found cfi_rule_cfa(const struct cfi_arch *a, const struct cfi_state *s)
{
	struct cfi_found f = {.kind = RULE_UNKNOWN}, none = f;
	uint8_t n;

	if (s->expr && cfi_expr_plt(a, s->expr, s->expr_len, &n))
		return (struct cfi_found){.kind = RULE_PLT, .off = n};
	if (s->expr)
		return cfi_expr_base(a, cursor_of(s->expr, s->expr_len), &f) ? f : none;
	f.off = s->cfa_off;
	if (s->cfa_reg == a->sp)
		f.kind = RULE_RSP;
	else if (s->cfa_reg == a->fp)
		f.kind = RULE_RBP;
	else if (s->cfa_reg < a->n_regs)
		f = (struct cfi_found){.kind = RULE_REG, .reg = s->cfa_reg, .off = s->cfa_off};
	return f;
}

/* Where the return address is, given how the CFA is found; false when no rule says that. */
static bool cfi_rule_return(const struct cfi_arch *a, const struct cfi_state *s,
			    const struct cfi_found *f, struct unwind_rule *r)
{
	if (s->ra == CFI_AT_CFA && s->ra_off == (int16_t)s->ra_off) {
		r->kind = f->kind;
		r->ra_off = (int16_t)s->ra_off;
		r->cfa_reg = f->reg;
		return true;
	}
	if (s->ra == CFI_IN_REG && f->kind == RULE_RSP && (uint64_t)s->ra_off < a->n_regs) {
		r->kind = RULE_RA_REG;
		r->cfa_reg = (uint8_t)s->ra_off;
		return true;
	}
	return false;
}

static struct unwind_rule cfi_rule(const struct cfi_arch *a, const struct cfi_state *s)
{
	struct unwind_rule r = {.kind = RULE_UNKNOWN};
	struct cfi_found f;

	if (s->ra == CFI_UNDEFINED)
		return (struct unwind_rule){.kind = RULE_BOTTOM};
	f = cfi_rule_cfa(a, s);
	if (f.kind == RULE_UNKNOWN || f.off != (int32_t)f.off || f.add != (int32_t)f.add ||
	    !cfi_rule_return(a, s, &f, &r))
		return r;
	r.cfa_off = (int32_t)f.off;
	r.add = (int32_t)f.add;
	r.rbx_at = s->rbx_at;
	r.rbp_kind = RBP_LOST;
	if (s->fp == CFI_SAME) {
		r.rbp_kind = RBP_SAME;
	} else if ((s->fp == CFI_AT_CFA || s->fp == CFI_AT_FP) && s->fp_off == (int16_t)s->fp_off) {
		r.rbp_kind = s->fp == CFI_AT_CFA ? RBP_CFA : RBP_RBP;
		r.rbp_off = (int16_t)s->fp_off;
	}
	return r;
}

/* -- the interpreter ------------------------------------------------------------------------- */

/* GCC's realigned functions end in
 *	leave; lea -8(%r10), %rsp; ret
 * and its call frame information goes on saying "rbp is saved at rbp + 0" behind the `leave`, when rbp
 * is the caller's already and points anywhere. It says so while the CFA is r10 (or r13) + 0 and after the
 * CFA has become rsp + 8: the change is the end of the `lea`, whose length is known. */
static void cfi_mend_epilogue(struct cfi_run *r, struct unwind_rule *now)
{
	struct cfi_row *last = r->n ? &r->rows[r->n - 1] : NULL;

	if (now->kind != RULE_RSP || now->rbp_kind != RBP_RBP || now->rbp_off)
		return;
	now->rbp_kind = RBP_SAME;
	if (!last || last->rule.kind != RULE_REG || last->rule.rbp_kind != RBP_RBP ||
	    last->rule.rbp_off || r->pc - last->vaddr <= LEA_BYTES)
		return;
	last[1] = (struct cfi_row){r->pc - LEA_BYTES, last->rule};
	last[1].rule.rbp_kind = RBP_SAME;
	r->n++;
}

static void cfi_emit(struct cfi_run *r)
{
	struct unwind_rule rule;

	if (!r->dirty)
		return;
	r->dirty = false;
	rule = cfi_rule(r->cfi->arch, &r->now);
	cfi_mend_epilogue(r, &rule);
	if (r->n && unwind_rule_same(&rule, &r->rows[r->n - 1].rule))
		return;
	r->rows[r->n++] = (struct cfi_row){r->pc, rule};
}

/* False ends the run: the rest lies outside of the function. */
static inline bool cfi_advance(struct cfi_run *r, uint64_t delta)
{
	if (delta == 0)
		return true;
	if (r->rows)
		cfi_emit(r);
	if (delta >= r->end - r->pc) {
		r->pc = r->end;
		return false;
	}
	r->pc += delta;
	return true;
}

static inline uint8_t cfi_rbx_at(uint8_t how, int64_t off)
{
	if (how == CFI_SAME)
		return 0;
	if (how != CFI_AT_CFA || off >= 0 || off % 8 || off / -8 >= RBX_LOST)
		return RBX_LOST;
	return (uint8_t)(off / -8);
}

static inline void cfi_set_rbx(struct cfi_run *r, uint8_t rbx_at)
{
	r->now.rbx_at = rbx_at;
	r->dirty = true;
}

static inline void cfi_save(struct cfi_run *r, uint64_t reg, uint8_t how, int64_t off)
{
	if (reg == r->cfi->arch->fp) {
		r->now.fp = how;
		r->now.fp_off = off;
		r->dirty = true;
	} else if (reg == r->cie->ra_reg) {
		r->now.ra = how;
		r->now.ra_off = off;
		r->dirty = true;
	} else if (reg == r->cfi->arch->bx) {
		cfi_set_rbx(r, cfi_rbx_at(how, off));
	}
}

static inline void cfi_restore(struct cfi_run *r, uint64_t reg)
{
	const struct cfi_state *s = &r->cie->initial;

	if (reg == r->cfi->arch->fp)
		cfi_save(r, reg, s->fp, s->fp_off);
	else if (reg == r->cie->ra_reg)
		cfi_save(r, reg, s->ra, s->ra_off);
	else if (reg == r->cfi->arch->bx)
		cfi_set_rbx(r, s->rbx_at);
}

/* Hostile factors wrap around instead of overflowing. */
static inline int64_t cfi_factored(const struct cfi_run *r, uint64_t v)
{
	return (int64_t)(v * (uint64_t)r->cie->data_align);
}

static void cfi_set_cfa(struct cfi_run *r, uint64_t reg, int64_t off)
{
	r->now.expr = NULL;
	r->now.cfa_reg = reg < 255 ? (uint8_t)reg : 255;
	r->now.cfa_off = off;
	r->dirty = true;
}

/* Where a register is saved, when an expression says it and it is as simple as fp + offset. */
static void cfi_save_expr(struct cfi_run *r)
{
	uint64_t reg = cursor_uleb(&r->in), len = cursor_uleb(&r->in);
	const uint8_t *p = cursor_take(&r->in, len);
	struct cursor e;
	int64_t off;

	if (!p)
		return;
	e = cursor_of(p, len);
	if (cursor_u8(&e) == OP_BREG0 + r->cfi->arch->fp && reg == r->cfi->arch->fp) {
		off = cursor_sleb(&e);
		if (!e.bad && !cursor_left(&e)) {
			cfi_save(r, reg, CFI_AT_FP, off);
			return;
		}
	}
	cfi_save(r, reg, CFI_OTHER, 0);
}

/* The instructions about the CFA; false when it is none of them. */
static bool cfi_step_cfa(struct cfi_run *r, uint8_t op)
{
	struct cursor *in = &r->in;
	uint64_t reg, len;

	switch (op) {
	case CFA_DEF_CFA_OFF:
		r->now.cfa_off = (int64_t)cursor_uleb(in);
		r->dirty = true;
		return true;
	case CFA_DEF_CFA_REG:
		cfi_set_cfa(r, cursor_uleb(in), r->now.cfa_off);
		return true;
	case CFA_DEF_CFA:
		reg = cursor_uleb(in);
		cfi_set_cfa(r, reg, (int64_t)cursor_uleb(in));
		return true;
	case CFA_DEF_CFA_SF:
		reg = cursor_uleb(in);
		cfi_set_cfa(r, reg, cfi_factored(r, (uint64_t)cursor_sleb(in)));
		return true;
	case CFA_DEF_CFA_OFF_SF:
		r->now.cfa_off = cfi_factored(r, (uint64_t)cursor_sleb(in));
		r->dirty = true;
		return true;
	case CFA_DEF_CFA_EXPR:
		len = cursor_uleb(in);
		r->now.expr = cursor_take(in, len);
		r->now.expr_len = (uint32_t)len;
		r->dirty = true;
		return true;
	}
	return false;
}

/* The instructions about one register; false when it is none of them. */
static bool cfi_step_register(struct cfi_run *r, uint8_t op)
{
	struct cursor *in = &r->in;
	uint64_t reg, from;

	switch (op) {
	case CFA_OFFSET_EXT:
		reg = cursor_uleb(in);
		cfi_save(r, reg, CFI_AT_CFA, cfi_factored(r, cursor_uleb(in)));
		return true;
	case CFA_OFFSET_EXT_SF:
		reg = cursor_uleb(in);
		cfi_save(r, reg, CFI_AT_CFA, cfi_factored(r, (uint64_t)cursor_sleb(in)));
		return true;
	case CFA_GNU_NEG_OFFSET_EXT:
		reg = cursor_uleb(in);
		cfi_save(r, reg, CFI_AT_CFA, cfi_factored(r, -cursor_uleb(in)));
		return true;
	case CFA_RESTORE_EXT:
		cfi_restore(r, cursor_uleb(in));
		return true;
	case CFA_UNDEFINED:
		cfi_save(r, cursor_uleb(in), CFI_UNDEFINED, 0);
		return true;
	case CFA_SAME:
		cfi_save(r, cursor_uleb(in), CFI_SAME, 0);
		return true;
	case CFA_REGISTER:
		reg = cursor_uleb(in);
		from = cursor_uleb(in);
		cfi_save(r, reg, from == reg ? CFI_SAME : CFI_IN_REG, (int64_t)from);
		return true;
	case CFA_VAL_OFFSET:
	case CFA_VAL_OFFSET_SF: /* the sign does not change the length */
		reg = cursor_uleb(in);
		cursor_uleb(in);
		cfi_save(r, reg, CFI_OTHER, 0);
		return true;
	case CFA_EXPR:
		cfi_save_expr(r);
		return true;
	case CFA_VAL_EXPR:
		reg = cursor_uleb(in);
		cursor_take(in, cursor_uleb(in));
		cfi_save(r, reg, CFI_OTHER, 0);
		return true;
	}
	return false;
}

enum cfi_step { CFI_GO_ON, CFI_DONE, CFI_BAD };

static enum cfi_step cfi_step_location(struct cfi_run *r, uint8_t op)
{
	uint64_t delta = 0, to;

	switch (op) {
	case CFA_ADVANCE1:
		delta = cursor_u8(&r->in);
		break;
	case CFA_ADVANCE2:
		delta = cursor_u16(&r->in);
		break;
	case CFA_ADVANCE4:
		delta = cursor_u32(&r->in);
		break;
	case CFA_SET_LOC:
		if (!cfi_pointer(&r->in, r->cie->encoding, &r->cfi->section, &to) || to < r->pc)
			return CFI_BAD;
		return cfi_advance(r, to - r->pc) ? CFI_GO_ON : CFI_DONE;
	}
	return cfi_advance(r, delta * r->cie->code_align) ? CFI_GO_ON : CFI_DONE;
}

static enum cfi_step cfi_step(struct cfi_run *r, uint8_t op)
{
	switch (op) {
	case CFA_NOP:
	case CFA_GNU_WINDOW_SAVE:
		return CFI_GO_ON;
	case CFA_SET_LOC:
	case CFA_ADVANCE1:
	case CFA_ADVANCE2:
	case CFA_ADVANCE4:
		return cfi_step_location(r, op);
	case CFA_REMEMBER_STATE:
		if (r->depth == REMEMBER_DEPTH)
			return CFI_BAD;
		r->kept[r->depth++] = r->now;
		return CFI_GO_ON;
	case CFA_RESTORE_STATE:
		if (r->depth == 0)
			return CFI_BAD;
		r->now = r->kept[--r->depth];
		r->dirty = true;
		return CFI_GO_ON;
	case CFA_GNU_ARGS_SIZE:
		cursor_uleb(&r->in);
		return CFI_GO_ON;
	}
	return cfi_step_cfa(r, op) || cfi_step_register(r, op) ? CFI_GO_ON : CFI_BAD;
}

/* False when the program makes no sense. */
static bool cfi_interpret(struct cfi_run *r)
{
	while (r->in.p < r->in.end) {
		uint8_t op = *r->in.p++;
		enum cfi_step next = CFI_GO_ON;
		uint8_t low = op & 0x3f;

		switch (op >> 6) {
		case CFA_ADVANCE:
			if (!cfi_advance(r, low * r->cie->code_align))
				return true;
			break;
		case CFA_OFFSET:
			cfi_save(r, low, CFI_AT_CFA, cfi_factored(r, cursor_uleb(&r->in)));
			break;
		case CFA_RESTORE:
			cfi_restore(r, low);
			break;
		default:
			next = cfi_step(r, op);
		}
		if (next == CFI_DONE)
			return !r->in.bad;
		if (next == CFI_BAD || r->in.bad)
			return false;
	}
	return true;
}

bool cfi_run_initial(const struct cfi *c, struct cfi_cie *cie, struct cursor program)
{
	struct cfi_run r = {.cfi = c, .cie = cie, .in = program, .end = UINT64_MAX};

	/* The psABI: what is not mentioned is preserved. A CFA that was never set is no register.
	 */
	cie->initial = (struct cfi_state){.cfa_reg = 255};
	r.now = cie->initial;
	if (!cfi_interpret(&r) || r.pc != 0)
		return false;
	cie->initial = r.now;
	return true;
}

size_t cfi_run(const struct cfi *c, const struct cfi_fde *f, struct cfi_row *rows)
{
	const struct cfi_cie *cie = &c->cies.at[f->cie];
	struct cfi_run r; /* not zeroed: `kept` is large and only read where written */

	if (cie->signal) { /* the kernel's frame: one rule, whatever the expressions are */
		rows[0] = (struct cfi_row){f->vaddr, {.kind = RULE_SIGNAL}};
		return 1;
	}
	r.cfi = c;
	r.cie = cie;
	r.in = cursor_of(c->section.data + f->start, f->end - f->start);
	r.now = cie->initial;
	r.dirty = true;
	r.pc = f->vaddr;
	r.end = f->vaddr + f->size;
	r.rows = rows;
	r.n = 0;
	r.depth = 0;
	if (!cfi_interpret(&r))
		return 0;
	if (r.pc < r.end)
		cfi_emit(&r);
	return r.n;
}
