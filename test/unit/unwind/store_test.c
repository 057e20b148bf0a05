/* store_test.c - tables laid out in words and looked up again: the same answer as the rows give. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "elf/cfi.h"
#include "elf/image.h"
#include "unwind/lookup.h"
#include "unwind/store.h"

/* Memory in place of the kernel's maps. */
struct words {
	uint32_t *slabs[SLABS_MAX];
	uint32_t n, limit;
	uint64_t now;
	atomic_int open;
	int dropped;
};

static uint32_t *words_open(void *ctx, uint32_t k, uint32_t in)
{
	struct words *s = ctx;

	if (k >= s->limit)
		return NULL;
	if (!s->slabs[k])
		s->slabs[k] = calloc(SLAB_WORDS, sizeof(uint32_t));
	if (k >= s->n)
		s->n = k + 1;
	s->open++;
	assert_int_equal(in % STORE_PIECE, 0);
	return s->slabs[k] + in;
}

static void words_close(void *ctx, uint32_t k, uint32_t *words)
{
	struct words *s = ctx;

	assert_in_range(words - s->slabs[k], 0, SLAB_WORDS - STORE_PIECE);
	s->open--;
}

static void words_drop(void *ctx, uint32_t k)
{
	struct words *s = ctx;

	assert_non_null(s->slabs[k]);
	free(s->slabs[k]);
	s->slabs[k] = NULL;
	s->dropped++;
}

static uint64_t words_now(void *ctx)
{
	struct words *s = ctx;

	return s->now;
}

static uint32_t words_at(void *ctx, uint32_t address)
{
	const struct words *s = ctx;
	uint32_t k = address >> SLAB_WORDS_SHIFT;

	return k < s->n && s->slabs[k] ? s->slabs[k][address & (SLAB_WORDS - 1)] : 0;
}

static const struct store_ops ops = {words_open, words_close, words_drop, words_now};

struct world {
	struct words space;
	struct unwind_rule *array;
	struct rules *rules;
	struct store *store;
};

static struct world *world_new(uint32_t limit)
{
	struct world *w = calloc(1, sizeof(*w));

	w->space.limit = limit;
	w->array = calloc(RULES_MAX, sizeof(*w->array));
	w->rules = rules_new(w->array);
	assert_non_null(w->rules);
	w->store = store_new(&ops, &w->space, w->rules, (uint64_t)limit * SLAB_WORDS * 4);
	assert_non_null(w->store);
	return w;
}

static void world_free(struct world *w)
{
	assert_int_equal(w->space.open, 0);
	store_free(w->store);
	rules_free(w->rules);
	for (uint32_t k = 0; k < SLABS_MAX; k++)
		free(w->space.slabs[k]);
	free(w->array);
	free(w);
}

static struct unwind_rule row_rule(const struct table *t, uint64_t offset)
{
	struct unwind_rule r = {.kind = RULE_END};
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->rows[mid].offset <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? *table_rule(t, lo - 1) : r;
}

static void check_offset(struct world *w, const struct table *t, const struct file_slot *slot,
			 uint64_t offset)
{
	struct lookup_words words = {words_at, &w->space};
	uint16_t n = lookup_rule(slot, &words, offset);
	struct unwind_rule want = row_rule(t, offset);

	if (!unwind_rule_same(&want, &w->array[n]))
		fail_msg("offset %#lx: rule %u, kind %u cfa %d instead of kind %u cfa %d",
			 (unsigned long)offset, n, w->array[n].kind, w->array[n].cfa_off, want.kind,
			 want.cfa_off);
}

/* At and around every row, at random places, and outside. */
static void check_table(struct world *w, const struct table *t, const struct file_slot *slot)
{
	uint64_t first = t->rows[0].offset, last = t->rows[t->n - 1].offset;

	assert_int_equal(slot->state, FILE_READY);
	assert_int_not_equal(slot->index, 0);
	for (size_t i = 0; i < t->n; i++) {
		check_offset(w, t, slot, t->rows[i].offset);
		check_offset(w, t, slot, t->rows[i].offset - (t->rows[i].offset > 0));
		check_offset(w, t, slot, t->rows[i].offset + 1);
	}
	for (int i = 0; i < 20000; i++)
		check_offset(w, t, slot, first + (uint64_t)lrand48() % (last - first + 5000));
	check_offset(w, t, slot, 0);
	check_offset(w, t, slot, last + 100000000);
	check_offset(w, t, slot, UINT64_C(1) << 47);
}

