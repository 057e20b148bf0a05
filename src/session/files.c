/* files.c - open, read and publish the files that stacks run through; see files.h. */
#include "session/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf/image.h"
#include "unwind/rules.h"
#include "unwind/store.h"
#include "unwind/table.h"

enum { QUEUE_MAX = 1024, BUILDERS = 2, PATH_BYTES = 4096 };
#define BIG_FILE (16u << 20) /* of these one is built at a time: a build needs a third of its size */

enum file_step { STEP_ABSENT, STEP_NOTED, STEP_QUEUED, STEP_OPENED, STEP_DONE };

struct file_entry {
	struct file_record record;
	uint8_t step;
	bool settled;       /* its object in the profile is final */
	bool failed;
	int fd;             /* kept for naming, -1 when not */
	uint64_t size;
	char *path;         /* as the process saw it, NULL until opened */
	char *build_id;     /* hex, NULL when it has none */
	uint32_t object;
};

struct file_queue {
	uint32_t ids[QUEUE_MAX];
	size_t n;
	pthread_cond_t filled;
};

struct files {
	struct programs *programs;
	struct rules *rules;
	struct store *store;
	pthread_mutex_t lock; /* guards everything below */
	struct file_entry *entries;
	uint32_t n_kept;
	struct file_queue to_open, to_build;
	struct files_totals totals;
	bool big_busy; /* a builder is at a big file */
	pthread_t opener, builders[BUILDERS];
	int n_threads;
	bool stop;
	bool closing; /* the capture is over: identities still matter, tables do not */
	VEC(uint32_t) of_object; /* file id by profile object */
};

/* -- publishing --------------------------------------------------------------------------------- */

static void files_publish(struct files *f, uint32_t id, const struct file_slot *slot)
{
	struct file_slot *at = &f->programs->files[id];

	at->index = slot->index;
	at->first_block = slot->first_block;
	at->n_blocks = slot->n_blocks;
	__atomic_store_n(&at->state, slot->state, __ATOMIC_RELEASE);
}

static void files_set_state(struct files *f, uint32_t id, uint32_t state)
{
	__atomic_store_n(&f->programs->files[id].state, state, __ATOMIC_RELEASE);
}

/* With the lock held: forget that it was asked for, so that the next sample asks again. */
static void files_ask_again(struct files *f, uint32_t id)
{
	f->entries[id].step = STEP_NOTED;
	files_set_state(f, id, FILE_NEW);
}

/* Reads the image's call frame information into a published slot. */
static void files_build(struct files *f, uint32_t id, struct elf_image *img)
{
	struct file_slot slot = { .state = FILE_NO_TABLE };
	struct table table = { 0 };
	int code = table_build(img, &table, NULL);

	if (!code && table.n)
		code = store_add(f->store, &table, &slot, NULL);
	slot.state = code || !table.n ? FILE_NO_TABLE : FILE_READY;
	pthread_mutex_lock(&f->lock);
	f->totals.rows += table.n;
	f->totals.tables += slot.state == FILE_READY;
	f->entries[id].failed = slot.state != FILE_READY;
	f->totals.failed += slot.state != FILE_READY;
	pthread_mutex_unlock(&f->lock);
	files_publish(f, id, &slot);
	table_free(&table);
}

/* -- the opener --------------------------------------------------------------------------------- */

/* Through map_files, which works for deleted files and in any mount namespace; where that is not
 * permitted, by the path in the process's own root. */
