/* jitfile.c - opens symbol maps and jitdumps of other processes; see jitfile.h. */
#include "symbol/jitfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/lookup.h"

#define MAPS_BUFFER 16384 /* the kernel gives 4096 at once, and the library asks for 1024 by itself */

static bool jitfile_stat(uint32_t pid, struct stat *st)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u", pid);
	return pid && stat(path, st) == 0;
}

bool jitfile_alive(uint32_t pid)
{
	struct stat st;

	return jitfile_stat(pid, &st);
}

struct jitfile_process jitfile_process(uint32_t pid)
{
	struct jitfile_process p = {.pid = pid, .inner_pid = pid};
	struct stat st;

	if (!jitfile_stat(pid, &st))
		return p;
	p.alive = true;
	p.owner = st.st_uid;
	p.inner_pid = process_inner_pid(pid);
	return p;
}

/* Closes the descriptor unless what it is may be read: -EACCES then. */
static int jitfile_trusted(const struct jitfile_process *p, int fd)
{
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_uid == 0 || st.st_uid == geteuid() || (p->alive && st.st_uid == p->owner)))
		return fd;
	close(fd);
	return -EACCES;
}

/* Opens a path below `root` so that no link can lead out of it. */
static int jitfile_open_in(const struct jitfile_process *p, const char *root, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	long fd;

	if (dir < 0)
		return -errno;
	fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
	fd = fd < 0 ? -errno : fd;
	close(dir);
	return jitfile_trusted(p, (int)fd);
}

/* A file in the process's /tmp or, failing that, in ours. */
static int jitfile_open_tmp(const struct jitfile_process *p, const char *before, const char *behind)
{
	char root[64], path[64];
	int fd = -ENOENT, ours;

	if (p->alive) {
		snprintf(root, sizeof(root), "/proc/%u/root", p->pid);
		snprintf(path, sizeof(path), "tmp/%s%u%s", before, p->inner_pid, behind);
		fd = jitfile_open_in(p, root, path);
		if (fd >= 0)
			return fd;
	}
	snprintf(path, sizeof(path), "tmp/%s%u%s", before, p->pid, behind);
	ours = jitfile_open_in(p, "/", path);
	return ours == -ENOENT ? fd : ours;
}

int jitfile_open_map(const struct jitfile_process *p)
{
	return jitfile_open_tmp(p, "perf-", ".map");
}

/* -- mappings ---------------------------------------------------------------------------------- */

/* "start-end perms offset device inode   path"; false for what is not executable. */
static bool jitfile_line(char *line, struct jitfile_mapping *ret)
{
	unsigned long long start, end, inode;
	const char *space = strchr(line, ' ');
	char perms[8];
	int at = 0;

	/* Most lines are told apart by one letter, which takes less than scanning them. */
	if (!space || strlen(space) < 4 || space[3] != 'x')
		return false;
	if (sscanf(line, "%llx-%llx %7s %*x %*s %llu %n", &start, &end, perms, &inode, &at) < 4 ||
	    !at || perms[2] != 'x')
		return false;
	line[strcspn(line, "\n")] = 0;
	*ret = (struct jitfile_mapping){.start = start, .end = end, .path = line + at};
	/* Names in brackets are the kernel's: special ones, and what programs call their memory. */
	ret->anonymous = !inode && (!line[at] || !strncmp(line + at, "[anon", 5) ||
				    !strcmp(line + at, "[heap]") || !strcmp(line + at, "[stack]"));
	return true;
}

int jitfile_mappings(uint32_t pid, bool (*each)(void *ctx, const struct jitfile_mapping *m),
		     void *ctx)
{
	char path[64], *line = NULL;
	struct jitfile_mapping m;
	size_t size = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return -errno;
	setvbuf(maps, NULL, _IOFBF, MAPS_BUFFER);
	while (getline(&line, &size, maps) > 0)
		if (jitfile_line(line, &m) && !each(ctx, &m))
			break;
	free(line);
	fclose(maps);
	return 0;
}

struct jitfile_search {
	const struct jitfile_process *p;
	int fd;
};

static bool jitfile_is_dump(const char *path)
{
	static const char deleted[] = " (deleted)";
	const char *base = strrchr(path, '/');
	size_t n = base ? strlen(base + 1) : 0;

	if (n > sizeof(deleted) - 1 && !strcmp(base + 1 + n - (sizeof(deleted) - 1), deleted))
		n -= sizeof(deleted) - 1;
	return n > 9 && !strncmp(base + 1, "jit-", 4) && !strncmp(base + 1 + n - 5, ".dump", 5);
}

/* Through map_files, which works for deleted files and in any mount namespace; where that is not
 * permitted, by the path below the process's root. */
static bool jitfile_try(void *ctx, const struct jitfile_mapping *m)
{
	struct jitfile_search *s = ctx;
	char path[96];
	int fd;

	if (m->anonymous || !jitfile_is_dump(m->path))
		return true;
	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", s->p->pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0) {
		s->fd = jitfile_trusted(s->p, fd);
	} else {
		snprintf(path, sizeof(path), "/proc/%u/root", s->p->pid);
		s->fd = jitfile_open_in(s->p, path, m->path + 1);
	}
	return s->fd < 0;
}

int jitfile_open_dump(const struct jitfile_process *p)
{
	struct jitfile_search s = {.p = p, .fd = -ENOENT};

	if (p->alive)
		jitfile_mappings(p->pid, jitfile_try, &s);
	return s.fd == -ENOENT ? jitfile_open_tmp(p, "jit-", ".dump") : s.fd;
}
