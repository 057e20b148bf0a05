/* unfinished.c - hold, walk the rest, emit; see unfinished.h. */
#include "session/unfinished.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/map64.h"
#include "base/vec.h"
#include "process/maps.h"
#include "session/slabview.h"
#include "unwind/finish.h"
#include "unwind/lookup.h"

enum { HELD_MAX = 1024, KNOWN_MAX = 4096, PROCESSES_MAX = 32 };
enum { PATIENCE_MS = 900, RETRY_MS = 10 };

struct unfinished_walk { /* a raw record, and what became of it */
	struct raw_record *raw;
	size_t len, n; /* n: frames found */
	uint32_t end;  /* enum walk_end; WALK_PENDING while it may still succeed */
	uint32_t tried;  /* files_generation() when it was tried last, and 1 */
	bool busy;     /* one of the two threads is at it: the other leaves it alone */
	uint64_t frames[FRAMES_USER_MAX];
};

struct unfinished_sample {
	struct sample_record *record; /* with its frames */
	uint64_t since;
};

struct unfinished_maps {
	uint32_t tgid;
	uint64_t read; /* when, ns */
	struct maps maps;
};

struct unfinished {
	struct unfinished_opts o;
	VEC(struct unfinished_sample) held; /* the session's thread's */
	struct map64 by_hash;               /* pending stacks: hash -> index of their frames in `known` */
	VEC(struct sample_record *) known;
	VEC(uint8_t) used;                  /* by row of them: since the last unfinished_forget() */
	uint64_t n_finished;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool started, stop;
	bool news; /* a raw record came since the thread last looked: under the lock */
	struct unfinished_walk *walks[HELD_MAX]; /* under the lock, as all from `wake` on; NULL = free */
	/* The thread's own. */
	struct unfinished_maps processes[PROCESSES_MAX];
	struct slabview words;
};

/* -- the thread: walking the rest --------------------------------------------------------------- */

/* The process's mappings, read again when they are older than the sample. */
static const struct maps *unfinished_maps(struct unfinished *u, const struct raw_record *r)
{
	struct unfinished_maps *at = &u->processes[0];

	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct unfinished_maps *m = &u->processes[i];

		if (m->tgid == r->tgid && m->read >= r->time)
			return &m->maps;
		if (m->tgid == r->tgid || (at->tgid != r->tgid && m->read < at->read))
			at = m;
	}
	maps_free(&at->maps);
	at->tgid = r->tgid;
	at->read = clock_mono_ns();
	if (maps_read(r->tgid, &at->maps)) { /* gone: there is nothing to finish by */
		at->tgid = 0;
		return NULL;
	}
	return &at->maps;
}

struct unfinished_look {
	struct unfinished *u;
	const struct maps *maps;
	uint32_t tgid;
};

static int unfinished_look(void *ctx, uint64_t pc, uint64_t *ret_frame, struct unwind_rule *ret_rule)
{
	struct unfinished_look *l = ctx;
	const struct lookup_words words = { slabview_word, &l->u->words };
	const struct maps_range *m = maps_find(l->maps, pc);
	const char *path = m ? maps_path(l->maps, m) : "";
	struct file_slot slot, now;
	uint64_t offset;
	uint32_t file;
	uint16_t rule;

	if (!m || !m->exec)
		return -EFAULT;
	if (!strcmp(path, "[vdso]")) {
		file = FILE_VDSO;
		offset = pc - m->start;
	} else if (!m->ino) {
		*ret_frame = (uint64_t)FILE_JIT << FRAME_FILE_SHIFT | (pc & FRAME_OFFSET_MASK);
		return -ENOENT;
	} else {
		file = files_find(l->u->o.files, path, m->ino);
		offset = pc - m->start + m->offset;
	}
	if (!file)
		return -EAGAIN; /* not met yet; somebody else's sample may */
	slot = l->u->o.programs->files[file];
	if (slot.state != FILE_READY && slot.state != FILE_NO_TABLE)
		return -EAGAIN;
	*ret_frame = (uint64_t)file << FRAME_FILE_SHIFT | (offset & FRAME_OFFSET_MASK);
	rule = lookup_rule(&slot, &words, offset);
	now = l->u->o.programs->files[file];
	if (memcmp(&slot, &now, sizeof(slot)))
		return -EAGAIN; /* its words may have been given to another file meanwhile */
	if (!rule)
		return -ENOENT;
	*ret_rule = l->u->o.programs->rules[rule];
	return 0;
}

