/* kernel.c - features of the kernel, probed before any load; see kernel.h.
 *
 * The two probes that decide (the maple tree in BTF and the bpf_loop helper for perf_event programs) gave
 * the right answer on 5.10, 6.1, 6.12, 6.18 and 7.2. libbpf's helper probe reports "there" when the load
 * was refused for want of permission, therefore nothing is believed before can_load is known.
 */
#include "session/kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "session/hazard.h"

/* -- facts -------------------------------------------------------------------------------------- */

/* Reads the first line of a small file; "" when it cannot be read. */
static const char *kernel_line(const char *path, char *to, int size)
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(to, size, f))
		*to = 0;
	if (f)
		fclose(f);
	to[strcspn(to, "\n")] = 0;
	return to;
}

static uint64_t kernel_read_caps(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	uint64_t caps = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %" SCNx64, &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps;
}

bool kernel_has_cap(const struct kernel *k, int cap)
{
	uint64_t has = k->caps | (k->caps & (UINT64_C(1) << CAP_SYS_ADMIN) ?
					  UINT64_C(1) << CAP_BPF | UINT64_C(1) << CAP_PERFMON |
						  UINT64_C(1) << CAP_CHECKPOINT_RESTORE :
					  0);

	return has >> cap & 1;
}

/* The capabilities may be there and bpf(2) refused all the same: user namespaces, seccomp, LSMs. */
static int kernel_try_bpf(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "waggle_probe", 4, 4, 1, NULL);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

void kernel_open(struct kernel *k, bool types)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	char signature[128];
	struct utsname u;

	*k = (struct kernel){ 0 };
	if (uname(&u) == 0) {
		snprintf(k->release, sizeof(k->release), "%s", u.release);
		snprintf(k->arch, sizeof(k->arch), "%s", u.machine);
		k->version = hazard_version(u.release, u.version,
					    kernel_line("/proc/version_signature", signature,
							sizeof(signature)));
	}
	k->caps = kernel_read_caps();
	if (types)
		k->btf_error = smallbtf_open("/sys/kernel/btf/vmlinux", &k->btf);
	k->bpf_error = kernel_try_bpf();
	k->can_load = !k->bpf_error && kernel_has_cap(k, CAP_BPF) && kernel_has_cap(k, CAP_PERFMON);
	libbpf_set_print(print);
}

void kernel_close(struct kernel *k)
{
	smallbtf_close(&k->btf);
	*k = (struct kernel){ 0 };
}

/* -- probes ------------------------------------------------------------------------------------- */

static void kernel_say(struct check_result *ret, enum check_state state, const char *detail)
{
	ret->state = state;
	snprintf(ret->detail, sizeof(ret->detail), "%s", detail);
}

static void kernel_probe_btf(const struct kernel *k, struct check_result *ret)
{
	if (k->btf.data)
		kernel_say(ret, CHECK_OK, "/sys/kernel/btf/vmlinux");
	else
		kernel_say(ret, CHECK_MISSING, strerror(-k->btf_error));
}

static void kernel_probe_maple(const struct kernel *k, struct check_result *ret)
{
	static const char name[] = "\0maple_tree"; /* as a whole string among the names of types */

	if (!k->btf.data)
		kernel_say(ret, CHECK_UNTESTED, "cannot be told without BTF");
	else if (!memmem(k->btf.data, k->btf.size, name, sizeof(name)))
		kernel_say(ret, CHECK_MISSING, "");
}

static void kernel_probe_helper(const struct kernel *k, enum bpf_func_id id,
				struct check_result *ret)
{
	int there;

	if (!k->can_load) {
		kernel_say(ret, CHECK_UNTESTED, "needs permission to load BPF programs");
		return;
	}
	there = libbpf_probe_bpf_helper(BPF_PROG_TYPE_PERF_EVENT, id, NULL);
	if (there < 0)
		kernel_say(ret, CHECK_UNTESTED, strerror(-there));
	else if (!there)
		kernel_say(ret, CHECK_MISSING, "");
}

static void kernel_probe_loop(const struct kernel *k, struct check_result *ret)
{
	kernel_probe_helper(k, BPF_FUNC_loop, ret);
}

static void kernel_probe_regs(const struct kernel *k, struct check_result *ret)
{
	kernel_probe_helper(k, BPF_FUNC_task_pt_regs, ret);
}

static void kernel_probe_ringbuf(const struct kernel *k, struct check_result *ret)
{
	if (!k->can_load)
		kernel_say(ret, CHECK_UNTESTED, "needs permission to make BPF maps");
	else if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) != 1)
		kernel_say(ret, CHECK_MISSING, "");
}

/* Loads the smallest tracing program for the BTF type, and attaches it for a moment when asked. libbpf's
 * own probe is not used: it goes by the text of an error and says no on Linux 6.18. */
