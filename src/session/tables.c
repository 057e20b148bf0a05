/* tables.c - the tables of a capture within their memory; see tables.h. */
#include "session/tables.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/vec.h"
#include "unwind/cache.h"
#include "unwind/rules.h"
#include "unwind/space.h"
#include "unwind/store.h"
#include "unwind/table.h"

#define TICK_NS       100000000u /* the grain of "seen" */
#define HOT_TICKS     15u        /* seen this recently: does not give way (marks come every 10) */
#define MARK_TICKS    10u
#define RESERVE_SHARE 8u         /* an eighth of the memory is kept free for what comes */
#define PLACE_TRIES   4
#define SLACK_BYTES   (64u << 10) /* ends of runs too short for the next block */
#define WAIT_STEP_US  10000
#define SLAB_BYTES    (SLAB_WORDS * sizeof(uint32_t))

struct tables_unsaved {
	struct cache_key key;
	struct buf packed;
};

struct tables {
	struct programs *programs;
	struct tables_opts o;
	struct rules *rules;
	struct store *store;
	struct cache *cache;
	uint64_t max_bytes;
	uint32_t now;              /* ticks; written by the session's thread */
	uint32_t seen[FILES_MAX];  /* ticks; 0 = has no table */
	uint32_t retry[FILES_MAX]; /* tick at which one without room is asked for again, 0 = not */
	uint32_t n_retry;
	bool marking, stop;
	pthread_mutex_t evict;     /* one chooses at a time */
	pthread_mutex_t lock;      /* guards what follows */
	VEC(struct tables_unsaved *) waiting;
	uint64_t waiting_bytes;
	struct tables_counts counts;
};

static void tables_count(struct tables *t, uint32_t *what)
{
	pthread_mutex_lock(&t->lock);
	++*what;
	pthread_mutex_unlock(&t->lock);
}

/* -- publishing --------------------------------------------------------------------------------- */

static void tables_publish(struct tables *t, uint32_t file, const struct file_slot *slot)
{
	struct file_slot *at = &t->programs->files[file];

	at->index = slot->index;
	at->first_block = slot->first_block;
	at->n_blocks = slot->n_blocks;
	__atomic_store_n(&at->state, slot->state, __ATOMIC_RELEASE);
}

void tables_none(struct tables *t, uint32_t file)
{
	struct file_slot none = { .state = FILE_NO_TABLE };

	tables_publish(t, file, &none);
}

void tables_ask_again(struct tables *t, uint32_t file)
{
	t->o.withdrawn(t->o.ctx, file);
	__atomic_store_n(&t->programs->files[file].state, FILE_NEW, __ATOMIC_RELEASE);
}

/* -- room --------------------------------------------------------------------------------------- */

/* The file that was not seen for longest, FILES_MAX when all are hot. */
static uint32_t tables_coldest(const struct tables *t)
{
	uint32_t now = __atomic_load_n(&t->now, __ATOMIC_RELAXED), best = FILES_MAX, least = UINT32_MAX;

	for (uint32_t i = FILE_FIRST; i < FILES_MAX; i++) {
		uint32_t seen = __atomic_load_n(&t->seen[i], __ATOMIC_RELAXED);

		if (seen && seen < least && now - seen >= HOT_TICKS) {
			least = seen;
			best = i;
		}
	}
	return best;
}

static void tables_withdraw(struct tables *t, uint32_t file)
{
	struct file_slot slot = t->programs->files[file];

	__atomic_store_n(&t->seen[file], 0, __ATOMIC_RELAXED);
	tables_ask_again(t, file);
	store_remove(t->store, &slot);
	tables_count(t, &t->counts.evicted);
}

/* Withdraws files until that many bytes could be placed once they have rested. */
static bool tables_evict(struct tables *t, uint64_t bytes)
{
	struct store_sizes z;
	bool ok = true;

	pthread_mutex_lock(&t->evict);
	for (store_sizes(t->store, &z); z.room < bytes && ok; store_sizes(t->store, &z)) {
		uint32_t file = tables_coldest(t);

		ok = file < FILES_MAX;
		if (ok)
			tables_withdraw(t, file);
	}
	pthread_mutex_unlock(&t->evict);
	return ok;
}

/* Until what was withdrawn may be used again. Programs run inside read-side critical sections of RCU, and
 * membarrier's global command waits for a grace period of it (kernel/sched/membarrier.c): then no walk that
 * may have seen the old words is left. Where it is not there they rest for a time that no walk lasts. */
static void tables_rest(struct tables *t)
{
	uint64_t since = clock_mono_ns(), until = since + SPACE_REST_NS + WAIT_STEP_US * 1000ull;

	if (!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) {
		store_rested(t->store, since);
		return;
	}
	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED) && clock_mono_ns() < until)
		usleep(WAIT_STEP_US);
}

