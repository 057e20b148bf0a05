/* session.h - a capture from start to finish: the only room that sees all stages.
 *
 * session_new() checks the kernel and loads the programs; session_run() attaches, drains until the
 * time is up, the targets are gone or session_stop() is called, then names what was met. The result
 * is an ordinary profile.
 *
 * Ownership: session_free() frees everything but the profile that session_run() handed out.
 * Thread safety: session_stop() may be called from anywhere, signal handlers included; everything
 * else from one thread.
 */
#ifndef WAGGLE_SESSION_SESSION_H
#define WAGGLE_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/out.h"
#include "profile/profile.h"
#include "profile/renewal.h"
#include "session/files.h"
#include "session/oracle_session.h"
#include "source/source.h"

struct debugfiles;
struct session;

struct session_progress {
	uint64_t elapsed, duration; /* ns; duration 0 = until stopped */
	uint64_t samples, lost;
	bool naming;                /* the capture is over, names are being looked up */
};

/* A drain round, for whoever follows the capture while it runs. */
struct session_live {
	const struct profile *profile; /* as far as it has come */
	size_t first;                  /* samples from here on were not taken before */
	uint64_t elapsed;              /* ns */
	bool over;                     /* the last call: names, header and ledger are final */
	bool all;                      /* the profile holds every sample of the capture */
};

/* All are called on the session's thread, which must not wait for them. */
struct session_viewer {
	/* Once every drain round. Returns how many samples it has taken, from the first on that is new
	 * to it. */
	size_t (*take)(void *ctx, const struct session_live *now);
	/* Processor time, ns, that was spent on looking on so far: --max-overhead is about the
	 * capture. */
	uint64_t (*spent)(void *ctx);
	/* Is anybody looking just now? Nothing is hurried for nobody. */
	bool (*looks)(void *ctx);
	/* The profile is to be renewed, of which it has taken everything: false = not now. Then: it is,
	 * or (NULL) is not after all. 0 or -ENOMEM. */
	bool (*renew)(void *ctx);
	int (*renewed)(void *ctx, struct renewal *r);
	void *ctx;
};

struct session_opts {
	const struct source *source;
	struct capture_opts capture;
	struct files_opts files;  /* memory and disk cache of unwind tables */
	char **command;   /* NULL-terminated argv to start and profile, or NULL */
	int command_tty;  /* descriptor of a terminal that becomes the command's; 0 = ours is */
	const char *command_line; /* of waggle, for the profile's meta */
	struct out *recording;    /* open output that is fed while capturing, or NULL */
	bool no_names;
	double max_overhead;      /* share of the machine, 0..1, that waggle may take; 0 = no limit */
	const char *kill_switch;  /* while this file exists nothing is captured; NULL = none */
	const char *oracle_out;   /* directory for samples the oracle disagrees on, or NULL */
	uint64_t debug_memory;    /* bytes a file's unpacked debug information may take; 0 = no limit */
	struct debugfiles *debugfiles; /* symbol/debugfile.h: where names are looked for; borrowed */
	/* Called a few times a second from the session's thread, may be NULL. */
	void (*progress)(void *ctx, const struct session_progress *now);
	bool watched; /* progress is called while it runs, too; it is measured for that */
	void *ctx;
	const struct session_viewer *viewer; /* who follows the capture; NULL = nobody. Borrowed */
	/* Nobody needs the samples but the viewer: what it has taken is dropped, and what was not met
	 * for long after it. */
	bool view_only;
};

enum session_end {
	SESSION_TIME_UP,
	SESSION_STOPPED,     /* session_stop() */
	SESSION_CHILD_ENDED, /* the command ended */
	SESSION_TARGETS_GONE,/* every process that was named has ended */
	SESSION_SWITCHED_OFF,/* the kill switch file appeared */
};

struct session_result {
	struct profile *profile; /* the caller's */
	enum session_end end;
	struct oracle_report *oracle; /* the caller's; NULL when it was not asked for */
	int child_status;        /* wait status, -1 when there was no command or it still runs */
};

/* 0; -EPERM, -ENOTSUP (kernel), -ESRCH (no such process), -EINVAL, .. each with one sentence. */
int session_new(const struct session_opts *o, struct session **ret, struct err *e);
/* Runs to the end. On error no profile is returned; a recording that was begun is left to the caller
 * (out_abort). */
int session_run(struct session *s, struct session_result *ret, struct err *e);
void session_stop(struct session *s);
void session_free(struct session *s);

#endif
