/* rules.h - the dictionary of unwind rules: each distinct rule once, known by a 16-bit number.
 *
 * A whole system needs 1,200-1,600 rules, so 65,536 is ample; when it is full the rule becomes
 * RULE_UNKNOWN, which the walker reports. Rule 0 is RULE_END, rule 1 is RULE_UNKNOWN.
 * The array is the caller's (the mmapped BPF map, or plain memory in tests).
 * Thread safety: rules_number() may be called by several table builders at once (it locks).
 */
#ifndef WAGGLE_UNWIND_RULES_H
#define WAGGLE_UNWIND_RULES_H

#include <stdint.h>

#include "bpf/abi.h"

struct rules;

/* `array` has RULES_MAX entries and is written as rules are added. NULL when out of memory. */
struct rules *rules_new(struct unwind_rule *array);
void rules_free(struct rules *r);
uint16_t rules_number(struct rules *r, const struct unwind_rule *rule);
uint32_t rules_count(struct rules *r);

#endif
