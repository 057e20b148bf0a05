/* shares.c - sums by process, thread and group of waiting; see shares.h. */
#include "live/shares.h"

#include <errno.h>
#include <stdlib.h>

#include "base/map64.h"
#include "profile/sum.h"

struct shares_run {
	const struct profile *p;
	struct shares *to;
	struct map64 rows; /* pid << 32 | tid -> row; tid 0: the process */
};

struct shares_sorted { /* a row, and its process's total */
	int64_t process;
	struct share_row row;
};

static struct share_row *shares_row(struct shares_run *run, const struct profile_task *t,
				    uint32_t tid)
{
	bool is_new;
	uint32_t *row = map64_insert(&run->rows, (uint64_t)t->pid << 32 | tid,
				     (uint32_t)run->to->rows.n, &is_new);
	struct share_row fresh = { .pid = t->pid, .tid = tid, .name = tid ? t->comm : t->process };

	if (!row || (is_new && !VEC_PUSH(&run->to->rows, fresh)))
		return NULL;
	return &run->to->rows.at[*row];
}

static void shares_put(struct share_row *r, enum wait_group group, int64_t value, bool max)
{
	r->total = sum_value(r->total, value, max);
	r->group[group] = sum_value(r->group[group], value, max);
}

static int shares_add(struct shares_run *run, const struct profile_sample *s, int64_t value,
		      bool max)
{
	const struct profile_task *t = &run->p->tasks.at[s->task];
	enum wait_class class = waits_of_labels(run->p, s->labels, NULL, NULL);
	enum wait_group group =
		class == WAIT_CLASS_MAX ? WAIT_GROUP_RUNNING : waits_class(class)->group;
	struct share_row *r = shares_row(run, t, 0);
	size_t rows;

	if (!r)
		return -ENOMEM;
	r->name = t->process; /* the newest: what was forked has another name after its exec */
	shares_put(r, group, value, max);
	/* Where nobody knows the thread, as in folded stacks, the process has none. */
	if (!t->tid)
		return 0;
	rows = run->to->rows.n;
	r = shares_row(run, t, t->tid);
	if (!r)
		return -ENOMEM;
	r->name = t->comm;
	shares_put(r, group, value, max);
	if (run->to->rows.n > rows)
		shares_row(run, t, 0)->threads++;
	return 0;
}

static int shares_order(const void *pa, const void *pb)
{
	const struct shares_sorted *a = pa, *b = pb;

	if (a->process != b->process)
		return a->process > b->process ? -1 : 1;
	if (a->row.pid != b->row.pid)
		return a->row.pid < b->row.pid ? -1 : 1;
	if (!a->row.tid != !b->row.tid) /* the process before its threads */
		return a->row.tid ? 1 : -1;
	if (a->row.total != b->row.total)
		return a->row.total > b->row.total ? -1 : 1;
	return (a->row.tid > b->row.tid) - (a->row.tid < b->row.tid);
}

static int shares_sort(struct shares_run *run)
{
	struct shares *to = run->to;
	struct shares_sorted *sorted = calloc(to->rows.n ? to->rows.n : 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < to->rows.n; i++) {
		const struct share_row *r = &to->rows.at[i];
		const uint32_t *process = map64_find(&run->rows, (uint64_t)r->pid << 32);

		sorted[i] = (struct shares_sorted){ process ? to->rows.at[*process].total : 0, *r };
	}
	qsort(sorted, to->rows.n, sizeof(*sorted), shares_order);
	for (size_t i = 0; i < to->rows.n; i++)
		to->rows.at[i] = sorted[i].row;
	free(sorted);
	return 0;
}

int shares_new(const struct profile *p, uint32_t value, struct shares **ret)
{
	struct shares_run run = { .p = p };
	int err = 0;
	bool max;

	if (value == UINT32_MAX)
		value = p->default_value;
	if (value >= p->value_types.n)
		return -EINVAL;
	max = profile_value_is_max(p, value);
	run.to = calloc(1, sizeof(*run.to));
	if (!run.to)
		return -ENOMEM;
	for (size_t i = 0; i < p->samples.n && !err; i++) {
		int64_t v = profile_values(p, i)[value];

		run.to->total = sum_value(run.to->total, v, max);
		err = shares_add(&run, &p->samples.at[i], v, max);
	}
	if (!err)
		err = shares_sort(&run);
	map64_free(&run.rows);
	if (err) {
		shares_free(run.to);
		return err;
	}
	*ret = run.to;
	return 0;
}

void shares_free(struct shares *s)
{
	if (!s)
		return;
	VEC_FREE(&s->rows);
	free(s);
}
