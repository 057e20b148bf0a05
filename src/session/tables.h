/* tables.h - unwind tables of files: from the disk cache or built, placed within a memory limit,
 * published to the walker, withdrawn when memory is needed for others.
 *
 * Files that were not seen in stacks for longest give way first. A file's slot then goes back to
 * FILE_NEW, so the next stack that runs through it asks again; most likely its table comes back from the
 * disk cache. What was seen within the last moments never gives way: when nothing else is there, the new
 * file has to do without a table for TABLES_RETRY_S seconds, and that is counted.
 *
 * To know what is seen costs a little, so it is asked for only when memory is half used up
 * (tables_marking()).
 *
 * Thread safety: tables_load() and tables_save_one() may be called by several builders at once;
 * tables_seen(), tables_tick() belong to the session's thread.
 */
#ifndef WAGGLE_SESSION_TABLES_H
#define WAGGLE_SESSION_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "elf/image.h"
#include "session/programs.h"

#define TABLES_DEFAULT_BYTES (UINT64_C(64) << 20)
#define TABLES_RETRY_S 10

struct tables;
struct table;

struct tables_opts {
	uint64_t max_bytes;    /* of slabs; 0 = TABLES_DEFAULT_BYTES */
	const char *cache_dir; /* NULL: the default one, and it is no error when it cannot be used */
	bool no_cache;
	/* Called before a file's slot goes back to FILE_NEW, from any thread. */
	void (*withdrawn)(void *ctx, uint32_t file);
	void *ctx;
};

struct tables_counts {
	uint32_t built, from_cache;
	uint32_t cache_rejected; /* cached files that were damaged or not ours */
	uint32_t cache_unsaved;  /* tables that could not be kept on disk */
	uint32_t evicted, too_big, no_room;
	uint64_t rows;
	uint64_t bytes;          /* slabs taken now */
};

/* 0; -ENOMEM; errors of cache_open() when cache_dir was given. */
int tables_new(struct programs *p, const struct tables_opts *o, struct tables **ret, struct err *e);
/* Waits in other threads (for freed words to rest) end at once. */
void tables_stop(struct tables *t);
void tables_free(struct tables *t);

/* Gets the image's table in place and publishes the file's slot: FILE_READY or FILE_NO_TABLE. Returns
 * whether it is READY. `cached` false: not from the disk cache, nor into it. */
bool tables_load(struct tables *t, uint32_t file, struct elf_image *img, bool cached);
/* Another table for a slot that is no file's, or none (NULL); no walk may begin to use the slot meanwhile.
 * It is never evicted. 0; -ENOSPC, -ENOMEM .. as from store_add(), and then the slot has none. */
int tables_replace(struct tables *t, uint32_t slot, const struct table *table);
/* The file has no table and never will. */
void tables_none(struct tables *t, uint32_t file);
/* Back to FILE_NEW: the next sample asks again. */
void tables_ask_again(struct tables *t, uint32_t file);

/* Writes one finished table to the disk cache; false when none waits. For when there is nothing to build. */
bool tables_save_one(struct tables *t);
/* Bytes that wait to be written. */
uint64_t tables_waiting(struct tables *t);

/* Once every drain round. */
void tables_tick(struct tables *t);
/* Is it worth to say which files are seen? 0 = no, else a number that changes when it is worth to say
 * so again (once a second). And: this one was. */
uint32_t tables_marking(const struct tables *t);
void tables_seen(struct tables *t, uint32_t file);

void tables_counts(struct tables *t, struct tables_counts *ret);

#endif
