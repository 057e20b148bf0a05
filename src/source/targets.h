/* targets.h - who is looked at, the same for every source: processes, threads, names, cgroups, and what all
 * walks share.
 *
 * Errors: 0 or -errno with a sentence. Thread safety: the session's thread only.
 */
#ifndef WAGGLE_SOURCE_TARGETS_H
#define WAGGLE_SOURCE_TARGETS_H

#include "source/source.h"

/* Between open and load: the filters, limits of walks, and whether children are followed. */
int targets_prepare(struct waggle_bpf *skel, const struct capture_opts *o, struct err *e);
/* After the load: the targets into their maps, and the programs that follow forks attached. Twice is once. */
int targets_put(struct waggle_bpf *skel, const struct capture_opts *o, struct err *e);
/* One more process. 0 or -errno. */
int targets_add(struct waggle_bpf *skel, uint32_t pid);

#endif
