/* waits.c - stacks, sums and threads from the kernel side into the profile; see waits.h. */
#include "session/waits.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "profile/causes.h"
#include "profile/waits.h"
#include "source/off.h"
#include "symbol/symbolizer.h"
#include "waggle.skel.h"

enum { BATCH = 4096, OWN_FRAMES_MAX = 8, CHAIN_MAX = HOPS_MAX, ASLEEP_LOOKS = 3 };

/* A stack that waits are counted by. */
struct waits_stack {
	uint32_t leaf;    /* node; PROFILE_NONE: out of memory */
	uint32_t end_file_object;
	uint8_t class;    /* enum wait_class of a blocked thread there */
	uint8_t end, flags;
	bool user, kernel, skipped;
	const char *waker; /* of a waker's: what interrupt it was, NULL = the thread itself */
};

struct waits_chain {
	uint64_t waker, waited, next; /* hashes of two stacks and a chain */
	uint32_t name;                /* string: the waker's */
};

struct waits_thread {
	uint32_t tid, task;
	uint64_t on;     /* time on a processor that was taken into account, ns */
	uint64_t credit; /* of it, what no sample stands for yet */
	uint32_t n_ticks;/* samples of this interval */
};

struct waits_entry { /* a key with its sum */
	struct wait_key key;
	struct wait_sum sum;
	uint64_t time; /* when its interval ended */
};

/* Time of one thread and kind in an interval, with stacks and without. */
struct waits_share {
	uint64_t walked, not_walked, waits_walked, waits_not;
};

struct waits {
	struct waits_opts o;
	struct causes *own_causes;
	const struct causes *causes;
	struct map64 by_hash, by_chain, by_tid; /* -> rows of the next three */
	VEC(struct waits_stack) stacks;
	VEC(struct waits_chain) chains;
	VEC(struct waits_thread) threads;
	VEC(struct waits_entry) entries, unresolved;
	VEC(struct profile_sample) ticks;
	VEC(uint32_t) running; /* tids */
	uint64_t interval, next, flipped; /* flipped: when the maps changed roles, 0 = they have been read since */
	uint64_t max_entries;
	pthread_t rest;
	bool resting, rested; /* rested: written by that thread */
	uint32_t longest, looks;
};

/* -- life --------------------------------------------------------------------------------------- */

int waits_new(const struct waits_opts *o, struct waits **ret)
{
	const struct wait_opts *opts = &o->capture->waits;
	struct waits *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->o = *o;
	w->causes = opts->causes;
	if (!w->causes)
		w->causes = w->own_causes = causes_builtin();
	w->interval = opts->interval ? opts->interval : NSEC_PER_SEC;
	w->max_entries = opts->max_keys ? opts->max_keys : WAIT_KEYS_DEFAULT;
	w->next = clock_mono_ns() + w->interval;
	*ret = w;
	profile_value_type(o->intake->profile, WAITS_TYPE_COUNT, "count");
	w->longest = profile_value_type(o->intake->profile, WAITS_TYPE_LONGEST, "nanoseconds");
	return w->causes && !o->intake->profile->oom ? 0 : -ENOMEM;
}

void waits_free(struct waits *w)
{
	if (!w)
		return;
	if (w->resting)
		pthread_join(w->rest, NULL);
	causes_free(w->own_causes);
	map64_free(&w->by_hash);
	map64_free(&w->by_chain);
	map64_free(&w->by_tid);
	VEC_FREE(&w->stacks);
	VEC_FREE(&w->chains);
	VEC_FREE(&w->threads);
	VEC_FREE(&w->entries);
	VEC_FREE(&w->unresolved);
	VEC_FREE(&w->ticks);
	VEC_FREE(&w->running);
	free(w);
}

/* -- records ------------------------------------------------------------------------------------ */

/* The kernel's frames by name, leaf first; a name that nobody knows is "". */
static size_t waits_functions(const struct waits *w, const struct sample_record *r, const uint64_t *words,
			      const char *names[FRAMES_KERNEL_MAX])
{
	size_t n = r->n_kernel < FRAMES_KERNEL_MAX ? r->n_kernel : FRAMES_KERNEL_MAX;

	for (size_t i = 0; i < n; i++) {
		const char *name = w->o.intake->kallsyms ? kallsyms_name(w->o.intake->kallsyms, words[i] - 1)
							 : NULL;

		names[i] = name ? name : "";
	}
	return n;
}

