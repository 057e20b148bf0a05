/* serve.c - the live page of a command; see serve.h. */
#include "cli/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ui/web/server.h"

extern char **environ;

struct serve {
	struct shelf *shelf;
	struct web_server *server;
};

#define AT(field) offsetof(struct serve_opts, field)
#define HOW_OPTIONS                                                                                    \
	{ "port", 0, OPTION_U32, AT(port), "PORT", "port of the page (default 0: any that is free)",   \
	  .max = 65535, .group = "Live page" },                                                        \
	{ "bind", 0, OPTION_TEXT, AT(bind), "ADDR",                                                    \
	  "address the page listens on (default 127.0.0.1: only this machine; from elsewhere use "     \
	  "ssh -L)" },                                                                                 \
	{ "host", 0, OPTION_TEXTS, AT(hosts), "NAME",                                                  \
	  "a name the page may be called by, beside its address and localhost; may be repeated" },     \
	{ "open", 0, OPTION_FLAG, AT(open), NULL, "open the page in a browser" },                      \
	{ NULL }

const struct option_row serve_how_options[] = { HOW_OPTIONS };
const struct option_row serve_options[] = {
	{ "serve", 0, OPTION_FLAG, AT(serve), NULL, "show the capture as a live page while it goes on",
	  .group = "Live page" },
	HOW_OPTIONS,
};
#undef AT

int serve_check(const struct serve_opts *o, struct err *e)
{
	if (!o->serve && (o->port || o->bind || o->open || o->hosts.list.n))
		return err_set(e, -EINVAL, "--port, --bind, --host and --open need --serve");
	return 0;
}

/* -- the browser ----------------------------------------------------------------------------------- */

static bool serve_can_show(void)
{
	return getenv("DISPLAY") || getenv("WAYLAND_DISPLAY") || getenv("BROWSER");
}

/* Nobody is left behind as a zombie, and nobody waits for a browser to be closed. */
static void *serve_reap(void *pid)
{
	waitpid((pid_t)(intptr_t)pid, NULL, 0);
	return NULL;
}

static void serve_spawn(char *const *argv)
{
	posix_spawn_file_actions_t quiet;
	pthread_attr_t detached;
	pthread_t thread;
	pid_t pid;
	int rc;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&quiet);
	if (rc) {
		fprintf(stderr, "waggle: cannot start a browser (%s): %s\n", argv[0], strerror(rc));
		return;
	}
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_create(&thread, &detached, serve_reap, (void *)(intptr_t)pid); /* else our end reaps it */
	pthread_attr_destroy(&detached);
}

/* A browser started by root would run as root: sudo tells whose desktop it is. */
static void serve_open(struct web_server *server)
{
	const char *browser = getenv("BROWSER"), *user = getuid() ? NULL : getenv("SUDO_USER");
	char *argv[8] = { 0 }, link[128];
	size_t n = 0;

	if (!serve_can_show()) {
		fprintf(stderr, "waggle: there is no display to open a browser on\n");
		return;
	}
	if (web_server_link(server, link, sizeof(link))) {
		fprintf(stderr, "waggle: cannot make a link for a browser: use the address above\n");
		return;
	}
	if (user) {
		argv[n++] = "sudo";
		argv[n++] = "-u";
		argv[n++] = (char *)user;
		argv[n++] = "--preserve-env=DISPLAY,WAYLAND_DISPLAY,XAUTHORITY,BROWSER,DBUS_SESSION_BUS_ADDRESS";
	}
	argv[n++] = browser ? (char *)browser : "xdg-open";
	argv[n++] = link;
	serve_spawn(argv);
}

/* -- the server ------------------------------------------------------------------------------------ */

static int serve_start(const struct serve_opts *o, struct serve *s, struct err *e)
{
	size_t n = o->hosts.list.n;
	const char **hosts = calloc(n + 1, sizeof(*hosts));
	const struct web_opts web = { .bind = o->bind, .port = (uint16_t)o->port, .hosts = hosts };
	int rc = hosts ? 0 : -ENOMEM;

	for (size_t i = 0; hosts && i < n; i++)
		hosts[i] = o->hosts.list.at[i];
	if (!rc)
		rc = web_server_new(&web, s->shelf, &s->server, e);
	free(hosts);
	if (rc)
		return rc;
	fprintf(stderr, "waggle: live page at %s\n", web_server_url(s->server));
	if (o->open)
		serve_open(s->server);
	return 0;
}

static int serve_new(const struct serve_opts *o, struct shelf *shelf, struct serve **ret, struct err *e)
{
	struct serve *s = calloc(1, sizeof(*s));
	int rc = s ? 0 : err_set(e, -ENOMEM, "out of memory");

	if (!s) {
		shelf_free(shelf);
		return rc;
	}
	s->shelf = shelf;
	rc = serve_start(o, s, e);
	if (rc) {
		serve_end(s);
		return rc;
	}
	*ret = s;
	return 0;
}

int serve_begin(const struct serve_opts *o, struct live *live, struct serve **ret, struct err *e)
{
	struct shelf *shelf;

	*ret = NULL;
	if (!o->serve)
		return 0;
	if (shelf_new_live(live, &shelf))
		return err_set(e, -ENOMEM, "out of memory");
	return serve_new(o, shelf, ret, e);
}

int serve_begin_files(const struct serve_opts *o, const char *const *paths, size_t n, struct serve **ret,
		      struct err *e)
{
	struct shelf *shelf;
	int rc = shelf_new_files(paths, n, &shelf, e);

	*ret = NULL;
	return rc ? rc : serve_new(o, shelf, ret, e);
}

void serve_end(struct serve *s)
{
	if (!s)
		return;
	web_server_free(s->server);
	shelf_free(s->shelf);
	free(s);
}

const char *serve_url(const struct serve *s)
{
	return web_server_url(s->server);
}

void serve_wait(const bool *leave)
{
	while (!__atomic_load_n(leave, __ATOMIC_ACQUIRE))
		usleep(100000);
}
