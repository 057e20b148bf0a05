/* slabview.h - reads single words of the unwind tables that are published in the kernel.
 *
 * A slab is 4 MiB and its pages count as ours while they are mapped, whoever needs a few of them: so only
 * pieces around the words that are asked for are mapped, and only until they are dropped.
 *
 * Ownership: slabview_drop() gives everything back; the programs are borrowed.
 * Thread safety: one thread at a time.
 */
#ifndef WAGGLE_SESSION_SLABVIEW_H
#define WAGGLE_SESSION_SLABVIEW_H

#include <stdint.h>

#include "session/programs.h"

enum {
	SLABVIEW_PIECES = 32,
	SLABVIEW_PIECE_SHIFT = 14, /* words in a piece: 64 KiB, some tens of blocks */
};

struct slabview {
	const struct programs *programs;
	struct {
		uint32_t number; /* of the piece in the word space, and 1; 0 = nothing is here */
		const uint32_t *words; /* NULL: there is no such slab */
	} pieces[SLABVIEW_PIECES];
};

/* The word at an address (unwind/lookup.h), 0 where there is none; `ctx` is the struct slabview. */
uint32_t slabview_word(void *ctx, uint32_t address);
/* To be called before words may have changed hands: a slab that is given back and made again is other
 * memory. */
void slabview_drop(struct slabview *v);

#endif
