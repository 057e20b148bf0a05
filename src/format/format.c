/* format.c - the table of formats and the choice by name, extension and content; see format.h.
 *
 * Reading (with its compression layers) is in input.c, the JSON pieces in ledger_json.c, and
 * sentences for people in words.c.
 */
#include "format/format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "profile/waits.h"

#define ROW(name) extern const struct format format_##name;
#include "format/formats.def"
#undef ROW

static const struct format *const format_table[] = {
#define ROW(name) &format_##name,
#include "format/formats.def"
#undef ROW
	NULL
};

const struct format *const *format_all(void)
{
	return format_table;
}

const struct format *format_by_name(const char *name)
{
	for (size_t i = 0; format_table[i]; i++)
		if (!strcmp(format_table[i]->name, name))
			return format_table[i];
	return NULL;
}

/* Length of the extension of `f` that ends `path`, 0 when none does. */
static size_t format_ext_match(const struct format *f, const char *path)
{
	size_t len = strlen(path), best = 0;

	for (size_t i = 0; i < sizeof(f->exts) / sizeof(*f->exts) && f->exts[i]; i++) {
		size_t n = strlen(f->exts[i]);

		if (n < len && n > best && !strcasecmp(path + len - n, f->exts[i]))
			best = n;
	}
	return best;
}

const struct format *format_by_path(const char *path)
{
	const struct format *found = NULL;
	size_t best = 0;

	for (size_t i = 0; format_table[i]; i++) {
		size_t n = format_ext_match(format_table[i], path);

		if (n > best) {
			best = n;
			found = format_table[i];
		}
	}
	return found;
}

const struct format *format_probe(const uint8_t *head, size_t n)
{
	const struct format *found = NULL;
	int best = 0;

	for (size_t i = 0; format_table[i]; i++) {
		const struct format *f = format_table[i];
		int sure = f->probe && f->read ? f->probe(head, n) : 0;

		if (sure > best) {
			best = sure;
			found = f;
		}
	}
	return found;
}

void format_opts_default(struct format_opts *o)
{
	*o = (struct format_opts){
		.tree = { .root = ROOT_COMM, .value = UINT32_MAX },
		.min_share = -1,
	};
}

int format_adds_up(const struct profile *p, uint32_t value, struct err *e)
{
	if (value >= p->value_types.n)
		value = p->default_value;
	if (!profile_value_is_max(p, value))
		return 0;
	return err_set(e, -EINVAL,
		       "the value '%s' is a maximum and does not add up, so its boxes cannot be drawn; "
		       "the formats text, folded and json show it",
		       profile_text(p, p->value_types.at[value].type));
}

/* "folded, svg, .." of all that can be written, for the sentence about an unknown extension. */
static const char *format_writable_exts(char *to, size_t size)
{
	size_t used = 0;

	to[0] = 0;
	for (size_t i = 0; format_table[i]; i++) {
		const struct format *f = format_table[i];
		const char *ext = f->exts[0];

		if (!f->write || f->hidden || !ext || used + strlen(ext) + 3 > size)
			continue;
		used += (size_t)snprintf(to + used, size - used, "%s%s", used ? ", " : "", ext);
	}
	return to;
}

int format_write_file(const struct profile *p, const struct format *f, const char *path,
		      const struct format_opts *o, struct err *e)
{
	struct format_opts defaults;
	char exts[256];
	struct out to;
	int code;

	if (!f)
		f = format_by_path(path);
	if (!f)
		return err_set(e, -EINVAL,
			       "no format is known by the extension of '%s'; known are %s "
			       "(or name one with --format)",
			       path, format_writable_exts(exts, sizeof(exts)));
	if (!f->write)
		return err_set(e, -EINVAL, "the format '%s' can be read but not written", f->name);
	if (!o) {
		format_opts_default(&defaults);
		o = &defaults;
	}
	code = out_open(&to, path, e);
	if (code)
		return code;
	if (e)
		*e = (struct err){ 0 };
	code = f->write(p, o, &to, e);
	if (code) {
		out_abort(&to);
		if (e && !e->code)
			err_set(e, code, "%s", strerror(-code));
		err_prefix(e, "cannot write '%s'", path);
		return code;
	}
	return out_commit(&to, e);
}
