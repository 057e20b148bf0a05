/* off.c - where threads wait: bpf/off.bpf.c hooked up to the scheduler's events; see off.h.
 *
 * What it counts stays in the kernel until session/waits.c takes it over.
 */
#include "source/off.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "bpf/abi.h"
#include "process/lookup.h"
#include "source/targets.h"
#include "waggle.skel.h"

_Static_assert(WAIT_STATE_RUNNING == WAIT_BIT_RUNNING && WAIT_STATE_INTERRUPTIBLE == WAIT_BIT_INTERRUPTIBLE &&
		       WAIT_STATE_UNINTERRUPTIBLE == WAIT_BIT_UNINTERRUPTIBLE &&
		       WAIT_STATE_STOPPED == WAIT_BIT_STOPPED && WAIT_STATE_OTHER == WAIT_BIT_OTHER,
	       "the command line's bits are the kernel side's");

struct off_state {
	struct waggle_bpf *skel;
};

static const struct off_map {
	size_t map; /* in the skeleton's maps */
} off_maps[] = {
#define AT(name) { offsetof(struct waggle_bpf, maps.name) }
	AT(wait_counts), AT(wait_threads), AT(wait_sums_0), AT(wait_sums_1), AT(wait_wakers),
	AT(recalled),    AT(kernel_words),
#undef AT
};

void off_leave_out(struct waggle_bpf *skel)
{
	for (size_t i = 0; i < sizeof(off_maps) / sizeof(*off_maps); i++)
		bpf_map__set_autocreate(*(struct bpf_map **)((char *)skel + off_maps[i].map), false);
}

static int off_put_cgroups(struct waggle_bpf *skel, const struct capture_opts *o, struct err *e)
{
	for (size_t i = 0; i < o->n_cgroups; i++) {
		int fd = cgroup_open(o->cgroups[i], e);
		struct stat st;

		if (fd < 0)
			return fd;
		if (!fstat(fd, &st)) /* a cgroup's id is its directory's inode number */
			skel->bss->wait_cgroups[i] = st.st_ino;
		close(fd);
	}
	return 0;
}

int off_prepare(struct waggle_bpf *skel, const struct capture_opts *o, struct err *e)
{
	struct wait_config *c = (struct wait_config *)&skel->rodata->wait_config;
	const struct wait_opts *w = &o->waits;
	uint32_t keys = w->max_keys ? w->max_keys : WAIT_KEYS_DEFAULT;
	int code = targets_prepare(skel, o, e);

	if (code)
		return code;
	((struct cpu_config *)&skel->rodata->cpu_config)->oracle_every = o->oracle_every;
	bpf_program__set_autoload(skel->progs.off_switch, true);
	bpf_program__set_autoload(skel->progs.off_wakeup, true);
	bpf_program__set_autoload(skel->progs.off_wakeup_new, true);
	bpf_program__set_autoload(skel->progs.off_asleep, true);
	bpf_program__set_autoload(skel->progs.off_waking, w->hops > 0);
	bpf_map__set_max_entries(skel->maps.wait_sums_0, keys);
	bpf_map__set_max_entries(skel->maps.wait_sums_1, keys);
	*c = (struct wait_config){
		.min = w->min,
		.max = w->max,
		.states = w->states,
		.hops = w->hops < HOPS_MAX ? w->hops : HOPS_MAX,
		.locks = w->locks,
		.user_threads = w->user_threads,
		.kernel_threads = w->kernel_threads,
		.check = w->check,
		.no_recall = w->no_memory,
		.everything = !o->n_pids && !o->n_tids && !o->comm && !o->n_cgroups && !w->user_threads &&
			      !w->kernel_threads,
	};
	return off_put_cgroups(skel, o, e);
}

void off_look_asleep(struct waggle_bpf *skel)
{
	struct bpf_link *link = bpf_program__attach_iter(skel->progs.off_asleep, NULL);
	char nothing[256];
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;

	while (fd >= 0 && read(fd, nothing, sizeof(nothing)) > 0)
		;
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
}

void off_stop(void *state)
{
	struct off_state *s = state;

	bpf_link__destroy(s->skel->links.off_switch);
	bpf_link__destroy(s->skel->links.off_wakeup);
	bpf_link__destroy(s->skel->links.off_wakeup_new);
	bpf_link__destroy(s->skel->links.off_waking);
	s->skel->links.off_switch = s->skel->links.off_wakeup = NULL;
	s->skel->links.off_wakeup_new = s->skel->links.off_waking = NULL;
}

