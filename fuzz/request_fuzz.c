/* request_fuzz.c - addresses from hostile hands. Whatever comes, a taken one has a known path, texts that
 * end, numbers in their ranges, and nobody gets in without the token. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ui/web/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void fuzz_check(const struct web_request *r)
{
	static const char *const hosts[] = { "localhost", NULL };
	const struct web_guard guard = { .token = "0123456789abcdef0123456789abcdef", .hosts = hosts };
	const struct web_head head = { .method = "GET", .host = "localhost" };
	const char *why;
	int status = web_guard_check(&guard, r, &head, &why);

	if (status == 200 && r->route != ROUTE_HEALTH && strcmp(r->text[PARAM_TOKEN], guard.token))
		abort();
	for (int i = 0; i < PARAM_MAX; i++)
		if (!memchr(r->text[i], 0, WEB_TEXT_MAX))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *uri = malloc(len + 1);
	struct web_request r;
	const char *why = NULL;
	int status;

	if (!uri)
		return 0;
	memcpy(uri, data, len);
	uri[len] = 0;
	status = web_request_parse(uri, &r, &why);
	if (!why || (status == 200) == (r.route == ROUTE_MAX) || (status != 200 && !*why))
		if (status != 400)
			abort();
	if (status == 200 && r.has[PARAM_PID] && (!r.number[PARAM_PID] || r.number[PARAM_PID] > 4194304))
		abort();
	fuzz_check(&r);
	free(uri);
	return 0;
}
