/* selftest.h - does the mapping walk see what the kernel says? Asked once, before the first sample.
 *
 * The walker reads the kernel's own tree of mappings, whose layout may change in any release. The program
 * `self_test` is run once in our own process and looks up the ends of all our mappings, and addresses that
 * are in none; /proc/self/maps says what is right.
 *
 * Thread safety: none.
 */
#ifndef WAGGLE_SESSION_SELFTEST_H
#define WAGGLE_SESSION_SELFTEST_H

#include "base/err.h"

struct waggle_bpf;

/* After the load, before anything is attached. 0, or -ENOTSUP with a sentence that says what was seen. */
int selftest_run(struct waggle_bpf *skel, struct err *e);

#endif
