/* look.h - what is being looked at: one snapshot of the live model, and what views draw from it.
 *
 * Everything but the snapshot is made when a view first asks for it, and once.
 *
 * Ownership: look_done(); what look_..() return is borrowed until then. NULL: there is nothing of
 * the kind in this profile, or no memory. Thread safety: none.
 */
#ifndef WAGGLE_UI_TUI_LOOK_H
#define WAGGLE_UI_TUI_LOOK_H

#include "live/heat.h"
#include "live/live.h"
#include "live/shares.h"
#include "profile/calltree.h"
#include "profile/waitsum.h"

struct look {
	const struct live_snapshot *snapshot;
	uint32_t value; /* of the profile's values; UINT32_MAX = its default */
	/* Private. */
	struct calltree *tree;
	struct function_table *functions;
	struct shares *shares;
	struct waitsum *waits;
	bool tried_waits;
};

/* Takes over the reference. */
void look_init(struct look *l, const struct live_snapshot *s);
void look_done(struct look *l);

const struct calltree *look_tree(struct look *l);
const struct function_table *look_functions(struct look *l);
const struct shares *look_shares(struct look *l);
const struct waitsum *look_waits(struct look *l);
const char *look_unit(const struct look *l);     /* of the value, "" when there is none */
/* The value as people read it: "1,234" or "1.20 s". Returns `to`. */
const char *look_number(const struct look *l, int64_t value, char *to, size_t size);

#endif
