/* folded_read.c - folded stacks, ours or anyone's, as a profile; see folded.c for the format.
 *
 * Folded files are large and, being sorted, mostly repeat the line above. So the nodes of the last
 * line are kept with the places where its fields ended, and only what comes after the common
 * beginning is parsed; names are found by a hash of their bytes and compared before they are
 * believed. Accepted beyond what we write: blank lines, '#' comments, CRLF, counts with fractions or
 * exponents (rounded so that the sum stays right), "_[k]" "_[i]" "_[j]" behind names, and bcc's "-"
 * between user and kernel frames. Lines without a count are skipped and counted in the ledger.
 */
#include "format/folded.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/map64.h"
#include "base/vec.h"
#include "format/notes.h"

enum { FOLDED_INLINES = 256 }; /* an inline chain longer than this is split; compilers stop far below */

struct folded_field {
	size_t end;    /* offset in the line, of the ';' or the blank behind it */
	uint32_t node; /* stack down to here */
	bool kernel;   /* behind bcc's delimiter */
};

struct folded_reader {
	struct profile *p;
	struct map64 names; /* hash of a field's bytes -> frame */
	struct map64 comms; /* the same for first fields -> task */
	VEC(struct folded_field) fields; /* of the last line, [0] = comm */
	const char *last;
	size_t last_len;
	uint32_t task;
	int64_t total;
	double carry; /* what rounding has left over so far */
	uint64_t lines, skipped;
};

struct folded_number {
	int64_t whole; /* exact, when there was neither fraction nor exponent; otherwise -1 */
	double real;
};

/* The count at the end of a line: digits, maybe a fraction and an exponent. Returns where the stack
 * ends, 0 when there is no count behind one. */
static size_t folded_count(const char *s, size_t len, struct folded_number *ret)
{
	size_t at = len, end;
	uint64_t whole = 0;
	char text[64];
	char *stop;

	while (at && s[at - 1] != ' ' && s[at - 1] != '\t')
		at--;
	end = at;
	while (end && (s[end - 1] == ' ' || s[end - 1] == '\t'))
		end--;
	if (at == len || !end || s[at] < '0' || s[at] > '9')
		return 0;
	for (size_t i = at; i < len && len - at <= 18; i++) {
		if (s[i] < '0' || s[i] > '9')
			break;
		whole = whole * 10 + (uint64_t)(s[i] - '0');
		if (i + 1 == len) {
			*ret = (struct folded_number){ (int64_t)whole, (double)whole };
			return end;
		}
	}
	if (len - at >= sizeof(text) || memchr(s + at, 'x', len - at) || memchr(s + at, 'X', len - at))
		return 0;
	memcpy(text, s + at, len - at);
	text[len - at] = 0;
	*ret = (struct folded_number){ -1, strtod(text, &stop) };
	return *stop || !isfinite(ret->real) ? 0 : end;
}

/* Takes "_[k]" and friends off a name; 0 when there is none. */
static char folded_suffix(const char *s, size_t *len)
{
	size_t n = *len;

	if (n < 5 || s[n - 1] != ']' || s[n - 3] != '[' || s[n - 4] != '_' ||
	    !strchr("kij", s[n - 2]))
		return 0;
	*len = n - 4;
	return s[n - 2];
}

static bool folded_frame_is(const struct profile *p, uint32_t frame, const char *s, size_t len,
			    enum frame_kind kind)
{
	const struct profile_frame *f = &p->frames.at[frame];
	uint32_t name = f->n_lines == 1 ? p->lines.at[f->first_line].function : 0;

	return name && f->kind == kind && intern_len(&p->strings, name) == len &&
	       !memcmp(profile_text(p, name), s, len);
}

static uint32_t folded_frame_new(struct folded_reader *r, const char *s, size_t len,
				 enum frame_kind kind)
{
	uint32_t end = profile_cut_end(s, len);
	struct profile_line line = { 0 };

	if (end != UINT32_MAX)
		return profile_frame_cut(r->p, end, 0);
	line.function = profile_strn(r->p, len ? s : "[unknown]", len ? len : 9);
	if (line.function == PROFILE_NONE)
		return PROFILE_NONE;
	return profile_frame_named(r->p, 0, 0, kind, &line, 1);
}