/* At the leaf lie the programs themselves and what called them. */
static size_t waits_own_frames(const char *const *names, size_t n)
{
	static const char *const own[] = { "bpf_", "__bpf_", "__traceiter_", "trace_", "__trace_" };
	size_t i = 0;

	for (bool is_own = true; i < n && i < OWN_FRAMES_MAX && is_own; i += is_own) {
		is_own = !*names[i];
		for (size_t k = 0; k < sizeof(own) / sizeof(*own); k++)
			is_own |= strncmp(names[i], own[k], strlen(own[k])) == 0;
	}
	return i;
}

static void waits_stack(struct waits *w, const struct sample_record *r, size_t len)
{
	const uint64_t *words = (const uint64_t *)(r + 1);
	const char *names[FRAMES_KERNEL_MAX];
	struct waits_stack s = { .end = r->end, .flags = r->flags, .skipped = r->skipped > 0 };
	struct intake_part part;
	struct cause_query q;
	size_t n, own, irq = 0;

	if (len < sizeof(*r) + ((size_t)r->n_kernel + r->n_user) * sizeof(uint64_t) ||
	    map64_find(&w->by_hash, r->hash))
		return;
	n = waits_functions(w, r, words, names);
	own = waits_own_frames(names, n);
	q = (struct cause_query){
		.syscall = (int32_t)(r->cause & CAUSE_SYSCALL) - 1,
		.iowait = r->cause & CAUSE_IOWAIT,
		.kernel_thread = r->cause & CAUSE_KERNEL_THREAD,
		.functions = names + own,
		.n = n - own,
	};
	part = (struct intake_part){ .kernel_from = (uint32_t)own, .kernel_to = (uint32_t)n, .user = true };
	if (r->cause & CAUSE_WAKER)
		s.waker = causes_waker(w->causes, q.functions, q.n, &irq);
	else
		s.class = (uint8_t)causes_find(w->causes, &q);
	if (s.waker) { /* what was interrupted has nothing to do with it */
		part.kernel_to = (uint32_t)(own + irq);
		part.user = false;
	}
	s.leaf = intake_stack(w->o.intake, r, words, &part);
	s.user = r->end != WALK_NONE && r->end != WALK_EXEC;
	s.kernel = r->n_kernel > 0;
	s.end_file_object = intake_object(w->o.intake, r->end_file, r->tgid);
	if (!VEC_PUSH(&w->stacks, s) ||
	    !map64_insert(&w->by_hash, r->hash, (uint32_t)w->stacks.n - 1, NULL))
		w->o.intake->profile->oom = true;
}

static struct waits_thread *waits_thread(struct waits *w, uint32_t tid)
{
	uint32_t *known = map64_find(&w->by_tid, tid);
	struct waits_thread t = { .tid = tid };

	if (known)
		return &w->threads.at[*known];
	if (!VEC_PUSH(&w->threads, t) || !map64_insert(&w->by_tid, tid, (uint32_t)w->threads.n - 1, NULL)) {
		w->o.intake->profile->oom = true;
		return NULL;
	}
	return &w->threads.at[w->threads.n - 1];
}

static void waits_task(struct waits *w, const struct sample_record *r)
{
	struct waits_thread *t = waits_thread(w, r->tid);
	char comm[COMM_LEN + 1] = "", process[COMM_LEN + 1] = "";

	memcpy(comm, r->comm, COMM_LEN);
	memcpy(process, r->process, COMM_LEN);
	if (t)
		t->task = profile_task(w->o.intake->profile, r->tgid, r->tid, comm, process);
}

static void waits_chain(struct waits *w, const struct sample_record *r, size_t len)
{
	const uint64_t *words = (const uint64_t *)(r + 1);
	char comm[COMM_LEN + 1] = "";
	struct waits_chain c;

	memcpy(comm, r->tid ? r->comm : "idle", r->tid ? COMM_LEN : 5);
	if (len < sizeof(*r) + 3 * sizeof(uint64_t) || map64_find(&w->by_chain, r->hash))
		return;
	c = (struct waits_chain){ words[0], words[1], words[2],
				  profile_str(w->o.intake->profile, comm) };
	if (!VEC_PUSH(&w->chains, c) ||
	    !map64_insert(&w->by_chain, r->hash, (uint32_t)w->chains.n - 1, NULL))
		w->o.intake->profile->oom = true;
}

