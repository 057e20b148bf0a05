/* spans.c - a sweep over the range starts with a heap of the ranges that are open; see spans.h. */
#include "base/spans.h"

#include <errno.h>
#include <stdlib.h>

struct spans_heap {
	const struct span **at; /* at[0] has the highest rank */
	size_t n;
};

static void spans_push(struct spans_heap *h, const struct span *s)
{
	size_t i = h->n++;

	while (i && h->at[(i - 1) / 2]->rank < s->rank) {
		h->at[i] = h->at[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h->at[i] = s;
}

static void spans_pop(struct spans_heap *h)
{
	const struct span *s = h->at[--h->n];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < h->n && h->at[child + 1]->rank > h->at[child]->rank)
			child++;
		if (child >= h->n || h->at[child]->rank < s->rank)
			break;
		h->at[i] = h->at[child];
		i = child;
	}
	h->at[i] = s;
}

static int spans_order(const void *pa, const void *pb)
{
	const struct span *a = pa, *b = pb;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return (a->rank > b->rank) - (a->rank < b->rank);
}

static void spans_emit(struct spans *s, uint64_t start, uint32_t id)
{
	if (s->n ? s->id[s->n - 1] == id : id == SPANS_NONE)
		return;
	s->start[s->n] = start;
	s->id[s->n++] = id;
}

static void spans_sweep(struct spans *s, struct spans_heap *h, const struct span *in, size_t n)
{
	uint64_t at = 0;
	size_t i = 0;

	while (i < n || h->n) {
		for (; i < n && in[i].start <= at; i++)
			if (in[i].end > in[i].start)
				spans_push(h, &in[i]);
		while (h->n && h->at[0]->end <= at)
			spans_pop(h);
		spans_emit(s, at, h->n ? h->at[0]->id : SPANS_NONE);
		if (!h->n && i == n)
			break;
		at = h->n ? h->at[0]->end : in[i].start;
		if (i < n && in[i].start < at)
			at = in[i].start;
	}
}

int spans_build(struct spans *s, struct span *in, size_t n)
{
	struct spans_heap h = {0};

	*s = (struct spans){0};
	if (!n)
		return 0;
	if (n > SIZE_MAX / 64)
		return -ENOMEM;
	/* Every piece begins where a range starts or ends. */
	s->start = malloc((2 * n + 1) * sizeof(*s->start));
	s->id = malloc((2 * n + 1) * sizeof(*s->id));
	h.at = malloc(n * sizeof(*h.at));
	if (!s->start || !s->id || !h.at) {
		free(h.at);
		spans_free(s);
		return -ENOMEM;
	}
	qsort(in, n, sizeof(*in), spans_order);
	spans_sweep(s, &h, in, n);
	free(h.at);
	if (s->n) { /* give back what holes that never were would have taken */
		void *start = realloc(s->start, s->n * sizeof(*s->start));
		void *id = realloc(s->id, s->n * sizeof(*s->id));

		s->start = start ? start : s->start;
		s->id = id ? id : s->id;
	}
	return 0;
}

void spans_free(struct spans *s)
{
	free(s->start);
	free(s->id);
	*s = (struct spans){0};
}

uint32_t spans_find(const struct spans *s, uint64_t addr)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->start[mid] <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? s->id[lo - 1] : SPANS_NONE;
}
