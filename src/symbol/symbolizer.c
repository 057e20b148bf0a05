/* symbolizer.c - gives the frames of a profile their names; see symbolizer.h and provider.h.
 *
 * Frames are grouped by object and sorted by offset, so that every symbol table is opened once and
 * asked in order. What the providers read stays open for the next run, kept under what the object
 * is (kind, path, build id, process), not under its number: live views name a growing profile again
 * and again, and may do so in several profiles.
 */
#include "symbol/symbolizer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "symbol/binary.h"
#include "symbol/provider.h"

#define PROVIDERS_MAX 16

#define ROW(id) extern const struct provider provider_##id;
#include "symbol/providers.def"
#undef ROW

static const struct provider *const providers[] = {
#define ROW(id) &provider_##id,
#include "symbol/providers.def"
#undef ROW
};
#define PROVIDERS_N (sizeof(providers) / sizeof(*providers))
_Static_assert(PROVIDERS_N <= PROVIDERS_MAX, "raise PROVIDERS_MAX");

struct symbolizer_state { /* one provider's view of one object */
	void *state;
	bool tried, open;
	uint8_t why; /* enum unnamed_reason of what it does not name */
};

struct symbolizer_object {
	struct symbolizer_state at[PROVIDERS_MAX];
	struct binary *binary; /* what its providers share */
};

struct symbolizer {
	struct symbolizer_opts opts;
	void *shared[PROVIDERS_MAX];
	struct binary_gaps gaps;               /* of binaries that were closed in this run */
	struct intern keys;                    /* what identifies an object */
	VEC(struct symbolizer_object) objects; /* by id of the key */
};

struct naming {
	struct symbolizer *s;
	struct profile *p;
	struct map64 *readable; /* string of the linker's name -> string of the readable one */
	uint32_t *frames;       /* those being resolved, as many as offsets */
	bool *named;
};

const struct provider *const *provider_list(size_t *ret_n)
{
	*ret_n = PROVIDERS_N;
	return providers;
}

int provider_open_file(const struct provider_env *env, uint32_t object)
{
	const char *path = profile_text(env->profile, env->profile->objects.at[object].path);
	int fd;

	if (env->opts->open_object)
		return env->opts->open_object(env->opts->ctx, object);
	if (path[0] != '/')
		return -ENOENT;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

/* The string to show for a linker's name, demangled once per name. */
static uint32_t symbolizer_readable(struct naming *to, uint32_t system)
{
	uint32_t *known = map64_find(to->readable, system), shown = system;
	char *text;

	if (known)
		return *known;
	text = to->s->opts.no_demangle ? NULL : demangle(profile_text(to->p, system));
	if (text)
		shown = profile_str(to->p, text);
	free(text);
	if (shown == PROFILE_NONE || !map64_insert(to->readable, system, shown, NULL))
		return PROFILE_NONE;
	return shown;
}

int naming_put(struct naming *to, size_t i, const struct provider_line *lines, uint16_t n)
{
	struct profile_line one, *out = &one;
	int rc = 0;

	if (!n)
		return 0;
	if (n > 1)
		out = calloc(n, sizeof(*out));
	if (!out)
		return -ENOMEM;
	for (uint16_t k = 0; k < n && !rc; k++) {
		uint32_t system = profile_str(to->p, lines[k].function ? lines[k].function : "");

		out[k] = (struct profile_line){.line = lines[k].line};
		out[k].file = lines[k].file ? profile_str(to->p, lines[k].file) : 0;
		if (system == PROFILE_NONE || out[k].file == PROFILE_NONE)
			rc = -ENOMEM;
		else
			out[k].function = symbolizer_readable(to, system);
		if (out[k].function == PROFILE_NONE)
			rc = -ENOMEM;
		out[k].system = out[k].function == system ? 0 : system;
	}
	if (!rc) {
		profile_frame_set_lines(to->p, to->frames[i], out, n);
		to->named[i] = true;
		rc = to->p->oom ? -ENOMEM : 0;
	}
	if (out != &one)
		free(out);
	return rc;
}

/* -- objects ------------------------------------------------------------------------------------
 */

static struct symbolizer_object *symbolizer_object(struct symbolizer *s, const struct profile *p,
						   uint32_t object)
{
	const struct profile_object *o = &p->objects.at[object];
	struct symbolizer_object fresh = {0};
	struct buf key = {0};
	uint32_t id;

	buf_u8(&key, o->kind);
	buf_u32(&key, o->pid);
	buf_u64(&key, o->start);
	buf_puts(&key, profile_text(p, o->build_id));
	buf_putc(&key, '\0');
	buf_puts(&key, profile_text(p, o->path));
	id = key.err ? INTERN_NONE : intern_put(&s->keys, (char *)key.data, key.len);
	buf_free(&key);
	if (id == INTERN_NONE)
		return NULL;
	while (s->objects.n <= id)
		if (!VEC_PUSH(&s->objects, fresh))
			return NULL;
	return &s->objects.at[id];
}

static void symbolizer_close_state(struct symbolizer_object *o, size_t provider)
{
	struct symbolizer_state *state = &o->at[provider];

	if (state->open && providers[provider]->close)
		providers[provider]->close(state->state);
	*state = (struct symbolizer_state){0};
}

static void symbolizer_close_object(struct symbolizer_object *o)
{
	for (size_t i = 0; i < PROVIDERS_N; i++)
		symbolizer_close_state(o, i);
	binary_free(o->binary);
	o->binary = NULL;
}

static void symbolizer_close_changing(struct symbolizer *s)
{
	for (size_t i = 0; i < PROVIDERS_N; i++)
		for (size_t k = 0; providers[i]->changes && k < s->objects.n; k++)
			symbolizer_close_state(&s->objects.at[k], i);
}

/* -- one object's frames -------------------------------------------------------------------------
 */

struct symbolizer_batch {
	uint32_t *frames;
	uint64_t *offsets;
	bool *named;
	size_t n;
};

static void symbolizer_drop_named(struct symbolizer_batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (b->named[i])
			continue;
		b->frames[n] = b->frames[i];
		b->offsets[n++] = b->offsets[i];
	}
	b->n = n;
}

