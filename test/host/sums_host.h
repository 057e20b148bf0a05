/* sums_host.h - what the scheduler's programs summed, as user space takes it over: by thread, kind
 * and length. To be included once, behind sched_host.h.
 */
#ifndef WAGGLE_TEST_SUMS_HOST_H
#define WAGGLE_TEST_SUMS_HOST_H

enum { TIDS = 12, LOGS = 64 };

/* By thread, kind and length; whatever the stack, the waker and the lock. */
struct table {
	struct wait_sum at[TIDS + 1][KIND_MAX][LOGS];
};

static struct table got;

static inline void table_add(struct wait_sum *to, uint64_t ns, uint64_t longest, uint64_t count)
{
	to->ns += ns;
	to->count += count;
	to->longest = longest > to->longest ? longest : to->longest;
}

static inline void table_take(const void *key, const void *value)
{
	const struct wait_key *k = key;
	const struct wait_sum *v = value;

	assert_true(k->tid && k->tid <= TIDS && k->kind < KIND_MAX && k->log2 < LOGS);
	assert_true(k->then < KIND_MAX && k->then_log2 < LOGS);
	table_add(&got.at[k->tid][k->kind][k->log2], v->ns, v->longest, v->count);
	if (k->then)
		table_add(&got.at[k->tid][k->then][k->then_log2], v->then_ns, v->then_longest, v->count);
	else
		assert_true(!v->then_ns && !v->then_longest && !k->then_log2);
}

/* What user space does at intervals: the maps change places, and the one that was counted in is
 * emptied. */
static inline void table_take_over(void)
{
	void *full = wait_epoch ? (void *)&wait_sums_1 : (void *)&wait_sums_0;

	wait_epoch = !wait_epoch;
	host_drain(full, table_take);
}

static inline uint64_t table_kind(const struct table *t, uint32_t tid, uint8_t kind)
{
	uint64_t ns = 0;

	for (int i = 0; i < LOGS; i++)
		ns += t->at[tid][kind][i].ns;
	return ns;
}

static inline uint64_t table_count(const struct table *t, uint32_t tid, uint8_t kind)
{
	uint64_t n = 0;

	for (int i = 0; i < LOGS; i++)
		n += t->at[tid][kind][i].count;
	return n;
}

#endif
