/* request.h - what a browser, or anyone, asks for: the address taken apart, and whether it may.
 *
 * Everything here is pure: bytes in, a verdict out, so that it can be tested and fuzzed without a
 * socket.
 * Paths are compared with the rows of routes.def as they came, byte by byte: nothing is decoded or
 * joined,
 * so no path can mean a file. Verdicts are HTTP status codes: 200 = go on.
 *
 * Why the checks: a page of another site can make the browser ask us (its name may even resolve to
 * 127.0.0.1: DNS rebinding). It cannot forge the Host and Origin headers, and it does not have the
 * token.
 *
 * Ownership: a request owns its copies; `guard` borrows its host names. Thread safe: no state.
 */
#ifndef WAGGLE_UI_WEB_REQUEST_H
#define WAGGLE_UI_WEB_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WEB_URI_MAX = 2048,  /* bytes of path and query; longer ones are refused with 414 */
	WEB_TEXT_MAX = 64,   /* bytes of a parameter, decoded, with its NUL */
	WEB_TOKEN_BYTES = 16, /* of randomness: 128 bits */
	WEB_TOKEN_MAX = 2 * WEB_TOKEN_BYTES + 1,
};

enum web_param {
#define ROW(id, name, type, least, most, help) PARAM_##id,
#include "ui/web/params.def"
#undef ROW
	PARAM_MAX
};

enum web_route_id {
#define ROW(id, path, guard, handler, help) ROUTE_##id,
#include "ui/web/routes.def"
#undef ROW
	ROUTE_MAX
};

struct web_request {
	enum web_route_id route; /* ROUTE_MAX: none */
	char ext[16];            /* of a route that takes one, with the dot: ".pb.gz" */
	bool has[PARAM_MAX];
	uint64_t number[PARAM_MAX];           /* NUMBER as it is, TIME in ns */
	char text[PARAM_MAX][WEB_TEXT_MAX];   /* TEXT */
};

/* Headers as they came; NULL where there is none. */
struct web_head {
	const char *method, *host, *origin, *fetch_site, *authorization;
	bool body; /* the request announces one */
};

struct web_guard {
	char token[WEB_TOKEN_MAX];
	char once[WEB_TOKEN_MAX]; /* opens the page once; "" = no more */
	/* Names this server goes by, NULL-terminated; IP literals without brackets. */
	const char *const *hosts;
};

/* Takes an address apart. 200, 400 (a parameter), 404 (no such path) or 414 (too long), with a sentence
 * in *ret_why (static). */
int web_request_parse(const char *uri, struct web_request *ret, const char **ret_why);
/* May it? 200, 400 (no host), 401 (token), 403 (host or origin), 405 (method) or 413 (a body). */
int web_guard_check(const struct web_guard *g, const struct web_request *r, const struct web_head *h,
		    const char **ret_why);
/* May it see the page once, without the token? Then not again. Only for what the check says 401 to. */
bool web_guard_once(struct web_guard *g, const struct web_request *r);
/* A new token from the kernel's random numbers. 0 or -errno. */
int web_guard_token(char ret[WEB_TOKEN_MAX]);

const char *web_param_name(enum web_param p);

#endif
