/* waitsum.c - waits by class, place, lock and thread; see waitsum.h.
 *
 * The call tree merges stacks as people see them and says where each sample ended; for every node of it is
 * noted, once, which node is the end of the sleeper's own frames and which is the end of its waker's.
 */
#include "profile/waitsum.h"

#include <errno.h>
#include <string.h>

#include "profile/sum.h"

enum waitsum_part { PART_SLEEPER, PART_WAKER, PART_BEYOND };

struct waitsum_node {
	uint32_t own, waker; /* the last node of the sleeper's frames, of its waker's; 0 = none */
	uint8_t part;        /* enum waitsum_part */
};

/* A tally of a pair: (lock, node), or of one thing. */
struct waitsum_pair {
	uint64_t key;
	int64_t amount;
};

struct waitsum_pairs {
	struct map64 rows;
	VEC(struct waitsum_pair) list;
};

static uint32_t waitsum_value(const struct profile *p, const char *type)
{
	for (uint32_t i = 0; i < p->value_types.n; i++)
		if (!strcmp(profile_text(p, p->value_types.at[i].type), type))
			return i;
	return PROFILE_NONE;
}

static uint32_t waitsum_time(const struct profile *p)
{
	uint32_t off = waitsum_value(p, WAITS_TYPE_OFF);

	return off != PROFILE_NONE ? off : waitsum_value(p, WAITS_TYPE_WALL);
}

bool waitsum_applies(const struct profile *p)
{
	if (waitsum_time(p) == PROFILE_NONE)
		return false;
	for (uint32_t i = 1; i < p->label_sets.n; i++)
		if (waits_of_labels(p, i, NULL, NULL) != WAIT_CLASS_MAX)
			return true;
	return false;
}

int64_t waitsum_amount(const struct waitsum *w, const struct wait_tally *t)
{
	if (w->value == w->waits)
		return t->waits;
	return w->value == w->longest ? t->longest : t->time;
}

static struct wait_tally waitsum_sample(const struct waitsum *w, size_t sample)
{
	const int64_t *v = profile_values(w->p, sample);

	return (struct wait_tally){
		.time = v[w->time],
		.waits = w->waits == PROFILE_NONE ? 0 : v[w->waits],
		.longest = w->longest == PROFILE_NONE ? 0 : v[w->longest],
	};
}

static void waitsum_add(struct wait_tally *to, const struct wait_tally *t)
{
	to->time = sum_signed(to->time, t->time);
	to->waits = sum_signed(to->waits, t->waits);
	to->longest = sum_value(to->longest, t->longest, true);
}

/* Adds to the amount of a key. */
static bool waitsum_pair(struct waitsum_pairs *m, uint64_t key, int64_t amount)
{
	bool is_new;
	uint32_t *at = map64_insert(&m->rows, key, (uint32_t)m->list.n, &is_new);

	if (!at || (is_new && !VEC_PUSH(&m->list, (struct waitsum_pair){key, 0})))
		return false;
	m->list.at[*at].amount = sum_signed(m->list.at[*at].amount, amount);
	return true;
}

static void waitsum_pairs_free(struct waitsum_pairs *m)
{
	map64_free(&m->rows);
	VEC_FREE(&m->list);
}

/* -- whose frames ------------------------------------------------------------------------------- */

/* A child's id is always larger than its parent's. */
static int waitsum_nodes(struct waitsum *w)
{
	const struct calltree *t = w->tree;

	w->nodes = calloc(t->nodes.n, sizeof(*w->nodes));
	if (!w->nodes)
		return -ENOMEM;
	for (uint32_t i = 1; i < t->nodes.n; i++) {
		const struct calltree_node *n = &t->nodes.at[i];
		const char *name = calltree_name(t, i);
		struct waitsum_node at = w->nodes[n->parent];

		if (n->kind == FRAME_OFFCPU && waits_class_of_frame(name) != WAIT_CLASS_MAX) {
			w->nodes[i] = at;
			continue;
		}
		if (n->kind == FRAME_OFFCPU && at.part == PART_SLEEPER &&
		    !strncmp(name, WAITS_WOKEN_BY, sizeof(WAITS_WOKEN_BY) - 1))
			at.part = PART_WAKER;
		else if (n->kind == FRAME_OFFCPU && !strcmp(name, WAITS_WHICH_WAITED))
			at.part = PART_BEYOND;
		if (at.part == PART_SLEEPER)
			at.own = i;
		else if (at.part == PART_WAKER)
			at.waker = i;
		w->nodes[i] = at;
	}
	return 0;
}

