/* cache_fuzz.c - any bytes as a cached table: what is taken keeps the promises of a table, packs to the very
 * same bytes, and can be laid out. The first byte says what the rest is: a whole file, or (so that not all
 * fail the checksum) what stands behind the head.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "unwind/packed.h"
#include "unwind/store.h"

enum { SUM_AT = 12, SUM_END = 20, PRINT_END = 36 };
#define SPAN_MAX (1u << 24) /* of text: an index of more would only cost time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct packed_print print = {{1, 2, 3, 4}};
static struct unwind_rule dictionary[RULES_MAX];
static uint32_t slab[SLAB_WORDS];

static uint32_t *fuzz_slab(void *ctx, uint32_t k, uint32_t in)
{
	return k ? NULL : slab + in;
}

static void check_store(const struct table *t)
{
	static const struct store_ops ops = {.slab_open = fuzz_slab};
	struct rules *rules = rules_new(dictionary);
	struct store *store = rules ? store_new(&ops, NULL, rules, 0) : NULL;
	struct file_slot slot;
	int code;

	if (!store)
		abort();
	code = store_add(store, t, &slot, NULL);
	if (code && code != -ENOSPC && code != -EFBIG)
		abort();
	if (!code)
		store_remove(store, &slot);
	store_free(store);
	rules_free(rules);
}

static void check_table(const struct table *t, const uint8_t *data, size_t size)
{
	struct buf again = {0};

	if (!t->n || t->rows[t->n - 1].rule != 0)
		abort();
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i].rule >= t->n_rules || table_rule(t, i)->kind >= RULE_KIND_MAX ||
		    (i && (t->rows[i].offset <= t->rows[i - 1].offset ||
			   t->rows[i].rule == t->rows[i - 1].rule)))
			abort();
	packed_write(&again, &print, t);
	if (again.err || again.len != size || memcmp(again.data, data, size))
		abort();
	buf_free(&again);
	if (t->rows[t->n - 1].offset - t->rows[0].offset < SPAN_MAX)
		check_store(t);
}

static void check_bytes(const uint8_t *data, size_t size)
{
	struct table t;

	if (packed_read(data, size, &print, &t))
		return;
	check_table(&t, data, size);
	table_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *whole;
	uint64_t sum;
	uint32_t format = 1;

	if (!size)
		return 0;
	if (data[0] == 'w') {
		check_bytes(data, size); /* a file as it is: its first byte is the magic's */
		return 0;
	}
	whole = malloc(PRINT_END + size - 1);
	if (!whole)
		abort();
	memcpy(whole, "waggleR\n", 8);
	memcpy(whole + 8, &format, sizeof(format));
	memcpy(whole + SUM_END, &print, sizeof(print));
	memcpy(whole + PRINT_END, data + 1, size - 1);
	sum = XXH3_64bits(whole + SUM_END, PRINT_END - SUM_END + size - 1);
	memcpy(whole + SUM_AT, &sum, sizeof(sum));
	check_bytes(whole, PRINT_END + size - 1);
	free(whole);
	return 0;
}
