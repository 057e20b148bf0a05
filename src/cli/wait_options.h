/* wait_options.h - what of waiting is looked at, as options of `waggle off` and `waggle wall`.
 *
 * Two tables over one struct: what both take, and what would make the times of `wall` not add up.
 *
 * Ownership: texts are borrowed from argv; wait_options_free() frees what wait_options_check() made. Errors:
 * 0 or -errno with a sentence. Thread safety: main thread.
 */
#ifndef WAGGLE_CLI_WAIT_OPTIONS_H
#define WAGGLE_CLI_WAIT_OPTIONS_H

#include "cli/capture_options.h"
#include "cli/command.h"

struct wait_cli {
	const char *states;  /* "S,D", or bits as bcc's --state has them */
	uint64_t min, max;   /* ns */
	bool user_threads, kernel_threads, no_idle, check, always_walk;
	bool wakers, locks, count;
	uint32_t hops;       /* 0 = not given */
	uint32_t max_keys;
	uint64_t interval;   /* ns */
	const char *causes_file;
	struct causes *causes; /* made from it by wait_options_check() */
};

extern const struct option_row wait_options[];        /* user-threads-only .. no-idle wakers hops locks .. */
extern const struct option_row wait_filter_options[]; /* state min-block-time max-block-time */

/* "R,S,D,T", or numbers as bcc takes them, to WAIT_STATE_ bits. 0 or -EINVAL with a sentence. */
int wait_states_parse(const char *text, uint32_t *ret, struct err *e);
/* Contradictions, and the options as the source takes them, who borrows from `o`. --count changes what
 * `output` shows. -EINVAL also for a file of causes that makes no sense, -errno when it cannot be read. */
int wait_options_check(struct wait_cli *o, struct output_opts *output, struct wait_opts *ret,
		       struct err *e);
void wait_options_free(struct wait_cli *o);

/* What off and wall have in common, as their tables see it. */
struct wait_run_opts {
	struct capture_cli capture;
	struct wait_cli waits;
	bool class_frames;  /* the class of a wait on its stack */
	uint32_t frequency; /* Hz, of what runs; 0 = it is not sampled */
};

struct wait_run {
	const struct command *command; /* its tables are over a struct wait_run_opts */
	const char *source, *what;     /* as in struct capture_job */
	bool class_frames;             /* when nothing is given */
	uint32_t frequency;
};

/* command.run of both: the exit code. */
int wait_run(const struct wait_run *run, int argc, char **argv);

#endif
