/* sched_host.h - a made-up machine for the programs of the scheduler's events (src/bpf/off.bpf.c):
 * maps of limited size, rings, a clock, processors, threads with kernel stacks. Events are what a
 * test says they are.
 *
 * To be included once, in place of bpf_host.h; it includes the programs themselves. Kernel memory
 * is our own; of user memory there is what host_user_read() allows.
 */
#ifndef WAGGLE_TEST_SCHED_HOST_H
#define WAGGLE_TEST_SCHED_HOST_H

#include <sys/mman.h>
#include <unistd.h>

#include "host/bpf_host.h"

/* Programs lay flavours of a kernel's type over one another, and read names as words. */
#pragma GCC optimize("no-strict-aliasing")

static uint64_t host_frame; /* where the program's own frame lies: in the current task's kernel
			       stack, or not */
#define OWN_FRAME(to) ((to) = host_frame)

static long bpf_map_delete_elem(void *map, const void *key);
static long bpf_ringbuf_output(void *ring, void *data, uint64_t size, uint64_t flags);
static long bpf_get_stack(void *ctx, void *to, uint32_t size, uint64_t flags);
static long bpf_get_task_stack(struct task_struct *task, void *to, uint32_t size, uint64_t flags);
static long bpf_task_pt_regs(struct task_struct *task);
static long bpf_get_current_comm(void *to, uint32_t size);
static long bpf_current_task_under_cgroup(void *map, uint32_t i);
static long bpf_copy_from_user_task(void *to, uint32_t n, const void *from,
				    struct task_struct *task, uint64_t flags);
static uint32_t bpf_get_prandom_u32(void);

#include "bpf/unwind.bpf.c"

#include "bpf/off.bpf.c"

/* -- options: constant for the programs ----------------------------------------------------------
 */

static inline void *host_writable(const volatile void *object, size_t bytes)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)object & ~(page - 1);

	assert_int_equal(
		mprotect((void *)at, (uintptr_t)object + bytes - at, PROT_READ | PROT_WRITE), 0);
	return (void *)(uintptr_t)object;
}

static inline struct wait_config *host_wait_config(void)
{
	return host_writable(&wait_config, sizeof(wait_config));
}

static inline struct cpu_config *host_cpu_config(void)
{
	return host_writable(&cpu_config, sizeof(cpu_config));
}

/* -- maps ----------------------------------------------------------------------------------------
 */

enum { HOST_CPUS = 4, HOST_BUCKETS = 1024 };

struct host_item {
	struct host_item *next;
	uint64_t bytes[]; /* the key, the value behind it */
};

struct host_hash {
	void *map;
	uint32_t key, value, room, n;
	struct host_item *bucket[HOST_BUCKETS];
};

static struct host_hash host_hashes[] = {
	{&wait_threads, sizeof(uint32_t), sizeof(struct wait_thread), 0},
	{&wait_sums_0, sizeof(struct wait_key), sizeof(struct wait_sum), 0},
	{&wait_sums_1, sizeof(struct wait_key), sizeof(struct wait_sum), 0},
	{&wait_wakers, sizeof(uint32_t), sizeof(struct wait_wakers), 0},
	{&target_pids, sizeof(uint32_t), sizeof(uint32_t), 0},
	{&target_tids, sizeof(uint32_t), sizeof(uint32_t), 0},
	{&file_ids, sizeof(struct file_key), sizeof(uint32_t), 0},
	{&jit_tables, sizeof(struct jit_key), sizeof(uint32_t), 0},
};

enum { HOST_HASHES = sizeof(host_hashes) / sizeof(*host_hashes) };

static struct walk host_scratch[HOST_CPUS][SCRATCH_MAX];
static struct tick_stats host_stats[HOST_CPUS];
static struct wait_stats host_counts[HOST_CPUS];
static struct kernel_words host_kernel_words[HOST_CPUS];
static struct kept_rules host_kept[HOST_CPUS];
static struct file_slot host_files[FILES_MAX];
static struct unwind_rule host_rules[RULES_MAX];
static struct slab host_slab; /* the only one */
static struct recalled host_recalled[RECALL_SLOTS];
static struct stack_copy host_copy;
static uint64_t host_sent[SENT_SLOTS];

