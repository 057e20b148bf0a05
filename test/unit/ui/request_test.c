/* Addresses taken apart, and who may ask: ui/web/request.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "ui/web/request.h"

static struct web_request request;
static const char *why;

static int parse(const char *uri)
{
	return web_request_parse(uri, &request, &why);
}

static void test_paths(void **state)
{
	static const char *const none[] = {
		"", "//", "/api", "/api/", "/api/profile/", "/api/profilex", "/../etc/passwd", "/%2e%2e/etc/passwd",
		"/api/../api/profile", "/api/export.", "/api/export..", "/api/export.a/b", "/api/export.svg.",
		"/api/export.%73vg", "/api/export.SVG", "/api/export.aaaaaaaaaaaaaaaa", "/api/export./etc/passwd",
		"api/profile", "/API/PROFILE", "/api/profile;x", "http://127.0.0.1/api/profile",
	};

	assert_int_equal(parse("/"), 200);
	assert_int_equal(request.route, ROUTE_PAGE);
	assert_int_equal(parse("/health"), 200);
	assert_int_equal(request.route, ROUTE_HEALTH);
	assert_int_equal(parse("/api/export.pb.gz"), 200);
	assert_int_equal(request.route, ROUTE_EXPORT);
	assert_string_equal(request.ext, ".pb.gz");
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		if (parse(none[i]) != 404)
			fail_msg("'%s' leads to route %d", none[i], request.route);
		assert_int_equal(request.route, ROUTE_MAX);
	}
}

static void test_params(void **state)
{
	assert_int_equal(parse("/api/profile?from=1.5&to=2500ms&source=off&pid=42"), 200);
	assert_true(request.has[PARAM_FROM] && request.has[PARAM_TO] && request.has[PARAM_PID]);
	assert_false(request.has[PARAM_TID]);
	assert_int_equal(request.number[PARAM_FROM], 1500000000);
	assert_int_equal(request.number[PARAM_TO], 2500000000);
	assert_string_equal(request.text[PARAM_SOURCE], "off");
	assert_int_equal(request.number[PARAM_PID], 42);
	assert_int_equal(parse("/api/profile?value=a%20b%2Bc+d"), 200);
	assert_string_equal(request.text[PARAM_VALUE], "a b+c d");
	assert_int_equal(parse("/api/profile?"), 200);
	assert_int_equal(parse("/api/profile?&&pid=1&"), 200);
	assert_int_equal(parse("/api/heat?columns=2000&rows=200"), 200);
}

static void test_wrong_params(void **state)
{
	static const char *const bad[] = {
		"pid=", "pid", "pid=0", "pid=-1", "pid=4194305", "pid=99999999999999999999", "pid=1x", "pid=1&pid=1",
		"from=x", "from=", "to=1e9999", "from=2&to=1", "from=1&to=1", "last=5&from=1", "nonsense=1", "=", "=1",
		"PID=1", "value=%", "value=%4", "value=%zz", "value=%00", "value=%0a", "value=a%7f", "columns=0",
		"columns=2001", "value=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"source=aaaaaaaaaaaaaaaa",
	};
	char uri[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(uri, sizeof(uri), "/api/profile?%s", bad[i]);
		if (parse(uri) != 400)
			fail_msg("'%s' was taken", uri);
		assert_true(*why);
	}
}

static void test_too_long(void **state)
{
	static char uri[WEB_URI_MAX + 3];

	memset(uri, '&', sizeof(uri) - 1);
	memcpy(uri, "/?", 2);
	assert_int_equal(parse(uri), 414);
	uri[WEB_URI_MAX] = 0;
	assert_int_equal(parse(uri), 200);
}

/* -- the guard ------------------------------------------------------------------------------------- */

static const char *const hosts[] = { "127.0.0.1", "localhost", "::1", NULL };
static struct web_guard guard = { .hosts = hosts };
static struct web_head good;

static int check(const char *uri, const struct web_head *h)
{
	parse(uri);
	return web_guard_check(&guard, &request, h, &why);
}

static int setup(void **state)
{
	static char bearer[64];

	assert_int_equal(web_guard_token(guard.token), 0);
	snprintf(bearer, sizeof(bearer), "Bearer %s", guard.token);
	good = (struct web_head){ .method = "GET", .host = "127.0.0.1:8000", .authorization = bearer };
	return 0;
}

