/* mapping.bpf.h - from an address to (file, offset): the process's own mapping tree, read as it is. BPF only.
 *
 * The tree (struct maple_tree, Linux 6.1) is read with plain probe reads while its owner may be changing
 * it: nodes are checked, and a look-up that failed is repeated by the walk a few times. What was found is
 * kept for the walk, and for the next walk of the same address space on this processor as long as the
 * kernel's own count of changes to it (mm_lock_seq, Linux 6.4) has not moved; where there is no such count
 * nothing is kept.
 *
 * A file that was never met gets an id here and is announced once, with its path as the kernel knows it.
 */
#ifndef WAGGLE_BPF_MAPPING_H
#define WAGGLE_BPF_MAPPING_H

#include "bpf/maps.bpf.h"
#include "bpf/owner.bpf.h"

#include <bpf/bpf_core_read.h>

/* Ids of files, handed out here so that frames of a file have their name before its table is built. */
uint32_t next_file = FILE_FIRST;

enum { MAPLE_DEPTH_MAX = 8, PAGE_BYTES = 4096, PATH_STEPS_MAX = 40, PATH_PART_MAX = 128 };
/* enum maple_type in include/linux/maple_tree.h; the layouts below are checked at start-up. */
enum { MAPLE_LEAF_64 = 1, MAPLE_RANGE_64 = 2, MAPLE_ARANGE_64 = 3 };

/* -- the mapping tree --------------------------------------------------------------------------- */

/* One step down: the entry for addr in the node that was read to w->node. A node is 256 bytes of
 * {parent, pivots, slots}; the pivots are inclusive upper bounds, in order. */
VERIFIED_ONCE u64 maple_child(struct walk *w, u32 type, u64 addr)
{
	u32 k, last;

	if (!w)
		return 0;
	if (type == MAPLE_ARANGE_64) { /* 9 pivots at [1], 10 slots at [10], 10 gaps, then the end */
		last = w->node[9] ? 9 : (u8)w->node[30];
		for (k = 0; k < 9; k++)
			if (k >= last || w->node[1 + k] >= addr)
				break;
		return w->node[10 + k];
	}
	last = w->node[15] ? 15 : (u8)w->node[31]; /* 15 pivots at [1], 16 slots at [16] */
	for (k = 0; k < 15; k++)
		if (k >= last || w->node[1 + k] >= addr)
			break;
	return w->node[16 + k];
}

/* The vm_area_struct that may cover addr, or 0. */
VERIFIED_ONCE u64 maple_find(struct walk *w, u64 addr)
{
	struct mm_struct *mm;
	u64 entry;

	if (!w)
		return 0;
	mm = (void *)w->owner.mm;
	entry = (u64)BPF_CORE_READ(mm, mm_mt.ma_root);
	if ((entry & 3) != 2) /* not a node: an empty tree, or being torn down */
		return 0;
	for (int depth = 0; depth < MAPLE_DEPTH_MAX; depth++) {
		u64 node = entry & ~0xffull;
		u32 type = (entry >> 3) & 15;

		if (entry <= PAGE_BYTES || type < MAPLE_LEAF_64 || type > MAPLE_ARANGE_64)
			return 0;
		if (bpf_probe_read_kernel(w->node, sizeof(w->node), (void *)node))
			return 0;
		if ((w->node[0] & ~0xffull) == node) /* its own parent: replaced meanwhile */
			return 0;
		entry = maple_child(w, type, addr);
		if (type == MAPLE_LEAF_64)
			return entry;
	}
	return 0;
}

/* -- files -------------------------------------------------------------------------------------- */

static __always_inline u64 inode_mtime(struct inode *inode)
{
	struct inode___mtime_split *split = (void *)inode;
	struct inode___mtime_private *private = (void *)inode;
	struct inode___mtime *old = (void *)inode;

	if (bpf_core_field_exists(split->i_mtime_sec))
		return (u64)BPF_CORE_READ(split, i_mtime_sec) * 1000000000 +
		       BPF_CORE_READ(split, i_mtime_nsec);
	if (bpf_core_field_exists(private->__i_mtime))
		return (u64)BPF_CORE_READ(private, __i_mtime.tv_sec) * 1000000000 +
		       (u64)BPF_CORE_READ(private, __i_mtime.tv_nsec);
	if (bpf_core_field_exists(old->i_mtime))
		return (u64)BPF_CORE_READ(old, i_mtime.tv_sec) * 1000000000 +
		       (u64)BPF_CORE_READ(old, i_mtime.tv_nsec);
	return 0;
}

