/* slabview.c - a small cache of mapped pieces; see slabview.h.
 *
 * A piece has one place it can be in. Files' indexes and blocks lie far apart, so what evicts each other is
 * left to chance; a piece that is mapped again costs some microseconds.
 */
#include "session/slabview.h"

#include <stddef.h>

enum { PIECE_WORDS = 1 << SLABVIEW_PIECE_SHIFT };

_Static_assert(SLAB_WORDS % PIECE_WORDS == 0, "a piece lies in one slab");

static void slabview_close(struct slabview *v, size_t i)
{
	if (v->pieces[i].words)
		programs_slab_unview(v->pieces[i].words, PIECE_WORDS);
	v->pieces[i].words = NULL;
	v->pieces[i].number = 0;
}

uint32_t slabview_word(void *ctx, uint32_t address)
{
	struct slabview *v = ctx;
	uint32_t piece = address >> SLABVIEW_PIECE_SHIFT;
	size_t i = piece % SLABVIEW_PIECES;

	if (v->pieces[i].number != piece + 1) {
		slabview_close(v, i);
		v->pieces[i].number = piece + 1;
		v->pieces[i].words = programs_slab_view(v->programs, piece * PIECE_WORDS, PIECE_WORDS);
	}
	return v->pieces[i].words ? v->pieces[i].words[address % PIECE_WORDS] : 0;
}

void slabview_drop(struct slabview *v)
{
	for (size_t i = 0; i < SLABVIEW_PIECES; i++)
		slabview_close(v, i);
}
