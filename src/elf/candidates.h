/* candidates.h - every function symbol of a file, one after the other, as its tables have them.
 *
 * What symtab.c sorts into a table and lookup.c asks in one pass. Both choose by the same rules:
 *
 * What covers an address: the symbol with a size that starts last, so a label with a size inside a
 * function is more specific than the function. Symbols without a size and untyped ones
 * (hand-written assembly) only fill what is left: up to the next symbol or the end of their
 * section. Where that leaves several, candidate_order() decides.
 *
 * Ownership: candidates_close(). Candidates borrow their names from it and from the image.
 * Thread safety: one thread at a time. Used by symtab.c and lookup.c only.
 */
#ifndef WAGGLE_ELF_CANDIDATES_H
#define WAGGLE_ELF_CANDIDATES_H

#include "base/buf.h"
#include "base/vec.h"
#include "elf/image.h"

enum candidate_rank { CANDIDATE_SIZED, CANDIDATE_UNSIZED, CANDIDATE_UNTYPED };

struct candidate {
	uint64_t vaddr, end; /* end == vaddr: not known yet */
	const char *name;    /* NUL-terminated, a version may follow after '@' */
	uint32_t order;      /* of arrival, to make choices repeatable */
	uint8_t rank;        /* enum candidate_rank */
	uint8_t binding;     /* 0 global, 1 weak, 2 local */
	bool plt;            /* a call stub */
};

struct candidate_range {
	uint64_t start, end;
};

struct candidates {
	struct elf_image *img, *mini; /* mini: the file inside .gnu_debugdata, NULL when none */
	uint8_t *mini_bytes;
	VEC(struct candidate_range) code;     /* executable segments */
	VEC(struct candidate_range) sections; /* where a symbol without a size must end */
	uint32_t n;                           /* candidates so far */
	uint64_t name_budget;                 /* what all names together may need, in bytes */
	bool oom;
};

typedef void candidate_fn(void *ctx, const struct candidate *c);

/* Also unpacks .gnu_debugdata. 0 or -ENOMEM. */
int candidates_open(struct candidates *cs, struct elf_image *img);
void candidates_close(struct candidates *cs);
/* The symbols of .symtab, .dynsym and .gnu_debugdata. To be called once. */
void candidates_each(struct candidates *cs, candidate_fn *fn, void *ctx);
/* The candidate that is a call stub. `name` as in candidate.name. False when it does not fit. */
bool candidates_stub(struct candidates *cs, uint64_t vaddr, uint64_t size, const char *name,
		     struct candidate *ret);
/* Where a symbol that does not say its size must end at the latest. */
uint64_t candidates_limit(const struct candidates *cs, uint64_t vaddr);

/* By address, then the preferred first: sized before unsized before untyped, global before weak
 * before local, fewest leading underscores, first come. Never 0 for two different candidates. */
int candidate_order(const struct candidate *a, const struct candidate *b);
/* Appends the name to show, with its NUL. Names are as long as they are until the budget is used
 * up (a million entries may all point at the same megabyte), then they are cut short. */
void candidate_put_name(const struct candidate *c, struct buf *to, uint64_t *budget);

#endif
