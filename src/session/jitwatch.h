/* jitwatch.h - names and unwind rows of generated code, kept up while the capture runs.
 *
 * Runtimes write what they generate to files (perf maps, jitdumps) that go with the process or with
 * its container, and code is replaced while samples are taken. So from the first sample in generated
 * code on, a thread of its own follows the files of every such process, and hands over the versions
 * of code that samples may have hit, with their times (profile/codes.h).
 *
 * Everything is bounded: processes, addresses, codes and queues; what is beyond is counted. What is
 * hit waits in the profile's own frames, so a full queue only delays it.
 *
 * Thread safety: all functions belong to the session's thread; jitwatch_note() takes a lock that is
 * held for moments, the others too. `publish` is called on the watching thread.
 */
#ifndef WAGGLE_SESSION_JITWATCH_H
#define WAGGLE_SESSION_JITWATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/profile.h"

struct jitwatch;
struct table;

struct jitwatch_opts {
	/* A table for the mapping [start, end) of process `tgid`, offsets relative to `start`; borrowed
	 * during the call. NULL: forget the mapping. May itself be NULL: no tables are made. */
	void (*publish)(void *ctx, uint32_t tgid, uint64_t start, uint64_t end,
			const struct table *table);
	void (*done)(void *ctx); /* called by jitwatch_free() when the thread has ended; may be NULL */
	void *ctx;
};

/* 0, -ENOMEM, or what pthread_create() says. */
int jitwatch_new(const struct jitwatch_opts *o, struct jitwatch **ret);
void jitwatch_free(struct jitwatch *w);

/* Generated code of this process was sampled: its files are opened at once, before it can be gone. */
void jitwatch_note(struct jitwatch *w, uint32_t pid);

/* Tells which addresses were hit (frames of the profile that are new since the last call), and puts
 * what is known by now into profile.codes. Cheap when there is nothing. */
void jitwatch_update(struct jitwatch *w, struct profile *p);

/* Were all addresses told? Until then the profile must not be renewed. */
bool jitwatch_told_all(const struct jitwatch *w, const struct profile *p);
/* The profile was renewed: this is the new one. */
void jitwatch_renewed(struct jitwatch *w, const struct profile *p);

/* The capture is over: one last look at all files, waited for up to `ms` milliseconds; then as
 * jitwatch_update(), and the ledger is told what was refused and dropped. */
void jitwatch_finish(struct jitwatch *w, struct profile *p, uint32_t ms);

#endif