/* One attempt, without the lock. */
static void unfinished_try(struct unfinished *u, struct unfinished_walk *w)
{
	struct unfinished_look look = { u, unfinished_maps(u, w->raw), w->raw->tgid };
	struct finish_ops ops = { unfinished_look, &look };
	size_t n_user = w->raw->n_user < FRAMES_USER_MAX ? w->raw->n_user : FRAMES_USER_MAX;

	if (!look.maps) {
		w->end = WALK_NONE;
		return;
	}
	w->end = finish_walk(w->raw, w->len, &ops, w->frames, FRAMES_USER_MAX - n_user, &w->n);
}

/* With the lock held, which is let go: tries all that wait and may come further than the last time, because
 * more files are known now. True when some still wait. */
static bool unfinished_round(struct unfinished *u)
{
	uint32_t now = u->o.files ? files_generation(u->o.files) + 1 : 1;
	bool waiting = false;

	u->news = false;
	for (size_t i = 0; i < HELD_MAX && !u->stop; i++) {
		struct unfinished_walk *w = u->walks[i];

		if (!w || w->busy || w->end != WALK_PENDING) /* busy: being given up */
			continue;
		if (w->tried == now) {
			waiting = true;
			continue;
		}
		w->tried = now;
		w->busy = true;
		pthread_mutex_unlock(&u->lock);
		unfinished_try(u, w);
		pthread_mutex_lock(&u->lock);
		w->busy = false;
		waiting |= w->end == WALK_PENDING;
	}
	pthread_mutex_unlock(&u->lock);
	slabview_drop(&u->words);
	pthread_mutex_lock(&u->lock);
	return waiting;
}

