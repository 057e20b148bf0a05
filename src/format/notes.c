/* notes.c - meta and ledger as lines of text, both ways; see notes.h. */
#include "format/notes.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static const struct {
	const char *key;
	size_t at; /* offset of a string id in struct profile_meta */
} notes_strings[] = {
#define FIELD(name) { #name, offsetof(struct profile_meta, name) }
	FIELD(host), FIELD(kernel), FIELD(arch), FIELD(command),
	FIELD(tool), FIELD(source), FIELD(event),
#undef FIELD
};

static const struct {
	const char *key;
	size_t at;
	bool wide;
} notes_numbers[] = {
	{ "start_mono", offsetof(struct profile_meta, start_mono), true },
	{ "frequency", offsetof(struct profile_meta, frequency), false },
	{ "n_cpus", offsetof(struct profile_meta, n_cpus), false },
};

#define COUNT_OF(a) (sizeof(a) / sizeof(*(a)))

static void notes_line(notes_put *put, void *ctx, const char *prefix, const char *key,
		       const char *value)
{
	struct buf b = { 0 };

	buf_printf(&b, "%s%s=%s", prefix, key, value);
	buf_putc(&b, 0);
	for (size_t i = 0; !b.err && i + 1 < b.len; i++)
		if (b.data[i] < 0x20)
			b.data[i] = ' ';
	if (!b.err)
		put(ctx, (const char *)b.data);
	buf_free(&b);
}

void notes_meta(const struct profile *p, notes_put *put, void *ctx)
{
	const char *meta = (const char *)&p->meta;
	char number[32];

	for (size_t i = 0; i < COUNT_OF(notes_strings); i++) {
		uint32_t id;

		memcpy(&id, meta + notes_strings[i].at, sizeof(id));
		if (id)
			notes_line(put, ctx, "waggle.meta.", notes_strings[i].key,
				   profile_text(p, id));
	}
	for (size_t i = 0; i < COUNT_OF(notes_numbers); i++) {
		uint64_t n = 0;

		memcpy(&n, meta + notes_numbers[i].at, notes_numbers[i].wide ? 8 : 4);
		snprintf(number, sizeof(number), "%" PRIu64, n);
		if (n)
			notes_line(put, ctx, "waggle.meta.", notes_numbers[i].key, number);
	}
	snprintf(number, sizeof(number), "%d", p->meta.child_status);
	if (p->meta.child_status >= 0)
		notes_line(put, ctx, "waggle.meta.", "child_status", number);
}

static void notes_causes(const struct profile *p, const struct ledger_cause *at, size_t n, bool cut,
			 notes_put *put, void *ctx)
{
	for (size_t i = 0; i < n; i++) {
		const char *key = cut ? ledger_end_key(at[i].reason)
				      : ledger_unnamed_key(at[i].reason);
		const char *path = at[i].object && at[i].object < p->objects.n
					   ? profile_text(p, p->objects.at[at[i].object].path)
					   : "";
		struct buf b = { 0 };

		buf_printf(&b, "%" PRIu64 "%s%s", at[i].count, *path ? " " : "", path);
		buf_putc(&b, 0);
		if (!b.err)
			notes_line(put, ctx, cut ? "waggle.cut." : "waggle.unnamed.", key,
				   (const char *)b.data);
		buf_free(&b);
	}
}

void notes_ledger(const struct profile *p, notes_put *put, void *ctx)
{
	const struct ledger_row *rows = ledger_rows();
	char number[32];

	for (size_t i = 0; i < LEDGER_MAX; i++) {
		if (!p->ledger.n[i] && i != LEDGER_TAKEN)
			continue; /* pprof prints all comments above its tables: no line for nothing */
		snprintf(number, sizeof(number), "%" PRIu64, p->ledger.n[i]);
		notes_line(put, ctx, "waggle.ledger.", rows[i].key, number);
	}
	notes_causes(p, p->ledger.cuts.at, p->ledger.cuts.n, true, put, ctx);
	notes_causes(p, p->ledger.unnamed.at, p->ledger.unnamed.n, false, put, ctx);
}

