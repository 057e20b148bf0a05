/* err.h - a sentence that travels with an error code.
 *
 * Library code returns 0 or a negative errno and never prints. Where a person needs to know more
 * than the code says, the function also takes a `struct err *` and writes one sentence into it:
 * what is wrong and what to do about it. Only src/cli turns it into output and an exit code.
 *
 * Thread safety: a struct err belongs to one call at a time. Every function accepts NULL.
 */
#ifndef WAGGLE_BASE_ERR_H
#define WAGGLE_BASE_ERR_H

struct err {
	int code;       /* negative errno, 0 while nothing went wrong */
	char text[512]; /* one sentence, no trailing newline */
};

/* Writes the sentence and returns `code` (so that callers can `return err_set(...)`). */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the sentence that is there already; returns e->code. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
