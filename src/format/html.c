/* html.c - one self-contained page: the viewer of web/ with the profile inside; nothing is fetched.
 *
 * web/viewer.html is the frame, with marks where policy, style, scripts, title and data go. The data is the
 * blob of html_data.h, deflated, in base64; of a large profile what a screen can show of it comes first,
 * alone. A server writes the same page without data (html_page.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/embed.h"
#include "format/html_data.h"
#include "format/html_page.h"
#include "format/pen.h"

EMBED(web_viewer_html);
EMBED(web_viewer_css);

#define ROW(name) EMBED(name);
#include "format/html_scripts.def"
#undef ROW

enum { HTML_BLOCK = 48 * 1024 }; /* a multiple of 3, so that base64 needs no carry */

static void html_base64(struct out *to, const uint8_t *s, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[4];

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)s[i] << 16 | (i + 1 < n ? (uint32_t)s[i + 1] << 8 : 0) |
			     (i + 2 < n ? s[i + 2] : 0);

		text[0] = digits[v >> 18];
		text[1] = digits[v >> 12 & 63];
		text[2] = i + 1 < n ? digits[v >> 6 & 63] : '=';
		text[3] = i + 2 < n ? digits[v & 63] : '=';
		out_put(to, text, 4);
	}
}

static int html_deflate(struct out *to, const struct buf *blob, uint8_t *block)
{
	z_stream z = { 0 };
	int rc = Z_OK;

	if (deflateInit(&z, Z_DEFAULT_COMPRESSION) != Z_OK)
		return -ENOMEM;
	z.next_in = blob->data;
	/* zlib counts in 32 bits: feed what it can hold. */
	for (size_t left = blob->len; rc == Z_OK || rc == Z_BUF_ERROR;) {
		if (!z.avail_in) {
			z.avail_in = left > 1U << 30 ? 1U << 30 : (uInt)left;
			left -= z.avail_in;
		}
		if (!z.avail_out) {
			if (z.next_out)
				html_base64(to, block, HTML_BLOCK);
			z.next_out = block;
			z.avail_out = HTML_BLOCK;
		}
		rc = deflate(&z, left ? Z_NO_FLUSH : Z_FINISH);
	}
	html_base64(to, block, HTML_BLOCK - z.avail_out);
	deflateEnd(&z);
	return rc == Z_STREAM_END ? 0 : -EIO;
}

static int html_packed(struct out *to, const struct buf *blob)
{
	uint8_t *block = malloc(HTML_BLOCK);
	int err = block ? html_deflate(to, blob, block) : -ENOMEM;

	free(block);
	return err;
}

static void html_title(struct out *to, const char *title, size_t n)
{
	struct pen *pen = calloc(1, sizeof(*pen));

	if (!pen)
		return; /* the page sets its title itself, too */
	pen->to = to;
	pen_xml(pen, title, n, SIZE_MAX);
	pen_flush(pen);
	free(pen);
}

/* Text of ours; a character that is not ASCII as a backslash and four digits with what goes `around` them. A
 * browser decodes a page in large pieces, and a piece that is all ASCII several times faster: an arrow in a
 * script must not slow down megabytes of data before it. Only the basic plane, one unit each for scripts.
 */
static void html_ascii(struct out *to, const char *text, size_t n, const char *const around[2])
{
	const uint8_t *s = (const uint8_t *)text;
	size_t from = 0;

	for (size_t i = 0; i < n;) {
		uint32_t c = s[i];
		size_t len = c < 0xe0 ? 2 : 3;

		if (c < 0x80 || c >= 0xf0 || i + len > n) {
			i++;
			continue;
		}
		out_put(to, text + from, i - from);
		c = len == 2 ? (c & 31) << 6 | (s[i + 1] & 63)
			     : (c & 15) << 12 | (s[i + 1] & 63U) << 6 | (s[i + 2] & 63);
		out_printf(to, "\\%s%04x%s", around[0], c, around[1]);
		from = i += len;
	}
	out_put(to, text + from, n - from);
}

