/* calltree.h - the two summaries every view is drawn from: the merged call tree, and the functions
 * with their self and inclusive values (recursion counted once).
 *
 * A call tree merges stacks by what a person sees: the label and kind of each line, not its address.
 * Inline chains are expanded. Node 0 is the root ("all"). Children of a node are linked through
 * first_child/next; calltree_sort() orders them by name (as flamegraph.pl does) or by total.
 *
 * Ownership: the tree has its own strings and outlives the profile; free with calltree_free().
 * Thread safety: one writer, then any number of readers.
 */
#ifndef WAGGLE_PROFILE_CALLTREE_H
#define WAGGLE_PROFILE_CALLTREE_H

#include "profile/profile.h"

enum calltree_root { /* what stands below the root, before the outermost frame */
	ROOT_NOTHING,
	ROOT_COMM,    /* "redis-server": the thread's name, as bcc and perf script | stackcollapse do */
	ROOT_PROCESS, /* "redis-server (4711)" then frames */
	ROOT_THREAD,  /* process, then "bio_lazy_free (4713)", then frames */
};

struct calltree_opts {
	enum calltree_root root;
	uint32_t value;      /* index of the value type; UINT32_MAX = the profile's default */
	bool inverted;       /* leaf first: callers below */
	bool no_cut;         /* leave the "[cut: ..]" frames out */
	bool annotate;       /* "_[k]" kernel, "_[i]" inlined, "_[j]" JIT behind the labels */
	bool delimited;      /* a "-" frame between user and kernel frames (bcc -d) */
	bool addresses;      /* unnamed frames as "[libfoo.so.1+0x1f40]" instead of "[libfoo.so.1]" */
};

struct calltree_node {
	uint32_t name;  /* string of the tree */
	uint32_t parent, first_child, next;
	uint32_t n_children;
	uint8_t kind;   /* enum frame_kind; FRAME_KIND_MAX for root and task nodes */
	uint32_t object;/* string of the tree: path of the object, "" when none or mixed */
	int64_t self, total;
};

struct calltree {
	struct intern strings;
	VEC(struct calltree_node) nodes;
	uint32_t max_depth; /* of the deepest node; the root's is 0 */
	uint32_t value_type, value_unit; /* strings of the tree */
};

/* 0, -EINVAL when there is no such value, or -ENOMEM. Stacks whose samples add up to 0 are left
 * out; tasks that are not known (task 0) get no node of their own. Sums stay at the ends of int64; of
 * values that do not add up (profile_value_is_max()) the greatest is taken instead, everywhere.
 * `inverted` costs time and memory by the sum of all depths: readers of foreign files limit depth. */
int calltree_new(const struct profile *p, const struct calltree_opts *o, struct calltree **ret);
/* The same, and where each sample went: (*ends)[i] is the node that the stack of sample i ended in;
 * free() it. Stacks whose value adds up to nothing are in this tree too, so that it serves every
 * value of the profile. */
int calltree_new_mapped(const struct profile *p, const struct calltree_opts *o,
			struct calltree **ret, uint32_t **ends);
void calltree_free(struct calltree *t);
/* Ties go by name, then kind. Without memory for it the order stays as it is. */
enum calltree_order { BY_NAME, BY_TOTAL };
void calltree_sort(struct calltree *t, enum calltree_order order);
static inline const char *calltree_name(const struct calltree *t, uint32_t node)
{
	return intern_get(&t->strings, t->nodes.at[node].name);
}

/* What can be seen of a large tree: nodes that hold less than `least` are left out with all below them, and
 * with the strings that only they had. Each of the `n` node numbers in `ends` becomes that of the nearest
 * node above that is left. A node keeps its total; its self is what its children do not have of that.
 * -EINVAL where children hold more than their parent (values that do not add up), -ENOMEM; after an error
 * nothing has changed. */
int calltree_prune(struct calltree *t, int64_t least, uint32_t *ends, size_t n);

struct function_row {
	uint32_t name;   /* string of the table */
	uint32_t object; /* string of the table: path of its object */
	uint32_t file;   /* string of the table, source file */
	uint8_t kind;    /* enum frame_kind */
	int64_t self, total;
};

struct function_table {
	struct intern strings;
	VEC(struct function_row) rows; /* by self, then total, largest first */
	int64_t total;
};

/* Functions of all stacks, one row a (label, kind) as in the tree; object and file are "" where rows
 * come from several. `value` and errors as in calltree_new(). */
int function_table_new(const struct profile *p, uint32_t value, struct function_table **ret);
void function_table_free(struct function_table *t);

/* The hottest path: from the root always into the heaviest child, while that child holds at least
 * `share` (0..1) of its parent. Writes node ids (root first) to `path`, returns how many. */
size_t calltree_hottest(const struct calltree *t, double share, uint32_t *path, size_t max);

#endif
