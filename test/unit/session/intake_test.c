/* intake_test.c - ring records made by hand become the stacks, tasks and counts they describe, and
 * malformed ones are counted, never believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "session/intake.h"

struct record {
	struct sample_record head;
	uint64_t words[8];
};

static struct record record_of(uint64_t hash, uint32_t tgid, uint8_t end, uint16_t n_kernel,
			       uint16_t n_user)
{
	struct record r = { .head = { .time = 1500, .hash = hash, .tgid = tgid, .tid = tgid + 1,
				      .cpu = 3, .end = end, .n_kernel = n_kernel, .n_user = n_user,
				      .flags = SAMPLE_HAS_FRAMES } };

	strcpy(r.head.comm, "worker");
	strcpy(r.head.process, "server");
	return r;
}

static uint64_t user_word(uint32_t file, uint64_t offset)
{
	return (uint64_t)file << FRAME_FILE_SHIFT | offset;
}

static size_t record_bytes(const struct record *r)
{
	size_t n = r->head.flags & SAMPLE_HAS_FRAMES ? r->head.n_kernel + r->head.n_user : 0u;

	return sizeof(r->head) + n * sizeof(uint64_t);
}

static int setup(void **state)
{
	static struct intake in;

	in = (struct intake){ .profile = profile_new("samples", "count") };
	in.profile->meta.start_mono = 1000;
	*state = &in;
	return in.profile ? 0 : -1;
}

static int teardown(void **state)
{
	struct intake *in = *state;

	profile_free(in->profile);
	intake_free(in);
	return 0;
}

static void stack_time_and_task_arrive(void **state)
{
	struct intake *in = *state;
	struct profile *p = in->profile;
	struct record r = record_of(77, 10, WALK_BOTTOM, 1, 2);
	const struct profile_sample *s;
	const struct profile_node *node;

	r.words[0] = 0xffffffff81000010;
	r.words[1] = user_word(FILE_JIT, 0x2000);
	r.words[2] = user_word(FILE_VDSO, 0x30);
	intake_record(in, &r, record_bytes(&r));
	assert_int_equal(p->samples.n, 1);
	s = &p->samples.at[0];
	assert_int_equal(s->time, 500);
	assert_int_equal(s->cpu, 3);
	assert_int_equal(p->tasks.at[s->task].tid, 11);
	assert_string_equal(profile_text(p, p->tasks.at[s->task].process), "server");
	node = &p->nodes.at[s->stack];
	assert_int_equal(p->frames.at[node->frame].kind, FRAME_KERNEL);
	node = &p->nodes.at[node->parent];
	assert_int_equal(p->frames.at[node->frame].kind, FRAME_JIT);
	assert_int_equal(p->frames.at[node->frame].offset, 0x2000);
	assert_int_equal(p->objects.at[p->frames.at[node->frame].object].pid, 10);
	node = &p->nodes.at[node->parent];
	assert_int_equal(p->objects.at[p->frames.at[node->frame].object].kind, OBJECT_VDSO);
	assert_int_equal(node->parent, 0);
	assert_int_equal(p->ledger.n[LEDGER_STACKS_WHOLE], 1);
	assert_int_equal(p->ledger.n[LEDGER_STACKS_KERNEL], 1);
}

static void later_samples_need_only_the_hash(void **state)
{
	struct intake *in = *state;
	struct record r = record_of(5, 10, WALK_BOTTOM, 0, 1);

	r.words[0] = user_word(FILE_JIT, 0x10);
	intake_record(in, &r, record_bytes(&r));
	r.head.flags = 0;
	intake_record(in, &r, record_bytes(&r));
	assert_int_equal(in->profile->samples.n, 2);
	assert_int_equal(in->profile->samples.at[0].stack, in->profile->samples.at[1].stack);
}

static void a_hash_never_sent_is_a_lost_stack(void **state)
{
	struct intake *in = *state;
	struct record r = record_of(6, 10, WALK_BOTTOM, 0, 1);

	r.head.flags = 0;
	intake_record(in, &r, record_bytes(&r));
	assert_int_equal(in->profile->samples.n, 0);
	assert_int_equal(in->profile->ledger.n[LEDGER_LOST_STACK], 1);
}

static void short_records_are_not_read_past(void **state)
{
	struct intake *in = *state;
	struct record r = record_of(7, 10, WALK_BOTTOM, 3, 5);

	intake_record(in, &r, record_bytes(&r) - 1);
	intake_record(in, &r, sizeof(r.head) - 1);
	intake_record(in, &r, 0);
	assert_int_equal(in->profile->samples.n, 0);
	assert_int_equal(in->profile->ledger.n[LEDGER_LOST_STACK], 3);
}

static void early_ends_are_marked_and_counted(void **state)
{
	struct intake *in = *state;
	struct profile *p = in->profile;
	struct record r = record_of(8, 10, WALK_STACK_READ, 0, 1);
	char scratch[128];
	uint32_t root;

	r.words[0] = user_word(FILE_JIT, 0x10);
	r.head.end_file = FILE_JIT;
	intake_record(in, &r, record_bytes(&r));
	root = p->nodes.at[p->samples.at[0].stack].parent;
	assert_int_equal(p->frames.at[p->nodes.at[root].frame].kind, FRAME_CUT);
	assert_string_equal(profile_line_label(p, p->nodes.at[root].frame, 0, scratch, sizeof(scratch)),
			    "[cut: stack read]");
	assert_int_equal(p->ledger.n[LEDGER_STACKS_USER], 1);
	assert_int_equal(p->ledger.n[LEDGER_STACKS_WHOLE], 0);
	assert_int_equal(p->ledger.cuts.n, 1);
}

static void execve_is_no_user_stack(void **state)
{
	struct intake *in = *state;
	struct record r = record_of(9, 10, WALK_EXEC, 0, 0);
	struct profile *p = in->profile;
	char scratch[128];

	intake_record(in, &r, record_bytes(&r));
	assert_int_equal(p->ledger.n[LEDGER_TAKEN], 1);
	assert_int_equal(p->ledger.n[LEDGER_STACKS_USER], 0);
	assert_string_equal(profile_line_label(p, p->nodes.at[p->samples.at[0].stack].frame, 0, scratch,
					       sizeof(scratch)),
			    "[exec]");
}

/* Of two stacks the one that was met again stays: its hash is enough, the other's is not any more, until its
 * frames come again. */
