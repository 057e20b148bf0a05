/* cpu_command.c - `waggle cpu`, and what `waggle` alone means: sample the processors, now.
 *
 * The flags of bcc's `profile` keep their meaning (doc/bcc.md). All options are checked, and all
 * outputs tried, before anything is loaded into the kernel. The first SIGINT or SIGTERM ends the
 * capture and everything is still written; one during a download ends that; a second one leaves at
 * once and takes the temporary files with it.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/out.h"
#include "bpf/abi.h"
#include "cli/command.h"
#include "cli/filter_options.h"
#include "cli/names_options.h"
#include "cli/oracle_report.h"
#include "cli/output.h"
#include "cli/table_options.h"
#include "process/lookup.h"
#include "session/session.h"

extern const struct command command_cpu;

#define CPU_DEFAULT_HZ 99      /* not 100: in step with nothing that runs on round periods */
#define CPU_DEFAULT_SECONDS 10
#define CPU_DEFAULT_MEMORY_MB 1024
#define CPU_DEFAULT_OVERHEAD 1
#define CPU_DEFAULT_DEBUG_MB 32
#define CPU_KILL_SWITCH "/run/waggle.off"

struct cpu_opts {
	struct output_opts output;
	struct filter_opts filter;
	struct table_opts tables;
	struct names_opts names;
	struct option_ids pids, tids, cpus;
	struct option_texts cgroups;
	const char *comm;
	bool wait, no_follow, include_idle, include_self, user_only, kernel_only;
	bool exit_with_child, no_names, stats;
	uint32_t frequency, event, max_frames, keep, oracle;
	const char *oracle_out;
	uint64_t period, duration, memory_mb;
	uint32_t overhead; /* percent */
	const char *kill_switch;
	struct files_opts files; /* made from `tables` */
};

enum { KEEP_LEAF, KEEP_ROOT };
static const char *const cpu_keeps[] = { "leaf", "root", NULL };
static const char *const cpu_events[] = { "auto", "cycles", "cpu-clock", NULL };

#define AT(field) offsetof(struct cpu_opts, field)
static const struct option_row cpu_options[] = {
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
	{ "include-idle", 'I', OPTION_FLAG, AT(include_idle), NULL, "sample idle processors too" },
	{ "include-self", 0, OPTION_FLAG, AT(include_self), NULL, "sample waggle itself too" },
	{ "frequency", 'F', OPTION_U32, AT(frequency), "HZ",
	  "samples a second on every processor (default 99)", .min = 1, .max = 100000,
	  .group = "Sampling" },
	{ "count", 'c', OPTION_U64, AT(period), "N",
	  "sample every N events instead (cycles, or nanoseconds of cpu-clock)", .min = 1000 },
	{ "event", 0, OPTION_CHOICE, AT(event), "EVENT",
	  "what ticks: auto takes hardware cycles where there are any", .choices = cpu_events },
	{ "duration", 0, OPTION_DURATION, AT(duration), "TIME",
	  "how long, as the positional argument (default 10s; 0: until interrupted)" },
	{ "max-frames", 0, OPTION_U32, AT(max_frames), "N",
	  "user frames per stack at most (default 1024)", .min = 1, .max = FRAMES_USER_MAX },
	{ "keep-frames", 0, OPTION_CHOICE, AT(keep), "END",
	  "of a stack deeper than that: the frames at the leaf (default) or at the root",
	  .choices = cpu_keeps },
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
	  "unwind one sample in N a second time, in user space and by another implementation, and say "
	  "how far the two agree",
	  .min = 1, .max = 1000000 },
	{ "oracle-out", 0, OPTION_TEXT, AT(oracle_out), "DIR",
	  "write each sample on which they differ to a file in DIR" },
	{ "exit-with-child", 0, OPTION_FLAG, AT(exit_with_child), NULL,
	  "leave with the exit code of the command that was run" },
	{ "max-overhead", 0, OPTION_U32, AT(overhead), "PERCENT",
	  "of the machine that waggle may take; above it the rate is lowered, unbiased, and the ledger "
	  "says so (default 1; 100: no limit)", .min = 1, .max = 100, .group = "Safety" },
	{ "kill-switch", 0, OPTION_TEXT, AT(kill_switch), "FILE",
	  "while this file exists no capture runs: one that runs ends at once and writes what it has "
	  "(default " CPU_KILL_SWITCH ")" },
	{ "stack-storage-size", 0, OPTION_REFUSED, 0, "N",
	  "stacks are not kept in a table of fixed size; --max-profile bounds memory",
	  .group = "From bcc's profile" },
	{ "cgroupmap", 0, OPTION_REFUSED, 0, "PATH", "use --cgroup with the cgroup's directory" },
	{ "mntnsmap", 0, OPTION_REFUSED, 0, "PATH",
	  "use --cgroup or -p: a mount namespace's processes share one or the other" },
	{ NULL },
};

