/* cpu.c - on-CPU samples: one perf event per processor that runs cpu_tick at a steady rate.
 *
 * Hardware cycles where the machine has them (they do not tick while a processor sleeps, and tick
 * inside sections with interrupts off), otherwise the kernel's cpu-clock timer. The clock event is
 * opened with a fixed period, not a frequency: its count is then exact, and enabled time / period is
 * the number of ticks that should have come, which is what the ledger compares with.
 */
#include "source/source.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "bpf/abi.h"
#include "process/lookup.h"
#include "source/targets.h"
#include "waggle.skel.h"

/* Up to this rate so many stacks are remembered as sent: more than a minute has. */
#define CPU_RARE_HZ 250
#define CPU_RARE_SENT 8192

struct cpu_state {
	VEC(int) events; /* one descriptor per processor */
	struct cpu_list cpus;
	struct cpu_absence before; /* when the events were switched on */
	bool cycles;
	uint64_t period; /* ns for the clock, cycles or 0 (frequency) for cycles */
	uint32_t frequency;
	uint32_t weight;        /* periods that pass for each tick now */
	uint64_t expected;      /* ticks due until the weight last changed .. */
	uint64_t enabled;       /* .. which was at this sum of enabled times, ns */
};

static int cpu_prepare(struct waggle_bpf *skel, const struct capture_opts *o, struct err *e)
{
	struct cpu_config *c = (struct cpu_config *)&skel->rodata->cpu_config;
	int code = targets_prepare(skel, o, e);

	if (code)
		return code;
	bpf_program__set_autoload(skel->progs.cpu_tick, true);
	c->oracle_every = o->oracle_every;
	c->include_idle = o->include_idle;
	if (o->frequency && o->frequency <= CPU_RARE_HZ) {
		skel->rodata->sent_mask = CPU_RARE_SENT - 1;
		bpf_map__set_max_entries(skel->maps.sent, CPU_RARE_SENT);
	}
	return 0;
}

static int cpu_open(struct cpu_state *s, uint32_t cpu)
{
	struct perf_event_attr a = {
		.size = sizeof(a),
		.type = s->cycles ? PERF_TYPE_HARDWARE : PERF_TYPE_SOFTWARE,
		.config = s->cycles ? PERF_COUNT_HW_CPU_CYCLES : PERF_COUNT_SW_CPU_CLOCK,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		.disabled = 1,
	};
	int fd;

	if (s->period) {
		a.sample_period = s->period;
	} else {
		a.freq = 1;
		a.sample_freq = s->frequency;
	}
	fd = (int)syscall(SYS_perf_event_open, &a, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Decides on the event by opening it once on one processor. */
static int cpu_choose(struct cpu_state *s, const struct capture_opts *o, uint32_t cpu, struct err *e)
{
	int fd;

	s->frequency = o->frequency;
	s->cycles = o->event != EVENT_CPU_CLOCK;
	s->period = o->period;
	s->weight = 1;
	fd = s->cycles ? cpu_open(s, cpu) : -ENOENT;
	if (fd < 0 && o->event == EVENT_CYCLES)
		return err_set(e, -ENOTSUP,
			       "this machine offers no hardware cycle counter (virtual machines often do "
			       "not); use --event cpu-clock");
	if (fd < 0) {
		s->cycles = false;
		if (!s->period)
			s->period = NSEC_PER_SEC / s->frequency;
		fd = cpu_open(s, cpu);
	}
	if (fd < 0)
		return err_set(e, fd, "cannot open the sampling event on CPU %u: %s", cpu,
			       strerror(-fd));
	close(fd);
	return 0;
}

static int cpu_attach_one(struct cpu_state *s, int prog, uint32_t cpu, struct err *e)
{
	int fd = cpu_open(s, cpu), code = 0;

	if (fd == -ENODEV)
		return 0; /* went offline since we looked */
	if (fd < 0)
		return err_set(e, fd, "cannot sample CPU %u: %s", cpu, strerror(-fd));
	if (!VEC_PUSH(&s->events, fd)) {
		close(fd);
		return err_set(e, -ENOMEM, "out of memory");
	}
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog) < 0)
		code = err_set(e, -errno, "cannot attach to the event of CPU %u: %s", cpu,
			       strerror(errno));
	return code;
}