void waits_record(struct waits *w, const struct sample_record *r, size_t len)
{
	if (r->kind == RECORD_STACK)
		waits_stack(w, r, len);
	else if (r->kind == RECORD_TASK)
		waits_task(w, r);
	else if (r->kind == RECORD_CHAIN)
		waits_chain(w, r, len);
}

void waits_tick(struct waits *w, const struct profile_sample *s)
{
	struct profile *p = w->o.intake->profile;
	struct waits_thread *t = waits_thread(w, p->tasks.at[s->task].tid);

	if (!t || w->ticks.n >= w->max_entries || !VEC_PUSH(&w->ticks, *s)) {
		p->ledger.n[LEDGER_LOST_MEMORY]++;
		return;
	}
	t->task = s->task;
	t->n_ticks++;
}

/* -- samples ------------------------------------------------------------------------------------ */

static const struct waits_stack *waits_find(const struct waits *w, uint64_t hash)
{
	uint32_t *known = map64_find(&w->by_hash, hash);

	return known ? &w->stacks.at[*known] : NULL;
}

static enum wait_class waits_class_of(const struct wait_key *k, const struct waits_stack *s)
{
	static const uint8_t of_kind[KIND_MAX] = {
		[KIND_ON_CPU] = WAIT_ON_CPU,       [KIND_RUN_QUEUE] = WAIT_RUN_QUEUE,
		[KIND_PREEMPTED] = WAIT_PREEMPTED, [KIND_YIELDED] = WAIT_YIELDED,
		[KIND_THROTTLED] = WAIT_THROTTLED,
	};

	if (k->kind != KIND_BLOCKED)
		return of_kind[k->kind < KIND_MAX ? k->kind : KIND_ON_CPU];
	return s ? s->class : WAIT_OTHER;
}

static uint32_t waits_push_text(struct profile *p, uint32_t node, const char *text)
{
	return profile_push(p, node, profile_frame_text(p, text, FRAME_OFFCPU));
}

/* A waker's frames above `node`, from its leaf on. */
static uint32_t waits_push_stack(struct profile *p, uint32_t node, uint32_t leaf)
{
	for (uint32_t n = leaf; n && n != PROFILE_NONE; n = p->nodes.at[n].parent)
		node = profile_push(p, node, p->nodes.at[n].frame);
	return node;
}

static uint32_t waits_push_chain(struct waits *w, uint32_t node, uint64_t chain)
{
	struct profile *p = w->o.intake->profile;

	for (int i = 0; i < CHAIN_MAX && chain; i++) {
		uint32_t *known = map64_find(&w->by_chain, chain);
		const struct waits_chain *c = known ? &w->chains.at[*known] : NULL;
		const struct waits_stack *s = c ? waits_find(w, c->waker) : NULL;
		char text[64];

		if (!c)
			return waits_push_text(p, node, WAITS_WOKEN_BY "?]");
		snprintf(text, sizeof(text), WAITS_WOKEN_BY "%s]",
			 s && s->waker ? s->waker : profile_text(p, c->name));
		node = waits_push_text(p, node, text);
		node = waits_push_stack(p, node, s ? s->leaf : 0);
		if (!c->waited)
			break;
		node = waits_push_text(p, node, WAITS_WHICH_WAITED);
		s = waits_find(w, c->waited);
		node = waits_push_stack(p, node, s ? s->leaf : 0);
		chain = c->next;
	}
	return node;
}

static uint32_t waits_leaf(struct waits *w, const struct wait_key *k, const struct waits_stack *s,
			   enum wait_class class)
{
	const struct wait_opts *o = &w->o.capture->waits;
	struct profile *p = w->o.intake->profile;
	uint32_t node = s ? s->leaf : 0;

