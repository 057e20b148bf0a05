/* child.h - `-- command`: started but held before its first instruction, watched, and reaped.
 *
 * The command is forked at once and waits on a pipe; the capture attaches; child_release() lets it
 * exec. So not one of its instructions is missed, and a command that cannot be executed is known
 * before anything is written. Its standard streams are ours, unless it is given a terminal.
 *
 * Ownership: child_done() after every successful child_start(). One thread.
 */
#ifndef WAGGLE_PROCESS_CHILD_H
#define WAGGLE_PROCESS_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct child {
	pid_t pid;
	int pidfd;      /* readable when the child has ended */
	int go;         /* write end: a byte lets it exec, closing makes it leave */
	int exec_error; /* read end: closed by a successful exec, else the errno arrives */
	bool ended;
	int status;     /* wait status once ended */
};

/* Forks and holds. `tty`: a terminal that becomes the command's own, with a session of its own; 0 = ours.
 * 0, or -errno with a sentence. */
int child_start(struct child *c, char **argv, int tty, struct err *e);
/* Lets it run; waits until the exec has happened. -ESRCH with a sentence when it failed (there is no
 * target then; the child is reaped). */
int child_release(struct child *c, char **argv, struct err *e);
/* Reaps without waiting; true once it has ended. */
bool child_poll(struct child *c);
/* Sends a signal if it still runs, then waits up to `ms` milliseconds for its end; true when ended. */
bool child_stop(struct child *c, int sig, int ms);
/* Closes descriptors; a child that was never released leaves on its own. */
void child_done(struct child *c);

#endif