static uint64_t notes_number(const char *s, char **ret_end)
{
	if (*s < '0' || *s > '9') {
		*ret_end = (char *)s;
		return 0;
	}
	return strtoull(s, ret_end, 10);
}

static bool notes_take_meta(struct profile *p, const char *key, const char *value)
{
	char *meta = (char *)&p->meta, *end;
	uint64_t n = notes_number(value, &end);

	for (size_t i = 0; i < COUNT_OF(notes_strings); i++)
		if (!strcmp(key, notes_strings[i].key)) {
			uint32_t id = profile_str(p, value);

			if (id != PROFILE_NONE)
				memcpy(meta + notes_strings[i].at, &id, sizeof(id));
			return true;
		}
	if (end == value || *end)
		return false;
	for (size_t i = 0; i < COUNT_OF(notes_numbers); i++)
		if (!strcmp(key, notes_numbers[i].key)) {
			uint32_t narrow = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;

			if (notes_numbers[i].wide)
				memcpy(meta + notes_numbers[i].at, &n, 8);
			else
				memcpy(meta + notes_numbers[i].at, &narrow, 4);
			return true;
		}
	if (!strcmp(key, "child_status") && n <= INT32_MAX) {
		p->meta.child_status = (int32_t)n;
		return true;
	}
	return false;
}

static bool notes_take_number(struct profile *p, const char *key, const char *value)
{
	const struct ledger_row *rows = ledger_rows();
	char *end;
	uint64_t n = notes_number(value, &end);

	for (size_t i = 0; end != value && !*end && i < LEDGER_MAX; i++)
		if (!strcmp(key, rows[i].key)) {
			p->ledger.n[i] = n;
			return true;
		}
	return false;
}

static uint32_t notes_object(struct profile *p, const char *path)
{
	uint32_t id = intern_find(&p->strings, path, strlen(path));
	struct profile_object o = { .kind = OBJECT_FILE };

	if (!*path)
		return 0;
	for (uint32_t i = 1; id != INTERN_NONE && i < p->objects.n; i++)
		if (p->objects.at[i].path == id)
			return i;
	if (*path != '/')
		o.kind = OBJECT_OTHER;
	o.path = profile_str(p, path);
	return profile_object(p, &o);
}

static bool notes_take_cause(struct profile *p, const char *key, const char *value, bool cut)
{
	uint32_t why = cut ? ledger_end_of_key(key) : ledger_unnamed_of_key(key), object;
	char *end;
	uint64_t n = notes_number(value, &end);

	if (why == UINT32_MAX || end == value || (*end && *end != ' '))
		return false;
	object = notes_object(p, *end ? end + 1 : end);
	if (object == PROFILE_NONE)
		return false;
	return !(cut ? ledger_cut(&p->ledger, why, object, n)
		     : ledger_unnamed(&p->ledger, why, object, n));
}

bool notes_take(struct profile *p, const char *line, size_t len)
{
	static const char prefix[] = "waggle.";
	char text[4600], *key, *value;

	if (len < sizeof(prefix) - 1 || len >= sizeof(text) ||
	    memcmp(line, prefix, sizeof(prefix) - 1))
		return false;
	memcpy(text, line, len);
	text[len] = 0;
	key = strchr(text + sizeof(prefix) - 1, '.');
	value = key ? strchr(key, '=') : NULL;
	if (!value)
		return false;
	*key++ = 0;
	*value++ = 0;
	if (!strcmp(text, "waggle.meta"))
		return notes_take_meta(p, key, value);
	if (!strcmp(text, "waggle.ledger"))
		return notes_take_number(p, key, value);
	if (!strcmp(text, "waggle.cut"))
		return notes_take_cause(p, key, value, true);
	if (!strcmp(text, "waggle.unnamed"))
		return notes_take_cause(p, key, value, false);
	return false;
}