static const struct option_table cpu_tables[] = {
	{ cpu_options, 0 },
	{ table_options, AT(tables) },
	{ output_options, AT(output) },
	{ filter_frame_options, AT(filter) },
	{ names_file_options, AT(names) },
	{ names_server_options, AT(names) },
	{ NULL, 0 },
};

/* -- signals ------------------------------------------------------------------------------------ */

static struct session *volatile cpu_session;
static volatile sig_atomic_t cpu_interrupted, cpu_naming;

static void cpu_on_signal(int sig)
{
	/* While it captures, a download in the background goes on: the names are still wanted. */
	if (!(cpu_naming && names_interrupt()) && cpu_interrupted) {
		out_abandon_all();
		_exit(128 + sig);
	}
	cpu_interrupted = 1;
	if (cpu_session)
		session_stop(cpu_session);
}

static void cpu_signals(void)
{
	struct sigaction on = { .sa_handler = cpu_on_signal };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	static const int stop[] = { SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < sizeof(stop) / sizeof(*stop); i++) {
		struct sigaction was;

		/* What was ignored when we were started (nohup) stays ignored. */
		if (!sigaction(stop[i], NULL, &was) && was.sa_handler != SIG_IGN)
			sigaction(stop[i], &on, NULL);
	}
	sigaction(SIGPIPE, &ignore, NULL);
}

/* -- options ------------------------------------------------------------------------------------ */

static int cpu_contradictions(const struct cpu_opts *o, const struct option_rest *rest, struct err *e)
{
	bool targets = o->pids.list.n || o->tids.list.n || o->comm || o->cgroups.list.n;

	if (o->frequency && o->period)
		return err_set(e, -EINVAL, "-F and -c exclude each other: a rate or a count, not both");
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
	if (o->oracle_out && !o->oracle)
		return err_set(e, -EINVAL, "--oracle-out needs --oracle N");
	if (o->oracle_out && access(o->oracle_out, W_OK | X_OK) < 0)
		return err_set(e, -errno, "cannot write into '%s': %s", o->oracle_out, strerror(errno));
	if (o->oracle && o->kernel_only)
		return err_set(e, -EINVAL, "--oracle is about user stacks, which -K leaves out");
	if (o->comm && !*o->comm)
		return err_set(e, -EINVAL, "--comm needs a name");
	return 0;
}

/* The positional duration of bcc's profile; --duration says the same. A command runs to its end. */
static int cpu_duration(struct cpu_opts *o, const struct option_rest *rest, struct err *e)
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
		o->duration = rest->command ? 0 : CPU_DEFAULT_SECONDS * NSEC_PER_SEC;
	return 0;
}

/* What the tables cannot check, and what follows from the words. */
static int cpu_complete(struct cpu_opts *o, const struct option_rest *rest, struct err *e)
{
	int code = cpu_contradictions(o, rest, e);

	if (!code)
		code = cpu_duration(o, rest, e);
	if (!o->frequency && !o->period)
		o->frequency = CPU_DEFAULT_HZ;
	if (!code)
		code = table_options_check(&o->tables, &o->files, e);
	return code ? code : output_check(&o->output, e);
}