/* Asks one provider. Sets *why when it is the first to have something to say about the object. */
static int symbolizer_ask(struct naming *to, size_t provider, struct symbolizer_object *o,
			  uint32_t object, struct symbolizer_batch *b, uint64_t *skipped,
			  enum unnamed_reason *why)
{
	const struct provider *with = providers[provider];
	struct symbolizer_state *state = &o->at[provider];
	enum unnamed_reason reason = with->missing, missing = with->missing;
	int rc = 0;

	if (!state->tried) {
		struct provider_env env = {&to->s->opts, to->p, &to->s->shared[provider],
					   &o->binary, skipped, &missing};

		rc = with->open(&env, object, &state->state, &reason);
		if (rc == -ENOMEM)
			return rc;
		state->tried = true;
		state->open = rc == 0;
		state->why = (uint8_t)(rc ? reason : missing);
	}
	if (!state->open) {
		if (*why == UNNAMED_NOT_TRIED)
			*why = (enum unnamed_reason)state->why;
		return 0;
	}
	*why = (enum unnamed_reason)state->why;
	memset(b->named, 0, b->n * sizeof(*b->named));
	to->frames = b->frames;
	to->named = b->named;
	rc = with->resolve(state->state, b->offsets, b->n, to);
	symbolizer_drop_named(b);
	return rc;
}

static int symbolizer_run_object(struct naming *to, struct symbolizer_batch b, uint64_t *skipped)
{
	uint32_t object = to->p->frames.at[b.frames[0]].object;
	struct symbolizer_object *o = symbolizer_object(to->s, to->p, object);
	enum unnamed_reason why = UNNAMED_NOT_TRIED;
	int rc = o ? 0 : -ENOMEM;

	for (size_t i = 0; i < PROVIDERS_N && b.n && !rc; i++)
		if (providers[i]->kinds & 1u << to->p->objects.at[object].kind)
			rc = symbolizer_ask(to, i, o, object, &b, skipped, &why);
	if (o && to->s->opts.once) {
		binary_add_gaps(o->binary, &to->s->gaps);
		symbolizer_close_object(o);
	}
	if (why == UNNAMED_NOT_TRIED) /* nobody knows this kind of object */
		why = object ? UNNAMED_STRIPPED : UNNAMED_NO_OBJECT;
	for (size_t i = 0; i < b.n && !rc; i++)
		profile_frame_set_unnamed(to->p, b.frames[i], why);
	return rc;
}