	if (!s && k->stack == STACK_UNSEEN)
		node = waits_push_text(p, 0, k->kind == KIND_RUN_QUEUE ? "[new thread]"
								       : "[not seen]");
	else if (!s)
		node = waits_push_text(p, 0, k->stack == STACK_NOT_WALKED ? "[not walked]" : "[stack lost]");
	if ((w->o.wall || o->class_frames) && class != WAIT_ON_CPU)
		node = waits_push_text(p, node, waits_class(class)->frame);
	return k->chain ? waits_push_chain(w, node, k->chain) : node;
}

static uint32_t waits_labels(struct waits *w, const struct wait_key *k, enum wait_class class)
{
	struct profile *p = w->o.intake->profile;
	struct profile_label set[3] = {
		{ .key = profile_str(p, WAITS_LABEL_CLASS), .text = profile_str(p, waits_class(class)->key) },
	};
	uint32_t n = 1;
	char text[32];

	if (class != WAIT_ON_CPU)
		set[n++] = (struct profile_label){ .key = profile_str(p, WAITS_LABEL_TOOK),
						   .number = (int64_t)(UINT64_C(1) << (k->log2 & 63)),
						   .unit = profile_str(p, "nanoseconds") };
	if (k->lock) {
		snprintf(text, sizeof(text), "0x%llx", (unsigned long long)k->lock);
		set[n++] = (struct profile_label){ .key = profile_str(p, WAITS_LABEL_LOCK),
						   .text = profile_str(p, text) };
	}
	return profile_labels(p, set, n);
}

/* Samples and stacks are counted by the number of waits. */
static void waits_count(struct waits *w, const struct waits_stack *s, uint64_t n)
{
	struct profile *p = w->o.intake->profile;
	struct ledger *l = &p->ledger;

	l->n[LEDGER_TAKEN] += n;
	if (!s)
		return;
	l->n[LEDGER_STACKS_KERNEL] += s->kernel ? n : 0;
	l->n[LEDGER_KERNEL_CUT] += s->flags & SAMPLE_KERNEL_FULL ? n : 0;
	if (!s->user)
		return;
	l->n[LEDGER_STACKS_USER] += n;
	if (!s->skipped && ledger_end_whole(s->end))
		l->n[LEDGER_STACKS_WHOLE] += n;
	else if (ledger_cut(l, s->skipped ? WALK_DEPTH : s->end, s->skipped ? 0 : s->end_file_object, n))
		p->oom = true;
}

static void waits_sample(struct waits *w, const struct waits_entry *e, const struct waits_stack *s)
{
	struct profile *p = w->o.intake->profile;
	enum wait_class class = waits_class_of(&e->key, s);
	struct waits_thread *t = waits_thread(w, e->key.tid);
	struct profile_sample sample = { .time = e->time > p->meta.start_mono ? e->time - p->meta.start_mono : 0 };
	int64_t values[3] = { (int64_t)e->sum.ns, (int64_t)e->sum.count, (int64_t)e->sum.longest };

	if (!e->sum.ns && !e->sum.count)
		return;
	if (w->o.capture->waits.no_idle && waits_class(class)->group == WAIT_GROUP_IDLE) {
		p->ledger.n[LEDGER_WAITS_FILTERED] += e->sum.count;
		return;
	}
	if (w->o.capture->memory_cap && profile_bytes(p) > w->o.capture->memory_cap) {
		p->ledger.n[LEDGER_LOST_MEMORY] += e->sum.count;
		return;
	}
	sample.stack = waits_leaf(w, &e->key, s, class);
	sample.labels = waits_labels(w, &e->key, class);
	sample.task = t ? t->task : 0;
	if (profile_sample(p, &sample, values))
		p->ledger.n[LEDGER_LOST_MEMORY] += e->sum.count;
	else
		waits_count(w, s, e->sum.count);
}

/* -- an interval -------------------------------------------------------------------------------- */

/* What a thread has run by now. */
static void waits_ran(struct waits *w, uint32_t tid, uint64_t on, bool over)
{
	struct waits_thread *t = waits_thread(w, tid);

	if (!t)
		return;
	if (on > t->on)
		t->credit += on - t->on;
	if (on > t->on || over)
		t->on = over ? 0 : on;
}

