/* store.c - lays tables out in the walker's word space (bpf/abi.h says how, store.h what it
 * promises).
 *
 * Blocks are made one at a time and written to where they stay, all under the lock: an encoding of
 * the whole table beside it would cost more memory (4 bytes a row) than it saves others time (a
 * millisecond for 100,000 rows). The walker never waits for this lock.
 */
#include "unwind/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_CAP  (1u << 20)                           /* 2 GiB of text */
#define BLOCK_WORDS (BLOCK_HEAD_WORDS + BLOCK_BYTES + 1) /* of the largest */
#define WORDS_END   ((uint64_t)SLABS_MAX * SLAB_WORDS)

struct store {
	pthread_mutex_t lock;
	struct store_ops ops;
	void *ctx;
	struct rules *rules;
	uint64_t top;     /* next free word; 0 is never used for anything */
	uint64_t used;    /* words written */
	uint32_t n_slabs; /* opened so far */
};

struct store_writer {
	struct store *s;
	uint32_t k;
	uint32_t *slab; /* open, or NULL */
};

struct store_encoding {
	const struct table *t;
	uint16_t *numbers; /* of the table's rules in the dictionary */
	uint32_t *index;   /* addresses of blocks; 0 = nothing there */
	uint32_t first, n_index;
	size_t row;     /* the next one to encode */
	uint16_t carry; /* the rule in force before it */
	uint32_t last;  /* address of the last block written, 0 for none, */
	uint32_t only;  /* and its first row if that is all it has, else UINT32_MAX */
	uint64_t top, used;
	struct store_writer w;
	uint32_t block[BLOCK_WORDS];
};

/* -- writing words ------------------------------------------------------------------------- */

static void store_close(struct store_writer *w)
{
	if (w->slab && w->s->ops.slab_close)
		w->s->ops.slab_close(w->s->ctx, w->k, w->slab);
	w->slab = NULL;
}

static bool store_write(struct store_writer *w, uint64_t at, const uint32_t *words, size_t n)
{
	while (n) {
		uint32_t k = (uint32_t)(at >> SLAB_WORDS_SHIFT), in = at & (SLAB_WORDS - 1);
		size_t now = n < SLAB_WORDS - in ? n : SLAB_WORDS - in;

		if (!w->slab || k != w->k) {
			store_close(w);
			w->slab = w->s->ops.slab_open(w->s->ctx, k);
			w->k = k;
			if (!w->slab)
				return false;
			if (k >= w->s->n_slabs)
				w->s->n_slabs = k + 1;
		}
		memcpy(w->slab + in, words, now * sizeof(*words));
		at += now;
		words += now;
		n -= now;
	}
	return true;
}

/* -- encoding blocks ----------------------------------------------------------------------- */

/* Ten 16-bit sub-starts in front of the n rows: row in force at each 256 bytes, last row. */
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
static uint32_t store_encode_block(struct store_encoding *c, uint32_t number)
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

/* Puts the block behind the last one; false when there is no space. */
static bool store_put_block(struct store_encoding *c, uint32_t number)
{
	uint32_t n = store_encode_block(c, number), len = BLOCK_HEAD_WORDS + n;
	uint32_t rule = c->block[BLOCK_HEAD_WORDS];
	uint64_t left = SLAB_WORDS - (c->top & (SLAB_WORDS - 1));

	if (n == 1) { /* one rule for all of it: nothing to write, or the block before again */
		if (rule == RULE_END)
			return true;
		if (rule == c->only) {
			c->index[number] = c->last;
			return true;
		}
	}
	if (left < len) /* no block crosses a slab */
		c->top += left;
	if (c->top + len > WORDS_END || !store_write(&c->w, c->top, c->block, len))
		return false;
	c->last = c->index[number] = (uint32_t)c->top;
	c->only = n == 1 ? rule : UINT32_MAX;
	c->top += len;
	c->used += len;
	return true;
}

/* With the lock held. On failure nothing was taken: the next table writes over what was written.
 * The index lies in front of the blocks but says where they are, so it is written twice: at first for
 * its place, so that slabs are made in order. */
static int store_put(struct store *s, struct store_encoding *c)
{
	bool ok;

	c->w.s = s;
	c->top = s->top + c->n_index;
	ok = c->top <= WORDS_END && store_write(&c->w, s->top, c->index, c->n_index);
	for (uint32_t i = 0; i < c->n_index && ok; i++)
		ok = store_put_block(c, i);
	ok = ok && store_write(&c->w, s->top, c->index, c->n_index);
	store_close(&c->w);
	if (!ok)
		return -ENOSPC;
	s->top = c->top;
	s->used += c->used + c->n_index;
	return 0;
}

/* Everything that can be done without the lock. */
static int store_prepare(struct store_encoding *c, struct rules *rules)
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
	c->numbers = calloc(t->n_rules, sizeof(*c->numbers));
	if (!c->index || !c->numbers)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n_rules; i++)
		c->numbers[i] = rules_number(rules, &t->rules[i]);
	c->carry = RULE_END;
	c->only = UINT32_MAX;
	return 0;
}

int store_add(struct store *s, const struct table *t, struct file_slot *ret)
{
	struct store_encoding *c = calloc(1, sizeof(*c));
	uint32_t at;
	int rc;

	if (!c)
		return -ENOMEM;
	c->t = t;
	rc = store_prepare(c, s->rules);
	if (!rc) {
		pthread_mutex_lock(&s->lock);
		at = (uint32_t)s->top;
		rc = store_put(s, c);
		pthread_mutex_unlock(&s->lock);
		if (!rc)
			*ret = (struct file_slot){FILE_READY, at, c->first, c->n_index};
	}
	free(c->index);
	free(c->numbers);
	free(c);
	return rc;
}

struct store *store_new(const struct store_ops *ops, void *ctx, struct rules *rules)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->ops = *ops;
	s->ctx = ctx;
	s->rules = rules;
	s->top = 1;
	return s;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

uint64_t store_bytes(struct store *s, uint64_t *ret_used)
{
	uint64_t bytes;

	pthread_mutex_lock(&s->lock);
	bytes = (uint64_t)s->n_slabs * SLAB_WORDS * sizeof(uint32_t);
	*ret_used = s->used * sizeof(uint32_t);
	pthread_mutex_unlock(&s->lock);
	return bytes;
}