static const struct host_array {
	void *map, *base;
	size_t size;
	uint32_t n;
	bool per_cpu;
} host_arrays[] = {
	{&scratch, host_scratch, sizeof(struct walk), SCRATCH_MAX, true},
	{&stats, host_stats, sizeof(struct tick_stats), 1, true},
	{&wait_counts, host_counts, sizeof(struct wait_stats), 1, true},
	{&kernel_words, host_kernel_words, sizeof(struct kernel_words), 1, true},
	{&kept_rules, host_kept, sizeof(struct kept_rules), HOST_CPUS, false},
	{&files, host_files, sizeof(struct file_slot), FILES_MAX, false},
	{&rules, host_rules, sizeof(struct unwind_rule), RULES_MAX, false},
	{&slabs, &host_slab, sizeof(struct slab), 1, false},
	{&recalled, host_recalled, sizeof(struct recalled), RECALL_SLOTS, false},
	{&stack_copy, &host_copy, sizeof(struct stack_copy), 1, false},
	{&sent, host_sent, sizeof(uint64_t), SENT_SLOTS, false},
};

static inline struct host_hash *host_hash_of(const void *map)
{
	for (size_t i = 0; i < HOST_HASHES; i++)
		if (host_hashes[i].map == map)
			return &host_hashes[i];
	return NULL;
}

static inline struct host_item **host_place(struct host_hash *h, const void *key)
{
	const uint8_t *k = key;
	uint32_t hash = 2166136261u;
	struct host_item **at;

	for (uint32_t i = 0; i < h->key; i++)
		hash = (hash ^ k[i]) * 16777619u;
	for (at = &h->bucket[hash % HOST_BUCKETS]; *at; at = &(*at)->next)
		if (!memcmp((*at)->bytes, key, h->key))
			break;
	return at;
}

static inline void *host_value(struct host_hash *h, struct host_item *item)
{
	return item->bytes + (h->key + 7) / 8;
}

static void *bpf_map_lookup_elem(void *map, const void *key)
{
	struct host_hash *h = host_hash_of(map);
	struct host_item *item = h ? *host_place(h, key) : NULL;
	uint32_t k;

	if (h)
		return item ? host_value(h, item) : NULL;
	memcpy(&k, key, sizeof(k));
	for (size_t i = 0; i < sizeof(host_arrays) / sizeof(*host_arrays); i++) {
		const struct host_array *a = &host_arrays[i];

		if (a->map == map)
			return k < a->n ? (char *)a->base +
						  a->size * (a->per_cpu ? host_cpu * a->n + k : k)
					: NULL;
	}
	assert_ptr_equal(map, &host_slab); /* the inner map: its only value */
	return map;
}

static long bpf_map_update_elem(void *map, const void *key, const void *value, uint64_t flags)
{
	struct host_hash *h = host_hash_of(map);
	struct host_item **at, *item;

	assert_non_null(h);
	at = host_place(h, key);
	if (*at && flags == BPF_NOEXIST)
		return -17;
	if (!*at) {
		if (h->room && h->n >= h->room)
			return -E_NO_ROOM;
		item = calloc(1, sizeof(*item) + (h->key + 7) / 8 * 8 + (h->value + 7) / 8 * 8);
		memcpy(item->bytes, key, h->key);
		*at = item;
		h->n++;
	}
	memcpy(host_value(h, *at), value, h->value);
	return 0;
}

static long bpf_map_delete_elem(void *map, const void *key)
{
	struct host_hash *h = host_hash_of(map);
	struct host_item **at = host_place(h, key), *item = *at;

	if (!item)
		return -2;
	*at = item->next;
	free(item);
	h->n--;
	return 0;
}

/* `room` 0 = as much as is wanted. */
static inline void host_set_room(void *map, uint32_t room)
{
	host_hash_of(map)->room = room;
}

