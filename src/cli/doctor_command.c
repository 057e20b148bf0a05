/* doctor_command.c - `waggle doctor`: what works here, and how to fix what does not.
 *
 * Shows the tables of session/kernel.h and the tools waggle works together with. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/out.h"
#include "cli/command.h"
#include "cli/doctor_file.h"
#include "cli/usage.h"
#include "format/format.h"
#include "session/hazard.h"
#include "session/kernel.h"

extern const struct command command_doctor;

struct doctor_opts {
	struct names_opts names;
	bool json;
};

static const struct option_row doctor_options[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct doctor_opts, json), NULL,
	  "one JSON object on standard output", .group = "Output" },
	{ NULL },
};

static const struct option_table doctor_tables[] = {
	{ doctor_options, 0 },
	{ names_file_options, offsetof(struct doctor_opts, names) },
	{ NULL, 0 },
};

/* -- tools -------------------------------------------------------------------------------------- */

/* Is the program in $PATH (or, for flamegraph.pl, where FLAMEGRAPH_PL says)? */
static void doctor_tool(const char *name, const char *given, struct check_result *ret)
{
	const char *path = getenv("PATH");

	*ret = (struct check_result){ CHECK_DEGRADED, "not found" };
	if (given && access(given, R_OK) == 0) {
		ret->state = CHECK_OK;
		snprintf(ret->detail, sizeof(ret->detail), "%s", given);
		return;
	}
	for (const char *dir = path ? path : "/usr/sbin:/usr/bin:/sbin:/bin"; *dir;) {
		size_t n = strcspn(dir, ":");

		snprintf(ret->detail, sizeof(ret->detail), "%.*s/%s", (int)n, dir, name);
		if (access(ret->detail, X_OK) == 0) {
			ret->state = CHECK_OK;
			return;
		}
		dir += n + (dir[n] == ':');
	}
	snprintf(ret->detail, sizeof(ret->detail), "not found");
}

#define TOOL(id, name, given)                                                              \
	static void doctor_probe_##id(const struct kernel *k, struct check_result *ret)   \
	{                                                                                  \
		doctor_tool(name, given, ret);                                             \
	}
TOOL(perf, "perf", NULL)
TOOL(bpftool, "bpftool", NULL)
TOOL(flamegraph, "flamegraph.pl", getenv("FLAMEGRAPH_PL"))
TOOL(pprof, "go", NULL)
TOOL(browser, "xdg-open", NULL)

static const struct check doctor_tools[] = {
	{ "perf", "perf", "comparing (make bench)", "apt install linux-perf", NULL, 0,
	  doctor_probe_perf },
	{ "bpftool", "bpftool", "building waggle", "apt install bpftool", NULL, 0,
	  doctor_probe_bpftool },
	{ "flamegraph", "flamegraph.pl", "pictures from folded stacks (-o x.svg needs nothing)",
	  "Get it from github.com/brendangregg/FlameGraph and set FLAMEGRAPH_PL to its path.", NULL, 0,
	  doctor_probe_flamegraph },
	{ "pprof", "go tool pprof", "looking at .pb.gz files", "apt install golang-go", NULL, 0,
	  doctor_probe_pprof },
	{ "browser", "xdg-open", "opening .svg and .html files", "apt install xdg-utils", NULL, 0,
	  doctor_probe_browser },
	{ NULL },
};

static const struct {
	const char *key, *title;
	const struct check *checks;
} doctor_groups[] = {
	{ "permissions", "Permissions", kernel_permissions },
	{ "features", "Kernel", kernel_features },
	{ "tools", "Tools (none is needed to profile)", doctor_tools },
};

enum { DOCTOR_GROUPS = sizeof(doctor_groups) / sizeof(*doctor_groups) };

/* -- verdict ------------------------------------------------------------------------------------ */

/* Remembers the gravest reason why a capture would not run. Permission goes first: without it the
 * kernel cannot even be asked. */
static void doctor_judge(const struct check *c, const struct check_result *r, int *code)
{
	if (r->state != CHECK_MISSING || !c->error)
		return;
	if (*code != EXIT_PERMISSION)
		*code = exit_code_of(c->error);
}

