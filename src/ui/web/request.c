/* request.c - addresses taken apart and judged; see request.h. */
#include "ui/web/request.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/clock.h"

enum web_param_type { TEXT, NUMBER, TIME };

struct web_param_row {
	const char *name;
	enum web_param_type type;
	uint64_t least, most; /* of a text: bytes */
};

static const struct web_param_row request_params[PARAM_MAX] = {
#define ROW(id, name, type, least, most, help) [PARAM_##id] = {name, type, least, most},
#include "ui/web/params.def"
#undef ROW
};

enum web_route_guard { OPEN, GUARDED };

struct web_route_row {
	const char *path;
	enum web_route_guard guard;
};

static const struct web_route_row request_routes[ROUTE_MAX] = {
#define ROW(id, path, guard, handler, help) [ROUTE_##id] = {path, guard},
#include "ui/web/routes.def"
#undef ROW
};

const char *web_param_name(enum web_param p)
{
	return request_params[p].name;
}

/* -- the path -------------------------------------------------------------------------------------- */

static bool request_ext(const char *text, size_t n, struct web_request *r)
{
	if (!n || n + 2 > sizeof(r->ext))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!islower((unsigned char)text[i]) && !isdigit((unsigned char)text[i]) &&
		    (text[i] != '.' || !i || i + 1 == n))
			return false;
	r->ext[0] = '.';
	memcpy(r->ext + 1, text, n);
	r->ext[n + 1] = 0;
	return true;
}

static bool request_route(const char *path, size_t n, struct web_request *r)
{
	for (int i = 0; i < ROUTE_MAX; i++) {
		const char *want = request_routes[i].path;
		size_t len = strlen(want);
		bool prefix = want[len - 1] == '.';

		if (n < len || memcmp(path, want, len) || (n != len && !prefix))
			continue;
		if (prefix && !request_ext(path + len, n - len, r))
			return false;
		r->route = (enum web_route_id)i;
		return true;
	}
	return false;
}

/* -- the query ------------------------------------------------------------------------------------- */

static int request_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%2f" and "+" decoded; control characters and what does not fit are refused. */
static bool request_decode(const char *s, size_t n, char *to, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)s[i];

		if (c == '%') {
			int high = n - i < 3 ? -1 : request_hex(s[i + 1]);
			int low = high < 0 ? -1 : request_hex(s[i + 2]);

			if (low < 0)
				return false;
			c = high << 4 | low;
			i += 2;
		} else if (c == '+') {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f || len + 1 >= size)
			return false;
		to[len++] = (char)c;
	}
	to[len] = 0;
	return true;
}

static bool request_number(const char *text, const struct web_param_row *row, uint64_t *ret)
{
	uint64_t v = 0;

	for (const char *s = text; *s; s++) {
		if (*s < '0' || *s > '9' || s - text >= 10)
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	*ret = v;
	return *text && v >= row->least && v <= row->most;
}

static const char *request_value(struct web_request *r, int p, const char *value, size_t n)
{
	const struct web_param_row *row = &request_params[p];
	char text[WEB_TEXT_MAX];

	if (r->has[p])
		return "a parameter is given twice";
	if (!request_decode(value, n, text, sizeof(text)))
		return "a parameter is too long or not encoded as it should be";
	r->has[p] = true;
	switch (row->type) {
	case TEXT:
		memcpy(r->text[p], text, sizeof(text));
		return strlen(text) >= row->least && strlen(text) <= row->most
			       ? NULL : "a parameter is too short or too long";
	case NUMBER:
		return request_number(text, row, &r->number[p]) ? NULL : "a number is none, or out of range";
	case TIME:
		return duration_parse(text, &r->number[p]) ? "a time is none (2s, 500ms, 1.5)" : NULL;
	}
	return "no such parameter";
}

static const char *request_param(struct web_request *r, const char *s, size_t n)
{
	const char *equals = memchr(s, '=', n);
	size_t len = equals ? (size_t)(equals - s) : n;

	for (int p = 0; p < PARAM_MAX; p++)
		if (strlen(request_params[p].name) == len && !memcmp(s, request_params[p].name, len))
			return request_value(r, p, equals ? equals + 1 : s + n,
					     equals ? n - len - 1 : 0);
	return "there is no such parameter; doc/api.md lists them";
}

/* Parameters that exclude or order each other. */
static const char *request_sense(const struct web_request *r)
{
	if (r->has[PARAM_LAST] && (r->has[PARAM_FROM] || r->has[PARAM_TO]))
		return "last excludes from and to";
	if (r->has[PARAM_TO] && r->number[PARAM_TO] <= r->number[PARAM_FROM])
		return "to must be later than from";
	return NULL;
}

int web_request_parse(const char *uri, struct web_request *r, const char **ret_why)
{
	size_t len = strnlen(uri, WEB_URI_MAX + 1), path = strcspn(uri, "?");
	const char *why = NULL;

	memset(r, 0, sizeof(*r));
	r->route = ROUTE_MAX;
	*ret_why = "";
	if (len > WEB_URI_MAX) {
		*ret_why = "the address is too long";
		return 414;
	}
	if (!request_route(uri, path, r)) {
		*ret_why = "there is nothing here";
		return 404;
	}
	for (const char *s = uri + path; *s && !why;) {
		size_t n = strcspn(++s, "&");

		if (n)
			why = request_param(r, s, n);
		s += n;
	}
	if (!why)
		why = request_sense(r);
	if (why)
		*ret_why = why;
	return why ? 400 : 200;
}

/* -- the guard ------------------------------------------------------------------------------------- */

int web_guard_token(char ret[WEB_TOKEN_MAX])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t random[WEB_TOKEN_BYTES];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	for (size_t i = 0; i < sizeof(random); i++) {
		ret[2 * i] = digits[random[i] >> 4];
		ret[2 * i + 1] = digits[random[i] & 15];
	}
	ret[2 * sizeof(random)] = 0;
	return 0;
}

