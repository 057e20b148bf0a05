/* binary.c - see binary.h. */
#include "symbol/binary.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbol/debugfile.h"

struct binary {
	int rc; /* it could not be opened */
	enum unnamed_reason why;
	enum unnamed_reason missing; /* why its names may be incomplete; UNNAMED_NAMED: not known better */
	bool unread; /* it has debug information, but too much of it */
	char *path;
	struct debugfiles *debugfiles; /* borrowed */
	struct elfnames *names;
	struct dwarf *dwarf; /* NULL: none */
};

/* -- files beside it: called from several threads ------------------------------------------------------ */

static int __attribute__((format(printf, 2, 3))) binary_open_at(struct elf_image **ret,
								const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int n, fd, rc;

	va_start(ap, fmt);
	n = vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	/* Not blocking: the name may be a pipe somebody put there. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	rc = elf_image_open(fd, ret, NULL);
	close(fd);
	return rc;
}

/* Length of the path's directory with its slash. */
static int binary_dir(const struct binary *b)
{
	const char *slash = strrchr(b->path, '/');

	return slash ? (int)(slash - b->path + 1) : 0;
}

/* Where the compiler put it, else beside the program, which may have been moved with it. */
static int binary_split(void *ctx, const char *comp_dir, const char *name, struct elf_image **ret)
{
	const struct binary *b = ctx;
	const char *slash = strrchr(name, '/');
	int rc;

	if (name[0] == '/' || !comp_dir)
		rc = binary_open_at(ret, "%s", name);
	else
		rc = binary_open_at(ret, "%s/%s", comp_dir, name);
	if (rc && name[0] != '/')
		rc = binary_open_at(ret, "%.*s%s", binary_dir(b), b->path, name);
	if (rc)
		rc = binary_open_at(ret, "%.*s%s", binary_dir(b), b->path,
				    slash ? slash + 1 : name);
	return rc;
}

static int binary_package(void *ctx, struct elf_image **ret)
{
	const struct binary *b = ctx;

	return binary_open_at(ret, "%s.dwp", b->path);
}

/* Takes the image when it is the one. */
static int binary_check_id(struct elf_image *img, const uint8_t *id, size_t n,
			   struct elf_image **ret)
{
	if (!dwarf_is_supplement(img, id, n)) {
		elf_image_free(img);
		return -ENOENT;
	}
	*ret = img;
	return 0;
}

static int binary_supplement(void *ctx, const char *name, const uint8_t *id, size_t n,
			     struct elf_image **ret)
{
	const struct binary *b = ctx;
	char hex[2 * ELF_BUILD_ID_MAX + 1];
	struct elf_image *img;
	int rc;

	if (n < 2 || n > ELF_BUILD_ID_MAX)
		return -ENOENT;
	rc = binary_open_at(&img, "%.*s%s", name[0] == '/' ? 0 : binary_dir(b), b->path, name);
	if (!rc)
		rc = binary_check_id(img, id, n, ret);
	if (!rc)
		return 0;
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	rc = debugfile_by_id(b->debugfiles, hex, name, &img, NULL);
	return rc ? rc : binary_check_id(img, id, n, ret);
}

/* -- opening ------------------------------------------------------------------------------------------- */

static bool binary_has(struct elf_image *img, const char *section)
{
	struct elf_section s;

	return elf_image_section_head(img, section, &s) == 0;
}

static bool binary_has_debug_info(struct elf_image *img)
{
	return binary_has(img, ".debug_info") || binary_has(img, ".zdebug_info");
}

static int binary_open_dwarf(struct binary *b, const struct binary_opts *from, struct elf_image *img,
			     struct elf_image *debug)
{
	struct dwarf_opts o = {
		.files = {binary_split, binary_package, binary_supplement, b},
		.memory = from->memory,
		.unpack = from->unpack,
	};
	int rc = -ENOENT;

	o.segments = elf_image_segments(img, &o.n_segments);
	if (debug)
		rc = dwarf_new(debug, &o, &b->dwarf);
	if (rc && rc != -ENOMEM && rc != -EFBIG)
		rc = dwarf_new(img, &o, &b->dwarf);
	b->unread = rc == -EFBIG;
	return rc == -ENOMEM ? rc : 0; /* without it there are still symbols */
}

int binary_open(struct elf_image *img, const struct binary_opts *o, struct binary **ret)
{
	struct binary *b = calloc(1, sizeof(*b));
	struct elf_image *debug = NULL;
	int rc = -ENOMEM;

	if (b) {
		b->path = strdup(o->path);
		b->debugfiles = o->debugfiles;
	}
	if (b && b->path)
		rc = 0;
	if (!rc && (!binary_has(img, ".symtab") || !binary_has_debug_info(img))) {
		rc = debugfile_open(o->debugfiles, img, o->path, &debug, &b->missing);
		if (rc == -ENOENT)
			rc = 0;
	}
	if (!rc)
		rc = binary_open_dwarf(b, o, img, debug);
	if (!rc) {
		rc = elfnames_new(img, debug, o->once, &b->names);
	} else {
		elf_image_free(debug);
		elf_image_free(img);
	}
	if (rc) {
		binary_free(b);
		return rc;
	}
	*ret = b;
	return 0;
}

void binary_free(struct binary *b)
{
	if (!b)
		return;
	elfnames_free(b->names);
	dwarf_free(b->dwarf);
	free(b->path);
	free(b);
}

static bool binary_is_other_build(const struct provider_env *env, struct elf_image *img,
				  const struct profile_object *o)
{
	const char *want = profile_text(env->profile, o->build_id);
	char hex[2 * ELF_BUILD_ID_MAX + 1];

	if (!env->opts->check_build_id || !*want)
		return false;
	return !elf_image_build_id_hex(img, hex) || strcmp(hex, want) != 0;
}

/* Opens the image and says what is wrong with it as a reason. */
static int binary_open_own(const struct provider_env *env, uint32_t object, struct elf_image **ret,
			   enum unnamed_reason *ret_why)
{
	int fd = provider_open_file(env, object), rc;

	*ret_why = UNNAMED_GONE;
	if (fd < 0)
		return fd;
	rc = elf_image_open(fd, ret, NULL);
	close(fd);
	*ret_why = UNNAMED_BAD_FILE;
	if (rc || !binary_is_other_build(env, *ret, &env->profile->objects.at[object]))
		return rc;
	elf_image_free(*ret);
	*ret_why = UNNAMED_CHANGED;
	return -ESTALE;
}

/* The same from wherever the build id leads, when the file is not there any more. */
static int binary_open_image(const struct provider_env *env, uint32_t object, struct elf_image **ret,
			     enum unnamed_reason *ret_why)
{
	const struct profile_object *o = &env->profile->objects.at[object];
	const char *build_id = profile_text(env->profile, o->build_id);
	enum unnamed_reason server = UNNAMED_SERVER_NONE;
	int rc = binary_open_own(env, object, ret, ret_why), found;

	if (!rc || rc == -ENOMEM || *ret_why == UNNAMED_BAD_FILE || !*build_id)
		return rc;
	found = debugfile_program(env->opts->debugfiles, build_id,
				  profile_text(env->profile, o->path), ret, &server);
	if (found == -ENOENT && server != UNNAMED_SERVER_NONE)
		*ret_why = server;
	return found == -ENOENT ? rc : found;
}

static int binary_open_object(const struct provider_env *env, uint32_t object, struct binary **ret,
			      enum unnamed_reason *ret_why)
{
	const struct profile_object *o = &env->profile->objects.at[object];
	struct binary_opts opts = {
		.path = profile_text(env->profile, o->path),
		.debugfiles = env->opts->debugfiles,
		.once = env->opts->once,
		.unpack = env->opts->unpack,
	};
	struct elf_image *img;
	int rc = binary_open_image(env, object, &img, ret_why);

	return rc ? rc : binary_open(img, &opts, ret);
}

int binary_of_object(const struct provider_env *env, uint32_t object, struct binary **ret,
		     enum unnamed_reason *ret_why)
{
	struct binary *b = *env->binary;

	if (!b) {
		enum unnamed_reason why = UNNAMED_BAD_FILE;
		int rc = binary_open_object(env, object, &b, &why);

		if (rc == -ENOMEM)
			return rc;
		if (rc) { /* remembered, too */
			b = calloc(1, sizeof(*b));
			if (!b)
				return -ENOMEM;
			b->rc = rc;
			b->why = why;
		}
		*env->binary = b;
	}
	*ret_why = b->why;
	if (!b->rc && b->missing != UNNAMED_NAMED)
		*env->ret_missing = b->missing;
	*ret = b;
	return b->rc;
}

const struct elfnames *binary_names(const struct binary *b)
{
	return b->names;
}

const struct dwarf *binary_dwarf(const struct binary *b)
{
	return b->dwarf;
}

void binary_add_gaps(const struct binary *b, struct binary_gaps *sum)
{
	struct dwarf_stats stats = {0};

	if (!b)
		return;
	if (b->dwarf)
		stats = dwarf_stats(b->dwarf);
	sum->unread += b->unread;
	sum->split += stats.split_missing;
	sum->common += stats.supplement_missing;
	sum->damaged += stats.damaged;
}

/* -- lines --------------------------------------------------------------------------------------------- */

struct binary_batch {
	const char **names; /* by address, NULL: no symbol */
	size_t next;        /* address that was not reported yet */
	bool symbols;
	VEC(struct dwarf_line) lines;
	int (*found)(void *ctx, size_t i, const struct dwarf_line *lines, size_t n_lines);
	void *ctx;
};

/* Reports the addresses before the i-th, which only symbols are known for. */
static int binary_symbols(struct binary_batch *b, size_t i)
{
	int rc = 0;

	for (; b->next < i && !rc; b->next++) {
		struct dwarf_line line = {.function = b->names[b->next]};

		if (b->symbols && line.function)
			rc = b->found(b->ctx, b->next, &line, 1);
	}
	return rc;
}

static int binary_found(void *ctx, size_t i, const struct dwarf_line *lines, size_t n)
{
	struct binary_batch *b = ctx;
	int rc = binary_symbols(b, i);

	if (rc)
		return rc;
	b->next = i + 1;
	if (!b->names[i])
		return b->found(b->ctx, i, lines, n);
	b->lines.n = 0;
	if (!VEC_RESERVE(&b->lines, n))
		return -ENOMEM;
	memcpy(b->lines.at, lines, n * sizeof(*lines));
	b->lines.at[n - 1].function = b->names[i];
	return b->found(b->ctx, i, b->lines.at, n);
}

int binary_lines(struct binary *b, const uint64_t *vaddrs, size_t n, bool symbols,
		 int (*found)(void *ctx, size_t i, const struct dwarf_line *lines, size_t n_lines),
		 void *ctx)
{
	struct binary_batch batch = {.symbols = symbols, .found = found, .ctx = ctx};
	struct buf text[ELFNAMES_TEXTS] = {{0}};
	int rc = -ENOMEM;

	batch.names = calloc(n + 1, sizeof(*batch.names));
	if (batch.names)
		rc = elfnames_lookup(b->names, vaddrs, n, batch.names, text);
	if (!rc && b->dwarf)
		rc = dwarf_resolve(b->dwarf, vaddrs, n, binary_found, &batch);
	if (!rc)
		rc = binary_symbols(&batch, n);
	VEC_FREE(&batch.lines);
	for (int i = 0; i < ELFNAMES_TEXTS; i++)
		buf_free(&text[i]);
	free(batch.names);
	return rc;
}
