/* recount.c - the ledger's counts of stacks, anew for a part of a profile; see recount.h.
 *
 * The rules are those by which the session counts: a cut at the root is a user stack that is not
 * whole even when it has no other frame, and the mark of an execve is no stack at all. That a
 * kernel stack met the kernel's limit is not written anywhere, but it is the only way to have that
 * many kernel frames.
 */
#include "profile/recount.h"

#include <errno.h>
#include <stdlib.h>

#include "bpf/abi.h"
#include "profile/sum.h"

enum { KERNEL_FULL = FRAMES_KERNEL_MAX - 1 };

struct recount_stack {             /* what is on the way from the root to a node */
	uint8_t user, cut, kernel; /* kernel: how many frames, at most UINT8_MAX */
};

static const uint8_t recounted[] = {LEDGER_STACKS_USER, LEDGER_STACKS_WHOLE, LEDGER_STACKS_KERNEL,
				    LEDGER_KERNEL_CUT};

_Static_assert(KERNEL_FULL <= UINT8_MAX, "struct recount_stack counts that far");

bool recount_applies(const struct ledger *l)
{
	return l->n[LEDGER_STACKS_USER] || l->n[LEDGER_STACKS_KERNEL] || l->cuts.n;
}

static bool recount_is_exec(const struct profile *p, const struct profile_frame *f, uint32_t exec)
{
	return !f->object && f->n_lines == 1 && p->lines.at[f->first_line].function == exec;
}

static struct recount_stack recount_stack(const struct profile *p, const struct recount_stack *all,
					  uint32_t node, uint32_t exec)
{
	uint32_t parent = p->nodes.at[node].parent;
	const struct profile_frame *f = &p->frames.at[p->nodes.at[node].frame];
	struct recount_stack s = all[parent];

	if (f->kind == FRAME_USER || f->kind == FRAME_JIT)
		s.user = true;
	else if (f->kind == FRAME_CUT && !parent)
		s.user = s.cut = true;
	else if (f->kind == FRAME_KERNEL && !recount_is_exec(p, f, exec))
		s.kernel += s.kernel < UINT8_MAX;
	return s;
}

/* Parents have smaller ids: one pass from low to high ids sees callers first. */
static void recount_numbers(const struct profile *p, struct recount_stack *all,
			    const uint64_t *kept, const struct recount_opts *o, uint64_t *n)
{
	uint32_t exec = intern_find(&p->strings, "[exec]", 6);

	for (uint32_t i = 1; i < p->nodes.n; i++) {
		struct recount_stack s = all[i] = recount_stack(p, all, i, exec);
		bool user = s.user && !o->no_user, kernel = s.kernel && !o->no_kernel;
		const bool counts[] = {user, user && !s.cut, kernel,
				       kernel && s.kernel == KERNEL_FULL};

		for (size_t k = 0; kept[i] && k < sizeof(recounted); k++)
			if (counts[k])
				n[recounted[k]] = sum_unsigned(n[recounted[k]], kept[i]);
	}
}

/* The other way everything comes together at the roots, where the cuts are. */
static int recount_cuts(struct remap *m, uint64_t *kept)
{
	const struct profile *p = m->src;
	int err = 0;

	for (size_t i = p->nodes.n; i-- > 1 && !err;) {
		const struct profile_node *node = &p->nodes.at[i];
		uint32_t end, object;

		if (!kept[i])
			continue;
		if (node->parent) {
			kept[node->parent] = sum_unsigned(kept[node->parent], kept[i]);
			continue;
		}
		end = profile_frame_end(p, node->frame);
		if (end == UINT32_MAX)
			continue; /* no cut, or one whose reason this version does not know */
		object = remap_object(m, p->frames.at[node->frame].object);
		err = object == PROFILE_NONE ? -ENOMEM
					     : ledger_cut(&m->dst->ledger, end, object, kept[i]);
	}
	return err;
}

int recount_stacks(struct remap *m, uint64_t *kept, const struct recount_opts *o)
{
	const struct ledger *from = &m->src->ledger;
	struct ledger *to = &m->dst->ledger;
	struct recount_stack *all = calloc(m->src->nodes.n, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t k = 0; k < sizeof(recounted); k++)
		to->n[recounted[k]] = 0;
	recount_numbers(m->src, all, kept, o, to->n);
	free(all);
	for (size_t k = 0; k < sizeof(recounted); k++)
		if (to->n[recounted[k]] > from->n[recounted[k]])
			to->n[recounted[k]] = from->n[recounted[k]];
	ledger_clear_cuts(to);
	return from->cuts.n && !o->no_user ? recount_cuts(m, kept) : 0;
}
