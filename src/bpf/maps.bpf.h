/* maps.bpf.h - the maps every program shares. BPF only.
 *
 * unwind.bpf.c defines them (WAGGLE_DEFINE_MAPS); the other programs see them as extern and the BPF
 * linker joins them.
 */
#ifndef WAGGLE_BPF_MAPS_H
#define WAGGLE_BPF_MAPS_H

#include "bpf/walk.bpf.h"

#include <bpf/bpf_helpers.h>

#ifdef WAGGLE_DEFINE_MAPS
#define MAP_SCOPE
#else
#define MAP_SCOPE extern
#endif

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct walk);
	__uint(max_entries, SCRATCH_MAX);
} scratch SEC(".maps");

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct tick_stats);
	__uint(max_entries, 1);
} stats SEC(".maps");

/* Which files have been met: identity -> id. Entries are only ever added while a session runs. */
MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct file_key);
	__type(value, u32);
	__uint(max_entries, FILES_MAX);
} file_ids SEC(".maps");

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct file_slot);
	__uint(max_entries, FILES_MAX);
} files SEC(".maps");

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct unwind_rule);
	__uint(max_entries, RULES_MAX);
} rules SEC(".maps");

struct slab {
	u32 words[SLAB_WORDS];
};

struct slab_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(key_size, sizeof(u32));
	__uint(value_size, SLAB_WORDS * sizeof(u32));
	__uint(max_entries, 1);
};

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__type(key, u32);
	__uint(max_entries, SLABS_MAX);
	__array(values, struct slab_map);
} slabs SEC(".maps");

/* Which rule holds at a frame, kept from walk to walk, one set of tables per processor. What a frame means
 * never changes, since a file id is one content for good. A cache line is a set of eight entries, each the
 * frame (id and offset, exactly) in 48 bits and the rule's number in 16: a frame met before costs one cache
 * miss instead of eight. Measured: sets of a line beat a direct table of twice the size. */
#define KEPT_WAYS 8
#define KEPT_SETS_SHIFT 8
#define KEPT_OFFSET_BITS 34 /* 16 GiB; frames of larger files are not kept */

struct kept_rules {
	u64 way[KEPT_WAYS << KEPT_SETS_SHIFT];
};

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* which aligns it to a page */
	__type(key, u32);
	__type(value, struct kept_rules);
	__uint(max_entries, 1); /* as many as processors, set before the load */
} kept_rules SEC(".maps");

/* Tables of generated code by where it lies, put there by user space. */
MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct jit_key);
	__type(value, u32);
	__uint(max_entries, JIT_TABLES_MAX);
} jit_tables SEC(".maps");

/* Samples wait for the next poll; files wake user space at once. Both are resized before the load. */
MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} sample_ring SEC(".maps");

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} file_ring SEC(".maps");

/* Registers and stacks for user space to unwind; resized before the load. */
MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} raw_ring SEC(".maps");

/* Who is looked at. */
MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, TARGETS_MAX);
} target_pids SEC(".maps");

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, TARGETS_MAX);
} target_tids SEC(".maps");

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
	__uint(max_entries, CGROUPS_MAX);
} target_cgroups SEC(".maps");

/* Which stacks were sent, by hash; see emit.bpf.h. */
#define SENT_SLOTS 65536

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* user space takes back what it forgets */
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, SENT_SLOTS);
} sent SEC(".maps");

/* The stack of a thread that sleeps, which only its reader can copy. */
struct stack_copy {
	u8 bytes[ASLEEP_STACK + CHUNK_BYTES];
};

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct stack_copy);
	__uint(max_entries, 1);
} stack_copy SEC(".maps");

#ifndef WAGGLE_DEFINE_MAPS
extern const volatile uint32_t walk_max_frames;
extern const volatile uint32_t sent_mask;
extern const volatile struct cpu_config cpu_config;
extern struct capture_control control;
#endif

/* Walks the current task's user stack from the registers in scratch slot `slot`; in unwind.bpf.c.
 * Frames, their number, the end and the hash are left in the slot. */
int walk_user(u32 slot);

/* Mixes the first n frames, but for those before `from`, into the slot's hash; in unwind.bpf.c. */
int hash_kernel(struct walk *w, u32 from, u32 n);

#endif
