/* recall.bpf.h - recognising the stack of a thread that waits where it waited before, without a
 * walk. BPF only.
 *
 * A walk is a function of a few things: the registers it starts from, the mappings, the rules of
 * the files that are mapped, and the words of the stack that it reads. So a stack is the same as an
 * earlier one of the thread when
 *
 *   - ip, sp, rbp and rbx are the same (walks that used another register are not remembered),
 *   - the address space is the same and unchanged (struct mapping_owner; the kernel's own count),
 * and what is at an address of it never changes, since a file id is one content for good,
 *   - every word the walk read has the value it had: their places are remembered, and a 64-bit hash
 * over the values, as stacks are told apart by a 64-bit hash everywhere here.
 *
 * By induction every step then does what it did.
 *
 * The kernel's own part is walked by the kernel, which reads return addresses and, where a function
 * keeps its frame in rbp, saved frame pointers, which point into the same stack. Which words these
 * are it does not tell. But they are among those that are one of the return addresses its walk gave
 * or that point into the stack; and of these, words that only look like it (left over from earlier
 * calls) are others the next time, while the real ones are the same whenever the stack is the same.
 * So at first all such words are remembered, and each time the stack is walked again and is the
 * same, only those that are still there are kept. What is left always holds the real ones, and a
 * stack in which all of it is there is the same stack. A set that does not hold every return
 * address, in order, is thrown away.
 *
 * The stack pointer is known exactly: it is the program's own frame, which must lie in the thread's
 * stack (it does not in an interrupt, nor where the kernel gave programs stacks of their own).
 * Kernels move the stack by a random number of bytes at every system call
 * (randomize_kstack_offset), below the entry's own frame: so places and pointers count from the
 * stack pointer, but those of the entry from the stack's end.
 *
 * `check` has every recognised stack walked all the same and counts where the two differ.
 */
#ifndef WAGGLE_BPF_RECALL_H
#define WAGGLE_BPF_RECALL_H

#include "bpf/maps.bpf.h"
#include "bpf/owner.bpf.h"
#include "bpf/words.bpf.h"

#define KERNEL_WORDS  512u
#define RECALL_WORDS  512u /* of the user's stack, read at once */
#define OWN_FRAMES    6u  /* the programs' own, at most */
#define RECALL_FRAMES 32u /* kernel frames at most */

/* A word of the kernel's stack: where, in words from kernel_sp, or from the stack's end
 * (RECALL_FROM_END), and a hash of what it is. */
struct recalled_word {
	u16 at;
	u16 value[2];
};

#define RECALL_FROM_END 0x8000u
#define RECALL_TO_END                                                                              \
	0x4000u /* it points to where it does, counted from the stack's end, not from kernel_sp */
#define RECALL_END_WORDS 37u /* pt_regs, and the entry's own frame */

struct recalled {
	u32 busy; /* one processor at a time reads or writes it */
	u32 tid;
	struct mapping_owner owner;
	u64 ip, sp, bp, bx, cause;
	u64 user_hash, stack;
	u16 n_user, n_kernel;
	u16 user[RECALL_USER]; /* distances from sp, in words, in the order they were read */
	struct recalled_word kernel[RECALL_KERNEL];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, struct recalled);
	__uint(max_entries, RECALL_SLOTS);
} recalled SEC(".maps");

struct kernel_words {
	u64 word[KERNEL_WORDS];
	/* While one is learnt: return addresses found so far, words kept. Here, not on the
	 * program's stack, where the verifier would follow each of its values. */
	volatile u32 next, kept;
	u32 n;       /* words that were read */
	u64 sp, low; /* where they begin, and where the stack does */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, u32);
	__type(value, struct kernel_words);
	__uint(max_entries, 1);
} kernel_words SEC(".maps");

/* Reads the user's stack from a place on, as far as the last word that is wanted. Into frames[], where there
 * are none yet. Returns how many words there are; 0 when the memory cannot be read. */
static __always_inline u32 recall_fill(struct walk *w, u32 at, u32 last)
{
	u32 n = last - at + 1;

	if (last < at)
		n = 1;
	if (n > RECALL_WORDS)
		n = RECALL_WORDS;
	return bpf_probe_read_user(w->frames, n * sizeof(u64), (void *)(w->reads_base + 8 * (u64)at)) ? 0 : n;
}

/* The words that the user's part was walked by, as they are now; hashed as read_note() does. */
VERIFIED_ONCE u64 recall_user(struct walk *w, struct recalled *m)
{
	u64 hash[READS_LANES] = {};
	u32 base = 0, n = 0, n_user, end, last;

	if (!w || !m)
		return 0;
	n_user = m->n_user;
	if (!n_user || n_user > RECALL_USER)
		return 0;
	end = n_user - 1;
	asm volatile("" : "+r"(end)); /* Linux 6.1 needs to see a mask; beyond user[] is kernel[] */
	last = m->user[end & 0xff];
	for (u32 i = 0; i < RECALL_USER; i += READS_LANES) {
		for (u32 lane = 0; lane < READS_LANES; lane++) {
			u32 at;

			if (i + lane >= n_user)
				return reads_hash(hash);
			at = m->user[i + lane];
			if (at - base >= n) {
				base = at;
				n = recall_fill(w, at, last);
				if (!n)
					return ~0ull;
			}
			hash[lane] = recall_mix(hash[lane], w->frames[(at - base) & (RECALL_WORDS - 1)]);
		}
	}
	return reads_hash(hash);
}

/* The kernel's stack from the program's own frame to its end. False when that is more than is
 * looked at. */