/* -- a run ----------------------------------------------------------------------------------------
 */

static int symbolizer_order(const void *pa, const void *pb, void *ctx)
{
	const struct profile *p = ctx;
	const struct profile_frame *a = &p->frames.at[*(const uint32_t *)pa];
	const struct profile_frame *b = &p->frames.at[*(const uint32_t *)pb];

	if (a->object != b->object)
		return a->object < b->object ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

static bool symbolizer_wants(const struct profile_frame *f)
{
	return f->unnamed == UNNAMED_NOT_TRIED && !f->n_lines &&
	       (f->kind == FRAME_USER || f->kind == FRAME_KERNEL || f->kind == FRAME_JIT);
}

static int symbolizer_run_sorted(struct naming *to, struct symbolizer_batch all, uint64_t *skipped)
{
	const struct profile *p = to->p;
	size_t from = 0, n = all.n;
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		all.offsets[i] = p->frames.at[all.frames[i]].offset;
	while (from < n && !rc) {
		uint32_t object = p->frames.at[all.frames[from]].object;
		size_t end = from;

		while (end < n && p->frames.at[all.frames[end]].object == object)
			end++;
		rc = symbolizer_run_object(to,
					   (struct symbolizer_batch){all.frames + from,
								     all.offsets + from, all.named,
								     end - from},
					   skipped);
		from = end;
	}
	return rc;
}

static void symbolizer_at_least(uint64_t *row, uint64_t n)
{
	if (n > *row)
		*row = n;
}

/* Files are opened and read again in other runs: what they lack must not add up. */
static void symbolizer_count(struct symbolizer *s, struct ledger *l, uint64_t skipped)
{
	for (size_t i = 0; i < s->objects.n; i++)
		binary_add_gaps(s->objects.at[i].binary, &s->gaps);
	symbolizer_at_least(&l->n[LEDGER_UNREAD], s->gaps.unread);
	symbolizer_at_least(&l->n[LEDGER_SPLIT_MISSING], s->gaps.split);
	symbolizer_at_least(&l->n[LEDGER_COMMON_MISSING], s->gaps.common);
	symbolizer_at_least(&l->n[LEDGER_DEBUG_DAMAGED], s->gaps.damaged);
	symbolizer_at_least(&l->n[LEDGER_JIT_SKIPPED], skipped);
	s->gaps = (struct binary_gaps){0};
}

int symbolizer_run(struct symbolizer *s, struct profile *p)
{
	struct symbolizer_batch all = {0};
	struct map64 readable = {0};
	struct naming to = {.s = s, .p = p, .readable = &readable};
	uint64_t skipped = 0;
	int rc = -ENOMEM;

	symbolizer_close_changing(s);
	all.frames = malloc((p->frames.n + 1) * sizeof(*all.frames));
	all.offsets = malloc((p->frames.n + 1) * sizeof(*all.offsets));
	all.named = malloc((p->frames.n + 1) * sizeof(*all.named));
	if (all.frames && all.offsets && all.named) {
		for (uint32_t i = 0; i < p->frames.n; i++)
			if (symbolizer_wants(&p->frames.at[i]))
				all.frames[all.n++] = i;
		qsort_r(all.frames, all.n, sizeof(*all.frames), symbolizer_order, p);
		rc = symbolizer_run_sorted(&to, all, &skipped);
	}
	symbolizer_count(s, &p->ledger, skipped);
	free(all.frames);
	free(all.offsets);
	free(all.named);
	map64_free(&readable);
	return rc;
}

struct symbolizer *symbolizer_new(const struct symbolizer_opts *o)
{
	struct symbolizer *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (o)
		s->opts = *o;
	return s;
}

void symbolizer_free(struct symbolizer *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->objects.n; i++)
		symbolizer_close_object(&s->objects.at[i]);
	for (size_t i = 0; i < PROVIDERS_N; i++) {
		if (s->shared[i] && providers[i]->done)
			providers[i]->done(s->shared[i]);
	}
	intern_free(&s->keys);
	VEC_FREE(&s->objects);
	free(s);
}
