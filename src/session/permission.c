/* permission.c - what this process may do, as checks; see kernel.h.
 *
 * Capabilities are looked at by bit and then tried for real where that is harmless: inside a container
 * or a user namespace the bits say yes and the kernel says no.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "session/kernel.h"

#define PERMISSION_SUDO "Run waggle as root (sudo waggle), or give it the capabilities: " \
	"sudo setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_syslog,cap_checkpoint_restore," \
	"cap_dac_read_search+ep $(command -v waggle)"

static void permission_say(struct check_result *ret, enum check_state state, const char *detail)
{
	ret->state = state;
	snprintf(ret->detail, sizeof(ret->detail), "%s", detail);
}

static void permission_cap(const struct kernel *k, int cap, enum check_state without,
			   struct check_result *ret)
{
	if (!kernel_has_cap(k, cap))
		permission_say(ret, without, "not in effect");
}

static void permission_probe_bpf(const struct kernel *k, struct check_result *ret)
{
	permission_cap(k, CAP_BPF, CHECK_MISSING, ret);
}

static void permission_probe_perfmon(const struct kernel *k, struct check_result *ret)
{
	permission_cap(k, CAP_PERFMON, CHECK_MISSING, ret);
}

static void permission_probe_admin(const struct kernel *k, struct check_result *ret)
{
	if (!kernel_has_cap(k, CAP_SYS_ADMIN))
		permission_say(ret, CHECK_OK, "not in effect; CAP_BPF and CAP_PERFMON are enough");
}

static void permission_probe_ptrace(const struct kernel *k, struct check_result *ret)
{
	permission_cap(k, CAP_SYS_PTRACE, CHECK_DEGRADED, ret);
}

static void permission_probe_syslog(const struct kernel *k, struct check_result *ret)
{
	permission_cap(k, CAP_SYSLOG, CHECK_DEGRADED, ret);
}

static void permission_probe_restore(const struct kernel *k, struct check_result *ret)
{
	permission_cap(k, CAP_CHECKPOINT_RESTORE, CHECK_DEGRADED, ret);
}

static void permission_probe_search(const struct kernel *k, struct check_result *ret)
{
	permission_cap(k, CAP_DAC_READ_SEARCH, CHECK_DEGRADED, ret);
}

static void permission_probe_call(const struct kernel *k, struct check_result *ret)
{
	if (k->bpf_error && kernel_has_cap(k, CAP_BPF))
		permission_say(ret, CHECK_MISSING, strerror(-k->bpf_error));
	else if (k->bpf_error)
		permission_say(ret, CHECK_UNTESTED, "needs CAP_BPF");
}

static long permission_number(const char *path, long otherwise)
{
	FILE *f = fopen(path, "re");
	long v = otherwise;

	if (f && fscanf(f, "%ld", &v) != 1)
		v = otherwise;
	if (f)
		fclose(f);
	return v;
}

static void permission_probe_event(const struct kernel *k, struct check_result *ret)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr),
					.config = PERF_COUNT_SW_CPU_CLOCK, .disabled = 1,
					.freq = 1, .sample_freq = 99 };
	long level = permission_number("/proc/sys/kernel/perf_event_paranoid", 2);
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	snprintf(ret->detail, sizeof(ret->detail), "kernel.perf_event_paranoid = %ld", level);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		ret->state = CHECK_MISSING;
	if (fd >= 0)
		close(fd);
}

/* With kptr_restrict 1 the addresses are there for CAP_SYSLOG only, with 2 for nobody. */
static void permission_probe_kallsyms(const struct kernel *k, struct check_result *ret)
{
	long level = permission_number("/proc/sys/kernel/kptr_restrict", 0);
	FILE *f = fopen("/proc/kallsyms", "re");
	unsigned long long addr = 0;
	char line[512];

	for (int i = 0; f && !addr && i < 200 && fgets(line, sizeof(line), f); i++)
		addr = strtoull(line, NULL, 16);
	if (f)
		fclose(f);
	snprintf(ret->detail, sizeof(ret->detail), "kernel.kptr_restrict = %ld%s", level,
		 !f ? ", /proc/kallsyms cannot be read" : addr ? "" : ", addresses are hidden");
	if (!addr)
		ret->state = CHECK_DEGRADED;
}

