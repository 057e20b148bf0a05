/* codes.c - generated code by time; see codes.h.
 *
 * For every frame that wants a name the versions that cover its address are listed in the order of
 * time. When none of them begins between the frame's first and last sample, it was one thing all the
 * time and is named in place. Otherwise each of its samples chooses, and stacks are pushed anew
 * with a frame for each version; the frame that was there stays for one of them.
 */
#include "profile/codes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map64.h"
#include "profile/index.h"

/* Versions times frames that are looked at: real recordings stay far below. */
enum { CODES_PAIRS_MAX = 1 << 22 };

struct codes_frame {
	uint32_t frame;
	uint32_t first, n; /* in pairs */
	uint64_t least, most; /* times of its samples; least > most when there are none */
};

struct codes_pair {
	uint32_t at; /* in frames */
	uint32_t row;
};

struct codes_run {
	struct profile *p;
	VEC(struct codes_frame) frames; /* by object and offset */
	VEC(struct codes_pair) pairs;   /* by frame, then time and order */
};

uint32_t profile_code(struct profile *p, const struct profile_code *code,
		      const struct profile_code_line *lines, uint32_t n_lines, bool *ret_full)
{
	struct profile_code row = *code;
	bool full = p->codes.n >= PROFILE_CODES_MAX || p->code_lines.n + n_lines > PROFILE_ROWS_MAX;

	if (ret_full)
		*ret_full = full;
	if (full)
		return PROFILE_NONE;
	if (code->object >= p->objects.n || code->function >= p->strings.n || !code->size ||
	    code->start > UINT64_MAX - code->size || !VEC_RESERVE(&p->codes, 1) ||
	    !VEC_RESERVE(&p->code_lines, n_lines)) {
		p->oom = true;
		return PROFILE_NONE;
	}
	row.first_line = (uint32_t)p->code_lines.n;
	row.n_lines = n_lines;
	if (n_lines)
		memcpy(p->code_lines.at + p->code_lines.n, lines, n_lines * sizeof(*lines));
	p->code_lines.n += n_lines;
	p->codes.at[p->codes.n++] = row;
	return (uint32_t)p->codes.n - 1;
}

/* -- which versions cover which frames --------------------------------------------------------- */

static bool codes_wants(const struct profile_frame *f)
{
	return f->kind == FRAME_JIT && f->object && !f->n_lines;
}