/* Is `given` the token? Always takes as long, whatever the first difference is. */
static bool guard_same(const char *token, const char *given)
{
	size_t n = strlen(token), m = strlen(given);
	unsigned differ = m != n;

	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)token[i] ^ (unsigned char)given[i < m ? i : m];
	return !differ && n;
}

bool web_guard_once(struct web_guard *g, const struct web_request *r)
{
	bool may = r->route == ROUTE_PAGE && r->has[PARAM_ONCE] && guard_same(g->once, r->text[PARAM_ONCE]);

	if (may)
		*g->once = 0;
	return may;
}

static bool guard_token(const struct web_guard *g, const struct web_request *r, const struct web_head *h)
{
	if (h->authorization && !strncasecmp(h->authorization, "Bearer ", 7))
		return guard_same(g->token, h->authorization + 7);
	return r->has[PARAM_TOKEN] && guard_same(g->token, r->text[PARAM_TOKEN]);
}

/* The name in "name", "name:port", "[::1]:port"; the port is not compared, because a tunnel (ssh -L) may
 * use another one and a name that rebinds is wrong with any port. 0 when it is none of these. */
static size_t guard_host_name(const char *host, const char **ret)
{
	const char *end, *port;

	*ret = host;
	if (*host == '[') {
		*ret = host + 1;
		end = strchr(host, ']');
		port = end ? end + 1 : NULL;
	} else {
		end = port = host + strcspn(host, ":");
	}
	if (!end || (*port && (*port != ':' || strlen(port) > 6 ||
			       strspn(port + 1, "0123456789") != strlen(port + 1))))
		return 0;
	return (size_t)(end - *ret);
}

static bool guard_host(const struct web_guard *g, const char *host)
{
	const char *name;
	size_t n = guard_host_name(host, &name);

	for (size_t i = 0; n && g->hosts[i]; i++)
		if (strlen(g->hosts[i]) == n && !strncasecmp(name, g->hosts[i], n))
			return true;
	return false;
}

/* The page's own requests say either nothing, or exactly where the page came from. */
static bool guard_origin(const struct web_head *h)
{
	static const char scheme[] = "http://";

	return !h->origin || (!strncasecmp(h->origin, scheme, sizeof(scheme) - 1) &&
			      !strcasecmp(h->origin + sizeof(scheme) - 1, h->host));
}

/* Only the page itself may be come to from elsewhere: by a link that has the token. */
static bool guard_site(const struct web_request *r, const struct web_head *h)
{
	return !h->fetch_site || r->route == ROUTE_PAGE || !strcmp(h->fetch_site, "same-origin") ||
	       !strcmp(h->fetch_site, "none");
}

int web_guard_check(const struct web_guard *g, const struct web_request *r, const struct web_head *h,
		    const char **ret_why)
{
	int status = 200;

	*ret_why = "";
	if (!h->host)
		status = 400, *ret_why = "there is no Host header";
	else if (!guard_host(g, h->host))
		status = 403, *ret_why = "this server does not go by that name";
	else if (!guard_origin(h) || !guard_site(r, h))
		status = 403, *ret_why = "another site has no business here";
	else if (strcmp(h->method, "GET") && strcmp(h->method, "HEAD"))
		status = 405, *ret_why = "only GET";
	else if (h->body)
		status = 413, *ret_why = "no request has a body here";
	else if ((r->route == ROUTE_MAX || request_routes[r->route].guard == GUARDED) &&
		 !guard_token(g, r, h))
		status = 401, *ret_why = "the token is missing or wrong: use the address that was printed";
	return status;
}
