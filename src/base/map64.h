/* map64.h - an open-addressing hash map from 64-bit keys to 32-bit values.
 *
 * For hot paths (stack nodes, frames, stack hashes): linear probing, power-of-two sizes, load at most
 * 3/4, no deletion. Keys are mixed with the finalizer of splitmix64 (Steele et al., 2014), so keys
 * that are sequential or packed are fine. Callers whose key is wider than 64 bits hash it themselves
 * and compare in their own table.
 *
 * Ownership: map64_free(). Not thread safe. A zeroed struct is a valid empty map.
 */
#ifndef WAGGLE_BASE_MAP64_H
#define WAGGLE_BASE_MAP64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map64_slot {
	uint64_t key;
	uint32_t value;
	uint32_t used;
};

struct map64 {
	struct map64_slot *slots;
	size_t n, cap;
};

static inline uint64_t map64_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

void map64_free(struct map64 *m);

/* Where the value of `key` is, NULL when absent. The pointer dies with the next insert. */
uint32_t *map64_find(const struct map64 *m, uint64_t key);

/* The value's place, inserted as `init` when absent; NULL when out of memory. *ret_new (may be
 * NULL) says whether it was inserted. The pointer dies with the next insert. */
uint32_t *map64_insert(struct map64 *m, uint64_t key, uint32_t init, bool *ret_new);

#endif
