/* namer.c - copies of frames out to a thread, names back; see namer.h. */
#include "session/namer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "profile/codes.h"

enum { FIRST_AFTER_MS = 1000, NICE = 5, BATCH_MAX = 65536 };
/* When somebody looks: new names at once, while they took at most 2 s and a hundredth of a processor. Where
 * somebody could, but does not: a quarter of a second and a thousandth, and what was saved is there when
 * somebody comes. */
enum { WATCHED_AFTER_MS = 200, WATCHED_BURST_MS = 2000, WATCHED_SHARE = 100, UNSEEN_BURST_MS = 250,
       UNSEEN_SHARE = 1000 };

struct namer {
	struct symbolizer_opts opts; /* the session's */
	struct symbolizer *symbolizer;
	uint64_t next, begun; /* ns */
	bool running, done;   /* done: written by the thread */
	bool watched;
	uint64_t took;        /* CPU time of the last run's thread, ns; written by it before `done` */
	uint64_t spent;       /* CPU time of all runs that are over */
	atomic_uint_fast64_t helped; /* CPU time of other threads, in all runs */
	pthread_t thread;
	/* One run: copies, and whose they are. */
	struct profile *work;
	VEC(uint32_t) frames;  /* of the session's profile, by frame of `work` */
	VEC(uint32_t) objects; /* the same for objects */
	VEC(uint8_t) read;     /* by object of the session's profile; watched: by frame, was in a run */
};

/* What naming finds missing. */
static const enum ledger_id namer_rows[] = { LEDGER_UNREAD, LEDGER_SPLIT_MISSING,
					     LEDGER_COMMON_MISSING, LEDGER_DEBUG_DAMAGED,
					     LEDGER_JIT_SKIPPED };

static int namer_open(void *ctx, uint32_t object)
{
	struct namer *n = ctx;

	if (object >= n->objects.n)
		return -ENOENT;
	return n->opts.open_object(n->opts.ctx, n->objects.at[object]);
}

struct namer *namer_new(const struct symbolizer_opts *o, uint64_t now, bool watched)
{
	struct namer *n = calloc(1, sizeof(*n));
	struct symbolizer_opts own = *o;

	if (!n)
		return NULL;
	n->opts = *o;
	own.open_object = namer_open;
	own.ctx = n;
	n->symbolizer = symbolizer_new(&own);
	n->begun = now;
	n->next = now + (watched ? WATCHED_AFTER_MS : FIRST_AFTER_MS) * UINT64_C(1000000);
	n->watched = watched;
	if (!n->symbolizer) {
		free(n);
		return NULL;
	}
	return n;
}

/* -- a run -------------------------------------------------------------------------------------- */

/* Files whose path is known, and the kernel; generated code is named when its time is over. */
static bool namer_may(const struct namer *n, const struct profile *p, uint32_t frame)
{
	const struct profile_frame *f = &p->frames.at[frame];
	const struct profile_object *o = &p->objects.at[f->object];

	if (n->read.at[n->watched ? frame : f->object])
		return false;
	if (f->unnamed != UNNAMED_NOT_TRIED || f->n_lines || !f->object)
		return false;
	if (o->kind == OBJECT_FILE)
		return !o->start; /* it is settled: see files_object() */
	return o->kind == OBJECT_VDSO || o->kind == OBJECT_KERNEL || o->kind == OBJECT_MODULE;
}

static uint32_t namer_copy_object(struct namer *n, const struct profile *p, uint32_t object)
{
	struct profile_object o = p->objects.at[object];
	uint32_t copy;

	o.path = profile_str(n->work, profile_text(p, o.path));
	o.build_id = profile_str(n->work, profile_text(p, o.build_id));
	copy = profile_object(n->work, &o);
	while (copy != PROFILE_NONE && n->objects.n <= copy)
		if (!VEC_PUSH(&n->objects, 0))
			return PROFILE_NONE;
	if (copy != PROFILE_NONE)
		n->objects.at[copy] = object;
	return copy;
}

static void namer_copy_frame(struct namer *n, const struct profile *p, uint32_t frame)
{
	const struct profile_frame *f = &p->frames.at[frame];
	uint32_t object = namer_copy_object(n, p, f->object), copy = PROFILE_NONE;

	if (object != PROFILE_NONE)
		copy = profile_frame_at(n->work, object, f->offset, (enum frame_kind)f->kind);
	while (copy != PROFILE_NONE && n->frames.n <= copy)
		if (!VEC_PUSH(&n->frames, 0))
			return;
	if (copy != PROFILE_NONE)
		n->frames.at[copy] = frame;
}

