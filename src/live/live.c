/* live.c - the model's life, its writer, and its state; see live.h.
 *
 * A keeper thread does what takes long (thinning, forgetting) and is asleep otherwise.
 */
#include "live/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "live/live_parts.h"

enum { WRITER_PATIENCE_MS = 400 }; /* two drain rounds: a writer that is gone holds nobody up */

static void live_deadline(struct timespec *at, uint32_t ms)
{
	uint64_t ns = clock_mono_ns() + ms * UINT64_C(1000000);

	at->tv_sec = (time_t)(ns / NSEC_PER_SEC);
	at->tv_nsec = (long)(ns % NSEC_PER_SEC);
}

void live_lock(struct live *l)
{
	struct timespec until;

	live_deadline(&until, WRITER_PATIENCE_MS);
	pthread_mutex_lock(&l->state_lock);
	while (l->writer_waits && !pthread_cond_timedwait(&l->changed, &l->state_lock, &until))
		;
	pthread_mutex_unlock(&l->state_lock);
	pthread_mutex_lock(&l->book_lock);
}

void live_unlock(struct live *l)
{
	pthread_mutex_unlock(&l->book_lock);
}

/* -- the keeper ------------------------------------------------------------------------------- */

static void *live_keep(void *arg)
{
	struct live *l = arg;

	live_looks_here(l); /* what the views hold costs the capture nothing */
	pthread_mutex_lock(&l->state_lock);
	while (!l->stop) {
		if (!l->untidy) {
			pthread_cond_wait(&l->changed, &l->state_lock);
			continue;
		}
		l->untidy = false;
		pthread_mutex_unlock(&l->state_lock);
		live_lock(l);
		live_tidy(l, l->state.elapsed);
		live_publish(l, l->state.phase, l->state.elapsed);
		live_unlock(l);
		pthread_mutex_lock(&l->state_lock);
	}
	pthread_mutex_unlock(&l->state_lock);
	return NULL;
}

/* -- life ------------------------------------------------------------------------------------- */

int live_new(const struct live_opts *o, struct live **ret)
{
	struct live *l = calloc(1, sizeof(*l));
	pthread_condattr_t monotonic;
	int err;

	if (!l)
		return -ENOMEM;
	l->o = *o;
	l->o.full = o->full ? o->full : LIVE_FULL_DEFAULT;
	if (!o->memory)
		l->o.memory = LIVE_MEMORY_DEFAULT +
			      LIVE_MEMORY_PER_CPU * (size_t)sysconf(_SC_NPROCESSORS_ONLN);
	l->thin = (struct thinning){ .full = l->o.full, .grain = NSEC_PER_SEC };
	pthread_mutex_init(&l->book_lock, NULL);
	pthread_mutex_init(&l->state_lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&l->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	err = o->whole ? 0 : pthread_create(&l->keeper, NULL, live_keep, l);
	l->kept = !o->whole && !err;
	if (err) {
		live_free(l);
		return -err;
	}
	*ret = l;
	return 0;
}

void live_free(struct live *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->state_lock);
	l->stop = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->state_lock);
	if (l->kept)
		pthread_join(l->keeper, NULL);
	live_drop_shared(l);
	follow_free(l->follow);
	profile_free(l->book);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->state_lock);
	pthread_mutex_destroy(&l->book_lock);
	free(l);
}

/* -- the writer ------------------------------------------------------------------------------- */

void live_publish(struct live *l, enum live_phase phase, uint64_t elapsed)
{
	const struct thinning *t = &l->thin;

	pthread_mutex_lock(&l->state_lock);
	l->state.phase = phase;
	l->state.elapsed = elapsed;
	l->state.generation++;
	l->state.taken = l->book ? l->book->ledger.n[LEDGER_TAKEN] : 0;
	l->state.lost = l->book ? ledger_lost(&l->book->ledger) : 0;
	l->state.samples = l->book ? l->book->samples.n : 0;
	l->state.bytes =
		(l->book ? profile_bytes(l->book) : 0) + (l->follow ? follow_bytes(l->follow) : 0);
	l->state.exact_from = t->now > t->full ? t->now - t->full : 0;
	l->state.grain = thin_grain(t, l->state.since);
	l->untidy |= l->kept && live_is_untidy(l, elapsed);
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->state_lock);
}

static void live_back(struct live *l, bool in_vain)
{
	pthread_mutex_lock(&l->state_lock);
	l->writer_waits = in_vain;
	l->state.late += in_vain;
	if (!in_vain)
		pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->state_lock);
}