static __always_inline struct mount *path_mount(struct vfsmount *of)
{
	return (void *)of - bpf_core_field_offset(struct mount, mnt);
}

struct path_walk {
	struct walk *w;
	u64 dentry, mount;
	u32 bytes;
	u32 whole;
};

/* One step towards the root: an entry's name, or from a mounted tree to where it is mounted. */
static long path_step(u32 i, void *ctx)
{
	struct path_walk *p = ctx;
	struct dentry *dentry = (void *)p->dentry;
	struct mount *mount = (void *)p->mount, *parent;
	u64 up = (u64)BPF_CORE_READ(dentry, d_parent);
	u32 at = p->bytes;
	long n;

	if (p->dentry == (u64)BPF_CORE_READ(mount, mnt.mnt_root) || up == p->dentry) {
		parent = BPF_CORE_READ(mount, mnt_parent);
		p->whole = !parent || parent == mount;
		p->dentry = (u64)BPF_CORE_READ(mount, mnt_mountpoint);
		p->mount = (u64)parent;
		return p->whole ? 1 : 0;
	}
	if (at >= FILE_PATH_BYTES - PATH_PART_MAX)
		return 1;
	n = bpf_probe_read_kernel_str(p->w->chunk + at, PATH_PART_MAX,
				      BPF_CORE_READ(dentry, d_name.name));
	if (n <= 1 || n >= PATH_PART_MAX) /* cut: it could not be found by this */
		return 1;
	p->bytes = at + (u32)n;
	p->dentry = up;
	return 0;
}

/* The names from the file up to the root of its mount namespace, into the record. The stack's chunk is
 * where they are put together: this happens once per file. */
static __always_inline void path_record(struct file_record *r, struct walk *w, struct file *file)
{
	struct path_walk p = { .w = w };

	p.dentry = (u64)BPF_CORE_READ(file, f_path.dentry);
	p.mount = (u64)path_mount(BPF_CORE_READ(file, f_path.mnt));
	w->chunk_end = 0;
	bpf_loop(PATH_STEPS_MAX, path_step, &p, 0);
	r->path_whole = p.whole;
	r->path_bytes = p.bytes;
	__builtin_memcpy(r->path, w->chunk, sizeof(r->path));
}