static int kernel_try_tracing(const struct kernel *k, const char *name, uint32_t kind,
			      enum bpf_attach_type type, bool attach)
{
	const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0 },
					  { .code = BPF_JMP | BPF_EXIT } };
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = type);
	struct btf *btf = k->btf.data ? btf__load_vmlinux_btf() : NULL;
	int id = btf ? btf__find_by_name_kind(btf, name, kind) : -ENOENT;
	int fd, link = 0;

	btf__free(btf);
	if (id < 0)
		return id;
	opts.attach_btf_id = (uint32_t)id;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "waggle_probe", "GPL", insns, 2, &opts);
	if (fd < 0)
		return fd;
	if (attach) {
		link = bpf_raw_tracepoint_open(NULL, fd);
		if (link >= 0)
			close(link);
	}
	close(fd);
	return link < 0 ? link : 0;
}

static void kernel_probe_tracing(const struct kernel *k, struct check_result *ret)
{
	if (!k->can_load)
		kernel_say(ret, CHECK_UNTESTED, "needs permission to load BPF programs");
	else if (kernel_try_tracing(k, "btf_trace_sched_process_fork", BTF_KIND_TYPEDEF,
				    BPF_TRACE_RAW_TP, false))
		kernel_say(ret, CHECK_MISSING, "");
}

/* Attached to a function that exists for the kernel's own tests of this and is called by nobody else. */
static void kernel_probe_fentry(const struct kernel *k, struct check_result *ret)
{
	if (!k->can_load)
		kernel_say(ret, CHECK_UNTESTED, "needs permission to load BPF programs");
	else if (kernel_try_tracing(k, "bpf_fentry_test1", BTF_KIND_FUNC, BPF_TRACE_FENTRY, true))
		kernel_say(ret, CHECK_DEGRADED, "programs cannot be attached");
}

/* Opens (and closes) a sampling event on the first processor that lets us; returns 0 or -errno. */
static int kernel_try_event(uint32_t type, uint64_t config)
{
	struct perf_event_attr attr = {
		.type = type, .size = sizeof(attr), .config = config,
		.freq = 1, .sample_freq = 99, .disabled = 1,
	};
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int rc = -ENODEV;

	for (int cpu = 0; cpu < cpus && rc == -ENODEV; cpu++) {
		int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1,
				      PERF_FLAG_FD_CLOEXEC);

		rc = fd < 0 ? -errno : 0;
		if (fd >= 0)
			close(fd);
	}
	return rc;
}

static void kernel_probe_clock(const struct kernel *k, struct check_result *ret)
{
	int rc = kernel_try_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK);

	if (rc == -EACCES || rc == -EPERM)
		kernel_say(ret, CHECK_UNTESTED, "not permitted, see permissions");
	else if (rc)
		kernel_say(ret, CHECK_MISSING, strerror(-rc));
}

static void kernel_probe_cycles(const struct kernel *k, struct check_result *ret)
{
	int rc = kernel_try_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);

	if (rc == -EACCES || rc == -EPERM)
		kernel_say(ret, CHECK_UNTESTED, "not permitted, see permissions");
	else if (rc)
		kernel_say(ret, CHECK_DEGRADED,
			   "no counter (usual in virtual machines): the cpu-clock timer is used");
}

static void kernel_probe_lockdown(const struct kernel *k, struct check_result *ret)
{
	char line[128];

	kernel_line("/sys/kernel/security/lockdown", line, sizeof(line));
	if (strstr(line, "[confidentiality]"))
		kernel_say(ret, CHECK_MISSING, "confidentiality: BPF may not read kernel memory");
	else
		kernel_say(ret, CHECK_OK, strstr(line, "[integrity]") ? "integrity" : "off");
}

static void kernel_probe_jit(const struct kernel *k, struct check_result *ret)
{
	char line[16];

	if (!strcmp(kernel_line("/proc/sys/net/core/bpf_jit_enable", line, sizeof(line)), "0"))
		kernel_say(ret, CHECK_DEGRADED, "BPF programs are interpreted: walks are slow");
}

static void kernel_probe_kprobe(const struct kernel *k, struct check_result *ret)
{
	if (access("/sys/bus/event_source/devices/kprobe", F_OK) < 0)
		kernel_say(ret, CHECK_DEGRADED, "built without kprobes");
}