static uint32_t folded_frame(struct folded_reader *r, const char *s, size_t len, bool kernel)
{
	uint64_t hash = XXH3_64bits(s, len) ^ (kernel ? UINT64_C(0x9e3779b97f4a7c15) : 0);
	const uint32_t *known = map64_find(&r->names, hash);
	enum frame_kind kind = kernel ? FRAME_KERNEL : FRAME_USER;
	char mark = folded_suffix(s, &len);
	uint32_t frame;

	if (mark == 'k')
		kind = FRAME_KERNEL;
	else if (mark == 'j')
		kind = FRAME_JIT;
	if (known && folded_frame_is(r->p, *known, s, len, kind))
		return *known;
	frame = folded_frame_new(r, s, len, kind);
	if (frame != PROFILE_NONE && !known && !map64_insert(&r->names, hash, frame, NULL))
		r->p->oom = true;
	return frame;
}

static uint32_t folded_task(struct folded_reader *r, const char *s, size_t len)
{
	uint64_t hash = XXH3_64bits(s, len);
	const uint32_t *known = map64_find(&r->comms, hash);
	uint32_t task, comm = profile_strn(r->p, s, len);

	if (known && r->p->tasks.at[*known].comm == comm)
		return *known;
	task = profile_task(r->p, 0, 0, profile_text(r->p, comm), profile_text(r->p, comm));
	if (task != PROFILE_NONE && !known && !map64_insert(&r->comms, hash, task, NULL))
		r->p->oom = true;
	return task;
}

/* Forgets all fields of the last line that this one does not begin with. */
static void folded_share(struct folded_reader *r, const char *s, size_t len)
{
	size_t max = len < r->last_len ? len : r->last_len, same = 0;

	while (same + 8 <= max && !memcmp(s + same, r->last + same, 8))
		same += 8;
	while (same < max && s[same] == r->last[same])
		same++;
	/* Only fields with a ';' behind them in both lines: the last field is special ("-"). */
	while (r->fields.n) {
		size_t end = r->fields.at[r->fields.n - 1].end;

		if (end < same && end < len && end < r->last_len)
			break;
		r->fields.n--;
	}
}

/* Pushes the field at s[from..end). bcc's delimiter pushes nothing and marks what follows. */
static bool folded_push(struct folded_reader *r, const char *s, size_t from, size_t end, size_t len)
{
	struct folded_field f = { .end = end };
	uint32_t frame;

	if (!r->fields.n) {
		r->task = folded_task(r, s + from, end - from);
		return r->task != PROFILE_NONE && VEC_PUSH(&r->fields, f);
	}
	f.node = r->fields.at[r->fields.n - 1].node;
	f.kernel = r->fields.at[r->fields.n - 1].kernel;
	if (end - from == 1 && s[from] == '-' && end < len) {
		f.kernel = true;
		return VEC_PUSH(&r->fields, f);
	}
	frame = folded_frame(r, s + from, end - from, f.kernel);
	if (frame == PROFILE_NONE)
		return false;
	f.node = profile_push(r->p, f.node, frame);
	return f.node != PROFILE_NONE && VEC_PUSH(&r->fields, f);
}

/* The stack of a line in which nothing is marked as inlined. */
static uint32_t folded_stack(struct folded_reader *r, const char *s, size_t len)
{
	size_t from;

	folded_share(r, s, len);
	from = r->fields.n ? r->fields.at[r->fields.n - 1].end + 1 : 0;
	while (from <= len) {
		const char *semi = from < len ? memchr(s + from, ';', len - from) : NULL;
		size_t end = semi ? (size_t)(semi - s) : len;

		if (!folded_push(r, s, from, end, len)) {
			r->fields.n = 0;
			return PROFILE_NONE;
		}
		from = end + 1;
	}
	r->last = s;
	r->last_len = len;
	return r->fields.at[r->fields.n - 1].node;
}

/* One frame with what was inlined into it: fields[0] is the outermost, the rest are marked. */
static uint32_t folded_inline_frame(struct folded_reader *r, const struct profile_line *outer_first,
				    size_t n, enum frame_kind kind)
{
	struct profile_line lines[FOLDED_INLINES];

	for (size_t i = 0; i < n; i++)
		lines[i] = outer_first[n - 1 - i];
	return profile_frame_named(r->p, 0, 0, kind, lines, (uint16_t)n);
}

static size_t folded_field_end(const char *s, size_t from, size_t len)
{
	const char *semi = from < len ? memchr(s + from, ';', len - from) : NULL;

	return semi ? (size_t)(semi - s) : len;
}

