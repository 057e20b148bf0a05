/* dump_stats.c - sizes and times of unwind tables; see dump_stats.h.
 *
 * Everything is the real thing: tables are built, laid out in one store as a capture does it (slabs are
 * plain memory here), and kept in and loaded from a disk cache of their own in the temporary directory.
 * Times are processor time of this thread, the best of three: the machine may be busy.
 */
#include "cli/dump_stats.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/map64.h"
#include "base/vec.h"
#include "unwind/cache.h"
#include "unwind/store.h"

enum { REPEAT = 3 };

struct stats_file {
	size_t rows;
	uint64_t bytes, packed;
	uint64_t build_ns, load_ns; /* load_ns 0: cannot be cached */
	uint32_t rules;
};

struct stats {
	uint32_t *slabs[SLABS_MAX];
	struct unwind_rule *array;
	struct rules *rules;
	struct store *store;
	struct cache *cache;
	char dir[64];
	size_t n, n_without, n_cached;
	struct stats_file sum;
	uint64_t cached_build_ns; /* of those that can be cached */
};

/* -- what a capture has in the kernel ----------------------------------------------------------- */

static uint32_t *stats_slab_open(void *ctx, uint32_t k, uint32_t in)
{
	struct stats *s = ctx;

	if (!s->slabs[k])
		s->slabs[k] = calloc(SLAB_WORDS, sizeof(uint32_t));
	return s->slabs[k] ? s->slabs[k] + in : NULL;
}

static int stats_open(struct stats *s, struct err *e)
{
	static const struct store_ops ops = { .slab_open = stats_slab_open };
	const char *tmp = getenv("TMPDIR");

	s->array = calloc(RULES_MAX, sizeof(*s->array));
	s->rules = s->array ? rules_new(s->array) : NULL;
	s->store = s->rules ? store_new(&ops, s, s->rules, 0) : NULL;
	if (!s->store)
		return err_set(e, -ENOMEM, "out of memory");
	if ((size_t)snprintf(s->dir, sizeof(s->dir), "%s/waggle-stats-XXXXXX", tmp && *tmp ? tmp : "/tmp") >=
	    sizeof(s->dir))
		snprintf(s->dir, sizeof(s->dir), "/tmp/waggle-stats-XXXXXX");
	if (!mkdtemp(s->dir))
		return err_set(e, -errno, "cannot make a temporary directory: %s", strerror(errno));
	return cache_open(s->dir, CACHE_DEFAULT_BYTES, &s->cache, e);
}

/* The directory is our own, and has nothing but cached tables in it. */
static void stats_remove_dir(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
}

static void stats_close(struct stats *s)
{
	cache_close(s->cache);
	if (s->cache)
		stats_remove_dir(s->dir);
	store_free(s->store);
	rules_free(s->rules);
	for (uint32_t k = 0; k < SLABS_MAX; k++)
		free(s->slabs[k]);
	free(s->array);
	free(s);
}

/* -- measuring ---------------------------------------------------------------------------------- */

static uint64_t stats_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int stats_build_once(int fd, uint64_t *best, struct table *ret, struct err *e)
{
	uint64_t begun = stats_cpu_ns();
	struct elf_image *img;
	int code = elf_image_open(fd, &img, e);

	if (code)
		return code;
	code = table_build(img, ret, e);
	elf_image_free(img);
	begun = stats_cpu_ns() - begun;
	*best = begun < *best ? begun : *best;
	return code;
}

/* As a later run does it: the file is opened, told by its contents, and its table read. */
static int stats_load_once(struct stats *s, int fd, const struct table *save, struct stats_file *ret)
{
	uint64_t begun = stats_cpu_ns();
	struct elf_image *img;
	struct cache_key key;
	struct buf packed = { 0 };
	struct table t;
	int code = elf_image_open(fd, &img, NULL);

	if (code)
		return code;
	code = cache_key_of(img, &key);
	if (!code && save) {
		packed_write(&packed, &key.print, save);
		ret->packed = packed.len;
		code = packed.err ? packed.err : cache_save(s->cache, &key, packed.data, packed.len);
		buf_free(&packed);
	} else if (!code) {
		code = cache_load(s->cache, &key, &t);
		begun = stats_cpu_ns() - begun;
		ret->load_ns = !ret->load_ns || begun < ret->load_ns ? begun : ret->load_ns;
		if (!code)
			table_free(&t);
	}
	elf_image_free(img);
	return code;
}

static int stats_measure(struct stats *s, int fd, struct stats_file *ret, struct err *e)
{
	struct table t = { 0 };
	struct file_slot slot;
	int code = 0;

	*ret = (struct stats_file){ .build_ns = UINT64_MAX };
	for (int i = 0; i < REPEAT && !code; i++) {
		table_free(&t);
		code = stats_build_once(fd, &ret->build_ns, &t, e);
	}
	if (code)
		return code;
	ret->rows = t.n;
	ret->rules = t.n_rules;
	code = store_add(s->store, &t, &slot, &ret->bytes);
	if (code)
		err_set(e, code, "its table cannot be laid out: %s", strerror(-code));
	if (!code && !stats_load_once(s, fd, &t, ret))
		for (int i = 0; i < REPEAT; i++)
			stats_load_once(s, fd, NULL, ret);
	table_free(&t);
	return code;
}

