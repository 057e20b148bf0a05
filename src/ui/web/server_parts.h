/* server_parts.h - what the server's files share. Private to src/ui/web.
 *
 * A handler fills a reply and returns an HTTP status; text in `why` becomes the body of a refusal.
 * Handlers run
 * on the server's threads, several at once: they only read the server and take snapshots.
 */
#ifndef WAGGLE_UI_WEB_SERVER_PARTS_H
#define WAGGLE_UI_WEB_SERVER_PARTS_H

#include <pthread.h>

#include "base/buf.h"
#include "ui/web/hub.h"
#include "ui/web/mhd.h"
#include "ui/web/request.h"
#include "ui/web/server.h"

struct web_reply {
	struct buf body;
	const char *type;            /* static */
	char name[64];               /* to save as; "" = shown */
	char location[WEB_TOKEN_MAX + 16]; /* go there; "" = stay */
	char nonce[WEB_TOKEN_MAX];   /* of the page: its own style and script may run, nothing else */
	struct MHD_Response *stream; /* instead of a body */
	uint64_t cpu;                /* ns it took to make */
	struct err why;
};

struct web_call {
	struct web_server *server;
	struct MHD_Connection *connection;
	struct web_request request;
};

struct web_place { /* a connection */
	struct web_place *next, **link;
	int fd;
	uint64_t since; /* CLOCK_MONOTONIC ns: waits for a request, or answers one, since then */
	bool answering, streaming, cut;
};

struct web_server {
	struct MHD_Daemon *daemon;
	struct shelf *shelf;
	struct hub *hub;
	struct web_guard guard;
	struct buf hosts; /* the names, one after the other with their NULs */
	const char **host_list;
	char page[80], url[128]; /* without the token, and with it */
	pthread_mutex_t lock;    /* of the places, and of the guard's link */
	struct web_place *places;
	pthread_t watcher;
	bool watching;
	int stop[2]; /* a pipe: its end tells the watcher to go */
};

typedef int web_handler(struct web_call *call, struct web_reply *to);

#define ROW(id, path, guard, handler, help) web_handler handler;
#include "ui/web/routes.def"
#undef ROW

/* watch.c: the thread that looks at the model and the clock. 0 or -errno. */
int web_watch_start(struct web_server *w);
void web_watch_stop(struct web_server *w);
/* What the model is like now, as one JSON object on one line. 0 or -errno. */
int web_watch_state(struct live *l, struct buf *to);

/* places.c: who is connected. */
void web_place_notify(void *ctx, struct MHD_Connection *c, void **place,
		      enum MHD_ConnectionNotificationCode code);
void web_place_answers(struct web_server *w, struct web_place *p, bool answering, bool streaming);
/* Cuts those whose time is up and those who left. Is anybody connected? */
bool web_place_check(struct web_server *w, uint64_t now);

#endif
