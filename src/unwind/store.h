/* store.h - where finished tables live: the word space the BPF walker reads (layout in bpf/abi.h).
 *
 * The store lays a table out in blocks, takes slabs through `ops` (BPF maps in production, plain
 * memory in tests), copies the words in and returns the slot to publish. Nothing is visible to the
 * walker before the caller writes the slot with `state` last, and a table is removed only after its
 * slot was withdrawn; its words then rest for a while (space.h) before they are used again. Slabs that
 * nothing lies in are given back, but for one.
 *
 * Blocks may lie anywhere, an index must lie in one piece: so words that were freed are used to the last
 * one, and a table takes exactly what it needs (4.6 bytes a row with everything, measured).
 *
 * Thread safety: all of it may be called by several builders at once.
 */
#ifndef WAGGLE_UNWIND_STORE_H
#define WAGGLE_UNWIND_STORE_H

#include "unwind/rules.h"
#include "unwind/table.h"

#define STORE_PIECE (1u << 16) /* words that are open at once: what is mapped counts as memory */

struct store_ops {
	/* Makes slab k (zeroed, SLAB_WORDS words) if it is not there and opens STORE_PIECE words of it for
	 * writing, the first of which is number `in`, a multiple of that; NULL when it cannot. They may
	 * be open several times at once. */
	uint32_t *(*slab_open)(void *ctx, uint32_t k, uint32_t in);
	/* Done writing for now; `words` is what slab_open() gave. */
	void (*slab_close)(void *ctx, uint32_t k, uint32_t *words);
	/* Gives a slab back that nothing lies in and that is not open; slab_open() may make it anew.
	 * NULL: slabs are kept. */
	void (*slab_drop)(void *ctx, uint32_t k);
	/* CLOCK_MONOTONIC in ns, for tests; NULL: the real one. */
	uint64_t (*now)(void *ctx);
};

struct store_sizes {
	uint64_t taken;  /* bytes of slabs */
	uint64_t used;   /* of that, bytes of tables that are there */
	uint64_t rests;  /* of that, bytes of tables that were removed a moment ago */
	uint64_t room;   /* bytes that can still be used before the limit, once all have rested */
	uint64_t lost;   /* bytes that cannot be used because memory to note them was lacking */
	uint32_t tables, pieces; /* tables there, and runs of words they lie in */
};

struct store;

/* Takes at most `max_bytes` of slabs (rounded down to whole ones, at least one; 0 = SLABS_MAX). */
struct store *store_new(const struct store_ops *ops, void *ctx, struct rules *rules, uint64_t max_bytes);
void store_free(struct store *s);

/* Lays the table out; on success *ret is ready to publish (state FILE_READY). *ret_bytes (may be
 * NULL) is what it takes all in, also when it does not fit.
 * -ENOSPC when it does not fit now, -E2BIG when it would not fit an empty store, -ENOMEM, -ENODATA for
 * an empty table, -EFBIG when the table spans more text than any real file has (2 GiB) or lies beyond
 * what frames can name. */
int store_add(struct store *s, const struct table *t, struct file_slot *ret, uint64_t *ret_bytes);

/* Removes a table by the slot it was published as, after no walk can begin to use it. A slot that the
 * store does not know is left alone. */
void store_remove(struct store *s, const struct file_slot *slot);

/* What rested long enough becomes free, and empty slabs go back. Cheap; also done by store_add(). */
void store_tidy(struct store *s);
/* The caller knows that no walk which began before `since` (CLOCK_MONOTONIC ns) is still under way: what was
 * removed before that is free now. */
void store_rested(struct store *s, uint64_t since);

void store_sizes(struct store *s, struct store_sizes *ret);

#endif
