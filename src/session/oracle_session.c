/* oracle_session.c - queue, thread and bookkeeping of the oracle; see oracle_session.h.
 *
 * A raw record and the sample it belongs to come through different rings, so one of them is here first:
 * an unwound stack waits a moment for its sample. They have the hash of the walk in common.
 */
#include "session/oracle_session.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/out.h"
#include "process/maps.h"
#include "unwind/oracle.h"
#include "unwind/stackfile.h"

enum { QUEUE_MAX = 128, WAITING_MAX = 128, WRITTEN_MAX = 1000 };
#define KEPT_WORDS_MAX (8u << 20) /* of samples' frames: 64 MiB */
#define PATIENCE_NS (3 * NSEC_PER_SEC) /* for a sample to arrive */

struct oracle_item {
	struct raw_record *record;
	struct maps maps;
	struct oracle_stack stack;
	uint64_t since;
};

struct oracle_kept { /* a sample's user frames */
	uint32_t first, n;
	uint32_t end, skipped;
};

struct oracle_session {
	struct oracle *oracle;
	struct oracle_report *report;
	const char *out_dir;
	pthread_t thread;
	bool started;
	/* Of the thread alone. */
	VEC(struct oracle_item) waiting;
	VEC(uint64_t) frames; /* the oracle's, in the kernel's words */
	VEC(uint8_t) ways;
	VEC(uint64_t) walk;
	/* Shared, under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct raw_record *queue[QUEUE_MAX];
	size_t n_queue;
	bool finish;
	VEC(uint64_t) words;
	VEC(struct oracle_kept) kept;
	struct map64 by_hash;
	VEC(struct file_key) keys; /* by id; all zero: never announced */
};

/* -- from the session's thread ------------------------------------------------------------------ */

void oracle_session_sample(struct oracle_session *s, const void *data, size_t len)
{
	struct sample_record r;
	const uint64_t *words = (const uint64_t *)((const uint8_t *)data + sizeof(r));
	struct oracle_kept k;
	bool is_new;

	if (len < sizeof(r))
		return;
	memcpy(&r, data, sizeof(r));
	if (!(r.flags & SAMPLE_HAS_FRAMES) ||
	    len < sizeof(r) + ((size_t)r.n_kernel + r.n_user) * sizeof(*words))
		return;
	k = (struct oracle_kept){ .n = r.n_user, .end = r.end, .skipped = r.skipped };
	pthread_mutex_lock(&s->lock);
	k.first = (uint32_t)s->words.n;
	if (s->words.n + r.n_user <= KEPT_WORDS_MAX && VEC_RESERVE(&s->words, r.n_user) &&
	    VEC_RESERVE(&s->kept, 1) &&
	    map64_insert(&s->by_hash, r.hash, (uint32_t)s->kept.n, &is_new) && is_new) {
		/* When the walk kept the root, its frames are a ring: the oldest was overwritten last. */
		for (uint32_t i = 0; i < r.n_user; i++)
			s->words.at[s->words.n++] =
				words[r.n_kernel + (r.skipped + (uint64_t)i) % r.n_user];
		s->kept.at[s->kept.n++] = k;
	}
	pthread_mutex_unlock(&s->lock);
}

void oracle_session_file(struct oracle_session *s, const struct file_record *r)
{
	char **name;

	if (r->file < FILE_FIRST || r->file >= FILES_MAX)
		return;
	pthread_mutex_lock(&s->lock);
	while (s->keys.n <= r->file)
		if (!VEC_PUSH(&s->keys, (struct file_key){ 0 }))
			break;
	while (s->report->names.n <= r->file)
		if (!VEC_PUSH(&s->report->names, NULL))
			break;
	if (r->file < s->keys.n && r->file < s->report->names.n) {
		name = &s->report->names.at[r->file];
		s->keys.at[r->file] = r->key;
		if (!*name)
			*name = strndup(r->name, sizeof(r->name));
	}
	pthread_mutex_unlock(&s->lock);
}

void oracle_session_raw(struct oracle_session *s, const void *data, size_t len)
{
	struct raw_record r, *copy;

	if (len < sizeof(r))
		return;
	memcpy(&r, data, sizeof(r));
	if (r.why != RAW_ORACLE || r.bytes > len - sizeof(r))
		return;
	copy = malloc(sizeof(r) + r.bytes);
	if (copy)
		memcpy(copy, data, sizeof(r) + r.bytes);
	pthread_mutex_lock(&s->lock);
	s->report->raw++;
	if (copy && s->n_queue < QUEUE_MAX) {
		s->queue[s->n_queue++] = copy;
		copy = NULL;
		pthread_cond_signal(&s->filled);
	} else {
		s->report->lost++;
	}
	pthread_mutex_unlock(&s->lock);
	free(copy);
}

/* -- the thread --------------------------------------------------------------------------------- */

