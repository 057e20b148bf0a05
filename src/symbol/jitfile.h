/* jitfile.h - finding and opening what a runtime writes about the code it generates.
 *
 * The runtime knows itself by the number of its innermost pid namespace and writes below its own
 * root, so that is where we look first; runtimes that run on the host, and processes that are gone,
 * have theirs in our /tmp. /tmp belongs to everybody: links are not followed, only regular files are
 * opened, and only when they belong to root, to us or to the process's own user.
 *
 * Descriptors are the caller's. Thread safe: no state here.
 */
#ifndef WAGGLE_SYMBOL_JITFILE_H
#define WAGGLE_SYMBOL_JITFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct jitfile_process {
	uint32_t pid, inner_pid; /* as we and as the process itself see it */
	uid_t owner;
	bool alive;
};

struct jitfile_mapping {
	uint64_t start, end;
	bool anonymous; /* otherwise of a file */
	const char *path; /* as the process sees it; "" when anonymous. Dies with the call */
};

struct jitfile_process jitfile_process(uint32_t pid);
bool jitfile_alive(uint32_t pid);

/* The map, /tmp/perf-PID.map: a descriptor; -ENOENT, -EACCES when it may not be trusted, -errno. */
int jitfile_open_map(const struct jitfile_process *p);

/* The jitdump: a file jit-*.dump of which the process maps a page executable, which is how runtimes
 * mark it for profilers; or /tmp/jit-PID.dump, when that cannot be seen any more. */
int jitfile_open_dump(const struct jitfile_process *p);

/* Calls `each` for every executable mapping, until it returns false. 0 or -errno. */
int jitfile_mappings(uint32_t pid, bool (*each)(void *ctx, const struct jitfile_mapping *m),
		     void *ctx);

#endif
