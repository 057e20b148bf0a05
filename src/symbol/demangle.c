/* demangle.c - readable names from C++ and Rust ones, by libiberty.
 *
 * Flame graph boxes are narrow, so parameter lists are left out; template arguments stay, because
 * they tell instances apart. What the compiler appends after a dot (".cold", ".part.0",
 * ".constprop.1") stays as it is, exactly as a C function shows it, and so does the "@plt" of a
 * call stub. Only ".llvm.<number>" goes: it is a hash that changes with every build. Rust's own
 * hash
 * (::h0123456789abcdef) goes for the same reason.
 *
 * Names are foreign. libiberty limits its recursion, but a short C++ name can stand for gigabytes
 * of text, each substitution doubling it, so the output is taken piecewise and abandoned when it
 * grows too long. The callback form of libiberty keeps its state on the stack, which makes that
 * safe.
 */
#include "symbol/symbolizer.h"

#include <ctype.h>
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define NAME_MAX_LEN (16u << 10)
#define TEXT_MAX_LEN (64u << 10)

struct demangle_sink {
	struct buf text;
	jmp_buf too_long;
};

static void demangle_take(const char *s, size_t n, void *ctx)
{
	struct demangle_sink *to = ctx;

	if (n > TEXT_MAX_LEN - to->text.len)
		longjmp(to->too_long, 1);
	buf_put(&to->text, s, n);
}

/* Length of a legacy Rust name up to and including the E after its hash; 0 when it is not one. Such
 * names may hold dots, so their suffix cannot be found by looking for the first one. */
static size_t demangle_rust_legacy(const char *name)
{
	const char *at = name;

	if (strncmp(name, "_ZN", 3) != 0)
		return 0;
	while ((at = strstr(at, "17h"))) {
		size_t i = 3;

		while (i < 19 && isxdigit((unsigned char)at[i]) && !isupper((unsigned char)at[i]))
			i++;
		if (i == 19 && at[19] == 'E' && strchr(".@", at[20])) /* or the end */
			return (size_t)(at + 20 - name);
		at += 3;
	}
	return 0;
}

/* Where the compiler's or linker's own additions start. */
static size_t demangle_stem(const char *name)
{
	size_t legacy = demangle_rust_legacy(name);

	return legacy ? legacy : strcspn(name, ".@");
}

static bool demangle_stem_to(const char *stem, struct demangle_sink *to)
{
	if (setjmp(to->too_long))
		return false;
	if (rust_demangle_callback(stem, 0, demangle_take, to) && to->text.len)
		return true;
	buf_reset(&to->text);
	return cplus_demangle_v3_callback(stem, DMGL_NO_OPTS, demangle_take, to) && to->text.len;
}

/* Appends the suffix without its ".llvm.<number>". */
static void demangle_suffix(struct buf *text, const char *suffix)
{
	while (*suffix) {
		if (strncmp(suffix, ".llvm.", 6) == 0 && isdigit((unsigned char)suffix[6]))
			suffix += 6 + strspn(suffix + 6, "0123456789");
		else
			buf_putc(text, *suffix++);
	}
}

char *demangle(const char *name)
{
	struct demangle_sink to = {0};
	size_t stem, len;
	char *copy;
	bool done;

	if (strncmp(name, "_Z", 2) != 0 && strncmp(name, "_R", 2) != 0)
		return NULL;
	len = strnlen(name, NAME_MAX_LEN + 1);
	if (len > NAME_MAX_LEN)
		return NULL;
	stem = demangle_stem(name);
	copy = strndup(name, stem);
	if (!copy)
		return NULL;
	done = demangle_stem_to(copy, &to);
	free(copy);
	if (done) {
		demangle_suffix(&to.text, name + stem);
		buf_putc(&to.text, '\0');
		if (!to.text.err)
			return (char *)buf_take(&to.text, &len);
	}
	buf_free(&to.text);
	return NULL;
}
