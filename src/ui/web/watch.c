/* watch.c - the thread that tells listeners what is new and looks after the clock; see server_parts.h.
 *
 * While nobody is connected it only wakes once a second. Listeners are told at most ten times a
 * second, and once a second when nothing changes, so that everybody knows that the line is alive.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "ui/web/server_parts.h"

enum { WATCH_LEAST_MS = 100, WATCH_MS = 350, WATCH_IDLE_MS = 1000 };

static const char *const watch_phases[] = {
	[LIVE_WAITING] = "waiting", [LIVE_RUNNING] = "running", [LIVE_ENDED] = "ended",
};

int web_watch_state(struct live *l, struct buf *to)
{
	struct live_state s;

	live_state(l, &s);
	buf_printf(to,
		   "{\"phase\":\"%s\",\"generation\":%" PRIu64 ",\"elapsed\":%" PRIu64
		   ",\"since\":%" PRIu64 ",\"exact_from\":%" PRIu64 ",\"grain\":%" PRIu64
		   ",\"samples\":%" PRIu64 ",\"forgotten\":%" PRIu64 ",\"bytes\":%zu}",
		   watch_phases[s.phase], s.generation, s.elapsed, s.since, s.exact_from, s.grain,
		   s.samples, s.forgotten, s.bytes);
	return to->err;
}

static void watch_tell(struct web_server *w, const char *event)
{
	struct live *l;
	struct buf b = { 0 };

	if (shelf_open(w->shelf, 0, &l, NULL))
		return;
	if (!web_watch_state(l, &b))
		hub_tell(w->hub, event, (const char *)b.data, b.len);
	buf_free(&b);
	shelf_release(w->shelf, l);
}

/* "changed" when a snapshot would show something else, "tick" otherwise. */
static void watch_look(struct web_server *w, uint64_t *seen, uint64_t *told, uint64_t now)
{
	struct live_state s = { 0 };
	struct live *l;

	if (shelf_is_live(w->shelf) && !shelf_open(w->shelf, 0, &l, NULL)) {
		live_state(l, &s);
		shelf_release(w->shelf, l);
	}
	if (s.generation == *seen && now - *told < NSEC_PER_SEC)
		return;
	if (shelf_is_live(w->shelf))
		watch_tell(w, s.generation == *seen ? "tick" : "changed");
	else
		hub_tell(w->hub, "tick", "{}", 2);
	*seen = s.generation;
	*told = now;
}

/* Sleeps until there may be something to do. With listeners the model itself wakes us, so that
 * they hear at once. */
static void watch_sleep(struct web_server *w, bool busy, uint64_t seen)
{
	struct pollfd stop = { .fd = w->stop[0], .events = POLLIN };
	bool heard = hub_listeners(w->hub) && shelf_is_live(w->shelf);
	struct live *l;

	poll(&stop, 1, heard ? WATCH_LEAST_MS : busy ? WATCH_MS : WATCH_IDLE_MS);
	if (heard && !stop.revents && !shelf_open(w->shelf, 0, &l, NULL)) {
		live_wait(l, seen, WATCH_MS - WATCH_LEAST_MS);
		shelf_release(w->shelf, l);
	}
}

static void *watch_run(void *ctx)
{
	struct web_server *w = ctx;
	uint64_t seen = 0, told = 0;
	bool busy = false;

	shelf_looks_here(w->shelf);
	for (;;) {
		struct pollfd stop = { .fd = w->stop[0], .events = POLLIN };

		watch_sleep(w, busy, seen);
		if (poll(&stop, 1, 0) > 0)
			return NULL;
		busy = web_place_check(w, clock_mono_ns());
		if (hub_listeners(w->hub))
			watch_look(w, &seen, &told, clock_mono_ns());
	}
}

int web_watch_start(struct web_server *w)
{
	int rc;

	if (pipe(w->stop) < 0)
		return -errno;
	rc = -pthread_create(&w->watcher, NULL, watch_run, w);
	w->watching = !rc;
	if (rc) {
		close(w->stop[0]);
		close(w->stop[1]);
	}
	return rc;
}

void web_watch_stop(struct web_server *w)
{
	if (!w->watching)
		return;
	w->watching = false;
	close(w->stop[1]);
	pthread_join(w->watcher, NULL);
	close(w->stop[0]);
}