/* Once per file: whoever moves it from NEW to ASKED sends the record. */
VERIFIED_ONCE int file_announce(struct walk *w, u64 of, struct file_key *key, u32 id)
{
	struct file_slot *slot = bpf_map_lookup_elem(&files, &id);
	struct file *file = (void *)of;
	struct file_record *r;
	const unsigned char *name;

	if (!w || !key || !slot || slot->state != FILE_NEW ||
	    __sync_val_compare_and_swap(&slot->state, FILE_NEW, FILE_ASKED) != FILE_NEW)
		return 0;
	r = bpf_ringbuf_reserve(&file_ring, sizeof(*r), 0);
	if (!r) {
		slot->state = FILE_NEW; /* the next sample tries again */
		return 0;
	}
	r->time = bpf_ktime_get_ns();
	r->key = *key;
	r->start = w->now.start;
	r->end = w->now.end;
	r->offset = w->now.offset;
	r->file = id;
	r->tgid = w->tgid;
	r->name[0] = 0;
	name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	bpf_probe_read_kernel_str(r->name, sizeof(r->name), name);
	path_record(r, w, file);
	bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* The id of the file, new ids included; FILES_MAX when there is no room for another. */
static __always_inline u32 file_id(struct file_key *key)
{
	u32 *known = bpf_map_lookup_elem(&file_ids, key), id;

	if (known)
		return *known;
	if (next_file >= FILES_GENERATED)
		return FILES_MAX;
	id = __sync_fetch_and_add(&next_file, 1);
	if (id >= FILES_GENERATED)
		return FILES_MAX;
	if (!bpf_map_update_elem(&file_ids, key, &id, BPF_NOEXIST))
		return id;
	known = bpf_map_lookup_elem(&file_ids, key); /* another processor was first */
	return known ? *known : FILES_MAX;
}

/* Memory without a file: the vDSO, or generated code, of which somebody may have given us a table. */
static __always_inline void mapping_anonymous(struct walk *w, struct mm_struct *mm)
{
	struct jit_key key = { .start = w->now.start, .tgid = w->tgid };
	u32 *table;

	if ((u64)BPF_CORE_READ(mm, context.vdso) == w->now.start) {
		w->now.file = w->now.table = FILE_VDSO;
		w->now.offset = 0;
		return;
	}
	w->now.file = FILE_JIT;
	table = bpf_map_lookup_elem(&jit_tables, &key);
	if (table)
		w->now.table = *table;
}

/* Turns the vma into w->now. 0, or how the walk ends. */
static __always_inline u32 mapping_identify(struct walk *w, struct mm_struct *mm,
					    struct vm_area_struct *vma)
{
	struct file *file = BPF_CORE_READ(vma, vm_file);
	struct file_key key = {};
	struct inode *inode;
	u32 id;

	w->now.offset = w->now.start;
	w->now.table = 0;
	if (!file) {
		mapping_anonymous(w, mm);
		return 0;
	}
	inode = BPF_CORE_READ(file, f_inode);
	key.ino = BPF_CORE_READ(inode, i_ino);
	key.size = BPF_CORE_READ(inode, i_size);
	key.mtime_ns = inode_mtime(inode);
	key.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	key.generation = BPF_CORE_READ(inode, i_generation);
	w->now.offset = BPF_CORE_READ(vma, vm_pgoff) * PAGE_BYTES;
	id = file_id(&key);
	if (id >= FILES_MAX)
		return WALK_FILES_FULL;
	w->now.file = w->now.table = id;
	file_announce(w, (u64)file, &key, id);
	return 0;
}

/* Makes w->now the mapping of addr, asking the tree. 0, or how the walk ends. */
VERIFIED_ONCE u32 mapping_look_up(struct walk *w, u64 addr)
{
	struct vm_area_struct *vma;
	struct mm_struct *mm;
	u64 range[2];
	u32 end;

	if (!w)
		return WALK_NO_MAPPING;
	mm = (void *)w->owner.mm;
	w->now.end = 0;
	vma = (void *)maple_find(w, addr);
	if (!vma)
		return WALK_MAP_TREE;
	if (bpf_probe_read_kernel(range, sizeof(range), &vma->vm_start))
		return WALK_MAP_TREE;
	if (addr < range[0] || addr >= range[1])
		return WALK_NO_MAPPING;
	if (!(BPF_CORE_READ(vma, vm_flags) & VM_EXEC))
		return WALK_NO_MAPPING;
	w->now.start = range[0];
	w->now.end = range[1];
	end = mapping_identify(w, mm, vma);
	if (end) {
		w->now.end = 0;
		return end;
	}
	w->cache[w->next_cached++ & (MAPPING_CACHE - 1)] = w->now;
	return 0;
}

/* Makes w->now the mapping of addr. 0, or how the walk ends. */
static __always_inline u32 mapping_find(struct walk *w, u64 addr)
{
	if (addr >= w->now.start && addr < w->now.end)
		return 0;
	for (int i = 0; i < MAPPING_CACHE; i++) {
		if (addr >= w->cache[i].start && addr < w->cache[i].end) {
			w->now = w->cache[i];
			return 0;
		}
	}
	return mapping_look_up(w, addr);
}

/* Keeps what the last walk on this processor found if the address space is the same and unchanged: the
 * same mm of the same process since the same exec, and nothing mapped or unmapped since. */
static __always_inline void mapping_begin(struct walk *w, struct task_struct *task)
{
	struct mapping_owner now = {};
	bool same;

	owner_read(task, &now);
	same = now.sequence && now.mm == w->owner.mm && now.sequence == w->owner.sequence &&
	       now.born == w->owner.born && now.exec == w->owner.exec;
	w->owner = now;
	w->now.end = 0;
	if (same)
		return;
	for (int i = 0; i < MAPPING_CACHE; i++)
		w->cache[i].start = w->cache[i].end = 0;
}

#endif
