/* oracle_session.h - the oracle at work beside a capture: takes copies of stacks, has them unwound a second
 * time, and compares that with what the walker in the kernel said of the very same samples.
 *
 * The session's thread only copies: samples' frames (once a hash, as they come), announcements of files,
 * and raw records into a bounded queue. One thread of its own reads the process's mappings at once,
 * while it still lives, unwinds with unwind/oracle.h and compares. Whatever cannot be compared is
 * counted by why.
 *
 * Ownership: oracle_session_free(); the report of oracle_session_finish() is the caller's.
 * Thread safety: all functions belong to the session's thread.
 */
#ifndef WAGGLE_SESSION_ORACLE_SESSION_H
#define WAGGLE_SESSION_ORACLE_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bpf/abi.h"
#include "profile/ledger.h"
#include "unwind/agreement.h"

struct oracle_session;

struct oracle_report {
	struct agreement agreement;
	uint64_t raw;       /* stacks that arrived */
	uint64_t lost;      /* the queue was full */
	uint64_t gone;      /* the process was over before its mappings could be read */
	uint64_t no_sample; /* the sample it belongs to never arrived, or its frames were not kept */
	uint64_t failed;    /* the oracle could not even begin */
	uint64_t written;   /* files of --oracle-out */
	VEC(char *) names;  /* of files, by id; may be NULL */
};

/* `out_dir`: where each sample that differs is written (unwind/stackfile.h), NULL for nowhere. It must
 * exist. 0, or -errno with a sentence. */
int oracle_session_new(const char *out_dir, struct oracle_session **ret, struct err *e);
void oracle_session_free(struct oracle_session *s);

/* One record each of the sample ring, the file ring and the raw ring; malformed ones are left alone. */
void oracle_session_sample(struct oracle_session *s, const void *data, size_t len);
void oracle_session_file(struct oracle_session *s, const struct file_record *r);
void oracle_session_raw(struct oracle_session *s, const void *data, size_t len);

/* Every ring has been drained: waits for what is queued, writes its rows of the ledger and gives the
 * result, NULL when out of memory. To be called once. */
struct oracle_report *oracle_session_finish(struct oracle_session *s, struct ledger *l);
void oracle_report_free(struct oracle_report *r);

/* What to call a file: its name, "[vdso]", "[jit]", "[nowhere]". Borrowed. */
const char *oracle_report_file(const struct oracle_report *r, uint32_t file);

#endif