/* Takes everything out of a map. */
static inline void host_drain(void *map, void (*take)(const void *key, const void *value))
{
	struct host_hash *h = host_hash_of(map);

	for (size_t i = 0; i < HOST_BUCKETS; i++) {
		while (h->bucket[i]) {
			struct host_item *item = h->bucket[i];

			if (take)
				take(item->bytes, host_value(h, item));
			h->bucket[i] = item->next;
			free(item);
			h->n--;
		}
	}
}

/* -- rings ---------------------------------------------------------------------------------------
 */

struct host_record {
	struct sample_record r;
	uint64_t frames[FRAMES_KERNEL_MAX + FRAMES_USER_MAX];
};

static struct host_record **host_records;
static size_t host_n_records, host_records_room;
static bool host_ring_full;
static uint64_t host_reserved[sizeof(struct file_record) / 8];
static void *host_reserved_of;

static inline void host_record_add(const void *data, size_t size)
{
	if (host_n_records == host_records_room) {
		host_records_room = host_records_room ? 2 * host_records_room : 64;
		host_records = realloc(host_records, host_records_room * sizeof(*host_records));
	}
	host_records[host_n_records] = calloc(1, size);
	memcpy(host_records[host_n_records++], data, size);
}

static long bpf_ringbuf_output(void *ring, void *data, uint64_t size, uint64_t flags)
{
	assert_ptr_equal(ring, &sample_ring);
	if (host_ring_full)
		return -11;
	host_record_add(data, size);
	return 0;
}

static void *bpf_ringbuf_reserve(void *ring, uint64_t size, uint64_t flags)
{
	assert_true(size <= sizeof(host_reserved) || ring == &raw_ring);
	if (host_ring_full || ring == &raw_ring)
		return NULL;
	memset(host_reserved, 0xaa, sizeof(host_reserved)); /* whatever was there before */
	host_reserved_of = ring;
	return host_reserved;
}

static void bpf_ringbuf_submit(void *data, uint64_t flags)
{
	if (host_reserved_of == &sample_ring)
		host_record_add(data, sizeof(struct sample_record));
}

/* The record of a kind with this hash, or NULL. */
static inline struct host_record *host_record_find(uint8_t kind, uint64_t hash)
{
	for (size_t i = host_n_records; i--;)
		if (host_records[i]->r.kind == kind && host_records[i]->r.hash == hash)
			return host_records[i];
	return NULL;
}

/* -- threads -------------------------------------------------------------------------------------
 */

/* A thread, alone in its process unless the test says otherwise. */
struct host_thread {
	struct task_struct task;
	struct cfs_rq rq;
	uint64_t frame; /* the program's, when an event happens while it is current */
};

static uint64_t host_kernel_frames[FRAMES_KERNEL_MAX];
static uint32_t host_n_kernel;
static bool host_in_cgroup;
static uint32_t (*host_random)(void);

static long bpf_get_stack(void *ctx, void *to, uint32_t size, uint64_t flags)
{
	uint32_t bytes = host_n_kernel * (uint32_t)sizeof(uint64_t);

	memcpy(to, host_kernel_frames, bytes < size ? bytes : size);
	return bytes < size ? bytes : size;
}

static long bpf_get_task_stack(struct task_struct *task, void *to, uint32_t size, uint64_t flags)
{
	return bpf_get_stack(task, to, size, flags);
}

static inline struct pt_regs *host_regs(struct task_struct *task)
{
	return (struct pt_regs *)((char *)task->stack + KERNEL_STACK_BYTES) - 1;
}

static long bpf_task_pt_regs(struct task_struct *task)
{
	return (long)host_regs(task);
}

static long bpf_get_current_comm(void *to, uint32_t size)
{
	memcpy(to, host_task->comm, size);
	return 0;
}

static long bpf_current_task_under_cgroup(void *map, uint32_t i)
{
	return host_in_cgroup;
}

