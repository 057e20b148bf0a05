/* jitdump.c - reads jitdump files as they grow; see jitdump.h.
 *
 * What the specification leaves open, and what runtimes do:
 *  - DEBUG_INFO and UNWINDING_INFO come right before the LOAD they belong to. DEBUG_INFO says for
 *    which code it is; UNWINDING_INFO does not, so it is kept for the next LOAD only.
 *  - The specification puts the frame header before the .eh_frame; V8 and CPython put it behind (and
 *    so reads perf). The .eh_frame is recognised by its first record being a CIE, whose id is 0.
 *  - A file name of "\xff" in DEBUG_INFO means the one of the line before.
 */
#include "symbol/jitdump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cursor.h"

enum {
	HEAD_BYTES = 40,
	PREFIX_BYTES = 16,       /* of every record */
	LOAD_BYTES = 40,         /* behind the prefix, before the name */
	MOVE_BYTES = 48,
	DEBUG_BYTES = 16,
	UNWIND_BYTES = 24,
	NAME_BYTES_MAX = 4096,   /* longer names are cut */
	UNWIND_ONE_MAX = 65536,  /* frame information of one piece of code */
	LINES_BYTES_MAX = 1 << 20,
	WINDOW_BYTES = 256 << 10,
};

#define JITDUMP_MAGIC    UINT32_C(0x4a695444) /* "JiTD" */
#define FLAG_ARCH_CLOCK  UINT64_C(1)
#define RECORD_BYTES_MAX UINT64_C(0x7fffffff)
#define CODE_BYTES_MAX   (UINT64_C(1) << 30) /* of one piece of code */
#define FILE_BYTES_MAX   (UINT64_C(1) << 40)

struct jitdump *jitdump_new(void)
{
	struct jitdump *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->window = malloc(WINDOW_BYTES);
	if (!d->window) {
		free(d);
		return NULL;
	}
	return d;
}

void jitdump_free(struct jitdump *d)
{
	if (!d)
		return;
	VEC_FREE(&d->codes);
	VEC_FREE(&d->unwind);
	free(d->window);
	free(d);
}

void jitdump_lines_free(struct jitdump_lines *l)
{
	VEC_FREE(&l->lines);
	VEC_FREE(&l->text);
}

static ssize_t jitdump_read_fd(void *ctx, void *to, size_t n, uint64_t at)
{
	ssize_t got = pread(*(const int *)ctx, to, n, (off_t)at);

	return got < 0 ? -errno : got;
}

struct jitdump_source jitdump_source_fd(int *fd)
{
	return (struct jitdump_source){.read = jitdump_read_fd, .ctx = fd};
}

/* -- bytes ------------------------------------------------------------------------------------- */

/* How many of the n bytes (at most a window) at `at` are there, with *ret to them; or -errno. */
static ssize_t jitdump_window(struct jitdump *d, const struct jitdump_source *from, uint64_t at,
			      size_t n, const uint8_t **ret)
{
	size_t have;

	if (at < d->window_at || at - d->window_at > d->window_n ||
	    d->window_n - (at - d->window_at) < n) {
		d->window_at = at;
		d->window_n = 0;
		while (d->window_n < WINDOW_BYTES) {
			ssize_t got = from->read(from->ctx, d->window + d->window_n,
						 WINDOW_BYTES - d->window_n, at + d->window_n);

			if (got < 0)
				return got;
			if (!got)
				break;
			d->window_n += (size_t)got;
		}
	}
	*ret = d->window + (at - d->window_at);
	have = d->window_n - (at - d->window_at);
	return (ssize_t)(have < n ? have : n);
}

/* Whether the file has a byte there. */
static bool jitdump_has(struct jitdump *d, const struct jitdump_source *from, uint64_t at)
{
	uint8_t byte;

	if (at >= d->window_at && at - d->window_at < d->window_n)
		return true;
	return from->read(from->ctx, &byte, 1, at) == 1;
}

static uint32_t jitdump_u32(const struct jitdump *d, struct cursor *c)
{
	uint32_t v = cursor_u32(c);

	return d->swap ? __builtin_bswap32(v) : v;
}

static uint64_t jitdump_u64(const struct jitdump *d, struct cursor *c)
{
	uint64_t v = cursor_u64(c);

	return d->swap ? __builtin_bswap64(v) : v;
}

