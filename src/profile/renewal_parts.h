/* renewal_parts.h - struct renewal, for whoever holds many of a profile's numbers; private to this
 * folder. */
#ifndef WAGGLE_PROFILE_RENEWAL_PARTS_H
#define WAGGLE_PROFILE_RENEWAL_PARTS_H

#include "profile/remap.h"
#include "profile/renewal.h"

struct renewal {
	struct remap map; /* dst: NULL until renewal_make() */
	uint8_t *marked;  /* by node of the old profile */
	uint32_t *nodes;  /* old -> new */
	uint32_t common;  /* of the new one: generated code of processes that are gone; 0 = none */
};

#endif
