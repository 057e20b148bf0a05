/* server.c - listening, judging requests, sending replies; see server.h. */
#include "ui/web/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ui/web/server_parts.h"

/* -- replies --------------------------------------------------------------------------------------- */

static web_handler *const server_handlers[ROUTE_MAX] = {
#define ROW(id, path, guard, handler, help) [ROUTE_##id] = handler,
#include "ui/web/routes.def"
#undef ROW
};

/* The page is one document: its style and script carry this answer's nonce, everything else is forbidden. */
static void server_policy(struct MHD_Response *r, const struct web_reply *to)
{
	char policy[256] = "default-src 'none'; frame-ancestors 'none'; sandbox";

	if (*to->nonce)
		snprintf(policy, sizeof(policy),
			 "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; img-src data:; "
			 "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			 to->nonce, to->nonce);
	MHD_add_response_header(r, "Content-Security-Policy", policy);
}

static void server_headers(struct MHD_Response *r, const struct web_reply *to)
{
	static const char *const fixed[][2] = {
		{ "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
	};
	char save[128], took[48];

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		MHD_add_response_header(r, fixed[i][0], fixed[i][1]);
	server_policy(r, to);
	MHD_add_response_header(r, "Content-Type", to->type ? to->type : "text/plain; charset=utf-8");
	/* W3C Server Timing: milliseconds. Pages ask again the later, the more an answer takes. */
	if (to->cpu) {
		snprintf(took, sizeof(took), "cpu;dur=%.1f", (double)to->cpu / 1e6);
		MHD_add_response_header(r, "Server-Timing", took);
	}
	if (*to->location)
		MHD_add_response_header(r, "Location", to->location);
	if (*to->name) {
		snprintf(save, sizeof(save), "attachment; filename=\"%s\"", to->name);
		MHD_add_response_header(r, "Content-Disposition", save);
	}
}

static enum MHD_Result server_send(struct web_call *call, struct web_place *place, int status,
				   struct web_reply *to)
{
	struct MHD_Response *r = to->stream;
	enum MHD_Result done;
	size_t n;

	if (!r) {
		uint8_t *body = buf_take(&to->body, &n);

		r = MHD_create_response_from_buffer(n, body ? (void *)body : (void *)"",
						    body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
		if (!r) {
			free(body);
			return MHD_NO;
		}
	}
	server_headers(r, to);
	/* Who was refused should not go on asking on the same connection. */
	if (status >= 400)
		MHD_add_response_header(r, "Connection", "close");
	web_place_answers(call->server, place, true, to->stream);
	done = MHD_queue_response(call->connection, (unsigned)status, r);
	MHD_destroy_response(r);
	return done;
}

static int server_refuse(struct web_reply *to, int status, const char *why)
{
	to->type = NULL;
	*to->name = *to->nonce = 0;
	buf_reset(&to->body);
	buf_printf(&to->body, "%s\n", why);
	return status;
}

static int server_handle(struct web_call *call, struct web_reply *to)
{
	int status = server_handlers[call->request.route](call, to);

	if (status >= 400)
		return server_refuse(to, status, *to->why.text ? to->why.text : "it did not work");
	if (to->body.err)
		return server_refuse(to, 500, "out of memory");
	return status;
}

/* -- requests -------------------------------------------------------------------------------------- */

static const char *server_header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static int server_judge(struct web_call *call, const char *uri, const char *method, const char **why)
{
	struct MHD_Connection *c = call->connection;
	const char *length = server_header(c, "Content-Length"), *parse_why;
	const struct web_head head = {
		.method = method,
		.host = server_header(c, "Host"),
		.origin = server_header(c, "Origin"),
		.fetch_site = server_header(c, "Sec-Fetch-Site"),
		.authorization = server_header(c, "Authorization"),
		.body = server_header(c, "Transfer-Encoding") || (length && strcmp(length, "0")),
	};
	int parsed = web_request_parse(uri, &call->request, &parse_why);
	int status = web_guard_check(&call->server->guard, &call->request, &head, why);

	/* A broken address is said to those who may ask; others hear nothing but that they may not. */
	if (parsed != 200 && (status == 200 || parsed == 414)) {
		*why = parse_why;
		return parsed;
	}
	return status;
}

/* Arguments of programs are everybody's to see: a browser is started with a link that works once, and gets
 * the token by it. */
static bool server_lets_in(struct web_call *call, struct web_reply *to)
{
	struct web_server *w = call->server;
	bool may;

	pthread_mutex_lock(&w->lock);
	may = web_guard_once(&w->guard, &call->request);
	pthread_mutex_unlock(&w->lock);
	if (may)
		snprintf(to->location, sizeof(to->location), "/?token=%s", w->guard.token);
	return may;
}

/* The address as it was sent, before anybody decodes it. */
static void *server_uri(void *ctx, const char *uri, struct MHD_Connection *c)
{
	return strndup(uri, WEB_URI_MAX + 1);
}

static enum MHD_Result server_answer(void *ctx, struct MHD_Connection *c, const char *url,
				     const char *method, const char *version, const char *upload,
				     size_t *upload_size, void **state)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct web_call *call = calloc(1, sizeof(*call));
	struct web_reply to = { 0 };
	const char *why = "out of memory";
	uint64_t begun = clock_thread_cpu_ns();
	enum MHD_Result done;
	int status;

	if (!call || !*state) {
		free(call);
		return MHD_NO;
	}
	call->server = ctx;
	call->connection = c;
	shelf_looks_here(call->server->shelf);
	status = server_judge(call, *state, method, &why);
	if (status == 401 && server_lets_in(call, &to))
		status = 303;
	else
		status = status == 200 ? server_handle(call, &to) : server_refuse(&to, status, why);
	to.cpu = status == 200 ? clock_thread_cpu_ns() - begun : 0;
	done = server_send(call, info ? info->socket_context : NULL, status, &to);
	buf_free(&to.body);
	free(call);
	return done;
}

static void server_completed(void *ctx, struct MHD_Connection *c, void **state,
			     enum MHD_RequestTerminationCode how)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	free(*state);
	*state = NULL;
	web_place_answers(ctx, info ? info->socket_context : NULL, false, false);
}

/* -- listening ------------------------------------------------------------------------------------- */

union server_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int server_address(const struct web_opts *o, union server_address *ret, struct err *e)
{
	const char *text = o->bind ? o->bind : "127.0.0.1";

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
		ret->any.sa_family = AF_INET;
		ret->v4.sin_port = htons(o->port);
	} else if (inet_pton(AF_INET6, text, &ret->v6.sin6_addr) == 1) {
		ret->any.sa_family = AF_INET6;
		ret->v6.sin6_port = htons(o->port);
	} else {
		return err_set(e, -EINVAL, "'%s' is no address to listen on (127.0.0.1, ::1, 0.0.0.0 ..)",
			       text);
	}
	return 0;
}

