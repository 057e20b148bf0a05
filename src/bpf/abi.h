/* abi.h - every type that crosses between the kernel side (src/bpf) and user space.
 *
 * Fixed widths only, no enums in structs, no bool, no pointers; sizes are asserted on both sides.
 * Included by BPF programs (where vmlinux types are ours, see kernel.bpf.h), by user space, and by the
 * host build of the BPF code.
 */
#ifndef WAGGLE_BPF_ABI_H
#define WAGGLE_BPF_ABI_H

#ifdef __BPF__
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
typedef signed char int8_t;
typedef short int16_t;
typedef int int32_t;
typedef long long int64_t;
#else
#include <stdint.h>
#endif

enum walk_end {
#define ROW(id, key, whole, text) WALK_##id,
#include "bpf/ends.def"
#undef ROW
	WALK_END_MAX
};

/* -- frames ------------------------------------------------------------------------------------
 * A user frame is (file, offset in that file) in one word, so that the same place in a thousand
 * processes is one frame. Kernel frames are plain addresses (they are in their own part of a record).
 * A caller's offset is its return address - 1, inside the call: the return address of a call that never
 * returns lies in the next function.
 */
#define FRAME_FILE_SHIFT 48
#define FRAME_OFFSET_MASK ((UINT64_C(1) << FRAME_FILE_SHIFT) - 1)
#ifndef UINT64_C
#define UINT64_C(x) x##ULL
#endif
#define FRAMES_KERNEL_MAX 128 /* one more than the kernel's own default limit of 127 */
#define FRAMES_USER_MAX 1024
#define FRAMES_USER_DEFAULT FRAMES_USER_MAX /* nothing is saved by cutting a stack short */

#define FILE_UNKNOWN 0u /* offset is an address in no file we could tell */
#define FILE_VDSO 1u
#define FILE_JIT 2u     /* anonymous executable memory; offset is the address */
#define FILE_FIRST 8u   /* ids of real files start here */
#define FILES_MAX 16384u
#define FILES_GENERATED (FILES_MAX - 1024u) /* from here on: slots of tables for generated code */
#define JIT_TABLES_MAX 4096u /* anonymous mappings of generated code that have a table */

/* How far a file has come. The kernel side moves NEW to ASKED, user space everything else. */
enum file_state {
	FILE_NEW,      /* nobody has asked for a table */
	FILE_ASKED,    /* user space was told; the walk ends PENDING here meanwhile */
	FILE_READY,    /* table published */
	FILE_NO_TABLE, /* looked at, has no unwind information: frame pointers are tried */
	FILE_STATE_MAX
};

/* Generated code that has a table: an anonymous executable mapping of a process. Offsets in such a table
 * are relative to `start`. */
struct jit_key {
	uint64_t start;
	uint32_t tgid, zero;
};

/* What makes a file the same file: survives rename, and notices an upgrade in place. */
struct file_key {
	uint64_t ino;
	uint64_t size;
	uint64_t mtime_ns;
	uint32_t dev;
	uint32_t generation;
};

/* One slot a file, in a map that user space writes through mmap. `state` is written last. */
struct file_slot {
	uint32_t state;       /* enum file_state */
	uint32_t index;       /* word address of the index entry of the first block */
	uint32_t first_block; /* file offset >> BLOCK_SHIFT of that block */
	uint32_t n_blocks;
};

/* -- unwind tables -----------------------------------------------------------------------------
 * All tables live in one space of 32-bit words, cut into slabs of 4 MiB that are made on demand.
 * A file has an index of n_blocks words, one for each 4 KiB of file offset: the word address of the
 * block, or 0 for a block in which nothing can be unwound. A block is
 *     5 words   ten 16-bit sub-starts: row number (from 0) in force at offset k*512, k = 0..7;
 *               [8] = number of the last row; [9] unused
 *     n words   rows, ascending: offset in the block (12 bits) << 16 | rule number (16 bits).
 *               Row 0 has offset 0 (it repeats what was in force before the block).
 * A block never crosses a slab; an index may. Layout chosen by measurement: it is within noise of the
 * fastest one and needs half the memory of 8-byte rows.
 */
