/* jitwatch.c - the thread that follows what runtimes write about their code; see jitwatch.h.
 *
 * The session puts process ids and addresses into a queue; the thread takes them, looks at every
 * process's files (at once for new processes, every INTERVAL for all), and puts what it found into
 * another queue, from which the session's thread copies it to the profile.
 */
#include "session/jitwatch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "profile/codes.h"
#include "session/jitproc.h"

enum {
	INTERVAL_MS = 200,
	PROCESSES_MAX = 512,  /* each has two descriptors at most */
	ASKED_MAX = 65536,    /* addresses and processes that wait for the thread */
};

struct jitwatch_ask {
	uint32_t pid;
	uint64_t addr; /* 0: only the process */
};

typedef VEC(struct jitwatch_ask) jitwatch_asks;

struct jitwatch {
	struct jitwatch_opts o;
	uint64_t since;
	pthread_t thread;
	pthread_mutex_t lock; /* guards from here to `totals` */
	pthread_cond_t changed;
	jitwatch_asks asked;
	jitproc_codes found;
	size_t n_found;       /* in all */
	struct jitproc_totals totals;
	uint32_t lost;        /* processes beyond the bound, calls without memory */
	bool stop, urgent;
	uint64_t wanted_looks, looks;

	/* The thread's own. */
	VEC(struct jitproc *) procs;

	/* The session's own. */
	size_t frames; /* of the profile that were told */
};

/* -- the thread -------------------------------------------------------------------------------- */

static struct jitproc *jitwatch_proc(struct jitwatch *w, uint32_t pid)
{
	struct jitproc *p;

	for (size_t i = 0; i < w->procs.n; i++)
		if (jitproc_pid(w->procs.at[i]) == pid)
			return w->procs.at[i];
	for (size_t i = 0; i < w->procs.n && w->procs.n >= PROCESSES_MAX; i++)
		if (jitproc_is_over(w->procs.at[i])) {
			jitproc_free(w->procs.at[i]);
			w->procs.at[i] = w->procs.at[--w->procs.n];
		}
	p = w->procs.n < PROCESSES_MAX ? jitproc_new(pid, w->since) : NULL;
	if (p && VEC_PUSH(&w->procs, p))
		return p;
	jitproc_free(p);
	return NULL;
}

/* What was asked, to whom it belongs. Returns how many found no place. */
static uint32_t jitwatch_deal(struct jitwatch *w, const jitwatch_asks *asked)
{
	struct jitproc *p = NULL;
	uint32_t lost = 0;

	for (size_t i = 0; i < asked->n; i++) {
		const struct jitwatch_ask *a = &asked->at[i];

		if (!p || jitproc_pid(p) != a->pid)
			p = jitwatch_proc(w, a->pid);
		if (!p)
			lost++;
		else if (a->addr)
			jitproc_hit(p, a->addr);
	}
	return lost;
}

/* Without the lock: looks at every process. */
static void jitwatch_round(struct jitwatch *w, size_t room, bool patient, jitproc_codes *found,
			   struct jitproc_totals *totals)
{
	for (size_t i = 0; i < w->procs.n; i++) {
		jitproc_look(w->procs.at[i], patient, room, found);
		jitproc_publish(w->procs.at[i], &w->o);
		jitproc_totals(w->procs.at[i], totals);
	}
}

/* With the lock: hands over what a round found. */
static void jitwatch_give(struct jitwatch *w, jitproc_codes *found)
{
	for (size_t i = 0; i < found->n; i++) {
		if (VEC_PUSH(&w->found, found->at[i]))
			continue;
		w->lost++;
		jitproc_code_free(&found->at[i]);
	}
	w->n_found += found->n;
	found->n = 0;
}

/* With the lock: until there is something to do. */
static void jitwatch_wait(struct jitwatch *w)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += INTERVAL_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (!w->stop && !w->urgent && !rc)
		rc = w->procs.n ? pthread_cond_timedwait(&w->changed, &w->lock, &until)
				: pthread_cond_wait(&w->changed, &w->lock);
}

static void *jitwatch_run(void *arg)
{
	struct jitwatch *w = arg;
	jitproc_codes found = {0};

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		jitwatch_asks asked;
		struct jitproc_totals totals = {0};
		uint64_t wanted;
		uint32_t lost;
		size_t room;

		jitwatch_wait(w);
		memcpy(&asked, &w->asked, sizeof(asked));
		memset(&w->asked, 0, sizeof(w->asked));
		wanted = w->wanted_looks;
		w->urgent = false;
		room = PROFILE_CODES_MAX - (w->n_found < PROFILE_CODES_MAX ? w->n_found
									     : PROFILE_CODES_MAX);
		pthread_mutex_unlock(&w->lock);
		lost = jitwatch_deal(w, &asked);
		VEC_FREE(&asked);
		jitwatch_round(w, room, wanted != w->looks, &found, &totals);
		pthread_mutex_lock(&w->lock);
		w->lost += lost;
		w->totals = totals;
		w->looks = wanted;
		jitwatch_give(w, &found);
		pthread_cond_broadcast(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
	VEC_FREE(&found);
	return NULL;
}

/* -- the session's side ------------------------------------------------------------------------ */

int jitwatch_new(const struct jitwatch_opts *o, struct jitwatch **ret)
{
	struct jitwatch *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int rc;

	if (!w)
		return -ENOMEM;
	w->o = *o;
	w->since = clock_mono_ns();
	w->frames = 1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	rc = pthread_create(&w->thread, NULL, jitwatch_run, w);
	if (rc) {
		free(w);
		return -rc;
	}
	*ret = w;
	return 0;
}

void jitwatch_free(struct jitwatch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	if (w->o.done)
		w->o.done(w->o.ctx);
	for (size_t i = 0; i < w->procs.n; i++)
		jitproc_free(w->procs.at[i]);
	for (size_t i = 0; i < w->found.n; i++)
		jitproc_code_free(&w->found.at[i]);
	VEC_FREE(&w->procs);
	VEC_FREE(&w->found);
	VEC_FREE(&w->asked);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->changed);
	free(w);
}

