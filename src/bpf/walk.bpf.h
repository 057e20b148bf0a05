/* walk.bpf.h - the scratch a walk works in: registers, what was found of the process, frames. BPF only.
 *
 * One per processor and context. Some of it outlives the walk: the mappings of the address space that ran
 * here last and the rules of frames met before, which is what makes the next walk cheap.
 */
#ifndef WAGGLE_BPF_WALK_H
#define WAGGLE_BPF_WALK_H

#include "bpf/kernel.bpf.h"

/* A function that is not static is verified once, by itself, for any arguments; a static one again in
 * every place and state it is called from. Most of what a load costs is decided by this. */
#ifdef __BPF__
#define VERIFIED_ONCE __attribute__((noinline))
#else
#define VERIFIED_ONCE static
#endif

/* Contexts that can interrupt one another never share scratch (a timer tick inside a probe's walk
 * would corrupt it): each has its own slot. */
enum scratch_slot {
	SCRATCH_TIMER,
	SCRATCH_SWITCH, /* the scheduler's events: all run with interrupts off */
	SCRATCH_ASLEEP, /* the iterator over threads that sleep */
	SCRATCH_MAX
};

/* What a walk read of the stack, for recognising the same stack again (memory.bpf.h). */
#define READS_MAX 192
#define READS_OFF 0xffffu
#define READS_LANES 4u

#define CHUNK_BYTES 1024 /* of stack read at once; measured: 40 % off the cost of a frame */
#define MAPPING_CACHE 8

struct mapping {
	u64 start, end;
	u64 offset; /* file offset of `start`; for FILE_JIT and FILE_UNKNOWN the address itself */
	u32 file;
	u32 table; /* whose table it is unwound by: the file's own; of generated code one made for it, or 0 */
};

/* Whose mappings are in a walk's cache. */
struct mapping_owner {
	u64 mm, sequence, born, exec;
};

struct walk {
	/* What the event program fills in. */
	u64 ip, sp, bp;
	u64 regs[16]; /* by DWARF number */
	u32 regs_known; /* a bit for each of them that holds in this frame */
	u32 tgid;
	u64 task;      /* whose stack it is, a struct task_struct; 0 = the current one's */
	u64 copy_start;/* where the copy of its stack begins, when it is not the current one's */
	u32 copy_bytes;
	/* Words of the stack that the walk read, by their distance from where it began, and a hash over
	 * their values. READS_OFF: nobody asked, or the walk read something else too. */
	u32 n_reads;
	u64 reads_base, reads_hash[READS_LANES];
	/* For the scheduler's events: where the kernel's stack ends and begins, and whose memory this is. */
	u64 kernel_sp, kernel_low;
	struct mapping_owner me;
	u32 n_kernel, n_user;
	u32 n_own; /* kernel frames at the leaf that are the program's own */
	/* For the oracle: ip and regs as they were. */
	u64 first_ip, first[16];
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
	u64 returns; /* struct return_instance from which to search on, 0 = from the first */
	u32 steps_known; /* frames whose rule was remembered */
	u32 limit;   /* user frames at most, this time */
	struct mapping now;
	struct mapping cache[MAPPING_CACHE];
	struct mapping_owner owner;
	u64 node[32]; /* one maple node */
	u8 chunk[CHUNK_BYTES + 8];
	u16 reads[READS_MAX];
	/* Handed to user space in one piece. */
	struct sample_record record;
	u64 frames[FRAMES_KERNEL_MAX + FRAMES_USER_MAX];
};

_Static_assert(__builtin_offsetof(struct walk, frames) ==
		       __builtin_offsetof(struct walk, record) + sizeof(struct sample_record),
	       "a record and its frames are sent as one");

#endif
