/* watch.c - the model, the terminal user interface's thread, and the command's own terminal; see
 * watch.h. */
#include "cli/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "ui/tui/tui.h"

#define WATCH_PATIENCE (UINT64_C(10) * NSEC_PER_SEC) /* since the last look: nobody looks any more */

/* A terminal for the command: programs then write line by line, as they do for people. */
static int watch_open_terminal(struct watch *w, struct err *e)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), theirs = -1;

	if (ours >= 0 && !grantpt(ours) && !unlockpt(ours))
		theirs = open(ptsname(ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (theirs < 0) {
		int code = -errno;

		if (ours >= 0)
			close(ours);
		return err_set(e, code, "cannot make a terminal for the command: %s",
			       strerror(-code));
	}
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	ioctl(theirs, TIOCSWINSZ, &size);
	fcntl(ours, F_SETFL, O_NONBLOCK);
	w->child = ours;
	w->child_tty = theirs;
	return 0;
}

int watch_begin(struct watch *w, const struct watch_opts *o, struct err *e)
{
	const struct capture_cli *cli = o->cli;
	struct live_opts lo = { .filter = o->filter };
	int code = 0;

	*w = (struct watch){
		.tui = cli->tui, .stay = cli->stay, .title = o->title, .child = -1, .leave = o->leave,
	};
	pthread_mutex_init(&w->lock, NULL);
	if (!w->tui && !cli->serve.serve)
		return 0;
	if (w->tui)
		code = tui_possible(e);
	if (!code && w->tui && o->command)
		code = watch_open_terminal(w, e);
	if (!code && live_new(&lo, &w->live))
		code = err_set(e, -ENOMEM, "out of memory");
	return code ? code : serve_begin(&cli->serve, w->live, &w->serve, e);
}

static size_t watch_take(void *ctx, const struct session_live *now)
{
	struct live_round r = { now->profile, now->first, now->elapsed };

	if (!now->over)
		return live_take(ctx, &r);
	/* Without memory for it the views keep what they had by then. */
	return now->all ? (live_fill(ctx, now->profile), 0) : (live_end(ctx, &r), 0);
}

static uint64_t watch_spent(void *ctx)
{
	return live_all_spent(ctx);
}

static bool watch_looks(void *ctx)
{
	return clock_mono_ns() - live_looked(ctx) < WATCH_PATIENCE;
}

static bool watch_renew(void *ctx)
{
	return live_renew(ctx);
}

static int watch_renewed(void *ctx, struct renewal *r)
{
	return live_renewed(ctx, r);
}

const struct session_viewer *watch_viewer(struct watch *w)
{
	w->viewer = (struct session_viewer){
		watch_take, watch_spent, watch_looks, watch_renew, watch_renewed, w->live,
	};
	return w->live ? &w->viewer : NULL;
}

static void watch_user_left(void *ctx)
{
	struct watch *w = ctx;

	pthread_mutex_lock(&w->lock);
	if (w->session)
		session_stop(w->session);
	pthread_mutex_unlock(&w->lock);
}

static void *watch_show(void *arg)
{
	struct watch *w = arg;
	struct tui_opts o = {
		.live = w->live,
		.title = w->title,
		/* The views hide what was printed before: they tell the page's address themselves. */
		.page = w->serve ? serve_url(w->serve) : NULL,
		.child = w->child,
		.left = watch_user_left,
		.ctx = w,
		.leave = w->leave,
	};

	tui_run(&o, &w->error);
	return NULL;
}

int watch_start(struct watch *w, struct session *s, struct err *e)
{
	sigset_t all, before;
	int code;

	if (!w->tui)
		return 0;
	w->session = s;
	if (w->child_tty > 0) { /* the command has it by now */
		close(w->child_tty);
		w->child_tty = 0;
	}
	sigfillset(&all); /* signals are the main thread's */
	sigdelset(&all, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	code = pthread_create(&w->tui_thread, NULL, watch_show, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->tui_runs = !code;
	return code ? err_set(e, -code, "cannot start a thread: %s", strerror(code)) : 0;
}

void watch_capture_ended(struct watch *w)
{
	pthread_mutex_lock(&w->lock);
	w->session = NULL;
	pthread_mutex_unlock(&w->lock);
}

int watch_end(struct watch *w, bool wait, struct err *e)
{
	if (!wait)
		__atomic_store_n(w->leave, true, __ATOMIC_RELEASE);
	if (w->tui_runs)
		pthread_join(w->tui_thread, NULL);
	else if (w->stay)
		serve_wait(w->leave);
	serve_end(w->serve);
	if (w->child >= 0)
		close(w->child);
	if (w->child_tty > 0)
		close(w->child_tty);
	live_free(w->live);
	pthread_mutex_destroy(&w->lock);
	if (w->error.code && e)
		*e = w->error;
	return w->error.code;
}

int watch_file(const struct profile *p, const char *title, bool *leave, struct err *e)
{
	struct live_opts lo = { .whole = true };
	struct tui_opts o = { .title = title, .child = -1, .leave = leave };
	int code = tui_possible(e);

	if (!code && (live_new(&lo, &o.live) || live_fill(o.live, p)))
		code = err_set(e, -ENOMEM, "out of memory");
	if (!code)
		code = tui_run(&o, e);
	live_free(o.live);
	return code;
}