/* Rows with an error come first to last as kernel_check() reports them. */
const struct check kernel_features[] = {
	{ "lockdown", "lockdown", "reading kernel memory from BPF",
	  "Boot without lockdown=confidentiality.", NULL, -EPERM, kernel_probe_lockdown },
	{ "btf", "type information (BTF)", "one program for all kernels",
	  "Use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions' kernels are.", NULL,
	  -ENOTSUP, kernel_probe_btf },
	{ "ringbuf", "BPF ring buffer", "handing samples over", "Use Linux 6.1 or newer.",
	  "Linux 5.8", -ENOTSUP, kernel_probe_ringbuf },
	{ "task_pt_regs", "task_pt_regs helper", "user stacks of tasks inside the kernel",
	  "Use Linux 6.1 or newer.", "Linux 5.15", -ENOTSUP, kernel_probe_regs },
	{ "bpf_loop", "bpf_loop helper", "walking stacks", "Use Linux 6.1 or newer.", "Linux 5.17",
	  -ENOTSUP, kernel_probe_loop },
	{ "maple_tree", "maple tree of mappings", "telling addresses from files",
	  "Use Linux 6.1 or newer.", "Linux 6.1", -ENOTSUP, kernel_probe_maple },
	{ "tp_btf", "BTF tracepoints", "nothing yet (off-CPU time)", "Use Linux 6.1 or newer.",
	  "Linux 5.5", 0, kernel_probe_tracing },
	{ "cpu_clock", "cpu-clock event", "sampling", "Use a kernel with CONFIG_PERF_EVENTS=y.",
	  NULL, -ENOTSUP, kernel_probe_clock },
	{ "cycles", "hardware cycles event", "sampling inside code that disables interrupts",
	  "In a virtual machine: give it a virtual PMU, if the hypervisor can.", NULL, 0,
	  kernel_probe_cycles },
	{ "bpf_jit", "BPF compiler", "low overhead", "sudo sysctl net.core.bpf_jit_enable=1", NULL,
	  0, kernel_probe_jit },
	{ "kprobe", "kprobes", "nothing yet (tracing)", "Use a kernel with CONFIG_KPROBES=y.", NULL,
	  0, kernel_probe_kprobe },
	{ "fentry", "fentry probes", "nothing yet (tracing)",
	  "Use a kernel with CONFIG_FUNCTION_TRACER=y and "
	  "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y.", NULL, 0, kernel_probe_fentry },
	{ NULL },
};

/* -- the checks as a whole ---------------------------------------------------------------------- */

void kernel_probe(const struct kernel *k, const struct check *c, struct check_result *ret)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);

	*ret = (struct check_result){ CHECK_OK, "" };
	c->probe(k, ret);
	libbpf_set_print(print);
}

/* "it has no A (Linux 5.17) and no B (Linux 6.1)" of all that is missing; how many. */
static size_t kernel_lacks(const struct kernel *k, char *to, size_t size)
{
	const struct check *lacking[sizeof(kernel_features) / sizeof(*kernel_features)];
	struct check_result r;
	size_t n = 0, len = 0;

	for (const struct check *c = kernel_features; c->key; c++) {
		if (c->error != -ENOTSUP)
			continue;
		kernel_probe(k, c, &r);
		if (r.state == CHECK_MISSING)
			lacking[n++] = c;
	}
	*to = 0;
	for (size_t i = 0; i < n && len < size; i++)
		len += (size_t)snprintf(to + len, size - len, "%sno %s%s%s%s",
					!i ? "" : i + 1 < n ? ", " : " and ", lacking[i]->name,
					lacking[i]->since ? " (" : "",
					lacking[i]->since ? lacking[i]->since : "",
					lacking[i]->since ? ")" : "");
	return n;
}

/* The first permission that a capture cannot do without. */
static int kernel_refusal(const struct kernel *k, const struct check *table, struct err *e)
{
	struct check_result r;

	for (const struct check *c = table; c->key; c++) {
		if (c->error != -EPERM)
			continue;
		kernel_probe(k, c, &r);
		if (r.state == CHECK_MISSING)
			return err_set(e, -EPERM, "no permission for %s: %s%s%s %s", c->needed_for,
				       c->name, *r.detail ? ": " : "", r.detail, c->remedy);
	}
	return 0;
}

int kernel_check(bool known, struct err *e)
{
	char lacks[400];
	struct kernel k;
	int rc;

	kernel_open(&k, !known);
	rc = kernel_refusal(&k, kernel_permissions, e);
	if (!rc)
		rc = kernel_refusal(&k, kernel_features, e);
	if (!rc && !known && !k.btf.data)
		rc = err_set(e, -ENOTSUP,
			     "this kernel (%s) has no type information (/sys/kernel/btf/vmlinux: %s); "
			     "one built with CONFIG_DEBUG_INFO_BTF=y is needed",
			     k.release, strerror(-k.btf_error));
	if (!rc && !known && kernel_lacks(&k, lacks, sizeof(lacks)))
		rc = err_set(e, -ENOTSUP,
			     "this kernel (%s) is too old: it has %s. Linux 6.1 or newer is needed.",
			     k.release, lacks);
	if (!rc)
		rc = hazard_refusal(k.version, k.arch, e);
	kernel_close(&k);
	return rc;
}
