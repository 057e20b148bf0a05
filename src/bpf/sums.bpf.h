/* sums.bpf.h - waits are summed by (stack, thread, kind, length), and with who ended them. BPF only.
 *
 * In one of two maps: user space takes the other one over meanwhile.
 */
#ifndef WAGGLE_BPF_SUMS_H
#define WAGGLE_BPF_SUMS_H

#include "bpf/maps.bpf.h"

const volatile struct wait_config wait_config = {};

uint64_t wait_start = 0; /* CLOCK_MONOTONIC ns of the capture's begin */
uint32_t wait_epoch = 0; /* which of the two maps is counted in; user space changes it */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct wait_stats);
	__uint(max_entries, 1);
} wait_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, struct wait_thread);
	__uint(max_entries, WAIT_THREADS_DEFAULT);
} wait_threads SEC(".maps");

struct wait_sums {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct wait_key);
	__type(value, struct wait_sum);
	__uint(max_entries, WAIT_KEYS_DEFAULT);
};

struct wait_sums wait_sums_0 SEC(".maps");
struct wait_sums wait_sums_1 SEC(".maps");

/* Only looked at when wakers are wanted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, struct wait_wakers);
	__uint(max_entries, WAIT_THREADS_DEFAULT);
} wait_wakers SEC(".maps");

/* For the iterator: the cgroups asked for, by their ids. */
uint64_t wait_cgroups[CGROUPS_MAX] = {};

/* -- sums --------------------------------------------------------------------------------------- */

static __always_inline u8 log2_of(u64 ns)
{
	u8 log = 0;

	for (int step = 32; step; step >>= 1) {
		if (ns >> step) {
			ns >>= step;
			log += step;
		}
	}
	return log;
}

/* Keys hold the thread, whose events come one after the other: no other processor adds to the same. */
VERIFIED_ONCE int sum_add(struct wait_key *of, u64 ns, u64 count, u64 then_ns)
{
	struct wait_sum *sum, first = { .ns = ns, .longest = ns, .count = count, .then_ns = then_ns,
					.then_longest = then_ns };
	struct wait_key own, *key = &own;

	if (!of)
		return 0;
	own = *of; /* Linux 6.1 takes no key from an argument's memory */
	if (wait_epoch)
		sum = bpf_map_lookup_elem(&wait_sums_1, key);
	else
		sum = bpf_map_lookup_elem(&wait_sums_0, key);
	if (sum) {
		sum->ns += ns;
		sum->count += count;
		if (ns > sum->longest)
			sum->longest = ns;
		sum->then_ns += then_ns;
		if (then_ns > sum->then_longest)
			sum->then_longest = then_ns;
		return 0;
	}
	if (wait_epoch)
		return bpf_map_update_elem(&wait_sums_1, key, &first, BPF_ANY);
	return bpf_map_update_elem(&wait_sums_0, key, &first, BPF_ANY);
}

static __always_inline void sum_wait(struct wait_stats *st, struct wait_key *key, u8 kind, u64 ns)
{
	key->kind = kind;
	key->log2 = log2_of(ns);
	if (sum_add(key, ns, 1, 0))
		st->no_key++;
}

/* The parts of a wait, each with who ended it; what is left is the last one's. */
static __always_inline void sum_hops(struct wait_stats *st, struct wait_key *key, struct wait_wakers *k,
				     u64 start, u64 end)
{
	u64 to = end;

	for (u32 i = 0; i < HOPS_MAX; i++) {
		u64 from;

		if (i >= k->n)
			break;
		from = i + 1 == k->n || k->hop[i].from < start ? start : k->hop[i].from;
		if (from > to)
			from = to;
		key->chain = k->hop[i].chain;
		if (sum_add(key, to - from, i == 0, 0))
			st->no_key++;
		to = from;
	}
}

static __always_inline void wakers_close(struct wait_stats *st, struct wait_key *key,
					 struct wait_thread *t, u32 tid, u64 end)
{
	struct wait_wakers *k = bpf_map_lookup_elem(&wait_wakers, &tid);

	if (!k)
		return;
	key->kind = KIND_BLOCKED;
	key->log2 = log2_of(end - t->since);
	if (k->n)
		sum_hops(st, key, k, t->since, end);
	else if (sum_add(key, end - t->since, 1, 0))
		st->no_key++;
	key->chain = 0;
	k->stack = t->stack;
	k->start = t->since;
	k->end = end;
	k->last_n = k->n;
	__builtin_memcpy(k->last, k->hop, sizeof(k->last));
	k->n = 0;
}

/* Whoever ended a wait that was not asked for did not end the next one. */
static __always_inline void wakers_forget(u32 tid)
{
	struct wait_wakers *k = wait_config.hops ? bpf_map_lookup_elem(&wait_wakers, &tid) : NULL;

	if (k)
		k->n = 0;
}

static __always_inline bool wait_counts_for(u64 ns)
{
	return ns >= wait_config.min && (!wait_config.max || ns <= wait_config.max);
}

/* What a thread was in between its wake-up and its coming back. */
static __always_inline u8 kind_behind(struct wait_thread *t)
{
	return t->held ? KIND_THROTTLED : KIND_RUN_QUEUE;
}

/* A thread comes back. */
static __always_inline void wait_close(struct wait_stats *st, struct wait_thread *t, u32 tid, u64 now)
{
	struct wait_key key = { .stack = t->stack, .lock = t->lock, .tid = tid };
	u64 ns = now - t->since, woken = now;

	if (t->kind == KIND_MAX || !wait_counts_for(ns)) {
		st->filtered++;
		wakers_forget(tid);
		return;
	}
	if (t->kind != KIND_BLOCKED) {
		sum_wait(st, &key, t->kind, ns);
		return;
	}
	if (t->woken >= t->since)
		woken = t->woken;
	else
		st->unseen++;
	if (wait_config.hops && bpf_map_lookup_elem(&wait_wakers, &tid)) {
		wakers_close(st, &key, t, tid, woken);
		if (woken != now)
			sum_wait(st, &key, kind_behind(t), now - woken);
		return;
	}
	key.kind = KIND_BLOCKED;
	key.log2 = log2_of(woken - t->since);
	if (woken != now) {
		key.then = kind_behind(t);
		key.then_log2 = log2_of(now - woken);
	}
	if (sum_add(&key, woken - t->since, 1, now - woken))
		st->no_key++;
}

#endif
