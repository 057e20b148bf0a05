/* parallel.h - the same work on many things, by a few threads for as long as it takes.
 *
 * Threads are made per call and joined before it returns: a call is milliseconds of work or it is
 * not worth more than one thread, and nothing is left running between calls.
 */
#ifndef WAGGLE_BASE_PARALLEL_H
#define WAGGLE_BASE_PARALLEL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Runs fn(ctx, i) once for every i < n, on up to `threads` threads of which the caller is one (0: as
 * many as there are processors, at most 4). The i are taken in order. Where no more threads can be
 * had, fewer do it. What was written before is seen by fn, and what fn wrote is seen after. */
void parallel_run(unsigned int threads, size_t n, void (*fn)(void *ctx, size_t i), void *ctx);
/* From now on the CPU time, ns, that other threads take in the calling thread's calls (and in those that they
 * make) is added to it, after every i; NULL: nowhere. It must outlive the thread's calls. */
void parallel_account(atomic_uint_fast64_t *to);

#endif
