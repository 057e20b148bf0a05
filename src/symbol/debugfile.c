/* debugfile.c - separate debug files, in the places GDB documents ("Debugging Information in
 * Separate Files"); the checksum is the CRC-32 of zlib. Every candidate is verified before it is
 * used: a debug file of another build gives wrong names, which is worse than none.
 */
#include "symbol/debugfile.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CRC_CHUNK    (256u << 10)
#define CRC_FILE_CAP (INT64_C(8) << 30)
#define ID_HEX       (2 * ELF_BUILD_ID_MAX + 1)

struct debugfile_named {
	const char *path;
	char build_id[ID_HEX]; /* "" when it has none */
	bool program;          /* has its code, so it can stand for the program itself */
	atomic_bool used;
};

struct debugfiles {
	struct debugfile_opts o;
	pthread_mutex_t lock; /* of `download` */
	struct download *download; /* NULL when no server is to be asked */
	struct debugfile_named named[]; /* o.n_files */
};

/* One look-up: what is wanted, and where it was found. */
struct debugfile_search {
	struct debugfiles *d;
	const char *build_id; /* NULL: the checksum decides */
	uint32_t crc;
	char place[PATH_MAX];
	struct elf_image *found;
};

static int debugfile_open_path(const char *path)
{
	/* Not blocking: the name may be a pipe somebody put there. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

static bool debugfile_crc_is(int fd, uint32_t want)
{
	uint8_t *data = malloc(CRC_CHUNK);
	uLong crc = crc32(0, NULL, 0);
	struct stat st;
	off_t at = 0;
	ssize_t got = -1;

	if (data && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= CRC_FILE_CAP) {
		while ((got = pread(fd, data, CRC_CHUNK, at)) > 0) {
			crc = crc32(crc, data, (uInt)got);
			at += got;
		}
	}
	free(data);
	return got == 0 && crc == want;
}

static bool debugfile_has_build_id(struct elf_image *img, const char *want)
{
	char hex[ID_HEX];

	return elf_image_build_id_hex(img, hex) && strcmp(hex, want) == 0;
}

/* -- candidates ---------------------------------------------------------------------------------
 */

/* 0 when the open file is what is searched, -ENOENT when not. Closes it. */
static int debugfile_try_fd(struct debugfile_search *s, int fd)
{
	struct elf_image *img;
	int rc;

	if (fd < 0)
		return -ENOENT;
	rc = s->build_id || debugfile_crc_is(fd, s->crc) ? elf_image_open(fd, &img, NULL) : -ENOENT;
	close(fd);
	if (rc)
		return rc == -ENOMEM ? rc : -ENOENT;
	if (s->build_id && !debugfile_has_build_id(img, s->build_id)) {
		elf_image_free(img);
		return -ENOENT;
	}
	s->found = img;
	return 0;
}

static int __attribute__((format(printf, 2, 3))) debugfile_try(struct debugfile_search *s,
							       const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->place, sizeof(s->place), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(s->place))
		return -ENOENT;
	return debugfile_try_fd(s, debugfile_open_path(s->place));
}

/* The i-th directory to look in: the given ones, then the system's, then NULL. */
static const char *debugfile_dir(const struct debugfiles *d, size_t i)
{
	size_t n = d ? d->o.n_dirs : 0;

	return i < n ? d->o.dirs[i] : i == n ? DEBUGFILE_DIR : NULL;
}

/* By s->build_id among the named files. */
static int debugfile_named_by_id(struct debugfile_search *s, bool program)
{
	for (size_t i = 0; s->d && i < s->d->o.n_files; i++) {
		struct debugfile_named *f = &s->d->named[i];
		int rc;

		if (strcmp(f->build_id, s->build_id) != 0 || (program && !f->program))
			continue;
		rc = debugfile_try(s, "%s", f->path);
		if (!rc)
			atomic_store(&f->used, true);
		if (rc != -ENOENT)
			return rc;
	}
	return -ENOENT;
}

/* Among the named files that have no build id. */
static int debugfile_named_by_link(struct debugfile_search *s, const char *name)
{
	for (size_t i = 0; s->d && i < s->d->o.n_files; i++) {
		struct debugfile_named *f = &s->d->named[i];
		const char *slash = strrchr(f->path, '/');
		int rc;

		if (f->build_id[0] || strcmp(slash ? slash + 1 : f->path, name) != 0)
			continue;
		rc = debugfile_try(s, "%s", f->path);
		if (!rc)
			atomic_store(&f->used, true);
		if (rc != -ENOENT)
			return rc;
	}
	return -ENOENT;
}