#define BLOCK_SHIFT 12
#define BLOCK_BYTES (1u << BLOCK_SHIFT)
#define BLOCK_SUB_SHIFT 9
#define BLOCK_HEAD_WORDS 5
#define SLAB_WORDS_SHIFT 20
#define SLAB_WORDS (1u << SLAB_WORDS_SHIFT)
#define SLABS_MAX 1024
#define RULES_MAX 65536

enum rule_kind {
	RULE_END,      /* no function here (gap): rule 0 is always this */
	RULE_RSP,      /* CFA = rsp + cfa_off */
	RULE_RBP,      /* CFA = rbp + cfa_off */
	RULE_REG,      /* CFA = cfa_reg + cfa_off: rbx or one that calls may change; any in frame 0 */
	RULE_DEREF_RSP,/* CFA = *(rsp + cfa_off) + add */
	RULE_DEREF_RBP,/* CFA = *(rbp + cfa_off) + add */
	RULE_PLT,      /* CFA = rsp + 8 + ((rip & 15) >= cfa_off ? 8 : 0) */
	RULE_SIGNAL,   /* registers are in the signal frame at rsp (x86-64 ucontext) */
	RULE_BOTTOM,   /* return address undefined: outermost frame */
	RULE_UNKNOWN,  /* described, but in a way we cannot follow */
	RULE_RA_REG,   /* CFA = rsp + cfa_off, the return address is in cfa_reg (vfork): frame 0 */
	RULE_DEREF_INDEX, /* CFA = *(rsp + cfa_off + 8 * cfa_reg) + add (OpenSSL's Montgomery) */
	RULE_KIND_MAX
};

enum rbp_kind {
	RBP_SAME,      /* unchanged */
	RBP_CFA,       /* saved at CFA + rbp_off */
	RBP_RBP,       /* saved at rbp + rbp_off (stack realignment) */
	RBP_LOST,      /* undefined or of a kind we cannot follow */
	RBP_KIND_MAX
};

/* rbx is tracked because the dynamic linker's lazy binding computes its CFA from it. */
#define RBX_LOST 255u

struct unwind_rule {
	int32_t cfa_off;
	int32_t add;      /* of plain rules: 1 = the caller did not call, it was interrupted */
	int16_t rbp_off;
	int16_t ra_off;   /* return address at CFA + ra_off (-8 almost everywhere) */
	uint8_t kind;     /* enum rule_kind */
	uint8_t rbp_kind; /* enum rbp_kind */
	uint8_t cfa_reg;  /* DWARF register number, for RULE_REG, _RA_REG, _DEREF_INDEX */
	uint8_t rbx_at;   /* caller's rbx: 0 unchanged, 1..254 saved at CFA - 8 * this, RBX_LOST */
};

/* Rules whose `add` is free to say that the caller was interrupted. */
static inline int unwind_rule_plain(const struct unwind_rule *r)
{
	return r->kind == RULE_RSP || r->kind == RULE_RBP;
}

/* -- records from the kernel ------------------------------------------------------------------- */

#define COMM_LEN 16

#define SAMPLE_HAS_FRAMES 1u /* frames follow; otherwise the hash was sent before */
#define SAMPLE_IN_KERNEL 2u  /* the tick hit kernel code */
#define SAMPLE_KERNEL_FULL 4u/* the kernel part reached its limit */

/* What a record in the ring of samples is. Only samples are counted as such. */
enum record_kind {
	RECORD_SAMPLE, /* a timer tick */
	RECORD_STACK,  /* frames of a stack that waits are counted by (struct wait_key) */
	RECORD_TASK,   /* the names of a thread; no frames */
	RECORD_CHAIN,  /* three words: the waker's stack, the one it had waited in, that wait's chain */
};

