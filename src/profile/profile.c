/* profile.c - the tables of the model and their interning: strings, objects, stacks, tasks, labels
 * and samples. Frames are in frames.c.
 *
 * Stacks are the hot path. A whole stack is first looked up by the hash of its frames, which is
 * verified by walking the prefix tree; only new stacks are pushed frame by frame.
 */
#include "profile/profile.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "profile/index.h"
#include "profile/sum.h"
#include "profile/waits.h"

bool index_add(struct profile_index *x, uint64_t hash, uint32_t row)
{
	uint32_t *head;
	bool is_new;

	if (row >= x->next.n && !VEC_RESERVE(&x->next, row + 1 - x->next.n))
		return false;
	head = map64_insert(&x->heads, hash, row, &is_new);
	if (!head)
		return false;
	while (x->next.n <= row)
		x->next.at[x->next.n++] = 0;
	if (!is_new) {
		x->next.at[row] = *head;
		*head = row;
	}
	return true;
}

void index_free(struct profile_index *x)
{
	map64_free(&x->heads);
	VEC_FREE(&x->next);
}

static uint32_t profile_fail(struct profile *p)
{
	p->oom = true;
	return PROFILE_NONE;
}

/* Row 0 of every table means "none". */
static bool profile_init_rows(struct profile *p)
{
	return VEC_PUSH(&p->objects, (struct profile_object){0}) &&
	       VEC_PUSH(&p->frames, (struct profile_frame){.unnamed = UNNAMED_NO_OBJECT}) &&
	       VEC_PUSH(&p->nodes, (struct profile_node){0}) &&
	       VEC_PUSH(&p->tasks, (struct profile_task){0}) &&
	       VEC_PUSH(&p->label_sets, (struct profile_label_set){0});
}

struct profile *profile_new(const char *type, const char *unit)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->meta.child_status = -1;
	if (profile_str(p, "") == 0 && profile_init_rows(p) &&
	    profile_value_type(p, type, unit) == 0)
		return p;
	profile_free(p);
	return NULL;
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	intern_free(&p->strings);
	VEC_FREE(&p->objects);
	VEC_FREE(&p->frames);
	VEC_FREE(&p->lines);
	VEC_FREE(&p->nodes);
	VEC_FREE(&p->tasks);
	VEC_FREE(&p->labels);
	VEC_FREE(&p->label_sets);
	VEC_FREE(&p->value_types);
	VEC_FREE(&p->samples);
	VEC_FREE(&p->values);
	VEC_FREE(&p->codes);
	VEC_FREE(&p->code_lines);
	ledger_free(&p->ledger);
	map64_free(&p->by_node);
	map64_free(&p->by_stack);
	index_free(&p->by_frame);
	index_free(&p->by_task);
	index_free(&p->by_object);
	index_free(&p->by_labels);
	free(p);
}

uint32_t profile_strn(struct profile *p, const char *s, size_t len)
{
	uint32_t id = intern_put(&p->strings, len ? s : "", len);

	return id == INTERN_NONE ? profile_fail(p) : id;
}

uint32_t profile_str(struct profile *p, const char *s)
{
	return profile_strn(p, s, strlen(s));
}

uint32_t profile_value_type(struct profile *p, const char *type, const char *unit)
{
	struct profile_value_type v = {profile_str(p, type), profile_str(p, unit)};

	if (p->samples.n || p->value_types.n >= PROFILE_ROWS_MAX || v.type == PROFILE_NONE ||
	    v.unit == PROFILE_NONE || !VEC_PUSH(&p->value_types, v))
		return profile_fail(p);
	return (uint32_t)p->value_types.n - 1;
}

static bool object_same(const struct profile_object *a, const struct profile_object *b)
{
	return a->kind == b->kind && a->path == b->path && a->build_id == b->build_id &&
	       a->pid == b->pid && a->start == b->start;
}

