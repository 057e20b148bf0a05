/* clock.h - the clocks we use, in nanoseconds, and durations as people write them. Thread safe. */
#ifndef WAGGLE_BASE_CLOCK_H
#define WAGGLE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NSEC_PER_SEC UINT64_C(1000000000)

/* CLOCK_MONOTONIC: the clock of bpf_ktime_get_ns(), so samples and we agree. */
uint64_t clock_mono_ns(void);
/* CLOCK_REALTIME, nanoseconds since 1970. */
uint64_t clock_wall_ns(void);
/* CPU time used by this process so far (user + system), and its peak resident set in bytes. */
uint64_t clock_self_cpu_ns(void);
uint64_t clock_thread_cpu_ns(void); /* the same of the calling thread alone */
uint64_t clock_self_peak_rss(void);

/* "500ms", "10s", "2m", "1h", "250us", "7" (bare numbers are seconds; fractions allowed).
 * 0 or -EINVAL; *ret_ns is set only on success. */
int duration_parse(const char *text, uint64_t *ret_ns);
/* The reverse, short and readable: "1.50 s", "12 ms". Returns `to`. */
char *duration_text(uint64_t ns, char *to, size_t size);

#endif