/* Threads that are on a processor now, as far as the kernel told. */
static void waits_read_running(struct waits *w)
{
	int n = libbpf_num_possible_cpus();
	struct wait_stats *per_cpu = n > 0 ? calloc((size_t)n, sizeof(*per_cpu)) : NULL;
	uint32_t zero = 0;

	w->running.n = 0;
	if (per_cpu && !bpf_map_lookup_elem(bpf_map__fd(w->o.programs->skel->maps.wait_counts), &zero, per_cpu))
		for (int i = 0; i < n; i++)
			if (per_cpu[i].running && !VEC_PUSH(&w->running, (uint32_t)per_cpu[i].running))
				break;
	free(per_cpu);
}

static bool waits_runs(const struct waits *w, uint32_t tid, const struct wait_thread *t)
{
	for (size_t i = 0; i < w->running.n && !t->out; i++)
		if (w->running.at[i] == tid)
			return true;
	return false;
}

static void waits_thread_ran(struct waits *w, uint32_t tid, const struct wait_thread *t, uint64_t now)
{
	bool runs = waits_runs(w, tid, t) && now > t->since;

	waits_ran(w, tid, t->on_ns + (runs ? now - t->since : 0), false);
}

static void waits_read_threads(struct waits *w, uint64_t now, void (*each)(struct waits *, uint32_t,
									  const struct wait_thread *, uint64_t))
{
	int fd = bpf_map__fd(w->o.programs->skel->maps.wait_threads), code = 0;
	struct wait_thread *threads = malloc(BATCH * sizeof(*threads));
	uint32_t *tids = malloc(BATCH * sizeof(*tids)), at = 0, n;
	bool first = true;

	waits_read_running(w);
	while (threads && tids && !code) {
		n = BATCH;
		code = bpf_map_lookup_batch(fd, first ? NULL : &at, &at, tids, threads, &n, NULL) ? -errno : 0;
		first = false;
		for (uint32_t i = 0; i < n && (!code || code == -ENOENT); i++)
			each(w, tids[i], &threads[i], now);
	}
	free(threads);
	free(tids);
}

/* Takes everything out of a map of sums. */
static void waits_read_sums(struct waits *w, uint32_t epoch, uint64_t time)
{
	struct waggle_bpf *skel = w->o.programs->skel;
	int fd = bpf_map__fd(epoch ? skel->maps.wait_sums_1 : skel->maps.wait_sums_0), code = 0;
	struct wait_key *keys = malloc(BATCH * sizeof(*keys));
	struct wait_sum *sums = malloc(BATCH * sizeof(*sums));
	uint32_t at = 0, n;
	bool first = true;

	while (keys && sums && !code) {
		n = BATCH;
		code = bpf_map_lookup_and_delete_batch(fd, first ? NULL : &at, &at, keys, sums, &n, NULL) ? -errno
													 : 0;
		first = false;
		for (uint32_t i = 0; i < n && (!code || code == -ENOENT); i++) {
			struct waits_entry e = { keys[i], sums[i], time };

			if (e.key.kind == KIND_ON_CPU)
				waits_ran(w, e.key.tid, e.sum.ns, true);
			else if (!VEC_PUSH(&w->entries, e))
				w->o.intake->profile->ledger.n[LEDGER_LOST_MEMORY] += e.sum.count;
		}
	}
	if (code && code != -ENOENT)
		w->o.intake->profile->ledger.n[LEDGER_LOST_MEMORY]++;
	free(keys);
	free(sums);
}

static uint64_t waits_share_key(const struct wait_key *k)
{
	bool ready = k->kind == KIND_PREEMPTED || k->kind == KIND_YIELDED;

	return (uint64_t)k->tid << 8 | (ready ? KIND_PREEMPTED : k->kind);
}

/* Time without stacks is shared out among the waits of the same thread and kind that have one, in
 * proportion: the sums stay exact. Where there is none it stays by itself. */
