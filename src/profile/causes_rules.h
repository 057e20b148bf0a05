/* causes_rules.h - rules of waiting as they are kept between reading (causes_parse.c) and asking (causes.c).
 *
 * Every pattern is a bit. To ask, the functions of a stack are turned into the set of patterns they fit,
 * once; then a condition is a test of a few bits, however many rules there are.
 */
#ifndef WAGGLE_PROFILE_CAUSES_RULES_H
#define WAGGLE_PROFILE_CAUSES_RULES_H

#include "base/intern.h"
#include "base/vec.h"
#include "profile/causes.h"

#define CAUSES_PATTERNS_MAX 4096 /* so that a set of them fits on the stack */
#define CAUSES_WORDS (CAUSES_PATTERNS_MAX / 64)

/* What a condition looks at; ROW(id, key): keys with operands. */
#define CAUSE_CONDITIONS(ROW) \
	ROW(IN, "in") ROW(LEAF, "leaf") ROW(CALLER, "caller") ROW(ENTRY, "entry") ROW(SYSCALL, "syscall") \
	ROW(IOWAIT, "iowait") ROW(KTHREAD, "kthread") ROW(USER, "user")

enum cause_condition_kind {
#define ROW(id, key) CAUSE_##id,
	CAUSE_CONDITIONS(ROW)
#undef ROW
	CAUSE_KIND_MAX
};

/* Part of causes.ids: patterns, or numbers of system calls. */
struct cause_range {
	uint32_t first, n;
};

struct cause_condition {
	enum cause_condition_kind kind;
	struct cause_range any_of;
};

struct cause_rule {
	enum wait_class class;     /* of a wait */
	uint32_t waker;            /* of a waker: its name in causes.words, 0 = the thread itself */
	struct cause_range all_of; /* conditions */
};

typedef VEC(uint32_t) cause_ids;

struct causes {
	struct intern patterns; /* function names, some with '*'; the id is the bit */
	struct intern words;    /* names of wakers */
	cause_ids globs;        /* patterns with '*' */
	cause_ids ids, skip, interrupt;
	VEC(struct cause_condition) conditions;
	VEC(struct cause_rule) rules, wakers;
};

#endif
