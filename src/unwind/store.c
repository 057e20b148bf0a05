/* store.c - lays tables out in the walker's word space (bpf/abi.h says how, store.h what it
 * promises).
 *
 * Three passes: how long each block will be (no lock), where each goes (the lock is held for this
 * only, so that a small file never waits for a big one), and writing them to where they stay (no lock:
 * the places are ours). Blocks are encoded one at a time: an encoding of the whole table beside it
 * would cost more memory (4 bytes a row) than it saves. The walker never waits for the lock.
 */
#include "unwind/store.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "unwind/space.h"

#define BLOCKS_CAP  (1u << (31 - BLOCK_SHIFT))           /* 2 GiB of text */
#define BLOCK_WORDS (BLOCK_HEAD_WORDS + BLOCK_BYTES + 1) /* of the largest */
#define BLOCK_AGAIN UINT16_MAX /* a length: the block before says the same */

struct store_pieces {
	VEC(struct space_run) runs;
	uint64_t words;
};

struct store_table {
	uint32_t index; /* word address: what a slot knows it by */
	struct store_pieces pieces;
};

struct store {
	pthread_mutex_t lock;
	struct store_ops ops;
	void *ctx;
	struct rules *rules;
	struct space space;
	VEC(struct store_table) tables; /* ascending by index */
	uint64_t used;                  /* words */
};

struct store_writer {
	struct store *s;
	uint32_t k;
	uint32_t piece;  /* number of the first word in slab k */
	uint32_t *words; /* open, or NULL */
};

_Static_assert(SLAB_WORDS % STORE_PIECE == 0, "pieces fill a slab");

struct store_layout {
	const struct table *t;
	uint16_t *numbers; /* of the table's rules in the dictionary */
	uint16_t *lengths; /* of blocks, in words; 0 = nothing there, or BLOCK_AGAIN */
	uint32_t *index;   /* addresses of blocks; 0 = nothing there */
	uint32_t at;       /* address of the index */
	uint32_t first, n_index, longest;
	uint64_t words;    /* of all blocks */
	/* While placing. */
	struct space_run rest; /* of the run that blocks are being put into */
	struct store_pieces pieces, left;
	/* While encoding. */
	size_t row;     /* the next one */
	uint16_t carry; /* the rule in force before it */
	struct store_writer w;
	uint32_t block[BLOCK_WORDS];
};

/* -- writing words ------------------------------------------------------------------------- */

static void store_close(struct store_writer *w)
{
	if (w->words && w->s->ops.slab_close)
		w->s->ops.slab_close(w->s->ctx, w->k, w->words);
	w->words = NULL;
}

static bool store_write(struct store_writer *w, uint64_t at, const uint32_t *words, size_t n)
{
	while (n) {
		uint32_t k = (uint32_t)(at >> SLAB_WORDS_SHIFT), in = at & (STORE_PIECE - 1);
		uint32_t piece = (at & (SLAB_WORDS - 1)) - in;
		size_t now = n < STORE_PIECE - in ? n : STORE_PIECE - in;

		if (!w->words || k != w->k || piece != w->piece) {
			store_close(w);
			w->words = w->s->ops.slab_open(w->s->ctx, k, piece);
			w->k = k;
			w->piece = piece;
			if (!w->words)
				return false;
		}
		memcpy(w->words + in, words, now * sizeof(*words));
		at += now;
		words += now;
		n -= now;
	}
	return true;
}

/* -- encoding blocks ----------------------------------------------------------------------- */

/* Ten 16-bit sub-starts in front of the n rows: row in force at each 512 bytes, last row. */
static void store_put_head(uint32_t *head, uint32_t n)
{
	const uint32_t *rows = head + BLOCK_HEAD_WORDS;
	uint32_t row = 0;

	memset(head, 0, BLOCK_HEAD_WORDS * sizeof(*head));
	for (uint32_t k = 0; k < 8; k++) {
		while (row + 1 < n && rows[row + 1] >> 16 <= k << BLOCK_SUB_SHIFT)
			row++;
		head[k / 2] |= row << k % 2 * 16;
	}
	head[4] = n - 1;
}