uint32_t profile_object(struct profile *p, const struct profile_object *o)
{
	uint64_t key[] = {o->kind, (uint64_t)o->path << 32 | o->build_id, o->pid, o->start};
	uint64_t hash = XXH3_64bits(key, sizeof(key));
	uint32_t id;

	for (id = index_first(&p->by_object, hash); id; id = p->by_object.next.at[id])
		if (object_same(&p->objects.at[id], o))
			return id;
	id = (uint32_t)p->objects.n;
	if (id >= PROFILE_ROWS_MAX || o->path >= p->strings.n || o->build_id >= p->strings.n ||
	    !VEC_RESERVE(&p->objects, 1) || !index_add(&p->by_object, hash, id))
		return profile_fail(p);
	p->objects.at[p->objects.n++] = *o;
	return id;
}

uint32_t profile_push(struct profile *p, uint32_t parent, uint32_t frame)
{
	uint32_t *node, id = (uint32_t)p->nodes.n;
	bool is_new;

	if (parent >= id || frame >= p->frames.n || id >= PROFILE_ROWS_MAX ||
	    !VEC_RESERVE(&p->nodes, 1))
		return profile_fail(p);
	/* Most nodes stand right behind their parent, because a new stack adds a whole chain: those are
	 * found by looking there, and need no place in the map. */
	if (parent + 1 == id) {
		p->nodes.at[p->nodes.n++] = (struct profile_node){parent, frame};
		return id;
	}
	if (p->nodes.at[parent + 1].parent == parent && p->nodes.at[parent + 1].frame == frame)
		return parent + 1;
	node = map64_insert(&p->by_node, (uint64_t)parent << 32 | frame, id, &is_new);
	if (!node)
		return profile_fail(p);
	if (is_new)
		p->nodes.at[p->nodes.n++] = (struct profile_node){parent, frame};
	return *node;
}

static bool stack_is(const struct profile *p, uint32_t node, const uint32_t *frames, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!node || p->nodes.at[node].frame != frames[i])
			return false;
		node = p->nodes.at[node].parent;
	}
	return !node;
}

uint32_t profile_stack(struct profile *p, const uint32_t *frames, size_t n)
{
	uint64_t hash = XXH3_64bits(frames, n * sizeof(*frames));
	const uint32_t *known = map64_find(&p->by_stack, hash);
	uint32_t node = 0;

	if (known && stack_is(p, *known, frames, n))
		return *known;
	for (size_t i = n; i-- > 0 && node != PROFILE_NONE;)
		node = profile_push(p, node, frames[i]);
	/* Two stacks with one hash: the first keeps the shortcut, the other is pushed every time.
	 */
	if (n && node != PROFILE_NONE && !known && !map64_insert(&p->by_stack, hash, node, NULL))
		return profile_fail(p);
	return node;
}

static bool task_same(const struct profile_task *a, const struct profile_task *b)
{
	return a->pid == b->pid && a->tid == b->tid && a->comm == b->comm &&
	       a->process == b->process;
}

uint32_t profile_task(struct profile *p, uint32_t pid, uint32_t tid, const char *comm,
		      const char *process)
{
	struct profile_task t = {pid, tid, profile_str(p, comm), profile_str(p, process)};
	uint64_t hash = XXH3_64bits(&t, sizeof(t));
	uint32_t id;

	if (t.comm == PROFILE_NONE || t.process == PROFILE_NONE)
		return PROFILE_NONE;
	if (task_same(&t, &p->tasks.at[0]))
		return 0;
	for (id = index_first(&p->by_task, hash); id; id = p->by_task.next.at[id])
		if (task_same(&p->tasks.at[id], &t))
			return id;
	id = (uint32_t)p->tasks.n;
	if (id >= PROFILE_ROWS_MAX || !VEC_RESERVE(&p->tasks, 1) ||
	    !index_add(&p->by_task, hash, id))
		return profile_fail(p);
	p->tasks.at[p->tasks.n++] = t;
	return id;
}

static int label_order(const void *va, const void *vb)
{
	const struct profile_label *a = va, *b = vb;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->text != b->text)
		return a->text < b->text ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->unit < b->unit ? -1 : a->unit > b->unit;
}

