/* intern.c - string interning; see intern.h. Strings live in chunks that never move. */
#include "base/intern.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct intern_chunk {
	struct intern_chunk *next;
	size_t used, cap;
	char bytes[];
};

void intern_free(struct intern *t)
{
	while (t->chunks) {
		struct intern_chunk *next = t->chunks->next;

		free(t->chunks);
		t->chunks = next;
	}
	free(t->at);
	free(t->slots);
	*t = (struct intern){ 0 };
}

static char *intern_room(struct intern *t, size_t n)
{
	struct intern_chunk *c = t->chunks;
	size_t cap = n > 65536 ? n : 65536;

	if (!c || c->cap - c->used < n) {
		c = malloc(sizeof(*c) + cap);
		if (!c)
			return NULL;
		*c = (struct intern_chunk){ .next = t->chunks, .cap = cap };
		t->chunks = c;
	}
	c->used += n;
	return c->bytes + c->used - n;
}

static uint32_t *intern_slot(const struct intern *t, const char *s, size_t len)
{
	size_t i = XXH3_64bits(s, len) & (t->n_slots - 1);

	for (;; i = (i + 1) & (t->n_slots - 1)) {
		uint32_t id = t->slots[i];

		if (!id)
			break;
		if (t->at[id - 1].len == len && (!len || !memcmp(t->at[id - 1].s, s, len)))
			break;
	}
	return &t->slots[i];
}

static bool intern_rehash(struct intern *t)
{
	size_t n = t->n_slots ? t->n_slots * 2 : 256;
	uint32_t *old = t->slots;

	t->slots = calloc(n, sizeof(*t->slots));
	if (!t->slots) {
		t->slots = old;
		return false;
	}
	t->n_slots = n;
	free(old);
	for (uint32_t id = 0; id < t->n; id++)
		*intern_slot(t, t->at[id].s, t->at[id].len) = id + 1;
	return true;
}

static uint32_t intern_add(struct intern *t, const char *s, size_t len)
{
	uint32_t *slot;
	char *copy;

	if (len >= UINT32_MAX || t->n == INTERN_NONE - 1)
		return INTERN_NONE;
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : 128;
		void *p = realloc(t->at, cap * sizeof(*t->at));

		if (!p)
			return INTERN_NONE;
		t->at = p;
		t->cap = cap;
	}
	if (t->n + 1 > t->n_slots / 4 * 3 && !intern_rehash(t))
		return INTERN_NONE;
	slot = intern_slot(t, s, len);
	if (*slot)
		return *slot - 1;
	copy = intern_room(t, len + 1);
	if (!copy)
		return INTERN_NONE;
	if (len)
		memcpy(copy, s, len);
	copy[len] = 0;
	t->at[t->n].s = copy;
	t->at[t->n].len = (uint32_t)len;
	t->bytes += len + 1;
	*slot = ++t->n;
	return t->n - 1;
}

uint32_t intern_put(struct intern *t, const char *s, size_t len)
{
	if (!t->n && intern_add(t, "", 0) == INTERN_NONE)
		return INTERN_NONE;
	return intern_add(t, s, len);
}

uint32_t intern_puts(struct intern *t, const char *s)
{
	return intern_put(t, s, strlen(s));
}

uint32_t intern_find(const struct intern *t, const char *s, size_t len)
{
	if (!len)
		return 0;
	if (!t->n_slots)
		return INTERN_NONE;
	return *intern_slot(t, s, len) - 1; /* an empty slot holds 0: 0 - 1 is INTERN_NONE */
}
