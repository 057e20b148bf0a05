/* clones.c - other ways than pthread_create() for code to begin: the clone system call with a stack of
 * our own, glibc's clone(), a child of vfork() that works before it leaves, and posix_spawn().
 * Usage: clones [SECONDS] | clones spawned SECONDS
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "burn.h"

#define STACK 65536

extern char **environ;
static uint64_t clones_ns;

FRAME uint64_t clones_work(uint64_t ns)
{
	return burn(ns);
}

FRAME int clones_entry(void *arg)
{
	burn_sink = clones_work(clones_ns) + (uint64_t)(uintptr_t)arg;
	return 0;
}

/* long clones_raw(unsigned long flags, void *stack, int (*entry)(void *)): the child's stack ends in a
 * zero, as the ABI asks of the outermost frame. */
long clones_raw(unsigned long flags, void *stack, int (*entry)(void *));
__asm__(".text\n.globl clones_raw\n.type clones_raw, @function\n"
	"clones_raw: .cfi_startproc\n"
	"	mov %rdx, %r9\n	xor %edx, %edx\n	xor %r10d, %r10d\n	xor %r8d, %r8d\n"
	"	mov $56, %eax\n	syscall\n"
	"	test %eax, %eax\n	jz 1f\n	ret\n"
	"	.cfi_endproc\n"
	"	.cfi_startproc\n	.cfi_undefined 16\n"
	"1:	xor %ebp, %ebp\n	xor %edi, %edi\n	call *%r9\n"
	"	xor %edi, %edi\n	mov $60, %eax\n	syscall\n	hlt\n"
	"	.cfi_endproc\n.size clones_raw, . - clones_raw\n");

FRAME void clones_by_syscall(void)
{
	char *stack = malloc(STACK);
	long pid = clones_raw(CLONE_VM | SIGCHLD, stack + STACK, clones_entry);

	if (pid > 0)
		waitpid((pid_t)pid, NULL, __WALL);
}

FRAME void clones_by_glibc(void)
{
	char *stack = malloc(STACK);
	int pid = clone(clones_entry, stack + STACK, CLONE_VM | SIGCHLD, NULL);

	if (pid > 0)
		waitpid(pid, NULL, __WALL);
}

FRAME void clones_by_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		burn_sink = clones_work(clones_ns);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

FRAME void clones_by_spawn(const char *self, const char *seconds)
{
	char *args[] = {(char *)self, (char *)"spawned", (char *)seconds, NULL};
	pid_t pid;

	if (posix_spawn(&pid, self, NULL, NULL, args, environ) == 0)
		waitpid(pid, NULL, 0);
}

FRAME void clones_spawned(void)
{
	burn_sink = clones_work(clones_ns);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "spawned") == 0) {
		clones_ns = (uint64_t)(burn_arg(argc, argv, 2, 1) * 1e9);
		clones_spawned();
		return 0;
	}
	clones_ns = (uint64_t)(burn_arg(argc, argv, 1, 1) * 1e9);
	clones_by_syscall();
	clones_by_glibc();
	clones_by_vfork();
	clones_by_spawn(argv[0], argc > 1 ? argv[1] : "1");
	return 0;
}