static int tables_place(struct tables *t, const struct table *table, struct file_slot *ret)
{
	uint64_t bytes, want = SLACK_BYTES;
	int code = store_add(t->store, table, ret, &bytes);

	for (int i = 0; i < PLACE_TRIES && code == -ENOSPC; i++) {
		want += bytes + bytes / 8;
		if (__atomic_load_n(&t->stop, __ATOMIC_RELAXED) || !tables_evict(t, want))
			break;
		tables_rest(t);
		code = store_add(t->store, table, ret, &bytes);
	}
	return code;
}

int tables_replace(struct tables *t, uint32_t slot, const struct table *table)
{
	struct file_slot was = t->programs->files[slot], now = { .state = FILE_NO_TABLE };
	int code = table ? tables_place(t, table, &now) : 0;

	if (code)
		now = (struct file_slot){ .state = FILE_NO_TABLE };
	tables_publish(t, slot, &now);
	if (was.state == FILE_READY)
		store_remove(t->store, &was);
	return code;
}

/* -- from the cache, or built ------------------------------------------------------------------- */

static int tables_get(struct tables *t, struct elf_image *img, struct cache_key *key, bool *ret_built,
		      struct table *ret)
{
	int code = key ? cache_load(t->cache, key, ret) : -ENOENT;

	*ret_built = code != 0;
	if (code == -EBADMSG)
		tables_count(t, &t->counts.cache_rejected);
	if (code)
		code = table_build(img, ret, NULL);
	if (!code)
		tables_count(t, *ret_built ? &t->counts.built : &t->counts.from_cache);
	return code;
}

/* Packs the table for tables_save_one(). */
static void tables_keep(struct tables *t, const struct cache_key *key, const struct table *table)
{
	struct tables_unsaved *w = calloc(1, sizeof(*w));
	bool waits = false;

	if (w) {
		w->key = *key;
		packed_write(&w->packed, &key->print, table);
	}
	pthread_mutex_lock(&t->lock);
	if (w && !w->packed.err && VEC_PUSH(&t->waiting, w)) {
		t->waiting_bytes += w->packed.len;
		waits = true;
	}
	t->counts.cache_unsaved += !waits;
	pthread_mutex_unlock(&t->lock);
	if (w && !waits) {
		buf_free(&w->packed);
		free(w);
	}
}

uint64_t tables_waiting(struct tables *t)
{
	uint64_t bytes;

	pthread_mutex_lock(&t->lock);
	bytes = t->waiting_bytes;
	pthread_mutex_unlock(&t->lock);
	return bytes;
}

bool tables_save_one(struct tables *t)
{
	struct tables_unsaved *w = NULL;

	pthread_mutex_lock(&t->lock);
	if (t->waiting.n) {
		w = t->waiting.at[--t->waiting.n];
		t->waiting_bytes -= w->packed.len;
	}
	pthread_mutex_unlock(&t->lock);
	if (!w)
		return false;
	if (cache_save(t->cache, &w->key, w->packed.data, w->packed.len))
		tables_count(t, &t->counts.cache_unsaved);
	buf_free(&w->packed);
	free(w);
	return true;
}

/* No room while everything is hot: it is tried again after a while. */
static void tables_postpone(struct tables *t, uint32_t file)
{
	uint32_t at = __atomic_load_n(&t->now, __ATOMIC_RELAXED) + TABLES_RETRY_S * 10;

	tables_count(t, &t->counts.no_room);
	__atomic_fetch_add(&t->n_retry, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&t->retry[file], at, __ATOMIC_RELEASE);
}