/* -- records ----------------------------------------------------------------------------------- */

struct jitdump_record {
	uint32_t type, size;  /* size of what is behind the prefix */
	uint64_t time, at;    /* at: of what is behind the prefix */
	struct cursor c;      /* its first bytes: all, or as much as a window holds */
};

static int jitdump_head(struct jitdump *d, const struct jitdump_source *from)
{
	const uint8_t *at;
	ssize_t n = jitdump_window(d, from, 0, HEAD_BYTES, &at);
	uint32_t version, size;
	struct cursor c;

	if (n < 0)
		return (int)n;
	if (n < HEAD_BYTES) {
		d->window_n = 0; /* look again when it has grown */
		return -ENODATA;
	}
	c = cursor_of(at, HEAD_BYTES);
	d->swap = cursor_u32(&c) == __builtin_bswap32(JITDUMP_MAGIC);
	c = cursor_of(at, HEAD_BYTES);
	if (jitdump_u32(d, &c) != JITDUMP_MAGIC)
		return -EBADMSG;
	version = jitdump_u32(d, &c);
	size = jitdump_u32(d, &c);
	cursor_take(&c, 12 + 8); /* machine, padding, process id; when the file was made */
	if (version != 1 || size < HEAD_BYTES || size > WINDOW_BYTES)
		return -EBADMSG;
	if (jitdump_u64(d, &c) & FLAG_ARCH_CLOCK)
		return -ENOTSUP;
	d->at = size;
	d->started = true;
	return 0;
}

/* One more version of code. False when out of memory. */
static bool jitdump_add(struct jitdump *d, const struct jitdump_code *code)
{
	if (d->codes.n >= JITDUMP_CODES_MAX) {
		d->dropped++;
		return true;
	}
	return VEC_PUSH(&d->codes, *code);
}

static bool jitdump_sane(uint64_t start, uint64_t size)
{
	return size && size <= CODE_BYTES_MAX && start <= UINT64_MAX - size;
}

static bool jitdump_load(struct jitdump *d, struct jitdump_record *r)
{
	struct jitdump_code code = {.time = r->time};

	cursor_take(&r->c, 4 + 4 + 8); /* process, thread, address in a file that is not there */
	code.start = code.home = jitdump_u64(d, &r->c);
	code.size = jitdump_u64(d, &r->c);
	code.index = jitdump_u64(d, &r->c);
	if (r->c.bad || !jitdump_sane(code.start, code.size)) {
		d->skipped++;
		return true;
	}
	code.name_at = r->at + LOAD_BYTES;
	code.name_max = r->size - LOAD_BYTES;
	if (code.name_max > NAME_BYTES_MAX)
		code.name_max = NAME_BYTES_MAX;
	if (d->debug_at && d->debug_code == code.start) {
		code.lines_at = d->debug_at;
		code.lines_max = d->debug_max;
	}
	code.unwind = d->wait_unwind;
	code.unwind_size = d->wait_unwind_size;
	return jitdump_add(d, &code);
}

/* The newest code of that number at that place: numbers are unique, but only if the runtime says
 * so. Found from the end, because moving collectors move what is young. */
static const struct jitdump_code *jitdump_moved(const struct jitdump *d, uint64_t start,
						uint64_t index)
{
	size_t looked = 0;

	for (size_t i = d->codes.n; i-- > 0 && looked < 65536; looked++) {
		const struct jitdump_code *c = &d->codes.at[i];

		if (c->start == start && !c->gone && c->index == index)
			return c;
	}
	return NULL;
}

static bool jitdump_move(struct jitdump *d, struct jitdump_record *r)
{
	const struct jitdump_code *old;
	struct jitdump_code code, hole = {.time = r->time, .gone = true};
	uint64_t from, to, index;

	cursor_take(&r->c, 4 + 4 + 8);
	from = jitdump_u64(d, &r->c);
	to = jitdump_u64(d, &r->c);
	cursor_take(&r->c, 8); /* its size, which cannot change */
	index = jitdump_u64(d, &r->c);
	old = r->c.bad ? NULL : jitdump_moved(d, from, index);
	if (!old || !jitdump_sane(to, old->size)) {
		d->skipped++;
		return true;
	}
	code = *old;
	hole.start = from;
	hole.size = code.size;
	code.start = to;
	code.time = r->time;
	/* The hole first: where a move overlaps its own origin, the code is what is there. */
	return jitdump_add(d, &hole) && jitdump_add(d, &code);
}