static void html_scripts(struct out *to)
{
	static const char *const script[2] = {"u", ""};

	out_puts(to, "\"use strict\";\n");
#define ROW(name) html_ascii(to, embed_##name, EMBED_SIZE(name), script);
#include "format/html_scripts.def"
#undef ROW
}

/* Writes the frame up to `mark` and returns what is behind it. */
static const char *html_until(struct out *to, const char *from, const char *mark)
{
	const char *at = from ? strstr(from, mark) : NULL;

	if (!at)
		return NULL;
	out_put(to, from, (size_t)(at - from));
	return at + strlen(mark);
}

/* What a saved page may do: run itself. A server sends its policy as a header. */
static const char html_policy[] =
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
	"script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">";

static void html_nonce(struct out *to, const char *nonce)
{
	if (nonce)
		out_printf(to, " nonce=\"%s\"", nonce);
}

/* A page, piece by piece; `at` is what is left of the frame, NULL once a mark was missing. */
struct html_pen {
	struct out *to;
	const char *at;
};

static void html_to(struct html_pen *h, const char *mark)
{
	h->at = html_until(h->to, h->at, mark);
}

static int html_blob(struct html_pen *h, const char *mark, const struct out *blob)
{
	html_to(h, mark);
	if (!h->at || !blob || !blob->pending.len)
		return 0;
	return html_packed(h->to, &blob->pending);
}

/* In the order of the file: what is seen first comes first, the bulk of the data last. */
static int html_put(const struct html_page *page, const struct out *preview, const struct out *data,
		    struct out *to, struct err *e)
{
	static const char *const style[2] = {"", " "}; /* the blank ends it */
	struct html_pen h = { .to = to, .at = embed_web_viewer_html }; /* ends in a NUL */
	int err;

	html_to(&h, "<!--waggle:policy-->");
	if (!page->nonce)
		out_puts(to, html_policy);
	html_to(&h, "<!--waggle:title-->");
	html_title(to, page->title, page->title_len);
	html_to(&h, "<!--waggle:nonce-->");
	html_nonce(to, page->nonce);
	html_to(&h, "/*waggle:style*/");
	html_ascii(to, embed_web_viewer_css, EMBED_SIZE(web_viewer_css), style);
	html_to(&h, "<!--waggle:live-->");
	out_puts(to, page->live ? page->live : "");
	err = html_blob(&h, "<!--waggle:preview-->", preview);
	html_to(&h, "<!--waggle:nonce-->");
	html_nonce(to, page->nonce);
	html_to(&h, "/*waggle:script*/");
	html_scripts(to);
	if (!err)
		err = html_blob(&h, "<!--waggle:data-->", data);
	if (!h.at)
		return err_set(e, -EINVAL, "the page in web/viewer.html has lost one of its marks");
	out_puts(to, h.at);
	return err;
}

int html_page_write(const struct html_page *page, struct out *to, struct err *e)
{
	return html_put(page, NULL, NULL, to, e);
}

static int html_write(const struct profile *p, const struct format_opts *o, struct out *to,
		      struct err *e)
{
	struct buf title = { 0 };
	struct html_page page = { 0 };
	struct out data, preview;
	int err = format_adds_up(p, o->tree.value, e);

	if (err)
		return err;
	if (o->title)
		buf_puts(&title, o->title);
	else
		format_title(&title, p);
	page.title = (const char *)title.data;
	page.title_len = title.len;
	out_mem(&data);
	out_mem(&preview);
	err = html_data_write(p, o, 0, &data, &preview);
	err = err ? err : data.err ? data.err : data.pending.err;
	err = err ? err : preview.err ? preview.err : preview.pending.err;
	if (!err)
		err = html_put(&page, &preview, &data, to, e);
	out_abort(&data);
	out_abort(&preview);
	buf_free(&title);
	return err;
}

const struct format format_html = {
	.name = "html",
	.exts = {".html", ".htm"},
	.help = "one self-contained page: flame graph, callers, functions, time, threads; any "
		"browser",
	.write = html_write,
};
