/* waits_renew.c - what a capture that is only looked at forgets of waits; see waits.h and renew.h.
 *
 * The kernel side names stacks and chains by their hashes: in the table of threads, which may sleep for days,
 * and in that of their wakers. What is named there is in use, however long ago it was met.
 */
#include "session/waits_parts.h"

#include <stdlib.h>
#include <string.h>

#include "waggle.skel.h"

enum { MISSING_MOST = 2 };

/* -- what is in use ----------------------------------------------------------------------------- */

static void waits_thread_used(struct waits *w, uint32_t tid, const struct wait_thread *t, uint64_t now)
{
	uint32_t *known = map64_find(&w->by_tid, tid);

	(void)now;
	if (known)
		w->threads.at[*known].missing = 0;
	waits_find(w, t->stack);
}

static void waits_hops_used(struct waits *w, const struct wait_hop *hops, uint32_t n)
{
	for (uint32_t i = 0; i < n && i < HOPS_MAX; i++)
		waits_find_chain(w, hops[i].chain);
}

static void waits_waker_used(void *ctx, const void *tid, const void *value)
{
	const struct wait_wakers *wakers = value;

	(void)tid;
	waits_find(ctx, wakers->stack);
	waits_hops_used(ctx, wakers->hop, wakers->n);
	waits_hops_used(ctx, wakers->last, wakers->last_n);
}

/* A chain is of two stacks and of another chain. */
static void waits_chains_used(struct waits *w)
{
	uint32_t now = w->o.intake->now;

	for (size_t i = 0; i < w->chains.n; i++) {
		const struct waits_chain *c = &w->chains.at[i];

		for (int k = 0; c && c->used == now && k < HOPS_MAX; k++) {
			waits_find(w, c->waker);
			waits_find(w, c->waited);
			c = c->next ? waits_find_chain(w, c->next) : NULL;
		}
	}
}

void waits_look_used(struct waits *w)
{
	for (size_t i = 0; i < w->threads.n; i++)
		if (w->threads.at[i].missing < MISSING_MOST)
			w->threads.at[i].missing++;
	waits_read_threads(w, 0, waits_thread_used);
	if (w->o.capture->waits.hops)
		waits_read(w, w->o.programs->skel->maps.wait_wakers, false, waits_waker_used, w);
	waits_chains_used(w);
	for (size_t i = 0; i < w->unresolved.n; i++)
		waits_find_chain(w, w->unresolved.at[i].key.chain);
}

/* -- forgetting --------------------------------------------------------------------------------- */

void waits_send_again(struct waits *w, uint32_t since)
{
	struct waggle_bpf *skel = w->o.programs->skel;

	for (size_t i = 0; i < w->by_hash.cap; i++)
		if (w->by_hash.slots[i].used && w->stacks.at[w->by_hash.slots[i].value].used < since)
			programs_send_again(w->o.programs, w->by_hash.slots[i].key);
	for (size_t i = 0; i < w->by_chain.cap; i++)
		if (w->by_chain.slots[i].used && w->chains.at[w->by_chain.slots[i].value].used < since)
			programs_send_again(w->o.programs, w->by_chain.slots[i].key);
	/* Stacks that are recognised are not sent: all of them are walked once more. */
	__atomic_fetch_add(&skel->bss->jit_changes, 1, __ATOMIC_RELEASE);
}

bool waits_is_quiet(const struct waits *w)
{
	return !w->entries.n && !w->ticks.n;
}

void waits_uses(const struct waits *w, void (*each)(void *ctx, uint32_t used, uint32_t leaf), void *ctx)
{
	for (size_t i = 0; i < w->stacks.n; i++)
		each(ctx, w->stacks.at[i].used, w->stacks.at[i].leaf);
}

void waits_mark(const struct waits *w, struct renewal *r, uint32_t since)
{
	for (size_t i = 0; i < w->stacks.n; i++)
		if (w->stacks.at[i].used >= since)
			renewal_mark(r, w->stacks.at[i].leaf);
}