static void cpu_capture_opts(const struct cpu_opts *o, struct capture_opts *c)
{
	*c = (struct capture_opts){
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
		.frequency = o->frequency,
		.period = o->period,
		.event = o->event,
		.max_frames = o->max_frames,
		.keep_root = o->keep == KEEP_ROOT,
		.finish_pending = true,
		.no_user = o->kernel_only,
		.no_kernel = o->user_only,
		.include_idle = o->include_idle,
		.follow = !o->no_follow,
		.include_self = o->include_self,
		.bpf_stats = o->stats,
		.oracle_every = o->oracle,
		.memory_cap = o->memory_mb << 20,
	};
}

/* -- running ------------------------------------------------------------------------------------ */

static bool cpu_talks(const struct cpu_opts *o)
{
	return isatty(STDERR_FILENO) && !o->output.quiet;
}

static void cpu_progress(void *ctx, const struct session_progress *now)
{
	const struct cpu_opts *o = ctx;
	char elapsed[32], total[32];

	if (now->naming && !cpu_naming) {
		cpu_naming = 1;
		names_talk(cpu_talks(o));
	}
	if (!cpu_talks(o))
		return;
	if (now->naming) {
		fprintf(stderr, "\r\033[Klooking up names ..");
		return;
	}
	duration_text(now->elapsed / 100000000 * 100000000, elapsed, sizeof(elapsed));
	fprintf(stderr, "\r\033[K%s", elapsed);
	if (now->duration)
		fprintf(stderr, " of %s", duration_text(now->duration, total, sizeof(total)));
	else
		fprintf(stderr, " (Ctrl-C ends)");
	fprintf(stderr, " · %llu samples", (unsigned long long)now->samples);
	if (now->lost)
		fprintf(stderr, " · %llu lost", (unsigned long long)now->lost);
	fflush(stderr);
}

static bool cpu_arrived(const struct cpu_opts *o)
{
	if (o->comm && process_named(o->comm))
		return true;
	for (size_t i = 0; i < o->pids.list.n; i++)
		if (process_exists(o->pids.list.at[i]))
			return true;
	return false;
}

static int cpu_wait(const struct cpu_opts *o, struct err *e)
{
	while (o->wait && !cpu_arrived(o)) {
		if (cpu_interrupted)
			return err_set(e, -ESRCH, "interrupted while waiting for the target to appear");
		usleep(2000);
	}
	return 0;
}

static char *cpu_command_line(int argc, char **argv)
{
	struct buf b = { 0 };
	size_t n;

	buf_puts(&b, "waggle");
	if (strcmp(argv[0], "cpu") == 0)
		buf_puts(&b, " cpu");
	for (int i = 1; i < argc; i++)
		buf_printf(&b, " %s", argv[i]);
	buf_u8(&b, 0);
	return (char *)buf_take(&b, &n);
}

/* The exit code of a finished run. */
static int cpu_exit_code(const struct cpu_opts *o, const struct session_result *r, int verdict)
{
	int status = r->child_status;

	if (r->end == SESSION_SWITCHED_OFF)
		fprintf(stderr, "waggle: ended early: %s exists\n", o->kill_switch);
	if (status != -1 && !o->output.quiet) {
		if (WIFSIGNALED(status))
			fprintf(stderr, "waggle: the command was ended by signal %d (%s)\n",
				WTERMSIG(status), strsignal(WTERMSIG(status)));
		else if (WEXITSTATUS(status))
			fprintf(stderr, "waggle: the command exited with %d\n", WEXITSTATUS(status));
	}
	if (o->exit_with_child && status != -1)
		return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return verdict;
}

/* With no frame filter the first .waggle output is fed while capturing: a crash costs its last block. */
static int cpu_open_recording(const struct cpu_opts *o, const struct filter_set *filter, struct out *to,
			      const char **ret_path, struct err *e)
{
	*ret_path = filter->any ? NULL : output_file_of(&o->output, "waggle");
	return *ret_path ? out_open(to, *ret_path, e) : 0;
}

