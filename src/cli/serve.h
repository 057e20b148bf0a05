/* serve.h - the live page of a command: its options, starting and stopping the server, the browser.
 *
 * The address is printed on standard error, with the token in it; whoever has it can look.
 *
 * Ownership: serve_begin() borrows the model, serve_end() must come before it goes. Errors: 0 or -errno
 * with a sentence. Thread safety: from the main thread of a command; the server has its own.
 */
#ifndef WAGGLE_CLI_SERVE_H
#define WAGGLE_CLI_SERVE_H

#include "cli/option.h"
#include "live/live.h"

struct serve_opts {
	bool serve, open;
	uint32_t port;
	const char *bind;
	struct option_texts hosts;
};

struct serve; /* a running server */

extern const struct option_row serve_options[];     /* --serve, and how */
extern const struct option_row serve_how_options[]; /* only how: --port --bind --host --open */

/* Contradictions: -EINVAL with a sentence. */
int serve_check(const struct serve_opts *o, struct err *e);
/* Serves a capture's model; *ret stays NULL when --serve was not given. */
int serve_begin(const struct serve_opts *o, struct live *live, struct serve **ret, struct err *e);
/* Serves recordings. */
int serve_begin_files(const struct serve_opts *o, const char *const *paths, size_t n, struct serve **ret,
		      struct err *e);
const char *serve_url(const struct serve *s);
void serve_end(struct serve *s); /* NULL is fine */
/* Waits until a signal handler has set *leave. */
void serve_wait(const bool *leave);

#endif
