/* shelf.c - captures and recordings to look at; see shelf.h. */
#include "ui/web/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/vec.h"
#include "format/format.h"

enum { SHELF_OPEN = 4 }; /* recordings that stay in memory when nobody looks at them */

struct shelf_file {
	char *path, *name;
	uint64_t bytes, mtime;
	struct live *live; /* NULL until it was read */
	uint32_t users;
	uint64_t used; /* when it was asked for last, in requests */
};

struct shelf {
	struct live *capture;
	VEC(struct shelf_file) files;
	pthread_mutex_t lock;
	uint64_t clock;
};

static int shelf_alloc(struct shelf **ret)
{
	struct shelf *s = calloc(1, sizeof(*s));

	*ret = s;
	if (s)
		pthread_mutex_init(&s->lock, NULL);
	return s ? 0 : -ENOMEM;
}

int shelf_new_live(struct live *live, struct shelf **ret)
{
	int rc = shelf_alloc(ret);

	if (!rc)
		(*ret)->capture = live;
	return rc;
}

/* -- the list -------------------------------------------------------------------------------------- */

static int shelf_add(struct shelf *s, const char *path, const char *name, const struct stat *st)
{
	struct shelf_file f = { .path = strdup(path), .name = strdup(name),
				.bytes = (uint64_t)st->st_size, .mtime = (uint64_t)st->st_mtime };

	if (f.path && f.name && VEC_PUSH(&s->files, f))
		return 0;
	free(f.path);
	free(f.name);
	return -ENOMEM;
}

static bool shelf_readable(const char *name)
{
	const struct format *f = name[0] == '.' ? NULL : format_by_path(name);

	return f && f->read;
}

static int shelf_add_folder(struct shelf *s, const char *path)
{
	struct dirent **list;
	int n = scandir(path, &list, NULL, alphasort), rc = n < 0 ? -errno : 0;

	for (int i = 0; i < n; i++) {
		struct buf b = { 0 };
		struct stat st;

		buf_printf(&b, "%s/%s", path, list[i]->d_name);
		buf_u8(&b, 0);
		if (b.err)
			rc = b.err;
		else if (!rc && shelf_readable(list[i]->d_name) && !stat((char *)b.data, &st) &&
			 S_ISREG(st.st_mode))
			rc = shelf_add(s, (char *)b.data, list[i]->d_name, &st);
		buf_free(&b);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return rc;
}

static int shelf_add_path(struct shelf *s, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return err_set(e, -errno, "cannot look at '%s': %s", path, strerror(errno));
	rc = S_ISDIR(st.st_mode) ? shelf_add_folder(s, path)
				 : shelf_add(s, path, slash ? slash + 1 : path, &st);
	return rc ? err_set(e, rc, "cannot look at '%s': %s", path, strerror(-rc)) : 0;
}

int shelf_new_files(const char *const *paths, size_t n, struct shelf **ret, struct err *e)
{
	int rc = shelf_alloc(ret);

	for (size_t i = 0; !rc && i < n; i++)
		rc = shelf_add_path(*ret, paths[i], e);
	if (!rc && !(*ret)->files.n)
		rc = err_set(e, -ENOENT, "there is no recording or profile in '%s'", paths[0]);
	if (rc) {
		shelf_free(*ret);
		*ret = NULL;
	}
	return rc;
}

void shelf_free(struct shelf *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->files.n; i++) {
		if (s->files.at[i].live)
			live_free(s->files.at[i].live);
		free(s->files.at[i].path);
		free(s->files.at[i].name);
	}
	VEC_FREE(&s->files);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

bool shelf_is_live(const struct shelf *s)
{
	return s->capture;
}

void shelf_looks_here(struct shelf *s)
{
	if (s->capture)
		live_looks_here(s->capture);
}

size_t shelf_count(const struct shelf *s)
{
	return s->files.n;
}

struct shelf_item shelf_item(const struct shelf *s, size_t i)
{
	const struct shelf_file *f = &s->files.at[i];

	return (struct shelf_item){ f->name, f->bytes, f->mtime };
}

/* -- models ---------------------------------------------------------------------------------------- */

static int shelf_read(struct shelf_file *f, struct err *e)
{
	const struct live_opts o = { .whole = true };
	struct profile *p = NULL;
	int rc = format_read_file(f->path, 0, &p, e);

	if (!rc)
		rc = live_new(&o, &f->live);
	if (!rc && (rc = live_fill(f->live, p))) {
		live_free(f->live);
		f->live = NULL;
	}
	profile_free(p);
	return rc && e && !e->code ? err_set(e, rc, "cannot show it: %s", strerror(-rc)) : rc;
}

/* Lets go of what nobody looked at for longest, beyond what may stay. */
static void shelf_trim(struct shelf *s)
{
	for (;;) {
		struct shelf_file *oldest = NULL;
		size_t open = 0;

		for (size_t i = 0; i < s->files.n; i++) {
			struct shelf_file *f = &s->files.at[i];

			open += f->live != NULL;
			if (f->live && !f->users && (!oldest || f->used < oldest->used))
				oldest = f;
		}
		if (open <= SHELF_OPEN || !oldest)
			return;
		live_free(oldest->live);
		oldest->live = NULL;
	}
}

/* Reading holds the lock: two who ask for one file read it once. */
int shelf_open(struct shelf *s, size_t i, struct live **ret, struct err *e)
{
	struct shelf_file *f;
	int rc = 0;

	*ret = s->capture;
	if (s->capture)
		return 0;
	if (i >= s->files.n)
		return err_set(e, -ENOENT, "there is no recording of that number");
	pthread_mutex_lock(&s->lock);
	f = &s->files.at[i];
	if (!f->live)
		rc = shelf_read(f, e);
	if (!rc) {
		f->users++;
		f->used = ++s->clock;
		*ret = f->live;
		shelf_trim(s);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void shelf_release(struct shelf *s, struct live *live)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->files.n; i++)
		if (live && s->files.at[i].live == live)
			s->files.at[i].users--;
	pthread_mutex_unlock(&s->lock);
}
