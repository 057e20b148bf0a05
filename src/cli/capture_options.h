/* capture_options.h - what every command that captures lets its user choose: targets, how long, how deep,
 * how dear, where names and results go.
 *
 * A command embeds a struct capture_cli in its own options, lists CAPTURE_TABLES with its place and adds
 * what only it knows:
 *
 *	struct cpu_opts { struct capture_cli capture; .. };
 *	static const struct option_table cpu_tables[] = {
 *		{ capture_target_options, offsetof(struct cpu_opts, capture) },
 *		{ cpu_options, 0 },
 *		CAPTURE_TABLES(offsetof(struct cpu_opts, capture)),
 *		{ NULL, 0 },
 *	};
 *
 * Ownership: texts are borrowed from argv, lists freed by option_free(). Errors: 0 or -errno with a
 * sentence. Thread safety: main thread.
 */
#ifndef WAGGLE_CLI_CAPTURE_OPTIONS_H
#define WAGGLE_CLI_CAPTURE_OPTIONS_H

#include "cli/filter_options.h"
#include "cli/names_options.h"
#include "cli/output.h"
#include "cli/serve.h"
#include "cli/table_options.h"
#include "source/source.h"

#define CAPTURE_KILL_SWITCH "/run/waggle.off"

struct capture_cli {
	struct output_opts output;
	struct filter_opts filter;
	struct table_opts tables;
	struct names_opts names;
	struct serve_opts serve;
	bool stay; /* the page stays after the capture has ended, until Ctrl-C */
	struct option_ids pids, tids, cpus;
	struct option_texts cgroups;
	const char *comm;
	bool wait, no_follow, include_self, user_only, kernel_only;
	bool exit_with_child, no_names, stats;
	bool tui; /* the live terminal while it captures */
	uint32_t max_frames, keep;
	uint64_t duration; /* ns; UINT64_MAX = not given */
	uint64_t memory_mb;
	uint32_t overhead; /* percent */
	const char *kill_switch;
	uint32_t oracle; /* one stack in so many is unwound a second time; 0 = none */
	const char *oracle_out;
	struct files_opts files; /* made from `tables` by capture_options_check() */
};

/* What holds when nothing is given. */
#define CAPTURE_DEFAULTS                                                                               \
	{                                                                                              \
		.output = OUTPUT_DEFAULTS, .names = NAMES_DEFAULTS, .duration = UINT64_MAX,            \
		.memory_mb = 1024, .overhead = 1, .kill_switch = CAPTURE_KILL_SWITCH,                  \
	}

extern const struct option_row capture_target_options[]; /* pid tid comm cgroup cpu wait .. */
extern const struct option_row capture_run_options[];    /* duration max-frames -U -K max-profile .. */
extern const struct option_row capture_safety_options[]; /* max-overhead kill-switch */

/* Behind the command's own tables; `at` is the place of its struct capture_cli. */
#define CAPTURE_TABLES(at)                                                                             \
	{ capture_run_options, (at) },                                                                 \
	{ capture_safety_options, (at) },                                                              \
	{ serve_options, (at) + offsetof(struct capture_cli, serve) },         \
	{ table_options, (at) + offsetof(struct capture_cli, tables) },                                \
	{ output_options, (at) + offsetof(struct capture_cli, output) },                               \
	{ filter_frame_options, (at) + offsetof(struct capture_cli, filter) },                         \
	{ names_file_options, (at) + offsetof(struct capture_cli, names) },                            \
	{ names_server_options, (at) + offsetof(struct capture_cli, names) }

/* What the tables cannot check, what follows from the words behind the options, and whether every output
 * can be written: nobody should wait ten seconds to learn of a typing error. -EINVAL with a sentence for
 * contradictions. */
int capture_options_check(struct capture_cli *o, const struct option_rest *rest, struct err *e);
/* The shared part of what a source is asked; everything else in *ret becomes the default. Borrows from o. */
void capture_options_fill(const struct capture_cli *o, struct capture_opts *ret);

#endif