static long bpf_copy_from_user_task(void *to, uint32_t n, const void *from,
				    struct task_struct *task, uint64_t flags)
{
	return host_user_read(to, n, (uint64_t)(uintptr_t)from);
}

static uint32_t bpf_get_prandom_u32(void)
{
	return host_random ? host_random() : 0;
}

static inline void host_thread_init(struct host_thread *t, int tid, int tgid)
{
	memset(t, 0, sizeof(*t));
	t->task.pid = tid;
	t->task.tgid = tgid;
	snprintf(t->task.comm, sizeof(t->task.comm), "thread-%d", tid);
	t->task.group_leader = &t->task;
	t->task.se.cfs_rq = &t->rq;
	t->task.stack = aligned_alloc(KERNEL_STACK_BYTES, KERNEL_STACK_BYTES);
	memset(t->task.stack, 0, KERNEL_STACK_BYTES);
	t->frame = (uint64_t)(uintptr_t)t->task.stack + KERNEL_STACK_BYTES - 1024;
	host_regs(&t->task)->orig_ax = ~0ul; /* in no system call */
}

static inline void host_thread_done(struct host_thread *t)
{
	free(t->task.stack);
}

/* -- events --------------------------------------------------------------------------------------
 */

static inline void host_switch(struct host_thread *prev, struct host_thread *next, bool preempt,
			       uint32_t state)
{
	uint64_t ctx[4] = {preempt, (uintptr_t)&prev->task, (uintptr_t)&next->task, state};

	host_task = &prev->task;
	host_frame = prev->frame;
	off_switch(ctx);
}

/* As the kernel does: the waker says it, and then whoever puts the thread into a queue. */
static inline void host_waking(struct host_thread *t, struct host_thread *by, bool interrupt)
{
	uint64_t ctx[1] = {(uintptr_t)&t->task};

	host_task = &by->task;
	host_frame = interrupt ? 0x1000 : by->frame;
	off_waking(ctx);
}

static inline void host_wakeup(struct host_thread *t)
{
	uint64_t ctx[1] = {(uintptr_t)&t->task};

	off_wakeup(ctx);
}

static inline void host_wakeup_new(struct host_thread *t)
{
	uint64_t ctx[1] = {(uintptr_t)&t->task};

	off_wakeup_new(ctx);
}

/* The iterator comes to it. */
static inline void host_find_asleep(struct host_thread *t)
{
	struct bpf_iter__task ctx = {&t->task};

	off_asleep(&ctx);
}

static inline struct wait_thread *host_known(uint32_t tid)
{
	return bpf_map_lookup_elem(&wait_threads, &tid);
}

/* A counter over all processors: host_count(offsetof(struct wait_stats, x)). */
static inline uint64_t host_count(size_t offset)
{
	uint64_t sum = 0;

	for (int i = 0; i < HOST_CPUS; i++)
		sum += *(uint64_t *)((char *)&host_counts[i] + offset);
	return sum;
}
#define HOST_COUNT(field) host_count(offsetof(struct wait_stats, field))

/* Everything as it is at the begin of a capture that wants all threads, and times only. */
static inline void host_reset(void)
{
	for (size_t i = 0; i < HOST_HASHES; i++) {
		host_drain(host_hashes[i].map, NULL);
		host_hashes[i].room = 0;
	}
	while (host_n_records)
		free(host_records[--host_n_records]);
	free(host_records);
	host_records = NULL;
	host_records_room = 0;
	memset(host_counts, 0, sizeof(host_counts));
	memset(host_stats, 0, sizeof(host_stats));
	memset(host_sent, 0, sizeof(host_sent));
	memset(host_recalled, 0, sizeof(host_recalled));
	*host_wait_config() = (struct wait_config){.everything = 1, .no_recall = 1};
	*host_cpu_config() = (struct cpu_config){.no_user = 1, .no_kernel = 1};
	control = (struct capture_control){.weight = 1};
	wait_epoch = 0;
	host_cpu = 0;
	host_ring_full = false;
	host_in_cgroup = false;
	host_n_kernel = 0;
	host_random = NULL;
}

#endif
