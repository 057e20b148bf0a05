/* server.h - `waggle serve`: a small HTTP server over the live model (doc/api.md).
 *
 * Everything runs on the server's own threads: two that answer, one that watches the model and the clock.
 * Nothing here is ever called by, or waits for, the thread that captures; a slow or hostile reader costs its
 * own connection. Limits are constants in web_limits (below), so that tests and doc/api.md name the same.
 *
 * Ownership: the server borrows the models of its shelf; stop it before they die. Errors: 0 or -errno with a
 * sentence. Thread safety: web_server_new() and _free() from one thread.
 */
#ifndef WAGGLE_UI_WEB_SERVER_H
#define WAGGLE_UI_WEB_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ui/web/shelf.h"

enum web_limits {
	WEB_CONNECTIONS = 64,     /* at once; more are closed as they come */
	WEB_STREAMS = 16,         /* event streams among them */
	WEB_HEAD_BYTES = 16384,   /* of a request, with everything the library keeps for it */
	WEB_REQUEST_SECONDS = 5,  /* for a request to arrive whole */
	WEB_ANSWER_SECONDS = 60,  /* for its answer to be read */
	WEB_STALL_SECONDS = 10,   /* without one byte moving */
};

struct web_server;

struct web_opts {
	const char *bind; /* NULL = 127.0.0.1; an address of this machine, or 0.0.0.0 or :: */
	uint16_t port;    /* 0 = any */
	const char *const *hosts; /* more names it goes by, NULL-terminated; may be NULL */
};

int web_server_new(const struct web_opts *o, struct shelf *shelf, struct web_server **ret, struct err *e);
/* "http://127.0.0.1:8477/?token=..": what to open. Lives as long as the server. */
const char *web_server_url(const struct web_server *w);
/* An address that opens the page once, for who must not show the token; the one before it works no more. 0 or
 * -errno. From one thread. */
int web_server_link(struct web_server *w, char *ret, size_t size);
void web_server_free(struct web_server *w);

#endif
