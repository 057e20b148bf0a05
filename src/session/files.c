/* files.c - open, read and publish the files that stacks run through; see files.h. */
#include "session/files_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf/image.h"
#include "session/opening.h"

enum { BUILDERS_MIN = 2 };
/* Until a table is there, stacks are cut: on a busy machine the work for it goes first, and keeping it on
 * disk last. It is milliseconds a file. */
#define BACKLOG_BYTES (UINT64_C(32) << 20) /* as much may wait for the disk before builders wait too */
enum { NICE_QUICK = -10, NICE_IDLE = 10 };
#define BIG_FILE (16u << 20) /* of these one is built at a time: a build needs a third of its size */
#define KNOWN_BYTES 256      /* what a path and an open descriptor cost, about */

/* -- queues ------------------------------------------------------------------------------------- */

/* With the lock held; false when it is full. */
static bool files_enqueue(struct file_queue *q, uint32_t id)
{
	if (q->n == QUEUE_MAX)
		return false;
	q->ids[q->n++] = id;
	pthread_cond_signal(&q->filled);
	return true;
}

/* With the lock held: the kernel forgets that it has asked, the next sample asks again. */
static void files_forget_asking(struct files *f, uint32_t id)
{
	f->entries[id].step = STEP_NOTED;
	f->n_again++;
	pthread_mutex_unlock(&f->lock);
	tables_ask_again(f->tables, id);
	pthread_mutex_lock(&f->lock);
}

/* The tables' callback: whoever asks for that file again is to be heard. */
static void files_withdrawn(void *ctx, uint32_t id)
{
	struct files *f = ctx;

	pthread_mutex_lock(&f->lock);
	f->entries[id].step = STEP_NOTED;
	pthread_mutex_unlock(&f->lock);
}

/* Of the calling thread. False when that is not permitted. */
static bool files_nice(int nice)
{
	return !setpriority(PRIO_PROCESS, 0, nice);
}

/* -- the opener --------------------------------------------------------------------------------- */

static void files_open_one(struct files *f, uint32_t id)
{
	struct file_entry *entry = &f->entries[id];
	struct opened o;
	int code = opening_open(entry->record, &o);

	pthread_mutex_lock(&f->lock);
	if (!code) {
		entry->fd = o.fd;
		entry->size = o.size;
		entry->step = STEP_OPENED;
		if (!entry->path)
			entry->path = strdup(o.path);
		f->n_by_path += o.by_path;
	}
	if (code || !files_enqueue(&f->to_build, id)) {
		if (!code)
			close(o.fd);
		entry->fd = -1;
		files_forget_asking(f, id);
	} else {
		free(entry->record);
		entry->record = NULL;
	}
	pthread_mutex_unlock(&f->lock);
}

