/* causes.c - asks the rules of waiting; see causes.h. A stack's functions become sets of patterns (bits), so
 * that each name is looked at once: plain names by a hash, only those with '*' one after the other.
 */
#include "profile/causes.h"

#include <string.h>

#include "base/embed.h"
#include "profile/causes_rules.h"

EMBED(data_waits_txt);

struct bits {
	uint64_t word[CAUSES_WORDS];
};

/* What is known of a wait, or of the interrupt that ended one. */
struct asked {
	const struct cause_query *q;
	struct bits in, leaf, caller, entry;
};

struct causes *causes_builtin(void)
{
	struct causes *c;

	return causes_parse(embed_data_waits_txt, EMBED_SIZE(data_waits_txt), "waits.txt", &c, NULL) ? NULL : c;
}

void causes_free(struct causes *c)
{
	if (!c)
		return;
	intern_free(&c->patterns);
	intern_free(&c->words);
	VEC_FREE(&c->globs);
	VEC_FREE(&c->ids);
	VEC_FREE(&c->skip);
	VEC_FREE(&c->interrupt);
	VEC_FREE(&c->conditions);
	VEC_FREE(&c->rules);
	VEC_FREE(&c->wakers);
	free(c);
}

static void bits_clear(const struct causes *c, struct bits *b)
{
	memset(b->word, 0, (c->patterns.n + 63) / 64 * sizeof(*b->word));
}

static bool bits_any(const struct bits *b, const uint32_t *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (b->word[ids[i] / 64] >> ids[i] % 64 & 1)
			return true;
	return false;
}

/* '*' is anything. When the text after a star does not fit, the star takes one more: only the last one
 * has to be tried again, so the time is at most the product of the lengths. */
static bool glob_fits(const char *p, const char *s, const char *end)
{
	const char *star = NULL, *from = NULL;

	while (s < end) {
		if (*p == '*') {
			star = ++p;
			from = s;
		} else if (*p == *s) {
			p++;
			s++;
		} else if (star) {
			p = star;
			s = ++from;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return !*p;
}

static void bits_mark_name(const struct causes *c, const char *name, size_t len, struct bits *b)
{
	uint32_t id = intern_find(&c->patterns, name, len);

	if (id != INTERN_NONE)
		b->word[id / 64] |= 1ull << id % 64;
	for (size_t i = 0; i < c->globs.n; i++) {
		const char *p;

		id = c->globs.at[i];
		p = intern_get(&c->patterns, id);
		if ((*p == *name || *p == '*') && glob_fits(p, name, name + len))
			b->word[id / 64] |= 1ull << id % 64;
	}
}

/* Adds the patterns a function fits, with and without what the compiler put behind its name. */
static void bits_mark(const struct causes *c, const char *name, struct bits *b)
{
	size_t len = strlen(name), plain = strcspn(name, ".");

	if (plain && plain < len)
		bits_mark_name(c, name, plain, b);
	if (len)
		bits_mark_name(c, name, len, b);
}

static void bits_set(const struct causes *c, const char *name, struct bits *b)
{
	bits_clear(c, b);
	bits_mark(c, name, b);
}

static bool bits_any_of(const struct causes *c, const struct bits *b, struct cause_range of)
{
	return of.n && bits_any(b, c->ids.at + of.first, of.n);
}

static bool asked_syscall(const struct causes *c, const struct asked *a, struct cause_range of)
{
	for (uint32_t i = 0; i < of.n; i++)
		if (c->ids.at[of.first + i] == (uint32_t)a->q->syscall)
			return true;
	return false;
}

static bool asked_holds(const struct causes *c, const struct asked *a, const struct cause_condition *k)
{
	switch (k->kind) {
	case CAUSE_IN:
		return bits_any_of(c, &a->in, k->any_of);
	case CAUSE_LEAF:
		return bits_any_of(c, &a->leaf, k->any_of);
	case CAUSE_CALLER:
		return bits_any_of(c, &a->caller, k->any_of);
	case CAUSE_ENTRY:
		return bits_any_of(c, &a->entry, k->any_of);
	case CAUSE_SYSCALL:
		return a->q->syscall >= 0 && asked_syscall(c, a, k->any_of);
	case CAUSE_IOWAIT:
		return a->q->iowait;
	case CAUSE_KTHREAD:
		return a->q->kernel_thread;
	case CAUSE_USER:
		return !a->q->kernel_thread;
	default:
		return false;
	}
}

static bool asked_fits(const struct causes *c, const struct asked *a, const struct cause_rule *r)
{
	for (uint32_t i = 0; i < r->all_of.n; i++)
		if (!asked_holds(c, a, &c->conditions.at[r->all_of.first + i]))
			return false;
	return true;
}

/* The sets of a wait: all functions, the innermost that is not the scheduler's, and its caller. */
static void asked_wait(const struct causes *c, const struct cause_query *q, struct asked *a)
{
	bool leaf = false, caller = false;
	struct bits one;

	a->q = q;
	bits_clear(c, &a->in);
	bits_clear(c, &a->leaf);
	bits_clear(c, &a->caller);
	for (size_t i = 0; i < q->n; i++) {
		bits_set(c, q->functions[i], &one);
		for (size_t w = 0; w < (c->patterns.n + 63) / 64; w++)
			a->in.word[w] |= one.word[w];
		if (leaf && !caller) {
			a->caller = one;
			caller = true;
		}
		if (!leaf && !bits_any(&one, c->skip.at, c->skip.n)) {
			a->leaf = one;
			leaf = true;
		}
	}
}

enum wait_class causes_find(const struct causes *c, const struct cause_query *q)
{
	struct asked a;

	asked_wait(c, q, &a);
	for (size_t i = 0; i < c->rules.n; i++)
		if (asked_fits(c, &a, &c->rules.at[i]))
			return c->rules.at[i].class;
	return WAIT_OTHER;
}

/* How many frames the interrupt has: up to its outermost function. 0 = there is none. */
static size_t causes_interrupt(const struct causes *c, const char *const *functions, size_t n,
			       struct bits *entry)
{
	for (; n > 0; n--) {
		bits_set(c, functions[n - 1], entry);
		if (bits_any(entry, c->interrupt.at, c->interrupt.n))
			break;
	}
	return n;
}

const char *causes_waker(const struct causes *c, const char *const *functions, size_t n, size_t *ret_n)
{
	struct asked a;
	size_t own = causes_interrupt(c, functions, n, &a.entry);

	*ret_n = own;
	for (size_t i = 0; i < own; i++) {
		bits_set(c, functions[i], &a.in);
		for (size_t r = 0; r < c->wakers.n; r++) {
			if (!asked_fits(c, &a, &c->wakers.at[r]))
				continue;
			if (!c->wakers.at[r].waker)
				*ret_n = 0;
			return *ret_n ? intern_get(&c->words, c->wakers.at[r].waker) : NULL;
		}
	}
	return own ? "interrupt" : NULL;
}
