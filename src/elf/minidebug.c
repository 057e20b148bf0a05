/* minidebug.c - .gnu_debugdata through liblzma, which is told how much memory it may use; the
 * output is bounded too, because a few kilobytes of xz can stand for terabytes. */
#include "elf/minidebug.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>

#include "base/buf.h"

#define DECODER_MEMORY (UINT64_C(96) << 20)  /* xz -9 needs 65 MiB */
#define OUTPUT_CAP     (UINT64_C(256) << 20) /* a large browser's is some 20 MiB */
#define CHUNK          (256u << 10)

int minidebug_unpack(struct elf_image *img, uint8_t **ret_data, size_t *ret_len)
{
	lzma_stream xz = LZMA_STREAM_INIT;
	struct buf out = {0};
	struct elf_section s;
	lzma_ret rc = LZMA_OK;

	if (elf_image_section(img, ".gnu_debugdata", &s) || !s.data)
		return -ENOENT;
	if (lzma_stream_decoder(&xz, DECODER_MEMORY, 0) != LZMA_OK)
		return -ENOMEM;
	xz.next_in = s.data;
	xz.avail_in = s.size;
	do {
		xz.next_out = buf_reserve(&out, CHUNK);
		xz.avail_out = CHUNK;
		if (!xz.next_out)
			break;
		rc = lzma_code(&xz, LZMA_FINISH);
		out.len += CHUNK - xz.avail_out;
	} while (rc == LZMA_OK && out.len <= OUTPUT_CAP);
	lzma_end(&xz);
	if (out.err || rc != LZMA_STREAM_END || !out.len) {
		int err = out.err ? out.err : -EBADMSG;

		buf_free(&out);
		return err;
	}
	*ret_data = buf_take(&out, ret_len);
	return 0;
}
