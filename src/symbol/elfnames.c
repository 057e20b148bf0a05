/* elfnames.c - file offset -> address -> symbol.
 *
 * The images are closed once their symbols are read (a large program's tables are tens of
 * megabytes, and descriptors are few), so the segments are copied.
 */
#include "symbol/elfnames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf/symtab.h"

struct elfnames {
	struct symtab *debug, *own;
	size_t n_segments;
	struct elf_segment segments[];
};

int elfnames_new(struct elf_image *img, struct elf_image *debug, struct elfnames **ret)
{
	const struct elf_segment *segments;
	struct elfnames *n;
	size_t count;
	int rc;

	segments = elf_image_segments(img, &count);
	n = calloc(1, sizeof(*n) + count * sizeof(*segments));
	if (!n)
		return -ENOMEM;
	n->n_segments = count;
	if (count)
		memcpy(n->segments, segments, count * sizeof(*segments));
	rc = symtab_new(img, &n->own);
	if (!rc && debug)
		rc = symtab_new(debug, &n->debug);
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
	symtab_free(n->debug);
	symtab_free(n->own);
	free(n);
}

/* Neighbouring segments may share a page of the file: code is what runs. */
static bool elfnames_vaddr(const struct elfnames *n, uint64_t offset, uint64_t *ret)
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

int elfnames_resolve(const struct elfnames *n, const uint64_t *offsets, size_t count,
		     struct naming *to)
{
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++) {
		struct provider_line line = {0};
		struct symbol s;
		uint64_t vaddr;

		if (!elfnames_vaddr(n, offsets[i], &vaddr))
			continue;
		if (!(n->debug && symtab_find(n->debug, vaddr, &s)) &&
		    !symtab_find(n->own, vaddr, &s))
			continue;
		line.function = s.name;
		rc = naming_put(to, i, &line, 1);
	}
	return rc;
}
