/* agreement.c - compares two walks of one stack and keeps the score; see agreement.h. */
#include "unwind/agreement.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *key, *text;
	bool differs;
} verdicts[VERDICT_MAX] = {
#define ROW(id, key, disagree, text) [VERDICT_##id] = { key, text, disagree },
#include "unwind/verdicts.def"
#undef ROW
};

const char *verdict_key(uint32_t verdict)
{
	return verdict < VERDICT_MAX ? verdicts[verdict].key : "?";
}

const char *verdict_text(uint32_t verdict)
{
	return verdict < VERDICT_MAX ? verdicts[verdict].text : "?";
}

bool verdict_differs(uint32_t verdict)
{
	return verdict < VERDICT_MAX && verdicts[verdict].differs;
}

/* -- counting ----------------------------------------------------------------------------------- */

static struct agreement_file *agreement_file(struct agreement *a, uint64_t frame)
{
	uint32_t file = (uint32_t)(frame >> FRAME_FILE_SHIFT), *row;
	bool is_new;

	if (!VEC_RESERVE(&a->files, 1))
		return NULL;
	row = map64_insert(&a->by_file, file, (uint32_t)a->files.n, &is_new);
	if (!row)
		return NULL;
	if (is_new)
		a->files.at[a->files.n++] = (struct agreement_file){ .file = file };
	return &a->files.at[*row];
}

static void agreement_frame(struct agreement *a, uint64_t frame, bool equal)
{
	struct agreement_file *f = agreement_file(a, frame);

	a->frames++;
	a->equal += equal;
	if (!f) {
		a->oom = true;
		return;
	}
	f->frames++;
	f->equal += equal;
}

static void agreement_cause(struct agreement *a, const struct agreement_cause *c)
{
	uint64_t key = (uint64_t)c->file << 32 | c->verdict << 8 | c->reason;
	uint32_t *row = NULL;
	bool is_new;

	if (VEC_RESERVE(&a->causes, 1))
		row = map64_insert(&a->by_cause, key, (uint32_t)a->causes.n, &is_new);
	if (!row) {
		a->oom = true;
		return;
	}
	if (is_new)
		a->causes.at[a->causes.n++] = *c;
	a->causes.at[*row].stacks++;
}

static uint64_t *agreement_copy(const uint64_t *frames, size_t n)
{
	uint64_t *copy = malloc((n + 1) * sizeof(*copy));

	if (copy && n)
		memcpy(copy, frames, n * sizeof(*copy));
	return copy;
}

static void agreement_example(struct agreement *a, const struct agreement_example *like,
			      const struct agreement_walk *w, const struct agreement_oracle *o)
{
	struct agreement_example x = *like;

	if (a->examples.n >= AGREEMENT_EXAMPLES)
		return;
	x.walk = agreement_copy(w->frames, w->n);
	x.oracle = agreement_copy(o->frames, o->n);
	x.n_walk = (uint32_t)w->n;
	x.n_oracle = (uint32_t)o->n;
	if (!x.walk || !x.oracle || !VEC_PUSH(&a->examples, x)) {
		free(x.walk);
		free(x.oracle);
		a->oom = true;
	}
}

/* -- comparing ---------------------------------------------------------------------------------- */

/* The same place in a page, in different files. */
static bool agreement_moved(uint64_t a, uint64_t b)
{
	return a >> FRAME_FILE_SHIFT != b >> FRAME_FILE_SHIFT && !((a ^ b) & 4095);
}

/* `equal` frames are the same; what is it that comes then? */
static struct agreement_cause agreement_judge(const struct agreement_walk *w,
					      const struct agreement_oracle *o, size_t equal)
{
	struct agreement_cause c = { .verdict = VERDICT_SAME };
	bool walk_bottom = w->end == WALK_BOTTOM, oracle_bottom = o->stop == ORACLE_BOTTOM;

	if (equal < w->n && equal < o->n) {
		c.verdict = agreement_moved(w->frames[equal], o->frames[equal]) ? VERDICT_MOVED :
			    equal && o->ways[equal - 1] == ORACLE_WAY_GUESS	? VERDICT_GUESS :
										  VERDICT_FRAME;
	} else if (equal < w->n) {
		c.verdict = oracle_bottom ? VERDICT_BOTTOM_LATE : VERDICT_ORACLE_SHORT;
	} else if (equal < o->n) {
		/* A chain that ends nowhere is none: Go switches stacks where its rules say it does not,
		 * and what lies on the other stack is left over from earlier. */
		c.verdict = !walk_bottom			     ? VERDICT_WALK_SHORT :
			    o->frames[o->n - 1] >> FRAME_FILE_SHIFT ? VERDICT_BOTTOM_EARLY :
								      VERDICT_ASTRAY;
	} else if (oracle_bottom && !walk_bottom) {
		c.verdict = VERDICT_WALK_SHORT;
	}
	if (c.verdict == VERDICT_ORACLE_SHORT)
		c.reason = o->stop;
	if (c.verdict == VERDICT_WALK_SHORT)
		c.reason = w->end;
	if (equal)
		c.file = (uint32_t)(o->frames[equal - 1] >> FRAME_FILE_SHIFT);
	else if (o->n)
		c.file = (uint32_t)(o->frames[0] >> FRAME_FILE_SHIFT);
	return c;
}

