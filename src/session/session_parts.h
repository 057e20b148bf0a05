/* session_parts.h - struct session, for the files of this folder that make one and run it.
 *
 * session_open.c sets everything up, session.c runs it to the end. Everybody else sees session.h only.
 */
#ifndef WAGGLE_SESSION_SESSION_PARTS_H
#define WAGGLE_SESSION_SESSION_PARTS_H

#include <pthread.h>

#include "process/child.h"
#include "session/files.h"
#include "session/governor.h"
#include "session/intake.h"
#include "session/jitwatch.h"
#include "session/namer.h"
#include "session/oracle_session.h"
#include "session/programs.h"
#include "session/renew.h"
#include "session/session.h"
#include "session/unfinished.h"
#include "session/waits.h"

enum wake { WAKE_STOP, WAKE_CHILD, WAKE_TARGET, WAKE_FILES, WAKE_RAW };

struct session {
	struct session_opts o;
	struct programs programs;
	struct known known; /* until they are loaded */
	struct files *files;
	struct jitwatch *jitwatch;
	struct intake intake;
	struct profile *profile;
	struct recording *recording;
	struct kallsyms *kallsyms;
	pthread_t kallsyms_thread;
	bool kallsyms_started, kallsyms_done; /* done: written by its thread */
	struct governor governor;
	struct namer *namer; /* NULL when nothing is to be named */
	struct ring_buffer *sample_ring, *file_ring, *raw_ring;
	struct unfinished *unfinished; /* NULL when nothing is finished later */
	struct oracle_session *oracle; /* NULL when not asked for */
	struct waits *waits; /* NULL when the source counts no waits */
	struct child child;
	void *source; /* the source's own state */
	int epoll, stop_event;
	VEC(int) watches;    /* pidfds of named targets */
	size_t n_gone;
	uint64_t start, cpu_before;
	uint64_t next_flush, next_report; /* ns after the start */
	uint64_t next_count;  /* ns after the start: when the ledger is brought up to date for the viewer */
	uint64_t next_maps;   /* CLOCK_MONOTONIC ns: when the maps' sizes are asked for again */
	uint64_t next_view;   /* ns after the start: when the viewer is called at the latest */
	size_t viewed;        /* samples of the profile that the viewer has taken */
	struct renew renew;
	uint32_t drained;
	enum session_end end;
	bool over;
};

/* Everything but attaching: checks, targets, programs, maps, threads. 0 or -errno with a sentence; what was
 * made is in the session then, for session_free(). */
int session_open(struct session *s, struct err *e);
/* Takes announcements of files off their ring. */
void session_drain_files(void *ctx);

#endif
