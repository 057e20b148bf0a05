/* lookup.c - /proc, /sys and cgroup look-ups; see lookup.h. */
#include "process/lookup.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

bool process_exists(uint32_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u", pid);
	return access(path, F_OK) == 0;
}

static bool lookup_line(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fgets(to, (int)size, f) != NULL;
	fclose(f);
	if (ok)
		to[strcspn(to, "\n")] = 0;
	return ok;
}

bool process_comm(uint32_t pid, char *to, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	return lookup_line(path, to, size);
}

int process_watch(uint32_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);

	return fd < 0 ? -errno : fd;
}

/* The numbers of a line of /proc/PID/status, of which `name` ("Tgid:") is the first word: where they begin
 * in `line`, NULL when there is no such line. */
static const char *lookup_status(uint32_t pid, const char *name, char *line, size_t size)
{
	const char *found = NULL;
	size_t n = strlen(name);
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, (int)size, f))
		if (!strncmp(line, name, n))
			found = line + n;
	if (f)
		fclose(f);
	return found;
}

uint32_t process_of_thread(uint32_t tid)
{
	char line[256];
	const char *at = lookup_status(tid, "Tgid:", line, sizeof(line));

	return at ? (uint32_t)strtoul(at, NULL, 10) : 0;
}

uint32_t process_inner_pid(uint32_t pid)
{
	char line[320], *end; /* at most 32 levels of at most 7 digits */
	const char *at = lookup_status(pid, "NSpid:", line, sizeof(line));
	uint32_t inner = pid;

	while (at) {
		unsigned long v = strtoul(at, &end, 10);

		if (end == at)
			break;
		inner = (uint32_t)v;
		at = end;
	}
	return inner;
}

static bool lookup_threads_named(const char *pid, const char *comm)
{
	char dir[300], path[600], name[32];
	struct dirent *d;
	bool found = false;
	DIR *tasks;

	snprintf(dir, sizeof(dir), "/proc/%s/task", pid);
	tasks = opendir(dir);
	while (tasks && !found && (d = readdir(tasks))) {
		snprintf(path, sizeof(path), "%s/%s/comm", dir, d->d_name);
		found = isdigit((unsigned char)d->d_name[0]) &&
			lookup_line(path, name, sizeof(name)) && !strcmp(name, comm);
	}
	if (tasks)
		closedir(tasks);
	return found;
}

bool process_named(const char *comm)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	bool found = false;

	while (proc && !found && (d = readdir(proc)))
		found = isdigit((unsigned char)d->d_name[0]) && atoi(d->d_name) != getpid() &&
			lookup_threads_named(d->d_name, comm);
	if (proc)
		closedir(proc);
	return found;
}

int cpus_online(struct cpu_list *ret)
{
	char text[4096], *at = text;

	memset(ret, 0, sizeof(*ret));
	if (!lookup_line("/sys/devices/system/cpu/online", text, sizeof(text)))
		return -ENOENT;
	while (isdigit((unsigned char)*at)) {
		unsigned long lo = strtoul(at, &at, 10), hi = lo;

		if (*at == '-')
			hi = strtoul(at + 1, &at, 10);
		for (; lo <= hi; lo++)
			if (!VEC_PUSH(&ret->list, (uint32_t)lo))
				return -ENOMEM;
		if (*at == ',')
			at++;
	}
	return ret->list.n ? 0 : -ENOENT;
}

struct cpu_absence cpus_absence(const struct cpu_list *cpus)
{
	uint64_t tick = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	unsigned long long idle, iowait, steal;
	struct cpu_absence sum = { 0 };
	FILE *f = fopen("/proc/stat", "re");
	unsigned int cpu;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		/* user nice system idle iowait irq softirq steal */
		if (sscanf(line, "cpu%u %*u %*u %*u %llu %llu %*u %*u %llu", &cpu, &idle, &iowait,
			   &steal) != 4)
			continue;
		for (size_t i = 0; i < cpus->list.n; i++) {
			if (cpus->list.at[i] != cpu)
				continue;
			sum.stolen += steal * tick;
			sum.idle += (idle + iowait) * tick;
		}
	}
	if (f)
		fclose(f);
	return sum;
}

/* Where cgroup v2 is mounted ("unified" beside v1 on hybrid systems). */
static bool cgroup_mount(char *to, size_t size)
{
	char line[1024], dir[512], type[64];
	FILE *f = fopen("/proc/self/mounts", "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %511s %63s", dir, type) == 2 && !strcmp(type, "cgroup2"))
			found = true;
	if (f)
		fclose(f);
	if (found)
		snprintf(to, size, "%s", dir);
	return found;
}

int cgroup_open(const char *path, struct err *e)
{
	char mount[512], full[1024];
	struct statfs fs;
	int fd;

	if (!cgroup_mount(mount, sizeof(mount)))
		return err_set(e, -ENOTSUP, "no cgroup v2 hierarchy is mounted, so --cgroup cannot be used");
	snprintf(full, sizeof(full), "%s", path);
	if (path[0] != '/' || access(path, F_OK) < 0)
		snprintf(full, sizeof(full), "%s/%s", mount, path[0] == '/' ? path + 1 : path);
	fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno == ENOENT ? -ESRCH : -errno,
			       "no cgroup '%s' (looked in %s too): %s", path, mount, strerror(errno));
	if (fstatfs(fd, &fs) < 0 || (unsigned long)fs.f_type != CGROUP2_SUPER_MAGIC) {
		close(fd);
		return err_set(e, -EINVAL, "'%s' is not a cgroup v2 directory; those are below %s",
			       path, mount);
	}
	return fd;
}
