/* jitslots.h - gives the walker the tables of generated code that jitwatch.h makes.
 *
 * Such a table stands in a slot as a file's does, in the range of ids that the kernel never gives to
 * files, and is found by (start of the mapping, process). A new table for a mapping goes into another
 * slot before the old one is withdrawn, so that a walk always finds one of the two whole.
 */
#ifndef WAGGLE_SESSION_JITSLOTS_H
#define WAGGLE_SESSION_JITSLOTS_H

#include "base/err.h"
#include "session/files.h"
#include "session/jitwatch.h"
#include "session/programs.h"

/* Starts a jitwatch that publishes to the walker. Both are borrowed until jitwatch_free(). 0, or
 * -errno with a sentence. */
int jitslots_watch(struct programs *p, struct files *f, struct jitwatch **ret, struct err *e);

#endif
