/* jitstub.h - pieces of generated code that are recognised by their bytes.
 *
 * Some runtimes copy one small stub over and over and tell only its name: CPython 3.12 and 3.13 with -X
 * perf go through one for every Python function, without a frame pointer. What such a stub does to the
 * stack is known, so the memory it lies in gets rows as if the runtime had told.
 *
 * Thread safe: no state here.
 */
#ifndef WAGGLE_SESSION_JITSTUB_H
#define WAGGLE_SESSION_JITSTUB_H

#include "base/vec.h"
#include "unwind/jittable.h"

#define JITSTUB_AREA_MAX (4u << 20) /* larger mappings are code that is compiled, not copied */
#define JITSTUBS_MAX     65536u     /* of one process */

typedef VEC(struct jittable_code) jitstubs;

/* Appends every stub found in [start, end) of the process's memory; their frame information lives
 * forever. 0, -ENOMEM, or -errno when the memory cannot be read. */
int jitstub_find(uint32_t pid, uint64_t start, uint64_t end, jitstubs *ret);

#endif
