/* causes_parse.c - reads rules of waiting (the format is at the head of data/waits.txt); see causes.h. Line
 * by line, so that an error can say which one.
 */
#include <errno.h>
#include <string.h>

#include "profile/causes_rules.h"
#include "profile/syscalls.h"

#define SHOWN 40 /* of a word in an error */

struct word {
	const char *s;
	size_t len;
};

struct reader {
	struct causes *c;
	const char *name;
	uint32_t line;
	struct word left; /* of the line */
	struct err *e;
};

#define WORD_SHOWN(w) (int)((w).len < SHOWN ? (w).len : SHOWN), (w).s
#define READER_BAD(r, fmt, ...) \
	err_set((r)->e, -EINVAL, "%s: line %u: " fmt, (r)->name, (r)->line, ##__VA_ARGS__)

static bool word_is(struct word w, const char *s)
{
	return strlen(s) == w.len && memcmp(w.s, s, w.len) == 0;
}

/* Takes what comes before the next of `ends` off *left; empty when nothing is left. */
static struct word word_take(struct word *left, const char *ends)
{
	struct word w = { left->s, 0 };

	while (w.len < left->len && !(left->s[w.len] && strchr(ends, left->s[w.len])))
		w.len++;
	left->s += w.len;
	left->len -= w.len;
	if (left->len) {
		left->s++;
		left->len--;
	}
	return w;
}

/* The next word of the line; empty at its end. */
static struct word reader_word(struct reader *r)
{
	struct word w;

	do
		w = word_take(&r->left, " \t\r");
	while (!w.len && r->left.len);
	return w;
}

static bool word_is_pattern(struct word w)
{
	for (size_t i = 0; i < w.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$*", w.s[i]) || !w.s[i])
			return false;
	return w.len > 0;
}

/* A function's name or a pattern of names: its bit goes to *ids. */
static int reader_pattern(struct reader *r, struct word w, cause_ids *ids)
{
	struct causes *c = r->c;
	uint32_t known = c->patterns.n, id;

	if (!word_is_pattern(w))
		return READER_BAD(r, "\"%.*s\" cannot be a function's name", WORD_SHOWN(w));
	id = intern_put(&c->patterns, w.s, w.len);
	if (id == INTERN_NONE)
		return err_set(r->e, -ENOMEM, "out of memory");
	if (id >= CAUSES_PATTERNS_MAX)
		return READER_BAD(r, "more than %d different functions", CAUSES_PATTERNS_MAX);
	if (c->patterns.n > known && memchr(w.s, '*', w.len) && !VEC_PUSH(&c->globs, id))
		return err_set(r->e, -ENOMEM, "out of memory");
	return VEC_PUSH(ids, id) ? 0 : err_set(r->e, -ENOMEM, "out of memory");
}

static int reader_patterns(struct reader *r, struct word list, cause_ids *ids)
{
	int rc = 0;

	do
		rc = reader_pattern(r, word_take(&list, ","), ids);
	while (!rc && list.len);
	return rc;
}

static int reader_syscalls(struct reader *r, struct word list)
{
	do {
		struct word w = word_take(&list, ",");
		int32_t number = syscall_number(w.s, w.len);

		if (number == SYSCALL_UNKNOWN)
			return READER_BAD(r, "no system call \"%.*s\" is known", WORD_SHOWN(w));
		if (number != SYSCALL_NONE && !VEC_PUSH(&r->c->ids, (uint32_t)number))
			return err_set(r->e, -ENOMEM, "out of memory");
	} while (list.len);
	return 0;
}

static enum cause_condition_kind condition_kind(struct word key)
{
	static const char *const keys[] = {
#define ROW(id, k) k,
		CAUSE_CONDITIONS(ROW)
#undef ROW
	};

	for (int i = 0; i < CAUSE_KIND_MAX; i++)
		if (word_is(key, keys[i]))
			return (enum cause_condition_kind)i;
	return CAUSE_KIND_MAX;
}

static int reader_condition(struct reader *r, struct word w, bool waker)
{
	bool lists = memchr(w.s, '=', w.len) != NULL;
	struct word key = word_take(&w, "=");
	struct cause_condition made = { condition_kind(key), { (uint32_t)r->c->ids.n, 0 } };
	int rc = 0;

	if (made.kind == CAUSE_KIND_MAX)
		return READER_BAD(r, "there is no condition \"%.*s\"", WORD_SHOWN(key));
	if (waker ? made.kind != CAUSE_IN && made.kind != CAUSE_ENTRY : made.kind == CAUSE_ENTRY)
		return READER_BAD(r, "\"%.*s\" cannot be asked of a %s", WORD_SHOWN(key), waker ? "waker" : "wait");
	if (lists != (made.kind < CAUSE_IOWAIT))
		return READER_BAD(r, "\"%.*s\" %s", WORD_SHOWN(key), lists ? "takes no names" : "needs \"=\" and names");
	if (made.kind == CAUSE_SYSCALL)
		rc = reader_syscalls(r, w);
	else if (lists)
		rc = reader_patterns(r, w, &r->c->ids);
	made.any_of.n = (uint32_t)r->c->ids.n - made.any_of.first;
	if (!rc && !VEC_PUSH(&r->c->conditions, made))
		rc = err_set(r->e, -ENOMEM, "out of memory");
	return rc;
}

static int reader_conditions(struct reader *r, bool waker, struct cause_range *ret)
{
	struct word w;

	ret->first = (uint32_t)r->c->conditions.n;
	while ((w = reader_word(r)).len) {
		int rc = reader_condition(r, w, waker);

		if (rc)
			return rc;
	}
	ret->n = (uint32_t)r->c->conditions.n - ret->first;
	return ret->n ? 0 : READER_BAD(r, "a rule needs a condition");
}

static int reader_waker(struct reader *r)
{
	struct cause_rule rule = { .class = WAIT_CLASS_MAX };
	struct word name = reader_word(r);
	int rc;

	if (!name.len || memchr(name.s, '=', name.len))
		return READER_BAD(r, "a waker needs a name");
	rule.waker = word_is(name, "self") ? 0 : intern_put(&r->c->words, name.s, name.len);
	if (rule.waker == INTERN_NONE)
		return err_set(r->e, -ENOMEM, "out of memory");
	rc = reader_conditions(r, true, &rule.all_of);
	if (!rc && !VEC_PUSH(&r->c->wakers, rule))
		rc = err_set(r->e, -ENOMEM, "out of memory");
	return rc;
}

static int reader_wait(struct reader *r, struct word key)
{
	struct cause_rule rule = { .class = WAIT_CLASS_MAX };
	enum wait_group group;
	int rc;

	for (int i = 0; i < WAIT_CLASS_MAX; i++)
		if (word_is(key, waits_class((enum wait_class)i)->key))
			rule.class = (enum wait_class)i;
	if (rule.class == WAIT_CLASS_MAX)
		return READER_BAD(r, "there is no class of waits \"%.*s\"", WORD_SHOWN(key));
	group = waits_class(rule.class)->group;
	if (group != WAIT_GROUP_BLOCKED && group != WAIT_GROUP_IDLE)
		return READER_BAD(r, "\"%.*s\" is not a reason to be blocked", WORD_SHOWN(key));
	rc = reader_conditions(r, false, &rule.all_of);
	if (!rc && !VEC_PUSH(&r->c->rules, rule))
		rc = err_set(r->e, -ENOMEM, "out of memory");
	return rc;
}

static int reader_line(struct reader *r)
{
	struct word first = reader_word(r), list;
	bool skip = word_is(first, "skip");

	if (!first.len)
		return 0;
	if (word_is(first, "waker"))
		return reader_waker(r);
	if (!skip && !word_is(first, "interrupt"))
		return reader_wait(r, first);
	list = reader_word(r);
	if (reader_word(r).len)
		return READER_BAD(r, "names are separated by commas, without blanks");
	return reader_patterns(r, list, skip ? &r->c->skip : &r->c->interrupt);
}

int causes_parse(const char *text, size_t len, const char *name, struct causes **ret, struct err *e)
{
	struct reader r = { calloc(1, sizeof(*r.c)), name, 0, { "", 0 }, e };
	struct word left = { text, len };
	int rc = 0;

	*ret = NULL;
	/* Id 0 is no pattern and no waker: make sure it is taken. */
	if (!r.c || intern_puts(&r.c->patterns, "") != 0 || intern_puts(&r.c->words, "") != 0)
		rc = err_set(e, -ENOMEM, "out of memory");
	while (!rc && left.len) {
		r.left = word_take(&left, "\n");
		r.left = word_take(&r.left, "#");
		r.line++;
		rc = reader_line(&r);
	}
	if (rc)
		causes_free(r.c);
	else
		*ret = r.c;
	return rc;
}