static void *namer_run(void *arg)
{
	struct namer *n = arg;

	setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); /* the drain and the tables come first */
	parallel_account(&n->helped);
	symbolizer_run(n->symbolizer, n->work);
	n->took = clock_thread_cpu_ns();
	__atomic_store_n(&n->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void namer_end_run(struct namer *n)
{
	profile_free(n->work);
	n->work = NULL;
	n->frames.n = n->objects.n = 0;
	n->running = false;
}

static void namer_start(struct namer *n, const struct profile *p)
{
	size_t rows = n->watched ? p->frames.n : p->objects.n;
	uint32_t given = 0;

	while (n->read.n < rows)
		if (!VEC_PUSH(&n->read, 0))
			return;
	n->work = profile_new("frames", "count");
	for (uint32_t i = 0; n->work && i < p->frames.n && given < BATCH_MAX; i++) {
		if (!namer_may(n, p, i))
			continue;
		given++;
		namer_copy_frame(n, p, i);
		if (n->watched)
			n->read.at[i] = 1;
	}
	for (size_t i = 0; i < n->objects.n && !n->watched; i++)
		n->read.at[n->objects.at[i]] = 1;
	n->done = false;
	n->running = given && !pthread_create(&n->thread, NULL, namer_run, n);
	if (!n->running)
		namer_end_run(n);
}

static uint32_t namer_string(const struct namer *n, struct profile *p, uint32_t string)
{
	return string ? profile_str(p, profile_text(n->work, string)) : 0;
}

/* A copy's names into the profile; frames without one are tried again at the end. */
static void namer_take(const struct namer *n, struct profile *p, uint32_t copy)
{
	const struct profile_frame *f = &n->work->frames.at[copy];
	struct profile_line *lines = calloc(f->n_lines, sizeof(*lines));

	for (uint16_t i = 0; lines && i < f->n_lines; i++) {
		const struct profile_line *from = &n->work->lines.at[f->first_line + i];

		lines[i] = (struct profile_line){ .function = namer_string(n, p, from->function),
						  .file = namer_string(n, p, from->file),
						  .line = from->line,
						  .system = namer_string(n, p, from->system) };
	}
	if (lines && !p->oom)
		profile_frame_set_lines(p, n->frames.at[copy], lines, f->n_lines);
	free(lines);
}

static void namer_collect(struct namer *n, struct profile *p)
{
	pthread_join(n->thread, NULL);
	n->spent += n->took;
	for (uint32_t i = 1; i < n->work->frames.n && i < n->frames.n; i++)
		if (n->work->frames.at[i].n_lines && n->frames.at[i])
			namer_take(n, p, i);
	for (size_t i = 0; i < sizeof(namer_rows) / sizeof(*namer_rows); i++)
		if (n->work->ledger.n[namer_rows[i]] > p->ledger.n[namer_rows[i]])
			p->ledger.n[namer_rows[i]] = n->work->ledger.n[namer_rows[i]];
	namer_end_run(n);
}

/* Of runs that are over. */
static uint64_t namer_all_spent(const struct namer *n)
{
	return n->spent + atomic_load(&n->helped);
}

static bool namer_affords(const struct namer *n, uint64_t now, bool looks)
{
	uint64_t share = looks ? WATCHED_SHARE : UNSEEN_SHARE;
	uint64_t burst = (looks ? WATCHED_BURST_MS : UNSEEN_BURST_MS) * UINT64_C(1000000);

	return namer_all_spent(n) <= burst + (now - n->begun) / share;
}

/* Of the run that is under way, too: the first one takes seconds. */
static uint64_t namer_now_spent(const struct namer *n)
{
	struct timespec t;
	clockid_t clock;

	if (!n->running)
		return 0;
	if (__atomic_load_n(&n->done, __ATOMIC_ACQUIRE))
		return n->took;
	if (pthread_getcpuclockid(n->thread, &clock) || clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

uint64_t namer_spent(const struct namer *n)
{
	return n->watched ? namer_all_spent(n) + namer_now_spent(n) : 0;
}

/* -- turns -------------------------------------------------------------------------------------- */

void namer_turn(struct namer *n, struct profile *p, uint64_t now, bool looks)
{
	if (n->running) {
		if (__atomic_load_n(&n->done, __ATOMIC_ACQUIRE)) {
			namer_collect(n, p);
		}
		return;
	}
	if (now < n->next || (n->watched && !namer_affords(n, now, looks)))
		return;
	n->next = now + (n->watched ? WATCHED_AFTER_MS * UINT64_C(1000000) : now - n->begun);
	namer_start(n, p);
}

bool namer_runs(const struct namer *n)
{
	return n->running;
}

/* What was in a run stays in mind; where that needs memory it is asked for again. */
void namer_renewed(struct namer *n, const struct renewal *r, const struct profile *p)
{
	size_t rows = p->frames.n, had = n->read.n;
	uint8_t *was = n->read.at;

	memset(&n->read, 0, sizeof(n->read));
	if (VEC_RESERVE(&n->read, rows)) {
		memset(n->read.at, 0, rows);
		n->read.n = rows;
	}
	for (uint32_t i = 0; i < had; i++) {
		uint32_t to = renewal_frame(r, i);

		if (to < n->read.n)
			n->read.at[to] |= was[i];
	}
	free(was);
}

int namer_finish(struct namer *n, struct profile *p)
{
	int code;

	if (n->running)
		namer_collect(n, p);
	n->objects.n = 0;
	for (uint32_t i = 0; i < p->objects.n; i++) /* from here on they are the profile's own */
		if (!VEC_PUSH(&n->objects, i))
			return -ENOMEM;
	code = profile_codes_name(p);
	if (!code)
		code = symbolizer_run(n->symbolizer, p);
	n->objects.n = 0;
	return code;
}

void namer_free(struct namer *n)
{
	if (!n)
		return;
	if (n->running)
		pthread_join(n->thread, NULL);
	namer_end_run(n);
	symbolizer_free(n->symbolizer);
	VEC_FREE(&n->frames);
	VEC_FREE(&n->objects);
	VEC_FREE(&n->read);
	free(n);
}