static void waits_share_out(struct waits *w)
{
	struct map64 of = { 0 };
	VEC(struct waits_share) shares = { 0 };
	bool any = false;

	for (size_t i = 0; i < w->entries.n && !any; i++)
		any = w->entries.at[i].key.stack == STACK_NOT_WALKED;
	for (size_t i = 0; any && i < w->entries.n; i++) {
		const struct waits_entry *e = &w->entries.at[i];
		uint32_t *row = map64_insert(&of, waits_share_key(&e->key), (uint32_t)shares.n, NULL);
		bool walked = e->key.stack != STACK_NOT_WALKED;

		if (!row || (*row == shares.n && !VEC_PUSH(&shares, (struct waits_share){ 0 })))
			break;
		shares.at[*row].walked += walked ? e->sum.ns : 0;
		shares.at[*row].not_walked += walked ? 0 : e->sum.ns;
		shares.at[*row].waits_walked += walked ? e->sum.count : 0;
		shares.at[*row].waits_not += walked ? 0 : e->sum.count;
	}
	for (size_t i = 0; any && i < w->entries.n; i++) {
		struct waits_entry *e = &w->entries.at[i];
		uint32_t *row = map64_find(&of, waits_share_key(&e->key));
		const struct waits_share *s = row ? &shares.at[*row] : NULL;

		if (!s || !s->walked || !s->waits_walked)
			continue;
		if (e->key.stack == STACK_NOT_WALKED) {
			e->sum = (struct wait_sum){ 0 };
			continue;
		}
		e->sum.ns += (uint64_t)((double)s->not_walked * (double)e->sum.ns / (double)s->walked);
		e->sum.count += (uint64_t)((double)s->waits_not * (double)e->sum.count /
						   (double)s->waits_walked + 0.5);
	}
	map64_free(&of);
	VEC_FREE(&shares);
}

static void waits_put(struct waits *w, bool last)
{
	struct ledger *l = &w->o.intake->profile->ledger;
	size_t n = w->unresolved.n;

	waits_share_out(w);
	for (size_t i = 0; i < w->entries.n; i++) {
		const struct waits_entry *e = &w->entries.at[i];
		const struct waits_stack *s = waits_find(w, e->key.stack);

		if (s || e->key.stack <= STACK_UNSEEN)
			waits_sample(w, e, s);
		else if (w->unresolved.n >= w->max_entries || !VEC_PUSH(&w->unresolved, *e))
			l->n[LEDGER_LOST_STACK] += e->sum.count;
	}
	w->entries.n = 0;
	n = last ? w->unresolved.n : n;
	for (size_t i = 0, left = 0; i < w->unresolved.n; i++) {
		const struct waits_entry e = w->unresolved.at[i];
		const struct waits_stack *s = i < n ? waits_find(w, e.key.stack) : NULL;

		if (s || last)
			waits_sample(w, &e, s);
		else
			w->unresolved.at[left++] = e;
		if (!s && last)
			l->n[LEDGER_LOST_STACK] += e.sum.count;
		if (i + 1 == w->unresolved.n) {
			w->unresolved.n = left;
			break;
		}
	}
}

/* Samples of the timer share out what their thread has run. */
static void waits_put_ticks(struct waits *w)
{
	struct profile *p = w->o.intake->profile;

	for (size_t i = 0; i < w->ticks.n; i++) {
		struct profile_sample s = w->ticks.at[i];
		struct waits_thread *t = waits_thread(w, p->tasks.at[s.task].tid);
		struct wait_key key = { .kind = KIND_ON_CPU };
		uint64_t ns = t && t->n_ticks ? t->credit / t->n_ticks : 0;
		int64_t values[3] = { (int64_t)ns, 0, 0 };

		if (t && t->n_ticks) {
			t->credit -= ns;
			t->n_ticks--;
		}
		s.labels = waits_labels(w, &key, WAIT_ON_CPU);
		if (profile_sample(p, &s, values))
			p->ledger.n[LEDGER_LOST_MEMORY]++;
	}
	w->ticks.n = 0;
}

/* No program that began before this ends is at the old map any more (kernel/sched/membarrier.c: a grace period of
 * RCU, inside which programs run). */
static void *waits_rest(void *arg)
{
	struct waits *w = arg;

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(100000);
	__atomic_store_n(&w->rested, true, __ATOMIC_RELEASE);
	return NULL;
}