static void permission_probe_unprivileged(const struct kernel *k, struct check_result *ret)
{
	snprintf(ret->detail, sizeof(ret->detail),
		 "kernel.unprivileged_bpf_disabled = %ld (waggle does not use unprivileged BPF)",
		 permission_number("/proc/sys/kernel/unprivileged_bpf_disabled", -1));
}

static void permission_probe_memlock(const struct kernel *k, struct check_result *ret)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	if (limit.rlim_cur == RLIM_INFINITY)
		permission_say(ret, CHECK_OK, "unlimited");
	else
		snprintf(ret->detail, sizeof(ret->detail),
			 "%llu KiB (kernels since 5.11 count BPF memory by cgroup instead)",
			 (unsigned long long)limit.rlim_cur / 1024);
}

static void permission_probe_map_files(const struct kernel *k, struct check_result *ret)
{
	DIR *dir = opendir("/proc/self/map_files");
	struct dirent *d;
	int fd = -1;

	if (!dir) {
		permission_say(ret, CHECK_DEGRADED, strerror(errno));
		return;
	}
	while ((d = readdir(dir)) && d->d_name[0] == '.')
		;
	if (d)
		fd = openat(dirfd(dir), d->d_name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		permission_say(ret, CHECK_DEGRADED, d ? strerror(errno) : "no entries");
	else
		close(fd);
	closedir(dir);
}

static void permission_probe_cgroup(const struct kernel *k, struct check_result *ret)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	permission_say(ret, CHECK_DEGRADED, "no cgroup2 file system is mounted");
	while (f && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "cgroup2")) {
			permission_say(ret, CHECK_OK, m->mnt_dir);
			break;
		}
	if (f)
		endmntent(f);
}

const struct check kernel_permissions[] = {
	{ "cap_bpf", "CAP_BPF", "loading BPF programs", PERMISSION_SUDO, NULL, -EPERM,
	  permission_probe_bpf },
	{ "cap_perfmon", "CAP_PERFMON", "sampling", PERMISSION_SUDO, NULL, -EPERM,
	  permission_probe_perfmon },
	{ "bpf_call", "the bpf system call", "loading BPF programs",
	  "A container's seccomp filter, a user namespace or a security module refuses it: run on the "
	  "host, or start the container with --privileged.",
	  NULL, -EPERM, permission_probe_call },
	{ "perf_event", "perf events on all processors", "sampling", PERMISSION_SUDO, NULL, -EPERM,
	  permission_probe_event },
	{ "cap_sys_admin", "CAP_SYS_ADMIN", "older kernels", "", NULL, 0, permission_probe_admin },
	{ "cap_sys_ptrace", "CAP_SYS_PTRACE", "files of other users' processes", PERMISSION_SUDO, NULL,
	  0, permission_probe_ptrace },
	{ "cap_checkpoint_restore", "CAP_CHECKPOINT_RESTORE", "deleted and replaced files",
	  PERMISSION_SUDO, NULL, 0, permission_probe_restore },
	{ "cap_dac_read_search", "CAP_DAC_READ_SEARCH", "files only their owner may read",
	  PERMISSION_SUDO, NULL, 0, permission_probe_search },
	{ "cap_syslog", "CAP_SYSLOG", "kernel addresses", PERMISSION_SUDO, NULL, 0,
	  permission_probe_syslog },
	{ "kallsyms", "kernel symbols", "names of kernel functions",
	  "Run as root with: sudo sysctl kernel.kptr_restrict=1", NULL, 0, permission_probe_kallsyms },
	{ "map_files", "/proc/PID/map_files", "deleted and replaced files", PERMISSION_SUDO, NULL, 0,
	  permission_probe_map_files },
	{ "cgroup2", "cgroup v2", "--cgroup", "sudo mount -t cgroup2 none /sys/fs/cgroup/unified", NULL,
	  0, permission_probe_cgroup },
	{ "memlock", "locked memory limit", "BPF maps", "", NULL, 0, permission_probe_memlock },
	{ "unprivileged_bpf", "unprivileged BPF", "nothing", "", NULL, 0,
	  permission_probe_unprivileged },
	{ NULL },
};