static const char *doctor_verdict(int code)
{
	return code == EXIT_DONE       ? "waggle can profile this machine" :
	       code == EXIT_PERMISSION ? "waggle may not profile this machine" :
					 "this kernel cannot be profiled by waggle";
}

/* -- text --------------------------------------------------------------------------------------- */

static const struct {
	const char *word, *colour;
} doctor_states[CHECK_STATE_MAX] = {
	[CHECK_OK] = { "ok", "\033[32m" },
	[CHECK_DEGRADED] = { "degraded", "\033[33m" },
	[CHECK_MISSING] = { "missing", "\033[31m" },
	[CHECK_UNTESTED] = { "untested", "\033[36m" },
};

/* `said` is the last remedy shown: the one for missing capabilities need not be read seven times. */
static void doctor_line(const struct check *c, const struct check_result *r, bool colour, int width,
			const char **said)
{
	char text[400];

	printf("  %s%-9s%s", colour ? doctor_states[r->state].colour : "",
	       doctor_states[r->state].word, colour ? "\033[0m" : "");
	snprintf(text, sizeof(text), "%s%s%s", c->name, *r->detail ? ": " : "", r->detail);
	usage_wrap(stdout, text, 11, 13, width);
	if (r->state == CHECK_OK)
		return;
	printf("%13sfor %s\n", "", c->needed_for);
	if (r->state == CHECK_UNTESTED || !*c->remedy)
		return;
	usage_wrap(stdout, *said && !strcmp(*said, c->remedy) ? "As above." : c->remedy, 0, 13,
		   width);
	*said = c->remedy;
}

static const char *const doctor_hazard_colours[HAZARD_STATE_MAX] = {
	[HAZARD_REFUSE] = "\033[31m",
	[HAZARD_ROUTE] = "\033[32m",
	[HAZARD_NOT_USED] = "\033[32m",
};

static void doctor_hazards(const struct kernel *k, bool colour, int width)
{
	size_t n, shown = 0;
	const struct hazard *h = hazard_all(&n);

	puts("\nKnown faults of kernels like this one");
	for (size_t i = 0; i < n; i++) {
		if (!hazard_affects(&h[i], k->version, k->arch))
			continue;
		printf("  %s%-9s%s", colour ? doctor_hazard_colours[h[i].state] : "",
		       hazard_word(h[i].state), colour ? "\033[0m" : "");
		usage_wrap(stdout, h[i].fault, 11, 13, width);
		usage_wrap(stdout, h[i].guard, 0, 13, width);
		shown++;
	}
	if (!shown)
		puts("  none");
}

/* The kernel cannot be profiled when waggle refuses to meet one of its faults. */
static void doctor_judge_hazards(const struct kernel *k, int *code)
{
	struct err e = { 0 };
	int rc = hazard_refusal(k->version, k->arch, &e);

	if (rc && *code == EXIT_DONE)
		*code = exit_code_of(rc);
}

static int doctor_text(const struct kernel *k)
{
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	int width = usage_width(stdout), code = EXIT_DONE;
	const char *said = NULL;
	struct check_result r;

	printf("waggle " WAGGLE_VERSION ", Linux %s\n", k->release);
	for (size_t g = 0; g < DOCTOR_GROUPS; g++) {
		printf("\n%s\n", doctor_groups[g].title);
		for (const struct check *c = doctor_groups[g].checks; c->key; c++) {
			kernel_probe(k, c, &r);
			doctor_line(c, &r, colour, width, &said);
			doctor_judge(c, &r, &code);
		}
	}
	doctor_hazards(k, colour, width);
	doctor_judge_hazards(k, &code);
	printf("\n%s.\n", doctor_verdict(code));
	return code;
}

/* -- json --------------------------------------------------------------------------------------- */

static void doctor_json_pair(struct out *to, const char *key, const char *value, const char *end)
{
	out_printf(to, "\"%s\":", key);
	format_json_string(to, value, strlen(value));
	out_puts(to, end);
}

