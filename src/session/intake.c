/* intake.c - ring records into the model; see intake.h. */
#include "session/intake.h"

#include <stdio.h>
#include <string.h>

enum { CAP_CHECK_EVERY = 4096 };

static uint32_t intake_jit_object(struct intake *in, uint32_t tgid)
{
	struct profile_object o = { .kind = OBJECT_JIT, .pid = tgid };
	size_t known = in->profile->objects.n;

	if (in->jit_object && in->jit_object_pid == tgid)
		return in->jit_object;
	o.path = profile_str(in->profile, "[jit]");
	in->jit_object = profile_object(in->profile, &o);
	in->jit_object_pid = tgid;
	if (in->jitwatch && in->profile->objects.n > known)
		jitwatch_note(in->jitwatch, tgid);
	return in->jit_object;
}

uint32_t intake_object(struct intake *in, uint32_t file, uint32_t tgid)
{
	struct profile_object o = { .kind = OBJECT_VDSO };
	uint32_t object;

	if (file == FILE_UNKNOWN)
		return 0;
	if (file == FILE_JIT)
		return intake_jit_object(in, tgid);
	if (file == FILE_VDSO) {
		o.path = profile_str(in->profile, "[vdso]");
		return profile_object(in->profile, &o);
	}
	object = files_object(in->files, in->profile, file);
	if (!object && in->before_unknown_file) {
		/* Its announcement was put in the ring before this sample was: it must be there. */
		in->before_unknown_file(in->ctx);
		object = files_object(in->files, in->profile, file);
	}
	return object;
}

static uint32_t intake_user_frame(struct intake *in, uint64_t word, uint32_t tgid)
{
	uint32_t file = (uint32_t)(word >> FRAME_FILE_SHIFT);

	return profile_frame_at(in->profile, intake_object(in, file, tgid), word & FRAME_OFFSET_MASK,
				file == FILE_JIT ? FRAME_JIT : FRAME_USER);
}

static uint32_t intake_kernel_frame(struct intake *in, uint64_t addr)
{
	struct profile_object o = { .kind = OBJECT_KERNEL };
	enum object_kind kind = OBJECT_KERNEL;
	const char *name = "";
	uint64_t base = 0;
	char path[80];

	if (in->kallsyms && !kallsyms_image(in->kallsyms, addr, &kind, &name, &base)) {
		kind = OBJECT_KERNEL;
		base = 0;
	}
	o.kind = (uint8_t)kind;
	snprintf(path, sizeof(path), "[%s]",
		 kind == OBJECT_BPF ? "bpf" : kind == OBJECT_MODULE ? name : "kernel");
	o.path = profile_str(in->profile, path);
	return profile_frame_at(in->profile, profile_object(in->profile, &o), addr - base, FRAME_KERNEL);
}

/* The i-th user frame from the leaf. Where the frames at the root were kept, the kernel wrote over those
 * at the leaf: the oldest that is left lies behind the newest. */
static uint64_t intake_user_word(const struct sample_record *r, const uint64_t *words, uint32_t i)
{
	uint32_t first = r->skipped ? (r->skipped + r->n_user) % r->n_user : 0;

	return words[r->n_kernel + (first + i) % r->n_user];
}

/* The user's part: a cut is its root, or its leaf where frames near that were left out. */
static uint32_t intake_user_stack(struct intake *in, const struct sample_record *r, const uint64_t *words)
{
	struct profile *p = in->profile;
	uint32_t node = 0;

	if (!ledger_end_whole(r->end))
		node = profile_push(p, node,
				    profile_frame_cut(p, r->end,
						      intake_object(in, r->end_file, r->tgid)));
	if (r->end == WALK_EXEC)
		node = profile_push(p, node, profile_frame_text(p, "[exec]", FRAME_KERNEL));
	for (uint32_t i = r->n_user; i-- > 0;)
		node = profile_push(p, node, intake_user_frame(in, intake_user_word(r, words, i), r->tgid));
	if (r->skipped)
		node = profile_push(p, node, profile_frame_cut(p, WALK_DEPTH, 0));
	return node;
}

/* Kernel frames are called by user frames. */
uint32_t intake_stack(struct intake *in, const struct sample_record *r, const uint64_t *words,
		      const struct intake_part *part)
{
	struct profile *p = in->profile;
	uint32_t node = 0;

	if (part->user)
		node = intake_user_stack(in, r, words);
	/* Callers: inside the call, as in the user part. */
	for (uint32_t i = part->kernel_to; i-- > part->kernel_from;)
		node = profile_push(p, node, intake_kernel_frame(in, words[i] - (i ? 1 : 0)));
	return node;
}

/* Where memory for tables is short, the files of stacks that are met keep theirs. */
static void intake_mark(struct intake *in, uint32_t stack)
{
	const struct profile *p = in->profile;
	uint32_t round = files_marking(in->files), last = 0, object;

	if (!round || in->stacks.at[stack].marked == round)
		return;
	in->stacks.at[stack].marked = round;
	for (uint32_t n = in->stacks.at[stack].leaf; n; n = p->nodes.at[n].parent) {
		object = p->frames.at[p->nodes.at[n].frame].object;
		if (object != last)
			files_seen(in->files, object);
		last = object;
	}
}