bool tables_load(struct tables *t, uint32_t file, struct elf_image *img, bool cached)
{
	struct file_slot slot = { .state = FILE_NO_TABLE };
	struct table table = { 0 };
	struct cache_key key;
	bool keyed = cached && t->cache && !cache_key_of(img, &key), built;
	int code = tables_get(t, img, keyed ? &key : NULL, &built, &table);

	if (!code)
		code = tables_place(t, &table, &slot);
	pthread_mutex_lock(&t->lock);
	t->counts.rows += code ? 0 : table.n;
	t->counts.too_big += code == -E2BIG;
	t->counts.cache_unsaved += !code && cached && !t->cache && !t->o.no_cache;
	pthread_mutex_unlock(&t->lock);
	if (code)
		slot.state = FILE_NO_TABLE;
	else if (file >= FILE_FIRST)
		__atomic_store_n(&t->seen[file], __atomic_load_n(&t->now, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
	tables_publish(t, file, &slot);
	if (code == -ENOSPC)
		tables_postpone(t, file);
	if (keyed && built && table.n)
		tables_keep(t, &key, &table);
	table_free(&table);
	return !code;
}

/* -- the session's side ------------------------------------------------------------------------- */

/* Those whose time has come are asked for again by the next sample. */
static void tables_retry(struct tables *t)
{
	for (uint32_t i = FILE_FIRST; i < FILES_MAX; i++) {
		uint32_t at = __atomic_load_n(&t->retry[i], __ATOMIC_ACQUIRE);

		if (!at || at > t->now)
			continue;
		t->retry[i] = 0;
		__atomic_fetch_sub(&t->n_retry, 1, __ATOMIC_RELAXED);
		tables_ask_again(t, i);
	}
}

/* Words rest before they can be used again: some are kept free ahead of need, so that a new table does
 * not have to wait for them. */
static void tables_reserve(struct tables *t, const struct store_sizes *z)
{
	if (z->room - z->rests < t->max_bytes / RESERVE_SHARE && z->room < t->max_bytes / RESERVE_SHARE * 2)
		tables_evict(t, t->max_bytes / RESERVE_SHARE * 2);
}

void tables_tick(struct tables *t)
{
	uint32_t now = (uint32_t)(clock_mono_ns() / TICK_NS);
	struct store_sizes z;

	if (now == t->now)
		return;
	__atomic_store_n(&t->now, now, __ATOMIC_RELAXED);
	store_tidy(t->store);
	store_sizes(t->store, &z);
	t->marking = z.room < t->max_bytes / 2;
	tables_reserve(t, &z);
	if (__atomic_load_n(&t->n_retry, __ATOMIC_RELAXED))
		tables_retry(t);
}

uint32_t tables_marking(const struct tables *t)
{
	return t->marking ? t->now / MARK_TICKS + 1 : 0;
}

void tables_seen(struct tables *t, uint32_t file)
{
	/* Only of files with a table; one that is withdrawn at this moment keeps its zero. */
	uint32_t was = file < FILES_MAX ? __atomic_load_n(&t->seen[file], __ATOMIC_RELAXED) : 0;

	if (was && was != t->now)
		__atomic_compare_exchange_n(&t->seen[file], &was, t->now, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
}

void tables_counts(struct tables *t, struct tables_counts *ret)
{
	struct store_sizes z;

	store_sizes(t->store, &z);
	pthread_mutex_lock(&t->lock);
	*ret = t->counts;
	pthread_mutex_unlock(&t->lock);
	ret->bytes = z.taken;
}

/* -- life --------------------------------------------------------------------------------------- */

static int tables_open_cache(struct tables *t, struct err *e)
{
	char dir[PATH_MAX];

	if (t->o.no_cache)
		return 0;
	if (t->o.cache_dir)
		return cache_open(t->o.cache_dir, CACHE_DEFAULT_BYTES, &t->cache, e);
	if (!cache_default_dir(dir, sizeof(dir)))
		cache_open(dir, CACHE_DEFAULT_BYTES, &t->cache, NULL);
	return 0;
}

int tables_new(struct programs *p, const struct tables_opts *o, struct tables **ret, struct err *e)
{
	struct tables *t = calloc(1, sizeof(*t));
	int code = -ENOMEM;

	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	t->programs = p;
	t->o = *o;
	t->max_bytes = o->max_bytes ? o->max_bytes : TABLES_DEFAULT_BYTES;
	t->max_bytes -= t->max_bytes > SLAB_BYTES ? t->max_bytes % SLAB_BYTES : 0;
	t->now = (uint32_t)(clock_mono_ns() / TICK_NS);
	pthread_mutex_init(&t->lock, NULL);
	pthread_mutex_init(&t->evict, NULL);
	t->rules = rules_new(p->rules);
	t->store = t->rules ? store_new(&programs_store_ops, p, t->rules, t->max_bytes) : NULL;
	code = t->store ? tables_open_cache(t, e) : err_set(e, -ENOMEM, "out of memory");
	if (code) {
		tables_free(t);
		return code;
	}
	*ret = t;
	return 0;
}

void tables_stop(struct tables *t)
{
	__atomic_store_n(&t->stop, true, __ATOMIC_RELAXED);
}

void tables_free(struct tables *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->waiting.n; i++) {
		buf_free(&t->waiting.at[i]->packed);
		free(t->waiting.at[i]);
	}
	VEC_FREE(&t->waiting);
	cache_close(t->cache);
	store_free(t->store);
	rules_free(t->rules);
	pthread_mutex_destroy(&t->lock);
	pthread_mutex_destroy(&t->evict);
	free(t);
}
