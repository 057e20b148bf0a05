/* rules.c - the rule dictionary: an array that the walker reads, and a hash index over it that it
 * does not need. See rules.h.
 */
#include "unwind/rules.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map64.h"
#include "elf/cfi.h"

#define SLOTS_FIRST 4096u /* a power of two; a whole system needs about 1,500 rules */

struct rules {
	pthread_mutex_t lock;
	struct unwind_rule *array; /* the caller's */
	uint32_t n;
	uint32_t *slots; /* number + 1, open addressing, at most half full */
	uint32_t n_slots;
};

static uint32_t rules_hash(const struct unwind_rule *rule)
{
	uint64_t w[2];

	memcpy(w, rule, sizeof(w));
	return (uint32_t)map64_mix(w[0] ^ map64_mix(w[1]));
}

/* The slot of the rule, or the free one where it belongs. */
static uint32_t *rules_slot(const struct rules *r, const struct unwind_rule *rule)
{
	uint32_t i = rules_hash(rule) & (r->n_slots - 1);

	while (r->slots[i] && !unwind_rule_same(&r->array[r->slots[i] - 1], rule))
		i = (i + 1) & (r->n_slots - 1);
	return &r->slots[i];
}

static bool rules_grow(struct rules *r)
{
	uint32_t n = r->n_slots ? r->n_slots * 2 : SLOTS_FIRST;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return false;
	free(r->slots);
	r->slots = slots;
	r->n_slots = n;
	for (uint32_t i = 0; i < r->n; i++)
		*rules_slot(r, &r->array[i]) = i + 1;
	return true;
}

/* Called with the lock held. Full, or out of memory: the rule that says "cannot follow". */
static uint16_t rules_add(struct rules *r, const struct unwind_rule *rule)
{
	uint32_t *slot = rules_slot(r, rule);

	if (*slot)
		return (uint16_t)(*slot - 1);
	if (r->n == RULES_MAX)
		return 1;
	if ((r->n + 1) * 2 > r->n_slots) {
		if (!rules_grow(r))
			return 1;
		slot = rules_slot(r, rule);
	}
	r->array[r->n] = *rule;
	*slot = ++r->n;
	return (uint16_t)(r->n - 1);
}

struct rules *rules_new(struct unwind_rule *array)
{
	const struct unwind_rule end = {.kind = RULE_END}, unknown = {.kind = RULE_UNKNOWN};
	struct rules *r = calloc(1, sizeof(*r));

	if (!r || !rules_grow(r)) {
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	r->array = array;
	rules_add(r, &end);
	rules_add(r, &unknown);
	return r;
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r->slots);
	free(r);
}

uint16_t rules_number(struct rules *r, const struct unwind_rule *rule)
{
	uint16_t number;

	pthread_mutex_lock(&r->lock);
	number = rules_add(r, rule);
	pthread_mutex_unlock(&r->lock);
	return number;
}

uint32_t rules_count(struct rules *r)
{
	uint32_t n;

	pthread_mutex_lock(&r->lock);
	n = r->n;
	pthread_mutex_unlock(&r->lock);
	return n;
}