/* -- classes and places -------------------------------------------------------------------------- */

static int waitsum_order_places(const void *va, const void *vb, void *arg)
{
	const struct wait_place *a = va, *b = vb;
	int64_t x = waitsum_amount(arg, &a->sum), y = waitsum_amount(arg, &b->sum);

	if (x != y)
		return x > y ? -1 : 1;
	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return (int)a->class - (int)b->class;
}

/* The name of the process that stands for most of a place's time. */
static void waitsum_processes(struct waitsum *w, const struct waitsum_pairs *m)
{
	for (size_t i = 0; i < m->list.n; i++) {
		const struct waitsum_pair *pair = &m->list.at[i];
		struct wait_place *place = &w->places.at[pair->key >> 32];

		if (!place->processes++ || pair->amount > place->process_time) {
			place->process = (uint32_t)pair->key;
			place->process_time = pair->amount;
		}
	}
}

static bool waitsum_place(struct waitsum *w, struct map64 *rows, struct waitsum_pairs *processes,
			  size_t sample, enum wait_class class)
{
	const struct profile_task *task = &w->p->tasks.at[w->p->samples.at[sample].task];
	struct wait_place place = {.node = w->nodes[w->ends[sample]].own, .class = class};
	struct wait_tally t = waitsum_sample(w, sample);
	bool is_new;
	uint32_t *at = map64_insert(rows, (uint64_t)place.node << 32 | class, (uint32_t)w->places.n, &is_new);

	if (!at || (is_new && !VEC_PUSH(&w->places, place)))
		return false;
	waitsum_add(&w->places.at[*at].sum, &t);
	waitsum_add(&w->all, &t);
	waitsum_add(&w->classes[class], &t);
	return waitsum_pair(processes, (uint64_t)*at << 32 | (task->process ? task->process : task->comm),
			    t.time);
}

static int waitsum_places(struct waitsum *w)
{
	struct waitsum_pairs processes = {0};
	struct map64 rows = {0};
	int err = 0;

	for (size_t i = 0; i < w->p->samples.n && !err; i++) {
		enum wait_class class = waits_of_labels(w->p, w->p->samples.at[i].labels, NULL, NULL);

		if (class != WAIT_CLASS_MAX && !waitsum_place(w, &rows, &processes, i, class))
			err = -ENOMEM;
	}
	waitsum_processes(w, &processes);
	map64_free(&rows);
	waitsum_pairs_free(&processes);
	if (w->places.n)
		qsort_r(w->places.at, w->places.n, sizeof(*w->places.at), waitsum_order_places, w);
	return err;
}

void waitsum_took(const struct waitsum *w, const struct wait_place *at, int64_t took[WAITSUM_TOOK])
{
	memset(took, 0, WAITSUM_TOOK * sizeof(*took));
	for (size_t i = 0; i < w->p->samples.n; i++) {
		uint64_t ns;

		if (w->nodes[w->ends[i]].own != at->node ||
		    waits_of_labels(w->p, w->p->samples.at[i].labels, &ns, NULL) != at->class || !ns)
			continue;
		ns = (uint64_t)(63 - __builtin_clzll(ns));
		took[ns] = sum_signed(took[ns], waitsum_sample(w, i).waits);
	}
}

/* -- locks --------------------------------------------------------------------------------------- */

struct waitsum_locks {
	struct map64 rows;                          /* pid << 32 | address -> lock */
	struct waitsum_pairs threads, waiters, holders; /* of each lock */
};

static int waitsum_order_locks(const void *va, const void *vb, void *arg)
{
	const struct wait_lock *a = va, *b = vb;
	int64_t x = waitsum_amount(arg, &a->sum), y = waitsum_amount(arg, &b->sum);

	if (a->condition != b->condition)
		return a->condition ? 1 : -1;
	if (x != y)
		return x > y ? -1 : 1;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return a->address < b->address ? -1 : a->address > b->address;
}