/* No block crosses a slab, none is at word 0. */
static void check_blocks(struct world *w, const struct file_slot *slot)
{
	for (uint32_t i = 0; i < slot->n_blocks; i++) {
		uint32_t at = slot->index + i, block, last;

		block = w->space.slabs[at >> SLAB_WORDS_SHIFT][at & (SLAB_WORDS - 1)];
		if (!block)
			continue;
		at = block & (SLAB_WORDS - 1);
		assert_true(at + BLOCK_HEAD_WORDS < SLAB_WORDS);
		last = w->space.slabs[block >> SLAB_WORDS_SHIFT][at + 4] & 0xffff;
		assert_true(at + BLOCK_HEAD_WORDS + last < SLAB_WORDS);
		assert_true(last <= BLOCK_BYTES);
	}
}

static struct table random_table(size_t n, uint64_t start, uint32_t max_step, int n_rules)
{
	struct table t = {.rows = calloc(n, sizeof(*t.rows)),
			  .n = n,
			  .rules = calloc((size_t)n_rules + 2, sizeof(*t.rules)),
			  .n_rules = (uint32_t)n_rules + 2};
	uint64_t at = start;

	t.rules[1].kind = RULE_UNKNOWN;
	for (int i = 0; i < n_rules; i++)
		t.rules[i + 2] = (struct unwind_rule){
			.kind = RULE_RSP, .ra_off = -8, .cfa_off = 8 * (n_rules - i)};
	for (size_t i = 0; i < n; i++) {
		t.rows[i].offset = at;
		at += 1 + (uint64_t)lrand48() % max_step;
		if (i + 1 == n || lrand48() % 7 == 0)
			continue; /* RULE_END */
		t.rows[i].rule = (uint16_t)(2 + lrand48() % n_rules);
	}
	return t;
}

static void random_tables(void **state)
{
	static const struct {
		size_t n;
		uint64_t start;
		uint32_t step;
		int rules;
	} shapes[] = {
		{1, 0, 1, 1},        {2, 2048, 2048, 3},     {5000, 1, 1, 3},
		{3000, 2047, 2, 50}, {20000, 4096, 40, 300}, {2000, 777, 9000, 5},
		{4, 256, 256, 2},    {9, 0, 512, 2},         {100000, 123456, 20, 1000},
	};
	struct world *w = world_new(SLABS_MAX);

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct table t =
			random_table(shapes[i].n, shapes[i].start, shapes[i].step, shapes[i].rules);
		struct file_slot slot = {0};

		assert_int_equal(store_add(w->store, &t, &slot, NULL), 0);
		if (t.n > 1)
			check_table(w, &t, &slot);
		check_blocks(w, &slot);
		table_free(&t);
	}
	world_free(w);
}

static void real_files(void **state)
{
	static const char *const files[] = {"/lib/x86_64-linux-gnu/libc.so.6",
					    "/usr/lib64/libc.so.6", "/lib64/ld-linux-x86-64.so.2",
					    "/proc/self/exe"};
	struct world *w = world_new(SLABS_MAX);
	struct store_sizes z;
	size_t rows = 0;

	for (size_t i = 0; i < 4; i++) {
		int fd = open(files[i], O_RDONLY);
		struct elf_image *img = NULL;
		struct file_slot slot = {0};
		struct table t;

		if (fd < 0)
			continue;
		assert_int_equal(elf_image_open(fd, &img, NULL), 0);
		close(fd);
		assert_int_equal(table_build(img, &t, NULL), 0);
		assert_int_equal(store_add(w->store, &t, &slot, NULL), 0);
		check_table(w, &t, &slot);
		check_blocks(w, &slot);
		rows += t.n;
		table_free(&t);
		elf_image_free(img);
	}
	store_sizes(w->store, &z);
	assert_int_equal(z.taken, (uint64_t)w->space.n * SLAB_WORDS * 4);
	assert_int_equal(z.tables, z.pieces); /* an empty store: each in one piece */
	assert_true(z.used > rows * 4 && z.used < rows * 8);
	assert_true(rules_count(w->rules) > 10 && rules_count(w->rules) < 2000);
	world_free(w);
}

