/* kernel.bpf.h - the kernel's types as far as we look at them. BPF only.
 *
 * Hand-written and minimal instead of a 3 MB vmlinux.h: each struct names just the fields we read and
 * is relocated by CO-RE when the program is loaded (preserve_access_index), so order and offsets here
 * mean nothing. Fields that were renamed or re-typed between kernels have a flavour (`___name`), with
 * the kernel that changed them noted beside it.
 */
#ifndef WAGGLE_BPF_KERNEL_H
#define WAGGLE_BPF_KERNEL_H

#include <stdbool.h>

#include "bpf/abi.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
/* The names bpf_helper_defs.h expects. */
typedef uint8_t __u8;
typedef uint16_t __u16;
typedef uint32_t __u32;
typedef uint64_t __u64;
typedef int16_t __s16;
typedef int32_t __s32;
typedef int64_t __s64;
typedef uint16_t __be16;
typedef uint32_t __be32;
typedef uint32_t __wsum;

enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_CGROUP_ARRAY = 8,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
};

#define BPF_F_NO_PREALLOC 1u
#define BPF_F_MMAPABLE (1u << 10)
#define BPF_RB_NO_WAKEUP 1u
#define BPF_RB_FORCE_WAKEUP 2u

/* Registers as the kernel saves them on entry; this layout is ABI, not CO-RE's business. */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	unsigned long ip, cs, flags, sp, ss;
};
#else
#error "the walker's register seam is filled for x86-64 only"
#endif

/* The futex call, and the register of its first argument by DWARF number. */
#define SYSCALL_FUTEX 202u
#define SYSCALL_SCHED_YIELD 24u
#define FUTEX_ADDRESS 5

struct bpf_perf_event_data {
	struct pt_regs regs;
	u64 sample_period, addr;
};

struct bpf_raw_tracepoint_args {
	u64 args[4]; /* as many as the tracepoint has */
};

#ifdef __BPF__ /* the host build reads its own structs */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

struct maple_tree {
	void *ma_root;
};

struct super_block {
	u32 s_dev;
};

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

struct inode {
	unsigned long i_ino; /* u64 since 7.2: the same 8 bytes */
	u32 i_generation;
	s64 i_size;
	struct super_block *i_sb;
};

struct inode___mtime { /* up to 6.5 */
	struct timespec64 i_mtime;
};

struct inode___mtime_private { /* 6.6 */
	struct timespec64 __i_mtime;
};

struct inode___mtime_split { /* 6.11 */
	s64 i_mtime_sec;
	u32 i_mtime_nsec;
};

struct qstr {
	u32 len;
	const unsigned char *name;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct inode *f_inode;
	struct path f_path;
};

struct vm_area_struct {
	unsigned long vm_start, vm_end; /* adjacent on every kernel so far: read together */
	unsigned long vm_flags;
	unsigned long vm_pgoff;
	struct file *vm_file;
};

typedef struct {
	void *vdso;
} mm_context_t;

struct xol_area { /* where uprobes run displaced instructions; its first slot is the return trampoline */
	unsigned long vaddr;
};

struct uprobes_state {
	struct xol_area *xol_area;
};

struct mm_struct {
	struct maple_tree mm_mt;
	mm_context_t context;
	struct uprobes_state uprobes_state;
};

struct mm_struct___counted { /* 6.4: grows when a change of the mappings is complete */
	int mm_lock_seq;
};

struct seqcount {
	u32 sequence;
};

struct mm_struct___seqcount { /* 6.13: odd while they are being changed */
	struct seqcount mm_lock_seq;
};

struct return_instance { /* of a function that has a return probe and has not returned */
	unsigned long stack, orig_ret_vaddr;
	struct return_instance *next;
};

struct uprobe_task {
	struct return_instance *return_instances;
	unsigned long vaddr, xol_vaddr;
};

struct atomic {
	int counter;
};

struct signal_struct {
	struct atomic live;
};

struct cfs_rq {
	int throttle_count; /* of it and of the groups above it */
};

struct sched_entity {
	struct cfs_rq *cfs_rq;
};

struct task_struct___throttled { /* 6.18: threads are held back one by one */
	bool throttled;
};

struct kernfs_node {
	struct kernfs_node *parent; /* up to 6.14 */
	u64 id;
};

struct kernfs_node___rcu { /* 6.15 */
	struct kernfs_node *__parent;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	unsigned int flags;
	int pid, tgid;
	char comm[16];
	struct mm_struct *mm;
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct uprobe_task *utask;
	u64 start_time, self_exec_id;
	unsigned int __state;
	int exit_state;
	int on_cpu;
	void *stack;
	struct sched_entity se;
	struct css_set *cgroups;
	unsigned int in_execve : 1;
	unsigned int in_iowait : 1;
};

struct bpf_iter__task {
	struct task_struct *task;
};

#ifdef __BPF__
#pragma clang attribute pop
#endif

#define CGROUP_DEPTH_MAX 16
#define E_NO_ROOM 7 /* E2BIG: a map is full */
#define PF_KTHREAD 0x00200000

/* Bits of the state that the scheduler's events tell (include/linux/sched.h). */
#define TASK_INTERRUPTIBLE 0x1u
#define TASK_UNINTERRUPTIBLE 0x2u
#define TASK_STOPPED 0x4u
#define TASK_TRACED 0x8u
#define TASK_DEAD 0x80u

#define KERNEL_STACK_BYTES (16u << 10) /* x86-64; more with KASAN, where nothing is recognised then */
#define VM_EXEC 0x00000004

#endif
