/* stackfile_fuzz.c - files of captured stacks: the container as it is, and, because few mutations get
 * past zstd, the fields themselves packed anew. Input starts with a byte: even for the former.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "unwind/stackfile.h"

static void try_one(const uint8_t *data, size_t len)
{
	struct stackfile f, g;
	struct buf b = { 0 };

	if (stackfile_unpack(data, len, &f))
		return;
	/* What was understood is written and understood again. */
	if (stackfile_pack(&f, &b) || stackfile_unpack(b.data, b.len, &g))
		abort();
	if (g.frames.n != f.frames.n || g.stack_bytes != f.stack_bytes || g.images.n != f.images.n)
		abort();
	stackfile_free(&g);
	stackfile_free(&f);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t bound = ZSTD_compressBound(len);
	uint8_t *packed;
	size_t n;

	if (!len)
		return 0;
	if (data[0] % 2 == 0) {
		try_one(data + 1, len - 1);
		return 0;
	}
	packed = malloc(bound + 8);
	if (!packed)
		return 0;
	memcpy(packed, "WGSTACK1", 8);
	n = ZSTD_compress(packed + 8, bound, data + 1, len - 1, 1);
	if (!ZSTD_isError(n))
		try_one(packed, n + 8);
	free(packed);
	return 0;
}