static void *unfinished_run(void *arg)
{
	struct unfinished *u = arg;
	struct timespec until;

	pthread_mutex_lock(&u->lock);
	while (!u->stop) {
		bool waiting = unfinished_round(u);

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += RETRY_MS * 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (u->stop || u->news)
			continue;
		if (waiting)
			pthread_cond_timedwait(&u->wake, &u->lock, &until);
		else
			pthread_cond_wait(&u->wake, &u->lock);
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

/* -- the session's thread ----------------------------------------------------------------------- */

int unfinished_new(const struct unfinished_opts *o, struct unfinished **ret)
{
	struct unfinished *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->o = *o;
	u->words.programs = o->programs;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->wake, NULL);
	u->started = !pthread_create(&u->thread, NULL, unfinished_run, u);
	*ret = u;
	return 0;
}

static void unfinished_stop(struct unfinished *u)
{
	if (!u->started)
		return;
	pthread_mutex_lock(&u->lock);
	u->stop = true;
	pthread_cond_signal(&u->wake);
	pthread_mutex_unlock(&u->lock);
	pthread_join(u->thread, NULL);
	u->started = false;
}

static void unfinished_drop(struct unfinished *u, size_t slot)
{
	if (u->walks[slot])
		free(u->walks[slot]->raw);
	free(u->walks[slot]);
	u->walks[slot] = NULL;
}

void unfinished_free(struct unfinished *u)
{
	if (!u)
		return;
	unfinished_stop(u);
	for (size_t i = 0; i < HELD_MAX; i++)
		unfinished_drop(u, i);
	for (size_t i = 0; i < u->held.n; i++)
		free(u->held.at[i].record);
	for (size_t i = 0; i < u->known.n; i++)
		free(u->known.at[i]);
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		maps_free(&u->processes[i].maps);
	VEC_FREE(&u->held);
	VEC_FREE(&u->known);
	VEC_FREE(&u->used);
	map64_free(&u->by_hash);
	pthread_cond_destroy(&u->wake);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

static void *unfinished_copy(const void *data, size_t len)
{
	void *copy = malloc(len);

	return copy ? memcpy(copy, data, len) : NULL;
}

void unfinished_raw(struct unfinished *u, const struct raw_record *r, size_t len)
{
	struct unfinished_walk *w;
	size_t slot = 0;

	if (len < sizeof(*r) || r->bytes > len - sizeof(*r) || !u->started)
		return;
	w = calloc(1, sizeof(*w));
	if (!w)
		return;
	w->end = WALK_PENDING;
	w->len = sizeof(*r) + r->bytes;
	w->raw = unfinished_copy(r, w->len);
	pthread_mutex_lock(&u->lock);
	while (slot < HELD_MAX && u->walks[slot])
		slot++;
	if (w->raw && slot < HELD_MAX) {
		u->walks[slot] = w;
		u->news = true;
		pthread_cond_signal(&u->wake);
		w = NULL;
	}
	pthread_mutex_unlock(&u->lock);
	if (w)
		free(w->raw);
	free(w);
}

/* Keeps the record's frames for those that come without. False when out of memory. */
static bool unfinished_know(struct unfinished *u, const struct sample_record *r, size_t bytes)
{
	struct sample_record *copy;

	if (map64_find(&u->by_hash, r->hash) || u->known.n >= KNOWN_MAX)
		return true;
	copy = unfinished_copy(r, bytes);
	if (!copy || !VEC_RESERVE(&u->known, 1) || !VEC_RESERVE(&u->used, 1) ||
	    !map64_insert(&u->by_hash, r->hash, (uint32_t)u->known.n, NULL)) {
		free(copy);
		return false;
	}
	u->known.at[u->known.n++] = copy;
	u->used.at[u->used.n++] = 1;
	return true;
}

/* The record with its frames: this one's, or those of an earlier one with the same stack. */
static struct sample_record *unfinished_whole(struct unfinished *u, const struct sample_record *r,
					      size_t len)
{
	size_t bytes = sizeof(*r) + ((size_t)r->n_kernel + r->n_user) * sizeof(uint64_t);
	struct sample_record *copy;
	uint32_t *known;

	if (r->flags & SAMPLE_HAS_FRAMES && (len < bytes || !unfinished_know(u, r, bytes)))
		return NULL;
	known = map64_find(&u->by_hash, r->hash);
	copy = known ? malloc(bytes) : NULL;
	if (!copy)
		return NULL;
	u->used.at[*known] = 1;
	*copy = *r;
	copy->flags |= SAMPLE_HAS_FRAMES;
	memcpy(copy + 1, u->known.at[*known] + 1, bytes - sizeof(*r));
	return copy;
}

bool unfinished_hold(struct unfinished *u, const struct sample_record *r, size_t len, uint64_t now)
{
	struct unfinished_sample held = { .since = now };

	if (len < sizeof(*r) || r->kind > RECORD_STACK || r->end != WALK_PENDING || r->skipped || !u->started)
		return false;
	held.record = unfinished_whole(u, r, len);
	if (!held.record)
		return false;
	if (u->held.n < HELD_MAX && VEC_PUSH(&u->held, held))
		return true;
	/* No room to hold it. Its frames may have come with one that is held: only we have them. */
	u->o.emit(u->o.ctx, held.record,
		  sizeof(*r) + ((size_t)r->n_kernel + r->n_user) * sizeof(uint64_t));
	free(held.record);
	return true;
}

/* With the lock held: the slot of the sample's walk, HELD_MAX when its raw record never came. */
static size_t unfinished_find(const struct unfinished *u, const struct sample_record *r)
{
	size_t slot = 0;

	while (slot < HELD_MAX && !(u->walks[slot] && u->walks[slot]->raw->time == r->time &&
				    u->walks[slot]->raw->tid == r->tid))
		slot++;
	return slot;
}

/* Emits the sample with the frames that were found, under a hash of its own. */
static void unfinished_emit_whole(struct unfinished *u, const struct sample_record *r,
				  const struct unfinished_walk *w)
{
	size_t n = (size_t)r->n_kernel + r->n_user, bytes = (n + w->n) * sizeof(uint64_t);
	struct sample_record *whole = malloc(sizeof(*r) + bytes);
	uint64_t *words = (uint64_t *)(whole + 1);

	if (!whole) {
		u->o.emit(u->o.ctx, r, sizeof(*r) + n * sizeof(uint64_t));
		return;
	}
	*whole = *r;
	memcpy(words, r + 1, n * sizeof(uint64_t));
	memcpy(words + n, w->frames, w->n * sizeof(uint64_t));
	whole->n_user = (uint16_t)(r->n_user + w->n);
	whole->end = (uint8_t)w->end;
	whole->end_file = 0;
	/* Waits are counted by the hash that they had, which is theirs alone. */
	for (size_t i = 0; i < w->n && r->kind == RECORD_SAMPLE; i++)
		whole->hash = map64_mix(whole->hash ^ w->frames[i]);
	u->o.emit(u->o.ctx, whole, sizeof(*r) + bytes);
	u->n_finished++;
	free(whole);
}

/* True when the sample has left. */
static bool unfinished_settle(struct unfinished *u, const struct unfinished_sample *held, uint64_t now,
			      bool last)
{
	const struct sample_record *r = held->record;
	bool over = last || now - held->since > PATIENCE_MS * UINT64_C(1000000);
	struct unfinished_walk *w;
	size_t slot;

	pthread_mutex_lock(&u->lock);
	slot = unfinished_find(u, r);
	w = slot < HELD_MAX ? u->walks[slot] : NULL;
	if (w && (w->busy || (w->end == WALK_PENDING && !over))) {
		pthread_mutex_unlock(&u->lock);
		return false;
	}
	if (w)
		w->busy = true; /* ours until it is dropped */
	/* Without the lock: the sample may meet a file whose announcement waits in the ring, and whoever
	 * drains that comes upon raw stacks, which are ours to take. */
	pthread_mutex_unlock(&u->lock);
	if (w && w->end == WALK_BOTTOM)
		unfinished_emit_whole(u, r, w);
	else
		u->o.emit(u->o.ctx, r, sizeof(*r) + ((size_t)r->n_kernel + r->n_user) * sizeof(uint64_t));
	pthread_mutex_lock(&u->lock);
	if (w)
		unfinished_drop(u, slot);
	pthread_mutex_unlock(&u->lock);
	return true;
}

void unfinished_turn(struct unfinished *u, uint64_t now, bool last)
{
	size_t left = 0;

	if (last)
		unfinished_stop(u);
	for (size_t i = 0; i < u->held.n; i++) {
		if (unfinished_settle(u, &u->held.at[i], now, last))
			free(u->held.at[i].record);
		else
			u->held.at[left++] = u->held.at[i];
	}
	u->held.n = left;
	if (left)
		return;
	for (size_t i = 0; i < HELD_MAX; i++) /* of samples that never came */
		if (u->walks[i] && !u->walks[i]->busy && u->walks[i]->end != WALK_PENDING)
			unfinished_drop(u, i);
}

/* A hash is sent again once more than it has to be when its stack came while this was going on. */
void unfinished_forget(struct unfinished *u, void (*again)(void *ctx, uint64_t hash), void *ctx)
{
	size_t left = 0;

	map64_free(&u->by_hash);
	for (size_t i = 0; i < u->known.n; i++) {
		struct sample_record *k = u->known.at[i];

		if (!u->used.at[i] || !map64_insert(&u->by_hash, k->hash, (uint32_t)left, NULL)) {
			free(k);
			continue;
		}
		u->known.at[left] = k;
		u->used.at[left++] = 0;
		again(ctx, k->hash);
	}
	u->known.n = u->used.n = left;
}

uint64_t unfinished_count(const struct unfinished *u)
{
	return u->n_finished;
}