static void jitdump_debug(struct jitdump *d, struct jitdump_record *r)
{
	d->debug_code = jitdump_u64(d, &r->c);
	d->debug_at = r->c.bad ? 0 : r->at;
	d->debug_max = r->size;
	d->skipped += r->c.bad;
}

/* Where the .eh_frame is in what a record calls unwinding data. */
static const uint8_t *jitdump_eh_frame(const uint8_t *data, uint64_t size, uint64_t header)
{
	static const uint8_t zero[4];

	if (!header || size - header < 8 || !memcmp(data + 4, zero, 4))
		return data;
	return memcmp(data + header + 4, zero, 4) ? data : data + header;
}

static bool jitdump_unwind(struct jitdump *d, struct jitdump_record *r)
{
	uint64_t size = jitdump_u64(d, &r->c), header = jitdump_u64(d, &r->c), n;
	const uint8_t *data;

	cursor_take(&r->c, 8); /* how much of it the runtime itself maps */
	data = cursor_take(&r->c, size);
	if (r->c.bad || header > size || size > UNWIND_ONE_MAX) {
		d->skipped++;
		return true;
	}
	n = size - header;
	if (!n)
		return true; /* only the header: the runtime has nothing to say about this code */
	if (d->unwind.n + n > JITDUMP_UNWIND_MAX || d->codes.n >= JITDUMP_CODES_MAX) {
		d->dropped++;
		return true;
	}
	if (!VEC_RESERVE(&d->unwind, n))
		return false;
	memcpy(d->unwind.at + d->unwind.n, jitdump_eh_frame(data, size, header), n);
	d->wait_unwind = (uint32_t)d->unwind.n;
	d->wait_unwind_size = (uint32_t)n;
	d->unwind.n += n;
	return true;
}

enum { TYPE_LOAD, TYPE_MOVE, TYPE_DEBUG, TYPE_CLOSE, TYPE_UNWIND };

static const uint32_t jitdump_least[] = {
	[TYPE_LOAD] = LOAD_BYTES,
	[TYPE_MOVE] = MOVE_BYTES,
	[TYPE_DEBUG] = DEBUG_BYTES,
	[TYPE_CLOSE] = 0,
	[TYPE_UNWIND] = UNWIND_BYTES,
};

/* False when out of memory. */
static bool jitdump_take(struct jitdump *d, struct jitdump_record *r)
{
	bool ok = true;

	if (r->type > TYPE_UNWIND)
		return true; /* a later version's */
	if (r->size < jitdump_least[r->type]) {
		d->skipped++;
		return true;
	}
	if (r->type == TYPE_LOAD)
		ok = jitdump_load(d, r);
	else if (r->type == TYPE_MOVE)
		ok = jitdump_move(d, r);
	else if (r->type == TYPE_DEBUG)
		jitdump_debug(d, r);
	else if (r->type == TYPE_CLOSE)
		d->closed = true;
	else
		ok = jitdump_unwind(d, r);
	if (r->type == TYPE_LOAD || r->type == TYPE_MOVE) {
		d->debug_at = 0;
		d->wait_unwind_size = 0;
	}
	return ok;
}

/* 1 with a whole record, 0 when there is none yet. */
static int jitdump_next(struct jitdump *d, const struct jitdump_source *from,
			struct jitdump_record *r)
{
	const uint8_t *at;
	ssize_t n = jitdump_window(d, from, d->at, PREFIX_BYTES, &at);
	uint64_t size;

	if (n < PREFIX_BYTES)
		return n < 0 ? (int)n : 0;
	r->c = cursor_of(at, PREFIX_BYTES);
	r->type = jitdump_u32(d, &r->c);
	size = jitdump_u32(d, &r->c);
	r->time = jitdump_u64(d, &r->c);
	if (size < PREFIX_BYTES || size > RECORD_BYTES_MAX || d->at > FILE_BYTES_MAX)
		return -EBADMSG;
	if (!jitdump_has(d, from, d->at + size - 1))
		return 0;
	r->at = d->at + PREFIX_BYTES;
	r->size = (uint32_t)(size - PREFIX_BYTES);
	/* Of what is longer only the beginning matters. */
	n = jitdump_window(d, from, r->at,
			   r->size < UNWIND_ONE_MAX + UNWIND_BYTES ? r->size
								   : UNWIND_ONE_MAX + UNWIND_BYTES,
			   &at);
	if (n < 0)
		return (int)n;
	r->c = cursor_of(at, (size_t)n);
	return 1;
}