static bool waitsum_lock(struct waitsum *w, struct waitsum_locks *l, size_t sample, const char *address)
{
	const struct profile_task *task = &w->p->tasks.at[w->p->samples.at[sample].task];
	const struct waitsum_node *node = &w->nodes[w->ends[sample]];
	struct wait_lock lock = {
		.pid = task->pid,
		.process = task->process,
		.address = intern_find(&w->p->strings, address, strlen(address)),
	};
	struct wait_tally t = waitsum_sample(w, sample);
	uint64_t key;
	uint32_t *at;
	bool is_new;

	at = map64_insert(&l->rows, (uint64_t)lock.pid << 32 | lock.address, (uint32_t)w->locks.n, &is_new);
	if (!at || (is_new && !VEC_PUSH(&w->locks, lock)))
		return false;
	waitsum_add(&w->locks.at[*at].sum, &t);
	key = (uint64_t)*at << 32;
	return waitsum_pair(&l->threads, key | task->tid, 0) &&
	       waitsum_pair(&l->waiters, key | node->own, t.time) &&
	       (!node->waker || waitsum_pair(&l->holders, key | node->waker, t.time));
}

/* Does a waker's stack end in code of a program? An interrupt holds no lock. */
static bool waitsum_is_thread(const struct waitsum *w, uint32_t node)
{
	uint8_t kind = w->tree->nodes.at[node].kind;

	return node && kind != FRAME_KERNEL && kind != FRAME_OFFCPU;
}

/* The stack that stands for most of a lock's time; of wakers, threads come before interrupts. */
static void waitsum_most(struct waitsum *w, const struct waitsum_pairs *m, bool holders)
{
	for (size_t i = 0; i < m->list.n; i++) {
		const struct waitsum_pair *pair = &m->list.at[i];
		struct wait_lock *lock = &w->locks.at[pair->key >> 32];
		int64_t *most = holders ? &lock->holder_time : &lock->waiter_time;
		uint32_t *node = holders ? &lock->holder : &lock->waiter, this = (uint32_t)pair->key;
		bool was = holders && waitsum_is_thread(w, *node);
		bool is = holders && waitsum_is_thread(w, this);

		if (*node && (was > is || (was == is && pair->amount <= *most)))
			continue;
		*most = pair->amount;
		*node = this;
	}
}

/* Functions below which a futex is not a lock: nobody holds it. Of glibc, and of the C++ and Rust
 * libraries. */
static const char *const waitsum_conditions[] = {
	"pthread_cond_", "__pthread_cond_", "pthread_barrier_wait", "pthread_join", "__pthread_clockjoin",
	"sem_wait", "sem_timedwait", "sem_clockwait", "__new_sem_wait", "std::condition_variable",
	"std::thread::park", "std::sync::condvar", "std::sys::sync::condvar",
};

static bool waitsum_waits_for_condition(const struct waitsum *w, uint32_t node)
{
	for (; node; node = w->tree->nodes.at[node].parent)
		for (size_t i = 0; i < sizeof(waitsum_conditions) / sizeof(*waitsum_conditions); i++)
			if (strncmp(calltree_name(w->tree, node), waitsum_conditions[i],
				    strlen(waitsum_conditions[i])) == 0)
				return true;
	return false;
}

static int waitsum_locks(struct waitsum *w)
{
	struct waitsum_locks l = {0};
	const char *address;
	int err = 0;

	for (size_t i = 0; i < w->p->samples.n && !err; i++) {
		waits_of_labels(w->p, w->p->samples.at[i].labels, NULL, &address);
		if (*address && !waitsum_lock(w, &l, i, address))
			err = -ENOMEM;
	}
	for (size_t i = 0; i < l.threads.list.n; i++)
		w->locks.at[l.threads.list.at[i].key >> 32].threads++;
	waitsum_most(w, &l.waiters, false);
	waitsum_most(w, &l.holders, true);
	for (size_t i = 0; i < w->locks.n; i++)
		w->locks.at[i].condition = waitsum_waits_for_condition(w, w->locks.at[i].waiter);
	if (w->locks.n)
		qsort_r(w->locks.at, w->locks.n, sizeof(*w->locks.at), waitsum_order_locks, w);
	map64_free(&l.rows);
	waitsum_pairs_free(&l.threads);
	waitsum_pairs_free(&l.waiters);
	waitsum_pairs_free(&l.holders);
	return err;
}

