/* governor.c - measure, compare, slow down or speed up; see governor.h. */
#include "session/governor.h"

#include "base/clock.h"

enum { LOOK_EVERY_S = 1, WARM_UP_S = 3, OVER_LOOKS = 2, UNDER_LOOKS = 10 };

/* Doubling the rate at most doubles the cost: room for that and some more. And of what is not done in the
 * kernel a part is the same at any rate (names, views, watching processes): a sample costs user space less
 * than its walk, so twice the kernel's part is more than what doubling adds. Without that a cost that does
 * not follow the rate would hold it down for good. */
#define UNDER_SHARE 0.4

void governor_init(struct governor *g, double allowed, uint32_t n_cpus, uint64_t now)
{
	*g = (struct governor){ .allowed = allowed, .n_cpus = n_cpus ? n_cpus : 1, .weight = 1,
				.weight_most = 1, .next = now + WARM_UP_S * NSEC_PER_SEC };
}

bool governor_due(const struct governor *g, uint64_t now)
{
	return g->allowed > 0 && now >= g->next;
}

static bool governor_slow_down(struct governor *g)
{
	g->over = 0;
	if (g->weight < GOVERNOR_WEIGHT_MAX) {
		g->weight *= 2;
		if (g->weight > g->weight_most)
			g->weight_most = g->weight;
		return true;
	}
	if (g->depth == GOVERNOR_DEPTH_LEAST)
		return false;
	g->depth = g->depth ? g->depth / 2 : 512;
	return true;
}

static bool governor_speed_up(struct governor *g)
{
	g->under = 0;
	if (g->depth) {
		g->depth = g->depth >= 512 ? 0 : g->depth * 2;
		return true;
	}
	if (g->weight == 1)
		return false;
	g->weight /= 2;
	return true;
}

bool governor_look(struct governor *g, uint64_t now, uint64_t own, uint64_t bpf)
{
	/* What is not the capture's may be told late: `own` can go back. */
	uint64_t since = now - g->last, spent = (own > g->own ? own - g->own : 0) + bpf - g->bpf;
	uint64_t kernel = bpf - g->bpf;
	bool first = !g->last;
	double after;

	g->last = now;
	g->own = own;
	g->bpf = bpf;
	g->next = now + LOOK_EVERY_S * NSEC_PER_SEC;
	if (first || !since)
		return false;
	g->share = (double)spent / ((double)since * g->n_cpus);
	if (g->share > g->allowed) {
		g->under = 0;
		return ++g->over >= OVER_LOOKS && governor_slow_down(g);
	}
	g->over = 0;
	after = g->share + 2.0 * (double)kernel / ((double)since * g->n_cpus);
	if (g->share > g->allowed * UNDER_SHARE && after > g->allowed) {
		g->under = 0;
		return false;
	}
	return ++g->under >= UNDER_LOOKS && governor_speed_up(g);
}