/* -- printing ----------------------------------------------------------------------------------- */

static const char stats_head[] =
	"     rows  rules      bytes  B/row   8B-rows  12B-rows  build ms  Mrows/s   on disk  load ms  file\n";

static void stats_print(const struct stats_file *f, const char *name)
{
	char load[16] = "-";

	if (f->load_ns)
		snprintf(load, sizeof(load), "%.2f", (double)f->load_ns / 1e6);
	printf("%9zu %6u %10" PRIu64 " %6.2f %9zu %9zu %9.2f %8.1f %9" PRIu64 " %8s  %s\n", f->rows, f->rules,
	       f->bytes, (double)f->bytes / (double)(f->rows ? f->rows : 1), f->rows * 8, f->rows * 12,
	       (double)f->build_ns / 1e6, (double)f->rows * 1e3 / (double)(f->build_ns ? f->build_ns : 1),
	       f->packed, load, name);
}

static int stats_one(struct stats *s, int fd, const char *name, struct err *e)
{
	struct stats_file f;
	int code = stats_measure(s, fd, &f, e);

	if (code) {
		s->n_without++;
		return code;
	}
	stats_print(&f, name);
	s->n++;
	s->sum.rows += f.rows;
	s->sum.bytes += f.bytes;
	s->sum.packed += f.packed;
	s->sum.build_ns += f.build_ns;
	s->sum.load_ns += f.load_ns;
	s->n_cached += f.load_ns > 0;
	s->cached_build_ns += f.load_ns ? f.build_ns : 0;
	return 0;
}

static void stats_totals(struct stats *s)
{
	struct store_sizes z;

	store_sizes(s->store, &z);
	s->sum.rules = rules_count(s->rules);
	stats_print(&s->sum, "all");
	printf("# %zu files, %zu without a table; %" PRIu64 " bytes of tables in %" PRIu64
	       " of slabs, and %u bytes of rules\n",
	       s->n, s->n_without, z.used, z.taken, s->sum.rules * (unsigned int)sizeof(struct unwind_rule));
	if (s->sum.load_ns)
		printf("# %zu can be cached: %.1f times faster than building them\n", s->n_cached,
		       (double)s->cached_build_ns / (double)s->sum.load_ns);
}

/* -- a running system --------------------------------------------------------------------------- */

/* One line of maps: executable, of a file, not seen before? Then it is opened through map_files. */
static void stats_mapping(struct stats *s, const char *pid, const char *line, struct map64 *seen)
{
	unsigned long long start, end, inode;
	unsigned int major, minor;
	char perms[8], link[128], path[4096] = "";
	bool fresh = false;
	int fd;

	if (sscanf(line, "%llx-%llx %7s %*x %x:%x %llu %4095[^\n]", &start, &end, perms, &major, &minor, &inode,
		   path) < 7 ||
	    !strchr(perms, 'x') || !inode)
		return;
	map64_insert(seen, map64_mix(inode) ^ ((uint64_t)major << 32 | minor), 1, &fresh);
	if (!fresh)
		return;
	snprintf(link, sizeof(link), "/proc/%s/map_files/%llx-%llx", pid, start, end);
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	stats_one(s, fd, path, NULL);
	close(fd);
}

static int stats_system(struct stats *s, struct err *e)
{
	DIR *proc = opendir("/proc");
	struct map64 seen = { 0 };
	struct dirent *entry;
	char *line = NULL;
	size_t cap = 0;

	if (!proc)
		return err_set(e, -errno, "cannot read /proc: %s", strerror(errno));
	while ((entry = readdir(proc))) {
		char path[64];
		FILE *f;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/maps", entry->d_name);
		f = fopen(path, "re");
		while (f && getline(&line, &cap, f) > 0)
			stats_mapping(s, entry->d_name, line, &seen);
		if (f)
			fclose(f);
	}
	free(line);
	map64_free(&seen);
	closedir(proc);
	return 0;
}

int dump_stats(const char *const *paths, size_t n, struct err *e)
{
	struct stats *s = calloc(1, sizeof(*s));
	int code = s ? stats_open(s, e) : err_set(e, -ENOMEM, "out of memory");

	if (!code)
		fputs(stats_head, stdout);
	if (!code && !n)
		code = stats_system(s, e);
	for (size_t i = 0; i < n && !code; i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			code = err_set(e, -errno, "cannot read '%s': %s", paths[i], strerror(errno));
		else if ((code = stats_one(s, fd, paths[i], e)))
			err_prefix(e, "'%s'", paths[i]);
		if (fd >= 0)
			close(fd);
	}
	if (!code)
		stats_totals(s);
	if (s)
		stats_close(s);
	return code;
}
