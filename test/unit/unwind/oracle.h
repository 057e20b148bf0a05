/* oracle.h - the truth for unwind rules: elfutils' libdw, an independent reader of the same bytes.
 */
#ifndef WAGGLE_TEST_UNWIND_ORACLE_H
#define WAGGLE_TEST_UNWIND_ORACLE_H

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/abi.h"

struct oracle {
	int fd;
	Elf *elf;
	Dwarf *dwarf;
	Dwarf_CFI *cfi[2]; /* .eh_frame (ours to end), .debug_frame (the Dwarf's) */
};

static inline bool oracle_open(struct oracle *o, const char *path)
{
	elf_version(EV_CURRENT);
	*o = (struct oracle){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
	o->elf = o->fd < 0 ? NULL : elf_begin(o->fd, ELF_C_READ_MMAP, NULL);
	if (!o->elf)
		return false;
	o->cfi[0] = dwarf_getcfi_elf(o->elf);
	o->dwarf = dwarf_begin_elf(o->elf, DWARF_C_READ, NULL);
	o->cfi[1] = o->dwarf ? dwarf_getcfi(o->dwarf) : NULL;
	return true;
}

static inline void oracle_close(struct oracle *o)
{
	if (o->cfi[0])
		dwarf_cfi_end(o->cfi[0]);
	if (o->dwarf)
		dwarf_end(o->dwarf);
	if (o->elf)
		elf_end(o->elf);
	if (o->fd >= 0)
		close(o->fd);
}

static inline Dwarf_Frame *oracle_frame(const struct oracle *o, uint64_t vaddr)
{
	Dwarf_Frame *f = NULL;

	for (int i = 0; i < 2 && !f; i++)
		if (o->cfi[i] && dwarf_cfi_addrframe(o->cfi[i], vaddr, &f))
			f = NULL;
	return f;
}

static inline bool oracle_is_plt(const Dwarf_Op *op, size_t n)
{
	static const uint8_t form[9] = { DW_OP_breg7, DW_OP_breg16, DW_OP_lit15, DW_OP_and, 0,
					 DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus };

	for (size_t i = 0; i < n && i < 9; i++)
		if (i != 4 && op[i].atom != form[i])
			return false;
	return n == 9 && op[0].number == 8 && op[1].number == 0 && op[4].atom >= DW_OP_lit0 &&
	       op[4].atom <= DW_OP_lit15;
}

/* *(rsp + off + 8 * register) + add */
static inline bool oracle_index(const Dwarf_Op *op, size_t n, struct unwind_rule *r)
{
	static const uint8_t form[7] = { DW_OP_breg7, 0, DW_OP_lit8, DW_OP_mul, DW_OP_plus, DW_OP_deref,
					 DW_OP_plus_uconst };

	for (size_t i = 0; i < n && i < 7; i++)
		if (i != 1 && op[i].atom != form[i])
			return false;
	if (n != 7 || op[1].atom < DW_OP_breg0 || op[1].atom > DW_OP_breg15 || op[1].number)
		return false;
	r->kind = RULE_DEREF_INDEX;
	r->cfa_off = (int32_t)op[0].number;
	r->cfa_reg = op[1].atom - DW_OP_breg0;
	r->add = (int32_t)op[6].number;
	return true;
}

static inline void oracle_cfa(const Dwarf_Op *op, size_t n, struct unwind_rule *r)
{
	r->kind = RULE_UNKNOWN;
	if (n == 0 || oracle_index(op, n, r))
		return;
	if (oracle_is_plt(op, n)) {
		r->kind = RULE_PLT;
		r->cfa_off = op[4].atom - DW_OP_lit0;
		return;
	}
	if (n == 1 && op[0].atom == DW_OP_bregx) { /* the plain form: register, offset */
		uint8_t reg = (uint8_t)op[0].number;

		if (op[0].number > 15 || (int64_t)op[0].number2 != (int32_t)op[0].number2)
			return;
		r->cfa_off = (int32_t)op[0].number2;
		r->kind = reg == 7 ? RULE_RSP : reg == 6 ? RULE_RBP : RULE_REG;
		r->cfa_reg = r->kind == RULE_REG ? reg : 0;
		return;
	}
	r->cfa_off = (int32_t)op[0].number;
	if (n < 2 || op[0].atom > DW_OP_breg7 || op[0].atom < DW_OP_breg6 ||
	    op[1].atom != DW_OP_deref || n > 3 || (n == 3 && op[2].atom != DW_OP_plus_uconst))
		return;
	r->kind = op[0].atom == DW_OP_breg7 ? RULE_DEREF_RSP : RULE_DEREF_RBP;
	r->add = n == 3 ? (int32_t)op[2].number : 0;
}

/* "CFA" or "CFA + number", the way libdw writes offset(N). */
static inline bool oracle_at_cfa(const Dwarf_Op *op, size_t n, int16_t *ret)
{
	if (n == 0 || n > 2 || op[0].atom != DW_OP_call_frame_cfa ||
	    (n == 2 && op[1].atom != DW_OP_plus_uconst))
		return false;
	*ret = n == 2 ? (int16_t)op[1].number : 0;
	return true;
}

/* vfork's: "in register N", with a CFA by the stack pointer. */
static inline bool oracle_in_reg(const Dwarf_Op *op, size_t n, Dwarf_Frame *f, struct unwind_rule *r)
{
	Dwarf_Word reg = n == 1 ? op[0].number : 16;
	struct unwind_rule by = { 0 };
	Dwarf_Op *cfa = NULL;

	if (n != 1 || op[0].atom != DW_OP_regx || reg > 15 || dwarf_frame_cfa(f, &cfa, &n))
		return false;
	oracle_cfa(cfa, n, &by);
	if (by.kind != RULE_RSP)
		return false;
	r->kind = RULE_RA_REG;
	r->cfa_off = by.cfa_off;
	r->cfa_reg = (uint8_t)reg;
	return true;
}

static inline void oracle_rbp(Dwarf_Frame *f, struct unwind_rule *r)
{
	Dwarf_Op mem[3], *op = NULL;
	size_t n = 0;

	r->rbp_kind = RBP_LOST;
	if (dwarf_frame_register(f, 6, mem, &op, &n))
		return;
	if (n == 0)
		r->rbp_kind = op == mem ? RBP_LOST : RBP_SAME;
	else if (oracle_at_cfa(op, n, &r->rbp_off))
		r->rbp_kind = RBP_CFA;
	else if (n == 2 && op[0].atom == DW_OP_call_frame_cfa && op[1].atom == DW_OP_breg6)
		r->rbp_kind = RBP_RBP, r->rbp_off = (int16_t)op[1].number;
}

/* libdw 0.188 takes an rbx that the program does not mention for undefined (its list of registers that
 * calls preserve names number 0 instead of 3), so of its "undefined" nothing can be learned: only saves
 * are compared. An explicit "undefined" is cfi_test's matter. */
static inline void oracle_rbx(Dwarf_Frame *f, struct unwind_rule *r)
{
	Dwarf_Op mem[3], *op = NULL;
	int16_t off = 0;
	size_t n = 0;

	r->rbx_at = RBX_LOST;
	if (dwarf_frame_register(f, 3, mem, &op, &n))
		return;
	if (n == 0)
		r->rbx_at = 0;
	else if (oracle_at_cfa(op, n, &off) && off < 0 && off >= -8 * 254 && off % 8 == 0)
		r->rbx_at = (uint8_t)(-off / 8);
}

/* The rule that libdw's answer amounts to. False when it knows no function there. */
static inline bool oracle_rule(const struct oracle *o, uint64_t vaddr, struct unwind_rule *r)
{
	Dwarf_Frame *f = oracle_frame(o, vaddr);
	Dwarf_Op mem[3], *op = NULL;
	bool signal = false;
	size_t n = 0;
	int ra;

	memset(r, 0, sizeof(*r));
	if (!f)
		return false;
	ra = dwarf_frame_info(f, NULL, NULL, &signal);
	r->kind = signal ? RULE_SIGNAL : RULE_UNKNOWN;
	if (signal)
		goto out;
	if (dwarf_frame_register(f, ra, mem, &op, &n) == 0 && n == 0 && op == mem)
		r->kind = RULE_BOTTOM;
	if (!oracle_at_cfa(op, n, &r->ra_off)) {
		if (!oracle_in_reg(op, n, f, r))
			goto out;
	} else {
		n = dwarf_frame_cfa(f, &op, &n) ? 0 : n;
		oracle_cfa(op, n, r);
	}
	if (r->kind == RULE_UNKNOWN) {
		*r = (struct unwind_rule){ .kind = RULE_UNKNOWN };
		goto out;
	}
	oracle_rbp(f, r);
	oracle_rbx(f, r);
out:
	free(f);
	return true;
}

#endif
