/* files.h - files met in stacks: from the kernel's one announcement to a published unwind table.
 *
 * The session's thread takes announcements off their ring (files_note) and so knows a file's name the
 * moment a sample refers to it. An opener thread opens the file through its process's map_files at
 * once, before the process can be gone, and builder threads, small files first, read its call frame
 * information and publish the table. A file whose process was gone is set back to NEW: the next
 * process that maps it is asked instead, it is never written off.
 *
 * Queues are bounded: a full one sets the file back to NEW as well, so nothing is forgotten.
 * Descriptors of up to FILES_KEPT files stay open for naming at the end (deleted files, other mount
 * namespaces).
 *
 * Thread safety: files_note, files_info and files_refresh belong to the session's thread.
 */
#ifndef WAGGLE_SESSION_FILES_H
#define WAGGLE_SESSION_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "profile/profile.h"
#include "session/programs.h"

#define FILES_KEPT 2048

struct files;

struct files_totals {
	uint32_t met, failed, tables;
	uint64_t table_bytes; /* slabs taken */
	uint64_t rows;
};

int files_new(struct programs *p, struct files **ret, struct err *e);
/* The capture is over: files are still opened and identified, but no more tables are begun. */
void files_close_capture(struct files *f);
/* Stops the threads; tables that are being built are waited for. */
void files_stop(struct files *f);
void files_free(struct files *f);

/* One announcement from the kernel. */
void files_note(struct files *f, const struct file_record *r);

/* The object of the profile for a file id, made on first use; OBJECT_NONE's id 0 when the id was never
 * announced. */
uint32_t files_object(struct files *f, struct profile *p, uint32_t file);

/* Copies what has become known (path, build id) into the profile's objects. Returns true when all
 * objects are settled, so that they can be written to a recording. */
bool files_refresh(struct files *f, struct profile *p);

/* A new descriptor for the file behind an object of the profile, or -errno. */
int files_open_object(struct files *f, uint32_t object);

void files_totals(struct files *f, struct files_totals *ret);

#endif
