/* intern.h - each distinct byte string once, known by a small number.
 *
 * Id 0 is always the empty string. Ids are dense and never change, so they can be used as array
 * indices and written to files in order. Strings are bytes: no encoding is assumed, NULs are allowed
 * (intern_len() tells the length), and every string is also NUL-terminated.
 *
 * Ownership: pointers are borrowed and stay valid until intern_free(). Not thread safe.
 */
#ifndef WAGGLE_BASE_INTERN_H
#define WAGGLE_BASE_INTERN_H

#include <stddef.h>
#include <stdint.h>

#define INTERN_NONE UINT32_MAX

struct intern_chunk;

struct intern {
	struct { uint32_t len; const char *s; } *at; /* by id */
	uint32_t n, cap;
	uint32_t *slots; /* id + 1, open addressing */
	size_t n_slots;
	struct intern_chunk *chunks;
	size_t bytes; /* held in strings */
};

void intern_free(struct intern *t);

/* The id of the string, added when new; INTERN_NONE when out of memory. */
uint32_t intern_put(struct intern *t, const char *s, size_t len);
uint32_t intern_puts(struct intern *t, const char *s);

/* The id of the string, INTERN_NONE when it was never added. */
uint32_t intern_find(const struct intern *t, const char *s, size_t len);

static inline const char *intern_get(const struct intern *t, uint32_t id)
{
	return id < t->n ? t->at[id].s : "";
}

static inline uint32_t intern_len(const struct intern *t, uint32_t id)
{
	return id < t->n ? t->at[id].len : 0;
}

#endif
