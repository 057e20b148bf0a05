/* jitproc.h - what one process's runtime says about the code it generates, while it runs.
 *
 * Keeps the process's perf map and jitdump open, follows them as they grow, and puts out every version
 * of code that a sampled address ("hit") may have been. A version is put out once. For the walker it
 * makes unwind rows of every mapping in which code with call frame information lies.
 *
 * Ownership: jitproc_free(). Thread safety: one thread (jitwatch.c's).
 */
#ifndef WAGGLE_SESSION_JITPROC_H
#define WAGGLE_SESSION_JITPROC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "session/jitwatch.h"
#include "symbol/jitdump.h"
#include "symbol/jitfile.h"
#include "symbol/jitmap.h"

/* A version of code as it leaves: the texts are malloc'ed. */
struct jitproc_code {
	uint32_t pid;
	uint32_t order;
	uint64_t start, size, time; /* time: CLOCK_MONOTONIC ns, 0 = unknown */
	bool exact;
	char *name;                 /* NULL: from then on nothing is known to be here */
	struct jitdump_lines lines;
};

typedef VEC(struct jitproc_code) jitproc_codes;

struct jitproc_totals {
	uint64_t refused, dropped, skipped; /* as the ledger's JIT_REFUSED, JIT_DROPPED, JIT_SKIPPED */
};

struct jitproc;

struct jitproc *jitproc_new(uint32_t pid, uint64_t since); /* NULL: out of memory */
void jitproc_free(struct jitproc *p);
/* An address that samples hit. Once each is enough. False when out of memory or beyond the bound. */
bool jitproc_hit(struct jitproc *p, uint64_t addr);
/* Looks at the files and appends to *out, at most `room` codes; whatever finds no room is dropped
 * and counted. `patient`: files that were not there before are searched for whatever it takes, as happens
 * only now and then otherwise. */
int jitproc_look(struct jitproc *p, bool patient, size_t room, jitproc_codes *out);
/* Gives out tables when the dump has grown. */
void jitproc_publish(struct jitproc *p, const struct jitwatch_opts *o);
/* The process has ended and everything it left was read. */
bool jitproc_is_over(const struct jitproc *p);
uint32_t jitproc_pid(const struct jitproc *p);
void jitproc_totals(const struct jitproc *p, struct jitproc_totals *ret); /* adds */
void jitproc_code_free(struct jitproc_code *c);

#endif