/* The stack of the record, from its frames or from an earlier record; PROFILE_NONE when lost. */
static uint32_t intake_find_stack(struct intake *in, const struct sample_record *r, size_t len)
{
	size_t n = (size_t)r->n_kernel + r->n_user;
	struct intake_part all = { .kernel_to = r->n_kernel, .user = true };
	uint32_t *known = map64_find(&in->stack_of_hash, r->hash), leaf;

	if (known) {
		in->stacks.at[*known].used = in->now;
		intake_mark(in, *known);
		return in->stacks.at[*known].leaf;
	}
	if (!(r->flags & SAMPLE_HAS_FRAMES) || len < sizeof(*r) + n * sizeof(uint64_t))
		return PROFILE_NONE;
	leaf = intake_stack(in, r, (const uint64_t *)(r + 1), &all);
	if (leaf == PROFILE_NONE || !VEC_RESERVE(&in->stacks, 1) ||
	    !map64_insert(&in->stack_of_hash, r->hash, (uint32_t)in->stacks.n, NULL))
		return PROFILE_NONE;
	in->stacks.at[in->stacks.n] = (struct intake_stack){ .leaf = leaf, .used = in->now };
	intake_mark(in, (uint32_t)in->stacks.n++);
	return leaf;
}

static void intake_count(struct intake *in, const struct sample_record *r)
{
	struct ledger *l = &in->profile->ledger;

	l->n[LEDGER_TAKEN]++;
	l->n[LEDGER_SPARED] += r->weight > 1 ? r->weight - 1u : 0;
	l->n[LEDGER_STACKS_KERNEL] += r->n_kernel > 0;
	l->n[LEDGER_KERNEL_CUT] += (r->flags & SAMPLE_KERNEL_FULL) != 0;
	if (r->end == WALK_NONE || r->end == WALK_EXEC)
		return; /* no user stack to speak of */
	l->n[LEDGER_STACKS_USER]++;
	if (r->skipped) {
		if (ledger_cut(l, WALK_DEPTH, 0, 1))
			in->profile->oom = true;
	} else if (ledger_end_whole(r->end))
		l->n[LEDGER_STACKS_WHOLE]++;
	else if (ledger_cut(l, r->end, intake_object(in, r->end_file, r->tgid), 1))
		in->profile->oom = true;
}

void intake_record(struct intake *in, const void *data, size_t len)
{
	struct profile *p = in->profile;
	struct ledger *l = &p->ledger;
	struct profile_sample s = { 0 };
	struct sample_record r;
	int64_t value;

	if (len < sizeof(r)) {
		l->n[LEDGER_LOST_STACK]++;
		return;
	}
	memcpy(&r, data, sizeof(r));
	r.comm[COMM_LEN - 1] = r.process[COMM_LEN - 1] = 0;
	if (in->memory_cap && p->samples.n % CAP_CHECK_EVERY == 0 && profile_bytes(p) > in->memory_cap) {
		l->n[LEDGER_LOST_MEMORY]++;
		return;
	}
	s.stack = intake_find_stack(in, data, len);
	if (s.stack == PROFILE_NONE) {
		l->n[LEDGER_LOST_STACK]++;
		return;
	}
	s.time = r.time > p->meta.start_mono ? r.time - p->meta.start_mono : 0;
	s.task = profile_task(p, r.tgid, r.tid, r.comm, r.process);
	s.cpu = (uint16_t)r.cpu;
	value = r.weight ? r.weight : 1;
	if (in->take) {
		in->take(in->ctx, &s);
		intake_count(in, &r);
	} else if (profile_sample(p, &s, &value))
		l->n[LEDGER_LOST_MEMORY]++;
	else
		intake_count(in, &r);
}

void intake_renewed(struct intake *in, const struct renewal *r, struct profile *p, uint32_t since)
{
	struct intake old = *in;

	in->profile = p;
	in->jit_object = in->jit_object_pid = 0;
	in->stack_of_hash = (struct map64){ 0 };
	memset(&in->stacks, 0, sizeof(in->stacks));
	for (size_t i = 0; i < old.stack_of_hash.cap; i++) {
		const struct map64_slot *slot = &old.stack_of_hash.slots[i];
		struct intake_stack k;

		if (!slot->used || old.stacks.at[slot->value].used < since)
			continue;
		k = old.stacks.at[slot->value];
		k.leaf = renewal_node(r, k.leaf);
		if (VEC_RESERVE(&in->stacks, 1) &&
		    map64_insert(&in->stack_of_hash, slot->key, (uint32_t)in->stacks.n, NULL))
			in->stacks.at[in->stacks.n++] = k;
	}
	intake_free(&old);
}

void intake_free(struct intake *in)
{
	map64_free(&in->stack_of_hash);
	VEC_FREE(&in->stacks);
}