/* The loopback names always (ssh -L ends there), the address it listens on, and what was given. */
static int server_hosts(struct web_server *w, const struct web_opts *o)
{
	static const char *const loopback[] = { "127.0.0.1", "localhost", "::1" };
	size_t more = 0, n = 0, at = 0;

	while (o->hosts && o->hosts[more])
		more++;
	for (size_t i = 0; i < sizeof(loopback) / sizeof(*loopback); i++)
		buf_put(&w->hosts, loopback[i], strlen(loopback[i]) + 1);
	if (o->bind)
		buf_put(&w->hosts, o->bind, strlen(o->bind) + 1);
	for (size_t i = 0; i < more; i++)
		buf_put(&w->hosts, o->hosts[i], strlen(o->hosts[i]) + 1);
	w->host_list = calloc(more + 5, sizeof(*w->host_list));
	if (w->hosts.err || !w->host_list)
		return -ENOMEM;
	for (; at < w->hosts.len; at += strlen(w->host_list[n++]) + 1)
		w->host_list[n] = (const char *)w->hosts.data + at;
	w->guard.hosts = w->host_list;
	return 0;
}

static int server_listen(struct web_server *w, const union server_address *at, struct err *e)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
			 (at->any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0);

	errno = 0;
	w->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, server_answer, w, MHD_OPTION_SOCK_ADDR, &at->any,
		MHD_OPTION_URI_LOG_CALLBACK, server_uri, w, MHD_OPTION_NOTIFY_COMPLETED, server_completed, w,
		MHD_OPTION_NOTIFY_CONNECTION, web_place_notify, w, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)WEB_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)WEB_HEAD_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)WEB_STALL_SECONDS, MHD_OPTION_THREAD_POOL_SIZE, 2u,
		MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)WEB_CONNECTIONS, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_END);
	if (w->daemon)
		return 0;
	return err_set(e, errno ? -errno : -EIO, "cannot listen on port %u: %s",
		       ntohs(at->v4.sin_port), errno ? strerror(errno) : "the server did not start");
}

static void server_url(struct web_server *w, const struct web_opts *o)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_BIND_PORT);
	const char *host = o->bind ? o->bind : "127.0.0.1";
	bool v6 = strchr(host, ':');

	if (!strcmp(host, "0.0.0.0"))
		host = "127.0.0.1";
	snprintf(w->page, sizeof(w->page), "http://%s%s%s:%u/", v6 ? "[" : "",
		 strcmp(host, "::") ? host : "::1", v6 ? "]" : "", info ? info->port : 0);
	snprintf(w->url, sizeof(w->url), "%s?token=%s", w->page, w->guard.token);
}

int web_server_new(const struct web_opts *o, struct shelf *shelf, struct web_server **ret, struct err *e)
{
	struct web_server *w = calloc(1, sizeof(*w));
	union server_address at;
	int rc = mhd_load(e);

	if (!rc)
		rc = server_address(o, &at, e);
	if (!rc && !w)
		rc = -ENOMEM;
	if (!rc) {
		pthread_mutex_init(&w->lock, NULL);
		w->shelf = shelf;
		w->hub = hub_new(WEB_STREAMS);
		rc = w->hub ? server_hosts(w, o) : -ENOMEM;
	}
	if (!rc)
		rc = web_guard_token(w->guard.token);
	if (!rc)
		rc = server_listen(w, &at, e);
	if (!rc)
		rc = web_watch_start(w);
	if (rc) {
		web_server_free(w);
		return e && e->code ? rc : err_set(e, rc, "cannot start the server: %s", strerror(-rc));
	}
	server_url(w, o);
	*ret = w;
	return 0;
}

const char *web_server_url(const struct web_server *w)
{
	return w->url;
}

int web_server_link(struct web_server *w, char *ret, size_t size)
{
	char once[WEB_TOKEN_MAX];
	int rc = web_guard_token(once);

	if (rc)
		return rc;
	pthread_mutex_lock(&w->lock);
	memcpy(w->guard.once, once, sizeof(once));
	pthread_mutex_unlock(&w->lock);
	return (size_t)snprintf(ret, size, "%s?once=%s", w->page, once) < size ? 0 : -ENOSPC;
}

void web_server_free(struct web_server *w)
{
	if (!w)
		return;
	web_watch_stop(w);
	if (w->hub)
		hub_close(w->hub);
	if (w->daemon)
		MHD_stop_daemon(w->daemon);
	hub_free(w->hub);
	buf_free(&w->hosts);
	free(w->host_list);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
