/* elf_fuzz.c - any bytes as an ELF file: everything image.h can be asked, then its unwind table,
 * and that table laid out and looked up: the words must say what the rows say.
 */
#include <stdint.h>
#include <stdlib.h>

#include "elf/cfi.h"
#include "elf/image.h"
#include "unwind/lookup.h"
#include "unwind/store.h"
#include "unwind/table.h"

#define FUZZ_SLABS 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t *slabs[FUZZ_SLABS];
static struct unwind_rule dictionary[RULES_MAX];

static uint32_t *fuzz_slab(void *ctx, uint32_t k, uint32_t in)
{
	if (k >= FUZZ_SLABS)
		return NULL;
	if (!slabs[k])
		slabs[k] = calloc(SLAB_WORDS, sizeof(uint32_t));
	return slabs[k] + in;
}

static uint32_t fuzz_word(void *ctx, uint32_t address)
{
	uint32_t k = address >> SLAB_WORDS_SHIFT;

	return k < FUZZ_SLABS && slabs[k] ? slabs[k][address & (SLAB_WORDS - 1)] : 0;
}

static void check_lookup(const struct file_slot *slot, uint64_t offset,
			 const struct unwind_rule *want)
{
	const struct lookup_words words = {fuzz_word, NULL};
	uint16_t n = lookup_rule(slot, &words, offset);

	if (!unwind_rule_same(&dictionary[n], want))
		abort();
}

static void check_table(const struct table *t)
{
	static const struct store_ops ops = {.slab_open = fuzz_slab};
	struct rules *rules = rules_new(dictionary);
	struct store *store = store_new(&ops, NULL, rules, 0);
	struct file_slot slot;

	if (!rules || !store || !t->n || t->rows[t->n - 1].rule != RULE_END)
		abort();
	for (size_t i = 1; i < t->n; i++)
		if (t->rows[i].offset <= t->rows[i - 1].offset ||
		    t->rows[i].rule == t->rows[i - 1].rule || t->rows[i].rule >= t->n_rules)
			abort();
	if (store_add(store, t, &slot, NULL) == 0) {
		for (size_t i = 0; i < t->n; i++) {
			check_lookup(&slot, t->rows[i].offset, table_rule(t, i));
			if (i + 1 < t->n)
				check_lookup(&slot, t->rows[i + 1].offset - 1, table_rule(t, i));
		}
	}
	store_free(store);
	rules_free(rules);
}

static void ask(struct elf_image *img)
{
	static const char *const names[] = {
		".text", ".eh_frame", ".debug_frame", ".symtab", ".debug_info", ".bss", ""};
	char hex[2 * ELF_BUILD_ID_MAX + 1];
	volatile uint8_t last;
	struct elf_segment seg;
	struct elf_section s;
	const char *name;
	uint64_t at;
	uint32_t crc;
	size_t n;

	elf_image_segments(img, &n);
	elf_image_program_header(img, 3, &seg);
	elf_image_to_offset(img, elf_image_entry(img), &at);
	elf_image_to_vaddr(img, elf_image_entry(img), &at);
	elf_image_build_id_hex(img, hex);
	if (elf_image_debuglink(img, &name, &crc))
		last = (uint8_t)name[0];
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		elf_image_section_head(img, names[i], &s);
		if (elf_image_section(img, names[i], &s) == 0 && s.data && s.size)
			last = s.data[s.size - 1];
	}
	for (uint32_t i = 0; i < 64; i++)
		if (elf_image_section_at(img, i, &s) == 0 && s.data && s.size)
			last = s.data[s.size - 1];
	(void)last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_image *img = NULL;
	struct table t = {0};
	struct err e = {0};

	if (elf_image_memory(data, size, &img, &e))
		return 0;
	ask(img);
	if (table_build(img, &t, &e) == 0)
		check_table(&t);
	table_free(&t);
	elf_image_free(img);
	return 0;
}
