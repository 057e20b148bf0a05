/* unwind.bpf.c - the walker: from registers to a whole user stack, inside the kernel.
 *
 * For every frame: which mapping is the pc in (asked of the process's own mapping tree, without locks,
 * with a small cache per walk), which file and offset is that, which unwind rule holds there, and so
 * where the caller's registers are. Nothing about processes is kept: a file that was never met is
 * announced once and user space builds a table for it, so dlopen, exec and short-lived processes need
 * no tracking. The walk is one bpf_loop, verified once whatever the depth.
 *
 * The mapping tree (struct maple_tree, Linux 6.1) is read with plain probe reads while its owner may be
 * changing it: nodes are checked, a look-up that failed is repeated a few times, and what then fails is
 * reported by cause. Everything that ends a walk early is a row of ends.def.
 *
 * Also compiled for the host and tested there (test/host), hence no kernel headers.
 */
#define WAGGLE_DEFINE_MAPS
#include "bpf/maps.bpf.h"

#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* User frames at most; set before the load. */
const volatile uint32_t walk_max_frames = FRAMES_USER_DEFAULT;

/* Ids of files, handed out here so that frames of a file have their name before its table is built. */
uint32_t next_file = FILE_FIRST;

enum { MAPPING_RETRIES = 3, MAPLE_DEPTH_MAX = 8, PAGE_BYTES = 4096 };
/* enum maple_type in include/linux/maple_tree.h; the layouts below are checked at start-up. */
enum { MAPLE_LEAF_64 = 1, MAPLE_RANGE_64 = 2, MAPLE_ARANGE_64 = 3 };

/* struct walk's regs_known, by DWARF number. */
#define REGS_ALL 0xffffu
#define DWARF_RBX 3u

/* A frame pointer further away than this is taken for some other value. */
#define FP_REACH (1u << 20)

/* -- the mapping tree --------------------------------------------------------------------------- */

/* One step down: the entry for addr in the node that was read to w->node. A node is 256 bytes of
 * {parent, pivots, slots}; the pivots are inclusive upper bounds, in order. */
