/* elfnames.c - file offset -> address -> symbol.
 *
 * For a single question the images stay open and are asked when it comes (elf/lookup.h). Otherwise
 * they are closed once their symbols are sorted (a large program's tables are tens of megabytes,
 * and descriptors are few), so the segments are copied.
 */
#include "symbol/elfnames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf/lookup.h"

struct elfnames {
	struct elf_image
		*images[2];       /* the debug file, the file; NULL when their tables are built */
	struct symtab *tables[2]; /* or these */
	size_t n_segments;
	struct elf_segment segments[];
};

int elfnames_new(struct elf_image *img, struct elf_image *debug, bool once, struct elfnames **ret)
{
	const struct elf_segment *segments;
	struct elfnames *n;
	size_t count;
	int rc = 0;

	segments = elf_image_segments(img, &count);
	n = calloc(1, sizeof(*n) + count * sizeof(*segments));
	if (!n) {
		elf_image_free(debug);
		elf_image_free(img);
		return -ENOMEM;
	}
	n->n_segments = count;
	if (count)
		memcpy(n->segments, segments, count * sizeof(*segments));
	n->images[0] = debug;
	n->images[1] = img;
	for (int i = 0; i < 2 && !once && !rc; i++) {
		if (n->images[i])
			rc = symtab_new(n->images[i], &n->tables[i]);
		elf_image_free(n->images[i]);
		n->images[i] = NULL;
	}
	if (rc) {
		elfnames_free(n);
		return rc;
	}
	*ret = n;
	return 0;
}

void elfnames_free(struct elfnames *n)
{
	if (!n)
		return;
	for (int i = 0; i < 2; i++) {
		elf_image_free(n->images[i]);
		symtab_free(n->tables[i]);
	}
	free(n);
}

/* Neighbouring segments may share a page of the file: code is what runs. */
bool elfnames_vaddr(const struct elfnames *n, uint64_t offset, uint64_t *ret)
{
	const struct elf_segment *found = NULL;

	for (size_t i = 0; i < n->n_segments; i++) {
		const struct elf_segment *s = &n->segments[i];

		if (offset >= s->offset && offset - s->offset < s->filesz &&
		    (!found || (s->exec && !found->exec)))
			found = s;
	}
	if (found)
		*ret = offset - found->offset + found->vaddr;
	return found != NULL;
}

struct elfnames_batch { /* what has no name yet */
	uint64_t *vaddrs;
	size_t *of; /* index into the caller's */
	struct symbol *found;
	size_t n;
};

static int elfnames_find(const struct elfnames *n, int which, struct elfnames_batch *b,
			 struct buf *text)
{
	if (n->images[which])
		return symbol_lookup(n->images[which], b->vaddrs, b->n, b->found, text);
	for (size_t i = 0; i < b->n; i++)
		if (!n->tables[which] || !symtab_find(n->tables[which], b->vaddrs[i], &b->found[i]))
			b->found[i].name = NULL;
	return 0;
}

/* Notes the names that were found and drops their addresses from the batch. */
static void elfnames_note(struct elfnames_batch *b, const char **ret)
{
	size_t left = 0;

	for (size_t i = 0; i < b->n; i++) {
		ret[b->of[i]] = b->found[i].name;
		if (b->found[i].name)
			continue;
		b->vaddrs[left] = b->vaddrs[i];
		b->of[left++] = b->of[i];
	}
	b->n = left;
}

int elfnames_lookup(const struct elfnames *n, const uint64_t *vaddrs, size_t count, const char **ret,
		    struct buf text[ELFNAMES_TEXTS])
{
	struct elfnames_batch b = {.n = count};
	int rc = 0;

	b.vaddrs = malloc((count + 1) * sizeof(*b.vaddrs));
	b.of = malloc((count + 1) * sizeof(*b.of));
	b.found = malloc((count + 1) * sizeof(*b.found));
	if (!b.vaddrs || !b.of || !b.found)
		rc = -ENOMEM;
	for (size_t i = 0; i < count && !rc; i++) {
		b.vaddrs[i] = vaddrs[i];
		b.of[i] = i;
		ret[i] = NULL;
	}
	for (int i = 0; i < ELFNAMES_TEXTS && b.n && !rc; i++) {
		rc = elfnames_find(n, i, &b, &text[i]);
		if (!rc)
			elfnames_note(&b, ret);
	}
	free(b.vaddrs);
	free(b.of);
	free(b.found);
	return rc;
}

int elfnames_resolve(const struct elfnames *n, const uint64_t *offsets, size_t count,
		     struct naming *to)
{
	uint64_t *vaddrs = calloc(count + 1, sizeof(*vaddrs));
	size_t *of = malloc((count + 1) * sizeof(*of)), found = 0;
	const char **names = malloc((count + 1) * sizeof(*names));
	struct buf text[ELFNAMES_TEXTS] = {{0}};
	int rc = vaddrs && of && names ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !rc; i++) {
		of[found] = i;
		found += elfnames_vaddr(n, offsets[i], &vaddrs[found]);
	}
	if (!rc)
		rc = elfnames_lookup(n, vaddrs, found, names, text);
	for (size_t i = 0; i < found && !rc; i++) {
		struct provider_line line = {.function = names[i]};

		if (names[i])
			rc = naming_put(to, of[i], &line, 1);
	}
	for (int i = 0; i < ELFNAMES_TEXTS; i++)
		buf_free(&text[i]);
	free(vaddrs);
	free(of);
	free(names);
	return rc;
}
