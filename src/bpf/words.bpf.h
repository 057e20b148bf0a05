/* words.bpf.h - words of a thread's stack, read in chunks, which is what makes a frame cheap. BPF only.
 *
 * unwind.bpf.c and unwind/finish.c say by stack_read() where the bytes come from.
 */
#ifndef WAGGLE_BPF_WORDS_H
#define WAGGLE_BPF_WORDS_H

#include "bpf/walk.bpf.h"

enum { STACK_PAGE = 4096 };

/* -- the stack ---------------------------------------------------------------------------------- */

static __always_inline u64 recall_mix(u64 hash, u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

/* A hash over the values of words, in lanes: one does not wait for the one before it. */
static __always_inline u64 reads_hash(const u64 *lane)
{
	return recall_mix(recall_mix(recall_mix(lane[0], lane[1]), lane[2]), lane[3]);
}

/* Words that a walk reads are noted while somebody asks for it. */
static __always_inline void read_note(struct walk *w, u64 addr, u64 value)
{
	u64 at = addr - w->reads_base;
	u32 n = w->n_reads;

	if (n >= READS_MAX || at > 8 * 0xffffull || (at & 7)) {
		w->n_reads = READS_OFF;
		return;
	}
	w->reads[n] = at >> 3;
	w->n_reads = n + 1;
	n &= READS_LANES - 1;
	w->reads_hash[n] = recall_mix(w->reads_hash[n], value);
}

#if defined(__BPF__) && !defined(WAGGLE_DEFINE_MAPS)
int stack_fill(struct walk *w, u64 addr); /* in unwind.bpf.c */
#else
/* Fills the chunk from addr on, not beyond the page: the next one may be absent. 0, or -1 when the memory
 * cannot be read. */
VERIFIED_ONCE int stack_fill(struct walk *w, u64 addr)
{
	u64 len = STACK_PAGE - (addr & (STACK_PAGE - 1));

	if (!w)
		return -1;
	if (len > CHUNK_BYTES)
		len = CHUNK_BYTES;
	if (len < 8)
		len = 8;
	w->chunk_end = 0;
	if (stack_read(w, len, addr))
		return -1;
	w->chunk_start = addr;
	w->chunk_end = addr + len;
	return 0;
}
#endif

/* Reads a word of user stack through the chunk buffer. 0, or -1 when the memory cannot be read. */
static __always_inline int stack_word(struct walk *w, u64 addr, u64 *ret)
{
	u64 at = addr - w->chunk_start;

	if (at >= CHUNK_BYTES || addr + 8 > w->chunk_end) {
		if (stack_fill(w, addr))
			return -1;
		at = 0;
	}
	*ret = *(u64 *)(w->chunk + at);
	if (w->n_reads != READS_OFF)
		read_note(w, addr, *ret);
	return 0;
}

#endif
