/* option.c - the option parser; see option.h.
 *
 * getopt is not used because it knows only names: ranges, lists, durations, choices, the nearest known
 * name and the sentence that explains a mistake all come from the same row as the help text.
 */
#include "cli/option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/nearest.h"

enum { OPTION_CPU_LIMIT = 65535 };

struct option_seen {
	const struct option_row *row;
	const char *value;
};

struct option_parser {
	int argc, at;
	char **argv;
	const struct option_table *tables;
	char *values;
	struct option_rest *rest;
	struct err *e;
	VEC(struct option_seen) seen;
};

static int option_oom(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/* -- values ------------------------------------------------------------------------------------- */

static int option_bad_number(const struct option_row *row, const char *text, struct err *e)
{
	if (row->max > 0)
		return err_set(e, -EINVAL, "--%s takes a number from %.15g to %.15g, not '%s'",
			       row->name, row->min, row->max, text);
	if (row->min > 0)
		return err_set(e, -EINVAL, "--%s takes a number of at least %.15g, not '%s'",
			       row->name, row->min, text);
	return err_set(e, -EINVAL, "--%s takes a number, not '%s'", row->name, text);
}

/* Digits only, up to `stop`: no sign, no blank, no base prefix. */
static bool option_digits(const char *text, const char *stop, uint64_t *ret)
{
	uint64_t v = 0;

	if (text == stop)
		return false;
	for (; text < stop; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return false;
	}
	*ret = v;
	return true;
}

static bool option_in_range(const struct option_row *row, double v)
{
	return v >= row->min && (row->max <= 0 || v <= row->max);
}

static int option_set_flag(const struct option_row *row, const char *text, void *to, struct err *e)
{
	*(bool *)to = true;
	return 0;
}

static int option_set_u32(const struct option_row *row, const char *text, void *to, struct err *e)
{
	uint64_t v;

	if (!option_digits(text, text + strlen(text), &v) || v > UINT32_MAX ||
	    !option_in_range(row, (double)v))
		return option_bad_number(row, text, e);
	*(uint32_t *)to = (uint32_t)v;
	return 0;
}

static int option_set_u64(const struct option_row *row, const char *text, void *to, struct err *e)
{
	uint64_t v;

	if (!option_digits(text, text + strlen(text), &v) || !option_in_range(row, (double)v))
		return option_bad_number(row, text, e);
	*(uint64_t *)to = v;
	return 0;
}

static int option_set_double(const struct option_row *row, const char *text, void *to,
			     struct err *e)
{
	char *end;
	double v;

	if (!strchr("0123456789.-", *text) || !*text || strpbrk(text, "xXnN"))
		return option_bad_number(row, text, e);
	v = strtod(text, &end);
	if (*end || !option_in_range(row, v))
		return option_bad_number(row, text, e);
	*(double *)to = v;
	return 0;
}

static int option_set_text(const struct option_row *row, const char *text, void *to, struct err *e)
{
	if (!*text)
		return err_set(e, -EINVAL, "--%s must not be empty", row->name);
	*(const char **)to = text;
	return 0;
}

static int option_add_text(const struct option_row *row, const char *text, void *to, struct err *e)
{
	struct option_texts *t = to;

	if (!*text)
		return err_set(e, -EINVAL, "--%s must not be empty", row->name);
	return VEC_PUSH(&t->list, text) ? 0 : option_oom(e);
}

/* One part of a list: a number, or with `ranges` also "first-last". */
static int option_add_part(const struct option_row *row, const char *part, const char *stop,
			   bool ranges, struct option_ids *to, struct err *e)
{
	const char *dash = ranges ? memchr(part, '-', (size_t)(stop - part)) : NULL;
	uint64_t first, last;

	if (!option_digits(part, dash ? dash : stop, &first) ||
	    (dash && !option_digits(dash + 1, stop, &last)))
		return -EINVAL;
	if (!dash)
		last = first;
	if (first > last || last > UINT32_MAX || !option_in_range(row, (double)first) ||
	    !option_in_range(row, (double)last) || (ranges && last > OPTION_CPU_LIMIT))
		return -EINVAL;
	for (; first <= last; first++)
		if (!VEC_PUSH(&to->list, (uint32_t)first))
			return option_oom(e);
	return 0;
}

static int option_add_list(const struct option_row *row, const char *text, bool ranges, void *to,
			   struct err *e)
{
	for (const char *part = text;; part++) {
		const char *stop = part + strcspn(part, ",");
		int rc = option_add_part(row, part, stop, ranges, to, e);

		if (rc == -EINVAL && !ranges && row->max > 0)
			return err_set(e, rc,
				       "--%s takes numbers from %.15g to %.15g separated by commas, "
				       "not '%s'",
				       row->name, row->min, row->max, text);
		if (rc == -EINVAL)
			return err_set(e, rc, "--%s takes %s, not '%s'", row->name,
				       ranges ? "processor numbers like 0-3,8" :
						"numbers separated by commas",
				       text);
		if (rc || !*stop)
			return rc;
		part = stop;
	}
}

static int option_add_ids(const struct option_row *row, const char *text, void *to, struct err *e)
{
	return option_add_list(row, text, false, to, e);
}

static int option_add_cpus(const struct option_row *row, const char *text, void *to, struct err *e)
{
	return option_add_list(row, text, true, to, e);
}

static int option_set_duration(const struct option_row *row, const char *text, void *to,
			       struct err *e)
{
	if (duration_parse(text, to) < 0)
		return err_set(e, -EINVAL,
			       "--%s takes a duration like 500ms, 10s or 2m, not '%s'", row->name,
			       text);
	return 0;
}

static int option_set_micros(const struct option_row *row, const char *text, void *to, struct err *e)
{
	size_t len = strlen(text);
	char with_unit[64];

	if (len && strchr("0123456789.", text[len - 1]) && len < sizeof(with_unit) - 2) {
		snprintf(with_unit, sizeof(with_unit), "%sus", text);
		text = with_unit;
	}
	if (duration_parse(text, to) < 0)
		return err_set(e, -EINVAL,
			       "--%s takes microseconds, or a duration like 5ms or 1s, not '%s'", row->name,
			       text);
	return 0;
}

static int option_set_choice(const struct option_row *row, const char *text, void *to,
			     struct err *e)
{
	char all[200] = "";
	size_t len = 0;

	for (uint32_t i = 0; row->choices[i]; i++) {
		size_t n = strlen(row->choices[i]);

		if (!strcmp(row->choices[i], text)) {
			*(uint32_t *)to = i;
			return 0;
		}
		if (len + n + 3 > sizeof(all))
			continue;
		memcpy(all + len, len ? ", " : "", len ? 2 : 0);
		len += len ? 2 : 0;
		memcpy(all + len, row->choices[i], n + 1);
		len += n;
	}
	return err_set(e, -EINVAL, "--%s takes one of %s, not '%s'", row->name, all, text);
}

static int option_refuse(const struct option_row *row, const char *text, void *to, struct err *e)
{
	return err_set(e, -EINVAL, "--%s is not accepted: %s", row->name, row->help);
}

static const struct {
	int (*set)(const struct option_row *row, const char *text, void *to, struct err *e);
	bool argument, list;
} option_types[] = {
	[OPTION_FLAG] = { option_set_flag, false, true },
	[OPTION_U32] = { option_set_u32, true, false },
	[OPTION_U64] = { option_set_u64, true, false },
	[OPTION_DOUBLE] = { option_set_double, true, false },
	[OPTION_TEXT] = { option_set_text, true, false },
	[OPTION_TEXTS] = { option_add_text, true, true },
	[OPTION_IDS] = { option_add_ids, true, true },
	[OPTION_CPUS] = { option_add_cpus, true, true },
	[OPTION_DURATION] = { option_set_duration, true, false },
	[OPTION_MICROS] = { option_set_micros, true, false },
	[OPTION_CHOICE] = { option_set_choice, true, false },
	[OPTION_REFUSED] = { option_refuse, false, true },
};

bool option_takes_argument(const struct option_row *row)
{
	return option_types[row->type].argument;
}

/* -- words -------------------------------------------------------------------------------------- */

/* Finds a row by long name (`len` bytes of it) or by letter, and its table's base. */
static const struct option_row *option_find(const struct option_parser *p, const char *name,
					    size_t len, char letter, size_t *ret_base)
{
	for (const struct option_table *t = p->tables; t && t->rows; t++)
		for (const struct option_row *row = t->rows; row->name; row++) {
			bool hit = name ? !strncmp(row->name, name, len) && !row->name[len] :
					  row->letter == letter;

			if (hit) {
				*ret_base = t->base;
				return row;
			}
		}
	return NULL;
}

static int option_unknown(const struct option_parser *p, const char *name, size_t len)
{
	char word[64] = "";
	struct nearest n = nearest_to(word);

	if (len < sizeof(word))
		memcpy(word, name, len);
	for (const struct option_table *t = p->tables; t && t->rows; t++)
		for (const struct option_row *row = t->rows; row->name; row++)
			if (row->type != OPTION_REFUSED)
				nearest_offer(&n, row->name);
	nearest_offer(&n, "help");
	return err_set(p->e, -EINVAL, "there is no option --%.*s%s", (int)len, name,
		       nearest_hint(&n, "--"));
}

/* Stores one value; a second, different one for an option that holds one is a contradiction. */
static int option_store(struct option_parser *p, const struct option_row *row, size_t base,
			const char *text)
{
	if (!option_types[row->type].list) {
		for (size_t i = 0; i < p->seen.n; i++)
			if (p->seen.at[i].row == row && strcmp(p->seen.at[i].value, text))
				return err_set(p->e, -EINVAL, "--%s is given twice: '%s' and '%s'",
					       row->name, p->seen.at[i].value, text);
		if (!VEC_PUSH(&p->seen, (struct option_seen){ row, text }))
			return option_oom(p->e);
	}
	return option_types[row->type].set(row, text, p->values + base + row->offset, p->e);
}

/* The argument of an option: what is glued to it, or else the next word. */
static int option_argument(struct option_parser *p, const struct option_row *row,
			   const char *glued, const char **ret)
{
	if (!glued && p->at + 1 < p->argc && strcmp(p->argv[p->at + 1], "--"))
		glued = p->argv[++p->at];
	if (!glued)
		return err_set(p->e, -EINVAL, "--%s needs a value (%s)", row->name,
			       row->arg ? row->arg : "VALUE");
	*ret = glued;
	return 0;
}

static int option_long(struct option_parser *p, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word), base;
	const struct option_row *row = option_find(p, word, len, 0, &base);
	const char *value = "";
	int rc = 0;

	if (!row && !strcmp(word, "help")) {
		p->rest->help = true;
		return 0;
	}
	if (!row)
		return option_unknown(p, word, len);
	if (option_takes_argument(row))
		rc = option_argument(p, row, equals ? equals + 1 : NULL, &value);
	else if (equals && row->type != OPTION_REFUSED)
		rc = err_set(p->e, -EINVAL, "--%s takes no value", row->name);
	return rc ? rc : option_store(p, row, base, value);
}

