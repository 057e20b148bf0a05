/* off_command.c - `waggle off`: where threads wait, on whole stacks, by cause, and who ends the waits.
 *
 * The flags of bcc's `offcputime` keep their meaning (doc/bcc.md).
 */
#include "cli/wait_options.h"

extern const struct command command_off;

#define AT(field) offsetof(struct wait_run_opts, field)
static const struct option_row off_options[] = {
	{ "annotate", 0, OPTION_FLAG, AT(class_frames), NULL,
	  "put the class of each wait on its stack, as [blocked: disk]" },
	{ NULL },
};

static const struct option_row off_bcc_options[] = {
	{ "thread", 't', OPTION_IDS, AT(capture.tids), "TID,..", "the same as --tid", .min = 1, .max = 4194304,
	  .group = "From bcc's offcputime" },
	{ "stack-storage-size", 0, OPTION_REFUSED, 0, "N",
	  "stacks are not kept in a table of fixed size; --max-keys is what an interval can hold" },
	{ NULL },
};

static const struct option_table off_tables[] = {
	{ capture_target_options, AT(capture) },
	{ wait_filter_options, AT(waits) },
	{ wait_options, AT(waits) },
	{ off_options, 0 },
	CAPTURE_TABLES(AT(capture)),
	{ filter_park_options, AT(capture.filter) },
	{ off_bcc_options, 0 },
	{ NULL, 0 },
};

static int off_run(int argc, char **argv)
{
	const struct wait_run run = {
		.command = &command_off, .source = "off", .what = "waits",
	};

	return wait_run(&run, argc, argv);
}

const struct command command_off = {
	.name = "off",
	.summary = "where threads wait: for locks, disks, the network, a processor",
	.usage = "[OPTIONS] [DURATION] [-- COMMAND [ARG ..]]",
	.description =
		"Takes the stack of every thread that stops running and the time until it runs again, told "
		"apart by cause: blocked (on what), ready but without a processor, preempted, throttled. "
		"Folded stacks count microseconds. Without targets the whole system is looked at for 10 "
		"seconds.\n\n"
		"With --wakers the stack goes on with who ended the wait, with --hops with what that thread had "
		"waited for itself. Threads that never ran are charged to the stack they sleep in.",
	.examples = "sudo waggle off -p 1234\twhere its threads wait, by cause, for 10 seconds\n"
		    "sudo waggle off --no-idle -m 1ms\twaits of a millisecond and more, but for idle ones\n"
		    "sudo waggle off --locks -p 1234\tits locks, hottest first, who waits and who holds\n"
		    "sudo waggle off --hops 4 -o wait.svg\twho made them wait, four wakers far\n"
		    "sudo waggle off -f --state 2 5 > d.folded\tas offcputime does: only uninterruptible waits\n",
	.options = off_tables,
	.run = off_run,
};
