/* nearest.c - edit distance over short names; see nearest.h.
 *
 * The distance is "optimal string alignment" (Damerau 1964 with each pair swapped at most once):
 * swapped letters are the commonest slip of all, and plain Levenshtein counts them twice.
 */
#include "cli/nearest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NEAREST_MAX = 64 };

static size_t nearest_least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

size_t nearest_distance(const char *a, const char *b)
{
	size_t rows[3][NEAREST_MAX + 1], *before = rows[0], *last = rows[1], *now = rows[2], *spare;
	size_t na = strlen(a), nb = strlen(b);

	if (na >= NEAREST_MAX || nb >= NEAREST_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= nb; j++)
		last[j] = j;
	for (size_t i = 1; i <= na; i++) {
		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			now[j] = nearest_least(last[j] + 1, now[j - 1] + 1,
					       last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[nb];
}

struct nearest nearest_to(const char *word)
{
	return (struct nearest){ .word = word, .distance = SIZE_MAX };
}

void nearest_offer(struct nearest *n, const char *name)
{
	size_t d = nearest_distance(n->word, name), len = strlen(n->word);

	/* More than a third of the letters wrong is another word, not a slip. A name of which the
	 * word is the beginning ("comp" for "completion") is always worth offering. */
	if (d > (len < 3 ? 1 : (len + 2) / 3)) {
		if (len < 2 || strncmp(name, n->word, len))
			return;
		d = (len + 2) / 3;
	}
	if (d < n->distance) {
		n->distance = d;
		n->best = name;
	}
}

const char *nearest_hint(struct nearest *n, const char *prefix)
{
	n->hint[0] = 0;
	if (n->best)
		snprintf(n->hint, sizeof(n->hint), "; did you mean '%s%s'?", prefix, n->best);
	return n->hint;
}