static int cpu_capture(const struct cpu_opts *o, const struct option_rest *rest, char *command_line,
		       struct debugfiles *names, struct out *recording, struct session_result *result,
		       struct err *e)
{
	struct session_opts so = {
		.source = source_by_name("cpu"),
		.files = o->files,
		.command = rest->command,
		.command_line = command_line,
		.recording = recording,
		.no_names = o->no_names,
		.max_overhead = o->overhead < 100 ? o->overhead / 100.0 : 0,
		.kill_switch = o->kill_switch,
		.oracle_out = o->oracle_out,
		.debugfiles = names,
		.debug_memory = (o->names.unpack ? o->names.unpack : CPU_DEFAULT_DEBUG_MB) << 20,
		.progress = cpu_progress,
		.watched = cpu_talks(o),
		.ctx = (void *)o,
	};
	struct session *s;
	int code = cpu_wait(o, e);

	cpu_capture_opts(o, &so.capture);
	if (!code)
		code = session_new(&so, &s, e);
	if (code)
		return code;
	cpu_session = s;
	if (cpu_interrupted)
		session_stop(s);
	code = session_run(s, result, e);
	cpu_session = NULL;
	session_free(s);
	if (cpu_talks(o))
		fprintf(stderr, "\r\033[K");
	return code;
}

static int cpu_run_parsed(struct cpu_opts *o, const struct option_rest *rest, char *command_line,
			  const struct filter_set *filter, int *ret_exit, struct err *e)
{
	struct session_result result = { 0 };
	struct out recording = { .fd = -1 };
	struct debugfiles *names = NULL;
	const char *path;
	int code = names_begin(&o->names, false, &names, e);

	if (!code)
		code = cpu_open_recording(o, filter, &recording, &path, e);
	if (!code)
		code = cpu_capture(o, rest, command_line, names, path ? &recording : NULL, &result,
				   e);
	names_end(names, &o->names, o->output.quiet || code);
	if (code) {
		out_abort(&recording);
		oracle_report_free(result.oracle);
		return code;
	}
	o->output.oracle = result.oracle;
	o->output.streamed = path;
	if (path)
		code = out_commit(&recording, e);
	if (!code)
		code = filter_set_apply(filter, &result.profile, e);
	if (!code)
		code = output_write(result.profile, &o->output, e);
	if (!code && result.oracle && !o->output.quiet)
		oracle_report_print(result.oracle, stderr);
	if (!code)
		*ret_exit = cpu_exit_code(o, &result, output_verdict(result.profile, &o->output));
	profile_free(result.profile);
	oracle_report_free(result.oracle);
	return code;
}

/* Tables and symbols of big files are large blocks that live shortly: they go back to the system when
 * they are freed, instead of raising the bar for the rest of the run as glibc's moving threshold does. */
static void cpu_tune_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	mallopt(M_ARENA_MAX, 2);
}

static int cpu_run(int argc, char **argv)
{
	struct cpu_opts o = {
		.output = OUTPUT_DEFAULTS,
		.names = NAMES_DEFAULTS,
		.duration = UINT64_MAX,
		.memory_mb = CPU_DEFAULT_MEMORY_MB,
		.overhead = CPU_DEFAULT_OVERHEAD,
		.kill_switch = CPU_KILL_SWITCH,
	};
	struct option_rest rest = { 0 };
	struct filter_set filter = { 0 };
	struct err e = { 0 };
	char *command_line = cpu_command_line(argc, argv);
	int exit_code = command_parse(&command_cpu, argc, argv, &o, &rest), code;

	if (exit_code >= 0)
		goto out;
	code = cpu_complete(&o, &rest, &e);
	if (!code)
		code = filter_set_new(&o.filter, &filter, &e);
	if (!code) {
		cpu_tune_memory();
		cpu_signals();
		code = cpu_run_parsed(&o, &rest, command_line, &filter, &exit_code, &e);
	}
	if (code)
		exit_code = command_fail(&e);
out:
	filter_set_free(&filter);
	option_free(cpu_tables, &o, &rest);
	free(command_line);
	return exit_code;
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
