/* folded.c - one line a stack: "comm;outer;..;leaf COUNT", the lingua franca of flame graphs.
 *
 * What readers do with a line, as read in their sources: flamegraph.pl and inferno take the last
 * blank-separated number as the count and split the rest at ';'; speedscope does the same with whole
 * numbers only. So ';' in names becomes ':', control characters become blanks, and other blanks stay.
 *
 * Times of waits (the values of `waggle off` and `waggle wall`, nanoseconds) are written in microseconds,
 * as bcc's offcputime prints them: rounded to the nearest, and to 1 where that would be 0, because a
 * stack must not vanish.
 *
 * The ledger: no comment syntax is safe everywhere. A line that does not end in a blank and a number
 * is skipped by speedscope and inferno, but flamegraph.pl prints a warning, and difffolded.pl turns
 * it into an empty stack. So by default nothing but stacks is written, and whoever runs the writer
 * says the ledger elsewhere (the command line: on standard error). opts.notes adds "# waggle...;"
 * lines at the end for those who want the file to carry it; the reader takes them back.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "format/folded.h"
#include "format/format.h"
#include "format/notes.h"
#include "profile/waits.h"

struct folded_path {
	struct buf text;
	VEC(size_t) starts; /* length of `text` before each name */
};

static void folded_push_name(struct folded_path *at, const char *name, size_t len)
{
	size_t from = at->text.len + (at->text.len ? 1 : 0);

	if (at->text.len)
		buf_putc(&at->text, ';');
	buf_put(&at->text, name, len);
	for (size_t i = from; i < at->text.len; i++) {
		uint8_t *c = &at->text.data[i];

		if (*c == ';')
			*c = ':';
		else if (*c < 0x20 || *c == 0x7f)
			*c = ' ';
	}
	/* A reader could not tell a blank at the end from the one before the count. */
	while (at->text.len > from && at->text.data[at->text.len - 1] == ' ')
		at->text.len--;
	if (at->text.len == from)
		buf_puts(&at->text, "[unknown]");
	/* A thread called "# x" must not make the line a comment. */
	if (!from && at->text.len && at->text.data[0] == '#' &&
	    (at->text.len == 1 || strchr(" #!", at->text.data[1])))
		at->text.data[0] = '?';
}

/* How many units of the profile's value are one in the output. */
static int64_t folded_unit(const struct calltree *t)
{
	static const char *const times[] = { WAITS_TYPE_OFF, WAITS_TYPE_WALL, WAITS_TYPE_LONGEST };
	const char *type = intern_get(&t->strings, t->value_type);

	if (strcmp(intern_get(&t->strings, t->value_unit), "nanoseconds"))
		return 1;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		if (!strcmp(type, times[i]))
			return 1000;
	return 1;
}

static int64_t folded_round(int64_t value, int64_t unit)
{
	int64_t rounded = value / unit + (value % unit >= (unit + 1) / 2 ? 1 : 0);

	return value > 0 && !rounded ? 1 : rounded;
}

static void folded_line(struct out *to, const struct folded_path *at, int64_t value)
{
	char count[24];
	int n = snprintf(count, sizeof(count), " %" PRId64 "\n", value);

	out_put(to, at->text.data, at->text.len);
	out_put(to, count, (size_t)n);
}

static int folded_walk(const struct calltree *t, struct folded_path *at, struct out *to)
{
	uint32_t node = t->nodes.at[0].first_child;
	int64_t unit = folded_unit(t);

	while (node) {
		const struct calltree_node *n = &t->nodes.at[node];

		if (!VEC_PUSH(&at->starts, at->text.len))
			return -ENOMEM;
		folded_push_name(at, calltree_name(t, node), intern_len(&t->strings, n->name));
		if (at->text.err)
			return at->text.err;
		if (n->self)
			folded_line(to, at, folded_round(n->self, unit));
		if (n->first_child) {
			node = n->first_child;
			continue;
		}
		while (node) { /* up, until there is a way to the side */
			at->text.len = at->starts.at[--at->starts.n];
			if (t->nodes.at[node].next) {
				node = t->nodes.at[node].next;
				break;
			}
			node = t->nodes.at[node].parent;
		}
	}
	return 0;
}

static void folded_note(void *ctx, const char *line)
{
	out_printf(ctx, "# %s;\n", line);
}

static int folded_write(const struct profile *p, const struct format_opts *o, struct out *to,
			struct err *e)
{
	struct folded_path at = { 0 };
	struct calltree *t = NULL;
	int code = calltree_new(p, &o->tree, &t);

	if (code)
		return err_set(e, code, "out of memory");
	calltree_sort(t, BY_NAME);
	if (t->nodes.at[0].self)
		out_printf(to, "[no stack] %" PRId64 "\n",
			   folded_round(t->nodes.at[0].self, folded_unit(t)));
	code = folded_walk(t, &at, to);
	if (code)
		err_set(e, code, "out of memory");
	if (!code && o->notes)
		notes_ledger(p, folded_note, to);
	buf_free(&at.text);
	VEC_FREE(&at.starts);
	calltree_free(t);
	return code;
}

const struct format format_folded = {
	.name = "folded",
	.exts = { ".folded", ".collapsed", ".collapse", ".collapsedstack.txt" },
	.help = "one line a stack with its count; for flamegraph.pl, speedscope, grep and awk",
	.write = folded_write,
	.probe = folded_probe,
	.read = folded_read,
};
