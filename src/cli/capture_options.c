/* capture_options.c - the options all capturing commands share, and their checks; see capture_options.h. */
#include "cli/capture_options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bpf/abi.h"

enum { CAPTURE_SECONDS = 10 }; /* when no duration is given */

enum { KEEP_LEAF, KEEP_ROOT };
static const char *const capture_keeps[] = { "leaf", "root", NULL };

#define AT(field) offsetof(struct capture_cli, field)
const struct option_row capture_target_options[] = {
	{ "pid", 'p', OPTION_IDS, AT(pids), "PID,..", "only these processes (and children they start)",
	  .min = 1, .max = 4194304, .group = "Targets" },
	{ "tid", 'L', OPTION_IDS, AT(tids), "TID,..", "only these threads", .min = 1, .max = 4194304 },
	{ "comm", 0, OPTION_TEXT, AT(comm), "NAME",
	  "only threads, or all threads of processes, of this name" },
	{ "cgroup", 0, OPTION_TEXTS, AT(cgroups), "PATH",
	  "only tasks in this cgroup (v2) or below it; may be repeated" },
	{ "cpu", 'C', OPTION_CPUS, AT(cpus), "CPU,..", "only these processors, as in 0-3,8",
	  .max = 65535 },
	{ "wait", 0, OPTION_FLAG, AT(wait), NULL,
	  "wait for the process named by --comm or -p to appear, then start" },
	{ "no-follow", 0, OPTION_FLAG, AT(no_follow), NULL,
	  "do not follow children of the processes given with -p" },
	{ "include-self", 0, OPTION_FLAG, AT(include_self), NULL, "sample waggle itself too" },
	{ NULL },
};

const struct option_row capture_run_options[] = {
	{ "duration", 0, OPTION_DURATION, AT(duration), "TIME",
	  "how long, as the positional argument (default 10s; 0: until interrupted)",
	  .group = "Capture" },
	{ "max-frames", 0, OPTION_U32, AT(max_frames), "N",
	  "user frames per stack at most (default 1024)", .min = 1, .max = FRAMES_USER_MAX },
	{ "keep-frames", 0, OPTION_CHOICE, AT(keep), "END",
	  "of a stack deeper than that: the frames at the leaf (default) or at the root",
	  .choices = capture_keeps },
	{ "user-stacks-only", 'U', OPTION_FLAG, AT(user_only), NULL, "no kernel frames" },
	{ "kernel-stacks-only", 'K', OPTION_FLAG, AT(kernel_only), NULL, "no user frames" },
	{ "max-profile", 0, OPTION_U64, AT(memory_mb), "MB",
	  "memory the profile may grow to; what comes after is counted as lost (default 1024)",
	  .min = 1, .max = 1048576 },
	{ "no-names", 0, OPTION_FLAG, AT(no_names), NULL,
	  "do not look up names; 'waggle report --symbolize' can do it later" },
	{ "stats", 0, OPTION_FLAG, AT(stats), NULL,
	  "measure the time waggle's own programs take in the kernel" },
	{ "oracle", 0, OPTION_U32, AT(oracle), "N",
	  "unwind one stack in N a second time, in user space and by another implementation, and say how "
	  "far the two agree",
	  .min = 1, .max = 1000000 },
	{ "oracle-out", 0, OPTION_TEXT, AT(oracle_out), "DIR",
	  "write each stack on which they differ to a file in DIR" },
	{ "exit-with-child", 0, OPTION_FLAG, AT(exit_with_child), NULL,
	  "leave with the exit code of the command that was run" },
	{ "tui", 0, OPTION_FLAG, AT(tui), NULL,
	  "show it in the terminal while it runs, until you leave (q); outputs are written afterwards" },
	{ NULL },
};

const struct option_row capture_safety_options[] = {
	{ "max-overhead", 0, OPTION_U32, AT(overhead), "PERCENT",
	  "of the machine that waggle may take; above it the rate is lowered, unbiased, and the ledger "
	  "says so (default 1; 100: no limit)", .min = 1, .max = 100, .group = "Safety" },
	{ "kill-switch", 0, OPTION_TEXT, AT(kill_switch), "FILE",
	  "while this file exists no capture runs: one that runs ends at once and writes what it has "
	  "(default " CAPTURE_KILL_SWITCH ")" },
	{ NULL },
};
#undef AT

