/* html_page.h - the viewer as a page without a profile in it: what a server sends. html.c writes saved pages.
 *
 * Ownership: everything is borrowed for the call. Thread safe: only reads what is built in.
 */
#ifndef WAGGLE_FORMAT_HTML_PAGE_H
#define WAGGLE_FORMAT_HTML_PAGE_H

#include "base/err.h"
#include "base/out.h"

struct html_page {
	const char *title; /* text, not HTML */
	size_t title_len;
	const char *nonce; /* of the policy the server sends for style and script; NULL = a saved page */
	const char *live;  /* JSON for the page, without '<'; NULL = it is a saved page */
};

/* 0, or -EINVAL with a sentence when the built-in page is broken. */
int html_page_write(const struct html_page *page, struct out *to, struct err *e);

#endif
