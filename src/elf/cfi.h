/* cfi.h - call frame information: what .eh_frame and .debug_frame say about finding the caller.
 *
 * cfi_read() finds every description (FDE) of a section, cfi_run() turns one into rows "from this
 * address on, this rule". Formats: DWARF 5 section 6.4 (CIE versions 1, 3, 4; 32 and 64-bit) and
 * the Linux Standard Base's .eh_frame with its augmentations and pointer encodings. What a rule can
 * say is bounded by struct unwind_rule: expressions are recognised by shape (linker stubs; a load
 * from stack or frame pointer plus an offset); any other becomes RULE_UNKNOWN, never a guess.
 *
 * Each byte of the section is interpreted at most once (CIEs are only taken where a walk from
 * record to record meets one), so hostile input cannot make this slower than linear.
 *
 * Ownership: cfi_free(). The section's bytes stay the caller's and must outlive the struct cfi.
 * Thread safety: a struct cfi that was read may be used by many threads.
 */
#ifndef WAGGLE_ELF_CFI_H
#define WAGGLE_ELF_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cursor.h"
#include "base/vec.h"
#include "bpf/abi.h"

/* What is larger is not true, and would only cost memory: some ten times the largest browsers. */
#define CFI_SECTION_CAP (UINT64_C(256) << 20)
#define CFI_CIES_CAP    (1u << 20)
#define CFI_FDES_CAP    (1u << 23)

/* DWARF register numbers of one machine: the seam for other machines than x86-64. */
struct cfi_arch {
	uint8_t sp, fp, ra;
	uint8_t bx;     /* what unwind_rule's rbx_at is about */
	uint8_t n_regs; /* numbers below this can be the base of RULE_REG */
	int16_t ra_off; /* where a call leaves the return address, from the CFA */
};

struct cfi_section {
	const uint8_t *data;
	size_t size;
	uint64_t vaddr;
	bool eh;         /* .eh_frame, not .debug_frame */
	bool terminated; /* size is only a bound: a zero length ends it */
	uint64_t got;    /* what data-relative addresses count from; 0 when there is none */
};

/* How a register of the caller is found. */
enum cfi_save {
	CFI_SAME,      /* still in the register */
	CFI_AT_CFA,    /* in memory at CFA + offset */
	CFI_AT_FP,     /* in memory at frame pointer + offset */
	CFI_IN_REG,    /* in the register whose number is the offset */
	CFI_UNDEFINED, /* gone */
	CFI_OTHER,     /* some way we do not follow */
};

struct cfi_state {
	int64_t cfa_off, fp_off, ra_off;
	const uint8_t *expr; /* CFA by expression; NULL when it is register + offset */
	uint32_t expr_len;
	uint8_t cfa_reg; /* 255 for any number above */
	uint8_t fp, ra;  /* enum cfi_save */
	uint8_t rbx_at;  /* as in struct unwind_rule */
};

struct cfi_cie {
	uint32_t at; /* where in the section */
	uint64_t code_align;
	int64_t data_align;
	uint8_t ra_reg;
	uint8_t encoding; /* DW_EH_PE_* of addresses in its FDEs */
	bool augmented;   /* its FDEs have augmentation data */
	bool signal, bad;
	struct cfi_state initial;
};

struct cfi_fde {
	uint64_t vaddr;
	uint32_t size;
	uint32_t start, end; /* its program: bytes of the section */
	uint32_t cie;        /* index */
};

struct cfi_row {
	uint64_t vaddr; /* from here on */
	struct unwind_rule rule;
};

struct cfi {
	const struct cfi_arch *arch;
	struct cfi_section section;
	VEC(struct cfi_cie) cies; /* ascending `at` */
	VEC(struct cfi_fde) fdes; /* as in the section: mostly not sorted */
	size_t n_bad;             /* descriptions that made no sense */
};

/* The machine (EM_X86_64 ..); NULL when we do not know it. */
const struct cfi_arch *cfi_arch_of(uint16_t machine);

/* 0, -ENOMEM, or -EBADMSG when the section is too large to be true. Overwrites *c. */
int cfi_read(struct cfi *c, const struct cfi_arch *arch, const struct cfi_section *section);
void cfi_free(struct cfi *c);

/* The address of .eh_frame as .eh_frame_hdr tells it. */
bool cfi_header_frame(const struct cfi_section *hdr, uint64_t *ret_vaddr);

/* How many rows the FDE's program can make at most. */
static inline size_t cfi_rows_max(const struct cfi_fde *f)
{
	return (size_t)(f->end - f->start) + 2;
}

/* Runs the program. `rows` has room for cfi_rows_max(); the first is at f->vaddr, all lie below
 * f->vaddr + f->size, neighbours differ. Returns how many; 0 when the program makes no sense. */
size_t cfi_run(const struct cfi *c, const struct cfi_fde *f, struct cfi_row *rows);

/* For cfi.c and its program interpreter, cfi_program.c. */
bool cfi_pointer(struct cursor *c, uint8_t encoding, const struct cfi_section *s, uint64_t *ret);
bool cfi_run_initial(const struct cfi *c, struct cfi_cie *cie, struct cursor program);

static inline bool unwind_rule_same(const struct unwind_rule *a, const struct unwind_rule *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return x[0] == y[0] && x[1] == y[1];
}

#endif
