/* stubs.h - how far the stack is pushed inside of what linkers and start files add to a program (call
 * stubs, _init, _fini, crtbegin.o's functions), read off the code.
 *
 * GNU ld and gold describe the stubs they write; lld and mold do not, nor does GNU ld in static
 * programs or when asked not to. Up to 40 % of the samples of code that calls tiny functions of other
 * files hit stubs, so they cannot be left out. A stub is made of some ten instructions: anything else
 * ends the reading, and what is behind it stays undescribed.
 *
 * Encodings: Intel SDM volume 2; layouts: x86-64 psABI section 5.2 and the linkers' output.
 * Thread safety: a struct stubs is a value of its owner's. The code is borrowed.
 */
#ifndef WAGGLE_UNWIND_STUBS_H
#define WAGGLE_UNWIND_STUBS_H

#include "base/cursor.h"
#include "elf/image.h"

/* A hundred times what the largest programs have. */
#define STUBS_CAP (UINT64_C(16) << 20)

#define STUBS_MAX 7

/* Where such code is: address, size and bytes of each piece; the bytes belong to the image. Returns how
 * many. Without section headers .plt.sec, .plt.got and .iplt cannot be told (GNU ld describes them). */
size_t stubs_find(struct elf_image *img, struct elf_section ret[STUBS_MAX]);

struct stubs {
	const uint8_t *start;
	struct cursor code;
	uint32_t cfa_off;
	uint32_t fp_at; /* where in the frame rbp was pushed: at CFA - this; 0 = it was not */
};

/* Does the lazy resolver's own stub begin here? */
bool stubs_is_header(const uint8_t *code, size_t size);

struct stub_row {
	uint32_t at;      /* offset in the code from which this holds */
	uint32_t cfa_off; /* CFA = rsp + this */
	uint32_t fp_at;   /* the caller's rbp is at CFA - this; 0 = in the register */
};

/* At most STUBS_CAP bytes are looked at. */
struct stubs stubs_of(const uint8_t *code, size_t size);
/* The next row; neighbours may be the same. False at the end: *ret is where what is not understood begins. */
bool stubs_next(struct stubs *s, struct stub_row *ret);

#endif
