/* recording_layout.h - what the writer and the reader of .waggle streams must agree on.
 *
 * The layout in words, byte by byte, is doc/recording.md; this is the same for the compiler. A
 * block is a 32-byte head and its payload. The head has a checksum of its own, so that a length is
 * believed only when it was written by us, and a stream number, so that a block that got into this
 * file from another recording (or from a hostile string) is never taken for one of this stream.
 *
 * Checksums are XXH32 with seed 0. Thread safety: no state here.
 */
#ifndef WAGGLE_FORMAT_RECORDING_LAYOUT_H
#define WAGGLE_FORMAT_RECORDING_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

/* The first byte is no ASCII and no UTF-8, the last one is what text mode transfers break. */
#define RECORDING_MAGIC      "\xf7waggle\n"
#define RECORDING_MAGIC_SIZE 8
#define RECORDING_MARKER     UINT32_C(0x424757f7) /* bytes f7 'W' 'G' 'B' */

enum {
	RECORDING_HEAD_SIZE = 32,
	RECORDING_RAW_MAX = 64 << 20, /* bytes of one block's payload, stored or unpacked */
	RECORDING_ROWS_MAX = 65536,   /* rows in one block */
};

/* Append only: the numbers are in files. */
enum recording_type {
	RECORDING_HEADER = 1,
	RECORDING_META,
	RECORDING_VALUE_TYPES,
	RECORDING_STRINGS,
	RECORDING_OBJECTS,
	RECORDING_FRAMES,
	RECORDING_NODES,
	RECORDING_TASKS,
	RECORDING_LABEL_SETS,
	RECORDING_SAMPLES,
	RECORDING_NAMES,
	RECORDING_LEDGER,
	RECORDING_END,
	RECORDING_CODES,
	RECORDING_TYPE_MAX
};

/* The layout of every block's payload that this program writes, and the newest it reads. A payload
 * may get more fields at its end without a new version: readers ignore what is left over. */
#define RECORDING_VERSION 1

struct recording_head {
	uint16_t type, version;
	uint32_t stream;   /* the same in all blocks of one recording */
	uint32_t sequence; /* 0, 1, 2 ..: gaps tell how many blocks are missing */
	uint32_t raw, stored;
	uint32_t checksum; /* of the stored payload */
};

void recording_head_write(const struct recording_head *h, uint8_t to[RECORDING_HEAD_SIZE]);
/* False unless marker, checksum and limits are right; `n` is what there is at `at`. */
bool recording_head_read(const uint8_t *at, size_t n, struct recording_head *ret);
uint32_t recording_checksum(const void *p, size_t n);

/* Meta travels by key, so that both sides may know more or less than the other. */
enum recording_meta_kind { META_TEXT, META_U64, META_U32, META_I32 };

struct recording_meta_row {
	const char *key;
	enum recording_meta_kind kind;
	size_t offset; /* in struct profile_meta */
};

const struct recording_meta_row *recording_meta_rows(size_t *ret_n);

#endif
