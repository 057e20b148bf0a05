/* hazard.h - faults of kernels that take profilers, or the machine, down: what waggle does about each.
 *
 * They are rows of hazards.def, given by version ranges, because a fault cannot be probed without risking it.
 * Distributions keep a release's name while they mend it ("6.1.0-50-amd64" may be 6.1.176), so the
 * version is taken from where they say it: "Debian 6.1.176-1" in `uname -v`, the last word of Ubuntu's
 * /proc/version_signature, and otherwise `uname -r`.
 *
 * Thread safety: all functions may be called at any time; hazard_refusal() reads the environment.
 */
#ifndef WAGGLE_SESSION_HAZARD_H
#define WAGGLE_SESSION_HAZARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum hazard_state {
	HAZARD_REFUSE,   /* waggle does not run on such a kernel */
	HAZARD_ROUTE,    /* waggle runs, and goes another way than the one that fails */
	HAZARD_NOT_USED, /* waggle does nothing that could meet the fault */
	HAZARD_STATE_MAX
};

struct hazard {
	const char *key;
	uint32_t from, to; /* KERNEL_VERSION()s [from, to); to 0 = not known to be mended */
	const char *arch;  /* as uname -m; NULL = any */
	enum hazard_state state;
	const char *fault; /* what goes wrong, and when */
	const char *guard; /* what waggle does about it */
};

const struct hazard *hazard_all(size_t *ret_n);

/* "refused", "avoided" or "not used". */
const char *hazard_word(enum hazard_state state);

/* KERNEL_VERSION() of the kernel, from uname's release and version and from /proc/version_signature
 * ("" where there is none); 0 when none of them says. Sublevels above 255 count as 255. */
uint32_t hazard_version(const char *release, const char *version, const char *signature);

bool hazard_affects(const struct hazard *h, uint32_t version, const char *arch);

/* 0, or -ENOTSUP with a sentence when a hazard that waggle refuses affects this version. A key named in
 * WAGGLE_IGNORE_HAZARDS (comma separated) is left to the user's judgement: some distributions mend
 * faults without saying so in a version. */
int hazard_refusal(uint32_t version, const char *arch, struct err *e);

#endif