static void waits_flip(struct waits *w, uint64_t now)
{
	uint32_t *epoch = &w->o.programs->skel->bss->wait_epoch;

	__atomic_store_n(epoch, !*epoch, __ATOMIC_RELEASE);
	w->flipped = now;
	w->rested = false;
	w->resting = !pthread_create(&w->rest, NULL, waits_rest, w);
	if (!w->resting)
		waits_rest(w);
}

static void waits_take(struct waits *w, bool last)
{
	if (w->resting)
		pthread_join(w->rest, NULL);
	w->resting = false;
	if (w->o.wall && !last)
		waits_read_threads(w, w->flipped, waits_thread_ran);
	waits_read_sums(w, !w->o.programs->skel->bss->wait_epoch, w->flipped);
	w->flipped = 0;
	waits_put(w, false);
	waits_put_ticks(w);
}

void waits_turn(struct waits *w, uint64_t now)
{
	if (w->flipped) {
		if (__atomic_load_n(&w->rested, __ATOMIC_ACQUIRE))
			waits_take(w, false);
		return;
	}
	if (w->looks < ASLEEP_LOOKS) { /* tables that were not there at the first look are by now */
		w->looks++;
		off_look_asleep(w->o.programs->skel);
	}
	if (now < w->next)
		return;
	while (w->next <= now)
		w->next += w->interval;
	waits_flip(w, now);
}

void waits_last_look(struct waits *w)
{
	off_look_asleep(w->o.programs->skel);
}

/* -- the end ------------------------------------------------------------------------------------ */

static void waits_end_entry(struct waits *w, const struct wait_key *key, uint64_t ns, uint64_t time)
{
	struct waits_entry e = { *key, { ns, ns, 1 }, time };

	while (ns >> 1 >> e.key.log2)
		e.key.log2++;
	if (!VEC_PUSH(&w->entries, e))
		w->o.intake->profile->ledger.n[LEDGER_LOST_MEMORY]++;
}

/* A wait that is not over, up to the end. */
static void waits_thread_end(struct waits *w, uint32_t tid, const struct wait_thread *t, uint64_t end)
{
	const struct wait_opts *o = &w->o.capture->waits;
	struct wait_key key = { .stack = t->stack, .lock = t->lock, .tid = tid, .kind = t->kind };
	uint64_t ns = end > t->since ? end - t->since : 0, woken = end;

	waits_thread_ran(w, tid, t, end);
	if (!t->out && !waits_runs(w, tid, t)) { /* it left without a word */
		key.kind = KIND_BLOCKED;
		key.stack = STACK_UNSEEN;
		waits_end_entry(w, &key, ns, end);
	}
	if (!t->out || t->kind >= KIND_MAX || ns < o->min || (o->max && ns > o->max))
		return;
	if (t->kind == KIND_BLOCKED && t->woken >= t->since && t->woken < end)
		woken = t->woken;
	waits_end_entry(w, &key, woken - t->since < ns ? woken - t->since : ns, end);
	if (woken == end)
		return;
	key.kind = t->held ? KIND_THROTTLED : KIND_RUN_QUEUE;
	waits_end_entry(w, &key, end - woken, end);
}

/* What ran without being met by the timer. */
static void waits_put_rest(struct waits *w, uint64_t end)
{
	struct profile *p = w->o.intake->profile;
	uint32_t node = waits_push_text(p, 0, "[on a processor between samples]");

	for (size_t i = 0; i < w->threads.n; i++) {
		struct wait_key key = { .kind = KIND_ON_CPU };
		const struct waits_thread *t = &w->threads.at[i];
		struct profile_sample s = { .time = end - p->meta.start_mono, .stack = node, .task = t->task };
		int64_t values[3] = { (int64_t)t->credit, 0, 0 };

		s.labels = waits_labels(w, &key, WAIT_ON_CPU);
		if (t->credit && profile_sample(p, &s, values))
			p->ledger.n[LEDGER_LOST_MEMORY]++;
	}
}

void waits_finish(struct waits *w, uint64_t end)
{
	if (w->flipped)
		waits_take(w, true);
	waits_flip(w, end);
	waits_take(w, true);
	waits_read_threads(w, end, waits_thread_end);
	waits_put(w, true);
	waits_put_ticks(w);
	if (w->o.wall)
		waits_put_rest(w, end);
}
