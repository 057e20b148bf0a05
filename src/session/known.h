/* known.h - what an earlier run found out about this very kernel: that it can do what a capture needs, and
 * where its structures' fields are (smallbtf.h). Kept beside the unwind tables (unwind/cache.h), since both
 * cost more to find than to read back: together a quarter of a start.
 *
 * A kernel is told by its notes (the build id), its release and version, and the size of its type
 * information; what is kept is also only for the programs it was made for, byte by byte. It is kept when the
 * programs were loaded with it. What this process may do is never kept.
 *
 * Ownership: known_free(). Thread safety: none.
 */
#ifndef WAGGLE_SESSION_KNOWN_H
#define WAGGLE_SESSION_KNOWN_H

#include "unwind/cache.h"

struct known {
	char *dir;           /* NULL: nothing is to be kept */
	struct cache *cache; /* NULL: it is not open, or cannot be used */
	struct cache_key key;
	void *data;          /* NULL: the kernel is not known */
	size_t len;
};

/* Looks for `programs` (the BPF object) on this kernel. `dir` as in struct tables_opts; NULL: the default
 * one. Cannot fail: nothing is known then. */
void known_load(struct known *k, const char *dir, bool no_cache, const void *programs, size_t len);
/* The type information; NULL when the kernel is not known. */
const void *known_btf(const struct known *k, size_t *ret_len);
/* Keeps it for later runs; what cannot be kept is found again. */
void known_save(struct known *k, const void *btf, size_t len);
/* It was no good. */
void known_forget(struct known *k);
void known_free(struct known *k);

#endif