/* With the book locked. */
static int live_add(struct live *l, const struct live_round *r)
{
	int err = 0;

	if (!l->book)
		err = follow_new(r->profile, &l->follow, &l->book);
	if (!err)
		err = follow_turn(l->follow);
	if (!err && !l->book->meta.duration)
		l->book->meta.duration = r->elapsed;
	return err ? err : follow_samples(l->follow, r->first);
}

size_t live_take(struct live *l, const struct live_round *r)
{
	size_t n = r->profile->samples.n - r->first;

	if (pthread_mutex_trylock(&l->book_lock)) {
		live_back(l, true);
		return 0;
	}
	if (live_add(l, r))
		n = 0;
	live_publish(l, LIVE_RUNNING, r->elapsed);
	pthread_mutex_unlock(&l->book_lock);
	live_back(l, false);
	return n;
}

bool live_renew(struct live *l)
{
	return !pthread_mutex_trylock(&l->book_lock);
}

int live_renewed(struct live *l, struct renewal *r)
{
	int err = r && l->follow ? follow_renewed(l->follow, r) : 0;

	pthread_mutex_unlock(&l->book_lock);
	return err;
}

/* The source is about to go away. */
static void live_close(struct live *l, uint64_t elapsed)
{
	follow_free(l->follow);
	l->follow = NULL;
	if (!l->o.whole && live_is_untidy(l, elapsed))
		live_tidy(l, elapsed);
	live_publish(l, LIVE_ENDED, elapsed);
}

int live_end(struct live *l, const struct live_round *r)
{
	int err;

	pthread_mutex_lock(&l->book_lock);
	err = live_add(l, r);
	live_close(l, r->elapsed);
	pthread_mutex_unlock(&l->book_lock);
	live_back(l, false);
	return err;
}

int live_fill(struct live *l, const struct profile *p)
{
	struct profile *book = NULL;
	struct follow *follow = NULL;
	int err = follow_new(p, &follow, &book);

	if (!err)
		err = follow_all(follow);
	follow_free(follow);
	if (err) {
		profile_free(book);
		return err;
	}
	pthread_mutex_lock(&l->book_lock);
	live_drop_shared(l);
	profile_free(l->book);
	l->book = book;
	l->thin = (struct thinning){ .full = l->o.full, .grain = NSEC_PER_SEC };
	pthread_mutex_lock(&l->state_lock);
	l->state.since = l->state.forgotten = 0;
	pthread_mutex_unlock(&l->state_lock);
	live_close(l, p->meta.duration);
	pthread_mutex_unlock(&l->book_lock);
	live_back(l, false);
	return 0;
}

void live_looks_here(struct live *l)
{
	static _Thread_local const struct live *here;
	struct live_looker looker;

	if (here == l || pthread_getcpuclockid(pthread_self(), &looker.clock))
		return;
	here = l;
	looker.from = looker.last = clock_thread_cpu_ns();
	pthread_mutex_lock(&l->state_lock);
	if (l->n_lookers < LIVE_LOOKERS)
		l->lookers[l->n_lookers++] = looker;
	pthread_mutex_unlock(&l->state_lock);
}

/* The clock of a thread that has ended is no more: what it said last holds. */
uint64_t live_all_spent(struct live *l)
{
	uint64_t spent = 0;
	struct timespec t;

	pthread_mutex_lock(&l->state_lock);
	for (uint32_t i = 0; i < l->n_lookers; i++) {
		struct live_looker *k = &l->lookers[i];

		if (!clock_gettime(k->clock, &t))
			k->last = (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
		spent += k->last - k->from;
	}
	pthread_mutex_unlock(&l->state_lock);
	return spent;
}

uint64_t live_looked(const struct live *l)
{
	return __atomic_load_n(&l->looked, __ATOMIC_RELAXED);
}

/* -- the state -------------------------------------------------------------------------------- */

void live_state(struct live *l, struct live_state *ret)
{
	pthread_mutex_lock(&l->state_lock);
	*ret = l->state;
	pthread_mutex_unlock(&l->state_lock);
}

bool live_wait(struct live *l, uint64_t seen, uint32_t ms)
{
	struct timespec until;
	bool changed;

	live_deadline(&until, ms);
	pthread_mutex_lock(&l->state_lock);
	while (l->state.generation == seen && !l->stop &&
	       !pthread_cond_timedwait(&l->changed, &l->state_lock, &until))
		;
	changed = l->state.generation != seen;
	pthread_mutex_unlock(&l->state_lock);
	return changed;
}
