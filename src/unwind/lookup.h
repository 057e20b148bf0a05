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

/* slabs[k] are SLAB_WORDS words, or NULL where none was made; n_slabs of them. Returns the number
 * of the rule (0, RULE_END, where nothing is described). */
uint16_t lookup_rule(const struct file_slot *slot, uint32_t *const *slabs, uint32_t n_slabs,
		     uint64_t offset);

#endif