/* By s->build_id, everywhere but on servers. */
static int debugfile_local_id(struct debugfile_search *s, bool program)
{
	const char *hex = s->build_id, *dir;
	int rc;

	if (strlen(hex) < 4 || strchr(hex, '/'))
		return -ENOENT;
	rc = debugfile_named_by_id(s, program);
	for (size_t i = 0; rc == -ENOENT && (dir = debugfile_dir(s->d, i)); i++)
		rc = debugfile_try(s, "%s/.build-id/%.2s/%s%s", dir, hex, hex + 2,
				   program ? "" : ".debug");
	if (rc == -ENOENT && program) /* where Fedora's packages keep links to their programs */
		rc = debugfile_try(s, "/usr/lib/.build-id/%.2s/%s", hex, hex + 2);
	return rc;
}

static int debugfile_local_link(struct debugfile_search *s, struct elf_image *img, const char *file)
{
	const char *slash = file ? strrchr(file, '/') : NULL, *name, *dir;
	int rc, len;

	if (!elf_image_debuglink(img, &name, &s->crc) || strchr(name, '/'))
		return -ENOENT;
	s->build_id = NULL;
	rc = debugfile_named_by_link(s, name);
	if (rc != -ENOENT || !slash)
		return rc;
	len = (int)(slash - file);
	rc = debugfile_try(s, "%.*s/%s", len, file, name);
	if (rc == -ENOENT)
		rc = debugfile_try(s, "%.*s/.debug/%s", len, file, name);
	for (size_t i = 0; rc == -ENOENT && (dir = debugfile_dir(s->d, i)); i++) {
		rc = debugfile_try(s, "%s%.*s/%s", dir, len, file, name);
		if (rc == -ENOENT && s->d && i < s->d->o.n_dirs)
			rc = debugfile_try(s, "%s/%s", dir, name);
	}
	return rc;
}

/* -- servers ------------------------------------------------------------------------------------
 */

static enum unnamed_reason debugfile_reason(int rc)
{
	return rc == -ENOENT ? UNNAMED_SERVER_NONE :
	       rc == -ETIME  ? UNNAMED_SERVER_LATE :
	       rc == -EINTR  ? UNNAMED_SERVER_STOPPED :
			       UNNAMED_SERVER_FAILED;
}

static int debugfile_fetch(struct debugfile_search *s, enum download_kind kind, const char *name,
			   enum unnamed_reason *ret_why)
{
	const char *slash = strrchr(name, '/');
	int fd, rc;

	if (!s->d || !s->d->download)
		return -ENOENT;
	pthread_mutex_lock(&s->d->lock);
	fd = download_get(s->d->download, kind, s->build_id, slash ? slash + 1 : name);
	pthread_mutex_unlock(&s->d->lock);
	rc = debugfile_try_fd(s, fd);
	if (rc == -ENOENT && ret_why)
		*ret_why = debugfile_reason(fd < 0 ? fd : -ENOENT);
	return rc;
}

/* -- the questions ------------------------------------------------------------------------------
 */

static int debugfile_search_local(struct debugfile_search *s, struct elf_image *img, const char *path,
			    const char *build_id)
{
	int rc = -ENOENT;

	s->build_id = build_id;
	if (*build_id)
		rc = debugfile_local_id(s, false);
	if (rc == -ENOENT)
		rc = debugfile_local_link(s, img, path);
	s->build_id = build_id;
	return rc;
}

int debugfile_open(struct debugfiles *d, struct elf_image *img, const char *path,
		   struct elf_image **ret, enum unnamed_reason *ret_why)
{
	struct debugfile_search s = {.d = d};
	char hex[ID_HEX] = "";
	int rc;

	elf_image_build_id_hex(img, hex);
	rc = debugfile_search_local(&s, img, path, hex);
	if (rc == -ENOENT && *hex)
		rc = debugfile_fetch(&s, DOWNLOAD_DEBUGINFO, path ? path : hex, ret_why);
	if (!rc)
		*ret = s.found;
	return rc;
}

static int debugfile_of_id(struct debugfile_search *s, bool program, const char *name,
			   struct elf_image **ret, enum unnamed_reason *ret_why)
{
	int rc = debugfile_local_id(s, program);

