/* syscalls.h - numbers of the system calls that rules of waiting may name.
 *
 * The table holds those that can wait, for the architecture waggle is built for (its own system calls, not
 * those of 32-bit programs, whose numbers differ). Thread safety: pure.
 */
#ifndef WAGGLE_PROFILE_SYSCALLS_H
#define WAGGLE_PROFILE_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

#define SYSCALL_NONE (-1)    /* known, but this architecture does not have it */
#define SYSCALL_UNKNOWN (-2) /* not in the table */

int32_t syscall_number(const char *name, size_t len);

#endif