/* Encodes the block with that number into c->block; returns how many rows it has. */
static uint32_t store_encode_block(struct store_layout *c, uint32_t number)
{
	const uint64_t base = (uint64_t)(c->first + number) << BLOCK_SHIFT;
	const struct table_row *rows = c->t->rows;
	uint32_t *to = c->block + BLOCK_HEAD_WORDS, n = 0;

	to[n++] = c->carry;
	for (; c->row < c->t->n && rows[c->row].offset - base < BLOCK_BYTES; c->row++) {
		uint32_t offset = (uint32_t)(rows[c->row].offset - base);

		c->carry = c->numbers[rows[c->row].rule];
		n -= offset == to[n - 1] >> 16;
		to[n++] = offset << 16 | c->carry;
	}
	store_put_head(c->block, n);
	return n;
}

/* -- how long ------------------------------------------------------------------------------ */

/* The length of the block with that number: what store_encode_block() will make of it. */
static uint16_t store_block_length(struct store_layout *c, uint32_t number, uint32_t *only)
{
	const uint64_t base = (uint64_t)(c->first + number) << BLOCK_SHIFT;
	const struct table_row *rows = c->t->rows;
	uint64_t before = base;
	uint32_t n = 1;

	for (; c->row < c->t->n && rows[c->row].offset - base < BLOCK_BYTES; c->row++) {
		n += rows[c->row].offset != before;
		before = rows[c->row].offset;
		c->carry = c->numbers[rows[c->row].rule];
	}
	if (n > 1) {
		*only = UINT32_MAX;
		return (uint16_t)(BLOCK_HEAD_WORDS + n);
	}
	/* One rule for all of it: nothing to write, or the block before once more. */
	if (c->carry == RULE_END)
		return 0;
	if (c->carry == *only)
		return BLOCK_AGAIN;
	*only = c->carry;
	return BLOCK_HEAD_WORDS + 1;
}

static void store_measure(struct store_layout *c)
{
	uint32_t only = UINT32_MAX;

	c->carry = RULE_END;
	for (uint32_t i = 0; i < c->n_index; i++) {
		uint16_t length = store_block_length(c, i, &only);

		c->lengths[i] = length;
		if (length == BLOCK_AGAIN)
			continue;
		c->words += length;
		c->longest = length > c->longest ? length : c->longest;
	}
	c->row = 0;
	c->carry = RULE_END;
}

static int store_prepare(struct store_layout *c, struct rules *rules)
{
	const struct table *t = c->t;
	uint64_t first, last;

	if (!t->n)
		return -ENODATA;
	first = t->rows[0].offset >> BLOCK_SHIFT;
	last = t->rows[t->n - 1].offset >> BLOCK_SHIFT;
	if (last > UINT32_MAX || last - first >= BLOCKS_CAP)
		return -EFBIG;
	/* The last row, RULE_END, at the start of a block: that block has nothing to say. */
	if (last > first && t->rows[t->n - 1].offset % BLOCK_BYTES == 0 &&
	    table_rule(t, t->n - 1)->kind == RULE_END)
		last--;
	c->first = (uint32_t)first;
	c->n_index = (uint32_t)(last - first) + 1;
	c->index = calloc(c->n_index, sizeof(*c->index));
	c->lengths = calloc(c->n_index, sizeof(*c->lengths));
	c->numbers = calloc(t->n_rules, sizeof(*c->numbers));
	if (!c->index || !c->lengths || !c->numbers)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n_rules; i++)
		c->numbers[i] = rules_number(rules, &t->rules[i]);
	store_measure(c);
	return 0;
}

/* -- where --------------------------------------------------------------------------------- */

static bool store_note(struct store_pieces *p, struct space_run run)
{
	struct space_run *last = p->runs.n ? &p->runs.at[p->runs.n - 1] : NULL;

	if (last && last->at + last->n == run.at)
		last->n += run.n;
	else if (!VEC_PUSH(&p->runs, run))
		return false;
	p->words += run.n;
	return true;
}

static void store_give_back(struct store *s, struct store_pieces *p)
{
	for (size_t i = 0; i < p->runs.n; i++)
		space_give(&s->space, p->runs.at[i]);
	VEC_FREE(&p->runs);
	p->words = 0;
}

static bool store_new_slab(struct store *s)
{
	uint32_t k = space_next(&s->space), *words;

	if (k == SPACE_NO_SLAB)
		return false;
	words = s->ops.slab_open(s->ctx, k, 0);
	if (!words)
		return false;
	if (s->ops.slab_close)
		s->ops.slab_close(s->ctx, k, words);
	return space_add(&s->space, k);
}

/* Another run to put blocks into, the next of which has `len` words: one that holds all that is to
 * come, else the largest one, else a new slab, else whatever there is. */
