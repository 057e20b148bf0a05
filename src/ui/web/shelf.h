/* shelf.h - what can be looked at: one capture that is going on, or recordings on the disk.
 *
 * Recordings are known by their number in the list, never by a path: what is asked for over the
 * network cannot
 * name a file. They are read when somebody first looks at one; the last few stay in memory as
 * models.
 *
 * Ownership: shelf_free(). The model of a capture is borrowed, from the one who captures.
 * Thread safety: everything but shelf_new_*() and shelf_free() may be called from any thread.
 */
#ifndef WAGGLE_UI_WEB_SHELF_H
#define WAGGLE_UI_WEB_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "live/live.h"

struct shelf;

struct shelf_item {
	const char *name; /* of the file, as it was found; borrowed from the shelf */
	uint64_t bytes, mtime; /* mtime: seconds since 1970 */
};

int shelf_new_live(struct live *live, struct shelf **ret);
/* `paths`: files, and folders whose files of a known extension are listed (not those in folders below them).
 * -ENOENT with a sentence when there is nothing to look at. */
int shelf_new_files(const char *const *paths, size_t n, struct shelf **ret, struct err *e);
void shelf_free(struct shelf *s);

bool shelf_is_live(const struct shelf *s);
/* The calling thread serves those who look: live_looks_here(), of a capture. */
void shelf_looks_here(struct shelf *s);
size_t shelf_count(const struct shelf *s); /* of recordings; 0 for a capture */
struct shelf_item shelf_item(const struct shelf *s, size_t i);
/* The model of recording i (a capture has only one, whatever i is). -ENOENT, or what reading it says.
 * Give it back with shelf_release(). */
int shelf_open(struct shelf *s, size_t i, struct live **ret, struct err *e);
void shelf_release(struct shelf *s, struct live *live);

#endif
