/* filter_options.c - filter options to a profile_filter; see filter_options.h. */
#include "cli/filter_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/nearest.h"

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

const struct option_row filter_class_options[] = {
	{ "class", 0, OPTION_TEXT, AT(classes), "CLASS,..",
	  "only time that went to these: on-cpu, lock, disk, network, run-queue, ..; of profiles of off and wall",
	  .group = "Filters by class of waiting" },
	{ "no-idle", 0, OPTION_FLAG, AT(no_idle), NULL,
	  "leave out waits for work or for time to pass (poll, sleep, signal, idle kernel threads)" },
	{ NULL },
};

const struct option_row filter_park_options[] = {
	{ "drop-parks", 0, OPTION_TEXT, AT(parks), "RUNTIME,..",
	  "no stack in which a thread of this runtime only waits for work: go, tokio, java, libuv",
	  .group = "Parked threads" },
	{ NULL },
};
#undef AT

static const struct {
	const char *name, *pattern;
} filter_parks[] = {
#define PARK(name, pattern) { #name, pattern },
#include "cli/parks.def"
#undef PARK
};

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

/* The first word of a list with commas, copied; returns what is behind it, NULL at the end. */
static const char *filter_word(const char *list, char *word, size_t size)
{
	size_t len = strcspn(list, ",");

	snprintf(word, size, "%.*s", (int)(len < size ? len : size - 1), list);
	return list[len] ? list + len + 1 : NULL;
}

static int filter_unknown_class(const char *word, struct err *e)
{
	struct nearest n = nearest_to(word);

	for (int i = 0; i < WAIT_CLASS_MAX; i++)
		nearest_offer(&n, waits_class((enum wait_class)i)->key);
	return err_set(e, -EINVAL, "--class: there is no class of waiting '%s'%s", word,
		       nearest_hint(&n, ""));
}

/* Which classes pass, for profile_filter; 0 = all. */
static int filter_classes(const struct filter_opts *o, uint32_t *ret, struct err *e)
{
	uint32_t asked = 0, busy = UINT32_C(1) << WAIT_CLASS_MAX; /* what has no class is not idle */
	const char *next = o->classes;
	char word[64];

	for (int i = 0; i < WAIT_CLASS_MAX; i++)
		if (waits_class((enum wait_class)i)->group != WAIT_GROUP_IDLE)
			busy |= UINT32_C(1) << i;
	while (next) {
		enum wait_class c;

		next = filter_word(next, word, sizeof(word));
		c = waits_class_of_key(word);
		if (c == WAIT_CLASS_MAX)
			return filter_unknown_class(word, e);
		asked |= UINT32_C(1) << c;
	}
	*ret = !o->no_idle ? asked : asked ? asked & busy : busy;
	if (asked && !*ret)
		return err_set(e, -EINVAL, "--no-idle leaves nothing of --class %s", o->classes);
	return 0;
}

/* Appends the patterns of one runtime. */
static int filter_park(struct buf *b, const char *word, struct err *e)
{
	struct nearest n = nearest_to(word);
	bool known = false;

	for (size_t i = 0; i < sizeof(filter_parks) / sizeof(*filter_parks); i++) {
		nearest_offer(&n, filter_parks[i].name);
		if (strcmp(filter_parks[i].name, word))
			continue;
		buf_printf(b, "%s(?:%s)", b->len ? "|" : "", filter_parks[i].pattern);
		known = true;
	}
	if (known)
		return 0;
	return err_set(e, -EINVAL, "--drop-parks: no parks of '%s' are known%s", word, nearest_hint(&n, ""));
}

static int filter_park_regex(const struct filter_opts *o, struct filter_set *ret, struct err *e)
{
	const char *next = o->parks;
	struct buf b = { 0 };
	char word[64];
	int rc = 0;

	while (next && !rc) {
		next = filter_word(next, word, sizeof(word));
		rc = filter_park(&b, word, e);
	}
	buf_putc(&b, 0);
	if (!rc && b.err)
		rc = err_set(e, b.err, "out of memory");
	if (!rc && o->parks)
		rc = filter_regex((const char *)b.data, "drop-parks", &ret->parks,
				  &ret->filter.drop_stacks, e);
	buf_free(&b);
	return rc;
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
	if (!rc)
		rc = filter_classes(o, &f->classes, e);
	if (!rc)
		rc = filter_park_regex(o, ret, e);
	if (rc)
		filter_set_free(ret);
	ret->any = f->n_pids || f->n_tids || f->n_cpus || f->from || f->to || f->comm || f->keep ||
		   f->drop || f->drop_stacks || f->focus || f->classes || f->no_kernel || f->no_user;
	return rc;
}

void filter_set_free(struct filter_set *s)
{
	regex_free(s->comm);
	regex_free(s->keep);
	regex_free(s->drop);
	regex_free(s->focus);
	regex_free(s->parks);
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