/* What a thread that waits was doing: why it waits is told from this and the kernel's functions. */
#define CAUSE_SYSCALL 0x3ffu    /* its system call's number + 1, 0 = in none */
#define CAUSE_IOWAIT 0x400u
#define CAUSE_KERNEL_THREAD 0x800u
#define CAUSE_WAKER 0x1000u     /* not a wait: the stack of who ended one */
#define CAUSE_READY 0x2000u     /* it did not wait for anything but a processor */

/* One timer tick. Followed by n_kernel + n_user words when SAMPLE_HAS_FRAMES, leaf first. */
struct sample_record {
	uint64_t time;  /* CLOCK_MONOTONIC ns */
	uint64_t hash;  /* of both parts of the stack and how it ended */
	uint32_t tgid, tid;
	uint32_t cpu;
	uint32_t end_file;  /* file id in which the user walk ended early, else 0 */
	uint16_t n_kernel, n_user;
	uint8_t end;        /* enum walk_end */
	uint8_t flags;
	uint16_t weight;    /* ticks of the asked rate this one stands for: 1, or more when slowed */
	uint32_t skipped;   /* user frames nearest to the leaf that were left out (keep the bottom) */
	uint16_t cause;     /* STACK: what the thread was doing, see CAUSE_ */
	uint8_t kind;       /* enum record_kind */
	uint8_t unused;
	char comm[COMM_LEN];    /* the thread */
	char process[COMM_LEN]; /* its process (thread group leader) */
};

#define FILE_PATH_BYTES 512

/* A file met for the first time, or again after it could not be opened. */
struct file_record {
	uint64_t time;
	struct file_key key;
	uint64_t start, end;    /* the mapping, for /proc/PID/map_files */
	uint64_t offset;        /* file offset of `start` */
	uint32_t file;          /* the id given */
	uint32_t tgid;
	uint16_t path_bytes;    /* of `path` that are used */
	uint16_t path_whole;    /* 1: the path goes up to the root */
	uint32_t unused;
	char name[64];          /* last part of the path, cut if longer */
	/* The path's parts, the file's own name first, each with its NUL, as the kernel's directory
	 * entries have them: enough to find the file again when its process is gone. */
	char path[FILE_PATH_BYTES];
};

/* Registers and stack bytes as they were, for whoever unwinds them in user space: one sample in N
 * for the oracle, and walks that met a table still being built (finished later). The stack begins
 * `below` bytes below regs[7] (rsp); `bytes` of it could be read. */
enum raw_why { RAW_ORACLE = 1, RAW_PENDING = 2 };

#define RAW_STACK_ORACLE (64u << 10)
#define RAW_BELOW 256u /* a register that was just popped is said to be there still, below rsp */
#define RAW_STACK_PENDING (8u << 10)

struct raw_record {
	uint64_t time, hash;  /* those of the sample record it belongs to */
	uint32_t tgid, tid;
	uint32_t why;         /* enum raw_why */
	uint32_t bytes;
	uint32_t n_user;      /* PENDING: user frames the kernel had walked before */
	uint32_t regs_known;  /* a bit for each of regs that holds */
	uint32_t exact;       /* 1: ip is where execution is, 0: a return address */
	uint32_t below;
	uint64_t ip;
	uint64_t rbx_slot;    /* where rbx was saved, 0 = it is in regs[3] */
	uint64_t regs[16];    /* by DWARF number */
	/* uint8_t stack[bytes] follows */
};

/* Counters per CPU, read at intervals. One counter for every way a tick can end. */
struct tick_stats {
	uint64_t ticks;
	uint64_t idle;
	uint64_t filtered;
	uint64_t taken;
	uint64_t ring_full;
	uint64_t scratch_busy;
	uint64_t map_retries;
	uint64_t raw_full;  /* raw records that found no room */
	uint64_t run_ns;    /* time in the program itself */
	uint64_t frames;    /* user frames walked */
	uint64_t known;     /* of them, frames whose rule was remembered */
};