static void cpu_detach(void *state)
{
	struct cpu_state *s = state;

	if (!s)
		return;
	for (size_t i = 0; i < s->events.n; i++)
		close(s->events.at[i]);
	VEC_FREE(&s->events);
	VEC_FREE(&s->cpus.list);
	free(s);
}

/* The processors to sample: those that were named, which must be online, or all that are. */
static int cpu_list_wanted(const struct capture_opts *o, struct cpu_list *ret, struct err *e)
{
	struct cpu_list online = { 0 };
	int code = cpus_online(&online);

	if (code)
		return err_set(e, code, "cannot tell which processors are online");
	if (!o->n_cpus) {
		*ret = online;
		return 0;
	}
	for (size_t i = 0; i < o->n_cpus && !code; i++) {
		bool found = false;

		for (size_t k = 0; k < online.list.n; k++)
			found |= online.list.at[k] == o->cpus[i];
		if (!found)
			code = err_set(e, -EINVAL, "there is no CPU %u here, or it is offline", o->cpus[i]);
		else if (!VEC_PUSH(&ret->list, o->cpus[i]))
			code = err_set(e, -ENOMEM, "out of memory");
	}
	VEC_FREE(&online.list);
	return code;
}

static int cpu_attach(struct waggle_bpf *skel, const struct capture_opts *o, void **ret, struct err *e)
{
	struct cpu_state *s = calloc(1, sizeof(*s));
	int code = s ? cpu_list_wanted(o, &s->cpus, e) : err_set(e, -ENOMEM, "out of memory");

	if (!code)
		code = targets_put(skel, o, e);
	if (!code)
		code = cpu_choose(s, o, s->cpus.list.at[0], e);
	for (size_t i = 0; i < s->cpus.list.n && !code; i++)
		code = cpu_attach_one(s, bpf_program__fd(skel->progs.cpu_tick), s->cpus.list.at[i],
				      e);
	if (!code)
		s->before = cpus_absence(&s->cpus);
	for (size_t i = 0; !code && i < s->events.n; i++)
		if (ioctl(s->events.at[i], PERF_EVENT_IOC_ENABLE, 0) < 0)
			code = err_set(e, -errno, "cannot start sampling: %s", strerror(errno));
	if (code) {
		cpu_detach(s);
		return code;
	}
	*ret = s;
	return 0;
}

static void cpu_describe(void *state, const struct capture_opts *o, struct profile *p)
{
	struct cpu_state *s = state;

	p->meta.event = profile_str(p, s->cycles ? "cycles" : "cpu-clock");
	p->meta.n_cpus = (uint32_t)s->events.n;
	p->meta.frequency = o->period ? 0 : s->frequency;
	if (!s->period)
		return;
	p->meta.period = s->period;
	p->meta.period_type.type = profile_str(p, s->cycles ? "cycles" : "cpu");
	p->meta.period_type.unit = profile_str(p, s->cycles ? "count" : "nanoseconds");
}

static void cpu_stop(void *state)
{
	struct cpu_state *s = state;

	for (size_t i = 0; i < s->events.n; i++)
		ioctl(s->events.at[i], PERF_EVENT_IOC_DISABLE, 0);
}

static void cpu_sum_stats(struct waggle_bpf *skel, struct tick_stats *sum)
{
	int n = libbpf_num_possible_cpus();
	struct tick_stats *per_cpu = n > 0 ? calloc((size_t)n, sizeof(*per_cpu)) : NULL;
	uint32_t zero = 0;

	*sum = (struct tick_stats){ 0 };
	if (per_cpu && !bpf_map__lookup_elem(skel->maps.stats, &zero, sizeof(zero), per_cpu,
					     sizeof(*per_cpu) * (size_t)n, 0)) {
		for (int i = 0; i < n; i++) {
			sum->ticks += per_cpu[i].ticks;
			sum->idle += per_cpu[i].idle;
			sum->filtered += per_cpu[i].filtered;
			sum->ring_full += per_cpu[i].ring_full;
			sum->scratch_busy += per_cpu[i].scratch_busy;
			sum->raw_full += per_cpu[i].raw_full;
			sum->map_retries += per_cpu[i].map_retries;
			sum->run_ns += per_cpu[i].run_ns;
			sum->frames += per_cpu[i].frames;
			sum->known += per_cpu[i].known;
		}
	}
	free(per_cpu);
}

/* How long the events have been on, all processors together, ns. */
static uint64_t cpu_enabled(const struct cpu_state *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->events.n; i++) {
		uint64_t value[3] = { 0 }; /* count, time enabled, time running */

		if (read(s->events.at[i], value, sizeof(value)) == sizeof(value))
			sum += value[1];
	}
	return sum;
}