/* Many tables, until slabs are crossed by blocks and indexes; then all are looked up. */
static void several_slabs(void **state)
{
	enum { TABLES = 24 };
	struct world *w = world_new(SLABS_MAX);
	struct table t[TABLES];
	struct file_slot slots[TABLES];

	for (int i = 0; i < TABLES; i++) {
		t[i] = random_table(100000, (uint64_t)i * 999, i % 3 ? 6 : 400, 40);
		assert_int_equal(store_add(w->store, &t[i], &slots[i], NULL), 0);
	}
	assert_true(w->space.n >= 3);
	for (int i = 0; i < TABLES; i++) {
		check_table(w, &t[i], &slots[i]);
		check_blocks(w, &slots[i]);
		table_free(&t[i]);
	}
	world_free(w);
}

static void full(void **state)
{
	struct world *w = world_new(2);
	struct table t = random_table(400000, 0, 30, 40), small = random_table(500, 0, 30, 4);
	struct table far = random_table(2, UINT64_C(1) << 45, 10, 1);
	struct table wide = random_table(2, 0, 1, 1), none = {0};
	struct file_slot a = {0}, b = {0};
	int rc = 0, added = 0;

	w->space.limit = 1; /* the kernel refuses the second slab */
	while (!(rc = store_add(w->store, &t, &a, NULL)) && added < 100)
		added++;
	assert_int_equal(rc, -ENOSPC);
	assert_true(added > 0);
	/* What did not fit took nothing: a small one still does. */
	assert_int_equal(store_add(w->store, &small, &b, NULL), 0);
	check_table(w, &small, &b);
	check_table(w, &t, &a);
	wide.rows[1].offset = UINT64_C(1) << 40;
	assert_int_equal(store_add(w->store, &wide, &b, NULL), -EFBIG);
	assert_int_equal(store_add(w->store, &far, &b, NULL), -EFBIG);
	assert_int_equal(store_add(w->store, &none, &b, NULL), -ENODATA);
	table_free(&t);
	table_free(&small);
	table_free(&far);
	table_free(&wide);
	world_free(w);
}

/* A long function costs an index word for each block, not the block; gaps cost nothing but that. */
static void shared_blocks(void **state)
{
	struct unwind_rule rules[] = {{.kind = RULE_END},
				      {.kind = RULE_UNKNOWN},
				      {.kind = RULE_RBP, .cfa_off = 16},
				      {.kind = RULE_RSP, .cfa_off = 8}};
	struct table_row rows[] = {
		{0, 2}, {100 * BLOCK_BYTES, 0}, {200 * BLOCK_BYTES, 3}, {201 * BLOCK_BYTES, 0}};
	struct table t = {rows, 4, rules, 4};
	struct world *w = world_new(1);
	struct file_slot slot = {0};
	struct store_sizes z;
	uint64_t bytes;

	assert_int_equal(store_add(w->store, &t, &slot, &bytes), 0);
	check_table(w, &t, &slot);
	assert_int_equal(slot.n_blocks, 201);
	store_sizes(w->store, &z);
	assert_int_equal(z.used, (201 + 2 * (BLOCK_HEAD_WORDS + 1)) * 4);
	assert_int_equal(bytes, z.used);
	world_free(w);
}

/* -- removing ------------------------------------------------------------------------------ */

static struct store_sizes sizes(struct world *w)
{
	struct store_sizes z;

	store_sizes(w->store, &z);
	return z;
}

/* Freed words are not written to before they have rested, and are used to the last one after. */
static void rest(void **state)
{
	struct world *w = world_new(1);
	struct table t = random_table(50000, 0, 30, 40), small = random_table(50000, 0, 30, 40);
	struct file_slot a = {0}, b = {0}, slots[100];
	uint64_t used;
	int n = 0;

	assert_int_equal(store_add(w->store, &t, &a, NULL), 0);
	used = sizes(w).used;
	while (!store_add(w->store, &small, &slots[n], NULL))
		n++;
	assert_true(n > 2 && n < 100);
	store_remove(w->store, &a);
	assert_int_equal(sizes(w).rests, used);
	w->space.now += 999999999;
	assert_int_equal(store_add(w->store, &t, &b, NULL), -ENOSPC);
	check_table(w, &t, &a); /* a walk that is still at it sees what was there */
	w->space.now += 1;
	assert_int_equal(store_add(w->store, &t, &b, NULL), 0);
	assert_int_equal(sizes(w).rests, 0);
	assert_int_equal(b.index, a.index);
	check_table(w, &t, &b);
	store_remove(w->store, &b);
	store_remove(w->store, &b); /* not known any more: nothing happens */
	for (int i = 0; i < n; i++)
		store_remove(w->store, &slots[i]);
	assert_int_equal(sizes(w).used, 0);
	w->space.now += 1000000000;
	store_tidy(w->store);
	assert_int_equal(sizes(w).room, (SLAB_WORDS - 1) * 4);
	table_free(&t);
	table_free(&small);
	world_free(w);
}