static void *files_opener(void *arg)
{
	struct files *f = arg;

	files_nice(NICE_QUICK);
	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		uint32_t id;

		if (!f->to_open.n) {
			pthread_cond_wait(&f->to_open.filled, &f->lock);
			continue;
		}
		id = f->to_open.ids[0]; /* oldest first: its process is the likeliest to be gone soon */
		memmove(f->to_open.ids, f->to_open.ids + 1, --f->to_open.n * sizeof(id));
		pthread_mutex_unlock(&f->lock);
		files_open_one(f, id);
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* -- the builders ------------------------------------------------------------------------------- */

/* With the lock held: what is known of the file now stays. */
static void files_settle_entry(struct files *f, struct file_entry *entry, const char *build_id, bool good)
{
	f->n_failed += !good && !entry->failed;
	entry->failed |= !good;
	if (!entry->build_id)
		entry->build_id = strdup(build_id);
	entry->known = true;
	entry->step = STEP_DONE;
	__atomic_fetch_add(&f->generation, 1, __ATOMIC_RELEASE);
	if (entry->kept)
		return;
	if (f->n_kept >= FILES_KEPT) {
		close(entry->fd);
		entry->fd = -1;
	} else {
		entry->kept = true;
		f->n_kept++;
	}
}

static void files_build_one(struct files *f, uint32_t id)
{
	struct file_entry *entry = &f->entries[id];
	char hex[2 * ELF_BUILD_ID_MAX + 1] = "";
	struct elf_image *img;
	bool good = false;

	if (elf_image_open(entry->fd, &img, NULL)) {
		tables_none(f->tables, id);
	} else {
		elf_image_build_id_hex(img, hex);
		good = __atomic_load_n(&f->closing, __ATOMIC_RELAXED) ||
		       tables_load(f->tables, id, img, true);
		elf_image_free(img);
	}
	pthread_mutex_lock(&f->lock);
	files_settle_entry(f, entry, hex, good);
	pthread_mutex_unlock(&f->lock);
}

/* The smallest file that may be built now; to_build.n when none may. */
static size_t files_next(const struct files *f)
{
	size_t best = f->to_build.n;
	uint64_t least = f->big_busy ? BIG_FILE : UINT64_MAX;

	for (size_t i = 0; i < f->to_build.n; i++) {
		uint64_t size = f->entries[f->to_build.ids[i]].size;

		if (size < least) {
			least = size;
			best = i;
		}
	}
	return best;
}

static bool files_save_one(struct files *f)
{
	bool quick, saved;

	if (!tables_waiting(f->tables))
		return false;
	/* Who may not hurry may not come back from idling either. */
	quick = files_nice(NICE_QUICK) && files_nice(NICE_IDLE);
	saved = tables_save_one(f->tables);
	if (quick)
		files_nice(NICE_QUICK);
	return saved;
}

/* With the lock held: nothing to build, or much to keep on disk: does that, or waits. */
static void files_idle(struct files *f)
{
	bool saved;

	pthread_mutex_unlock(&f->lock);
	saved = files_save_one(f);
	pthread_mutex_lock(&f->lock);
	if (!saved && !f->stop && files_next(f) == f->to_build.n)
		pthread_cond_wait(&f->to_build.filled, &f->lock);
}

static void *files_builder(void *arg)
{
	struct files *f = arg;

	files_nice(NICE_QUICK);
	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		bool backlog = tables_waiting(f->tables) > BACKLOG_BYTES;
		size_t at = backlog ? f->to_build.n : files_next(f);
		uint32_t id;
		bool big;

		if (at == f->to_build.n) {
			files_idle(f);
			continue;
		}
		id = f->to_build.ids[at];
		f->to_build.ids[at] = f->to_build.ids[--f->to_build.n];
		big = f->entries[id].size >= BIG_FILE;
		f->big_busy |= big;
		pthread_mutex_unlock(&f->lock);
		files_build_one(f, id);
		pthread_mutex_lock(&f->lock);
		if (big) {
			f->big_busy = false;
			pthread_cond_broadcast(&f->to_build.filled);
		}
	}
	pthread_mutex_unlock(&f->lock);
	while (tables_save_one(f->tables))
		;
	return NULL;
}

/* -- life --------------------------------------------------------------------------------------- */

/* The vDSO is the same for every process: our own copy gives the table for all. */
static void files_build_vdso(struct files *f)
{
	const uint8_t *at = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
	struct elf_image *img;

	tables_none(f->tables, FILE_VDSO);
	/* Two pages on every kernel we know; mapped in one piece, so reading both is safe. */
	if (!at || elf_image_memory(at, 2 * (size_t)sysconf(_SC_PAGESIZE), &img, NULL))
		return;
	tables_load(f->tables, FILE_VDSO, img, false);
	elf_image_free(img);
}

static int files_threads(struct files *f)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	int code = pthread_create(&f->opener, NULL, files_opener, f);

	f->opens = !code;
	n = n < BUILDERS_MIN ? BUILDERS_MIN : n > BUILDERS_MAX ? BUILDERS_MAX : n;
	for (; !code && f->n_threads < n; f->n_threads++)
		code = pthread_create(&f->builders[f->n_threads], NULL, files_builder, f);
	return -code;
}

/* What remembering files costs is taken off what tables may take. */
static void files_table_opts(struct files *f, const struct files_opts *o, struct tables_opts *ret)
{
	const uint64_t known = (uint64_t)FILES_KEPT * (sizeof(struct file_entry) + KNOWN_BYTES);
	uint64_t bytes = o->max_bytes ? o->max_bytes : TABLES_DEFAULT_BYTES;

	*ret = (struct tables_opts){
		.max_bytes = bytes > 2 * known ? bytes - known : bytes / 2,
		.cache_dir = o->cache_dir,
		.no_cache = o->no_cache,
		.withdrawn = files_withdrawn,
		.ctx = f,
	};
}

