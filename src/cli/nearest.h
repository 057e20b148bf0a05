/* nearest.h - the known name that a mistyped one is most likely meant to be.
 *
 *	struct nearest n = nearest_to("reprot");
 *	nearest_offer(&n, "report"); nearest_offer(&n, "doctor"); ..
 *	n.best is "report", or NULL when nothing is near enough to be worth suggesting.
 */
#ifndef WAGGLE_CLI_NEAREST_H
#define WAGGLE_CLI_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word, *best; /* borrowed */
	size_t distance;         /* edits from word to best */
	char hint[96];           /* written by nearest_hint() */
};

struct nearest nearest_to(const char *word);
void nearest_offer(struct nearest *n, const char *name);

/* Edits (insert, delete, replace, swap of neighbours) between two names; names over 63 bytes count
 * as infinitely far. */
size_t nearest_distance(const char *a, const char *b);

/* "; did you mean 'PREFIXNAME'?" or "", in n->hint. */
const char *nearest_hint(struct nearest *n, const char *prefix);

#endif