static void agreement_count(struct agreement *a, const struct agreement_walk *w,
			    const struct agreement_oracle *o, size_t equal, uint32_t verdict)
{
	size_t both = w->n < o->n ? w->n : o->n;

	if (verdict == VERDICT_MOVED)
		both = equal;
	for (size_t i = 0; i < both; i++)
		agreement_frame(a, o->frames[i], i < equal);
	/* One of them says there is no caller: that is a statement about it. */
	if (verdict == VERDICT_BOTTOM_EARLY)
		agreement_frame(a, o->frames[both], false);
	if (verdict == VERDICT_BOTTOM_LATE)
		agreement_frame(a, w->frames[both], false);
	a->stacks++;
	a->stacks_same += verdict == VERDICT_SAME;
	a->stacks_differ += verdict_differs(verdict);
	a->oracle_short += verdict == VERDICT_ORACLE_SHORT;
	a->walk_short += verdict == VERDICT_WALK_SHORT;
	a->moved += verdict == VERDICT_MOVED;
}

/* The same place. Where the walk knows that a frame was interrupted without the description saying so
 * (Go's asyncPreempt), it looks up the return address as it is, and the oracle the byte before it. */
static bool agreement_same(const struct agreement_walk *w, const struct agreement_oracle *o, size_t i)
{
	return w->frames[i] == o->frames[i] ||
	       (i && o->ways[i - 1] == ORACLE_WAY_CFI && w->frames[i] == o->frames[i] + 1);
}

enum verdict agreement_add(struct agreement *a, uint32_t pid, const struct agreement_walk *w,
			   const struct agreement_oracle *all)
{
	struct agreement_oracle o = *all;
	struct agreement_cause c;
	size_t equal = 0, skip = w->skipped < o.n ? w->skipped : o.n;

	o.frames += skip;
	o.ways += skip;
	o.n -= skip;
	while (equal < w->n && equal < o.n && agreement_same(w, &o, equal))
		equal++;
	c = agreement_judge(w, &o, equal);
	agreement_count(a, w, &o, equal, c.verdict);
	agreement_cause(a, &c);
	if (verdict_differs(c.verdict))
		agreement_example(a,
				  &(struct agreement_example){ .verdict = c.verdict,
							       .file = c.file,
							       .pid = pid,
							       .at = (uint32_t)equal },
				  w, &o);
	return c.verdict;
}

/* -- the result --------------------------------------------------------------------------------- */

static int agreement_file_order(const void *va, const void *vb)
{
	const struct agreement_file *a = va, *b = vb;

	if (a->frames != b->frames)
		return a->frames > b->frames ? -1 : 1;
	return a->file < b->file ? -1 : a->file > b->file;
}

static int agreement_cause_order(const void *va, const void *vb)
{
	const struct agreement_cause *a = va, *b = vb;

	if (a->verdict != b->verdict)
		return a->verdict < b->verdict ? -1 : 1;
	if (a->stacks != b->stacks)
		return a->stacks > b->stacks ? -1 : 1;
	if (a->reason != b->reason)
		return a->reason < b->reason ? -1 : 1;
	return a->file < b->file ? -1 : a->file > b->file;
}

void agreement_sort(struct agreement *a)
{
	if (a->files.n)
		qsort(a->files.at, a->files.n, sizeof(*a->files.at), agreement_file_order);
	if (a->causes.n)
		qsort(a->causes.at, a->causes.n, sizeof(*a->causes.at), agreement_cause_order);
	map64_free(&a->by_file); /* rows have moved */
	map64_free(&a->by_cause);
	a->by_file = a->by_cause = (struct map64){ 0 };
}

double agreement_share(const struct agreement *a)
{
	return a->frames ? (double)a->equal / (double)a->frames : 1;
}

void agreement_free(struct agreement *a)
{
	for (size_t i = 0; i < a->examples.n; i++) {
		free(a->examples.at[i].walk);
		free(a->examples.at[i].oracle);
	}
	VEC_FREE(&a->examples);
	VEC_FREE(&a->files);
	VEC_FREE(&a->causes);
	map64_free(&a->by_file);
	map64_free(&a->by_cause);
}
