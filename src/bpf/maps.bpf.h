/* maps.bpf.h - the maps every program shares, and the scratch a walk works in. BPF only.
 *
 * unwind.bpf.c defines them (WAGGLE_DEFINE_MAPS); the other programs see them as extern and the BPF
 * linker joins them.
 */
#ifndef WAGGLE_BPF_MAPS_H
#define WAGGLE_BPF_MAPS_H

#include "bpf/kernel.bpf.h"

#include <bpf/bpf_helpers.h>

#ifdef WAGGLE_DEFINE_MAPS
#define MAP_SCOPE
#else
#define MAP_SCOPE extern
#endif

/* Contexts that can interrupt one another never share scratch (a timer tick inside a probe's walk
 * would corrupt it): each has its own slot. */
enum scratch_slot {
	SCRATCH_TIMER,
	SCRATCH_MAX
};

#define CHUNK_BYTES 1024 /* of stack read at once; measured: 40 % off the cost of a frame */
#define MAPPING_CACHE 4

struct mapping {
	u64 start, end;
	u64 offset; /* file offset of `start`; for FILE_JIT and FILE_UNKNOWN the address itself */
	u32 file;
	u32 unused;
};

struct walk {
	/* What the event program fills in. */
	u64 ip, sp, bp;
	u64 regs[16]; /* by DWARF number */
	u32 regs_known; /* a bit for each of them that holds in this frame */
	u32 tgid;
	/* Private to the walker. */
	u32 busy;
	u32 n;         /* user frames so far */
	u32 base;      /* where they start in frames[]: behind the kernel's */
	u32 end;       /* enum walk_end, WALK_END_MAX while walking */
	u32 end_file;
	u32 retries;   /* of the current look-up */
	u32 exact;     /* look the pc up as it is (frame 0, or interrupted by a signal), else pc - 1 */
	u32 by_fp;     /* this pc came out of a frame pointer: it may be no pc at all */
	u32 next_cached;
	u32 maps_retried;
	u64 hash;
	u64 rbx_slot; /* while rbx is known: where it was saved, 0 = it is in regs */
	u64 chunk_start, chunk_end;
	struct mapping now;
	struct mapping cache[MAPPING_CACHE];
	u64 node[32]; /* one maple node */
	u8 chunk[CHUNK_BYTES + 8];
	/* Handed to user space in one piece. */
	struct sample_record record;
	u64 frames[FRAMES_KERNEL_MAX + FRAMES_USER_MAX];
};

_Static_assert(__builtin_offsetof(struct walk, frames) ==
		       __builtin_offsetof(struct walk, record) + sizeof(struct sample_record),
	       "a record and its frames are sent as one");

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

/* Samples wait for the next poll; files wake user space at once. Both are resized before the load. */
MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} sample_ring SEC(".maps");

MAP_SCOPE struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} file_ring SEC(".maps");

/* Walks the current task's user stack from the registers in scratch slot `slot`; in unwind.bpf.c.
 * Frames, their number, the end and the hash are left in the slot. */
int walk_user(u32 slot);

#endif
