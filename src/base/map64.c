/* map64.c - open-addressing map; see map64.h.
 *
 * Look-ups in a big table miss the caches every time; with small pages they miss the TLB too, which
 * costs as much again. So big tables are mapped, and huge pages asked for.
 */
#include "base/map64.h"

#include <stdlib.h>
#include <sys/mman.h>

#define MAP64_HUGE (1 << 22) /* bytes from which on a table is mapped: two huge pages */

static struct map64_slot *map64_alloc(size_t cap)
{
	size_t bytes = cap * sizeof(struct map64_slot);
	void *p;

	if (bytes < MAP64_HUGE)
		return calloc(cap, sizeof(struct map64_slot));
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

static void map64_release(struct map64_slot *slots, size_t cap)
{
	if (cap * sizeof(*slots) < MAP64_HUGE)
		free(slots);
	else
		munmap(slots, cap * sizeof(*slots));
}

void map64_free(struct map64 *m)
{
	map64_release(m->slots, m->cap);
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

	bigger.slots = map64_alloc(bigger.cap);
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].used)
			*map64_slot(&bigger, m->slots[i].key) = m->slots[i];
	map64_release(m->slots, m->cap);
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
