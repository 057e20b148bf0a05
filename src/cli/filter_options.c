/* filter_options.c - filter options to a profile_filter; see filter_options.h. */
#include "cli/filter_options.h"

#include <errno.h>
#include <string.h>

#define AT(field) offsetof(struct filter_opts, field)
const struct option_row filter_task_options[] = {
	{ "pid", 'p', OPTION_IDS, AT(pids), "PID,..", "only these processes", .group = "Filters" },
	{ "tid", 'L', OPTION_IDS, AT(tids), "TID,..", "only these threads" },
	{ "cpu", 'C', OPTION_CPUS, AT(cpus), "CPU,..", "only these processors: 0-3,8" },
	{ "comm", 0, OPTION_TEXT, AT(comm), "REGEX", "only threads or processes whose name matches" },
	{ "from", 0, OPTION_DURATION, AT(from), "TIME", "only from this long after the start" },
	{ "to", 0, OPTION_DURATION, AT(to), "TIME", "only up to this long after the start" },
	{ "user-stacks-only", 'U', OPTION_FLAG, AT(user_only), NULL, "leave out kernel frames" },
	{ "kernel-stacks-only", 'K', OPTION_FLAG, AT(kernel_only), NULL, "leave out user frames" },
	{ NULL },
};

const struct option_row filter_frame_options[] = {
	{ "keep", 0, OPTION_TEXT, AT(keep), "REGEX", "only stacks with a frame that matches",
	  .group = "Filters by frame" },
	{ "drop", 0, OPTION_TEXT, AT(drop), "REGEX", "no stack with a frame that matches" },
	{ "focus", 0, OPTION_TEXT, AT(focus), "REGEX",
	  "let stacks start at the first frame that matches, leave out the others" },
	{ NULL },
};
#undef AT

static int filter_regex(const char *pattern, const char *option, struct regex **own,
			const struct regex **use, struct err *e)
{
	int rc;

	if (!pattern)
		return 0;
	rc = regex_new(pattern, own, e);
	if (rc) {
		err_prefix(e, "--%s", option);
		return rc;
	}
	*use = *own;
	return 0;
}

int filter_set_new(const struct filter_opts *o, struct filter_set *ret, struct err *e)
{
	struct profile_filter *f = &ret->filter;
	int rc;

	*ret = (struct filter_set){ 0 };
	if (o->user_only && o->kernel_only)
		return err_set(e, -EINVAL,
			       "--user-stacks-only and --kernel-stacks-only leave nothing");
	if (o->to && o->from >= o->to)
		return err_set(e, -EINVAL, "--from must be before --to");
	*f = (struct profile_filter){
		.pids = o->pids.list.at, .n_pids = o->pids.list.n,
		.tids = o->tids.list.at, .n_tids = o->tids.list.n,
		.cpus = o->cpus.list.at, .n_cpus = o->cpus.list.n,
		.from = o->from, .to = o->to,
		.no_kernel = o->user_only, .no_user = o->kernel_only,
	};
	rc = filter_regex(o->comm, "comm", &ret->comm, &f->comm, e);
	if (!rc)
		rc = filter_regex(o->keep, "keep", &ret->keep, &f->keep, e);
	if (!rc)
		rc = filter_regex(o->drop, "drop", &ret->drop, &f->drop, e);
	if (!rc)
		rc = filter_regex(o->focus, "focus", &ret->focus, &f->focus, e);
	if (rc)
		filter_set_free(ret);
	ret->any = f->n_pids || f->n_tids || f->n_cpus || f->from || f->to || f->comm || f->keep ||
		   f->drop || f->focus || f->no_kernel || f->no_user;
	return rc;
}

void filter_set_free(struct filter_set *s)
{
	regex_free(s->comm);
	regex_free(s->keep);
	regex_free(s->drop);
	regex_free(s->focus);
	*s = (struct filter_set){ 0 };
}

int filter_set_apply(const struct filter_set *s, struct profile **p, struct err *e)
{
	struct profile *part;
	int rc;

	if (!s->any)
		return 0;
	rc = profile_filter(*p, &s->filter, &part, e);
	if (rc) {
		if (e && !e->code)
			err_set(e, rc, "%s", strerror(-rc));
		return rc;
	}
	profile_free(*p);
	*p = part;
	return 0;
}