/* -- threads and processes ----------------------------------------------------------------------- */

/* What ran or wanted to comes first, then what was held up. */
static int waitsum_order_times(const struct wait_task *a, const struct wait_task *b)
{
	int64_t x = sum_signed(a->time[WAIT_GROUP_RUNNING], a->time[WAIT_GROUP_READY]);
	int64_t y = sum_signed(b->time[WAIT_GROUP_RUNNING], b->time[WAIT_GROUP_READY]);

	if (x == y) {
		x = a->time[WAIT_GROUP_BLOCKED];
		y = b->time[WAIT_GROUP_BLOCKED];
	}
	return x > y ? -1 : x < y;
}

static int waitsum_order_tasks(const void *va, const void *vb)
{
	const struct wait_task *a = va, *b = vb;

	int order = waitsum_order_times(a, b);

	if (order)
		return order;
	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	return a->task < b->task ? -1 : a->task > b->task;
}

static int waitsum_tasks_by(struct waitsum *w, bool by_process)
{
	struct map64 rows = {0}, threads = {0};
	int err = 0;

	w->tasks.n = 0;
	w->by_process = by_process;
	for (size_t i = 0; i < w->p->samples.n && !err; i++) {
		const struct profile_sample *s = &w->p->samples.at[i];
		enum wait_class class = waits_of_labels(w->p, s->labels, NULL, NULL);
		const struct profile_task *t = &w->p->tasks.at[s->task];
		int64_t time = waitsum_sample(w, i).time;
		bool is_new, is_thread;
		uint32_t *at;

		if (class == WAIT_CLASS_MAX)
			continue;
		at = map64_insert(&rows, by_process ? t->pid : t->tid, (uint32_t)w->tasks.n, &is_new);
		if (!at || (is_new && !VEC_PUSH(&w->tasks, (struct wait_task){.task = s->task})) ||
		    !map64_insert(&threads, t->tid, 0, &is_thread)) {
			err = -ENOMEM;
			break;
		}
		w->tasks.at[*at].threads += is_thread;
		w->tasks.at[*at].total = sum_signed(w->tasks.at[*at].total, time);
		w->tasks.at[*at].time[waits_class(class)->group] =
			sum_signed(w->tasks.at[*at].time[waits_class(class)->group], time);
	}
	map64_free(&rows);
	map64_free(&threads);
	return err;
}

static int waitsum_tasks(struct waitsum *w, uint32_t most_threads)
{
	int err = waitsum_tasks_by(w, false);

	if (!err && w->tasks.n > most_threads)
		err = waitsum_tasks_by(w, true);
	if (w->tasks.n)
		qsort(w->tasks.at, w->tasks.n, sizeof(*w->tasks.at), waitsum_order_tasks);
	return err;
}

/* -- all ------------------------------------------------------------------------------------------ */

static int waitsum_fill(struct waitsum *w, uint32_t most_threads)
{
	const struct calltree_opts o = {.root = ROOT_NOTHING, .value = w->value};
	int err = calltree_new_mapped(w->p, &o, &w->tree, &w->ends);

	if (!err)
		err = waitsum_nodes(w);
	if (!err)
		err = waitsum_places(w);
	if (!err)
		err = waitsum_locks(w);
	return err ? err : waitsum_tasks(w, most_threads);
}

int waitsum_new(const struct profile *p, uint32_t value, uint32_t most_threads, struct waitsum **ret)
{
	struct waitsum *w;
	int err;

	*ret = NULL;
	if (!waitsum_applies(p))
		return -EINVAL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->p = p;
	w->value = value < p->value_types.n ? value : p->default_value;
	w->time = waitsum_time(p);
	w->waits = waitsum_value(p, WAITS_TYPE_COUNT);
	w->longest = waitsum_value(p, WAITS_TYPE_LONGEST);
	err = waitsum_fill(w, most_threads);
	if (err)
		waitsum_free(w);
	else
		*ret = w;
	return err;
}

void waitsum_free(struct waitsum *w)
{
	if (!w)
		return;
	calltree_free(w->tree);
	free(w->ends);
	free(w->nodes);
	VEC_FREE(&w->places);
	VEC_FREE(&w->locks);
	VEC_FREE(&w->tasks);
	free(w);
}