/* The slow way, for lines with "_[i]": a field and the marked ones behind it are one frame. */
static uint32_t folded_inline_stack(struct folded_reader *r, const char *s, size_t len)
{
	struct profile_line chain[FOLDED_INLINES];
	enum frame_kind kind = FRAME_USER;
	size_t n = 0, end = folded_field_end(s, 0, len);
	uint32_t node = 0;
	bool kernel = false;

	r->fields.n = 0;
	r->task = folded_task(r, s, end);
	for (size_t from = end + 1; from <= len && node != PROFILE_NONE; from = end + 1) {
		size_t name_len;
		char mark;

		end = folded_field_end(s, from, len);
		name_len = end - from;
		if (name_len == 1 && s[from] == '-' && end < len) {
			kernel = true;
			continue;
		}
		mark = folded_suffix(s + from, &name_len);
		if (n && (mark != 'i' || n == FOLDED_INLINES)) {
			node = profile_push(r->p, node, folded_inline_frame(r, chain, n, kind));
			n = 0;
		}
		if (!n)
			kind = mark == 'k' || kernel ? FRAME_KERNEL
			     : mark == 'j'           ? FRAME_JIT
						     : FRAME_USER;
		if (profile_cut_end(s + from, name_len) != UINT32_MAX) {
			node = profile_push(r->p, node, folded_frame_new(r, s + from, name_len, kind));
			continue;
		}
		chain[n++] = (struct profile_line){ .function =
							    profile_strn(r->p, s + from, name_len) };
	}
	if (n && node != PROFILE_NONE)
		node = profile_push(r->p, node, folded_inline_frame(r, chain, n, kind));
	return node;
}

static bool folded_has_inlined(const char *s, size_t len)
{
	return len > 4 && memmem(s, len, "_[i]", 4);
}

static void folded_comment(struct folded_reader *r, const char *s, size_t len)
{
	while (len && (*s == '#' || *s == ' ')) {
		s++;
		len--;
	}
	if (len && s[len - 1] == ';')
		len--;
	notes_take(r->p, s, len);
}

static int folded_line(struct folded_reader *r, const char *s, size_t len)
{
	struct profile_sample sample = { .time = PROFILE_NO_TIME };
	struct folded_number count = { 0 };
	double want;
	int64_t value;

	while (len && (s[len - 1] == '\r' || s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	if (!len)
		return 0;
	if (s[0] == '#' && (len == 1 || s[1] == ' ' || s[1] == '#' || s[1] == '!')) {
		folded_comment(r, s, len);
		return 0;
	}
	len = folded_count(s, len, &count);
	want = count.whole >= 0 ? count.real : count.real + r->carry;
	if (!len || want > (double)(INT64_MAX / 2 - r->total)) {
		r->skipped++;
		return 0;
	}
	value = count.whole;
	if (value < 0) {
		value = (int64_t)floor(want + 0.5); /* carry is at least -0.5: never below 0 */
		r->carry = want - (double)value;
	}
	r->lines++;
	if (!value)
		return 0;
	r->total += value;
	sample.stack = folded_has_inlined(s, len) ? folded_inline_stack(r, s, len)
						  : folded_stack(r, s, len);
	sample.task = r->task;
	return profile_sample(r->p, &sample, &value);
}

int folded_read(const uint8_t *data, size_t len, struct profile **ret, struct err *e)
{
	struct folded_reader r = { .p = profile_new("samples", "count") };
	const char *at = len ? (const char *)data : "", *end = at + len;
	int code = r.p ? 0 : -ENOMEM;

	while (!code && at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));

		code = folded_line(&r, at, (size_t)((nl ? nl : end) - at));
		at = nl ? nl + 1 : end;
	}
	map64_free(&r.names);
	map64_free(&r.comms);
	VEC_FREE(&r.fields);
	if (!code && r.p->oom)
		code = -ENOMEM;
	if (code)
		err_set(e, code, "out of memory");
	else if (!r.lines)
		code = err_set(e, -EBADMSG, "no line of it is a stack with a count");
	if (code) {
		profile_free(r.p);
		return code;
	}
	r.p->ledger.n[LEDGER_SKIPPED_LINES] += r.skipped;
	if (!r.p->ledger.n[LEDGER_TAKEN]) { /* no notes */
		r.p->ledger.n[LEDGER_TAKEN] = (uint64_t)r.total;
		profile_count_unnamed(r.p);
	}
	*ret = r.p;
	return 0;
}

/* Text, and at least half of the whole lines in sight look like stacks. */
int folded_probe(const uint8_t *head, size_t n)
{
	const char *at = n ? (const char *)head : "", *end = at + n;
	size_t good = 0, bad = 0;
	struct folded_number count;

	if (memchr(at, 0, n))
		return 0;
	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((nl ? nl : end) - at);

		if (!nl && n >= 4096 && good + bad)
			break; /* cut off by the window, not by its writer */
		while (len && (at[len - 1] == '\r' || at[len - 1] == ' '))
			len--;
		if (len && at[0] != '#')
			*(folded_count(at, len, &count) ? &good : &bad) += 1;
		at = nl ? nl + 1 : end;
	}
	return good && good >= bad;
}
