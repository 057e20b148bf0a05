/* packed.h - a file's table as bytes that can be kept: four bytes a row, checked to the last bit.
 *
 * Little-endian: a head (magic, format, checksum of all that follows it, what the table was made for,
 * counts), the rules as they are in bpf/abi.h, then a word for each row: distance from the row before
 * << 16 | number of its rule. The distance 0xffff goes that far without making a row, so wide gaps
 * are a few words more. Measured against LEB128 (2.3 bytes a row): twice the bytes, a fifth of the time.
 *
 * Reading believes nothing: lengths, checksum, order of offsets, numbers of rules and the rules
 * themselves are checked, and memory is bounded by the bytes that are really there.
 *
 * Thread safety: none shared.
 */
#ifndef WAGGLE_UNWIND_PACKED_H
#define WAGGLE_UNWIND_PACKED_H

#include "base/buf.h"
#include "unwind/table.h"

#define PACKED_PRINT_BYTES 16
#define PACKED_BYTES_MAX   (UINT64_C(192) << 20) /* more than the largest table table_build() makes */

/* What a table was made from, and by which version of the code: a table is the same where this is. */
struct packed_print {
	uint8_t bytes[PACKED_PRINT_BYTES];
};

/* The print of the file: what table_build() looks at. Of call frame information and stubs that is every
 * byte, so that neither a patched file that kept its build id nor one that forged it gets another's rows
 * (XXH3-128 is no defence against somebody who can construct collisions of it); of the rest of the code,
 * which mend.h looks at here and there, the build id. 0; -ENOENT when the file has no
 * section to take it from; -EBADMSG, -ENOMEM. */
int packed_print_of(struct elf_image *img, struct packed_print *ret);

/* Appends the packed table; b->err is set when memory was short. */
void packed_write(struct buf *b, const struct packed_print *print, const struct table *t);
/* 0; -EBADMSG when it is not, or not exactly, what packed_write() wrote for that print; -ENOMEM. */
int packed_read(const void *data, size_t len, const struct packed_print *print, struct table *ret);

#endif