static void oracle_item_done(struct oracle_item *i)
{
	free(i->record);
	maps_free(&i->maps);
	oracle_stack_free(&i->stack);
}

/* The id the kernel gave to what is mapped there, UINT32_MAX >> 16 when it never announced it. The newest
 * one: a file that was overwritten in place is a new one under the same number. */
static uint32_t oracle_file_id(const struct oracle_session *s, const struct maps_range *at)
{
	uint64_t dev = (uint64_t)at->dev_major << 20 | at->dev_minor;

	for (size_t i = s->keys.n; i-- > FILE_FIRST;)
		if (s->keys.at[i].ino == at->ino && s->keys.at[i].dev == dev)
			return (uint32_t)i;
	return UINT16_MAX;
}

/* A frame of the oracle as the kernel would have put it. */
static uint64_t oracle_word(const struct oracle_session *s, const struct maps *m,
			    const struct oracle_frame *f)
{
	const struct maps_range *at = f->mapping == ORACLE_NOWHERE ? NULL : &m->list.at[f->mapping];
	uint64_t file = FILE_UNKNOWN, offset = f->offset;

	if (at && at->exec && at->ino)
		file = oracle_file_id(s, at);
	else if (at && at->exec && f->offset != f->look)
		file = FILE_VDSO;
	else if (at && at->exec)
		file = FILE_JIT;
	else
		offset = f->look;
	return file << FRAME_FILE_SHIFT | (offset & FRAME_OFFSET_MASK);
}

/* The oracle's frames in the kernel's words. */
static void oracle_translate(struct oracle_session *s, struct oracle_item *i)
{
	size_t n = i->stack.frames.n;

	s->frames.n = s->ways.n = 0;
	if (!VEC_RESERVE(&s->frames, n + 1) || !VEC_RESERVE(&s->ways, n + 1))
		return;
	for (size_t k = 0; k < n; k++) {
		s->frames.at[s->frames.n++] = oracle_word(s, &i->maps, &i->stack.frames.at[k]);
		s->ways.at[s->ways.n++] = i->stack.frames.at[k].way;
	}
}

/* The walk of the sample into s->walk. False when it is not here (yet). */
static bool oracle_find_walk(struct oracle_session *s, struct oracle_item *i,
			     struct agreement_walk *ret)
{
	const struct oracle_kept *k;
	uint32_t *at;

