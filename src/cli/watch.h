/* watch.h - looking on while a capture runs: the live model, and who shows it.
 *
 * The capture stays on the main thread; what is shown has threads of its own and sees only the
 * model. When the capture ends by itself, what it found stays on the screen until the user leaves.
 *
 * Ownership: watch_end(). Errors: 0 or -errno with a sentence. Thread safety: main thread.
 */
#ifndef WAGGLE_CLI_WATCH_H
#define WAGGLE_CLI_WATCH_H

#include <pthread.h>

#include "cli/capture_options.h"
#include "live/live.h"
#include "session/session.h"

struct watch {
	struct live *live;     /* NULL: nobody looks on */
	struct session_viewer viewer;
	bool tui, tui_runs;
	struct serve *serve;   /* the live page; NULL when there is none */
	bool stay;             /* the page stays when the capture has ended by itself */
	const char *title;     /* borrowed */
	int child, child_tty;  /* both ends of the command's terminal; -1 and 0 = it has ours */
	bool *leave;     /* set by a signal handler: everything is to end */
	pthread_t tui_thread;
	pthread_mutex_t lock;
	struct session *session; /* under the lock; NULL when there is none to stop */
	struct err error;      /* of the terminal */
};

struct watch_opts {
	const struct capture_cli *cli;
	const struct profile_filter *filter; /* what everybody who looks sees a part by, until watch_end() */
	const char *title;
	bool command; /* there is one, which needs a terminal of its own where ours is taken */
	bool *leave;  /* borrowed, as everything here */
};

/* Checks that what was asked for can work here, and makes the model. */
int watch_begin(struct watch *w, const struct watch_opts *o, struct err *e);
/* For session_opts.viewer; NULL when nobody looks on. */
const struct session_viewer *watch_viewer(struct watch *w);
/* The capture is about to run: shows it. Whoever looks on may stop the session from here on. */
int watch_start(struct watch *w, struct session *s, struct err *e);
/* The session is about to be freed. */
void watch_capture_ended(struct watch *w);
/* Waits until the user has left (`wait`), or sends everybody away; then frees everything. The
 * terminal's error, if it had one. */
int watch_end(struct watch *w, bool wait, struct err *e);

/* A finished profile, shown until the user leaves. */
int watch_file(const struct profile *p, const char *title, bool *leave, struct err *e);

#endif
