/* places.c - who is connected, since when, and who has to go; see server_parts.h.
 *
 * The library ends connections on which nothing moves. Somebody who sends one byte every few seconds is not
 * caught by that, so requests and answers have a time in which they must be done. Nor does the library
 * notice that somebody left in the middle of a request. Sockets are shut down, not closed: the descriptor
 * stays the library's.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "ui/web/server_parts.h"

static struct web_place *place_new(struct web_server *w, struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct web_place *p = info ? calloc(1, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	p->fd = info->connect_fd;
	p->since = clock_mono_ns();
	pthread_mutex_lock(&w->lock);
	p->next = w->places;
	p->link = &w->places;
	if (p->next)
		p->next->link = &p->next;
	w->places = p;
	pthread_mutex_unlock(&w->lock);
	return p;
}

static void place_free(struct web_server *w, struct web_place *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&w->lock);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	pthread_mutex_unlock(&w->lock);
	free(p);
}

void web_place_notify(void *ctx, struct MHD_Connection *c, void **place,
		      enum MHD_ConnectionNotificationCode code)
{
	struct web_server *w = ctx;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*place = place_new(w, c);
	else
		place_free(w, *place);
}

void web_place_answers(struct web_server *w, struct web_place *p, bool answering, bool streaming)
{
	if (!p)
		return;
	pthread_mutex_lock(&w->lock);
	p->since = clock_mono_ns();
	p->answering = answering;
	p->streaming = streaming;
	pthread_mutex_unlock(&w->lock);
}

/* Has the other side gone, with nothing left to read? */
static bool place_is_left(const struct web_place *p)
{
	char byte;

	return !p->answering && recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* A stream may last: it is dropped when it falls behind (hub.h) or stalls. */
bool web_place_check(struct web_server *w, uint64_t now)
{
	bool any;

	pthread_mutex_lock(&w->lock);
	any = w->places;
	for (struct web_place *p = w->places; p; p = p->next) {
		uint64_t most = (p->answering ? WEB_ANSWER_SECONDS : WEB_REQUEST_SECONDS) * NSEC_PER_SEC;

		if (p->cut || p->streaming || (now - p->since < most && !place_is_left(p)))
			continue;
		shutdown(p->fd, SHUT_RDWR);
		p->cut = true;
	}
	pthread_mutex_unlock(&w->lock);
	return any;
}