int jitdump_follow(struct jitdump *d, const struct jitdump_source *from)
{
	struct jitdump_record r = {0};
	int rc = 0;

	d->window_n = 0; /* the file may have changed since */
	if (!d->started)
		rc = jitdump_head(d, from);
	while (!rc && !d->closed) {
		rc = jitdump_next(d, from, &r);
		if (rc <= 0)
			return rc;
		d->at = r.at + r.size;
		rc = jitdump_take(d, &r) ? 0 : -ENOMEM;
	}
	return rc;
}

/* -- what is asked for later ------------------------------------------------------------------- */

bool jitdump_name(struct jitdump *d, const struct jitdump_source *from, size_t i, char *to,
		  size_t size)
{
	const struct jitdump_code *code = &d->codes.at[i];
	const uint8_t *at, *nul;
	ssize_t n = jitdump_window(d, from, code->name_at, code->name_max, &at);
	size_t len;

	if (n <= 0 || !size || code->gone)
		return false;
	nul = memchr(at, 0, (size_t)n);
	len = nul ? (size_t)(nul - at) : (size_t)n;
	if (!nul && n < NAME_BYTES_MAX)
		return false;
	len = len < size ? len : size - 1;
	memcpy(to, at, len);
	to[len] = 0;
	return len > 0;
}

static int jitdump_line_order(const void *pa, const void *pb)
{
	const struct jitdump_line *a = pa, *b = pb;

	return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Adds the file's name unless it is the one of the line before. False when out of memory. */
static bool jitdump_file(struct jitdump_lines *l, const char *name, uint32_t *last)
{
	size_t len = strlen(name) + 1;

	if (strcmp(name, "\xff") == 0 || (l->text.n && !strcmp(l->text.at + *last, name)))
		return true;
	if (!VEC_RESERVE(&l->text, len))
		return false;
	*last = (uint32_t)l->text.n;
	memcpy(l->text.at + l->text.n, name, len);
	l->text.n += len;
	return true;
}

static int jitdump_lines_parse(struct jitdump *d, const struct jitdump_code *code, struct cursor c,
			       struct jitdump_lines *ret)
{
	uint64_t n;
	uint32_t file = 0;

	cursor_take(&c, 8); /* the code's address: it was looked at when its LOAD came */
	n = jitdump_u64(d, &c);
	if (n > JITDUMP_LINES_MAX)
		n = JITDUMP_LINES_MAX;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t addr = jitdump_u64(d, &c);
		uint32_t line = jitdump_u32(d, &c);
		const char *name;

		cursor_take(&c, 4); /* which of several ways through the line */
		name = cursor_str(&c);
		if (c.bad)
			break;
		if (!jitdump_file(ret, name, &file))
			return -ENOMEM;
		if (addr < code->home || addr - code->home >= code->size || !ret->text.n)
			continue;
		if (!VEC_PUSH(&ret->lines,
			      (struct jitdump_line){(uint32_t)(addr - code->home), line, file}))
			return -ENOMEM;
	}
	if (ret->lines.n)
		qsort(ret->lines.at, ret->lines.n, sizeof(*ret->lines.at), jitdump_line_order);
	return 0;
}

int jitdump_lines(struct jitdump *d, const struct jitdump_source *from, size_t i,
		  struct jitdump_lines *ret)
{
	const struct jitdump_code *code = &d->codes.at[i];
	size_t n = code->lines_max < LINES_BYTES_MAX ? code->lines_max : LINES_BYTES_MAX, have = 0;
	uint8_t *data;
	int rc;

	ret->lines.n = ret->text.n = 0;
	if (!code->lines_at || code->gone)
		return 0;
	data = malloc(n + 1);
	if (!data)
		return -ENOMEM;
	while (have < n) {
		ssize_t got = from->read(from->ctx, data + have, n - have, code->lines_at + have);

		if (got <= 0)
			break;
		have += (size_t)got;
	}
	rc = jitdump_lines_parse(d, code, cursor_of(data, have), ret);
	free(data);
	return rc;
}
