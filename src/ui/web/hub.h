/* hub.h - the event stream (SSE): one that tells, any number that listen, nobody who waits.
 *
 * Events are numbered and kept in a ring of the last few. A listener has only the number of the next one it
 * wants; one that fell behind the ring is told to go (its stream ends, its browser comes again). Telling
 * never waits for a listener.
 *
 * Ownership: hub_free() after the daemon has stopped. Thread safety: everything from any thread.
 */
#ifndef WAGGLE_UI_WEB_HUB_H
#define WAGGLE_UI_WEB_HUB_H

#include <stddef.h>
#include <stdint.h>

struct MHD_Connection;
struct MHD_Response;
struct hub;

struct hub *hub_new(uint32_t most); /* listeners at once; NULL when out of memory */
void hub_free(struct hub *h);
/* "event: NAME\ndata: DATA\n\n" to everybody. `data` holds no line ends. -ENOMEM: nobody was told. */
int hub_tell(struct hub *h, const char *name, const char *data, size_t n);
/* A response that streams from the next event on; `hello` is sent first. NULL: too many, or no memory. */
struct MHD_Response *hub_listen(struct hub *h, struct MHD_Connection *c, const char *hello, size_t n);
uint32_t hub_listeners(struct hub *h);
/* Ends all streams, for stopping the daemon: connections that sleep keep it from ending. */
void hub_close(struct hub *h);

#endif
