/* step.bpf.h - from one frame's registers to its caller's, by an unwind rule or by frame pointers.
 *
 * Everything works on struct walk alone, and every way to fail is a row of
 * ends.def. unwind/finish.c steps through copies of stacks with the same code in user space.
 */
#ifndef WAGGLE_BPF_STEP_H
#define WAGGLE_BPF_STEP_H

#include "bpf/words.bpf.h"

/* struct walk's regs_known, by DWARF number. */
#define REGS_ALL 0xffffu
#define REGS_SCRATCH 0x0f37u /* rax, rdx, rcx, rsi, rdi, r8..r11: calls may change them (psABI 3.2.1) */
#define DWARF_RBX 3u

/* A frame pointer further away than this is taken for some other value. */
#define FP_REACH (1u << 20)

VERIFIED_ONCE u32 step_frame_pointer(struct walk *w, u32 otherwise)
{
	u64 ra, bp;

	if (!w)
		return otherwise;
	if (w->bp + 8 <= w->sp || w->bp - w->sp > FP_REACH || (w->bp & 7))
		return otherwise;
	if (stack_word(w, w->bp, &bp) || stack_word(w, w->bp + 8, &ra))
		return otherwise;
	w->sp = w->bp + 16;
	w->bp = bp;
	w->ip = ra;
	w->exact = 0;
	w->regs_known = 0;
	w->by_fp = 1;
	return ra ? WALK_END_MAX : WALK_BOTTOM;
}

/* volatile keeps it out of a mergeable section, whose BTF the kernel refuses. */
static const volatile uint8_t signal_order[] = { 8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7 };

/* A signal handler's caller is the code that was interrupted, with all its registers: at sp lies the
 * ucontext, whose gregs start at 40 in the order r8..r15, di, si, bp, bx, dx, ax, cx, sp, ip
 * (arch/x86/include/uapi/asm/sigcontext.h). */
VERIFIED_ONCE u32 step_signal(struct walk *w)
{
	u64 saved[17];

	if (!w)
		return WALK_RULE;
	w->n_reads = READS_OFF;
	w->chunk_start = w->chunk_end = 0;
	if (stack_read(w, sizeof(saved), w->sp + 40))
		return WALK_STACK_READ;
	__builtin_memcpy(saved, w->chunk, sizeof(saved));
	for (int i = 0; i < 16; i++)
		w->regs[signal_order[i] & 15] = saved[i];
	w->bp = w->regs[6];
	w->sp = w->regs[7];
	w->ip = saved[16];
	w->exact = 1;
	w->regs_known = REGS_ALL;
	w->rbx_slot = 0;
	return WALK_END_MAX;
}

/* The canonical frame address by the rule. 0, or how the walk ends. */
static __always_inline u32 rule_cfa(struct walk *w, struct unwind_rule *r, u64 *ret)
{
	switch (r->kind) {
	case RULE_RSP:
	case RULE_RA_REG:
		*ret = w->sp + r->cfa_off;
		return 0;
	case RULE_RBP:
		*ret = w->bp + r->cfa_off;
		return 0;
	case RULE_PLT:
		*ret = w->sp + 8 + ((w->ip & 15) >= (u64)r->cfa_off ? 8 : 0);
		return 0;
	case RULE_DEREF_RSP:
	case RULE_DEREF_RBP:
		if (stack_word(w, (r->kind == RULE_DEREF_RSP ? w->sp : w->bp) + r->cfa_off, ret))
			return WALK_STACK_READ;
		*ret += r->add;
		return 0;
	case RULE_DEREF_INDEX:
		if (!(w->regs_known >> (r->cfa_reg & 15) & 1))
			return WALK_RULE;
		w->n_reads = READS_OFF;
		if (stack_word(w, w->sp + r->cfa_off + 8 * w->regs[r->cfa_reg & 15], ret))
			return WALK_STACK_READ;
		*ret += r->add;
		return 0;
	case RULE_REG:
		if (!(w->regs_known >> (r->cfa_reg & 15) & 1))
			return WALK_RULE;
		*ret = w->regs[r->cfa_reg & 15];
		if (r->cfa_reg != DWARF_RBX)
			w->n_reads = READS_OFF;
		if (r->cfa_reg == DWARF_RBX && w->rbx_slot && stack_word(w, w->rbx_slot, ret))
			return WALK_STACK_READ;
		*ret += r->cfa_off;
		return 0;
	}
	return WALK_RULE;
}

/* What is left of the registers in the caller: rbx, and of it only where it is. It is read if a rule asks
 * for it, which is rare: hardly a walk pays for it. Registers that calls may change are taken to have
 * been kept: a caller's rule asks for one only where whoever wrote it knew that the callee keeps it
 * (OpenSSL's AES-GCM computes its CFA from rax around calls of its own helpers). */
static __always_inline void rule_registers(struct walk *w, struct unwind_rule *r, u64 cfa)
{
	if (r->rbx_at == RBX_LOST) {
		w->regs_known &= REGS_SCRATCH;
	} else if (r->rbx_at) {
		w->regs_known = (w->regs_known & REGS_SCRATCH) | 1u << DWARF_RBX;
		w->rbx_slot = cfa - 8 * (u64)r->rbx_at;
	} else {
		w->regs_known &= REGS_SCRATCH | 1u << DWARF_RBX;
	}
}

/* The return address by the rule. 0, or how the walk ends. */
static __always_inline u32 rule_return(struct walk *w, struct unwind_rule *r, u64 cfa, u64 *ret)
{
	if (r->kind != RULE_RA_REG)
		return stack_word(w, cfa + r->ra_off, ret) ? WALK_STACK_READ : 0;
	if (!(w->regs_known >> (r->cfa_reg & 15) & 1))
		return WALK_RULE;
	*ret = w->regs[r->cfa_reg & 15];
	w->n_reads = READS_OFF;
	return 0;
}

static __always_inline u32 step_rule(struct walk *w, struct unwind_rule *r)
{
	u64 cfa = 0, ra = 0, bp = w->bp;
	u32 end;

	if (r->kind == RULE_SIGNAL)
		return step_signal(w);
	if (r->kind == RULE_BOTTOM)
		return WALK_BOTTOM;
	end = rule_cfa(w, r, &cfa);
	if (end)
		return end;
	/* A return address that was popped leaves a frame of no bytes. */
	if (cfa < w->sp || (cfa == w->sp && r->kind != RULE_RA_REG))
		return WALK_CFA;
	if (r->rbp_kind == RBP_CFA && stack_word(w, cfa + r->rbp_off, &bp))
		return WALK_STACK_READ;
	/* After its `leave` GCC still says so, when rbp is the caller's already and may be anything. */
	if (r->rbp_kind == RBP_RBP && stack_word(w, w->bp + r->rbp_off, &bp))
		bp = w->bp;
	end = rule_return(w, r, cfa, &ra);
	if (end)
		return end;
	rule_registers(w, r, cfa);
	w->ip = ra;
	w->sp = cfa;
	w->bp = bp;
	w->exact = unwind_rule_plain(r) && r->add;
	w->by_fp = 0;
	return ra ? WALK_END_MAX : WALK_BOTTOM;
}

#endif