static void renewed_profiles_keep_what_was_met(void **state)
{
	struct intake *in = *state;
	struct record r[2] = { record_of(5, 10, WALK_BOTTOM, 0, 2), record_of(6, 10, WALK_BOTTOM, 0, 2) };
	struct profile *p, *old = in->profile;
	struct renewal *renewal;

	for (uint64_t i = 0; i < 2; i++) {
		r[i].words[0] = user_word(FILE_JIT, 0x10 + i);
		r[i].words[1] = user_word(FILE_VDSO, 0x20);
		intake_record(in, &r[i], record_bytes(&r[i]));
		r[i].head.flags = 0;
	}
	in->now = 7;
	intake_record(in, &r[1], record_bytes(&r[1]));
	assert_int_equal(renewal_new(old, &renewal), 0);
	for (size_t i = 0; i < in->stacks.n; i++)
		if (in->stacks.at[i].used >= 7)
			renewal_mark(renewal, in->stacks.at[i].leaf);
	assert_int_equal(renewal_make(renewal, &p), 0);
	intake_renewed(in, renewal, p, 7);
	renewal_free(renewal);
	profile_free(old);
	assert_ptr_equal(in->profile, p);
	assert_int_equal(in->stacks.n, 1);
	intake_record(in, &r[1], record_bytes(&r[1]));
	assert_int_equal(p->samples.n, 1);
	assert_int_equal(p->frames.at[p->nodes.at[p->samples.at[0].stack].frame].offset, 0x11);
	intake_record(in, &r[0], record_bytes(&r[0]));
	assert_int_equal(p->samples.n, 1);
	assert_int_equal(p->ledger.n[LEDGER_LOST_STACK], 1);
	r[0].head.flags = SAMPLE_HAS_FRAMES;
	intake_record(in, &r[0], record_bytes(&r[0]));
	assert_int_equal(p->samples.n, 2);
	assert_int_equal(p->frames.n, 4); /* none, two leaves, one caller */
}

static void memory_cap_holds(void **state)
{
	struct intake *in = *state;
	struct record r = record_of(10, 10, WALK_NONE, 0, 0);

	in->memory_cap = 1;
	for (int i = 0; i < 10; i++)
		intake_record(in, &r, record_bytes(&r));
	assert_int_equal(in->profile->samples.n, 0);
	assert_int_equal(in->profile->ledger.n[LEDGER_LOST_MEMORY], 10);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(stack_time_and_task_arrive),     TEST(later_samples_need_only_the_hash),
		TEST(a_hash_never_sent_is_a_lost_stack), TEST(short_records_are_not_read_past),
		TEST(early_ends_are_marked_and_counted), TEST(execve_is_no_user_stack),
		TEST(renewed_profiles_keep_what_was_met), TEST(memory_cap_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
