/* wait_options.c - options of waiting to struct wait_opts; see wait_options.h. */
#include "cli/wait_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/capture.h"
#include "profile/causes.h"

enum { WAIT_HOPS_MAX = 8, WAIT_CAUSES_MAX = 1 << 20 };

#define AT(field) offsetof(struct wait_cli, field)
const struct option_row wait_filter_options[] = {
	{ "state", 0, OPTION_TEXT, AT(states), "LIST",
	  "only waits that began in one of these states: R (preempted or yielded), S, D, T, I; numbers mean "
	  "what they mean to bcc",
	  .group = "Waits" },
	{ "min-block-time", 'm', OPTION_MICROS, AT(min), "TIME",
	  "only waits at least this long; a bare number is microseconds" },
	{ "max-block-time", 'M', OPTION_MICROS, AT(max), "TIME",
	  "only waits at most this long; a bare number is microseconds" },
	{ NULL },
};

const struct option_row wait_options[] = {
	{ "user-threads-only", 'u', OPTION_FLAG, AT(user_threads), NULL, "no kernel threads",
	  .group = "Threads and wakers" },
	{ "kernel-threads-only", 'k', OPTION_FLAG, AT(kernel_threads), NULL, "only kernel threads" },
	{ "no-idle", 0, OPTION_FLAG, AT(no_idle), NULL,
	  "leave out waits for work or for time to pass (poll, sleep, signal, idle kernel threads)" },
	{ "wakers", 0, OPTION_FLAG, AT(wakers), NULL,
	  "who ended each wait: the waker's stack on top of the sleeper's" },
	{ "hops", 0, OPTION_U32, AT(hops), "N",
	  "what the waker itself had waited for, and who ended that, N wakers far (default 1; implies --wakers)",
	  .min = 1, .max = WAIT_HOPS_MAX },
	{ "locks", 0, OPTION_FLAG, AT(locks), NULL,
	  "tell locks apart by their address, and show who waits and who holds them (implies --wakers)" },
	{ "causes", 0, OPTION_TEXT, AT(causes_file), "FILE",
	  "rules of your own for what threads wait for, instead of those that come with waggle" },
	{ "count", 0, OPTION_FLAG, AT(count), NULL, "show the number of waits instead of their time" },
	{ "max-keys", 0, OPTION_U32, AT(max_keys), "N",
	  "different (stack, thread, class) an interval can hold; what does not fit is counted as lost",
	  .min = 1024, .max = 16777216 },
	{ "interval", 0, OPTION_DURATION, AT(interval), "TIME",
	  "how often they are taken over from the kernel (default 1s)" },
	{ "check-recognised", 0, OPTION_FLAG, AT(check), NULL,
	  "walk again where a stack was recognised as one the thread had waited in before, and count where "
	  "the two differ (none ever should)" },
	{ "always-walk", 0, OPTION_FLAG, AT(always_walk), NULL,
	  "never recognise a stack: walk at every wait (for comparing the cost)" },
	{ NULL },
};
#undef AT

/* The letters of ps, and the bits of the scheduler's task states in the numbers that bcc takes
 * (include/linux/sched.h, TASK_INTERRUPTIBLE and below). */
static const struct {
	char letter;
	uint32_t number, state;
} wait_states[] = {
	{ 'R', 0, WAIT_STATE_RUNNING },         { 'S', 0x1, WAIT_STATE_INTERRUPTIBLE },
	{ 'D', 0x2, WAIT_STATE_UNINTERRUPTIBLE }, { 'T', 0x4, WAIT_STATE_STOPPED },
	{ 't', 0x8, WAIT_STATE_STOPPED },       { 'I', 0, WAIT_STATE_OTHER },
};

static uint32_t wait_states_of_number(uint32_t number)
{
	uint32_t states = 0, known = 0;

	if (!number)
		return WAIT_STATE_RUNNING;
	for (size_t i = 0; i < sizeof(wait_states) / sizeof(*wait_states); i++) {
		known |= wait_states[i].number;
		if (number & wait_states[i].number)
			states |= wait_states[i].state;
	}
	return number & ~known ? states | WAIT_STATE_OTHER : states;
}

/* One word of the list; 0 when it is none. */
static uint32_t wait_state(const char *word, size_t len)
{
	char *end;

	if (len && word[0] >= '0' && word[0] <= '9') {
		unsigned long number = strtoul(word, &end, 0);

		if (end != word + len || number > UINT32_MAX)
			return 0;
		return wait_states_of_number((uint32_t)number);
	}
	for (size_t i = 0; len == 1 && i < sizeof(wait_states) / sizeof(*wait_states); i++)
		if (wait_states[i].letter == *word)
			return wait_states[i].state;
	return 0;
}

