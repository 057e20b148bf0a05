/* regex.c - PCRE2 wrapper; see regex.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/regex.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

struct regex {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *limits;
};

int regex_new(const char *pattern, struct regex **ret, struct err *e)
{
	struct regex *r = calloc(1, sizeof(*r));
	PCRE2_SIZE at;
	int code;

	if (!r)
		return err_set(e, -ENOMEM, "out of memory");
	r->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &code, &at, NULL);
	if (!r->code) {
		PCRE2_UCHAR why[128];

		pcre2_get_error_message(code, why, sizeof(why));
		regex_free(r);
		return err_set(e, -EINVAL, "bad regular expression '%s': %s at character %zu",
			       pattern, (char *)why, (size_t)at + 1);
	}
	pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* optional: falls back to the interpreter */
	r->match = pcre2_match_data_create(1, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (!r->match || !r->limits) {
		regex_free(r);
		return err_set(e, -ENOMEM, "out of memory");
	}
	pcre2_set_match_limit(r->limits, 1000000);
	pcre2_set_depth_limit(r->limits, 10000);
	*ret = r;
	return 0;
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->limits);
	pcre2_match_data_free(r->match);
	pcre2_code_free(r->code);
	free(r);
}

bool regex_match(const struct regex *r, const char *text, size_t len)
{
	return pcre2_match(r->code, (PCRE2_SPTR)text, len, 0, 0, r->match, r->limits) >= 0;
}
