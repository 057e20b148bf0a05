/* map64.c - open-addressing map; see map64.h. */
#include "base/map64.h"

#include <stdlib.h>

void map64_free(struct map64 *m)
{
	free(m->slots);
	*m = (struct map64){ 0 };
}

static struct map64_slot *map64_slot(const struct map64 *m, uint64_t key)
{
	size_t i = map64_mix(key) & (m->cap - 1);

	while (m->slots[i].used && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

uint32_t *map64_find(const struct map64 *m, uint64_t key)
{
	struct map64_slot *s;

	if (!m->cap)
		return NULL;
	s = map64_slot(m, key);
	return s->used ? &s->value : NULL;
}

static bool map64_grow(struct map64 *m)
{
	struct map64 bigger = { .cap = m->cap ? m->cap * 2 : 64, .n = m->n };

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].used)
			*map64_slot(&bigger, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return true;
}

uint32_t *map64_insert(struct map64 *m, uint64_t key, uint32_t init, bool *ret_new)
{
	struct map64_slot *s;

	if (m->n + 1 > m->cap / 4 * 3 && !map64_grow(m))
		return NULL;
	s = map64_slot(m, key);
	if (ret_new)
		*ret_new = !s->used;
	if (!s->used) {
		*s = (struct map64_slot){ key, init, 1 };
		m->n++;
	}
	return &s->value;
}
