/* wall.c - all of the threads' time: what the processors do from the source cpu, the waiting from off.
 *
 * How long a thread ran is exact, from its switches; the samples say where.
 */
#include <errno.h>
#include <stdlib.h>

#include "source/off.h"
#include "source/targets.h"

extern const struct source source_cpu;

struct wall_state {
	void *cpu, *off;
};

static int wall_prepare(struct waggle_bpf *skel, const struct capture_opts *o, struct err *e)
{
	int code = source_cpu.prepare(skel, o, e);

	return code ? code : off_prepare(skel, o, e);
}

static void wall_detach(void *state)
{
	struct wall_state *s = state;

	if (!s)
		return;
	source_cpu.detach(s->cpu);
	off_detach(s->off);
	free(s);
}

static int wall_attach(struct waggle_bpf *skel, const struct capture_opts *o, void **ret, struct err *e)
{
	struct wall_state *s = calloc(1, sizeof(*s));
	int code = s ? off_attach(skel, o, &s->off, e) : err_set(e, -ENOMEM, "out of memory");

	if (!code)
		code = source_cpu.attach(skel, o, &s->cpu, e);
	if (code) {
		wall_detach(s);
		return code;
	}
	*ret = s;
	return 0;
}

static void wall_describe(void *state, const struct capture_opts *o, struct profile *p)
{
	struct wall_state *s = state;

	source_cpu.describe(s->cpu, o, p);
}

static void wall_slow(void *state, struct waggle_bpf *skel, uint32_t weight)
{
	struct wall_state *s = state;

	source_cpu.slow(s->cpu, skel, weight);
}

static uint64_t wall_run_time(struct waggle_bpf *skel)
{
	return source_cpu.run_time(skel) + off_run_time(skel);
}

static void wall_stop(void *state)
{
	struct wall_state *s = state;

	off_stop(s->off);
	source_cpu.stop(s->cpu);
}

static void wall_measure(void *state, struct waggle_bpf *skel, struct ledger *l)
{
	struct wall_state *s = state;

	source_cpu.measure(s->cpu, skel, l);
	off_measure(skel, l);
}

const struct source source_wall = {
	.name = "wall",
	.help = "where all of the threads' time goes, on and off the processors",
	.type = "wall",
	.unit = "nanoseconds",
	.waits = true,
	.prepare = wall_prepare,
	.attach = wall_attach,
	.add_target = targets_add,
	.describe = wall_describe,
	.slow = wall_slow,
	.run_time = wall_run_time,
	.stop = wall_stop,
	.measure = wall_measure,
	.detach = wall_detach,
};