/* -- waiting (off.bpf.c) -------------------------------------------------------------------------- */

enum wait_kind {
	KIND_ON_CPU,
	KIND_BLOCKED,   /* until it was woken */
	KIND_RUN_QUEUE, /* from there on, until it ran */
	KIND_PREEMPTED,
	KIND_YIELDED,
	KIND_THROTTLED,
	KIND_MAX
};

/* Stacks that are none. */
#define STACK_NOT_WALKED 0u /* time whose stack was not taken, to save work */
#define STACK_UNSEEN 1u     /* the thread waited before anybody looked */

/* Waits are counted by this. A blocked one and the time in the run queue behind it are one entry: half the
 * look-ups, each of which misses the caches. */
struct wait_key {
	uint64_t stack; /* hash of a STACK record, or STACK_ */
	uint64_t chain; /* hash of a CHAIN record, 0 = nobody asked, or nobody was seen */
	uint64_t lock;  /* the futex's address, 0 = none, or nobody asked */
	uint32_t tid;
	uint8_t kind;   /* enum wait_kind */
	uint8_t log2;   /* of the wait's whole length in ns, rounded down */
	uint8_t then;   /* what came behind it: KIND_RUN_QUEUE or KIND_THROTTLED, 0 = nothing */
	uint8_t then_log2;
};

struct wait_sum {
	uint64_t ns, longest;
	uint64_t count; /* of waits; 0 for the parts of one that are counted by their own chains */
	uint64_t then_ns, then_longest;
};

/* What is known of a thread. */
struct wait_thread {
	uint64_t since;  /* when it was switched in or out, CLOCK_MONOTONIC ns */
	uint64_t woken;  /* when it was woken since then, 0 = not yet */
	uint64_t on_ns;  /* time on a processor, up to `since` */
	uint64_t stack;  /* out: where */
	uint64_t lock;
	uint32_t tgid;
	uint8_t out;     /* 1: it is not on a processor */
	uint8_t kind;    /* out: enum wait_kind, BLOCKED or a way to be ready */
	uint8_t held;    /* throttled when it was woken */
	uint8_t again;   /* its stack met a table still being built: worth another look */
	uint32_t cpu;    /* in: where */
	uint32_t zero;
	char comm[COMM_LEN];
};

/* States that waits begin in, as the scheduler's events say it. */
#define WAIT_BIT_RUNNING 1u         /* preempted or yielded */
#define WAIT_BIT_INTERRUPTIBLE 2u   /* S */
#define WAIT_BIT_UNINTERRUPTIBLE 4u /* D */
#define WAIT_BIT_STOPPED 8u         /* T, t */
#define WAIT_BIT_OTHER 16u          /* I, P, .. */

#define HOPS_MAX 8
#define ASLEEP_STACK (64u << 10)
#define WAIT_THREADS_DEFAULT 65536u
#define WAIT_KEYS_DEFAULT 262144u

/* Who ended a wait, and who ended the waker's own: a part of the wait for each, latest first. */
struct wait_hop {
	uint64_t chain; /* hash of a CHAIN record */
	uint64_t from;  /* the part begins here; it ends where the one before it begins */
};

/* The wakers of a thread's current wait, and its last wait with its wakers. */
struct wait_wakers {
	uint64_t stack, start, end; /* of the last wait; stack 0 = there was none */
	uint32_t n, last_n;
	struct wait_hop hop[HOPS_MAX], last[HOPS_MAX];
};

/* A thread's stack as it was found once, to be recognised: see recall.bpf.h. */
#define RECALL_SLOTS 8192u
#define RECALL_USER 192u
#define RECALL_KERNEL 64u

