/* files.h - files met in stacks: from the kernel's one announcement to a published unwind table.
 *
 * The session's thread takes announcements off their ring (files_note) and so knows a file's name the
 * moment a sample refers to it. An opener thread opens the file (opening.h) at once, before the process
 * can be gone, and builder threads, small files first, get its table in place (tables.h). A file that
 * could not be opened is set back to NEW: the next process that maps it is asked instead, it is never
 * written off. The same happens to one whose table had to give way to others.
 *
 * When there is nothing to build, the builders keep finished tables on disk for later runs.
 *
 * Queues are bounded: a full one sets the file back to NEW as well, so nothing is forgotten.
 * Descriptors of up to FILES_KEPT files stay open for naming at the end (deleted files, other mount
 * namespaces).
 *
 * Thread safety: everything here is called from the session's thread, where nothing else is said.
 */
#ifndef WAGGLE_SESSION_FILES_H
#define WAGGLE_SESSION_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "profile/profile.h"
#include "profile/renewal.h"
#include "session/programs.h"
#include "session/tables.h"

#define FILES_KEPT 2048

struct files;

struct files_opts {
	uint64_t max_bytes;    /* of unwind tables and what is known of files; 0 = TABLES_DEFAULT_BYTES */
	const char *cache_dir; /* NULL: the default one */
	bool no_cache;
};

/* The cache's directory is only an error when it was given. */
int files_new(struct programs *p, const struct files_opts *o, struct files **ret, struct err *e);
/* The capture is over: files are still opened and identified, but no more tables are begun. */
void files_close_capture(struct files *f);
/* Stops the threads; tables that are being built are waited for. */
void files_stop(struct files *f);
void files_free(struct files *f);

/* For tables that are not files'. Borrowed. */
struct tables *files_tables(struct files *f);

/* One announcement from the kernel. */
void files_note(struct files *f, const struct file_record *r);

/* The object of the profile for a file id, made on first use; OBJECT_NONE's id 0 when the id was never
 * announced. */
uint32_t files_object(struct files *f, struct profile *p, uint32_t file);

/* Once every drain round. Copies what has become known (path, build id) into the profile's objects. Returns
 * true when all objects are settled, so that they can be written to a recording. */
bool files_refresh(struct files *f, struct profile *p);

/* The profile was renewed: its objects have other numbers. */
void files_renewed(struct files *f, const struct renewal *r);

/* A new descriptor for the file behind an object of the profile, or -errno. From any thread. */
int files_open_object(struct files *f, uint32_t object);

/* The id of a file by its path, as the process saw it, and inode; 0 when none like it is known. From any
 * thread. */
uint32_t files_find(struct files *f, const char *path, uint64_t ino);

/* Changes whenever what files_find() and the files' slots say may have changed: a file became known, or
 * got its table. From any thread. */
uint32_t files_generation(const struct files *f);

/* Is memory so short that it is worth to say which files are seen (as tables_marking())? Then, of
 * objects of the profile: */
uint32_t files_marking(const struct files *f);
void files_seen(struct files *f, uint32_t object);

/* What became of the files, into the ledger. */
void files_count(struct files *f, struct ledger *l);

#endif