void off_detach(void *state)
{
	if (state)
		off_stop(state);
	free(state);
}

static int off_hook(struct bpf_program *prog, struct bpf_link **ret, struct err *e)
{
	if (!bpf_program__autoload(prog))
		return 0;
	*ret = bpf_program__attach(prog);
	if (!*ret)
		return err_set(e, -errno, "cannot attach to the scheduler's events: %s", strerror(errno));
	return 0;
}

int off_attach(struct waggle_bpf *skel, const struct capture_opts *o, void **ret, struct err *e)
{
	struct off_state *s = calloc(1, sizeof(*s));
	int code = s ? targets_put(skel, o, e) : err_set(e, -ENOMEM, "out of memory");

	if (code) {
		free(s);
		return code;
	}
	s->skel = skel;
	skel->bss->wait_start = clock_mono_ns();
	code = off_hook(skel->progs.off_wakeup, &skel->links.off_wakeup, e);
	if (!code)
		code = off_hook(skel->progs.off_wakeup_new, &skel->links.off_wakeup_new, e);
	if (!code)
		code = off_hook(skel->progs.off_waking, &skel->links.off_waking, e);
	if (!code)
		code = off_hook(skel->progs.off_switch, &skel->links.off_switch, e);
	if (code) {
		off_detach(s);
		return code;
	}
	off_look_asleep(skel);
	*ret = s;
	return 0;
}

static void off_sum(struct waggle_bpf *skel, struct wait_stats *sum)
{
	enum { WORDS = sizeof(*sum) / sizeof(uint64_t) };
	int n = libbpf_num_possible_cpus();
	struct wait_stats *per_cpu = n > 0 ? calloc((size_t)n, sizeof(*per_cpu)) : NULL;
	uint64_t total[WORDS] = { 0 };
	uint32_t zero = 0;

	if (per_cpu && !bpf_map__lookup_elem(skel->maps.wait_counts, &zero, sizeof(zero), per_cpu,
					     sizeof(*per_cpu) * (size_t)n, 0)) {
		for (int i = 0; i < n; i++)
			for (size_t k = 0; k < WORDS; k++)
				total[k] += ((const uint64_t *)&per_cpu[i])[k];
	}
	memcpy(sum, total, sizeof(*sum));
	free(per_cpu);
}

void off_measure(struct waggle_bpf *skel, struct ledger *l)
{
	struct wait_stats sum;

	off_sum(skel, &sum);
	l->n[LEDGER_SWITCHES] = sum.switches;
	l->n[LEDGER_RECALLED] = sum.recalled;
	l->n[LEDGER_RECALLED_CHECKED] = sum.checked;
	l->n[LEDGER_RECALLED_WRONG] = sum.wrong;
	l->n[LEDGER_WAITS_SPARED] = sum.spared;
	l->n[LEDGER_WAITS_FILTERED] = sum.filtered;
	l->n[LEDGER_LOST_KEYS] = sum.no_key;
	l->n[LEDGER_LOST_THREADS] = sum.no_thread;
	l->n[LEDGER_LOST_SWITCHES] = sum.busy;
	l->n[LEDGER_WAKES_UNSEEN] = sum.unseen;
	l->n[LEDGER_ASLEEP_THREADS] = sum.asleep;
	l->n[LEDGER_STACKS_DELAYED] = sum.ring_full;
	l->n[LEDGER_SWITCHES_UNTOLD] = sum.untold;
}

uint64_t off_run_time(struct waggle_bpf *skel)
{
	struct wait_stats sum;

	off_sum(skel, &sum);
	return sum.run_ns;
}

static void off_describe(void *state, const struct capture_opts *o, struct profile *p)
{
	p->meta.event = profile_str(p, "context-switches");
	p->meta.n_cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
}

/* One wait in `weight` has its stack taken; the time of the others is still known. */
static void off_slow(void *state, struct waggle_bpf *skel, uint32_t weight)
{
	skel->data->control.weight = weight;
}

static void off_measure_source(void *state, struct waggle_bpf *skel, struct ledger *l)
{
	off_measure(skel, l);
}

const struct source source_off = {
	.name = "off",
	.help = "where threads wait, and for what: every switch of the scheduler",
	.type = "off",
	.unit = "nanoseconds",
	.waits = true,
	.prepare = off_prepare,
	.attach = off_attach,
	.add_target = targets_add,
	.describe = off_describe,
	.slow = off_slow,
	.run_time = off_run_time,
	.stop = off_stop,
	.measure = off_measure_source,
	.detach = off_detach,
};