/* How many ticks should have come: for the clock, enabled time over period; for cycles nobody can
 * know (a sleeping processor has none), so what came is what was expected. */
static uint64_t cpu_expected(const struct cpu_state *s, uint64_t ticks)
{
	uint64_t expected;

	if (s->cycles)
		return ticks;
	expected = s->expected + (cpu_enabled(s) - s->enabled) / (s->period * s->weight);
	return expected > ticks ? expected : ticks;
}

/* The period is changed on running events; ticks under way keep the old one, which is at most one tick
 * for each processor and change. */
static void cpu_slow(void *state, struct waggle_bpf *skel, uint32_t weight)
{
	struct cpu_state *s = state;
	uint64_t enabled, value = s->period * weight;

	if (!s->period)
		value = s->frequency / weight ? s->frequency / weight : 1;
	if (s->period) {
		enabled = cpu_enabled(s);
		s->expected += (enabled - s->enabled) / (s->period * s->weight);
		s->enabled = enabled;
	}
	for (size_t i = 0; i < s->events.n; i++)
		ioctl(s->events.at[i], PERF_EVENT_IOC_PERIOD, &value);
	s->weight = weight;
	skel->data->control.weight = weight;
}

static uint64_t cpu_at_most(uint64_t ns, uint64_t period, uint64_t seen, uint64_t missing)
{
	uint64_t could = ns / period > seen ? ns / period - seen : 0;

	return could < missing ? could : missing;
}

/* Ticks that are missing although nobody dropped them. A sleeping processor's timer may sleep too, and
 * one that the hypervisor has taken cannot tick: as far as these times explain it nothing was lost.
 * The rest the kernel skipped or throttled. */
static void cpu_explain_missing(const struct cpu_state *s, uint64_t idle_seen, struct ledger *l)
{
	uint64_t missing = l->n[LEDGER_EXPECTED] - l->n[LEDGER_TICKS];
	struct cpu_absence now;

	l->n[LEDGER_ASLEEP] = l->n[LEDGER_STOLEN] = 0;
	if (missing && !s->cycles) {
		now = cpus_absence(&s->cpus);
		l->n[LEDGER_ASLEEP] =
			cpu_at_most(now.idle - s->before.idle, s->period * s->weight, idle_seen, missing);
		missing -= l->n[LEDGER_ASLEEP];
		l->n[LEDGER_STOLEN] =
			cpu_at_most(now.stolen - s->before.stolen, s->period * s->weight, 0, missing);
		missing -= l->n[LEDGER_STOLEN];
	}
	l->n[LEDGER_LOST_TIMER] = missing;
}

static void cpu_measure(void *state, struct waggle_bpf *skel, struct ledger *l)
{
	struct cpu_state *s = state;
	struct tick_stats sum;

	cpu_sum_stats(skel, &sum);
	l->n[LEDGER_TICKS] = sum.ticks;
	l->n[LEDGER_IDLE] = sum.idle;
	l->n[LEDGER_FILTERED] = sum.filtered;
	l->n[LEDGER_LOST_RING] = sum.ring_full;
	l->n[LEDGER_LOST_SCRATCH] = sum.scratch_busy;
	l->n[LEDGER_RAW_FULL] = sum.raw_full;
	l->n[LEDGER_WALK_RETRIES] = sum.map_retries;
	l->n[LEDGER_USER_FRAMES] = sum.frames;
	l->n[LEDGER_KNOWN_FRAMES] = sum.known;
	l->n[LEDGER_EXPECTED] = cpu_expected(s, sum.ticks);
	cpu_explain_missing(s, sum.idle, l);
}

static uint64_t cpu_run_time(struct waggle_bpf *skel)
{
	struct tick_stats sum;

	cpu_sum_stats(skel, &sum);
	return sum.run_ns;
}

const struct source source_cpu = {
	.name = "cpu",
	.help = "where processor time goes: a sample of every CPU at a steady rate",
	.type = "samples",
	.unit = "count",
	.prepare = cpu_prepare,
	.attach = cpu_attach,
	.add_target = targets_add,
	.describe = cpu_describe,
	.slow = cpu_slow,
	.run_time = cpu_run_time,
	.stop = cpu_stop,
	.measure = cpu_measure,
	.detach = cpu_detach,
};
