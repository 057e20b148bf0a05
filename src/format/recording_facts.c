/* recording_facts.c - the .waggle blocks that are not tables: meta, ledger, value types. They carry
 * their strings inside, so that damage to a strings block cannot reach them.
 */
#include <stdlib.h>
#include <string.h>

#include "format/recording_decode.h"

enum { VALUE_TYPES_MAX = 4096 };

struct facts_text {
	const char *s;
	size_t len;
};

static struct facts_text facts_text(struct cursor *c)
{
	uint64_t len = cursor_uleb(c);
	const uint8_t *s = cursor_take(c, len);

	return s ? (struct facts_text){ (const char *)s, len } : (struct facts_text){ "", 0 };
}

static bool facts_is(struct facts_text t, const char *key)
{
	return strlen(key) == t.len && !memcmp(t.s, key, t.len);
}

/* -- meta -------------------------------------------------------------------------------------- */

static const struct recording_meta_row *facts_meta_row(struct facts_text key)
{
	size_t n;
	const struct recording_meta_row *rows = recording_meta_rows(&n);

	for (size_t i = 0; i < n; i++)
		if (facts_is(key, rows[i].key))
			return &rows[i];
	return NULL;
}

static void facts_meta_number(struct profile_meta *m, const struct recording_meta_row *row,
			      int64_t v)
{
	char *at = (char *)m + row->offset;

	if (row->kind == META_U64)
		*(uint64_t *)at = (uint64_t)v;
	else if (row->kind == META_U32)
		*(uint32_t *)at = (uint32_t)v;
	else if (row->kind == META_I32)
		*(int32_t *)at = (int32_t)v;
}

bool recording_decode_meta(struct recording_decoder *d, struct cursor c)
{
	struct profile_meta meta = d->p->meta;
	uint64_t n = cursor_uleb(&c);

	for (uint64_t i = 0; i < n && !c.bad; i++) {
		const struct recording_meta_row *row = facts_meta_row(facts_text(&c));
		bool text = cursor_u8(&c);
		struct facts_text s = { 0 };
		int64_t number = 0;

		if (text)
			s = facts_text(&c);
		else
			number = cursor_sleb(&c);
		if (!row || c.bad)
			continue; /* written by another version: not ours to know */
		if (text && row->kind == META_TEXT)
			*(uint32_t *)((char *)&meta + row->offset) = profile_strn(d->p, s.s, s.len);
		else if (!text)
			facts_meta_number(&meta, row, number);
	}
	if (c.bad || d->p->oom)
		return false;
	d->p->meta = meta;
	return true;
}

/* -- ledger ------------------------------------------------------------------------------------ */

static void facts_causes(struct recording_decoder *d, struct cursor *c,
			 uint32_t (*of_key)(const char *key),
			 int (*add)(struct ledger *l, uint32_t reason, uint32_t object, uint64_t n))
{
	uint64_t n = cursor_uleb(c);

	for (uint64_t i = 0; i < n && !c->bad && !d->p->oom; i++) {
		struct facts_text t = facts_text(c);
		uint64_t object = cursor_uleb(c), count = cursor_uleb(c);
		uint32_t reason = UINT32_MAX, id;
		char key[64];

		if (c->bad)
			return;
		if (t.len < sizeof(key) && !memchr(t.s, 0, t.len)) {
			memcpy(key, t.s, t.len);
			key[t.len] = 0;
			reason = of_key(key);
		}
		if (reason == UINT32_MAX)
			continue;
		id = recording_decode_object(d, object);
		if (id != PROFILE_NONE && add(&d->p->ledger, reason, id, count))
			d->p->oom = true;
	}
}

bool recording_decode_ledger(struct recording_decoder *d, struct cursor c)
{
	struct ledger *l = &d->p->ledger;
	const struct ledger_row *rows = ledger_rows();
	uint64_t n = cursor_uleb(&c);

	ledger_free(l);
	*l = (struct ledger){ 0 };
	for (uint64_t i = 0; i < n && !c.bad; i++) {
		struct facts_text key = facts_text(&c);
		uint64_t v = cursor_uleb(&c);

		for (size_t id = 0; id < LEDGER_MAX && !c.bad; id++)
			if (facts_is(key, rows[id].key))
				l->n[id] = v;
	}
	facts_causes(d, &c, ledger_end_of_key, ledger_cut);
	facts_causes(d, &c, ledger_unnamed_of_key, ledger_unnamed);
	return !c.bad;
}

/* -- value types ------------------------------------------------------------------------------- */

static char *facts_copy(struct facts_text t)
{
	return strndup(t.s, t.len);
}

/* The rows [from, to) of a value types payload, added to *p (made when it is NULL). */
static bool facts_types(struct profile **p, struct cursor c, uint64_t from, uint64_t to)
{
	uint64_t n = cursor_uleb(&c), show;

	if (!n || n > VALUE_TYPES_MAX)
		return false;
	for (uint64_t i = 0; i < n && !c.bad; i++) {
		char *type = facts_copy(facts_text(&c)), *unit = facts_copy(facts_text(&c));

		if (type && unit && !c.bad && i >= from && i < to) {
			if (!*p)
				*p = profile_new(type, unit);
			else
				profile_value_type(*p, type, unit);
		}
		free(type);
		free(unit);
	}
	show = cursor_uleb(&c);
	if (c.bad || !*p || (*p)->oom)
		return false;
	(*p)->default_value = show < (*p)->value_types.n ? (uint32_t)show : 0;
	return true;
}

struct profile *recording_decode_types(struct cursor c)
{
	struct profile *p = NULL;

	if (facts_types(&p, c, 0, 1))
		return p;
	profile_free(p);
	return NULL;
}

bool recording_decode_more_types(struct profile *p, struct cursor c)
{
	return facts_types(&p, c, 1, UINT64_MAX);
}

uint64_t recording_decode_n_values(struct cursor c)
{
	uint64_t n;

	cursor_uleb(&c);
	cursor_uleb(&c);
	n = cursor_uleb(&c);
	return c.bad || n > VALUE_TYPES_MAX ? 0 : n;
}
