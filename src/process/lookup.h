/* lookup.h - questions to /proc and /sys about processes and processors. Thread safe. */
#ifndef WAGGLE_PROCESS_LOOKUP_H
#define WAGGLE_PROCESS_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/vec.h"

/* Is there such a process (or thread)? */
bool process_exists(uint32_t pid);
/* The kernel's name of a task (at most 15 characters); false when it is gone. */
bool process_comm(uint32_t pid, char *to, size_t size);
/* A descriptor that becomes readable when the process ends; -ESRCH when there is none. A thread id
 * gives -EINVAL: only processes can be watched this way. */
int process_watch(uint32_t pid);
/* The process a thread belongs to, 0 when it is gone. */
uint32_t process_of_thread(uint32_t tid);
/* What a process is called in the innermost pid namespace it is in, which is how it knows itself;
 * `pid` when it is gone, or before Linux 4.1, where nobody tells. */
uint32_t process_inner_pid(uint32_t pid);
/* Does any process (or thread of one) carry this name? Ourselves excepted. */
bool process_named(const char *comm);
/* Processors that are online, ascending; the caller frees `ret->at`. */
struct cpu_list {
	VEC(uint32_t) list;
};
int cpus_online(struct cpu_list *ret);

/* What these processors did not do, summed, in ns, from /proc/stat (grain 10 ms; 0 where nobody tells). */
struct cpu_absence {
	uint64_t stolen; /* wanted to run, but the hypervisor ran something else ("steal") */
	uint64_t idle;   /* had nothing to run ("idle" and "iowait") */
};
struct cpu_absence cpus_absence(const struct cpu_list *cpus);

/* Opens a cgroup v2 directory: an absolute path, or one relative to the cgroup2 mount. The descriptor,
 * or -errno with a sentence (not there; a cgroup v1 directory). */
int cgroup_open(const char *path, struct err *e);

#endif