static void waits_renew_stacks(struct waits *w, const struct waits *old, const struct renewal *r,
			       uint32_t since)
{
	for (size_t i = 0; i < old->by_hash.cap; i++) {
		const struct map64_slot *slot = &old->by_hash.slots[i];
		struct waits_stack s;

		if (!slot->used || old->stacks.at[slot->value].used < since)
			continue;
		s = old->stacks.at[slot->value];
		s.leaf = renewal_node(r, s.leaf);
		s.end_file_object = renewal_object(r, s.end_file_object);
		if (VEC_RESERVE(&w->stacks, 1) &&
		    map64_insert(&w->by_hash, slot->key, (uint32_t)w->stacks.n, NULL))
			w->stacks.at[w->stacks.n++] = s;
	}
}

static void waits_renew_chains(struct waits *w, const struct waits *old, struct renewal *r, uint32_t since)
{
	for (size_t i = 0; i < old->by_chain.cap; i++) {
		const struct map64_slot *slot = &old->by_chain.slots[i];
		struct waits_chain c;

		if (!slot->used || old->chains.at[slot->value].used < since)
			continue;
		c = old->chains.at[slot->value];
		c.name = renewal_string(r, c.name);
		if (VEC_RESERVE(&w->chains, 1) &&
		    map64_insert(&w->by_chain, slot->key, (uint32_t)w->chains.n, NULL))
			w->chains.at[w->chains.n++] = c;
	}
}

static void waits_renew_threads(struct waits *w, const struct waits *old, struct renewal *r)
{
	for (size_t i = 0; i < old->threads.n; i++) {
		struct waits_thread t = old->threads.at[i];
		uint32_t last = renewal_node(r, t.last);

		if (t.missing >= MISSING_MOST && !t.credit && !t.n_ticks)
			continue;
		t.last = last == PROFILE_NONE ? 0 : last;
		t.task = renewal_task(r, t.task);
		if (VEC_RESERVE(&w->threads, 1) &&
		    map64_insert(&w->by_tid, t.tid, (uint32_t)w->threads.n, NULL))
			w->threads.at[w->threads.n++] = t;
	}
}

static void waits_renew_met(struct waits *w, const struct waits *old, struct renewal *r)
{
	for (size_t i = 0; i < old->by_name.cap; i++) {
		const struct map64_slot *slot = &old->by_name.slots[i];
		const struct waits_met *was = slot->used ? &old->met.at[slot->value] : NULL;
		struct waits_met met = { 0 };

		for (uint32_t k = 0; was && k < was->n && k < WAITS_MET; k++) {
			uint32_t node = renewal_node(r, was->stack[k]);

			if (node != PROFILE_NONE)
				met.stack[met.n++] = node;
		}
		if (met.n && VEC_RESERVE(&w->met, 1) &&
		    map64_insert(&w->by_name, renewal_string(r, (uint32_t)slot->key),
				 (uint32_t)w->met.n, NULL))
			w->met.at[w->met.n++] = met;
	}
}

void waits_renewed(struct waits *w, struct renewal *r, uint32_t since)
{
	struct waits old = *w;

	memset(&w->by_hash, 0, sizeof(w->by_hash));
	memset(&w->by_chain, 0, sizeof(w->by_chain));
	memset(&w->by_tid, 0, sizeof(w->by_tid));
	memset(&w->by_name, 0, sizeof(w->by_name));
	memset(&w->stacks, 0, sizeof(w->stacks));
	memset(&w->chains, 0, sizeof(w->chains));
	memset(&w->threads, 0, sizeof(w->threads));
	memset(&w->met, 0, sizeof(w->met));
	waits_renew_stacks(w, &old, r, since);
	waits_renew_chains(w, &old, r, since);
	waits_renew_threads(w, &old, r);
	waits_renew_met(w, &old, r);
	map64_free(&old.by_hash);
	map64_free(&old.by_chain);
	map64_free(&old.by_tid);
	map64_free(&old.by_name);
	VEC_FREE(&old.stacks);
	VEC_FREE(&old.chains);
	VEC_FREE(&old.threads);
	VEC_FREE(&old.met);
}