static bool store_next_run(struct store *s, struct store_layout *c, uint64_t to_come, uint32_t len)
{
	uint64_t crossings = (to_come >> SLAB_WORDS_SHIFT) + 1;
	uint32_t worth = len > SPACE_RUN_MIN ? len : SPACE_RUN_MIN;

	if (space_take(&s->space, to_come + crossings * c->longest, &c->rest) ||
	    space_take_largest(&s->space, worth, &c->rest))
		return true;
	if (store_new_slab(s))
		return store_next_run(s, c, to_come, len);
	return space_take_largest(&s->space, len, &c->rest);
}

/* The next `len` words that do not cross a slab. What is passed over is given back when all is placed:
 * at once, it might be handed out again and again. */
static bool store_place_block(struct store *s, struct store_layout *c, uint64_t to_come, uint32_t len,
			      uint32_t *ret)
{
	for (;;) {
		uint64_t left = SLAB_WORDS - (c->rest.at & (SLAB_WORDS - 1));
		uint64_t skip = left < len ? left : 0;

		if (c->rest.n >= skip + len) {
			if (skip && !store_note(&c->left, (struct space_run){ c->rest.at, skip }))
				return false;
			*ret = (uint32_t)(c->rest.at + skip);
			c->rest.at += skip + len;
			c->rest.n -= skip + len;
			return store_note(&c->pieces, (struct space_run){ *ret, len });
		}
		if (c->rest.n && !store_note(&c->left, c->rest))
			return false;
		c->rest.n = 0;
		if (!store_next_run(s, c, to_come, len))
			return false;
	}
}

static bool store_place_index(struct store *s, struct store_layout *c)
{
	struct space_run run;

	/* In one piece, and with the blocks behind it when a run holds it all. */
	if (!store_next_run(s, c, c->n_index + c->words, c->n_index))
		return false;
	run = (struct space_run){ c->rest.at, c->n_index };
	c->rest.at += run.n;
	c->rest.n -= run.n;
	c->at = (uint32_t)run.at;
	return store_note(&c->pieces, run);
}

static bool store_place_all(struct store *s, struct store_layout *c)
{
	uint64_t to_come = c->words;
	uint32_t last = 0;

	if (!store_place_index(s, c))
		return false;
	for (uint32_t i = 0; i < c->n_index; i++) {
		if (c->lengths[i] && c->lengths[i] != BLOCK_AGAIN) {
			if (!store_place_block(s, c, to_come, c->lengths[i], &last))
				return false;
			to_come -= c->lengths[i];
		}
		c->index[i] = c->lengths[i] ? last : 0;
	}
	return true;
}