static void doctor_json_group(struct out *to, const struct kernel *k, const struct check *checks,
			      int *code)
{
	struct check_result r;

	for (const struct check *c = checks; c->key; c++) {
		kernel_probe(k, c, &r);
		doctor_judge(c, &r, code);
		out_puts(to, c == checks ? "{" : ",{");
		doctor_json_pair(to, "key", c->key, ",");
		doctor_json_pair(to, "name", c->name, ",");
		doctor_json_pair(to, "state", doctor_states[r.state].word, ",");
		out_printf(to, "\"required\":%s,", c->error ? "true" : "false");
		doctor_json_pair(to, "detail", r.detail, ",");
		doctor_json_pair(to, "needed_for", c->needed_for, ",");
		doctor_json_pair(to, "remedy", r.state == CHECK_OK ? "" : c->remedy, "}");
	}
}

static void doctor_json_hazards(struct out *to, const struct kernel *k)
{
	size_t n;
	const struct hazard *h = hazard_all(&n);

	out_puts(to, "\"hazards\":[");
	for (size_t i = 0; i < n; i++) {
		out_puts(to, i ? ",{" : "{");
		doctor_json_pair(to, "key", h[i].key, ",");
		out_printf(to, "\"affects\":%s,",
			   hazard_affects(&h[i], k->version, k->arch) ? "true" : "false");
		doctor_json_pair(to, "state", hazard_word(h[i].state), ",");
		doctor_json_pair(to, "fault", h[i].fault, ",");
		doctor_json_pair(to, "guard", h[i].guard, "}");
	}
	out_puts(to, "],");
}

static int doctor_json(const struct kernel *k, struct err *e)
{
	int code = EXIT_DONE, rc;
	struct out to;

	rc = out_open(&to, "-", e);
	if (rc)
		return command_fail(e);
	out_puts(&to, "{");
	doctor_json_pair(&to, "waggle", WAGGLE_VERSION, ",");
	doctor_json_pair(&to, "kernel", k->release, ",");
	for (size_t g = 0; g < DOCTOR_GROUPS; g++) {
		out_printf(&to, "\"%s\":[", doctor_groups[g].key);
		doctor_json_group(&to, k, doctor_groups[g].checks, &code);
		out_puts(&to, "],");
	}
	doctor_json_hazards(&to, k);
	doctor_judge_hazards(k, &code);
	out_printf(&to, "\"can_profile\":%s,\"exit\":%d}\n", code ? "false" : "true", code);
	return out_commit(&to, e) ? command_fail(e) : code;
}

static int doctor_machine(bool json)
{
	struct err e = { 0 };
	struct kernel k;
	int code;

	kernel_open(&k, true);
	code = json ? doctor_json(&k, &e) : doctor_text(&k);
	kernel_close(&k);
	return code;
}

static int doctor_run(int argc, char **argv)
{
	struct doctor_opts o = { .names = NAMES_DEFAULTS };
	struct option_rest rest;
	struct err e = { 0 };
	int code = command_parse(&command_doctor, argc, argv, &o, &rest);

	if (code < 0 && (rest.words.n > 1 || rest.command)) {
		err_set(&e, -EINVAL, "doctor takes one file or one process");
		code = command_fail(&e);
	} else if (code < 0) {
		code = rest.words.n ? doctor_target(rest.words.at[0], &o.names, o.json)
				    : doctor_machine(o.json);
	}
	option_free(doctor_tables, &o, &rest);
	return code;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "what works here, and how to fix what does not",
	.usage = "[OPTIONS] [FILE|PID]",
	.description = "Without an argument: probes what profiling needs: permissions, features of the kernel, tools. Every line "
		       "is ok, degraded (waggle works, less well), missing, or untested (needs a "
		       "permission that is missing), with what to do about it. Exits with 0 when waggle "
		       "can profile this machine, 5 when it may not, 6 when the kernel cannot. A kernel with a "
		       "fault that waggle would meet is refused too; WAGGLE_IGNORE_HAZARDS=KEY,.. (keys as in "
		       "--json) runs there all the same.\n\n"
		       "With a program or library, or the number of a process for everything it may "
		       "execute: tells for each file whether stacks through it can be walked and where its "
		       "names and lines come from, and what to install or how to build for more. A file "
		       "whose name is a number is written ./123.",
	.examples = "waggle doctor\tcan this machine be profiled?\n"
		    "waggle doctor /usr/bin/redis-server\twhat it lacks for whole stacks and names\n"
		    "sudo waggle doctor 4242\tthe same for all files of a process",
	.options = doctor_tables,
	.run = doctor_run,
};