	pthread_mutex_lock(&s->lock);
	at = map64_find(&s->by_hash, i->record->hash);
	k = at ? &s->kept.at[*at] : NULL;
	s->walk.n = 0;
	if (k && VEC_RESERVE(&s->walk, k->n + 1)) {
		if (k->n)
			memcpy(s->walk.at, s->words.at + k->first, k->n * sizeof(uint64_t));
		s->walk.n = k->n;
		*ret = (struct agreement_walk){ s->walk.at, k->n, k->end, k->skipped };
		oracle_translate(s, i);
	} else {
		k = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return k != NULL;
}

/* DIR/PID-TIME.stack. What cannot be written any more (its files are gone) is only missing there: the
 * report has counted it. */
static void oracle_write(struct oracle_session *s, struct oracle_item *i)
{
	struct stackfile f;
	struct buf b = { 0 };
	char path[4096];
	struct out to;

	if (s->report->written >= WRITTEN_MAX ||
	    stackfile_make(i->record, &i->maps, &i->stack, NULL, &f))
		return;
	snprintf(path, sizeof(path), "%s/%u-%llu.stack", s->out_dir, i->record->tgid,
		 (unsigned long long)i->record->time);
	if (!stackfile_pack(&f, &b) && !out_open(&to, path, NULL)) {
		out_put(&to, b.data, b.len);
		s->report->written += !out_commit(&to, NULL);
	}
	buf_free(&b);
	stackfile_free(&f);
}

static bool oracle_compare(struct oracle_session *s, struct oracle_item *i)
{
	struct agreement_oracle o;
	struct agreement_walk w;
	enum verdict verdict;

	if (!oracle_find_walk(s, i, &w))
		return false;
	o = (struct agreement_oracle){ s->frames.at, s->ways.at, s->frames.n, i->stack.stop };
	verdict = agreement_add(&s->report->agreement, i->record->tgid, &w, &o);
	if (s->out_dir && verdict_differs(verdict))
		oracle_write(s, i);
	return true;
}

/* Those whose sample has come are compared; those that waited too long (or for whom there is no more
 * to come) are given up. */
static void oracle_look_after_waiting(struct oracle_session *s, bool last)
{
	uint64_t now = clock_mono_ns();
	size_t n = 0;

	for (size_t i = 0; i < s->waiting.n; i++) {
		struct oracle_item *at = &s->waiting.at[i];
		bool done = oracle_compare(s, at);

		if (!done && !last && now - at->since < PATIENCE_NS) {
			s->waiting.at[n++] = *at;
			continue;
		}
		s->report->no_sample += !done;
		oracle_item_done(at);
	}
	s->waiting.n = n;
}

static void oracle_take(struct oracle_session *s, struct raw_record *record)
{
	struct oracle_item i = { .record = record, .since = clock_mono_ns() };
	int code = maps_read(record->tgid, &i.maps);

	if (!code)
		code = oracle_unwind(s->oracle, record, &i.maps, &i.stack);
	if (code) {
		s->report->gone += code == -ESRCH;
		s->report->failed += code != -ESRCH;
	} else if (oracle_compare(s, &i)) {
		; /* its sample was here already */
	} else if (s->waiting.n < WAITING_MAX && VEC_PUSH(&s->waiting, i)) {
		return;
	} else {
		s->report->no_sample++;
	}
	oracle_item_done(&i);
}

static void *oracle_thread(void *arg)
{
	struct oracle_session *s = arg;
	struct timespec until;
	bool finish = false;

	pthread_mutex_lock(&s->lock);
	while (!finish || s->n_queue) {
		struct raw_record *record = NULL;

		if (s->n_queue) {
			record = s->queue[0];
			memmove(s->queue, s->queue + 1, --s->n_queue * sizeof(record));
		} else if (!s->finish) {
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_sec++;
			pthread_cond_timedwait(&s->filled, &s->lock, &until);
		}
		finish = s->finish;
		pthread_mutex_unlock(&s->lock);
		if (record)
			oracle_take(s, record);
		else
			oracle_look_after_waiting(s, finish);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	oracle_look_after_waiting(s, true);
	return NULL;
}

/* -- life --------------------------------------------------------------------------------------- */

int oracle_session_new(const char *out_dir, struct oracle_session **ret, struct err *e)
{
	struct oracle_session *s = calloc(1, sizeof(*s));
	int code = s ? oracle_new(NULL, &s->oracle, e) : err_set(e, -ENOMEM, "out of memory");

	if (code) {
		free(s);
		return code;
	}
	s->out_dir = out_dir;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->filled, NULL);
	s->report = calloc(1, sizeof(*s->report));
	code = s->report ? pthread_create(&s->thread, NULL, oracle_thread, s) : ENOMEM;
	if (code) {
		oracle_session_free(s);
		return err_set(e, -code, "cannot start the oracle's thread: %s", strerror(code));
	}
	s->started = true;
	*ret = s;
	return 0;
}

static void oracle_session_stop(struct oracle_session *s)
{
	if (!s->started)
		return;
	pthread_mutex_lock(&s->lock);
	s->finish = true;
	pthread_cond_signal(&s->filled);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	s->started = false;
}

struct oracle_report *oracle_session_finish(struct oracle_session *s, struct ledger *l)
{
	struct oracle_report *r = s->report;
	const struct agreement *a = &r->agreement;

	oracle_session_stop(s);
	agreement_sort(&r->agreement);
	l->n[LEDGER_ORACLE_STACKS] = r->raw;
	l->n[LEDGER_ORACLE_COMPARED] = a->stacks;
	l->n[LEDGER_ORACLE_DIFFER] = a->stacks_differ;
	l->n[LEDGER_ORACLE_GAVE_UP] = a->oracle_short + r->failed;
	l->n[LEDGER_ORACLE_FRAMES] = a->frames;
	l->n[LEDGER_ORACLE_EQUAL] = a->equal;
	l->n[LEDGER_ORACLE_LOST] = r->lost;
	l->n[LEDGER_ORACLE_GONE] = r->gone + a->moved;
	l->n[LEDGER_ORACLE_NO_SAMPLE] = r->no_sample;
	s->report = NULL;
	return r;
}

void oracle_session_free(struct oracle_session *s)
{
	if (!s)
		return;
	oracle_session_stop(s);
	oracle_free(s->oracle);
	oracle_report_free(s->report);
	VEC_FREE(&s->waiting);
	VEC_FREE(&s->frames);
	VEC_FREE(&s->ways);
	VEC_FREE(&s->walk);
	VEC_FREE(&s->words);
	VEC_FREE(&s->kept);
	VEC_FREE(&s->keys);
	map64_free(&s->by_hash);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->filled);
	free(s);
}

void oracle_report_free(struct oracle_report *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->names.n; i++)
		free(r->names.at[i]);
	VEC_FREE(&r->names);
	agreement_free(&r->agreement);
	free(r);
}

const char *oracle_report_file(const struct oracle_report *r, uint32_t file)
{
	if (file == FILE_UNKNOWN)
		return "[nowhere]";
	if (file == FILE_VDSO)
		return "[vdso]";
	if (file == FILE_JIT)
		return "[jit]";
	return file < r->names.n && r->names.at[file] ? r->names.at[file] : "[unknown file]";
}
