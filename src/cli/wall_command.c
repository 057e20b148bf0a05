/* wall_command.c - `waggle wall`: every second of every thread, running, ready or waiting, in one profile
 * whose parts add up to the time that passed.
 */
#include "cli/wait_options.h"

extern const struct command command_wall;

#define WALL_DEFAULT_HZ 99 /* not 100: in step with nothing that runs on round periods */

#define AT(field) offsetof(struct wait_run_opts, field)
static const struct option_row wall_options[] = {
	{ "frequency", 'F', OPTION_U32, AT(frequency), "HZ",
	  "samples a second by which running time is spread over stacks (default 99)", .min = 1,
	  .max = 100000, .group = "Sampling" },
	{ NULL },
};

/* A time that is left out would be missing from the sum. */
static const struct option_row wall_refused[] = {
	{ "state", 0, OPTION_REFUSED, 0, "LIST", "the times of wall add up; off looks at a part of the waits" },
	{ "min-block-time", 'm', OPTION_REFUSED, 0, "TIME",
	  "the times of wall add up; off looks at a part of the waits" },
	{ "max-block-time", 'M', OPTION_REFUSED, 0, "TIME",
	  "the times of wall add up; off looks at a part of the waits" },
	{ "annotate", 0, OPTION_REFUSED, 0, NULL, "in wall the class is always on the stack" },
	{ NULL },
};

static const struct option_table wall_tables[] = {
	{ capture_target_options, AT(capture) },
	{ wall_options, 0 },
	{ wait_options, AT(waits) },
	CAPTURE_TABLES(AT(capture)),
	{ filter_park_options, AT(capture.filter) },
	{ wall_refused, 0 },
	{ NULL, 0 },
};

static int wall_run(int argc, char **argv)
{
	const struct wait_run run = {
		.command = &command_wall, .source = "wall", .what = "waits and samples",
		.class_frames = true, .frequency = WALL_DEFAULT_HZ,
	};

	return wait_run(&run, argc, argv);
}

const struct command command_wall = {
	.name = "wall",
	.summary = "all time of every thread, running and waiting, adding up",
	.usage = "[OPTIONS] [DURATION] [-- COMMAND [ARG ..]]",
	.description =
		"Time on a processor, time ready for one and time blocked of the same threads in one profile: "
		"per thread the parts add up to the time that passed, also for threads that never ran. Time on "
		"a processor is exact, and spread over stacks by sampling; the last frame of a stack that "
		"waits says what for. In the HTML page each class can be switched off and on.",
	.examples = "sudo waggle wall -p 1234\twhat each of its threads did with 10 seconds\n"
		    "sudo waggle wall -o wall.html -- ./build.sh\tevery second of a build accounted for\n"
		    "sudo waggle wall --no-idle -p 1234 30\twithout the time they waited for work\n",
	.options = wall_tables,
	.run = wall_run,
};
