/* hub.c - the event stream; see hub.h.
 *
 * A listener with nothing to say sleeps (MHD_suspend_connection): the library would otherwise ask again and
 * again. It falls asleep and is woken under one lock, so no event is missed in between.
 */
#include "ui/web/hub.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ui/web/mhd.h"

enum { HUB_RING = 32, HUB_BLOCK = 4096 };

struct hub_text {
	int refs;
	size_t len;
	char data[];
};

struct listener {
	struct hub *hub;
	struct listener *next, **link;
	struct MHD_Connection *connection;
	struct hub_text *now; /* what is being sent, NULL for nothing */
	size_t at;
	uint64_t want; /* the number of the next event */
	bool asleep;
};

struct hub {
	pthread_mutex_t lock;
	struct hub_text *ring[HUB_RING];
	uint64_t told; /* events so far; number n is ring[n % HUB_RING] */
	struct listener *listeners;
	uint32_t n, most;
	bool closed;
};

struct hub *hub_new(uint32_t most)
{
	struct hub *h = calloc(1, sizeof(*h));

	if (h) {
		pthread_mutex_init(&h->lock, NULL);
		h->most = most;
	}
	return h;
}

static struct hub_text *hub_text_new(const void *data, size_t n)
{
	struct hub_text *t = malloc(sizeof(*t) + n);

	if (t) {
		t->refs = 1;
		t->len = n;
		memcpy(t->data, data, n);
	}
	return t;
}

static void hub_text_put(struct hub_text *t)
{
	if (t && !--t->refs)
		free(t);
}

void hub_free(struct hub *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < HUB_RING; i++)
		hub_text_put(h->ring[i]);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static void hub_wake(struct hub *h)
{
	for (struct listener *l = h->listeners; l; l = l->next) {
		if (l->asleep)
			MHD_resume_connection(l->connection);
		l->asleep = false;
	}
}

int hub_tell(struct hub *h, const char *name, const char *data, size_t n)
{
	struct buf b = { 0 };
	struct hub_text *t;

	buf_printf(&b, "event: %s\ndata: ", name);
	buf_put(&b, data, n);
	buf_puts(&b, "\n\n");
	t = b.err ? NULL : hub_text_new(b.data, b.len);
	buf_free(&b);
	if (!t)
		return -ENOMEM;
	pthread_mutex_lock(&h->lock);
	hub_text_put(h->ring[h->told % HUB_RING]);
	h->ring[h->told++ % HUB_RING] = t;
	hub_wake(h);
	pthread_mutex_unlock(&h->lock);
	return 0;
}

void hub_close(struct hub *h)
{
	pthread_mutex_lock(&h->lock);
	h->closed = true;
	hub_wake(h);
	pthread_mutex_unlock(&h->lock);
}

uint32_t hub_listeners(struct hub *h)
{
	uint32_t n;

	pthread_mutex_lock(&h->lock);
	n = h->n;
	pthread_mutex_unlock(&h->lock);
	return n;
}

/* Takes the next event; false when there is none yet, and `*ret_gone` when it was missed. */
static bool listener_next(struct listener *l, bool *ret_gone)
{
	struct hub *h = l->hub;

	hub_text_put(l->now);
	l->now = NULL;
	l->at = 0;
	*ret_gone = h->closed || h->told - l->want > HUB_RING;
	if (*ret_gone || l->want == h->told)
		return false;
	l->now = h->ring[l->want++ % HUB_RING];
	l->now->refs++;
	return true;
}

static ssize_t listener_read(void *ctx, uint64_t pos, char *to, size_t max)
{
	struct listener *l = ctx;
	ssize_t n = 0;
	bool gone = false;

	pthread_mutex_lock(&l->hub->lock);
	if ((l->now && l->at < l->now->len) || listener_next(l, &gone)) {
		n = (ssize_t)(l->now->len - l->at < max ? l->now->len - l->at : max);
		memcpy(to, l->now->data + l->at, (size_t)n);
		l->at += (size_t)n;
	} else if (gone) {
		n = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		l->asleep = true;
		MHD_suspend_connection(l->connection);
	}
	pthread_mutex_unlock(&l->hub->lock);
	return n;
}

static void listener_free(void *ctx)
{
	struct listener *l = ctx;
	struct hub *h = l->hub;

	pthread_mutex_lock(&h->lock);
	*l->link = l->next;
	if (l->next)
		l->next->link = l->link;
	h->n--;
	hub_text_put(l->now);
	pthread_mutex_unlock(&h->lock);
	free(l);
}

static bool hub_admit(struct hub *h, struct listener *l)
{
	bool ok;

	pthread_mutex_lock(&h->lock);
	ok = !h->closed && h->n < h->most;
	if (ok) {
		l->want = h->told;
		l->next = h->listeners;
		l->link = &h->listeners;
		if (l->next)
			l->next->link = &l->next;
		h->listeners = l;
		h->n++;
	}
	pthread_mutex_unlock(&h->lock);
	return ok;
}

struct MHD_Response *hub_listen(struct hub *h, struct MHD_Connection *c, const char *hello, size_t n)
{
	struct listener *l = calloc(1, sizeof(*l));
	struct MHD_Response *r = NULL;

	if (!l)
		return NULL;
	l->hub = h;
	l->connection = c;
	l->now = hub_text_new(hello, n);
	if (!l->now || !hub_admit(h, l)) {
		free(l->now);
		free(l);
		return NULL;
	}
	r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, HUB_BLOCK, listener_read, l, listener_free);
	if (!r)
		listener_free(l);
	return r;
}
