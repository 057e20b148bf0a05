/* causes_fuzz.c - rules of waiting that a person wrote, and functions named as in them: the input is rules,
 * a NUL, then a line for each function of a stack.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "profile/causes.h"

#define DEEPEST 40

static void causes_ask(const struct causes *c, const char *const *functions, size_t n)
{
	struct cause_query q = { .syscall = (int32_t)n - 2, .functions = functions, .n = n };
	size_t own = n + 1;
	const char *who = causes_waker(c, functions, n, &own);

	if (own > n || (who != NULL) != (own > 0))
		abort();
	for (int i = 0; i < 4; i++) {
		enum wait_class class;

		q.kernel_thread = i & 1;
		q.iowait = i & 2;
		class = causes_find(c, &q);
		if (class >= WAIT_CLASS_MAX || (waits_class(class)->group != WAIT_GROUP_BLOCKED &&
						waits_class(class)->group != WAIT_GROUP_IDLE))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct causes *builtin; /* reading it takes longer than everything else */
	const char *functions[DEEPEST];
	struct causes *c;
	struct err e = { 0 };
	char *text = malloc(len + 1), *at, *name;
	size_t rules, n = 0;

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = 0;
	rules = strlen(text);
	at = rules < len ? text + rules + 1 : text + len;
	while (n < DEEPEST && (name = strsep(&at, "\n")))
		functions[n++] = name;
	if (causes_parse(text, rules, "fuzz", &c, &e) == 0) {
		causes_ask(c, functions, n);
		causes_free(c);
	} else if (!*e.text || c) {
		abort();
	}
	/* Also with everything, NULs and all, as rules. */
	if (causes_parse((const char *)data, len, "fuzz", &c, NULL) == 0)
		causes_free(c);
	if (!builtin)
		builtin = causes_builtin();
	if (builtin)
		causes_ask(builtin, functions, n);
	free(text);
	return 0;
}