void jitwatch_note(struct jitwatch *w, uint32_t pid)
{
	pthread_mutex_lock(&w->lock);
	if (w->asked.n >= ASKED_MAX || !VEC_PUSH(&w->asked, (struct jitwatch_ask){.pid = pid}))
		w->lost++;
	w->urgent = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* With the lock: new frames of generated code, as long as there is room; the rest the next time. */
static void jitwatch_tell(struct jitwatch *w, const struct profile *p)
{
	for (; w->frames < p->frames.n; w->frames++) {
		const struct profile_frame *f = &p->frames.at[w->frames];

		if (f->kind != FRAME_JIT || !p->objects.at[f->object].pid || f->n_lines)
			continue;
		if (w->asked.n >= ASKED_MAX ||
		    !VEC_PUSH(&w->asked, (struct jitwatch_ask){p->objects.at[f->object].pid,
							       f->offset}))
			return;
	}
}

/* One version into the profile. False when the profile takes no more. */
static bool jitwatch_put(struct profile *p, const struct jitproc_code *c)
{
	const uint64_t start = p->meta.start_mono;
	struct profile_object o = {.kind = OBJECT_JIT, .pid = c->pid};
	struct profile_code code = {
		.start = c->start,
		.size = c->size,
		.from = c->time > start ? c->time - start : 0,
		.order = c->order,
		.exact = c->exact,
	};
	VEC(struct profile_code_line) lines = {0};
	bool full = false;

	o.path = profile_str(p, "[jit]");
	code.object = profile_object(p, &o);
	code.function = c->name ? profile_str(p, c->name) : 0;
	for (size_t i = 0; i < c->lines.lines.n; i++) {
		const struct jitdump_line *l = &c->lines.lines.at[i];
		uint32_t file = profile_str(p, c->lines.text.at + l->file);

		if (!VEC_PUSH(&lines, (struct profile_code_line){l->offset, l->line, file}))
			p->oom = true;
	}
	if (!p->oom)
		profile_code(p, &code, lines.at, (uint32_t)lines.n, &full);
	VEC_FREE(&lines);
	return !full;
}

void jitwatch_update(struct jitwatch *w, struct profile *p)
{
	jitproc_codes found;

	pthread_mutex_lock(&w->lock);
	jitwatch_tell(w, p);
	memcpy(&found, &w->found, sizeof(found));
	memset(&w->found, 0, sizeof(w->found));
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < found.n; i++) {
		if (!jitwatch_put(p, &found.at[i]))
			p->ledger.n[LEDGER_JIT_DROPPED]++;
		jitproc_code_free(&found.at[i]);
	}
	VEC_FREE(&found);
}

bool jitwatch_told_all(const struct jitwatch *w, const struct profile *p)
{
	return w->frames >= p->frames.n;
}

void jitwatch_renewed(struct jitwatch *w, const struct profile *p)
{
	w->frames = p->frames.n;
}

/* Asks for a look at everything and waits for it. */
static void jitwatch_look(struct jitwatch *w, const struct timespec *until)
{
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	w->wanted_looks++;
	w->urgent = true;
	pthread_cond_broadcast(&w->changed);
	while (w->looks < w->wanted_looks && !rc)
		rc = pthread_cond_timedwait(&w->changed, &w->lock, until);
	pthread_mutex_unlock(&w->lock);
}

void jitwatch_finish(struct jitwatch *w, struct profile *p, uint32_t ms)
{
	struct ledger *l = &p->ledger;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	do {
		jitwatch_update(w, p);
		jitwatch_look(w, &until);
	} while (w->frames < p->frames.n && clock_mono_ns() < (uint64_t)until.tv_sec * NSEC_PER_SEC);
	jitwatch_update(w, p);
	pthread_mutex_lock(&w->lock);
	l->n[LEDGER_JIT_REFUSED] += w->totals.refused;
	l->n[LEDGER_JIT_DROPPED] += w->totals.dropped + w->lost;
	l->n[LEDGER_JIT_SKIPPED] += w->totals.skipped;
	pthread_mutex_unlock(&w->lock);
}
