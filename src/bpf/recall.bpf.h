/* recall.bpf.h - recognising the stack of a thread that waits where it waited before, without a walk. BPF only.
 *
 * A walk is a function of a few things: the registers it starts from, the mappings, the rules of the files
 * that are mapped, and the words of the stack that it reads. So a stack is the same as an earlier one
 * of the thread when
 *
 *   - ip, sp, rbp and rbx are the same (walks that used another register are not remembered),
 *   - the address space is the same and unchanged (struct mapping_owner; the kernel's own count), and what is
 *     at an address of it never changes, since a file id is one content for good,
 *   - every word the walk read has the value it had: their places are remembered, and a 64-bit hash over
 *     the values, as stacks are told apart by a 64-bit hash everywhere here.
 *
 * By induction every step then does what it did. The kernel's own part is walked by the kernel, which reads
 * return addresses, and, where a function keeps its frame in rbp, saved frame pointers: values that point
 * into the same stack. Remembered are the places of all words between the stack pointer and the stack's end
 * that are one of the return addresses its walk gave or point into that stack, and the same induction
 * holds. The stack pointer is known exactly: it is the program's own frame, which must lie in the thread's
 * stack (it does not in an interrupt, nor where the kernel gave programs stacks of their own).
 *
 * A tenth of a walk's cost for deep stacks, a fifth for shallow ones. `check` has every recognised stack walked
 * all the same and counts where the two differ.
 */
#ifndef WAGGLE_BPF_RECALL_H
#define WAGGLE_BPF_RECALL_H

#include "bpf/maps.bpf.h"
#include "bpf/owner.bpf.h"
#include "bpf/words.bpf.h"

#define KERNEL_WORDS 512u
#define RECALL_FRAMES 32u /* kernel frames at most */

struct recalled {
	u32 busy; /* one processor at a time reads or writes it */
	u32 tid;
	struct mapping_owner owner;
	u64 ip, sp, bp, bx, kernel_sp, cause;
	u64 user_hash, kernel_hash, stack;
	u16 n_user, n_kernel;
	u16 user[RECALL_USER];     /* distances from sp, in words, in the order they were read */
	u16 kernel[RECALL_KERNEL]; /* the same from kernel_sp, ascending */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct recalled);
	__uint(max_entries, RECALL_SLOTS);
} recalled SEC(".maps");

struct kernel_words {
	u64 word[KERNEL_WORDS];
	/* While one is learnt: return addresses found so far. Here, not on the program's stack, where the
	 * verifier would follow each of its values. */
	u32 next;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct kernel_words);
	__uint(max_entries, 1);
} kernel_words SEC(".maps");

static __always_inline u64 recall_mix(u64 hash, u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

/* The words that the user's part was walked by, as they are now; hashed as read_note() does. */
VERIFIED_ONCE u64 recall_user(struct walk *w, struct recalled *m)
{
	u64 hash = 0, value;

	if (!w || !m)
		return 0;
	w->chunk_start = w->chunk_end = 0;
	for (u32 i = 0; i < RECALL_USER; i++) {
		if (i >= m->n_user)
			break;
		if (stack_word(w, w->reads_base + 8 * (u64)m->user[i], &value))
			return ~0ull;
		hash = recall_mix(hash, value);
	}
	return hash;
}

VERIFIED_ONCE u64 recall_kernel(struct kernel_words *k, struct recalled *m)
{
	u64 hash = 0;

	if (!k || !m)
		return 0;
	for (u32 i = 0; i < RECALL_KERNEL; i++) {
		if (i >= m->n_kernel)
			break;
		hash = recall_mix(hash, k->word[m->kernel[i] & (KERNEL_WORDS - 1)]);
	}
	return hash;
}

/* The first `n` words of the kernel's stack from `sp` up. */
static __always_inline bool recall_copy(struct kernel_words *k, u64 sp, u32 n)
{
	if (!n || n > KERNEL_WORDS)
		return false;
	return !bpf_probe_read_kernel(k->word, n * sizeof(u64), (void *)sp);
}

struct learning {
	struct walk *w;
	struct kernel_words *k;
	struct recalled *m;
	u64 low; /* the stack's lowest address */
	u32 n_frames;
};

VERIFIED_ONCE int recall_is_frame(struct walk *w, u64 word, u32 n)
{
	if (!w || !(word >> 63))
		return 0;
	for (u32 j = 0; j < RECALL_FRAMES; j++) {
		if (j >= n)
			break;
		if (word == w->frames[j])
			return 1;
	}
	return 0;
}

/* One word of the kernel's stack: is it one of the return addresses that its walk gave (any of them: an old
 * copy may lie below the real one), or does it point into the stack? */
static long recall_look(u32 i, void *ctx)
{
	struct learning *l = ctx;
	u64 word = l->k->word[i & (KERNEL_WORDS - 1)];
	bool counts = word - l->low < KERNEL_STACK_BYTES || recall_is_frame(l->w, word, l->n_frames);
	u32 n = l->m->n_kernel;

	if (!counts)
		return 0;
	if (n >= RECALL_KERNEL) {
		l->m->n_kernel = RECALL_KERNEL + 1;
		return 1;
	}
	l->m->kernel[n] = i;
	l->m->n_kernel = n + 1;
	if (word == l->w->frames[l->k->next & (FRAMES_KERNEL_MAX - 1)])
		l->k->next++;
	return 0;
}

/* Remembers the kernel's part, whose first frames are the programs' own. False when not all return addresses
 * are where they should be: another tracer may have put its own there. */
static __always_inline bool recall_learn_kernel(struct walk *w, struct kernel_words *k, struct recalled *m,
						u64 low, u32 n_words, u32 n_frames)
{
	struct learning l = { .w = w, .k = k, .m = m, .low = low, .n_frames = n_frames };

	u32 own = 0;

	while (own < 4 && own < n_frames && w->frames[own] != k->word[1])
		own++;
	if (own >= 4 || n_frames > RECALL_FRAMES)
		return false;
	m->n_kernel = 0;
	k->next = own;
	bpf_loop(n_words, recall_look, &l, 0);
	return k->next == n_frames && m->n_kernel <= RECALL_KERNEL;
}

#endif
