/* lookup.h - finds a file offset's rule in a published table: the walker's look-up, in user space.
 *
 * The same steps over the same words as the BPF walker, so that tests and `waggle dump rows` see
 * what the walker sees. Every access is checked against the word space: the words may be anything.
 *
 * Thread safety: as that of the words.
 */
#ifndef WAGGLE_UNWIND_LOOKUP_H
#define WAGGLE_UNWIND_LOOKUP_H

#include <stdint.h>

#include "bpf/abi.h"

struct lookup_words {
	uint32_t (*word)(void *ctx, uint32_t address); /* 0 where no slab was made */
	void *ctx;
};

/* Returns the number of the rule (0, RULE_END, where nothing is described). */
uint16_t lookup_rule(const struct file_slot *slot, const struct lookup_words *words, uint64_t offset);

#endif
