/* store.h - where finished tables live: the word space the BPF walker reads (layout in bpf/abi.h).
 *
 * The store lays a table out in blocks, takes slabs through `ops` (BPF maps in production, plain
 * memory in tests), copies the words in and returns the slot to publish. Nothing is visible to the
 * walker before the caller writes the slot with `state` last.
 * Thread safety: store_add() may be called by several builders at once.
 */
#ifndef WAGGLE_UNWIND_STORE_H
#define WAGGLE_UNWIND_STORE_H

#include "unwind/rules.h"
#include "unwind/table.h"

struct store_ops {
	/* Makes slab k (zeroed, SLAB_WORDS words) and opens it for writing; NULL when it cannot. */
	uint32_t *(*slab_open)(void *ctx, uint32_t k);
	/* Done writing for now; it may be opened again. */
	void (*slab_close)(void *ctx, uint32_t k, uint32_t *words);
};

struct store;

struct store *store_new(const struct store_ops *ops, void *ctx, struct rules *rules);
void store_free(struct store *s);
/* Lays the table out; on success *ret is ready to publish (state FILE_READY).
 * -ENOSPC when all slabs are used, -ENOMEM, -ENODATA for an empty table, -EFBIG when the table spans
 * more text than any real file has (2 GiB) or lies beyond what frames can name. */
int store_add(struct store *s, const struct table *t, struct file_slot *ret);
/* Bytes of slabs taken, and of words in use. */
uint64_t store_bytes(struct store *s, uint64_t *ret_used);

#endif
