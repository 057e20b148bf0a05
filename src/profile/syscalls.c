/* syscalls.c - names of system calls to numbers; see syscalls.h. Numbers of old calls come from the kernel's
 * headers, by architecture. Since 5.1 new calls have one number everywhere, which is written here, so
 * that headers older than the kernel do not matter.
 *
 * To add one: a row; BOTH when x86-64 and arm64 have it, OLD when only x86-64 has.
 */
#include "profile/syscalls.h"

#include <string.h>
#include <sys/syscall.h>

#define BOTH(name) { #name, __NR_##name },
#if defined(__x86_64__)
#define OLD(name) { #name, __NR_##name },
#else
#define OLD(name) { #name, SYSCALL_NONE },
#endif
#define NEW(name, number) { #name, number },

static const struct {
	const char *name;
	int32_t number;
} syscalls_rows[] = {
	BOTH(read) BOTH(write) BOTH(readv) BOTH(writev) BOTH(pread64) BOTH(pwrite64)
	BOTH(preadv) BOTH(pwritev) BOTH(preadv2) BOTH(pwritev2) BOTH(sendfile) BOTH(copy_file_range)
	BOTH(splice) BOTH(tee) BOTH(vmsplice) BOTH(ioctl) BOTH(close)
	OLD(open) BOTH(openat) NEW(openat2, 437) BOTH(fallocate) BOTH(truncate) BOTH(ftruncate)
	OLD(stat) OLD(lstat) BOTH(fstat) BOTH(statx) OLD(getdents) BOTH(getdents64)
	OLD(rename) BOTH(renameat2) OLD(unlink) BOTH(unlinkat) OLD(mkdir) BOTH(mkdirat)
	BOTH(fsync) BOTH(fdatasync) BOTH(sync) BOTH(syncfs) BOTH(sync_file_range) BOTH(msync)
	BOTH(mmap) BOTH(munmap) BOTH(mprotect) BOTH(mremap) BOTH(madvise) BOTH(brk) BOTH(userfaultfd)
	BOTH(futex) NEW(futex_waitv, 449) NEW(futex_wait, 455) BOTH(semop) BOTH(semtimedop)
	BOTH(flock) BOTH(fcntl)
	BOTH(nanosleep) BOTH(clock_nanosleep)
	OLD(poll) BOTH(ppoll) OLD(select) BOTH(pselect6) OLD(epoll_wait) BOTH(epoll_pwait)
	NEW(epoll_pwait2, 441) NEW(io_uring_enter, 426) BOTH(io_getevents) BOTH(io_pgetevents) BOTH(io_submit)
	BOTH(wait4) BOTH(waitid) OLD(vfork) OLD(fork) BOTH(clone) NEW(clone3, 435) BOTH(execve) BOTH(execveat)
	BOTH(exit) BOTH(exit_group) BOTH(ptrace)
	OLD(pause) BOTH(rt_sigsuspend) BOTH(rt_sigtimedwait)
	BOTH(socket) BOTH(accept) BOTH(accept4) BOTH(connect) BOTH(shutdown) BOTH(recvfrom) BOTH(recvmsg)
	BOTH(recvmmsg) BOTH(sendto) BOTH(sendmsg) BOTH(sendmmsg)
	BOTH(mq_timedreceive) BOTH(mq_timedsend) BOTH(msgrcv) BOTH(msgsnd)
	BOTH(mount) BOTH(umount2) BOTH(bpf) BOTH(perf_event_open) BOTH(membarrier)
};

int32_t syscall_number(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(syscalls_rows) / sizeof(*syscalls_rows); i++)
		if (strlen(syscalls_rows[i].name) == len && memcmp(syscalls_rows[i].name, name, len) == 0)
			return syscalls_rows[i].number;
	return SYSCALL_UNKNOWN;
}
