/* cache.h - finished tables of earlier runs, on disk: one small file each, found by build id. What is known
 * of a kernel (session/known.h) lies beside them.
 *
 * A cached table is used only for the very bytes it was made from (packed.h says how that is told), so
 * a wrong one is never used, only rebuilt. Files are written under a temporary name and renamed: runs
 * at the same time share the directory without locks. They are not synced: what a power loss leaves
 * half-written fails its checksum. The directory must belong to us or root and be writable by nobody
 * else, and so must the files; it is opened once, and everything then happens relative to that.
 * The oldest tables are removed when all together exceed a limit; those that are used stay young.
 *
 * Thread safety: everything but cache_close() may be called by several threads at once.
 */
#ifndef WAGGLE_UNWIND_CACHE_H
#define WAGGLE_UNWIND_CACHE_H

#include "base/buf.h"
#include "unwind/packed.h"

#define CACHE_DEFAULT_BYTES (UINT64_C(512) << 20)
#define CACHE_SUFFIX_TABLE  ".rows"
#define CACHE_SUFFIX_KERNEL ".kernel"

struct cache;

struct cache_key {
	char name[2 * ELF_BUILD_ID_MAX + 2 * PACKED_PRINT_BYTES + 16];
	struct packed_print print;
};

/* Where the cache is unless told: $WAGGLE_CACHE_DIR; /var/cache/waggle/unwind for root; otherwise
 * waggle/unwind in $XDG_CACHE_HOME or ~/.cache. 0, -ENOENT when there is no such place, -ENAMETOOLONG. */
int cache_default_dir(char *to, size_t size);

/* Opens the directory, making it (and those above it) when there is none. `max_bytes` bounds what all
 * tables take. -EPERM with a sentence when others could write there, -EACCES, -ENOTDIR, .. */
int cache_open(const char *dir, uint64_t max_bytes, struct cache **ret, struct err *e);
void cache_close(struct cache *c);

/* The file's name: what it is of (at most a build id in hex), the print, the suffix. */
void cache_name(struct cache_key *k, const char *of, const char *suffix);
/* 0; -ENOENT when the file cannot be cached: it has no build id or no .eh_frame. */
int cache_key_of(struct elf_image *img, struct cache_key *ret);
/* 0; -ENOENT when there is none; -EBADMSG when there is one that was no good: it has been removed. */
int cache_load(struct cache *c, const struct cache_key *k, struct table *ret);
/* What cache_save() kept, not looked at: the caller checks it, and frees it. NULL when there is none. */
void *cache_load_bytes(struct cache *c, const struct cache_key *k, size_t *ret_len);
void cache_remove(struct cache *c, const struct cache_key *k);
/* Keeps what packed_write() made for k->print. 0 or -errno. */
int cache_save(struct cache *c, const struct cache_key *k, const void *data, size_t len);
/* Removes the oldest tables beyond the limit, and what writers that died left behind. Done by
 * cache_save() now and then. Returns how many tables were removed. */
size_t cache_prune(struct cache *c);

#endif
