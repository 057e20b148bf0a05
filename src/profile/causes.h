/* causes.h - why a thread waits, and who wakes it, told from the kernel's functions: rules as text.
 *
 * The rules are a data file (data/waits.txt, embedded; --causes FILE replaces it) of lines that are tried
 * from the top, the first that fits decides. What can be asked is the system call, functions of the kernel's
 * part of the stack (with * as in file names), whether the scheduler counts it as waiting for I/O, and
 * whether it is a kernel thread. The format is described at the head of data/waits.txt.
 *
 * Ownership: causes_free() frees all; queries borrow. Errors name the line. Thread safety: a struct causes is
 * never changed after it was made.
 */
#ifndef WAGGLE_PROFILE_CAUSES_H
#define WAGGLE_PROFILE_CAUSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "profile/waits.h"

struct causes;

/* The rules that come with waggle. NULL when out of memory. */
struct causes *causes_builtin(void);
/* Rules from `text`, `name` is what errors call it. 0, -ENOMEM, or -EINVAL with a sentence that names the
 * line; then *ret is NULL. */
int causes_parse(const char *text, size_t len, const char *name, struct causes **ret, struct err *e);
void causes_free(struct causes *c);

struct cause_query {
	int32_t syscall;     /* its number on this machine, -1 = in none (a fault, a kernel thread) */
	bool iowait;         /* the scheduler counts it as waiting for I/O */
	bool kernel_thread;
	const char *const *functions; /* names of the kernel's frames, leaf first; may be none */
	size_t n;
};

/* Why a blocked thread waits. Never ON_CPU or of the group READY; OTHER when no rule fits. */
enum wait_class causes_find(const struct causes *c, const struct cause_query *q);

/* Whether this kernel stack (leaf first) was running in an interrupt, whose waking has nothing to do with the
 * thread it interrupted: what to call that ("timer", "disk", "network", "interrupt", .., static or owned by
 * `c`), and in *ret_n the number of frames that belong to the interrupt. NULL, and 0 frames, when it is the
 * thread itself. */
const char *causes_waker(const struct causes *c, const char *const *functions, size_t n, size_t *ret_n);

#endif
