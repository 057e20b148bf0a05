/* read_files.h - the words of a command line as profiles: one, or several as one.
 *
 * Ownership: the result is the caller's. Errors: 0 or -errno with a sentence. Thread safety: main thread.
 */
#ifndef WAGGLE_CLI_READ_FILES_H
#define WAGGLE_CLI_READ_FILES_H

#include "cli/option.h"
#include "profile/profile.h"

/* NULL when there are no words. */
int read_files(const struct option_rest *rest, struct profile **ret, struct err *e);

#endif