static int codes_frame_order(const void *pa, const void *pb, void *ctx)
{
	const struct profile *p = ctx;
	const struct profile_frame *a = &p->frames.at[((const struct codes_frame *)pa)->frame];
	const struct profile_frame *b = &p->frames.at[((const struct codes_frame *)pb)->frame];

	if (a->object != b->object)
		return a->object < b->object ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

static int codes_pair_order(const void *pa, const void *pb, void *ctx)
{
	const struct codes_pair *a = pa, *b = pb;
	const struct profile *p = ctx;
	const struct profile_code *x = &p->codes.at[a->row], *y = &p->codes.at[b->row];

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

/* The first frame at or behind (object, offset). */
static size_t codes_lower(const struct codes_run *run, uint32_t object, uint64_t offset)
{
	size_t lo = 0, hi = run->frames.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct profile_frame *f = &run->p->frames.at[run->frames.at[mid].frame];

		if (f->object < object || (f->object == object && f->offset < offset))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int codes_pairs(struct codes_run *run)
{
	const struct profile *p = run->p;

	for (size_t row = 0; row < p->codes.n; row++) {
		const struct profile_code *c = &p->codes.at[row];

		for (size_t i = codes_lower(run, c->object, c->start); i < run->frames.n; i++) {
			const struct profile_frame *f = &p->frames.at[run->frames.at[i].frame];

			if (f->object != c->object || f->offset - c->start >= c->size)
				break;
			if (run->pairs.n >= CODES_PAIRS_MAX)
				return 0;
			if (!VEC_PUSH(&run->pairs,
				      (struct codes_pair){(uint32_t)i, (uint32_t)row}))
				return -ENOMEM;
		}
	}
	return 0;
}

static int codes_init(struct codes_run *run, struct profile *p)
{
	int rc;

	*run = (struct codes_run){.p = p};
	for (size_t i = 1; i < p->frames.n; i++)
		if (codes_wants(&p->frames.at[i]) &&
		    !VEC_PUSH(&run->frames, (struct codes_frame){(uint32_t)i, .least = UINT64_MAX}))
			return -ENOMEM;
	if (!run->frames.n)
		return 0;
	qsort_r(run->frames.at, run->frames.n, sizeof(*run->frames.at), codes_frame_order, p);
	rc = codes_pairs(run);
	if (rc || !run->pairs.n)
		return rc;
	qsort_r(run->pairs.at, run->pairs.n, sizeof(*run->pairs.at), codes_pair_order, p);
	for (size_t i = run->pairs.n; i-- > 0;) {
		struct codes_frame *f = &run->frames.at[run->pairs.at[i].at];

		f->first = (uint32_t)i;
		f->n++;
	}
	return 0;
}

static void codes_done(struct codes_run *run)
{
	VEC_FREE(&run->frames);
	VEC_FREE(&run->pairs);
}

/* -- when -------------------------------------------------------------------------------------- */

struct codes_times {
	uint64_t least, most;
};

static void codes_widen(struct codes_times *t, uint64_t least, uint64_t most)
{
	t->least = least < t->least ? least : t->least;
	t->most = most > t->most ? most : t->most;
}

/* First and last sample of every frame: from the samples to their nodes, to the roots, to frames. */
static int codes_time(struct codes_run *run)
{
	const struct profile *p = run->p;
	struct codes_times *nodes = malloc(p->nodes.n * sizeof(*nodes));
	struct codes_times *frames = malloc(p->frames.n * sizeof(*frames));

	for (size_t i = 0; nodes && i < p->nodes.n; i++)
		nodes[i] = (struct codes_times){UINT64_MAX, 0};
	for (size_t i = 0; frames && i < p->frames.n; i++)
		frames[i] = (struct codes_times){UINT64_MAX, 0};
	if (nodes && frames) {
		for (size_t i = 0; i < p->samples.n; i++)
			codes_widen(&nodes[p->samples.at[i].stack], p->samples.at[i].time,
				    p->samples.at[i].time);
		for (size_t i = p->nodes.n; i-- > 1;) {
			const struct profile_node *n = &p->nodes.at[i];

			codes_widen(&nodes[n->parent], nodes[i].least, nodes[i].most);
			codes_widen(&frames[n->frame], nodes[i].least, nodes[i].most);
		}
		for (size_t i = 0; i < run->frames.n; i++) {
			run->frames.at[i].least = frames[run->frames.at[i].frame].least;
			run->frames.at[i].most = frames[run->frames.at[i].frame].most;
		}
	}
	free(nodes);
	free(frames);
	return nodes && frames ? 0 : -ENOMEM;
}

/* The row that holds at a time, PROFILE_NONE when none does. */
static uint32_t codes_choose(const struct codes_run *run, const struct codes_frame *f, uint64_t time)
{
	uint32_t exact = PROFILE_NONE, rough = PROFILE_NONE;

	for (uint32_t i = f->first; i < f->first + f->n; i++) {
		uint32_t row = run->pairs.at[i].row;
		const struct profile_code *c = &run->p->codes.at[row];

		if (c->exact && c->from <= time)
			exact = row;
		else if (!c->exact && (c->from <= time || rough == PROFILE_NONE))
			rough = row;
	}
	if (exact != PROFILE_NONE && run->p->codes.at[exact].function)
		return exact;
	return rough;
}

/* Whether another version begins while the frame is being hit. */
static bool codes_is_several(const struct codes_run *run, const struct codes_frame *f)
{
	for (uint32_t i = f->first; i < f->first + f->n; i++) {
		uint64_t from = run->p->codes.at[run->pairs.at[i].row].from;

		if (from > f->least && from <= f->most)
			return true;
	}
	return false;
}

/* -- names ------------------------------------------------------------------------------------- */

static struct profile_line codes_line(const struct profile *p, uint32_t row, uint64_t addr)
{
	const struct profile_code *c = &p->codes.at[row];
	const struct profile_code_line *lines = p->code_lines.at + c->first_line;
	struct profile_line line = {.function = c->function};
	size_t lo = 0, hi = c->n_lines;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (lines[mid].offset <= addr - c->start)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo) {
		line.file = lines[lo - 1].file;
		line.line = lines[lo - 1].line;
	}
	return line;
}

/* The frame whole as one version, or why not. */
static void codes_name_one(struct codes_run *run, const struct codes_frame *f)
{
	struct profile *p = run->p;
	uint64_t time = f->least <= f->most ? f->least : UINT64_MAX;
	uint32_t row = codes_choose(run, f, time);
	struct profile_line line;

	if (f->least <= f->most && codes_is_several(run, f)) {
		profile_frame_set_unnamed(p, f->frame, UNNAMED_SEVERAL);
	} else if (row == PROFILE_NONE) {
		profile_frame_set_unnamed(p, f->frame, UNNAMED_EARLY);
	} else {
		line = codes_line(p, row, p->frames.at[f->frame].offset);
		profile_frame_set_lines(p, f->frame, &line, 1);
	}
}

int profile_codes_name(struct profile *p)
{
	struct codes_run run;
	int rc;

	if (!p->codes.n)
		return 0;
	rc = codes_init(&run, p);
	if (!rc && run.pairs.n)
		rc = codes_time(&run);
	for (size_t i = 0; !rc && i < run.frames.n; i++)
		if (run.frames.at[i].n)
			codes_name_one(&run, &run.frames.at[i]);
	codes_done(&run);
	return rc ? rc : p->oom ? -ENOMEM : 0;
}

/* -- splitting --------------------------------------------------------------------------------- */

struct codes_split {
	struct codes_run run;
	uint32_t *of_frame;  /* per frame: 1 + its place in run.frames when it is several, else 0 */
	bool *nodes;         /* per node: such a frame is on the way to it */
	uint32_t *none;      /* per place: the frame for "none of them", 0 = not needed */
	struct map64 frames; /* place << 32 | row -> frame */
	VEC(uint32_t) stack;
};

/* Somewhere between the frame's first and last sample no version holds. */
static bool codes_has_none(const struct codes_run *run, const struct codes_frame *f)
{
	if (codes_choose(run, f, f->least) == PROFILE_NONE)
		return true;
	for (uint32_t i = f->first; i < f->first + f->n; i++) {
		uint64_t from = run->p->codes.at[run->pairs.at[i].row].from;

		if (from > f->least && from <= f->most &&
		    codes_choose(run, f, from) == PROFILE_NONE)
			return true;
	}
	return false;
}

static int codes_split_init(struct codes_split *s, struct profile *p)
{
	int rc = codes_init(&s->run, p);

	if (!rc)
		rc = codes_time(&s->run);
	if (rc)
		return rc;
	s->of_frame = calloc(p->frames.n, sizeof(*s->of_frame));
	s->nodes = calloc(p->nodes.n, sizeof(*s->nodes));
	s->none = calloc(s->run.frames.n + 1, sizeof(*s->none));
	if (!s->of_frame || !s->nodes || !s->none)
		return -ENOMEM;
	for (size_t i = 0; i < s->run.frames.n; i++) {
		const struct codes_frame *f = &s->run.frames.at[i];

		if (p->frames.at[f->frame].unnamed != UNNAMED_SEVERAL || !f->n ||
		    f->least > f->most)
			continue;
		s->of_frame[f->frame] = (uint32_t)i + 1;
		if (codes_has_none(&s->run, f)) { /* the frame that is there stays without a name */
			profile_frame_set_unnamed(p, f->frame, UNNAMED_EARLY);
			s->none[i] = f->frame;
		}
	}
	for (size_t i = 1; i < p->nodes.n; i++)
		s->nodes[i] = s->nodes[p->nodes.at[i].parent] || s->of_frame[p->nodes.at[i].frame];
	return 0;
}

/* The frame for one version. The frame that was there becomes the first version that is asked for,
 * unless it has to stand for "none of them". */
static uint32_t codes_version(struct codes_split *s, uint32_t place, uint64_t time)
{
	struct profile *p = s->run.p;
	const struct codes_frame *f = &s->run.frames.at[place];
	uint32_t row = codes_choose(&s->run, f, time), frame, *known;
	const struct profile_frame was = p->frames.at[f->frame];
	struct profile_line line;

	if (row == PROFILE_NONE)
		return f->frame;
	known = map64_find(&s->frames, (uint64_t)place << 32 | row);
	if (known)
		return *known;
	line = codes_line(p, row, was.offset);
	if (!was.n_lines && s->none[place] != f->frame) {
		profile_frame_set_lines(p, f->frame, &line, 1);
		frame = f->frame;
	} else if (profile_frame_has_lines(p, f->frame, &line, 1)) {
		frame = f->frame;
	} else {
		frame = profile_frame_named(p, was.object, was.offset, FRAME_JIT, &line, 1);
	}
	if (frame == PROFILE_NONE ||
	    !map64_insert(&s->frames, (uint64_t)place << 32 | row, frame, NULL))
		return PROFILE_NONE;
	return frame;
}

/* The sample's stack as it was at its time; PROFILE_NONE when out of memory. */
static uint32_t codes_stack(struct codes_split *s, uint32_t node, uint64_t time)
{
	struct profile *p = s->run.p;

	s->stack.n = 0;
	for (; node; node = p->nodes.at[node].parent)
		if (!VEC_PUSH(&s->stack, p->nodes.at[node].frame))
			return PROFILE_NONE;
	for (size_t i = s->stack.n; i-- > 0 && node != PROFILE_NONE;) {
		uint32_t frame = s->stack.at[i];

		if (s->of_frame[frame])
			frame = codes_version(s, s->of_frame[frame] - 1, time);
		node = frame == PROFILE_NONE ? PROFILE_NONE : profile_push(p, node, frame);
	}
	return node;
}

int profile_codes_split(struct profile *p)
{
	struct codes_split s = {0};
	int rc = 0;

	for (size_t i = 1; !rc && i < p->frames.n; i++)
		rc = codes_wants(&p->frames.at[i]) && p->frames.at[i].unnamed == UNNAMED_SEVERAL;
	if (!rc)
		return 0;
	rc = codes_split_init(&s, p);
	for (size_t i = 0; !rc && i < p->samples.n; i++) {
		struct profile_sample *sample = &p->samples.at[i];

		if (!s.nodes[sample->stack])
			continue;
		sample->stack = codes_stack(&s, sample->stack, sample->time);
		if (sample->stack == PROFILE_NONE) {
			sample->stack = 0; /* the profile is not used any more, but must be sound */
			rc = -ENOMEM;
		}
	}
	codes_done(&s.run);
	free(s.of_frame);
	free(s.nodes);
	free(s.none);
	map64_free(&s.frames);
	VEC_FREE(&s.stack);
	if (!rc)
		rc = profile_count_unnamed(p);
	return rc ? rc : p->oom ? -ENOMEM : 0;
}
