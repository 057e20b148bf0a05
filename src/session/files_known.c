/* files_known.c - files as objects of the profile: their names, and opening them again; see files.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "session/files_parts.h"
#include "session/opening.h"

uint32_t files_object(struct files *f, struct profile *p, uint32_t file)
{
	struct file_entry *entry = &f->entries[file < FILES_MAX ? file : 0];
	struct profile_object o = { .kind = OBJECT_FILE };

	if (file >= FILES_MAX || entry->step == STEP_ABSENT)
		return 0;
	if (entry->object)
		return entry->object;
	o.path = profile_str(p, entry->name ? entry->name : "");
	o.start = file; /* two files of one name are two objects; overwritten once it is settled */
	entry->object = profile_object(p, &o);
	pthread_mutex_lock(&f->lock); /* files_open_object() looks from other threads */
	while (entry->object != PROFILE_NONE && f->of_object.n <= entry->object)
		if (!VEC_PUSH(&f->of_object, 0))
			break;
	if (entry->object != PROFILE_NONE && entry->object < f->of_object.n)
		f->of_object.at[entry->object] = file;
	pthread_mutex_unlock(&f->lock);
	return entry->object;
}

/* The best there is to say about where the file is. */
static void files_describe(struct file_entry *entry, struct profile *p, struct profile_object *o)
{
	char path[OPENING_PATH_BYTES] = "";

	if (!entry->path && entry->record)
		opening_record_path(entry->record, path, sizeof(path));
	o->start = 0;
	o->path = profile_str(p, entry->path ? entry->path : *path ? path : entry->name ? entry->name : "");
	o->build_id = profile_str(p, entry->build_id ? entry->build_id : "");
	entry->settled = true;
}

bool files_refresh(struct files *f, struct profile *p)
{
	bool all = true;

	tables_tick(f->tables);
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->of_object.n; i++) {
		struct file_entry *entry = &f->entries[f->of_object.at[i]];

		if (!f->of_object.at[i] || entry->settled)
			continue;
		if (entry->known || f->stopped)
			files_describe(entry, p, &p->objects.at[i]);
		all &= entry->settled;
	}
	pthread_mutex_unlock(&f->lock);
	return all;
}

/* Files stay, so the numbers of all of them are below what there is room for. */
void files_renewed(struct files *f, const struct renewal *r)
{
	pthread_mutex_lock(&f->lock);
	if (f->of_object.n)
		memset(f->of_object.at, 0, f->of_object.n * sizeof(*f->of_object.at));
	for (uint32_t i = FILE_FIRST; i < f->top; i++) {
		struct file_entry *entry = &f->entries[i];

		if (!entry->object || entry->object == PROFILE_NONE)
			continue;
		entry->object = renewal_object(r, entry->object);
		if (entry->object < f->of_object.n)
			f->of_object.at[entry->object] = i;
	}
	pthread_mutex_unlock(&f->lock);
}

/* With the lock held: the descriptor that was kept, or the path to open. */
static int files_reopen(struct files *f, uint32_t object, char *path, size_t size, struct file_key *key)
{
	uint32_t file = object < f->of_object.n ? f->of_object.at[object] : 0;
	const struct file_entry *entry = &f->entries[file];
	int fd;

	if (!file || !entry->known)
		return -ENOENT;
	*key = entry->key;
	snprintf(path, size, "%s", entry->path ? entry->path : "");
	if (entry->fd < 0)
		return 0;
	fd = fcntl(entry->fd, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}

int files_open_object(struct files *f, uint32_t object)
{
	char path[OPENING_PATH_BYTES];
	struct file_key key;
	struct stat st;
	int fd;

	pthread_mutex_lock(&f->lock);
	fd = files_reopen(f, object, path, sizeof(path), &key);
	pthread_mutex_unlock(&f->lock);
	if (fd)
		return fd;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !opening_is_same(&st, &key, false))) {
		close(fd);
		return -ESTALE; /* no names are better than another file's */
	}
	return fd < 0 ? -errno : fd;
}

uint32_t files_find(struct files *f, const char *path, uint64_t ino)
{
	uint32_t found = 0;

	pthread_mutex_lock(&f->lock);
	for (uint32_t i = FILE_FIRST; i < f->top && !found; i++) {
		const struct file_entry *entry = &f->entries[i];

		if (entry->known && entry->path && entry->key.ino == ino && !strcmp(entry->path, path))
			found = i;
	}
	pthread_mutex_unlock(&f->lock);
	return found;
}

uint32_t files_generation(const struct files *f)
{
	return __atomic_load_n(&f->generation, __ATOMIC_ACQUIRE);
}

uint32_t files_marking(const struct files *f)
{
	return f ? tables_marking(f->tables) : 0;
}

void files_seen(struct files *f, uint32_t object)
{
	if (object < f->of_object.n && f->of_object.at[object])
		tables_seen(f->tables, f->of_object.at[object]);
}