	if (rc == -ENOENT)
		rc = debugfile_fetch(s, program ? DOWNLOAD_EXECUTABLE : DOWNLOAD_DEBUGINFO, name,
				     ret_why);
	if (!rc)
		*ret = s->found;
	return rc;
}

int debugfile_by_id(struct debugfiles *d, const char *build_id, const char *name,
		    struct elf_image **ret, enum unnamed_reason *ret_why)
{
	struct debugfile_search s = {.d = d, .build_id = build_id};

	return debugfile_of_id(&s, false, name, ret, ret_why);
}

int debugfile_program(struct debugfiles *d, const char *build_id, const char *name,
		      struct elf_image **ret, enum unnamed_reason *ret_why)
{
	struct debugfile_search s = {.d = d, .build_id = build_id};

	return debugfile_of_id(&s, true, name, ret, ret_why);
}

int debugfile_local(struct debugfiles *d, struct elf_image *img, const char *path,
		    struct elf_image **ret, char *place, size_t size)
{
	struct debugfile_search s = {.d = d};
	char hex[ID_HEX] = "";
	int rc;

	elf_image_build_id_hex(img, hex);
	rc = debugfile_search_local(&s, img, path, hex);
	if (rc)
		return rc;
	snprintf(place, size, "%s", s.place);
	*ret = s.found;
	return 0;
}

int debugfile_local_by_id(struct debugfiles *d, const char *build_id, struct elf_image **ret)
{
	struct debugfile_search s = {.d = d, .build_id = build_id};
	int rc = debugfile_local_id(&s, false);

	if (!rc)
		*ret = s.found;
	return rc;
}

/* -- life ---------------------------------------------------------------------------------------
 */

static int debugfile_check_dir(const char *dir, struct err *e)
{
	struct stat st;

	if (stat(dir, &st))
		return err_set(e, -errno, "cannot look for debug files in '%s': %s", dir,
			       strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return err_set(e, -ENOTDIR, "cannot look for debug files in '%s': not a directory",
			       dir);
	return 0;
}

static int debugfile_read_named(struct debugfile_named *f, const char *path, struct err *e)
{
	int fd = debugfile_open_path(path), rc;
	struct elf_section text;
	struct elf_image *img;

	f->path = path;
	if (fd < 0)
		return err_set(e, fd, "cannot read '%s': %s", path, strerror(-fd));
	rc = elf_image_open(fd, &img, e);
	close(fd);
	if (rc)
		return err_prefix(e, "cannot read '%s'", path);
	if (!elf_image_build_id_hex(img, f->build_id))
		f->build_id[0] = '\0';
	/* A file of debug information alone has sections without bytes where the code was. */
	f->program = elf_image_section_head(img, ".text", &text) == 0 && text.type != SHT_NOBITS;
	elf_image_free(img);
	return 0;
}

int debugfiles_new(const struct debugfile_opts *o, struct debugfiles **ret, struct err *e)
{
	struct debugfiles *d = calloc(1, sizeof(*d) + o->n_files * sizeof(*d->named));
	int rc = 0;

	if (!d)
		return err_set(e, -ENOMEM, "out of memory");
	d->o = *o;
	pthread_mutex_init(&d->lock, NULL);
	for (size_t i = 0; i < o->n_dirs && !rc; i++)
		rc = debugfile_check_dir(o->dirs[i], e);
	for (size_t i = 0; i < o->n_files && !rc; i++)
		rc = debugfile_read_named(&d->named[i], o->files[i], e);
	if (!rc && !o->no_debuginfod && download_possible()) {
		d->download = download_new(&o->download);
		if (!d->download)
			rc = err_set(e, -ENOMEM, "out of memory");
	}
	if (rc) {
		debugfiles_free(d);
		return rc;
	}
	*ret = d;
	return 0;
}

void debugfiles_free(struct debugfiles *d)
{
	if (!d)
		return;
	download_free(d->download);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

bool debugfiles_used(const struct debugfiles *d, size_t file)
{
	return atomic_load(&d->named[file].used);
}

void debugfiles_totals(struct debugfiles *d, struct download_totals *ret)
{
	*ret = (struct download_totals){0};
	if (!d || !d->download)
		return;
	pthread_mutex_lock(&d->lock);
	download_totals(d->download, ret);
	pthread_mutex_unlock(&d->lock);
}
