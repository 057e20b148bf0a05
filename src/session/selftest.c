/* selftest.c - compare the walk of our own mappings with /proc/self/maps; see selftest.h. */
#include "session/selftest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/abi.h"
#include "waggle.skel.h"

/* VM_READ, VM_WRITE, VM_EXEC of include/linux/mm.h. */
enum { FLAG_READ = 1, FLAG_WRITE = 2, FLAG_EXEC = 4, FLAGS_SEEN = 7 };

struct selftest_truth {
	uint64_t start, end, offset, flags;
};

static void selftest_add(struct selftest_probe *to, struct selftest_truth *truth, uint32_t *n,
			 uint64_t addr, const struct selftest_truth *t)
{
	if (*n == SELFTEST_MAX)
		return;
	to[*n] = (struct selftest_probe){ .addr = addr };
	truth[(*n)++] = *t;
}

/* The first and the last byte of every mapping with code, and the byte before where that is in none: these
 * stay as they are while the test runs. */
static uint32_t selftest_ask(struct selftest_probe *to, struct selftest_truth *truth)
{
	FILE *f = fopen("/proc/self/maps", "re");
	static const struct selftest_truth nothing;
	uint64_t before = 0;
	uint32_t n = 0;
	char line[512];

	selftest_add(to, truth, &n, 4096, &nothing);
	while (f && fgets(line, sizeof(line), f)) {
		struct selftest_truth t = { 0 };
		char perms[8];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64, &t.start, &t.end, perms,
			   &t.offset) != 4 || strstr(line, "vsyscall")) /* which is in no tree */
			continue;
		t.flags = (perms[0] == 'r' ? FLAG_READ : 0) | (perms[1] == 'w' ? FLAG_WRITE : 0) |
			  (perms[2] == 'x' ? FLAG_EXEC : 0);
		if (perms[2] == 'x') {
			if (before && before < t.start)
				selftest_add(to, truth, &n, t.start - 1, &nothing);
			selftest_add(to, truth, &n, t.start, &t);
			selftest_add(to, truth, &n, t.end - 1, &t);
		}
		before = t.end;
	}
	if (f)
		fclose(f);
	return n;
}

static bool selftest_same(const struct selftest_probe *p, const struct selftest_truth *t)
{
	if (!t->end) /* a gap: no vma, or one that does not cover it */
		return !p->start || p->addr < p->start || p->addr >= p->end;
	return p->start == t->start && p->end == t->end && (p->flags & FLAGS_SEEN) == t->flags &&
	       (p->offset == t->offset || !t->offset); /* of memory without file: its address */
}

int selftest_run(struct waggle_bpf *skel, struct err *e)
{
	static struct selftest_truth truth[SELFTEST_MAX];
	struct selftest_probe *probes = skel->bss->selftest_probes;
	LIBBPF_OPTS(bpf_test_run_opts, run);
	uint32_t n = selftest_ask(probes, truth);
	struct utsname u;
	int code;

	skel->bss->selftest_n = n;
	code = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.self_test), &run);
	uname(&u);
	if (code)
		return err_set(e, -ENOTSUP, "the start-up test cannot be run on this kernel (%s): %s",
			       u.release, strerror(-code));
	for (uint32_t i = 0; i < n; i++)
		if (!selftest_same(&probes[i], &truth[i]))
			return err_set(e, -ENOTSUP,
				       "this kernel (%s) keeps a process's mappings in a way waggle does not know "
				       "(found %" PRIx64 "-%" PRIx64 " for %" PRIx64 ", right is %" PRIx64
				       "-%" PRIx64 "): stacks would be wrong; please report it",
				       u.release, (uint64_t)probes[i].start, (uint64_t)probes[i].end,
				       (uint64_t)probes[i].addr, truth[i].start, truth[i].end);
	return 0;
}