static __always_inline bool recall_copy(struct kernel_words *k, struct walk *w)
{
	u64 sp = w->kernel_sp, low = w->kernel_low, left = low + KERNEL_STACK_BYTES - sp;
	u32 n = (u32)left / 8;

	if (left > sizeof(k->word) || n < RECALL_END_WORDS || n > KERNEL_WORDS)
		return false;
	k->n = n;
	k->sp = sp;
	k->low = low;
	return !bpf_probe_read_kernel(k->word, n * sizeof(u64), (void *)sp);
}

static __always_inline u32 recall_place(struct kernel_words *k, u32 at)
{
	u32 words = at & ~(RECALL_FROM_END | RECALL_TO_END);

	return at & RECALL_FROM_END ? k->n - words : words;
}

/* Does it point into the entry's own part of the stack? */
static __always_inline bool recall_points_to_end(struct kernel_words *k, u64 word)
{
	return word - k->low < KERNEL_STACK_BYTES &&
	       word >= k->low + KERNEL_STACK_BYTES - 8 * RECALL_END_WORDS;
}

/* A word as it is compared: pointers into the stack by what they point at. */
static __always_inline u32 recall_value(struct kernel_words *k, u64 word, u32 at)
{
	if (word - k->low < KERNEL_STACK_BYTES)
		word -= at & RECALL_TO_END ? k->low : k->sp;
	return (u32)(recall_mix(0x51ed270b7a4b8f2dull, word) >> 16);
}

static __always_inline bool recall_is(struct kernel_words *k, struct recalled_word *r, u64 *ret)
{
	u32 at = recall_place(k, r->at), value;

	*ret = k->word[at & (KERNEL_WORDS - 1)];
	value = recall_value(k, *ret, r->at);
	return at < k->n && r->value[0] == (u16)value && r->value[1] == (u16)(value >> 16);
}

/* Are all remembered words there? */
VERIFIED_ONCE int recall_kernel(struct kernel_words *k, struct recalled *m)
{
	u64 word;

	if (!k || !m)
		return 0;
	for (u32 i = 0; i < RECALL_KERNEL; i++) {
		if (i >= m->n_kernel)
			break;
		if (!recall_is(k, &m->kernel[i], &word))
			return 0;
	}
	return 1;
}

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

struct learning {
	struct walk *w;
	struct kernel_words *k;
	struct recalled *m;
	u32 n_frames;
};

/* Counts return addresses in the order of their frames. */
static __always_inline void recall_next(struct walk *w, struct kernel_words *k, u64 word)
{
	if (word == w->frames[k->next & (FRAMES_KERNEL_MAX - 1)])
		k->next++;
}

/* False when there is no room for it. */
static __always_inline bool recall_remember(struct learning *l, u32 at, u64 word)
{
	u32 n = l->m->n_kernel, value = recall_value(l->k, word, at);

	if (n >= RECALL_KERNEL) {
		l->m->n_kernel = RECALL_KERNEL + 1;
		return false;
	}
	asm volatile("" : "+r"(n)); /* Linux 6.1 and 6.12 need to see the mask */
	n &= RECALL_KERNEL - 1;
	l->m->kernel[n].at = at;
	l->m->kernel[n].value[0] = (u16)value;
	l->m->kernel[n].value[1] = (u16)(value >> 16);
	l->m->n_kernel = n + 1;
	return true;
}

/* One word of the kernel's stack, met for the first time. Where the stack was hardly moved, a
 * function's frame lies where the entry's may: a pointer there is remembered in both ways, and the
 * wrong one goes as what is left over does, while the right one stays. */
static long recall_look(u32 i, void *ctx)
{
	struct learning *l = ctx;
	u64 word = l->k->word[i & (KERNEL_WORDS - 1)];
	bool in_end = l->k->n - i <= RECALL_END_WORDS, to_end = recall_points_to_end(l->k, word);
	u32 at = in_end ? RECALL_FROM_END | (l->k->n - i) : i;

	if (i >= l->k->n)
		return 1;
	if (word - l->k->low >= KERNEL_STACK_BYTES && !recall_is_frame(l->w, word, l->n_frames))
		return 0;
	if (!recall_remember(l, to_end ? at | RECALL_TO_END : at, word))
		return 1;
	if (to_end && !in_end && !recall_remember(l, at, word))
		return 1;
	recall_next(l->w, l->k, word);
	return 0;
}

/* The same stack again: only words that are still there are kept. */
VERIFIED_ONCE int recall_narrow(struct walk *w, struct kernel_words *k, struct recalled *m)
{
	u32 kept;
	u64 word;

	if (!w || !k || !m)
		return 0;
	k->kept = 0;
	for (u32 i = 0; i < RECALL_KERNEL; i++) {
		if (i >= m->n_kernel)
			break;
		if (!recall_is(k, &m->kernel[i], &word))
			continue;
		kept = k->kept;
		m->kernel[kept & (RECALL_KERNEL - 1)] = m->kernel[i];
		k->kept = kept + 1;
		recall_next(w, k, word);
	}
	m->n_kernel = k->kept;
	return 0;
}

/* Remembers the kernel's part, whose first frames are the programs' own. False when not all return
 * addresses are where they should be: another tracer may have put its own there. */
static __always_inline bool recall_learn_kernel(struct walk *w, struct kernel_words *k,
						struct recalled *m, u32 n_frames, bool again)
{
	struct learning l = {.w = w, .k = k, .m = m, .n_frames = n_frames};

	if (!w->n_own || n_frames > RECALL_FRAMES)
		return false;
	k->next = w->n_own;
	if (again) {
		recall_narrow(w, k, m);
	} else {
		m->n_kernel = 0;
		bpf_loop(KERNEL_WORDS, recall_look, &l, 0);
	}
	return k->next == n_frames && m->n_kernel <= RECALL_KERNEL;
}

#endif