static int option_letters(struct option_parser *p, const char *letters)
{
	for (; *letters; letters++) {
		size_t base;
		const struct option_row *row = option_find(p, NULL, 0, *letters, &base);
		const char *value = "";
		int rc;

		if (!row && *letters == 'h') {
			p->rest->help = true;
			continue;
		}
		if (!row)
			return err_set(p->e, -EINVAL, "there is no option -%c", *letters);
		if (!option_takes_argument(row)) {
			rc = option_store(p, row, base, value);
			if (rc)
				return rc;
			continue;
		}
		rc = option_argument(p, row, letters[1] ? letters + 1 : NULL, &value);
		return rc ? rc : option_store(p, row, base, value);
	}
	return 0;
}

static int option_words(struct option_parser *p)
{
	for (p->at = 1; p->at < p->argc; p->at++) {
		const char *word = p->argv[p->at];
		int rc = 0;

		if (!strcmp(word, "--")) {
			p->rest->command = p->argv + p->at + 1;
			p->rest->n_command = p->argc - p->at - 1;
			if (!p->rest->n_command && !p->rest->help)
				return err_set(p->e, -EINVAL, "'--' must be followed by a command");
			return 0;
		}
		if (word[0] == '-' && word[1] == '-')
			rc = option_long(p, word + 2);
		else if (word[0] == '-' && word[1])
			rc = option_letters(p, word + 1);
		else if (!VEC_PUSH(&p->rest->words, word))
			rc = option_oom(p->e);
		if (rc)
			return rc;
	}
	return 0;
}

int option_parse(int argc, char **argv, const struct option_table *tables, void *values,
		 struct option_rest *rest, struct err *e)
{
	struct option_parser p = { .argc = argc, .argv = argv, .tables = tables,
				   .values = values, .rest = rest, .e = e };
	int rc;

	*rest = (struct option_rest){ 0 };
	rc = option_words(&p);
	VEC_FREE(&p.seen);
	return rc;
}

void option_free(const struct option_table *tables, void *values, struct option_rest *rest)
{
	for (const struct option_table *t = tables; t && t->rows; t++)
		for (const struct option_row *row = t->rows; row->name; row++) {
			char *at = (char *)values + t->base + row->offset;

			if (row->type == OPTION_TEXTS)
				VEC_FREE(&((struct option_texts *)at)->list);
			else if (row->type == OPTION_IDS || row->type == OPTION_CPUS)
				VEC_FREE(&((struct option_ids *)at)->list);
		}
	VEC_FREE(&rest->words);
}
