/* look.c - a snapshot and its summaries; see look.h. */
#include "ui/tui/look.h"

#include "format/format.h"

enum { LOOK_THREADS = 200 };

void look_init(struct look *l, const struct live_snapshot *s)
{
	*l = (struct look){ .snapshot = s, .value = s->profile->default_value };
}

void look_done(struct look *l)
{
	calltree_free(l->tree);
	function_table_free(l->functions);
	shares_free(l->shares);
	waitsum_free(l->waits);
	live_snapshot_unref(l->snapshot);
	*l = (struct look){ 0 };
}

/* Folded stacks know names, but no numbers of processes. */
static enum calltree_root look_root(const struct look *l)
{
	const struct profile *p = l->snapshot ? l->snapshot->profile : NULL;

	for (size_t i = 0; p && i < p->tasks.n; i++)
		if (p->tasks.at[i].pid)
			return ROOT_PROCESS;
	return ROOT_COMM;
}

const struct calltree *look_tree(struct look *l)
{
	struct calltree_opts o = { .root = look_root(l), .value = l->value };

	if (!l->tree && l->snapshot && !calltree_new(l->snapshot->profile, &o, &l->tree))
		calltree_sort(l->tree, BY_NAME);
	return l->tree;
}

const struct function_table *look_functions(struct look *l)
{
	if (!l->functions && l->snapshot)
		function_table_new(l->snapshot->profile, l->value, &l->functions);
	return l->functions;
}

const struct shares *look_shares(struct look *l)
{
	if (!l->shares && l->snapshot)
		shares_new(l->snapshot->profile, l->value, &l->shares);
	return l->shares;
}

const struct waitsum *look_waits(struct look *l)
{
	if (!l->tried_waits && l->snapshot) {
		l->tried_waits = true;
		if (waitsum_applies(l->snapshot->profile))
			waitsum_new(l->snapshot->profile, UINT32_MAX, LOOK_THREADS, &l->waits);
	}
	return l->waits;
}

const char *look_unit(const struct look *l)
{
	const struct profile *p = l->snapshot ? l->snapshot->profile : NULL;

	return p && l->value < p->value_types.n ? profile_text(p, p->value_types.at[l->value].unit)
						: "";
}

const char *look_number(const struct look *l, int64_t value, char *to, size_t size)
{
	return format_value(value, look_unit(l), to, size);
}