static int capture_contradictions(const struct capture_cli *o, const struct option_rest *rest, struct err *e)
{
	bool targets = o->pids.list.n || o->tids.list.n || o->comm || o->cgroups.list.n;

	if (o->user_only && o->kernel_only)
		return err_set(e, -EINVAL, "-U and -K exclude each other: nothing would be left");
	if (rest->command && targets)
		return err_set(e, -EINVAL,
			       "a command after -- is the target; it cannot be combined with -p, -L, --comm "
			       "or --cgroup");
	if (o->wait && !o->comm && !o->pids.list.n)
		return err_set(e, -EINVAL, "--wait needs a process to wait for: --comm NAME or -p PID");
	if (o->exit_with_child && !rest->command)
		return err_set(e, -EINVAL, "--exit-with-child needs a command after --");
	if (rest->command && !rest->n_command)
		return err_set(e, -EINVAL, "there is no command after --");
	if (o->comm && strlen(o->comm) >= COMM_LEN)
		return err_set(e, -EINVAL,
			       "--comm '%s' is too long: the kernel keeps only %d characters of a name", o->comm,
			       COMM_LEN - 1);
	if (o->comm && !*o->comm)
		return err_set(e, -EINVAL, "--comm needs a name");
	if (o->oracle_out && !o->oracle)
		return err_set(e, -EINVAL, "--oracle-out needs --oracle N");
	if (o->oracle_out && access(o->oracle_out, W_OK | X_OK) < 0)
		return err_set(e, -errno, "cannot write into '%s': %s", o->oracle_out, strerror(errno));
	if (o->oracle && o->kernel_only)
		return err_set(e, -EINVAL, "--oracle is about user stacks, which -K leaves out");
	return 0;
}

/* The positional duration of bcc's profile; --duration says the same. A command runs to its end. */
static int capture_duration(struct capture_cli *o, const struct option_rest *rest, struct err *e)
{
	const char *word = rest->words.n ? rest->words.at[0] : NULL;

	if (rest->words.n > 1)
		return err_set(e, -EINVAL, "'%s' is one argument too many: only a duration is expected",
			       rest->words.at[1]);
	if (word && o->duration != UINT64_MAX)
		return err_set(e, -EINVAL, "the duration is given twice: '%s' and --duration", word);
	if (word && duration_parse(word, &o->duration))
		return err_set(e, -EINVAL,
			       "'%s' is no duration (such as 10, 500ms or 2m); to profile a command write "
			       "'waggle -- %s'",
			       word, word);
	if (o->duration == UINT64_MAX)
		o->duration = rest->command || o->tui || o->serve.serve ? 0 : CAPTURE_SECONDS * NSEC_PER_SEC;
	return 0;
}

int capture_options_check(struct capture_cli *o, const struct option_rest *rest, struct err *e)
{
	int code = capture_contradictions(o, rest, e);

	if (!code)
		code = serve_check(&o->serve, e);
	if (!code)
		code = capture_duration(o, rest, e);
	if (!code)
		code = table_options_check(&o->tables, &o->files, e);
	return code ? code : output_check(&o->output, e);
}

void capture_options_fill(const struct capture_cli *o, struct capture_opts *ret)
{
	*ret = (struct capture_opts){
		.pids = o->pids.list.at,
		.n_pids = o->pids.list.n,
		.tids = o->tids.list.at,
		.n_tids = o->tids.list.n,
		.cpus = o->cpus.list.at,
		.n_cpus = o->cpus.list.n,
		.comm = o->comm,
		.cgroups = o->cgroups.list.at,
		.n_cgroups = o->cgroups.list.n,
		.duration = o->duration,
		.max_frames = o->max_frames,
		.keep_root = o->keep == KEEP_ROOT,
		.oracle_every = o->oracle,
		.finish_pending = true,
		.no_user = o->kernel_only,
		.no_kernel = o->user_only,
		.follow = !o->no_follow,
		.include_self = o->include_self,
		.bpf_stats = o->stats,
		.memory_cap = o->memory_mb << 20,
	};
}