static size_t store_find(const struct store *s, uint32_t index)
{
	size_t lo = 0, hi = s->tables.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->tables.at[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* With the lock held. On failure nothing was taken. */
static int store_place(struct store *s, struct store_layout *c)
{
	struct store_table *at;
	size_t i;
	bool ok = VEC_RESERVE(&s->tables, 1) && store_place_all(s, c);

	space_give(&s->space, c->rest);
	store_give_back(s, &c->left);
	if (!ok) {
		store_give_back(s, &c->pieces);
		return -ENOSPC;
	}
	i = store_find(s, c->at);
	at = s->tables.at + i;
	memmove(at + 1, at, (s->tables.n++ - i) * sizeof(*at));
	*at = (struct store_table){ c->at, c->pieces };
	s->used += c->pieces.words;
	return 0;
}

/* -- adding and removing ------------------------------------------------------------------- */

static bool store_fill(struct store *s, struct store_layout *c)
{
	bool ok = true;

	c->w.s = s;
	for (uint32_t i = 0; i < c->n_index && ok; i++) {
		uint32_t n = store_encode_block(c, i);

		if (!c->lengths[i] || c->lengths[i] == BLOCK_AGAIN)
			continue;
		assert(c->lengths[i] == BLOCK_HEAD_WORDS + n);
		ok = store_write(&c->w, c->index[i], c->block, c->lengths[i]);
	}
	ok = ok && store_write(&c->w, c->at, c->index, c->n_index);
	store_close(&c->w);
	return ok;
}

static uint64_t store_now(const struct store *s)
{
	return s->ops.now ? s->ops.now(s->ctx) : clock_mono_ns();
}

/* Takes the table with that index out of the list; its pieces are the caller's. */
static bool store_forget(struct store *s, uint32_t index, struct store_pieces *ret)
{
	size_t i = store_find(s, index);
	struct store_table *at = s->tables.at + i;

	if (i == s->tables.n || at->index != index)
		return false;
	*ret = at->pieces;
	s->used -= ret->words;
	memmove(at, at + 1, (--s->tables.n - i) * sizeof(*at));
	return true;
}

/* With the lock held. */
static void store_settle(struct store *s)
{
	uint32_t k;

	space_ripen(&s->space, store_now(s));
	if (!s->ops.slab_drop)
		return;
	while (s->space.n_free >= 2 * (uint64_t)SLAB_WORDS &&
	       (k = space_empty(&s->space)) != SPACE_NO_SLAB) {
		space_drop(&s->space, k);
		s->ops.slab_drop(s->ctx, k);
	}
}

void store_rested(struct store *s, uint64_t since)
{
	pthread_mutex_lock(&s->lock);
	space_ripen(&s->space, since + SPACE_REST_NS);
	pthread_mutex_unlock(&s->lock);
}

static int store_add_laid_out(struct store *s, struct store_layout *c)
{
	struct store_pieces p;
	int code;

	pthread_mutex_lock(&s->lock);
	store_settle(s);
	code = c->n_index + c->words > space_capacity(&s->space) ? -E2BIG : store_place(s, c);
	pthread_mutex_unlock(&s->lock);
	if (code || store_fill(s, c))
		return code;
	/* Nobody has seen them: no rest is needed. */
	pthread_mutex_lock(&s->lock);
	if (store_forget(s, c->at, &p))
		store_give_back(s, &p);
	pthread_mutex_unlock(&s->lock);
	return -ENOSPC;
}

int store_add(struct store *s, const struct table *t, struct file_slot *ret, uint64_t *ret_bytes)
{
	struct store_layout *c = calloc(1, sizeof(*c));
	int code;

	if (!c)
		return -ENOMEM;
	c->t = t;
	code = store_prepare(c, s->rules);
	if (ret_bytes)
		*ret_bytes = (c->n_index + c->words) * sizeof(uint32_t);
	if (!code)
		code = store_add_laid_out(s, c);
	if (!code)
		*ret = (struct file_slot){ FILE_READY, c->at, c->first, c->n_index };
	free(c->index);
	free(c->lengths);
	free(c->numbers);
	free(c);
	return code;
}

void store_remove(struct store *s, const struct file_slot *slot)
{
	struct store_pieces p;
	uint64_t now = store_now(s);

	pthread_mutex_lock(&s->lock);
	if (store_forget(s, slot->index, &p)) {
		for (size_t i = 0; i < p.runs.n; i++)
			space_park(&s->space, p.runs.at[i], now);
		VEC_FREE(&p.runs);
	}
	pthread_mutex_unlock(&s->lock);
}

void store_tidy(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	store_settle(s);
	pthread_mutex_unlock(&s->lock);
}

/* -- life ---------------------------------------------------------------------------------- */

struct store *store_new(const struct store_ops *ops, void *ctx, struct rules *rules, uint64_t max_bytes)
{
	uint64_t slabs = max_bytes / (SLAB_WORDS * sizeof(uint32_t));
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (max_bytes && !slabs)
		slabs = 1;
	pthread_mutex_init(&s->lock, NULL);
	s->ops = *ops;
	s->ctx = ctx;
	s->rules = rules;
	space_init(&s->space, slabs < SLABS_MAX ? (uint32_t)slabs : SLABS_MAX);
	return s;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->tables.n; i++)
		VEC_FREE(&s->tables.at[i].pieces.runs);
	VEC_FREE(&s->tables);
	space_done(&s->space);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void store_sizes(struct store *s, struct store_sizes *ret)
{
	enum { W = sizeof(uint32_t) };

	pthread_mutex_lock(&s->lock);
	*ret = (struct store_sizes){
		.taken = (uint64_t)s->space.n_slabs * SLAB_WORDS * W,
		.used = s->used * W,
		.rests = s->space.n_parked * W,
		.room = space_room(&s->space) * W,
		.lost = s->space.lost * W,
		.tables = (uint32_t)s->tables.n,
	};
	for (size_t i = 0; i < s->tables.n; i++)
		ret->pieces += (uint32_t)s->tables.at[i].pieces.runs.n;
	pthread_mutex_unlock(&s->lock);
}
