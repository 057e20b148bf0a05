/* waits.c - stacks, sums and threads from the kernel side into the profile; see waits.h. */
#include "session/waits_parts.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "source/off.h"
#include "waggle.skel.h"

enum { ASLEEP_LOOKS = 3 };

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
	map64_free(&w->by_name);
	VEC_FREE(&w->stacks);
	VEC_FREE(&w->chains);
	VEC_FREE(&w->threads);
	VEC_FREE(&w->met);
	VEC_FREE(&w->entries);
	VEC_FREE(&w->unresolved);
	VEC_FREE(&w->ticks);
	VEC_FREE(&w->running);
	free(w);
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
	t->over |= over;
}

/* Threads that are on a processor now, as far as the kernel told. */
static void waits_read_running(struct waits *w)
{
	int n = libbpf_num_possible_cpus(), fd = bpf_map__fd(w->o.programs->skel->maps.wait_counts);
	struct wait_stats *per_cpu = n > 0 ? calloc((size_t)n, sizeof(*per_cpu)) : NULL;
	uint32_t zero = 0;

	w->running.n = 0;
	if (per_cpu && !bpf_map_lookup_elem(fd, &zero, per_cpu))
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

void waits_read(struct waits *w, const struct bpf_map *map, bool take, programs_element *each, void *ctx)
{
	if (programs_each(map, take, each, ctx))
		w->o.intake->profile->ledger.n[LEDGER_LOST_MEMORY]++;
}

/* What is done with each element of a map. */
struct waits_reading {
	struct waits *w;
	uint64_t time;
	waits_each *each; /* of threads */
};

static void waits_read_thread(void *ctx, const void *key, const void *value)
{
	const struct waits_reading *r = ctx;
	const uint32_t *tid = key;

	r->each(r->w, *tid, value, r->time);
}

void waits_read_threads(struct waits *w, uint64_t now, waits_each *each)
{
	struct waits_reading r = { w, now, each };

	waits_read_running(w);
	waits_read(w, w->o.programs->skel->maps.wait_threads, false, waits_read_thread, &r);
}

static void waits_entry(struct waits *w, const struct waits_entry *e)
{
	if (!VEC_PUSH(&w->entries, *e))
		w->o.intake->profile->ledger.n[LEDGER_LOST_MEMORY] += e->sum.count;
}

/* What was summed: of a blocked wait and what came behind it are made two again. */
static void waits_read_sum(void *ctx, const void *of, const void *summed)
{
	const struct waits_reading *r = ctx;
	const struct wait_key *key = of;
	const struct wait_sum *sum = summed;
	struct waits_entry e = { *key, *sum, r->time };

	if (key->kind == KIND_ON_CPU) {
		waits_ran(r->w, key->tid, sum->ns, true);
		return;
	}
	e.key.then = e.key.then_log2 = 0;
	waits_entry(r->w, &e);
	if (!key->then)
		return;
	e.key.kind = key->then;
	e.key.log2 = key->then_log2;
	e.sum.ns = sum->then_ns;
	e.sum.longest = sum->then_longest;
	waits_entry(r->w, &e);
}

/* Takes everything out of a map of sums. */
static void waits_read_sums(struct waits *w, uint32_t epoch, uint64_t time)
{
	struct waggle_bpf *skel = w->o.programs->skel;
	struct waits_reading r = { .w = w, .time = time };

	waits_read(w, epoch ? skel->maps.wait_sums_1 : skel->maps.wait_sums_0, true, waits_read_sum, &r);
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

/* The stacks of threads of that name; made when it is new. NULL when out of memory. */
static struct waits_met *waits_met_of(struct waits *w, uint32_t name)
{
	uint32_t *known = map64_insert(&w->by_name, name, (uint32_t)w->met.n, NULL);

	if (!known || (*known == w->met.n && !VEC_PUSH(&w->met, (struct waits_met){ 0 })))
		return NULL;
	return &w->met.at[*known];
}

static void waits_put_tick(struct waits *w, struct profile_sample s, uint64_t ns)
{
	struct wait_key key = { .kind = KIND_ON_CPU };
	struct profile *p = w->o.intake->profile;
	int64_t values[3] = { (int64_t)ns, 0, 0 };

	s.labels = waits_labels(w, &key, WAIT_ON_CPU);
	if (profile_sample(p, &s, values))
		p->ledger.n[LEDGER_LOST_MEMORY]++;
}

/* Samples of the timer share out what their thread has run. */
static void waits_put_ticks(struct waits *w)
{
	struct profile *p = w->o.intake->profile;

	for (size_t i = 0; i < w->ticks.n; i++) {
		const struct profile_sample *s = &w->ticks.at[i];
		struct waits_thread *t = waits_thread(w, p->tasks.at[s->task].tid);
		struct waits_met *met = waits_met_of(w, p->tasks.at[s->task].comm);
		uint64_t ns = t && t->n_ticks ? t->credit / t->n_ticks : 0;

		if (t && t->n_ticks) {
			t->credit -= ns;
			t->n_ticks--;
			t->last = s->stack;
		}
		if (met)
			met->stack[met->n++ % WAITS_MET] = s->stack;
		waits_put_tick(w, *s, ns);
	}
	w->ticks.n = 0;
}

/* What a thread ran without being met by the timer: where it was met last, or else where threads of its name
 * were, which the ledger tells. */
static void waits_put_unmet(struct waits *w, struct waits_thread *t, uint64_t time)
{
	struct profile *p = w->o.intake->profile;
	struct waits_met *met = waits_met_of(w, p->tasks.at[t->task].comm);
	uint32_t n = met && met->n < WAITS_MET ? met->n : WAITS_MET, none;
	struct profile_sample s = { .time = time - p->meta.start_mono, .stack = t->last, .task = t->task };
	uint64_t left = t->credit;

	t->credit = 0;
	t->over = false;
	if (t->last || !met || !met->n) {
		none = waits_push_text(p, 0, "[on a processor between samples]");
		s.stack = t->last ? t->last : none;
		p->ledger.n[LEDGER_ON_CPU_UNMET] += t->last ? 0 : left;
		waits_put_tick(w, s, left);
		return;
	}
	p->ledger.n[LEDGER_ON_CPU_BORROWED] += left;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t part = left / (n - i);

		s.stack = met->stack[i];
		waits_put_tick(w, s, part);
		left -= part;
	}
}

/* Of threads that ended in this interval, or of all at the end. */
static void waits_put_rest(struct waits *w, uint64_t time, bool all)
{
	for (size_t i = 0; w->o.wall && i < w->threads.n; i++) {
		struct waits_thread *t = &w->threads.at[i];

		if (t->credit && (t->over || all))
			waits_put_unmet(w, t, time);
	}
}

/* No program that began before this ends is at the old map any more (kernel/sched/membarrier.c: a grace
 * period of RCU, inside which programs run). */
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
	waits_put(w, false);
	waits_put_ticks(w);
	waits_put_rest(w, w->flipped, false);
	w->flipped = 0;
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

uint64_t waits_interval(const struct waits *w)
{
	return w->interval;
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

void waits_finish(struct waits *w, uint64_t end)
{
	if (w->flipped)
		waits_take(w, true);
	waits_flip(w, end);
	waits_take(w, true);
	waits_read_threads(w, end, waits_thread_end);
	waits_put(w, true);
	waits_put_ticks(w);
	waits_put_rest(w, end, true);
}
