/* peer.c - runs one program of peer.bpf.c on every processor and prints what it cost by the kernel's own
 * account (run_time_ns and run_cnt of bpf statistics), as one line of JSON. With "watch" the same of programs
 * that somebody else runs, by their ids, with the times of both readings (ns since 1970).
 * Usage: peer OBJECT PROGRAM HZ SECONDS COMM | peer watch SECONDS ID ..
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

enum { CPUS_MAX = 1024, SETTLE_MS = 200 };

struct tally {
	unsigned long long hits, frames, failed;
};

struct reading {
	unsigned long long runs, ns;
	struct tally tally;
};

static void peer_die(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void peer_sleep(double seconds)
{
	struct timespec t = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };

	nanosleep(&t, NULL);
}

static void peer_add_run_time(struct reading *r, int prog)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog, &info, &len))
		peer_die("cannot read the statistics");
	r->runs += info.run_cnt;
	r->ns += info.run_time_ns;
}

static struct reading peer_read(int prog, int map)
{
	struct tally per_cpu[CPUS_MAX] = { 0 };
	struct reading r = { 0 };
	__u32 zero = 0;

	peer_add_run_time(&r, prog);
	if (bpf_map_lookup_elem(map, &zero, per_cpu))
		peer_die("cannot read the tallies");
	for (int i = 0; i < libbpf_num_possible_cpus() && i < CPUS_MAX; i++) {
		r.tally.hits += per_cpu[i].hits;
		r.tally.frames += per_cpu[i].frames;
		r.tally.failed += per_cpu[i].failed;
	}
	return r;
}

/* The same event as waggle's: cpu-clock with a fixed period. */
static void peer_attach(int prog, int hz)
{
	struct perf_event_attr a = {
		.size = sizeof(a),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000000000ull / (unsigned int)hz,
		.disabled = 1,
	};
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	for (int cpu = 0; cpu < cpus; cpu++) {
		int fd = (int)syscall(SYS_perf_event_open, &a, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

		if (fd < 0 && errno == ENODEV)
			continue; /* offline */
		if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog) ||
		    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
			peer_die("cannot sample");
	}
}

static struct bpf_object *peer_load(const char *path, const char *program, const char *comm)
{
	struct bpf_object *o = bpf_object__open_file(path, NULL);
	struct bpf_program *p;
	char name[16] = "";

	if (!o)
		peer_die(path);
	strncpy(name, comm, sizeof(name) - 1);
	bpf_object__for_each_program(p, o)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), program));
	if (bpf_map__set_initial_value(bpf_object__find_map_by_name(o, ".rodata"), name, sizeof(name)) ||
	    bpf_object__load(o))
		peer_die("cannot load");
	return o;
}

static unsigned long long peer_read_all(int n, char **ids, struct reading *ret)
{
	struct timespec t;

	*ret = (struct reading){ 0 };
	for (int i = 0; i < n; i++) {
		int fd = bpf_prog_get_fd_by_id((__u32)atoi(ids[i]));

		if (fd < 0)
			peer_die("no such program");
		peer_add_run_time(ret, fd);
		close(fd);
	}
	clock_gettime(CLOCK_REALTIME, &t);
	return (unsigned long long)t.tv_sec * 1000000000ull + (unsigned long long)t.tv_nsec;
}

static int peer_watch(double seconds, int n, char **ids)
{
	unsigned long long begin, end;
	struct reading from, to;

	begin = peer_read_all(n, ids, &from);
	peer_sleep(seconds);
	end = peer_read_all(n, ids, &to);
	printf("{\"runs\":%llu,\"ns\":%llu,\"begin\":%llu,\"end\":%llu}\n", to.runs - from.runs,
	       to.ns - from.ns, begin, end);
	return 0;
}

int main(int argc, char **argv)
{
	struct reading from, to;
	struct bpf_object *o;
	int prog, map;

	if (argc > 3 && !strcmp(argv[1], "watch"))
		return peer_watch(atof(argv[2]), argc - 3, argv + 3);
	if (argc != 6) {
		fprintf(stderr, "Usage: peer OBJECT PROGRAM HZ SECONDS COMM | peer watch SECONDS ID ..\n");
		return 2;
	}
	o = peer_load(argv[1], argv[2], argv[5]);
	prog = bpf_program__fd(bpf_object__find_program_by_name(o, argv[2]));
	map = bpf_map__fd(bpf_object__find_map_by_name(o, "tallies"));
	if (prog < 0 || bpf_enable_stats(BPF_STATS_RUN_TIME) < 0)
		peer_die("cannot measure");
	peer_attach(prog, atoi(argv[3]));
	peer_sleep(SETTLE_MS / 1e3);
	from = peer_read(prog, map);
	peer_sleep(atof(argv[4]));
	to = peer_read(prog, map);
	printf("{\"program\":\"%s\",\"runs\":%llu,\"ns\":%llu,\"hits\":%llu,\"frames\":%llu,\"failed\":%llu}\n",
	       argv[2], to.runs - from.runs, to.ns - from.ns, to.tally.hits - from.tally.hits,
	       to.tally.frames - from.tally.frames, to.tally.failed - from.tally.failed);
	bpf_object__close(o);
	return 0;
}