static int files_open_mapped(const struct file_record *r, char *path, size_t size)
{
	char link[128], full[PATH_BYTES + 64];
	ssize_t n;
	int fd;

	snprintf(link, sizeof(link), "/proc/%u/map_files/%llx-%llx", r->tgid,
		 (unsigned long long)r->start, (unsigned long long)r->end);
	n = readlink(link, path, size - 1);
	if (n < 0)
		return -errno;
	path[n] = 0;
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		return fd;
	snprintf(full, sizeof(full), "/proc/%u/root%s", r->tgid, path);
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void files_trim_deleted(char *path)
{
	static const char mark[] = " (deleted)";
	size_t n = strlen(path);

	if (n > sizeof(mark) - 1 && !strcmp(path + n - (sizeof(mark) - 1), mark))
		path[n - (sizeof(mark) - 1)] = 0;
}

static void files_open_one(struct files *f, uint32_t id)
{
	struct file_entry *entry = &f->entries[id];
	char path[PATH_BYTES];
	struct stat st = { 0 };
	int fd = files_open_mapped(&entry->record, path, sizeof(path));

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	pthread_mutex_lock(&f->lock);
	if (fd < 0 || f->to_build.n == QUEUE_MAX) {
		files_ask_again(f, id);
		if (fd >= 0)
			close(fd);
	} else {
		files_trim_deleted(path);
		entry->fd = fd;
		entry->size = (uint64_t)st.st_size;
		entry->path = strdup(path);
		entry->step = STEP_OPENED;
		f->to_build.ids[f->to_build.n++] = id;
		pthread_cond_signal(&f->to_build.filled);
	}
	pthread_mutex_unlock(&f->lock);
}

static void *files_opener(void *arg)
{
	struct files *f = arg;

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

static void files_build_one(struct files *f, uint32_t id)
{
	struct file_entry *entry = &f->entries[id];
	char hex[2 * ELF_BUILD_ID_MAX + 1] = "";
	struct file_slot none = { .state = FILE_NO_TABLE };
	struct elf_image *img;

	if (elf_image_open(entry->fd, &img, NULL)) {
		files_publish(f, id, &none);
		img = NULL;
	} else {
		elf_image_build_id_hex(img, hex);
		if (!__atomic_load_n(&f->closing, __ATOMIC_RELAXED))
			files_build(f, id, img);
		elf_image_free(img);
	}
	pthread_mutex_lock(&f->lock);
	if (!img) {
		entry->failed = true;
		f->totals.failed++;
	}
	entry->build_id = strdup(hex);
	entry->step = STEP_DONE;
	if (f->n_kept >= FILES_KEPT) {
		close(entry->fd);
		entry->fd = -1;
	} else {
		f->n_kept++;
	}
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

static void *files_builder(void *arg)
{
	struct files *f = arg;

	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		size_t at = files_next(f);
		uint32_t id;
		bool big;

		if (at == f->to_build.n) {
			pthread_cond_wait(&f->to_build.filled, &f->lock);
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
	return NULL;
}

/* -- life --------------------------------------------------------------------------------------- */

/* The vDSO is the same for every process: our own copy gives the table for all. */
static void files_build_vdso(struct files *f)
{
	const uint8_t *at = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
	struct file_slot none = { .state = FILE_NO_TABLE };
	struct elf_image *img;

	files_publish(f, FILE_VDSO, &none);
	/* Two pages on every kernel we know; mapped in one piece, so reading both is safe. */
	if (!at || elf_image_memory(at, 2 * (size_t)sysconf(_SC_PAGESIZE), &img, NULL))
		return;
	files_build(f, FILE_VDSO, img);
	elf_image_free(img);
}

static int files_threads(struct files *f)
{
	int code = pthread_create(&f->opener, NULL, files_opener, f);

	for (; !code && f->n_threads < BUILDERS; f->n_threads++)
		code = pthread_create(&f->builders[f->n_threads], NULL, files_builder, f);
	return -code;
}

int files_new(struct programs *p, struct files **ret, struct err *e)
{
	struct files *f = calloc(1, sizeof(*f));
	int code;

	if (!f)
		return err_set(e, -ENOMEM, "out of memory");
	f->programs = p;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->to_open.filled, NULL);
	pthread_cond_init(&f->to_build.filled, NULL);
	f->entries = calloc(FILES_MAX, sizeof(*f->entries));
	f->rules = rules_new(p->rules);
	f->store = f->rules ? store_new(&programs_store_ops, p, f->rules, 0) : NULL;
	if (!f->entries || !f->store) {
		files_free(f);
		return err_set(e, -ENOMEM, "out of memory");
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
	if (!f || f->stop)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_broadcast(&f->to_open.filled);
	pthread_cond_broadcast(&f->to_build.filled);
	pthread_mutex_unlock(&f->lock);
	if (f->opener)
		pthread_join(f->opener, NULL);
	for (int i = 0; i < f->n_threads; i++)
		pthread_join(f->builders[i], NULL);
}

void files_free(struct files *f)
{
	if (!f)
		return;
	files_stop(f);
	for (uint32_t i = 0; f->entries && i < FILES_MAX; i++) {
		if (f->entries[i].step >= STEP_OPENED && f->entries[i].fd >= 0)
			close(f->entries[i].fd);
		free(f->entries[i].path);
		free(f->entries[i].build_id);
	}
	free(f->entries);
	store_free(f->store);
	rules_free(f->rules);
	VEC_FREE(&f->of_object);
	free(f);
}

/* -- the session's side ------------------------------------------------------------------------- */

void files_note(struct files *f, const struct file_record *r)
{
	struct file_entry *entry;

	if (r->file < FILE_FIRST || r->file >= FILES_MAX)
		return;
	entry = &f->entries[r->file];
	pthread_mutex_lock(&f->lock);
	if (entry->step == STEP_ABSENT) {
		f->totals.met++;
		entry->fd = -1;
		entry->step = STEP_NOTED;
	}
	if (entry->step == STEP_NOTED) {
		entry->record = *r;
		entry->record.name[sizeof(entry->record.name) - 1] = 0;
		if (f->to_open.n < QUEUE_MAX) {
			entry->step = STEP_QUEUED;
			f->to_open.ids[f->to_open.n++] = r->file;
			pthread_cond_signal(&f->to_open.filled);
		} else {
			files_ask_again(f, r->file);
		}
	}
	pthread_mutex_unlock(&f->lock);
}

uint32_t files_object(struct files *f, struct profile *p, uint32_t file)
{
	struct file_entry *entry = &f->entries[file < FILES_MAX ? file : 0];
	struct profile_object o = { .kind = OBJECT_FILE };

	if (file >= FILES_MAX || entry->step == STEP_ABSENT)
		return 0;
	if (entry->object)
		return entry->object;
	o.path = profile_str(p, entry->record.name);
	o.start = file; /* two files of one name are two objects; overwritten once it is settled */
	entry->object = profile_object(p, &o);
	while (entry->object != PROFILE_NONE && f->of_object.n <= entry->object)
		if (!VEC_PUSH(&f->of_object, 0))
			return entry->object;
	if (entry->object != PROFILE_NONE)
		f->of_object.at[entry->object] = file;
	return entry->object;
}

bool files_refresh(struct files *f, struct profile *p)
{
	bool all = true;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->of_object.n; i++) {
		struct file_entry *entry = &f->entries[f->of_object.at[i]];

		if (!f->of_object.at[i] || entry->settled)
			continue;
		if (entry->step == STEP_DONE) {
			struct profile_object *o = &p->objects.at[i];

			o->start = 0;
			o->path = profile_str(p, entry->path ? entry->path : entry->record.name);
			o->build_id = profile_str(p, entry->build_id ? entry->build_id : "");
			entry->settled = true;
		}
		all &= entry->settled;
	}
	pthread_mutex_unlock(&f->lock);
	return all;
}

int files_open_object(struct files *f, uint32_t object)
{
	uint32_t file = object < f->of_object.n ? f->of_object.at[object] : 0;
	struct file_entry *entry = &f->entries[file];
	int fd;

	if (!file || entry->step < STEP_OPENED)
		return -ENOENT;
	if (entry->fd >= 0)
		fd = fcntl(entry->fd, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(entry->path ? entry->path : "", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void files_totals(struct files *f, struct files_totals *ret)
{
	struct store_sizes z;

	pthread_mutex_lock(&f->lock);
	*ret = f->totals;
	pthread_mutex_unlock(&f->lock);
	store_sizes(f->store, &z);
	ret->table_bytes = z.taken;
}
