/* waits_parts.h - struct waits, for the files of this folder that make it up: waits.c (life and intervals),
 * waits_put.c (records and samples), waits_renew.c (forgetting). Everybody else sees waits.h only.
 */
#ifndef WAGGLE_SESSION_WAITS_PARTS_H
#define WAGGLE_SESSION_WAITS_PARTS_H

#include <pthread.h>

#include "profile/causes.h"
#include "profile/waits.h"
#include "session/waits.h"

/* A stack that waits are counted by. */
struct waits_stack {
	uint32_t leaf;    /* node; PROFILE_NONE: out of memory */
	uint32_t end_file_object;
	uint8_t class;    /* enum wait_class of a blocked thread there */
	uint8_t end, flags;
	bool user, kernel, skipped;
	uint32_t used;    /* when it was met last, s: intake.now */
	const char *waker; /* of a waker's: what interrupt it was, NULL = the thread itself */
};

struct waits_chain {
	uint64_t waker, waited, next; /* hashes of two stacks and a chain */
	uint32_t name;                /* string: the waker's */
	uint32_t used;                /* as above */
};

struct waits_thread {
	uint32_t tid, task;
	uint64_t on;     /* time on a processor that was taken into account, ns */
	uint64_t credit; /* of it, what no sample stands for yet */
	uint32_t n_ticks;/* samples of this interval */
	uint32_t last;   /* stack of its last sample, 0 = it never had one */
	bool over;       /* it ended in this interval */
	uint8_t missing; /* looks in a row that did not find it in the kernel's table */
};

struct waits_entry { /* a key with its sum */
	struct wait_key key;
	struct wait_sum sum;
	uint64_t time; /* when its interval ended */
};

/* Stacks in which threads of one name were met by the timer, the last few of them. */
enum { WAITS_MET = 16 };

struct waits_met {
	uint32_t stack[WAITS_MET], n; /* n: all there ever were */
};

/* Time of one thread and kind in an interval, with stacks and without. */
struct waits_share {
	uint64_t walked, not_walked, waits_walked, waits_not;
};

struct waits {
	struct waits_opts o;
	struct causes *own_causes;
	const struct causes *causes;
	struct map64 by_hash, by_chain, by_tid, by_name; /* -> rows of the next four */
	VEC(struct waits_stack) stacks;
	VEC(struct waits_chain) chains;
	VEC(struct waits_thread) threads;
	VEC(struct waits_met) met;
	VEC(struct waits_entry) entries, unresolved;
	VEC(struct profile_sample) ticks;
	VEC(uint32_t) running; /* tids */
	uint64_t interval, next;
	uint64_t flipped; /* when the maps changed roles, 0 = they have been read since */
	uint64_t max_entries;
	pthread_t rest;
	bool resting, rested; /* rested: written by that thread */
	uint32_t longest, looks;
};

/* programs_each(); a failure is counted as lost. */
void waits_read(struct waits *w, const struct bpf_map *map, bool take, programs_element *each, void *ctx);
typedef void waits_each(struct waits *w, uint32_t tid, const struct wait_thread *t, uint64_t now);
/* Every thread of the kernel's table. */
void waits_read_threads(struct waits *w, uint64_t now, waits_each *each);

/* The thread, made when it is new; NULL when out of memory. */
struct waits_thread *waits_thread(struct waits *w, uint32_t tid);
/* The stack of that hash, NULL when it has not arrived; it is in use. */
const struct waits_stack *waits_find(struct waits *w, uint64_t hash);
/* The same for a chain of wakers. */
const struct waits_chain *waits_find_chain(struct waits *w, uint64_t hash);
/* A sum as a sample; `s` is its stack, NULL when it has none. */
void waits_sample(struct waits *w, const struct waits_entry *e, const struct waits_stack *s);
/* The labels of a sample. */
uint32_t waits_labels(struct waits *w, const struct wait_key *k, enum wait_class class);
/* Below `node`, a frame that is no code. */
uint32_t waits_push_text(struct profile *p, uint32_t node, const char *text);

#endif