static __always_inline u64 maple_child(struct walk *w, u32 type, u64 addr)
{
	u32 k, last;

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
static __always_inline u64 maple_find(struct walk *w, struct mm_struct *mm, u64 addr)
{
	u64 entry = (u64)BPF_CORE_READ(mm, mm_mt.ma_root);

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

/* Once per file: whoever moves it from NEW to ASKED sends the record. */
static __always_inline void file_announce(struct walk *w, struct file *file, struct file_key *key,
					  u32 id, struct mapping *m)
{
	struct file_slot *slot = bpf_map_lookup_elem(&files, &id);
	struct file_record *r;
	const unsigned char *name;

	if (!slot || slot->state != FILE_NEW ||
	    __sync_val_compare_and_swap(&slot->state, FILE_NEW, FILE_ASKED) != FILE_NEW)
		return;
	r = bpf_ringbuf_reserve(&file_ring, sizeof(*r), 0);
	if (!r) {
		slot->state = FILE_NEW; /* the next sample tries again */
		return;
	}
	r->time = bpf_ktime_get_ns();
	r->key = *key;
	r->start = m->start;
	r->end = m->end;
	r->offset = m->offset;
	r->file = id;
	r->tgid = w->tgid;
	r->path_bytes = r->path_whole = 0;
	r->name[0] = 0;
	name = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	bpf_probe_read_kernel_str(r->name, sizeof(r->name), name);
	bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
}

/* The id of the file, new ids included; FILES_MAX when there is no room for another. */
static __always_inline u32 file_id(struct file_key *key)
{
	u32 *known = bpf_map_lookup_elem(&file_ids, key), id;

	if (known)
		return *known;
	if (next_file >= FILES_MAX)
		return FILES_MAX;
	id = __sync_fetch_and_add(&next_file, 1);
	if (id >= FILES_MAX)
		return FILES_MAX;
	if (!bpf_map_update_elem(&file_ids, key, &id, BPF_NOEXIST))
		return id;
	known = bpf_map_lookup_elem(&file_ids, key); /* another processor was first */
	return known ? *known : FILES_MAX;
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
	if (!file) {
		w->now.file = FILE_JIT;
		if ((u64)BPF_CORE_READ(mm, context.vdso) == w->now.start) {
			w->now.file = FILE_VDSO;
			w->now.offset = 0;
		}
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
	w->now.file = id;
	file_announce(w, file, &key, id, &w->now);
	return 0;
}

/* Makes w->now the mapping of addr. 0, or how the walk ends. */
static __always_inline u32 mapping_find(struct walk *w, u64 addr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm;
	struct vm_area_struct *vma;
	u64 range[2];
	u32 end;

	if (addr >= w->now.start && addr < w->now.end)
		return 0;
	for (int i = 0; i < MAPPING_CACHE; i++) {
		if (addr >= w->cache[i].start && addr < w->cache[i].end) {
			w->now = w->cache[i];
			return 0;
		}
	}
	w->now.end = 0;
	mm = BPF_CORE_READ(task, mm);
	if (!mm)
		return WALK_NO_MAPPING;
	vma = (void *)maple_find(w, mm, addr);
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

/* -- rules -------------------------------------------------------------------------------------- */

static __always_inline u32 word_at(u32 address)
{
	u32 k = address >> SLAB_WORDS_SHIFT, zero = 0;
	void *inner = bpf_map_lookup_elem(&slabs, &k);
	struct slab *slab;

	if (!inner)
		return 0;
	slab = bpf_map_lookup_elem(inner, &zero);
	return slab ? slab->words[address & (SLAB_WORDS - 1)] : 0;
}

/* The rule number for an offset in a file with a table (layout: abi.h). 0 = RULE_END. */
static __always_inline u32 rule_number(struct file_slot *slot, u64 offset)
{
	u32 block_no = (u32)(offset >> BLOCK_SHIFT) - slot->first_block;
	u32 in_block = (u32)offset & (BLOCK_BYTES - 1), sub = in_block >> BLOCK_SUB_SHIFT;
	u32 block, k, zero = 0, head0, head1, first, last, n;
	struct slab *slab;
	void *inner;

	if (block_no >= slot->n_blocks)
		return 0;
	block = word_at(slot->index + block_no);
	if (!block)
		return 0;
	k = block >> SLAB_WORDS_SHIFT; /* a block never crosses a slab: one look-up for all of it */
	inner = bpf_map_lookup_elem(&slabs, &k);
	if (!inner)
		return 0;
	slab = bpf_map_lookup_elem(inner, &zero);
	if (!slab)
		return 0;
	head0 = slab->words[(block + (sub >> 1)) & (SLAB_WORDS - 1)];
	head1 = slab->words[(block + ((sub + 1) >> 1)) & (SLAB_WORDS - 1)];
	first = sub & 1 ? head0 >> 16 : head0 & 0xffff;
	last = sub & 1 ? head1 & 0xffff : head1 >> 16;
	n = last - first + 1;
	block += BLOCK_HEAD_WORDS + first;
	for (int i = 0; i < 9 && n > 1; i++) { /* 256 byte offsets: at most 2^8 + 1 rows */
		u32 half = n >> 1;

		if ((slab->words[(block + half) & (SLAB_WORDS - 1)] >> 16) <= in_block)
			block += half;
		n -= half;
	}
	return slab->words[block & (SLAB_WORDS - 1)] & 0xffff;
}

/* -- the stack ---------------------------------------------------------------------------------- */

/* Reads a word of user stack through the chunk buffer. 0, or -1 when the memory cannot be read. */
static __always_inline int stack_word(struct walk *w, u64 addr, u64 *ret)
{
	u64 at = addr - w->chunk_start;

	if (at >= CHUNK_BYTES || addr + 8 > w->chunk_end) {
		u64 len = PAGE_BYTES - (addr & (PAGE_BYTES - 1)); /* the next page may be absent */

		if (len > CHUNK_BYTES)
			len = CHUNK_BYTES;
		if (len < 8)
			len = 8;
		w->chunk_end = 0;
		if (bpf_probe_read_user(w->chunk, len, (void *)addr))
			return -1;
		w->chunk_start = addr;
		w->chunk_end = addr + len;
		at = 0;
	}
	if (at > CHUNK_BYTES)
		return -1;
	*ret = *(u64 *)(w->chunk + at);
	return 0;
}

static __always_inline u32 step_frame_pointer(struct walk *w, u32 otherwise)
{
	u64 ra, bp;

	if (w->bp + 8 <= w->sp || w->bp - w->sp > FP_REACH || (w->bp & 7))
		return otherwise;
	if (stack_word(w, w->bp, &bp) || stack_word(w, w->bp + 8, &ra))
		return otherwise;
	w->sp = w->bp + 16;
	w->bp = bp;
	w->ip = ra;
	w->exact = 0;
	w->regs_known = 0;
	w->by_fp = 1;
	return ra ? WALK_END_MAX : WALK_BOTTOM;
}

/* volatile keeps it out of a mergeable section, whose BTF the kernel refuses. */
static const volatile uint8_t signal_order[] = { 8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7 };

/* A signal handler's caller is the code that was interrupted, with all its registers: at sp lies the
 * ucontext, whose gregs start at 40 in the order r8..r15, di, si, bp, bx, dx, ax, cx, sp, ip
 * (arch/x86/include/uapi/asm/sigcontext.h). */
static __always_inline u32 step_signal(struct walk *w)
{
	u64 at = w->sp + 40, ip;

	for (int i = 0; i < 16; i++)
		if (stack_word(w, at + i * 8, &w->regs[signal_order[i] & 15]))
			return WALK_STACK_READ;
	if (stack_word(w, at + 16 * 8, &ip))
		return WALK_STACK_READ;
	w->bp = w->regs[6];
	w->sp = w->regs[7];
	w->ip = ip;
	w->exact = 1;
	w->regs_known = REGS_ALL;
	w->rbx_slot = 0;
	return WALK_END_MAX;
}

/* The canonical frame address by the rule. 0, or how the walk ends. */
static __always_inline u32 rule_cfa(struct walk *w, struct unwind_rule *r, u64 *ret)
{
	switch (r->kind) {
	case RULE_RSP:
	case RULE_RA_REG:
		*ret = w->sp + r->cfa_off;
		return 0;
	case RULE_RBP:
		*ret = w->bp + r->cfa_off;
		return 0;
	case RULE_PLT:
		*ret = w->sp + 8 + ((w->ip & 15) >= (u64)r->cfa_off ? 8 : 0);
		return 0;
	case RULE_DEREF_RSP:
	case RULE_DEREF_RBP:
		if (stack_word(w, (r->kind == RULE_DEREF_RSP ? w->sp : w->bp) + r->cfa_off, ret))
			return WALK_STACK_READ;
		*ret += r->add;
		return 0;
	case RULE_REG:
		if (!(w->regs_known >> (r->cfa_reg & 15) & 1))
			return WALK_RULE;
		*ret = w->regs[r->cfa_reg & 15];
		if (r->cfa_reg == DWARF_RBX && w->rbx_slot && stack_word(w, w->rbx_slot, ret))
			return WALK_STACK_READ;
		*ret += r->cfa_off;
		return 0;
	}
	return WALK_RULE;
}

/* What is left of the registers in the caller: rbx, and of it only where it is. It is read if a rule asks
 * for it, which is rare: hardly a walk pays for it. */
static __always_inline void rule_registers(struct walk *w, struct unwind_rule *r, u64 cfa)
{
	if (r->rbx_at == RBX_LOST) {
		w->regs_known = 0;
	} else if (r->rbx_at) {
		w->regs_known = 1u << DWARF_RBX;
		w->rbx_slot = cfa - 8 * (u64)r->rbx_at;
	} else {
		w->regs_known &= 1u << DWARF_RBX;
	}
}

/* The return address by the rule. 0, or how the walk ends. */
static __always_inline u32 rule_return(struct walk *w, struct unwind_rule *r, u64 cfa, u64 *ret)
{
	if (r->kind != RULE_RA_REG)
		return stack_word(w, cfa + r->ra_off, ret) ? WALK_STACK_READ : 0;
	if (!(w->regs_known >> (r->cfa_reg & 15) & 1))
		return WALK_RULE;
	*ret = w->regs[r->cfa_reg & 15];
	return 0;
}

static __always_inline u32 step_rule(struct walk *w, struct unwind_rule *r)
{
	u64 cfa = 0, ra = 0, bp = w->bp;
	u32 end;

	if (r->kind == RULE_SIGNAL)
		return step_signal(w);
	if (r->kind == RULE_BOTTOM)
		return WALK_BOTTOM;
	end = rule_cfa(w, r, &cfa);
	if (end)
		return end;
	/* A return address that was popped leaves a frame of no bytes. */
	if (cfa < w->sp || (cfa == w->sp && r->kind != RULE_RA_REG))
		return WALK_CFA;
	if (r->rbp_kind == RBP_CFA && stack_word(w, cfa + r->rbp_off, &bp))
		return WALK_STACK_READ;
	if (r->rbp_kind == RBP_RBP && stack_word(w, w->bp + r->rbp_off, &bp))
		return WALK_STACK_READ;
	end = rule_return(w, r, cfa, &ra);
	if (end)
		return end;
	rule_registers(w, r, cfa);
	w->ip = ra;
	w->sp = cfa;
	w->bp = bp;
	w->exact = 0;
	w->by_fp = 0;
	return ra ? WALK_END_MAX : WALK_BOTTOM;
}

/* -- the walk ----------------------------------------------------------------------------------- */

static __always_inline u32 step_in_file(struct walk *w, u64 offset)
{
	u32 id = w->now.file, number;
	struct file_slot *slot = bpf_map_lookup_elem(&files, &id);
	struct unwind_rule *rule;

	if (!slot)
		return WALK_FILES_FULL;
	if (slot->state == FILE_NO_TABLE)
		return step_frame_pointer(w, WALK_NO_TABLE);
	if (slot->state != FILE_READY)
		return WALK_PENDING;
	number = rule_number(slot, offset);
	rule = bpf_map_lookup_elem(&rules, &number);
	if (!number || !rule)
		return step_frame_pointer(w, WALK_GAP);
	return step_rule(w, rule);
}

static __always_inline void frame_add(struct walk *w, u64 frame)
{
	u32 at = (w->base & (FRAMES_KERNEL_MAX - 1)) + (w->n & (FRAMES_USER_MAX - 1));

	w->frames[at] = frame;
	w->n++;
	w->hash = (w->hash ^ frame) * 0x9e3779b97f4a7c15ull;
	w->hash ^= w->hash >> 32;
}

static __always_inline u32 mapping_failed(struct walk *w, u32 why)
{
	if (why == WALK_FILES_FULL)
		return why;
	if (w->retries < MAPPING_RETRIES) { /* the tree may just have been changing */
		w->retries++;
		w->maps_retried++;
		return WALK_END_MAX;
	}
	if (w->by_fp)
		return WALK_FRAME_POINTER; /* what we took for a frame pointer was none */
	frame_add(w, (w->exact ? w->ip : w->ip - 1) & FRAME_OFFSET_MASK); /* FILE_UNKNOWN */
	return why;
}

/* One frame. Returns how the walk ended, WALK_END_MAX to go on. */
static __always_inline u32 walk_step(struct walk *w)
{
	u64 look = w->exact ? w->ip : w->ip - 1, offset;
	u32 why;

	if (w->n >= walk_max_frames || w->n >= FRAMES_USER_MAX)
		return WALK_DEPTH;
	why = mapping_find(w, look);
	if (why)
		return mapping_failed(w, why);
	w->retries = 0;
	offset = look - w->now.start + w->now.offset;
	frame_add(w, (u64)w->now.file << FRAME_FILE_SHIFT | (offset & FRAME_OFFSET_MASK));
	w->end_file = w->now.file;
	if (w->now.file == FILE_JIT) {
		w->hash ^= (u64)w->tgid << 32; /* generated code: addresses mean something else in
						  every process */
		return step_frame_pointer(w, WALK_FRAME_POINTER);
	}
	return step_in_file(w, offset);
}

struct walk_loop {
	struct walk *w;
};

static long walk_loop_step(u32 i, void *ctx)
{
	struct walk_loop *loop = ctx;
	struct walk *w = loop->w;
	u32 end = walk_step(w);

	if (end == WALK_END_MAX)
		return 0;
	w->end = end;
	return 1;
}

/* In execve the old program's memory is gone while the task still has its registers. */
static __always_inline bool task_in_exec(struct task_struct *task)
{
	return bpf_core_field_exists(task->in_execve) && BPF_CORE_READ_BITFIELD_PROBED(task, in_execve);
}

int walk_user(u32 slot)
{
	struct walk_loop loop;

	loop.w = bpf_map_lookup_elem(&scratch, &slot);
	if (!loop.w)
		return 0;
	loop.w->n = 0;
	loop.w->end = WALK_END_MAX;
	loop.w->end_file = 0;
	loop.w->retries = 0;
	loop.w->exact = 1;
	loop.w->by_fp = 0;
	loop.w->regs_known = REGS_ALL;
	loop.w->rbx_slot = 0;
	loop.w->maps_retried = 0;
	loop.w->chunk_start = loop.w->chunk_end = 0;
	loop.w->now.start = loop.w->now.end = 0;
	for (int i = 0; i < MAPPING_CACHE; i++)
		loop.w->cache[i].start = loop.w->cache[i].end = 0;
	bpf_loop(walk_max_frames + 1 + 4 * MAPPING_RETRIES, walk_loop_step, &loop, 0);
	if (loop.w->end == WALK_END_MAX)
		loop.w->end = WALK_DEPTH;
	if (loop.w->n <= 1 && loop.w->end != WALK_BOTTOM &&
	    task_in_exec(bpf_get_current_task_btf())) {
		loop.w->end = WALK_EXEC;
		loop.w->n = 0;
	}
	if (loop.w->end == WALK_BOTTOM)
		loop.w->end_file = 0;
	return loop.w->n;
}
