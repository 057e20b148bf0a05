/* rules.bpf.h - the unwind rule that holds at an offset of a file. BPF only.
 *
 * It is found in the file's table (layout: abi.h) or, much cheaper, among the rules of frames met before.
 */
#ifndef WAGGLE_BPF_RULES_H
#define WAGGLE_BPF_RULES_H

#include "bpf/maps.bpf.h"

static __always_inline u32 word_at(u32 address)
{
	u32 k = address >> SLAB_WORDS_SHIFT, zero = 0;
	void *inner = bpf_map_lookup_elem(&slabs, &k);
	struct slab *slab;

	if (!inner)
		return 0;
	slab = bpf_map_lookup_elem(inner, &zero);
	return slab ? slab->words[address & (SLAB_WORDS - 1)] : 0;
}

/* The rule number for an offset in a file with a table (layout: abi.h). 0 = RULE_END. */
VERIFIED_ONCE u32 rule_number(u32 index, u32 first_block, u32 n_blocks, u64 offset)
{
	u32 block_no = (u32)(offset >> BLOCK_SHIFT) - first_block;
	u32 in_block = (u32)offset & (BLOCK_BYTES - 1), sub = in_block >> BLOCK_SUB_SHIFT;
	u32 block, k, zero = 0, head0, head1, first, last, n;
	struct slab *slab;
	void *inner;

	if (block_no >= n_blocks)
		return 0;
	block = word_at(index + block_no);
	if (!block)
		return 0;
	k = block >> SLAB_WORDS_SHIFT; /* a block never crosses a slab: one look-up for all of it */
	inner = bpf_map_lookup_elem(&slabs, &k);
	if (!inner)
		return 0;
	slab = bpf_map_lookup_elem(inner, &zero);
	if (!slab)
		return 0;
	head0 = slab->words[(block + (sub >> 1)) & (SLAB_WORDS - 1)];
	head1 = slab->words[(block + ((sub + 1) >> 1)) & (SLAB_WORDS - 1)];
	first = sub & 1 ? head0 >> 16 : head0 & 0xffff;
	last = sub & 1 ? head1 & 0xffff : head1 >> 16;
	n = last - first + 1;
	block += BLOCK_HEAD_WORDS + first;
	for (int i = 0; i < 10 && n > 1; i++) { /* 512 byte offsets: at most 2^9 + 1 rows */
		u32 half = n >> 1;

		if ((slab->words[(block + half) & (SLAB_WORDS - 1)] >> 16) <= in_block)
			block += half;
		n -= half;
	}
	return slab->words[block & (SLAB_WORDS - 1)] & 0xffff;
}

/* A frame as entries of kept_rules have it; 0 for one that is not kept. */
static __always_inline u64 kept_key(u64 frame)
{
	u64 offset = frame & FRAME_OFFSET_MASK;

	if (offset >> KEPT_OFFSET_BITS)
		return 0;
	return (frame >> FRAME_FILE_SHIFT) << KEPT_OFFSET_BITS | offset;
}

/* The first entry of a key's set; Fibonacci hashing spreads keys that differ in few bits. */
static __always_inline u32 kept_set(u64 key)
{
	return (u32)((key * 0x9e3779b97f4a7c15ull) >> (64 - KEPT_SETS_SHIFT)) * KEPT_WAYS;
}

/* The number of the rule that was found for the key before; 0 when it is not kept. */
VERIFIED_ONCE u32 kept_find(u64 key)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct kept_rules *kept = bpf_map_lookup_elem(&kept_rules, &cpu);
	u32 set = kept_set(key);

	if (!kept)
		return 0;
	for (u32 i = 0; i < KEPT_WAYS; i++) {
		u64 entry = kept->way[(set + i) & ((KEPT_WAYS << KEPT_SETS_SHIFT) - 1)];

		if (entry >> 16 == key)
			return entry & 0xffff;
	}
	return 0;
}

/* Keeps it in a free entry, else in place of some other one. */
VERIFIED_ONCE int kept_put(u64 key, u32 number)
{
	u32 cpu = bpf_get_smp_processor_id(), set = kept_set(key);
	struct kept_rules *kept = bpf_map_lookup_elem(&kept_rules, &cpu);
	u32 to = (u32)(key ^ key >> 7) & (KEPT_WAYS - 1);

	if (!kept)
		return 0;
	for (u32 i = 0; i < KEPT_WAYS; i++) {
		if (!kept->way[(set + i) & ((KEPT_WAYS << KEPT_SETS_SHIFT) - 1)]) {
			to = i;
			break;
		}
	}
	kept->way[(set + to) & ((KEPT_WAYS << KEPT_SETS_SHIFT) - 1)] = key << 16 | (number & 0xffff);
	return 0;
}

#endif
