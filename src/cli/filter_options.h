/* filter_options.h - "only this part of the profile" as options, shared by commands that read profiles.
 *
 * Tables over one struct: who and when (for profiles that are read; a capture filters these in the kernel
 * instead), which frames (for both), which classes of waiting (for profiles that are read), and the
 * ready-made drops of parked threads (wherever there are waits; parks.def).
 */
#ifndef WAGGLE_CLI_FILTER_OPTIONS_H
#define WAGGLE_CLI_FILTER_OPTIONS_H

#include "cli/option.h"
#include "profile/filter.h"

struct filter_opts {
	struct option_ids pids, tids, cpus;
	const char *comm, *keep, *drop, *focus;
	const char *classes; /* "lock,disk" */
	const char *parks;   /* "go,libuv": names of parks.def */
	uint64_t from, to;   /* ns */
	bool user_only, kernel_only, no_idle;
};

extern const struct option_row filter_task_options[];  /* pid tid cpu comm from to -U -K */
extern const struct option_row filter_frame_options[]; /* keep drop focus */
extern const struct option_row filter_class_options[]; /* class no-idle */
extern const struct option_row filter_park_options[];  /* drop-parks */

/* The options made ready: regexes compiled. Free with filter_set_free(). */
struct filter_set {
	struct profile_filter filter;
	struct regex *comm, *keep, *drop, *focus, *parks;
	bool any; /* does it filter at all? */
};

/* 0, or -EINVAL with a sentence (bad regex, unknown class or park, contradiction). The ids stay borrowed
 * from `o`. */
int filter_set_new(const struct filter_opts *o, struct filter_set *ret, struct err *e);
void filter_set_free(struct filter_set *s);
/* Replaces *p by its filtered part (and frees the whole) when there is anything to filter. */
int filter_set_apply(const struct filter_set *s, struct profile **p, struct err *e);

#endif
