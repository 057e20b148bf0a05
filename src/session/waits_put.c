/* waits_put.c - what the kernel side sends of stacks, threads and wakers, and sums as samples; see waits.h.
 * */
#include "session/waits_parts.h"

#include <stdio.h>
#include <string.h>

#include "symbol/symbolizer.h"

enum { OWN_FRAMES_MAX = 8, CHAIN_MAX = HOPS_MAX };

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
	struct waits_stack s = {
		.end = r->end, .flags = r->flags, .skipped = r->skipped > 0, .used = w->o.intake->now,
	};
	struct intake_part part;
	struct cause_query q;
	size_t n, own, irq = 0;

	if (len < sizeof(*r) + ((size_t)r->n_kernel + r->n_user) * sizeof(uint64_t) ||
	    waits_find(w, r->hash))
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

struct waits_thread *waits_thread(struct waits *w, uint32_t tid)
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
	if (len < sizeof(*r) + 3 * sizeof(uint64_t) || waits_find_chain(w, r->hash))
		return;
	c = (struct waits_chain){ words[0], words[1], words[2],
				  profile_str(w->o.intake->profile, comm), w->o.intake->now };
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

const struct waits_stack *waits_find(struct waits *w, uint64_t hash)
{
	uint32_t *known = map64_find(&w->by_hash, hash);

	if (!known)
		return NULL;
	w->stacks.at[*known].used = w->o.intake->now;
	return &w->stacks.at[*known];
}

const struct waits_chain *waits_find_chain(struct waits *w, uint64_t hash)
{
	uint32_t *known = map64_find(&w->by_chain, hash);

	if (!known)
		return NULL;
	w->chains.at[*known].used = w->o.intake->now;
	return &w->chains.at[*known];
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

uint32_t waits_push_text(struct profile *p, uint32_t node, const char *text)
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
		const struct waits_chain *c = waits_find_chain(w, chain);
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

uint32_t waits_labels(struct waits *w, const struct wait_key *k, enum wait_class class)
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

void waits_sample(struct waits *w, const struct waits_entry *e, const struct waits_stack *s)
{
	struct profile *p = w->o.intake->profile;
	enum wait_class class = waits_class_of(&e->key, s);
	struct waits_thread *t = waits_thread(w, e->key.tid);
	uint64_t time = e->time > p->meta.start_mono ? e->time - p->meta.start_mono : 0;
	struct profile_sample sample = { .time = time };
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
