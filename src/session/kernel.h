/* kernel.h - what this kernel and this process can do, probed, never guessed from version numbers.
 *
 * One table of checks serves two readers: a capture asks kernel_check() before it loads anything, and
 * `waggle doctor` shows every row with its remedy. To add a check: write its probe and a row in kernel.c
 * (features of the kernel) or permission.c (what this process may do).
 *
 * Known faults of kernels are another table: hazard.h.
 *
 * Ownership: kernel_close(). Thread safety: none; libbpf's print function is switched off for the time
 * of a probe.
 */
#ifndef WAGGLE_SESSION_KERNEL_H
#define WAGGLE_SESSION_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "session/smallbtf.h"

/* Facts that several probes look at, gathered once. */
struct kernel {
	char release[65];    /* uname -r */
	uint32_t version;    /* KERNEL_VERSION(a, b, c) of it, for hazards only */
	char arch[65];       /* uname -m */
	uint64_t caps;       /* effective capabilities, a bit each */
	struct smallbtf_raw btf; /* without data when the kernel has none or it cannot be read */
	int btf_error;
	int bpf_error;       /* why bpf(2) is refused, 0 when it is not */
	bool can_load;       /* may load BPF programs: helper probes tell the truth */
};

enum check_state {
	CHECK_OK,
	CHECK_DEGRADED, /* waggle works, less well */
	CHECK_MISSING,
	CHECK_UNTESTED, /* needs a permission that is missing */
	CHECK_STATE_MAX
};

struct check_result {
	enum check_state state;
	char detail[200]; /* what was found; may be empty */
};

struct check {
	const char *key;        /* for json: "bpf_loop" */
	const char *name;       /* "bpf_loop helper" */
	const char *needed_for; /* "walking stacks" */
	const char *remedy;     /* what to do when it is not ok; a sentence */
	const char *since;      /* features: "Linux 5.17" */
	int error;              /* a capture cannot do without: -EPERM or -ENOTSUP; 0 = it can */
	void (*probe)(const struct kernel *k, struct check_result *ret);
};

/* Cannot fail: what cannot be read is absent. `types`: with the type information. */
void kernel_open(struct kernel *k, bool types);
void kernel_close(struct kernel *k);
bool kernel_has_cap(const struct kernel *k, int cap);

/* Both end with a row whose key is NULL. */
extern const struct check kernel_features[];
extern const struct check kernel_permissions[];

/* Runs one check, with libbpf kept silent. */
void kernel_probe(const struct kernel *k, const struct check *c, struct check_result *ret);

/* Can a capture run here? 0, -EPERM or -ENOTSUP with one sentence that says what to do. `known`: this very
 * kernel is known to have the features; what this process may do is looked at in any case. */
int kernel_check(bool known, struct err *e);

#endif