/* A table that fits nowhere in one piece lies in several. */
static void pieces(void **state)
{
	struct world *w = world_new(1);
	struct table small = random_table(4000, 0, 30, 40), large = random_table(60000, 0, 30, 40);
	static struct file_slot slots[1000];
	struct file_slot big = {0};
	int n = 0;

	while (!store_add(w->store, &small, &slots[n], NULL))
		n++;
	assert_true(n > 40 && n < 1000);
	for (int i = 0; i < n; i += 2)
		store_remove(w->store, &slots[i]);
	w->space.now += 1000000000;
	assert_int_equal(store_add(w->store, &large, &big, NULL), 0);
	assert_true(sizes(w).pieces > (uint32_t)n / 2 + 5);
	check_table(w, &large, &big);
	check_blocks(w, &big);
	for (int i = 1; i < n; i += 2)
		check_table(w, &small, &slots[i]);
	table_free(&small);
	table_free(&large);
	world_free(w);
}

/* Tables come and go at random: those that are there are always whole, and nothing leaks. */
static void churn(void **state)
{
	enum { KINDS = 12, LIVE = 800, ROUNDS = 8000 };
	struct world *w = world_new(3);
	struct file_slot slots[LIVE] = {0};
	struct table t[KINDS];
	int kind[LIVE], refused = 0, added = 0;
	uint64_t bytes[LIVE], sum = 0;

	for (int i = 0; i < KINDS; i++)
		t[i] = random_table((size_t)20 << i, (uint64_t)i * 1000, i % 2 ? 12 : 60, 30);
	for (int i = 0; i < ROUNDS; i++) {
		int at = (int)(lrand48() % LIVE), k = (int)(lrand48() % KINDS), rc;

		w->space.now += (uint64_t)lrand48() % 100000000;
		if (slots[at].state == FILE_READY) {
			if (i % 16 == 0)
				check_table(w, &t[kind[at]], &slots[at]);
			store_remove(w->store, &slots[at]);
			slots[at].state = FILE_NEW;
			sum -= bytes[at];
			continue;
		}
		rc = store_add(w->store, &t[k], &slots[at], &bytes[at]);
		refused += rc == -ENOSPC;
		added += !rc;
		assert_true(!rc || rc == -ENOSPC);
		if (!rc) {
			kind[at] = k;
			sum += bytes[at];
			check_blocks(w, &slots[at]);
		}
		assert_int_equal(sizes(w).used, sum);
		assert_int_equal(sizes(w).lost, 0);
	}
	assert_true(added > 1500 && refused > 5);
	for (int i = 0; i < LIVE; i++)
		if (slots[i].state == FILE_READY) {
			check_table(w, &t[kind[i]], &slots[i]);
			store_remove(w->store, &slots[i]);
		}
	w->space.now += 1000000000;
	store_tidy(w->store);
	assert_int_equal(sizes(w).used + sizes(w).rests, 0);
	assert_int_equal(sizes(w).room, (3 * (uint64_t)SLAB_WORDS - 1) * 4);
	assert_true(sizes(w).taken <= 2 * (uint64_t)SLAB_WORDS * 4);
	assert_true(w->space.dropped > 0);
	for (int i = 0; i < KINDS; i++)
		table_free(&t[i]);
	world_free(w);
}

