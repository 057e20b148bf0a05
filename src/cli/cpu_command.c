/* cpu_command.c - `waggle cpu`, and what `waggle` alone means: sample the processors, now.
 *
 * The flags of bcc's `profile` keep their meaning (doc/bcc.md). All options are checked, and all
 * outputs tried, before anything is loaded into the kernel. What other captures have too is in
 * capture_options.c and capture.c.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/capture.h"
#include "cli/command.h"
#include "cli/cpu_options.h"

extern const struct command command_cpu;

#define CPU_DEFAULT_HZ 99 /* not 100: in step with nothing that runs on round periods */

static const char *const cpu_events[] = { "auto", "cycles", "cpu-clock", NULL };

#define AT(field) offsetof(struct cpu_opts, field)
static const struct option_row cpu_options[] = {
	{ "include-idle", 'I', OPTION_FLAG, AT(include_idle), NULL, "sample idle processors too" },
	{ "frequency", 'F', OPTION_U32, AT(frequency), "HZ",
	  "samples a second on every processor (default 99)", .min = 1, .max = 100000,
	  .group = "Sampling" },
	{ "count", 'c', OPTION_U64, AT(period), "N",
	  "sample every N events instead (cycles, or nanoseconds of cpu-clock)", .min = 1000 },
	{ "event", 0, OPTION_CHOICE, AT(event), "EVENT",
	  "what ticks: auto takes hardware cycles where there are any", .choices = cpu_events },
	{ NULL },
};

static const struct option_row cpu_refused[] = {
	{ "stack-storage-size", 0, OPTION_REFUSED, 0, "N",
	  "stacks are not kept in a table of fixed size; --max-profile bounds memory",
	  .group = "From bcc's profile" },
	{ "cgroupmap", 0, OPTION_REFUSED, 0, "PATH", "use --cgroup with the cgroup's directory" },
	{ "mntnsmap", 0, OPTION_REFUSED, 0, "PATH",
	  "use --cgroup or -p: a mount namespace's processes share one or the other" },
	{ NULL },
};

const struct option_table cpu_tables[] = {
	{ capture_target_options, AT(capture) },
	{ cpu_options, 0 },
	CAPTURE_TABLES(AT(capture)),
	{ cpu_refused, 0 },
	{ NULL, 0 },
};

static int cpu_contradictions(const struct cpu_opts *o, struct err *e)
{
	if (o->frequency && o->period)
		return err_set(e, -EINVAL, "-F and -c exclude each other: a rate or a count, not both");
	return 0;
}

int cpu_complete(struct cpu_opts *o, const struct option_rest *rest, struct capture_opts *ret,
			struct err *e)
{
	int code = cpu_contradictions(o, e);

	if (!code)
		code = capture_options_check(&o->capture, rest, e);
	if (code)
		return code;
	capture_options_fill(&o->capture, ret);
	ret->frequency = o->frequency || o->period ? o->frequency : CPU_DEFAULT_HZ;
	ret->period = o->period;
	ret->event = o->event;
	ret->include_idle = o->include_idle;
	return 0;
}

static int cpu_run(int argc, char **argv)
{
	struct cpu_opts o = { .capture = CAPTURE_DEFAULTS };
	struct option_rest rest = { 0 };
	struct err e = { 0 };
	struct capture_job job = {
		.source = "cpu", .what = "samples", .options = &o.capture, .rest = &rest,
	};
	int code = command_parse(&command_cpu, argc, argv, &o, &rest);

	if (code < 0)
		code = cpu_complete(&o, &rest, &job.capture, &e) ? command_fail(&e)
								 : capture_run(&job, argc, argv);
	option_free(cpu_tables, &o, &rest);
	return code;
}

const struct command command_cpu = {
	.name = "cpu",
	.summary = "where processor time goes: sample every CPU (the default command)",
	.usage = "[OPTIONS] [DURATION] [-- COMMAND [ARG ..]]",
	.description =
		"Samples what runs on every processor, walks kernel and user stacks without needing frame "
		"pointers, and names them. Without targets the whole system is sampled for 10 seconds. A "
		"command after -- is started, sampled from its first instruction, and the run ends with it; "
		"with a duration it is sent SIGTERM when the time is up.\n\n"
		"Targets given with different options must all match; several values of one option are "
		"alternatives. The first Ctrl-C ends the capture and writes everything; a second leaves at "
		"once.",
	.examples = "sudo waggle\tthe whole system for 10 seconds\n"
		    "sudo waggle | flamegraph.pl > x.svg\ta pipe gets folded stacks\n"
		    "sudo waggle -p 1234,1300 -F 999 5\ttwo processes at 999 Hz for 5 seconds\n"
		    "sudo waggle -o cpu.svg -o cpu.waggle -- ./my-server --port 80\ta command\n"
		    "sudo waggle --comm redis-server --wait 30\twhen it appears, for 30 seconds\n",
	.options = cpu_tables,
	.run = cpu_run,
};
