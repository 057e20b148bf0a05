/* child.c - start a command held, release it, reap it; see child.h. */
#include "process/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Its own terminal: it asks it for its size, and gets none of our keys. */
static void child_take_terminal(int tty)
{
	setsid();
	ioctl(tty, TIOCSCTTY, 0);
	for (int fd = 0; fd < 3; fd++)
		dup2(tty, fd);
}

static void child_run(int go, int report, int tty, char **argv)
{
	sigset_t none;
	int code;
	char byte;

	/* Whatever we block or ignore is our business, not the command's. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (read(go, &byte, 1) != 1)
		_exit(127); /* we were not released: the capture did not start */
	if (tty)
		child_take_terminal(tty);
	execvp(argv[0], argv);
	code = errno;
	if (write(report, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

int child_start(struct child *c, char **argv, int tty, struct err *e)
{
	int go[2], report[2];

	*c = (struct child){ .pidfd = -1, .go = -1, .exec_error = -1 };
	if (pipe2(go, O_CLOEXEC) < 0)
		return err_set(e, -errno, "cannot start '%s': %s", argv[0], strerror(errno));
	if (pipe2(report, O_CLOEXEC) < 0) {
		int code = -errno;

		close(go[0]);
		close(go[1]);
		return err_set(e, code, "cannot start '%s': %s", argv[0], strerror(-code));
	}
	c->pid = fork();
	if (c->pid == 0) {
		close(go[1]);
		close(report[0]);
		child_run(go[0], report[1], tty, argv);
	}
	close(go[0]);
	close(report[1]);
	c->go = go[1];
	c->exec_error = report[0];
	if (c->pid > 0)
		c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pid < 0 || c->pidfd < 0) {
		int code = -errno;

		child_done(c);
		return err_set(e, code, "cannot start '%s': %s", argv[0], strerror(-code));
	}
	return 0;
}

int child_release(struct child *c, char **argv, struct err *e)
{
	int code = 0;
	ssize_t n;

	if (write(c->go, "", 1) != 1)
		code = errno;
	close(c->go);
	c->go = -1;
	do
		n = read(c->exec_error, &code, sizeof(code));
	while (n < 0 && errno == EINTR);
	close(c->exec_error);
	c->exec_error = -1;
	if (!code)
		return 0;
	waitpid(c->pid, &c->status, 0);
	c->ended = true;
	return err_set(e, -ESRCH, "cannot run '%s': %s", argv[0], strerror(code));
}

bool child_poll(struct child *c)
{
	if (!c->ended && waitpid(c->pid, &c->status, WNOHANG) == c->pid)
		c->ended = true;
	return c->ended;
}

bool child_stop(struct child *c, int sig, int ms)
{
	struct pollfd p = { .fd = c->pidfd, .events = POLLIN };

	if (child_poll(c))
		return true;
	if (sig)
		kill(c->pid, sig);
	poll(&p, 1, ms);
	return child_poll(c);
}

void child_done(struct child *c)
{
	if (c->pidfd >= 0)
		close(c->pidfd);
	if (c->go >= 0)
		close(c->go);
	if (c->exec_error >= 0)
		close(c->exec_error);
	c->pidfd = c->go = c->exec_error = -1;
}
