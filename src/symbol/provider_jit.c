/* provider_jit.c - generated code, from the map its runtime writes to /tmp/perf-PID.map.
 *
 * The runtime knows itself by the number of its innermost pid namespace and writes to the /tmp of
 * its own root, so that is where we look first; runtimes that run as root on the host, and
 * processes that are gone, have theirs in our /tmp. /tmp belongs to everybody: links are not
 * followed, only regular files are read, and only when they belong to root, to us or to the
 * process's own user.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "symbol/perfmap.h"
#include "symbol/provider.h"

struct jit_process {
	uint32_t inner_pid; /* as the process sees itself */
	uid_t owner;
	bool alive;
};

/* The last number of the line "NSpid:\t..", which is absent before Linux 4.1. */
static uint32_t jit_inner_pid(uint32_t pid)
{
	char path[64], line[256];
	FILE *status;
	unsigned long inner = pid;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status)) {
		char *at = line + 6;

		if (strncmp(line, "NSpid:", 6) != 0)
			continue;
		for (char *end; *(at += strspn(at, " \t")); at = end) {
			unsigned long v = strtoul(at, &end, 10);

			if (end == at)
				break;
			inner = v;
		}
		break;
	}
	if (status)
		fclose(status);
	return (uint32_t)inner;
}

static struct jit_process jit_process(uint32_t pid)
{
	struct jit_process p = {.inner_pid = pid};
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	if (stat(path, &st))
		return p;
	p.alive = true;
	p.owner = st.st_uid;
	p.inner_pid = jit_inner_pid(pid);
	return p;
}

/* Opens tmp/perf-N.map below `root` so that no link can lead out of it. */
static int jit_open_in(const char *root, uint32_t number)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char path[64];
	long fd;

	if (dir < 0)
		return -errno;
	snprintf(path, sizeof(path), "tmp/perf-%u.map", number);
	fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
	fd = fd < 0 ? -errno : fd;
	close(dir);
	return (int)fd;
}

static bool jit_may_trust(int fd, const struct jit_process *p)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (st.st_uid == 0 || st.st_uid == geteuid() || (p->alive && st.st_uid == p->owner));
}

static int jit_read(int fd, const struct jit_process *p, struct perfmap **ret)
{
	int rc = jit_may_trust(fd, p) ? perfmap_read(fd, ret) : -EACCES;

	close(fd);
	return rc;
}

static int jit_open(const struct provider_env *env, uint32_t object, void **ret_state,
		    enum unnamed_reason *ret_why)
{
	uint32_t pid = env->profile->objects.at[object].pid;
	struct jit_process p;
	struct perfmap *map;
	char root[64];
	int rc = -ENOENT, fd;

	*ret_why = UNNAMED_JIT;
	if (!env->opts->live || !pid) /* the number may belong to another process by now */
		return -ENOENT;
	p = jit_process(pid);
	snprintf(root, sizeof(root), "/proc/%u/root", pid);
	fd = p.alive ? jit_open_in(root, p.inner_pid) : -ENOENT;
	if (fd >= 0)
		rc = jit_read(fd, &p, &map);
	if (rc) {
		fd = jit_open_in("/", pid);
		rc = fd >= 0 ? jit_read(fd, &p, &map) : fd;
	}
	if (rc)
		return rc;
	*env->ret_skipped += perfmap_skipped(map);
	*ret_state = map;
	return 0;
}

static int jit_resolve(void *state, const uint64_t *offsets, size_t n, struct naming *to)
{
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		struct provider_line line = {.function = perfmap_find(state, offsets[i])};

		if (line.function)
			rc = naming_put(to, i, &line, 1);
	}
	return rc;
}

static void jit_close(void *state)
{
	perfmap_free(state);
}

const struct provider provider_jit = {
	.name = "jit",
	.help = "generated code, from the map its runtime writes (/tmp/perf-PID.map)",
	.kinds = 1u << OBJECT_JIT,
	.changes = true,
	.missing = UNNAMED_JIT,
	.open = jit_open,
	.resolve = jit_resolve,
	.close = jit_close,
};