static void test_token(void **state)
{
	struct web_head h = good;
	char uri[128];

	assert_int_equal(strlen(guard.token), 2 * WEB_TOKEN_BYTES);
	assert_int_equal(check("/api/profile", &h), 200);
	h.authorization = NULL;
	assert_int_equal(check("/api/profile", &h), 401);
	assert_int_equal(check("/", &h), 401);
	assert_int_equal(check("/none", &h), 401);
	assert_int_equal(check("/health", &h), 200);
	snprintf(uri, sizeof(uri), "/?token=%s", guard.token);
	assert_int_equal(check(uri, &h), 200);
	uri[strlen(uri) - 1] ^= 1;
	assert_int_equal(check(uri, &h), 401);
	uri[strlen(uri) - 1] = 0; /* a beginning of it */
	assert_int_equal(check(uri, &h), 401);
	snprintf(uri, sizeof(uri), "/?token=%s0", guard.token);
	assert_int_equal(check(uri, &h), 401);
	h.authorization = "Bearer ";
	assert_int_equal(check("/", &h), 401);
	h.authorization = "Basic abc";
	assert_int_equal(check("/", &h), 401);
	h.authorization = good.authorization + 7; /* no scheme */
	assert_int_equal(check("/", &h), 401);
}

static void test_tokens_differ(void **state)
{
	char other[WEB_TOKEN_MAX];

	assert_int_equal(web_guard_token(other), 0);
	assert_string_not_equal(other, guard.token);
}

/* A link opens the page, nothing else, once, and never what the token opens. */
static void test_link(void **state)
{
	struct web_head h = good;
	char uri[128];

	h.authorization = NULL;
	*guard.once = 0;
	assert_int_equal(check("/?once=0", &h), 401);
	assert_false(web_guard_once(&guard, &request));
	assert_int_equal(web_guard_token(guard.once), 0);
	assert_false(web_guard_once(&guard, &request));
	snprintf(uri, sizeof(uri), "/api/ledger?once=%s", guard.once);
	assert_int_equal(check(uri, &h), 401);
	assert_false(web_guard_once(&guard, &request));
	snprintf(uri, sizeof(uri), "/?token=%s", guard.once);
	assert_int_equal(check(uri, &h), 401);
	assert_false(web_guard_once(&guard, &request));
	snprintf(uri, sizeof(uri), "/?once=%s", guard.token);
	assert_int_equal(check(uri, &h), 401);
	assert_false(web_guard_once(&guard, &request));
	snprintf(uri, sizeof(uri), "/?once=%s", guard.once);
	assert_int_equal(check(uri, &h), 401);
	assert_true(web_guard_once(&guard, &request));
	assert_false(web_guard_once(&guard, &request));
}

static void test_host(void **state)
{
	static const char *const yes[] = { "127.0.0.1", "localhost:1", "LocalHost:65535", "[::1]", "[::1]:80", "127.0.0.1:" };
	static const char *const no[] = {
		"", "evil.example", "127.0.0.1.evil.example:8000", "localhost.evil.example", "evil.example:127.0.0.1",
		"127.0.0.1:80x", "127.0.0.1:8000000", "[::1", "::1]", "[::1]x", "127.0.0.1 ", "127.0.0.2",
		"[127.0.0.1]evil", "localhost:80:90",
	};
	struct web_head h = good;

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		h.host = yes[i];
		assert_int_equal(check("/", &h), 200);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++) {
		h.host = no[i];
		if (check("/", &h) != 403)
			fail_msg("'%s' passed", no[i]);
		if (check("/health", &h) != 403)
			fail_msg("'%s' passed for /health", no[i]);
	}
	h.host = NULL;
	assert_int_equal(check("/", &h), 400);
}

static void test_origin(void **state)
{
	struct web_head h = good;

	h.origin = "http://127.0.0.1:8000";
	assert_int_equal(check("/api/profile", &h), 200);
	h.origin = "http://127.0.0.1:8001"; /* another program on this machine */
	assert_int_equal(check("/api/profile", &h), 403);
	h.origin = "https://127.0.0.1:8000";
	assert_int_equal(check("/api/profile", &h), 403);
	h.origin = "null";
	assert_int_equal(check("/api/profile", &h), 403);
	h.origin = "http://evil.example";
	assert_int_equal(check("/", &h), 403);
	h = good;
	h.fetch_site = "cross-site";
	assert_int_equal(check("/api/profile", &h), 403);
	assert_int_equal(check("/", &h), 200); /* a link somebody followed; it has the token */
	h.fetch_site = "same-origin";
	assert_int_equal(check("/api/profile", &h), 200);
}

static void test_method_and_body(void **state)
{
	static const char *const methods[] = { "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get", "" };
	struct web_head h = good;

	h.method = "HEAD";
	assert_int_equal(check("/", &h), 200);
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		h.method = methods[i];
		assert_int_equal(check("/", &h), 405);
	}
	h = good;
	h.body = true;
	assert_int_equal(check("/", &h), 413);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_wrong_params),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_tokens_differ),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_method_and_body),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
