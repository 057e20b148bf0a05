/* stackfile.h - one stack in a file: everything needed to unwind it again, anywhere, and the expected frames.
 *
 * Registers, the bytes of the stack as far as a walk needs them, the executable mappings, an excerpt
 * (excerpt.h) of each file and of the vDSO, and what the oracle found. The corpus of the tests is made of
 * these; `waggle cpu --oracle-out` writes one for each sample on which walker and oracle differ.
 *
 * What is on a stack is private: only words that are addresses of code or of the stack, or small numbers, are
 * kept; every other is overwritten. Files are called by their last name.
 *
 * Layout: "WGSTACK1", then one zstd frame of little-endian fields in the order of struct stackfile, counts
 * and lengths as LEB128.
 *
 * Ownership: stackfile_free(). Not thread safe.
 */
#ifndef WAGGLE_UNWIND_STACKFILE_H
#define WAGGLE_UNWIND_STACKFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "process/maps.h"
#include "unwind/oracle.h"

#define STACKFILE_BELOW_MAX 4096u
#define STACKFILE_BYTES_CAP (16u << 20) /* unpacked */

enum stackfile_place { /* what a mapping or a frame is in; above: image number + STACKFILE_IMAGE */
	STACKFILE_NOWHERE,
	STACKFILE_ANON, /* executable memory that is no file */
	STACKFILE_IMAGE
};

struct stackfile_image {
	char *name; /* "[vdso]" for that */
	uint8_t *elf;
	size_t len;
};

struct stackfile_mapping {
	uint64_t start, end, offset;
	uint32_t place;
};

struct stackfile_frame {
	uint32_t place;
	uint64_t offset; /* in the image; the address where there is none */
	uint8_t way;     /* enum oracle_way */
};

struct stackfile {
	uint64_t regs[16]; /* by DWARF number */
	uint32_t below;    /* the stack starts so many bytes below regs[7], at most STACKFILE_BELOW_MAX */
	uint64_t ip;
	uint32_t stop;     /* enum oracle_stop */
	VEC(struct stackfile_image) images;
	VEC(struct stackfile_mapping) mappings; /* executable ones, ascending */
	VEC(struct stackfile_frame) frames;     /* expected, leaf first */
	uint8_t *stack;
	size_t stack_bytes;
};

/* From what the oracle was given and what it found. Files are opened with `open`, as oracle_opts.open;
 * NULL: of the live process. 0, -errno. */
int stackfile_make(const struct raw_record *r, const struct maps *m, const struct oracle_stack *found,
		   const struct oracle_opts *open, struct stackfile *ret);
/* 0 or -ENOMEM. */
int stackfile_pack(const struct stackfile *f, struct buf *ret);
/* Foreign bytes: -EBADMSG when they make no sense, -ENOMEM. */
int stackfile_unpack(const void *data, size_t len, struct stackfile *ret);
void stackfile_free(struct stackfile *f);

#endif
