/* ledger.h - what was seen, what was lost and why: the part of a profile that keeps it honest.
 *
 * Filled by the session while capturing and by readers while reading; written by every format.
 * Numbers are rows of ledger.def; walks that ended early are kept by (reason, object) and frames
 * without a name by (reason, object). Not thread safe: the session owns it.
 */
#ifndef WAGGLE_PROFILE_LEDGER_H
#define WAGGLE_PROFILE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map64.h"
#include "base/vec.h"

enum ledger_id {
#define ROW(id, key, unit, text) LEDGER_##id,
#include "profile/ledger.def"
#undef ROW
	LEDGER_MAX
};

enum unnamed_reason {
#define ROW(id, key, text) UNNAMED_##id,
#include "profile/unnamed.def"
#undef ROW
	UNNAMED_MAX
};

struct ledger_row {
	const char *key, *unit, *text;
};

/* Counted by why and where. `reason` is an enum walk_end or enum unnamed_reason. */
struct ledger_cause {
	uint32_t reason, object;
	uint64_t count; /* samples for cuts, distinct frames for unnamed */
};

struct ledger {
	uint64_t n[LEDGER_MAX];
	VEC(struct ledger_cause) cuts;
	VEC(struct ledger_cause) unnamed;
	struct map64 by_cut, by_unnamed; /* reason << 32 | object -> its row; private to ledger.c */
};

const struct ledger_row *ledger_rows(void);        /* LEDGER_MAX of them, static */
const char *ledger_unnamed_key(uint32_t reason);   /* json key, "?" when out of range */
const char *ledger_unnamed_text(uint32_t reason);
const char *ledger_end_key(uint32_t end);          /* the same for enum walk_end */
const char *ledger_end_text(uint32_t end);
bool ledger_end_whole(uint32_t end);
uint32_t ledger_end_of_key(const char *key);       /* UINT32_MAX when unknown */
uint32_t ledger_unnamed_of_key(const char *key);

void ledger_free(struct ledger *l);
/* Forgets the causes of unnamed frames or of cuts, before they are counted anew. */
void ledger_clear_unnamed(struct ledger *l);
void ledger_clear_cuts(struct ledger *l);
/* Adds to the (reason, object) cause. 0 or -ENOMEM. */
int ledger_cut(struct ledger *l, uint32_t end, uint32_t object, uint64_t samples);
int ledger_unnamed(struct ledger *l, uint32_t reason, uint32_t object, uint64_t frames);

/* Whether anybody kept count of ticks, switches or stacks. When not, as in imported profiles, that nothing is
 * lost is not known. */
bool ledger_is_kept(const struct ledger *l);
/* Everything lost between EXPECTED and TAKEN, whatever the cause. */
uint64_t ledger_lost(const struct ledger *l);
/* Share of user stacks that are whole, 0..1; 1 when there are none. */
double ledger_whole_share(const struct ledger *l);
/* The bar of --strict: no sample lost, >= 99 % of user stacks whole, no damage in the input.
 * NULL when it holds, otherwise a static sentence naming the first thing that broke it. */
const char *ledger_below_bar(const struct ledger *l);

#endif
