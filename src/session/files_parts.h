/* files_parts.h - struct files, for the files of this folder that make it up: files.c (threads, and what the
 * kernel announces), files_known.c (what is known of files). Everybody else sees files.h only.
 */
#ifndef WAGGLE_SESSION_FILES_PARTS_H
#define WAGGLE_SESSION_FILES_PARTS_H

#include <pthread.h>

#include "session/files.h"

enum { QUEUE_MAX = 1024, BUILDERS_MAX = 4 };

enum file_step { STEP_ABSENT, STEP_NOTED, STEP_QUEUED, STEP_OPENED, STEP_DONE };

struct file_entry {
	struct file_record *record; /* until it is opened; NULL after */
	struct file_key key;
	uint8_t step;
	bool known;         /* path and build id are what they will be */
	bool settled;       /* and in its object in the profile */
	bool failed, kept;
	int fd;             /* kept for naming, -1 when not */
	uint64_t size;
	char *name;         /* last part of its path */
	char *path;         /* as the process saw it, NULL until opened */
	char *build_id;     /* hex, NULL when it has none */
	uint32_t object;
};

struct file_queue {
	uint32_t ids[QUEUE_MAX];
	size_t n;
	pthread_cond_t filled;
};

struct files {
	struct tables *tables;
	pthread_mutex_t lock; /* guards everything below */
	struct file_entry *entries;
	uint32_t n_kept;
	struct file_queue to_open, to_build;
	uint32_t n_met, n_failed, n_again, n_by_path; /* rows of the ledger */
	uint32_t generation; /* of what is known; written under the lock, read without */
	bool big_busy; /* a builder is at a big file */
	pthread_t opener, builders[BUILDERS_MAX];
	bool opens;
	int n_threads;
	bool stop, stopped;
	bool closing; /* the capture is over: identities still matter, tables do not */
	VEC(uint32_t) of_object; /* file id by profile object */
	uint32_t top;            /* ids at and above it were never announced */
};

#endif