static void limit(void **state)
{
	struct words space = {.limit = SLABS_MAX};
	struct unwind_rule *array = calloc(RULES_MAX, sizeof(*array));
	struct rules *rules = rules_new(array);
	struct store *s = store_new(&ops, &space, rules, 9 << 20); /* two slabs */
	struct table huge = random_table(3000000, 0, 30, 40), t = random_table(1100000, 0, 30, 40);
	struct file_slot a = {0}, b = {0};
	uint64_t bytes = 0;

	assert_int_equal(store_add(s, &huge, &a, &bytes), -E2BIG);
	assert_true(bytes > 12000000 && bytes < 18000000);
	assert_int_equal(space.n, 0);
	assert_int_equal(store_add(s, &t, &a, &bytes), 0);
	assert_int_equal(store_add(s, &t, &b, &bytes), -ENOSPC);
	assert_int_equal(space.n, 2);
	for (uint32_t k = 0; k < SLABS_MAX; k++)
		free(space.slabs[k]);
	store_free(s);
	rules_free(rules);
	table_free(&huge);
	table_free(&t);
	free(array);
}

struct adder {
	struct world *w;
	struct table t;
	struct file_slot slots[20];
};

static void *adder_run(void *arg)
{
	struct adder *a = arg;

	for (int i = 0; i < 20; i++)
		if (store_add(a->w->store, &a->t, &a->slots[i], NULL))
			return a;
	return NULL;
}

static void threads(void **state)
{
	struct world *w = world_new(SLABS_MAX);
	struct adder a[4];
	pthread_t id[4];
	void *failed;

	for (int i = 0; i < 4; i++) {
		a[i].w = w;
		a[i].t = random_table(3000, (uint64_t)i * 77, 50, 500);
		assert_int_equal(pthread_create(&id[i], NULL, adder_run, &a[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(id[i], &failed);
		assert_null(failed);
	}
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < 20; j += 19)
			check_table(w, &a[i].t, &a[i].slots[j]);
		table_free(&a[i].t);
	}
	world_free(w);
}

static void dictionary(void **state)
{
	struct unwind_rule *array = calloc(RULES_MAX, sizeof(*array));
	struct unwind_rule r = {.kind = RULE_RSP, .ra_off = -8};
	struct rules *d = rules_new(array);
	uint16_t n;

	assert_non_null(d);
	assert_int_equal(rules_count(d), 2);
	assert_int_equal(array[0].kind, RULE_END);
	assert_int_equal(array[1].kind, RULE_UNKNOWN);
	assert_int_equal(rules_number(d, &array[0]), 0);
	for (int i = 0; i < RULES_MAX - 2; i++) {
		r.cfa_off = i * 8;
		assert_int_equal(rules_number(d, &r), i + 2);
	}
	r.cfa_off = 80;
	r.rbx_at = 7; /* part of a rule, as every byte is */
	n = rules_number(d, &r);
	assert_int_equal(n, 1);
	r.rbx_at = 0;
	n = rules_number(d, &r);
	assert_int_equal(n, 12);
	assert_int_equal(array[n].cfa_off, 80);
	assert_int_equal(rules_count(d), RULES_MAX);
	r.add = 1; /* one too many */
	assert_int_equal(rules_number(d, &r), 1);
	assert_int_equal(rules_count(d), RULES_MAX);
	rules_free(d);
	free(array);
}

/* Words may be anything: look-ups stay inside. */
static void garbage(void **state)
{
	uint32_t *slab = malloc(SLAB_WORDS * sizeof(*slab));
	struct words *space = calloc(1, sizeof(*space));
	struct lookup_words words = {words_at, space};
	struct file_slot slot = {FILE_READY, 0, 0, UINT32_MAX};

	space->slabs[0] = slab;
	space->n = 2;
	for (uint32_t i = 0; i < SLAB_WORDS; i++)
		slab[i] = (uint32_t)mrand48();
	for (int i = 0; i < 200000; i++) {
		slot.index = (uint32_t)mrand48() >> lrand48() % 32;
		lookup_rule(&slot, &words, (uint64_t)lrand48() << lrand48() % 17);
	}
	slot.state = FILE_NEW;
	assert_int_equal(lookup_rule(&slot, &words, 4096), 0);
	free(space);
	free(slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_tables), cmocka_unit_test(real_files),
		cmocka_unit_test(several_slabs), cmocka_unit_test(full),
		cmocka_unit_test(shared_blocks), cmocka_unit_test(threads),
		cmocka_unit_test(dictionary),    cmocka_unit_test(garbage),
		cmocka_unit_test(rest),          cmocka_unit_test(pieces),
		cmocka_unit_test(churn),         cmocka_unit_test(limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