/* Counters per CPU: every way a switch can end. */
struct wait_stats {
	uint64_t switches;   /* away from a thread that was asked for */
	uint64_t walked, recalled, spared; /* its stack was .. ; spared: not taken */
	uint64_t checked, wrong; /* of those recalled: walked all the same; and it was another */
	uint64_t filtered;   /* waits that were not asked for */
	uint64_t no_key, no_thread; /* found no room */
	uint64_t unseen;     /* waits whose wake-up was not seen */
	uint64_t asleep;     /* threads found asleep */
	uint64_t busy;       /* scratch was in use */
	uint64_t ring_full;
	uint64_t untold;     /* switches that the kernel did not tell of */
	uint64_t run_ns;
	uint64_t running;    /* the thread that was switched in last */
};

struct wait_config {
	uint64_t min, max;     /* ns; 0 = no limit */
	uint32_t states;       /* WAIT_STATE_ bits, 0 = any */
	uint32_t hops;         /* 0 = wakers are not looked at */
	uint32_t locks;
	uint32_t user_threads, kernel_threads;
	uint32_t check, no_recall;
	uint32_t everything;   /* 1: all threads are wanted, none need be asked */
};

/* -- configuration: written to .rodata before the load ----------------------------------------- */

/* The start-up self-test: addresses of our own process that the mapping walk is asked about. */
#define SELFTEST_MAX 64

struct selftest_probe {
	uint64_t addr;              /* in */
	uint64_t start, end, flags; /* out: the vma's, 0 when none was found */
	uint64_t offset;            /* out: file offset of `start` */
};

#define TARGETS_MAX 4096
#define CGROUPS_MAX 32

struct cpu_config {
	uint32_t filter_pids;   /* 1: only processes in `target_pids` */
	uint32_t filter_tids;   /* 1: only threads in `target_tids` */
	uint32_t filter_comm;   /* 1: only threads or processes called `comm` */
	uint32_t n_cgroups;     /* only tasks at or below one of these */
	uint32_t include_idle;
	uint32_t no_user, no_kernel;
	uint32_t max_frames;    /* user frames, at most FRAMES_USER_MAX */
	uint32_t follow_forks;  /* children of target_pids become targets */
	uint32_t oracle_every;  /* a raw record of one sample in so many, 0 = none */
	uint32_t raw_pending;   /* 1: raw records of walks that met a table still being built */
	uint32_t skip_tgid;     /* never sample this process (ourselves), 0 = nobody */
	char comm[COMM_LEN];
};

/* What may change while a capture runs: user space writes it, programs read it at every event. */
struct capture_control {
	uint32_t weight;     /* ticks that each tick stands for: 1, or more when slowed down */
	uint32_t max_frames; /* user frames, at most those of cpu_config; 0 = those */
};

_Static_assert(sizeof(struct wait_key) == 32, "abi");
_Static_assert(sizeof(struct wait_sum) == 40, "abi");
_Static_assert(sizeof(struct wait_thread) == 72, "abi");
_Static_assert(sizeof(struct wait_hop) == 16, "abi");
_Static_assert(sizeof(struct wait_wakers) == 288, "abi");
_Static_assert(sizeof(struct wait_stats) == 128, "abi");
_Static_assert(sizeof(struct wait_config) == 48, "abi");
_Static_assert(sizeof(struct capture_control) == 8, "abi");
_Static_assert(sizeof(struct file_key) == 32, "abi");
_Static_assert(sizeof(struct jit_key) == 16, "abi");
_Static_assert(sizeof(struct file_slot) == 16, "abi");
_Static_assert(sizeof(struct unwind_rule) == 16, "abi");
_Static_assert(sizeof(struct sample_record) == 80, "abi");
_Static_assert(sizeof(struct file_record) == 656, "abi");
_Static_assert(sizeof(struct raw_record) == 192, "abi");
_Static_assert(sizeof(struct selftest_probe) == 40, "abi");
_Static_assert(sizeof(struct tick_stats) == 88, "abi");
_Static_assert(sizeof(struct cpu_config) == 64, "abi");

#endif
