/* ledger.c - the tables of ledger.def, ends.def and unnamed.def as arrays, and the few sums over
 * them that several rooms must agree on (what counts as lost, when --strict is satisfied).
 */
#include "profile/ledger.h"

#include <errno.h>
#include <string.h>

#include "profile/sum.h"

#define WHOLE_SHARE_BAR 0.99

static const struct ledger_row rows[LEDGER_MAX] = {
#define ROW(id, key, unit, text) [LEDGER_##id] = {key, unit, text},
#include "profile/ledger.def"
#undef ROW
};

static const struct {
	const char *key, *text;
} unnamed_rows[UNNAMED_MAX] = {
#define ROW(id, key, text) [UNNAMED_##id] = {key, text},
#include "profile/unnamed.def"
#undef ROW
};

static const struct {
	const char *key, *text;
	bool whole;
} end_rows[] = {
#define ROW(id, key, whole, text) {key, text, whole},
#include "bpf/ends.def"
#undef ROW
};

#define N_ENDS (sizeof(end_rows) / sizeof(*end_rows))

const struct ledger_row *ledger_rows(void)
{
	return rows;
}

const char *ledger_unnamed_key(uint32_t reason)
{
	return reason < UNNAMED_MAX ? unnamed_rows[reason].key : "?";
}

const char *ledger_unnamed_text(uint32_t reason)
{
	return reason < UNNAMED_MAX ? unnamed_rows[reason].text : "?";
}

const char *ledger_end_key(uint32_t end)
{
	return end < N_ENDS ? end_rows[end].key : "?";
}

const char *ledger_end_text(uint32_t end)
{
	return end < N_ENDS ? end_rows[end].text : "?";
}

bool ledger_end_whole(uint32_t end)
{
	return end < N_ENDS && end_rows[end].whole;
}

uint32_t ledger_end_of_key(const char *key)
{
	for (uint32_t i = 0; i < N_ENDS; i++)
		if (strcmp(end_rows[i].key, key) == 0)
			return i;
	return UINT32_MAX;
}

uint32_t ledger_unnamed_of_key(const char *key)
{
	for (uint32_t i = 0; i < UNNAMED_MAX; i++)
		if (strcmp(unnamed_rows[i].key, key) == 0)
			return i;
	return UINT32_MAX;
}

void ledger_free(struct ledger *l)
{
	VEC_FREE(&l->cuts);
	VEC_FREE(&l->unnamed);
	map64_free(&l->by_cut);
	map64_free(&l->by_unnamed);
}

void ledger_clear_unnamed(struct ledger *l)
{
	VEC_FREE(&l->unnamed);
	map64_free(&l->by_unnamed);
	l->by_unnamed = (struct map64){0};
}

void ledger_clear_cuts(struct ledger *l)
{
	VEC_FREE(&l->cuts);
	map64_free(&l->by_cut);
	l->by_cut = (struct map64){0};
}

int ledger_cut(struct ledger *l, uint32_t end, uint32_t object, uint64_t samples)
{
	uint32_t *row;
	bool is_new;

	if (!VEC_RESERVE(&l->cuts, 1))
		return -ENOMEM;
	row = map64_insert(&l->by_cut, (uint64_t)end << 32 | object, (uint32_t)l->cuts.n, &is_new);
	if (!row)
		return -ENOMEM;
	if (is_new)
		l->cuts.at[l->cuts.n++] = (struct ledger_cause){end, object, 0};
	l->cuts.at[*row].count = sum_unsigned(l->cuts.at[*row].count, samples);
	return 0;
}

int ledger_unnamed(struct ledger *l, uint32_t reason, uint32_t object, uint64_t frames)
{
	uint32_t *row;
	bool is_new;

	if (!VEC_RESERVE(&l->unnamed, 1))
		return -ENOMEM;
	row = map64_insert(&l->by_unnamed, (uint64_t)reason << 32 | object, (uint32_t)l->unnamed.n,
			   &is_new);
	if (!row)
		return -ENOMEM;
	if (is_new)
		l->unnamed.at[l->unnamed.n++] = (struct ledger_cause){reason, object, 0};
	l->unnamed.at[*row].count = sum_unsigned(l->unnamed.at[*row].count, frames);
	return 0;
}

static const uint8_t lost_ids[] = {LEDGER_LOST_TIMER,  LEDGER_LOST_RING,    LEDGER_LOST_STACK,
				   LEDGER_LOST_MEMORY, LEDGER_LOST_SCRATCH, LEDGER_LOST_DAMAGED,
				   LEDGER_LOST_KEYS,   LEDGER_LOST_THREADS, LEDGER_LOST_SWITCHES};

bool ledger_is_kept(const struct ledger *l)
{
	return l->n[LEDGER_EXPECTED] || l->n[LEDGER_TICKS] || l->n[LEDGER_STACKS_USER] ||
	       l->n[LEDGER_STACKS_KERNEL] || l->n[LEDGER_SWITCHES];
}

uint64_t ledger_lost(const struct ledger *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(lost_ids); i++)
		sum = sum_unsigned(sum, l->n[lost_ids[i]]);
	return sum;
}

double ledger_whole_share(const struct ledger *l)
{
	uint64_t user = l->n[LEDGER_STACKS_USER], whole = l->n[LEDGER_STACKS_WHOLE];

	return whole >= user ? 1 : (double)whole / (double)user;
}

const char *ledger_below_bar(const struct ledger *l)
{
	static const uint8_t damage[] = {LEDGER_LOST_DAMAGE, LEDGER_LOST_DAMAGE_BYTES,
					 LEDGER_SKIPPED_LINES};

	for (size_t i = 0; i < sizeof(lost_ids); i++)
		if (l->n[lost_ids[i]])
			return rows[lost_ids[i]].text;
	if (ledger_whole_share(l) < WHOLE_SHARE_BAR)
		return "fewer than 99 % of the user stacks are whole";
	for (size_t i = 0; i < sizeof(damage); i++)
		if (l->n[damage[i]])
			return rows[damage[i]].text;
	return NULL;
}
