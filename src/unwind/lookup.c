/* lookup.c - the twin of rule_number() in bpf/unwind.bpf.c; see lookup.h. */
#include "unwind/lookup.h"

#include <stddef.h>

static uint32_t lookup_word(const struct lookup_words *words, uint32_t address)
{
	return words->word(words->ctx, address);
}

uint16_t lookup_rule(const struct file_slot *slot, const struct lookup_words *words, uint64_t offset)
{
	uint64_t number = (offset >> BLOCK_SHIFT) - slot->first_block;
	uint32_t in_block = (uint32_t)offset & (BLOCK_BYTES - 1);
	uint32_t sub = in_block >> BLOCK_SUB_SHIFT, block, from, to, head[2];

	if (slot->state != FILE_READY || number >= slot->n_blocks)
		return RULE_END;
	block = lookup_word(words, slot->index + (uint32_t)number);
	if (!block)
		return RULE_END;
	/* Sub-starts are 16-bit halves of the head; the rule lies between this one and the next. */
	for (uint32_t i = 0; i < 2; i++)
		head[i] = lookup_word(words, block + (sub + i) / 2) >> (sub + i) % 2 * 16;
	from = head[0] & 0xffff;
	to = head[1] & 0xffff;
	block += BLOCK_HEAD_WORDS;
	while (from < to) {
		uint32_t mid = (from + to + 1) / 2;

		if (lookup_word(words, block + mid) >> 16 <= in_block)
			from = mid;
		else
			to = mid - 1;
	}
	return (uint16_t)lookup_word(words, block + from);
}