static bool labels_same(const struct profile *p, uint32_t id, const struct profile_label *set,
			uint32_t n)
{
	const struct profile_label *have = p->labels.at + p->label_sets.at[id].first;

	if (p->label_sets.at[id].n != n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (label_order(&have[i], &set[i]) != 0)
			return false;
	return true;
}

static uint64_t labels_hash(const struct profile_label *set, uint32_t n)
{
	uint64_t hash = n;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t key[] = {hash, (uint64_t)set[i].key << 32 | set[i].text,
				  (uint64_t)set[i].number, set[i].unit};

		hash = XXH3_64bits(key, sizeof(key));
	}
	return hash;
}

/* Sorts the new set in place behind the others, and keeps it only when it is not known yet. */
uint32_t profile_labels(struct profile *p, const struct profile_label *set, uint32_t n)
{
	struct profile_label *at;
	uint64_t hash;
	uint32_t id = (uint32_t)p->label_sets.n;

	if (!n)
		return 0;
	if (id >= PROFILE_ROWS_MAX || p->labels.n + n > PROFILE_ROWS_MAX ||
	    !VEC_RESERVE(&p->labels, n) || !VEC_RESERVE(&p->label_sets, 1))
		return profile_fail(p);
	at = p->labels.at + p->labels.n;
	memcpy(at, set, n * sizeof(*set));
	qsort(at, n, sizeof(*at), label_order);
	hash = labels_hash(at, n);
	for (uint32_t have = index_first(&p->by_labels, hash); have;
	     have = p->by_labels.next.at[have])
		if (labels_same(p, have, at, n))
			return have;
	if (!index_add(&p->by_labels, hash, id))
		return profile_fail(p);
	p->label_sets.at[p->label_sets.n++] = (struct profile_label_set){(uint32_t)p->labels.n, n};
	p->labels.n += n;
	return id;
}

int profile_sample(struct profile *p, const struct profile_sample *s, const int64_t *values)
{
	if (s->stack == PROFILE_NONE || s->task == PROFILE_NONE || s->labels == PROFILE_NONE ||
	    !VEC_RESERVE(&p->samples, 1) || !VEC_RESERVE(&p->values, p->value_types.n)) {
		p->oom = true;
		return -ENOMEM;
	}
	if (s->stack >= p->nodes.n || s->task >= p->tasks.n || s->labels >= p->label_sets.n)
		return -EINVAL;
	p->samples.at[p->samples.n++] = *s;
	memcpy(p->values.at + p->values.n, values, p->value_types.n * sizeof(*values));
	p->values.n += p->value_types.n;
	return 0;
}

int64_t profile_total(const struct profile *p, uint32_t value)
{
	int64_t sum = 0;
	bool max;

	if (value >= p->value_types.n)
		return 0;
	max = profile_value_is_max(p, value);
	for (size_t i = 0; i < p->samples.n; i++)
		sum = sum_value(sum, profile_values(p, i)[value], max);
	return sum;
}

static size_t index_bytes(const struct profile_index *x)
{
	return x->heads.cap * sizeof(struct map64_slot) + x->next.cap * sizeof(*x->next.at);
}

#define VEC_BYTES(v) ((v)->cap * sizeof(*(v)->at))

size_t profile_bytes(const struct profile *p)
{
	return sizeof(*p) + p->strings.bytes + p->strings.cap * sizeof(*p->strings.at) +
	       p->strings.n_slots * sizeof(*p->strings.slots) + VEC_BYTES(&p->objects) +
	       VEC_BYTES(&p->frames) + VEC_BYTES(&p->lines) + VEC_BYTES(&p->nodes) +
	       VEC_BYTES(&p->tasks) + VEC_BYTES(&p->labels) + VEC_BYTES(&p->label_sets) +
	       VEC_BYTES(&p->value_types) + VEC_BYTES(&p->samples) + VEC_BYTES(&p->values) +
	       VEC_BYTES(&p->codes) + VEC_BYTES(&p->code_lines) +
	       (p->by_node.cap + p->by_stack.cap) * sizeof(struct map64_slot) +
	       index_bytes(&p->by_frame) + index_bytes(&p->by_task) + index_bytes(&p->by_object) +
	       index_bytes(&p->by_labels);
}