int files_new(struct programs *p, const struct files_opts *o, struct files **ret, struct err *e)
{
	struct files *f = calloc(1, sizeof(*f));
	struct tables_opts t;
	int code;

	if (!f)
		return err_set(e, -ENOMEM, "out of memory");
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->to_open.filled, NULL);
	pthread_cond_init(&f->to_build.filled, NULL);
	f->entries = calloc(FILES_MAX, sizeof(*f->entries));
	files_table_opts(f, o, &t);
	code = f->entries ? tables_new(p, &t, &f->tables, e) : err_set(e, -ENOMEM, "out of memory");
	if (code) {
		files_free(f);
		return code;
	}
	files_build_vdso(f);
	code = files_threads(f);
	if (code) {
		files_free(f);
		return err_set(e, code, "cannot start a thread: %s", strerror(-code));
	}
	*ret = f;
	return 0;
}

void files_close_capture(struct files *f)
{
	__atomic_store_n(&f->closing, true, __ATOMIC_RELAXED);
}

void files_stop(struct files *f)
{
	if (!f || f->stopped)
		return;
	if (f->tables)
		tables_stop(f->tables);
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_broadcast(&f->to_open.filled);
	pthread_cond_broadcast(&f->to_build.filled);
	pthread_mutex_unlock(&f->lock);
	if (f->opens)
		pthread_join(f->opener, NULL);
	for (int i = 0; i < f->n_threads; i++)
		pthread_join(f->builders[i], NULL);
	f->stopped = true;
}

static void files_free_entry(struct file_entry *entry)
{
	if (entry->step != STEP_ABSENT && entry->fd >= 0)
		close(entry->fd);
	free(entry->record);
	free(entry->name);
	free(entry->path);
	free(entry->build_id);
}

void files_free(struct files *f)
{
	if (!f)
		return;
	files_stop(f);
	for (uint32_t i = 0; f->entries && i < FILES_MAX; i++)
		files_free_entry(&f->entries[i]);
	free(f->entries);
	tables_free(f->tables);
	VEC_FREE(&f->of_object);
	free(f);
}

struct tables *files_tables(struct files *f)
{
	return f->tables;
}

/* -- the session's side ------------------------------------------------------------------------- */

/* With the lock held: the record that the opener will work from. */
static bool files_take_record(struct file_entry *entry, const struct file_record *r)
{
	if (!entry->record)
		entry->record = malloc(sizeof(*r));
	if (!entry->record)
		return false;
	*entry->record = *r;
	entry->record->name[sizeof(r->name) - 1] = 0;
	if (!entry->name)
		entry->name = strdup(entry->record->name);
	entry->key = r->key;
	return true;
}

void files_note(struct files *f, const struct file_record *r)
{
	struct file_entry *entry;
	bool queued;

	if (r->file < FILE_FIRST || r->file >= FILES_MAX)
		return;
	entry = &f->entries[r->file];
	pthread_mutex_lock(&f->lock);
	if (f->top <= r->file)
		f->top = r->file + 1;
	if (entry->step == STEP_ABSENT) {
		f->n_met++;
		entry->fd = -1;
		entry->step = STEP_NOTED;
	}
	/* The kernel asks once; that it asks for a file that is done means that its table was withdrawn. */
	if (entry->step == STEP_NOTED || entry->step == STEP_DONE) {
		bool open = entry->fd >= 0; /* its table was withdrawn, its descriptor was kept */

		entry->step = open ? STEP_OPENED : STEP_QUEUED;
		if (open)
			queued = files_enqueue(&f->to_build, r->file);
		else
			queued = files_take_record(entry, r) && files_enqueue(&f->to_open, r->file);
		if (!queued)
			files_forget_asking(f, r->file);
	}
	pthread_mutex_unlock(&f->lock);
}

void files_count(struct files *f, struct ledger *l)
{
	struct tables_counts t;

	tables_counts(f->tables, &t);
	l->n[LEDGER_TABLES_BUILT] = t.built;
	l->n[LEDGER_TABLES_CACHED] = t.from_cache;
	l->n[LEDGER_CACHE_REJECTED] = t.cache_rejected;
	l->n[LEDGER_CACHE_UNSAVED] = t.cache_unsaved;
	l->n[LEDGER_FILES_EVICTED] = t.evicted;
	l->n[LEDGER_FILES_TOO_BIG] = t.too_big;
	l->n[LEDGER_FILES_NO_ROOM] = t.no_room;
	l->n[LEDGER_OWN_TABLES] = t.bytes;
	pthread_mutex_lock(&f->lock);
	l->n[LEDGER_FILES] = f->n_met;
	l->n[LEDGER_FILES_FAILED] = f->n_failed;
	l->n[LEDGER_FILES_AGAIN] = f->n_again;
	l->n[LEDGER_FILES_BY_PATH] = f->n_by_path;
	pthread_mutex_unlock(&f->lock);
}
