/* maple_host.h - builds the mapping tree of a process in the layout of the kernel's struct maple_tree,
 * from a list of ranges. Nodes are 256 bytes, aligned to 256; leaves hold up to 15 ranges (gaps are
 * ranges without entry), inner nodes up to 9 children. See lib/maple_tree.c of Linux for the layout.
 */
#ifndef WAGGLE_TEST_MAPLE_HOST_H
#define WAGGLE_TEST_MAPLE_HOST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct maple_range {
	uint64_t last;  /* inclusive */
	uint64_t entry; /* vma or child */
};

enum { MAPLE_LEAF_MAX = 15, MAPLE_INNER_MAX = 9 };

static uint64_t *maple_node(void)
{
	uint64_t *node = aligned_alloc(256, 256);

	memset(node, 0, 256);
	return node;
}

/* `type` as in enum maple_type; returns the encoded pointer. */
static uint64_t maple_fill(const struct maple_range *r, size_t n, unsigned int type)
{
	uint64_t *node = maple_node();
	size_t pivots = type == 3 ? 9 : 15;
	uint8_t end = (uint8_t)(n - 1);

	for (size_t i = 0; i < n; i++) {
		if (i < pivots && i + 1 < n)
			node[1 + i] = r[i].last;
		node[1 + pivots + i] = r[i].entry;
	}
	/* The last pivot is only stored when there is room behind it; the end is in the metadata. */
	memcpy((uint8_t *)(node + (type == 3 ? 30 : 31)), &end, 1);
	return (uint64_t)(uintptr_t)node | (uint64_t)type << 3 | 4;
}

/* The root pointer of a tree over `n` ranges that cover the address space without holes. */
static uint64_t maple_build(const struct maple_range *ranges, size_t n)
{
	struct maple_range *level = malloc(n * sizeof(*level));
	unsigned int type = 1;
	size_t max = MAPLE_LEAF_MAX;

	memcpy(level, ranges, n * sizeof(*level));
	do {
		size_t out = 0;

		for (size_t i = 0; i < n; i += max) {
			size_t part = n - i < max ? n - i : max;
			uint64_t node = maple_fill(level + i, part, type);

			level[out++] = (struct maple_range){ level[i + part - 1].last, node };
		}
		n = out;
		type = 3;
		max = MAPLE_INNER_MAX;
	} while (n > 1);
	{
		uint64_t root = level[0].entry | 2; /* xa_is_node */

		free(level);
		return root;
	}
}

/* Frees a tree of maple_build(), 0 being none. Leaves' entries are the caller's. */
static void maple_free(uint64_t root)
{
	uint64_t *node = (uint64_t *)(uintptr_t)(root & ~UINT64_C(255));

	if (node && (root >> 3 & 15) == 3)
		for (unsigned int i = 0; i <= *(uint8_t *)(node + 30); i++)
			maple_free(node[10 + i]);
	free(node);
}

#endif
