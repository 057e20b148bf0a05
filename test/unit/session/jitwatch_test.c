/* jitwatch_test.c - the watching thread on ourselves: our own map, our own jitdump, our own stubs. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "profile/codes.h"
#include "session/jitwatch.h"
#include "unwind/table.h"

enum { WAIT_MS = 5000 };

struct given {
	uint64_t start;
	size_t rows, stub; /* stub: rows that say CFA = rsp + 16 */
	int n;
};

static void give(void *ctx, uint32_t tgid, uint64_t start, uint64_t end, const struct table *t)
{
	struct given *g = ctx;

	if (!t || tgid != (uint32_t)getpid())
		return;
	g->start = start;
	g->rows = t->n;
	g->stub = 0;
	for (size_t i = 0; i < t->n; i++)
		g->stub += table_rule(t, i)->kind == RULE_RSP && table_rule(t, i)->cfa_off == 16;
	__atomic_add_fetch(&g->n, 1, __ATOMIC_RELEASE);
}

static struct profile *profile_of(uint32_t *ret_object)
{
	struct profile *p = profile_new("samples", "count");
	struct profile_object o = {.kind = OBJECT_JIT, .pid = (uint32_t)getpid()};

	p->meta.start_mono = clock_mono_ns();
	o.path = profile_str(p, "[jit]");
	*ret_object = profile_object(p, &o);
	return p;
}

static uint32_t hit(struct profile *p, uint32_t object, uint64_t addr, uint64_t time)
{
	struct profile_sample s = {.time = time};
	uint32_t frame = profile_frame_at(p, object, addr, FRAME_JIT);
	int64_t one = 1;

	s.stack = profile_push(p, 0, frame);
	assert_int_equal(profile_sample(p, &s, &one), 0);
	return frame;
}

static const char *name_of(const struct profile *p, uint32_t frame)
{
	const struct profile_frame *f = &p->frames.at[frame];

	return f->n_lines ? profile_text(p, p->lines.at[f->first_line].function) : NULL;
}

static char *map_path(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	return path;
}

static void write_map(const char *mode, const char *text)
{
	FILE *f = fopen(map_path(), mode);

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_map_that_grows(void **state)
{
	struct jitwatch *w;
	uint32_t object, a, b, c;
	struct profile *p = profile_of(&object);

	write_map("w", "1000 100 old\n1000 100 _ZN3one3twoEv\n2000 100 not hit\n3000 10 three\n");
	assert_int_equal(jitwatch_new(&(struct jitwatch_opts){0}, &w), 0);
	jitwatch_note(w, (uint32_t)getpid());
	a = hit(p, object, 0x1010, 1);
	jitwatch_update(w, p);
	for (int i = 0; i < WAIT_MS / 10 && !p->codes.n; i++) {
		usleep(10000);
		jitwatch_update(w, p);
	}
	assert_int_equal(p->codes.n, 1); /* the last entry, and only what was hit */
	write_map("a", "1000 100 newer\n");
	b = hit(p, object, 0x3008, 2);
	c = hit(p, object, 0x4000, 2);
	hit(p, object, 0x1010, (uint64_t)3600 * NSEC_PER_SEC);
	jitwatch_finish(w, p, WAIT_MS);
	jitwatch_free(w);
	assert_int_equal(p->codes.n, 3);
	assert_int_equal(profile_codes_name(p), 0);
	assert_string_equal(name_of(p, b), "three");
	assert_null(name_of(p, c));
	assert_int_equal(p->frames.at[a].unnamed, UNNAMED_SEVERAL);
	assert_int_equal(profile_codes_split(p), 0);
	assert_string_equal(name_of(p, p->nodes.at[p->samples.at[0].stack].frame), "one::two");
	assert_string_equal(name_of(p, p->nodes.at[p->samples.at[3].stack].frame), "newer");
	assert_int_equal(p->ledger.n[LEDGER_JIT_DROPPED], 0);
	assert_int_equal(p->ledger.n[LEDGER_JIT_REFUSED], 0);
	profile_free(p);
	unlink(map_path());
}

/* As runtimes mark it: a page of it mapped executable. */
static void a_jitdump_of_another_clock_is_refused(void **state)
{
	static const uint64_t head[] = {0x14a695444, 40 | (uint64_t)62 << 32, 0, 0, 1};
	char path[] = "/tmp/jit-waggle-XXXXXX.dump";
	int fd = mkstemps(path, 5);
	struct jitwatch *w;
	uint32_t object;
	struct profile *p = profile_of(&object);
	void *mark;

	assert_int_equal(write(fd, head, sizeof(head)), sizeof(head));
	mark = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(mark, MAP_FAILED);
	assert_int_equal(jitwatch_new(&(struct jitwatch_opts){0}, &w), 0);
	hit(p, object, 0x1010, 1);
	jitwatch_finish(w, p, WAIT_MS);
	jitwatch_free(w);
	assert_int_equal(p->codes.n, 0);
	assert_int_equal(p->ledger.n[LEDGER_JIT_REFUSED], 1);
	munmap(mark, 4096);
	close(fd);
	unlink(path);
	profile_free(p);
}

static void stubs_of_cpython_get_rows(void **state)
{
	static const uint8_t stub[] = {0x48, 0x83, 0xec, 8, 0xff, 0xd1, 0x48, 0x83, 0xc4, 8, 0xc3};
	size_t size = 32 * 4096;
	uint8_t *area = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct given given = {0};
	struct jitwatch *w;
	uint32_t object;
	struct profile *p = profile_of(&object);

	assert_ptr_not_equal(area, MAP_FAILED);
	for (size_t i = 0; i + sizeof(stub) <= size; i += 275) /* some lie across our pieces */
		memcpy(area + i, stub, sizeof(stub));
	assert_int_equal(jitwatch_new(&(struct jitwatch_opts){.publish = give, .ctx = &given}, &w), 0);
	hit(p, object, (uint64_t)(uintptr_t)area + 5, 1);
	jitwatch_finish(w, p, WAIT_MS);
	jitwatch_free(w);
	assert_int_equal(given.n, 1);
	assert_int_equal(given.start, (uint64_t)(uintptr_t)area);
	assert_int_equal(given.stub, (size + 274) / 275);
	munmap(area, size);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_that_grows),
		cmocka_unit_test(a_jitdump_of_another_clock_is_refused),
		cmocka_unit_test(stubs_of_cpython_get_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
