/* slabview_test.c - words through mapped pieces: the right ones, no piece left open, none kept beyond a
 * drop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "session/slabview.c"

enum { SLABS = 2 };

static uint32_t *slabs[SLABS + 1]; /* the last one was never made */
static int open_pieces, opened;

/* In place of programs.c: memory instead of maps. */
const uint32_t *programs_slab_view(const struct programs *p, uint32_t address, size_t n)
{
	uint32_t k = address >> SLAB_WORDS_SHIFT, in = address & (SLAB_WORDS - 1);

	assert_int_equal(n, PIECE_WORDS);
	assert_int_equal(in % PIECE_WORDS, 0);
	opened++;
	if (k >= SLABS || !slabs[k])
		return NULL;
	open_pieces++;
	return slabs[k] + in;
}

void programs_slab_unview(const uint32_t *view, size_t n)
{
	assert_non_null(view);
	assert_int_equal(n, PIECE_WORDS);
	open_pieces--;
}

static void make_slabs(uint32_t salt)
{
	for (uint32_t k = 0; k < SLABS; k++) {
		if (!slabs[k])
			slabs[k] = malloc(SLAB_WORDS * sizeof(uint32_t));
		for (uint32_t i = 0; i < SLAB_WORDS; i++)
			slabs[k][i] = (k << SLAB_WORDS_SHIFT | i) ^ salt;
	}
}

static void free_slabs(void)
{
	for (uint32_t k = 0; k < SLABS; k++) {
		free(slabs[k]);
		slabs[k] = NULL;
	}
}

/* More pieces than there are places for, in any order. */
static void every_word_is_the_right_one(void **state)
{
	struct slabview v = {0};

	make_slabs(0xabcd);
	for (int i = 0; i < 20000; i++) {
		uint32_t address = (uint32_t)lrand48() % (SLABS * SLAB_WORDS);

		assert_int_equal(slabview_word(&v, address), address ^ 0xabcd);
		assert_in_range(open_pieces, 1, SLABVIEW_PIECES);
	}
	slabview_drop(&v);
	assert_int_equal(open_pieces, 0);
	free_slabs();
}

static void neighbours_share_a_piece(void **state)
{
	struct slabview v = {0};

	make_slabs(0);
	opened = 0;
	for (uint32_t i = 0; i < PIECE_WORDS; i++)
		assert_int_equal(slabview_word(&v, 3 * PIECE_WORDS + i), 3 * PIECE_WORDS + i);
	assert_int_equal(opened, 1);
	slabview_drop(&v);
	free_slabs();
}

/* A slab that is not there has no words, and is not asked for again and again; one that is made anew is
 * seen after a drop. */
static void slabs_come_and_go(void **state)
{
	struct slabview v = {0};
	uint32_t *other = calloc(SLAB_WORDS, sizeof(*other)), *was;

	make_slabs(1);
	opened = 0;
	assert_int_equal(slabview_word(&v, SLABS * SLAB_WORDS + 5), 0);
	assert_int_equal(slabview_word(&v, SLABS * SLAB_WORDS + 6), 0);
	assert_int_equal(slabview_word(&v, UINT32_MAX), 0);
	assert_int_equal(opened, 2);
	assert_int_equal(slabview_word(&v, 7), 7 ^ 1);
	was = slabs[0];
	slabs[0] = other;
	other[7] = 99;
	slabview_drop(&v);
	assert_int_equal(slabview_word(&v, 7), 99);
	slabview_drop(&v);
	assert_int_equal(open_pieces, 0);
	free(was);
	free_slabs();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_is_the_right_one),
		cmocka_unit_test(neighbours_share_a_piece),
		cmocka_unit_test(slabs_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
