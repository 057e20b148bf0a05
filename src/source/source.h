/* source.h - where samples come from, a table.
 *
 * To add a source: write bpf/NAME.bpf.c and source/NAME.c that defines `const struct source
 * source_NAME`, and add ROW(NAME) to source/sources.def. The session opens the BPF object with every
 * program switched off; a source switches its own on in prepare(), hooks them up in attach(), and
 * says in measure() what its events came to. Draining, walking, naming and writing are shared.
 *
 * Thread safety: all calls come from the session's thread.
 */
#ifndef WAGGLE_SOURCE_SOURCE_H
#define WAGGLE_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "profile/profile.h"

struct waggle_bpf;

struct causes;

/* What of waiting is looked at. Times are nanoseconds. */
struct wait_opts {
	uint32_t states;         /* only waits that began in one of these (WAIT_STATE_ bits); 0 = any */
	uint64_t min, max;       /* only waits at least / at most this long; 0 = no limit */
	bool user_threads, kernel_threads; /* only these; not both */
	bool no_idle;            /* leave out waits of the group IDLE (profile/waits.h) */
	bool class_frames;       /* the class is the leaf of the stack */
	uint32_t hops;           /* how far back wakers are followed; 0 = not at all */
	bool locks;              /* tell futexes apart by their address; needs hops >= 1 */
	uint32_t max_keys;       /* (stack, task, class) an interval can hold; 0 = the default */
	uint64_t interval;       /* how often they are taken over; 0 = the default, a second */
	bool check;              /* walk also where a stack was recognised, and count where they differ */
	bool no_memory;          /* never recognise a stack: walk every time (for measuring) */
	const struct causes *causes; /* borrowed; NULL = the rules that come with waggle */
};

/* As the scheduler's events say it. */
#define WAIT_STATE_RUNNING (1u << 0)         /* preempted or yielded */
#define WAIT_STATE_INTERRUPTIBLE (1u << 1)   /* S */
#define WAIT_STATE_UNINTERRUPTIBLE (1u << 2) /* D */
#define WAIT_STATE_STOPPED (1u << 3)         /* T, t */
#define WAIT_STATE_OTHER (1u << 4)           /* I, P, .. */

/* What was asked. Filled by the command line, borrowed by everyone else. Zero is the default. */
struct capture_opts {
	const uint32_t *pids, *tids, *cpus;
	size_t n_pids, n_tids, n_cpus;
	const char *comm;
	const char *const *cgroups;
	size_t n_cgroups;
	uint64_t duration;      /* ns, 0 = until stopped */
	uint32_t frequency;     /* Hz */
	uint64_t period;        /* events per sample; when set, frequency is not used */
	uint32_t event;         /* enum cpu_event */
	uint32_t max_frames;    /* of the user part; 0 = FRAMES_USER_DEFAULT */
	bool keep_root;         /* of deeper stacks keep the frames at the root, not those at the leaf */
	uint32_t oracle_every;  /* keep the stack bytes of one sample in so many; 0 = of none */
	bool finish_pending;    /* keep stack bytes of walks that met a table still being built */
	bool no_user, no_kernel;
	bool include_idle;
	bool follow;            /* children of the target processes are targets */
	bool include_self;      /* waggle itself may be sampled */
	bool bpf_stats;         /* measure our programs' run time (costs two clock reads a run) */
	uint64_t memory_cap;    /* bytes the profile may grow to */
	struct wait_opts waits; /* for off and wall */
};

enum cpu_event { EVENT_AUTO, EVENT_CYCLES, EVENT_CPU_CLOCK };

struct source {
	const char *name;
	const char *help;
	/* Value type of its samples. */
	const char *type, *unit;
	bool waits; /* what it counts in the kernel is taken over by session/waits.h */
	/* Between open and load: autoload, .rodata, map sizes. */
	int (*prepare)(struct waggle_bpf *skel, const struct capture_opts *o, struct err *e);
	/* After the load: targets into maps, then hook up. *ret is the source's own state. */
	int (*attach)(struct waggle_bpf *skel, const struct capture_opts *o, void **ret,
		      struct err *e);
	/* Adds a process to the targets of a running capture. */
	int (*add_target)(struct waggle_bpf *skel, uint32_t pid);
	/* The event's facts into meta (event, period, frequency, processors). */
	void (*describe)(void *state, const struct capture_opts *o, struct profile *p);
	/* From now on one event in `weight` is taken, and counts for all of them. */
	void (*slow)(void *state, struct waggle_bpf *skel, uint32_t weight);
	/* Time our programs have run so far, ns, by their own clock. */
	uint64_t (*run_time)(struct waggle_bpf *skel);
	/* Stops events; what they came to goes into the ledger. May be called before detach only. */
	void (*stop)(void *state);
	void (*measure)(void *state, struct waggle_bpf *skel, struct ledger *l);
	void (*detach)(void *state);
};

const struct source *source_by_name(const char *name);
const struct source *const *source_all(void); /* NULL-terminated */

#endif
