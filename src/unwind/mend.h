/* mend.h - rules for code whose call frame information is known to be wrong or left out, told by the
 * code itself.
 *
 *   sigreturn   musl's and Go's return from signal handlers is not described as such
 *   clone       glibc describes neither the system call in clone() nor what follows it in the parent,
 *               where whoever starts threads or programs spends its time
 *   returns     OpenSSL 3.0's x25519 adds to the stack's height where it takes from it, right before it
 *               returns
 *   leaves      functions of a few instructions that nobody described (leaf.h)
 *   Go          the functions at the bottom of goroutines' and threads' stacks, the calls that are made on
 *               another stack than the one they came from, and the functions that a signal has a goroutine
 *               enter as if it had called them: its return address may be any instruction of it
 *
 * Sources: glibc 2.36 sysdeps/unix/sysv/linux/x86_64/clone.S and clone3.S; musl src/signal/x86_64/
 * restore.s; OpenSSL 3.0 crypto/ec/asm/x25519-x86_64.pl; Go src/runtime/asm_amd64.s and
 * sys_linux_amd64.s, preempt_amd64.s and
 * signal_amd64.go (1.17 to 1.22).
 * Thread safety: several builds may run at once, each with its own image.
 */
#ifndef WAGGLE_UNWIND_MEND_H
#define WAGGLE_UNWIND_MEND_H

#include <stdbool.h>

#include "base/vec.h"
#include "bpf/abi.h"
#include "elf/image.h"
#include "unwind/table.h"

/* The rule holds in [from, to), file offsets, whatever a row says; or, where the caller did not call but was
 * `interrupted`, the rows' own rules do, and say so. */
struct mend {
	uint64_t from, to;
	struct unwind_rule rule;
	bool interrupted;
};

typedef VEC(struct mend) mends;

/* Appends what is known of the file; `t` is its table so far, the last row RULE_END. 0 or -ENOMEM. */
int mend_find(struct elf_image *img, const struct table *t, mends *ret);

#endif
