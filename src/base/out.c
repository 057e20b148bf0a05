/* out.c - atomic buffered output; see out.h. */
#include "base/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUT_CHUNK = 1 << 16, OUT_OPEN_MAX = 64 };

/* Temporary names that exist right now, for out_abandon_all(). A slot is set after its file was made
 * and cleared before its name is freed, each with one atomic store. */
static const char *volatile out_temps[OUT_OPEN_MAX];

static void out_remember(const char *temp)
{
	for (int i = 0; i < OUT_OPEN_MAX; i++)
		if (!out_temps[i]) {
			out_temps[i] = temp;
			return;
		}
}

static void out_forget(const char *temp)
{
	for (int i = 0; i < OUT_OPEN_MAX; i++)
		if (temp && out_temps[i] == temp)
			out_temps[i] = NULL;
}

void out_abandon_all(void)
{
	for (int i = 0; i < OUT_OPEN_MAX; i++)
		if (out_temps[i])
			unlink(out_temps[i]);
}

/* A name is replaced by rename only when it is (or would become) a regular file. */
static int out_is_plain(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || S_ISREG(st.st_mode);
}

int out_open(struct out *o, const char *path, struct err *e)
{
	char *real;

	*o = (struct out){ .fd = -1 };
	if (!strcmp(path, "-")) {
		o->fd = STDOUT_FILENO;
		return 0;
	}
	if (!out_is_plain(path)) {
		o->fd = open(path, O_WRONLY | O_CLOEXEC);
		if (o->fd < 0)
			return err_set(e, -errno, "cannot write '%s': %s", path, strerror(errno));
		o->path = strdup(path);
		return 0;
	}
	real = realpath(path, NULL); /* a symbolic link keeps pointing where it did */
	o->path = real ? real : strdup(path);
	if (!o->path || asprintf(&o->temp, "%s.part-%d", o->path, getpid()) < 0) {
		o->temp = NULL;
		out_abort(o);
		return err_set(e, -ENOMEM, "out of memory");
	}
	o->fd = open(o->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (o->fd < 0) {
		int code = -errno;

		free(o->temp);
		o->temp = NULL;
		out_abort(o);
		return err_set(e, code, "cannot write '%s': %s", path, strerror(-code));
	}
	out_remember(o->temp);
	return 0;
}

void out_fd(struct out *o, int fd)
{
	*o = (struct out){ .fd = fd };
}

void out_mem(struct out *o)
{
	*o = (struct out){ .fd = -1 };
}

int out_flush(struct out *o)
{
	size_t done = 0;

	if (!o->err && o->pending.err)
		o->err = o->pending.err;
	if (o->fd < 0)
		return o->err;
	while (!o->err && done < o->pending.len) {
		ssize_t n = write(o->fd, o->pending.data + done, o->pending.len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			o->err = -errno;
	}
	o->pending.len = 0;
	return o->err;
}

void out_put(struct out *o, const void *p, size_t n)
{
	if (o->err)
		return;
	o->bytes += n;
	buf_put(&o->pending, p, n);
	if (o->fd >= 0 && o->pending.len >= OUT_CHUNK)
		out_flush(o);
}

void out_puts(struct out *o, const char *s)
{
	out_put(o, s, strlen(s));
}

void out_putc(struct out *o, char c)
{
	out_put(o, &c, 1);
}

void out_printf(struct out *o, const char *fmt, ...)
{
	char small[512], *big = small;
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(small)) {
		big = malloc((size_t)n + 1);
		if (big)
			vsnprintf(big, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	if (n < 0 || !big)
		o->err = o->err ? o->err : -ENOMEM;
	else
		out_put(o, big, (size_t)n);
	if (big != small)
		free(big);
}

int out_commit(struct out *o, struct err *e)
{
	const char *what = o->path ? o->path : "standard output";
	int code = out_flush(o);

	if (o->path && o->fd >= 0) {
		if (close(o->fd) < 0 && !code)
			code = -errno;
		o->fd = -1;
	}
	if (!code && o->temp) {
		if (rename(o->temp, o->path) < 0)
			code = -errno;
		else {
			out_forget(o->temp);
			free(o->temp);
			o->temp = NULL;
		}
	}
	if (code)
		err_set(e, code, "cannot write '%s': %s", what, strerror(-code));
	out_abort(o);
	return code;
}

void out_abort(struct out *o)
{
	if (o->path && o->fd >= 0)
		close(o->fd);
	if (o->temp)
		unlink(o->temp);
	out_forget(o->temp);
	free(o->path);
	free(o->temp);
	buf_free(&o->pending);
	*o = (struct out){ .fd = -1 };
}