int wait_states_parse(const char *text, uint32_t *ret, struct err *e)
{
	uint32_t states = 0;

	for (const char *word = text;; word++) {
		size_t len = strcspn(word, ",");
		uint32_t state = wait_state(word, len);

		if (!state)
			return err_set(e, -EINVAL,
				       "--state takes letters of R, S, D, T, t, I separated by commas, or numbers "
				       "as bcc does, not '%s'",
				       text);
		states |= state;
		word += len;
		if (!*word)
			break;
	}
	*ret = states;
	return 0;
}

static int wait_contradictions(const struct wait_cli *o, const struct output_opts *output, struct err *e)
{
	if (o->user_threads && o->kernel_threads)
		return err_set(e, -EINVAL, "-u and -k exclude each other: no thread would be left");
	if (o->max && o->min > o->max)
		return err_set(e, -EINVAL, "-m must not be above -M: no wait would be left");
	if (o->count && output->value && strcmp(output->value, WAITS_TYPE_COUNT))
		return err_set(e, -EINVAL, "--count and --value %s exclude each other", output->value);
	return 0;
}

/* A text of rules is small: whatever is larger is something else. */
static int wait_read_causes(const char *path, struct buf *to, struct err *e)
{
	FILE *f = fopen(path, "re");
	char block[4096];
	size_t n;
	int code = 0;

	if (!f)
		return err_set(e, -errno, "cannot read '%s': %s", path, strerror(errno));
	while (!code && (n = fread(block, 1, sizeof(block), f)) > 0) {
		buf_put(to, block, n);
		if (to->err)
			code = err_set(e, to->err, "out of memory");
		else if (to->len > WAIT_CAUSES_MAX)
			code = err_set(e, -EINVAL, "'%s' is too large for a file of causes", path);
	}
	if (!code && ferror(f))
		code = err_set(e, -EIO, "cannot read '%s'", path);
	fclose(f);
	return code;
}

static int wait_causes(struct wait_cli *o, struct err *e)
{
	struct buf text = { 0 };
	int code = wait_read_causes(o->causes_file, &text, e);

	if (!code)
		code = causes_parse((const char *)text.data, text.len, o->causes_file, &o->causes, e);
	buf_free(&text);
	return code;
}

void wait_options_free(struct wait_cli *o)
{
	causes_free(o->causes);
	o->causes = NULL;
}

int wait_options_check(struct wait_cli *o, struct output_opts *output, struct wait_opts *ret,
		       struct err *e)
{
	bool wakers = o->wakers || o->locks || o->hops;
	int code = wait_contradictions(o, output, e);

	*ret = (struct wait_opts){
		.min = o->min,
		.max = o->max,
		.user_threads = o->user_threads,
		.kernel_threads = o->kernel_threads,
		.no_idle = o->no_idle,
		.check = o->check,
		.no_memory = o->always_walk,
		.hops = o->hops ? o->hops : wakers,
		.locks = o->locks,
		.max_keys = o->max_keys,
		.interval = o->interval,
	};
	if (!code && o->states)
		code = wait_states_parse(o->states, &ret->states, e);
	if (!code && o->causes_file)
		code = wait_causes(o, e);
	ret->causes = o->causes;
	if (!code && o->count)
		output->value = WAITS_TYPE_COUNT;
	return code;
}

static int wait_complete(struct wait_run_opts *o, const struct option_rest *rest, struct capture_opts *ret,
			 struct err *e)
{
	struct wait_opts waits;
	int code = wait_options_check(&o->waits, &o->capture.output, &waits, e);

	if (!code)
		code = capture_options_check(&o->capture, rest, e);
	if (code)
		return code;
	capture_options_fill(&o->capture, ret);
	ret->frequency = o->frequency;
	ret->waits = waits;
	ret->waits.class_frames = o->class_frames;
	return 0;
}

int wait_run(const struct wait_run *run, int argc, char **argv)
{
	struct wait_run_opts o = {
		.capture = CAPTURE_DEFAULTS, .class_frames = run->class_frames, .frequency = run->frequency,
	};
	struct option_rest rest = { 0 };
	struct err e = { 0 };
	struct capture_job job = {
		.source = run->source, .what = run->what, .options = &o.capture, .rest = &rest,
	};
	int code = command_parse(run->command, argc, argv, &o, &rest);

	if (code < 0)
		code = wait_complete(&o, &rest, &job.capture, &e) ? command_fail(&e)
								  : capture_run(&job, argc, argv);
	wait_options_free(&o.waits);
	option_free(run->command->options, &o, &rest);
	return code;
}
