/* store.c - lays tables out in the walker's word space (bpf/abi.h says how, store.h what it
 * promises).
 *
 * A table is encoded outside the lock, with blocks one behind the other. Only placing is done under
 * it: where each block goes depends on where the last table ended, since no block may cross a slab.
 * Words are then written in ascending order, so every slab is opened at most once.
 */
#include "unwind/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "elf/cfi.h"

#define BLOCKS_CAP (1u << 20) /* 2 GiB of text */
#define NUMBERS    64u        /* a file's functions alternate between few rules */
#define WORDS_END  ((uint64_t)SLABS_MAX * SLAB_WORDS)

struct store {
	pthread_mutex_t lock;
	struct store_ops ops;
	void *ctx;
	struct rules *rules;
	uint64_t top;     /* next free word; 0 is never used for anything */
	uint64_t used;    /* words written */
	uint32_t n_slabs; /* opened so far */
};

struct store_block {
	uint32_t at, len; /* words of the encoding */
};

struct store_encoding {
	const struct table *t;
	struct rules *rules;
	VEC(uint32_t) words;
	VEC(struct store_block) blocks;
	uint32_t *index; /* block number + 1, later word addresses; 0 = nothing there */
	uint32_t first, n_index;
	struct {
		struct unwind_rule rule;
		uint16_t number;
		bool used;
	} known[NUMBERS]; /* saves the dictionary's lock and hash */
};

static uint16_t store_number(struct store_encoding *c, const struct unwind_rule *rule)
{
	uint32_t h = (uint32_t)rule->cfa_off / 8 + (uint32_t)(uint16_t)rule->rbp_off +
		     rule->kind * 8u + rule->rbp_kind * 32u;
	uint32_t i = h % NUMBERS;

	if (!c->known[i].used || !unwind_rule_same(&c->known[i].rule, rule)) {
		c->known[i].rule = *rule;
		c->known[i].number = rules_number(c->rules, rule);
		c->known[i].used = true;
	}
	return c->known[i].number;
}

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

/* Encodes the block with that number, beginning with table row *row; `carry` is the rule in force
 * before it. False when out of memory. */
static bool store_encode_block(struct store_encoding *c, uint32_t number, size_t *row,
			       uint16_t *carry)
{
	const uint64_t base = (uint64_t)(c->first + number) << BLOCK_SHIFT;
	const struct table_row *rows = c->t->rows;
	uint32_t *head, *to, n = 0;

	if (!VEC_RESERVE(&c->words, BLOCK_HEAD_WORDS + BLOCK_BYTES + 1))
		return false;
	head = c->words.at + c->words.n;
	to = head + BLOCK_HEAD_WORDS;
	to[n++] = *carry;
	for (; *row < c->t->n && rows[*row].offset - base < BLOCK_BYTES; ++*row) {
		uint32_t offset = (uint32_t)(rows[*row].offset - base);

		*carry = store_number(c, &rows[*row].rule);
		n -= offset == to[n - 1] >> 16;
		to[n++] = offset << 16 | *carry;
	}
	if (n == 1) { /* one rule for all of it: nothing to write, or the block before again */
		const struct store_block *last =
			c->blocks.n ? &c->blocks.at[c->blocks.n - 1] : NULL;

		if (to[0] == RULE_END)
			return true;
		if (last && last->len == BLOCK_HEAD_WORDS + 1 &&
		    c->words.at[last->at + BLOCK_HEAD_WORDS] == to[0]) {
			c->index[number] = (uint32_t)c->blocks.n;
			return true;
		}
	}
	store_put_head(head, n);
	if (!VEC_PUSH(&c->blocks, (struct store_block){(uint32_t)c->words.n, BLOCK_HEAD_WORDS + n}))
		return false;
	c->words.n += BLOCK_HEAD_WORDS + n;
	c->index[number] = (uint32_t)c->blocks.n;
	return true;
}

static int store_encode(struct store_encoding *c)
{
	const struct table *t = c->t;
	uint64_t first, last;
	uint16_t carry = RULE_END;
	size_t row = 0;

	if (!t->n)
		return -ENODATA;
	first = t->rows[0].offset >> BLOCK_SHIFT;
	last = t->rows[t->n - 1].offset >> BLOCK_SHIFT;
	if (last > UINT32_MAX || last - first >= BLOCKS_CAP)
		return -EFBIG;
	c->first = (uint32_t)first;
	c->n_index = (uint32_t)(last - first) + 1;
	c->index = calloc(c->n_index, sizeof(*c->index));
	if (!c->index)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->n_index; i++)
		if (!store_encode_block(c, i, &row, &carry))
			return -ENOMEM;
	if (c->n_index > 1 && !c->index[c->n_index - 1])
		c->n_index--; /* the last row, RULE_END, was at the start of a block */
	return 0;
}

/* Gives every block its address behind the index, and the index the addresses. Returns the first
 * free word behind; the blocks' `at` stay, their addresses go to `address`. */
static uint64_t store_place(struct store_encoding *c, uint64_t top, uint32_t *address)
{
	top += c->n_index;
	for (size_t i = 0; i < c->blocks.n; i++) {
		uint64_t left = SLAB_WORDS - (top & (SLAB_WORDS - 1));

		if (left < c->blocks.at[i].len)
			top += left;
		address[i] = (uint32_t)top;
		top += c->blocks.at[i].len;
	}
	for (uint32_t i = 0; i < c->n_index; i++)
		if (c->index[i])
			c->index[i] = address[c->index[i] - 1];
	return top;
}

struct store_writer {
	struct store *s;
	uint32_t k;
	uint32_t *slab; /* open, or NULL */
};

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

/* With the lock held. On failure nothing was taken: the next table writes over what was written. */
static int store_copy(struct store *s, struct store_encoding *c, uint32_t *address)
{
	struct store_writer w = {.s = s};
	uint64_t top = store_place(c, s->top, address);
	bool ok = top <= WORDS_END;

	ok = ok && store_write(&w, s->top, c->index, c->n_index);
	for (size_t i = 0; ok && i < c->blocks.n; i++)
		ok = store_write(&w, address[i], c->words.at + c->blocks.at[i].at,
				 c->blocks.at[i].len);
	store_close(&w);
	if (!ok)
		return -ENOSPC;
	s->top = top;
	s->used += c->n_index + c->words.n;
	return 0;
}

int store_add(struct store *s, const struct table *t, struct file_slot *ret)
{
	struct store_encoding *c = calloc(1, sizeof(*c));
	uint32_t *address = NULL, at;
	int rc = -ENOMEM;

	if (!c)
		return -ENOMEM;
	c->t = t;
	c->rules = s->rules;
	rc = store_encode(c);
	if (!rc) {
		address = malloc((c->blocks.n + 1) * sizeof(*address));
		rc = address ? 0 : -ENOMEM;
	}
	if (!rc) {
		pthread_mutex_lock(&s->lock);
		at = (uint32_t)s->top;
		rc = store_copy(s, c, address);
		pthread_mutex_unlock(&s->lock);
		if (!rc)
			*ret = (struct file_slot){FILE_READY, at, c->first, c->n_index};
	}
	free(address);
	free(c->index);
	VEC_FREE(&c->words);
	VEC_FREE(&c->blocks);
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
