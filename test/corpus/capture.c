/* capture.c - makes files of the corpus: stops a running program's threads now and then, copies registers and
 * stack, has the oracle unwind them, and keeps those whose stacks are new.
 *
 *	capture DIR NAME PID COUNT [TRIES]
 *
 * writes DIR/NAME-1.stack .. for up to COUNT different stacks of process PID. Threads that wait in a
 * system call count too: their stacks are as real. Prints one line; exits 1 when it got none.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <elf.h>
#include <unistd.h>

#include "base/map64.h"
#include "base/out.h"
#include "unwind/stackfile.h"

enum { TRIES = 400, PAUSE_US = 7000, PAGE = 4096 };

struct capture {
	const char *dir, *name;
	uint32_t pid;
	int wanted, written;
	struct raw_record *record;
	struct oracle *oracle;
	struct oracle_stack stack;
	struct map64 seen;
};

static void capture_registers(struct raw_record *r, const struct user_regs_struct *u)
{
	const uint64_t regs[16] = { u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi, u->rbp, u->rsp,
				    u->r8,  u->r9,  u->r10, u->r11, u->r12, u->r13, u->r14, u->r15 };

	memcpy(r->regs, regs, sizeof(regs));
	r->ip = u->rip;
}

static void capture_stack(struct raw_record *r)
{
	r->bytes = 0;
	r->below = RAW_BELOW;
	while (r->bytes < RAW_STACK_ORACLE) {
		uint64_t at = r->regs[7] - RAW_BELOW + r->bytes;
		size_t n = PAGE - (at & (PAGE - 1));
		struct iovec local = { (uint8_t *)(r + 1) + r->bytes, n };
		struct iovec remote = { (void *)(uintptr_t)at, n };

		if (n > RAW_STACK_ORACLE - r->bytes)
			local.iov_len = remote.iov_len = RAW_STACK_ORACLE - r->bytes;
		if (process_vm_readv((pid_t)r->tgid, &local, 1, &remote, 1, 0) <= 0)
			break;
		r->bytes += (uint32_t)local.iov_len;
	}
}

static void capture_write(struct capture *c, const struct maps *m)
{
	struct stackfile f;
	struct buf b = { 0 };
	struct out to;
	char path[4096];

	if (stackfile_make(c->record, m, &c->stack, NULL, &f))
		return;
	snprintf(path, sizeof(path), "%s/%s-%d.stack", c->dir, c->name, c->written + 1);
	if (!stackfile_pack(&f, &b) && !out_open(&to, path, NULL)) {
		out_put(&to, b.data, b.len);
		c->written += !out_commit(&to, NULL);
	}
	buf_free(&b);
	stackfile_free(&f);
}

/* New when no stack with the same last eight callers was kept. */
static bool capture_is_new(struct capture *c)
{
	uint64_t hash = 1;
	bool is_new = false;

	for (size_t i = 0; i < c->stack.frames.n && i < 8; i++)
		hash = map64_mix(hash ^ (c->stack.frames.at[i].offset >> (i ? 0 : 3)));
	return map64_insert(&c->seen, hash, 1, &is_new) && is_new;
}

static void capture_thread(struct capture *c, pid_t tid)
{
	struct user_regs_struct regs;
	struct iovec to = { &regs, sizeof(regs) };
	struct maps m;
	int status;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL))
		return;
	if (!ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) && waitpid(tid, &status, __WALL) == tid &&
	    WIFSTOPPED(status) &&
	    !ptrace(PTRACE_GETREGSET, tid, (void *)(uintptr_t)NT_PRSTATUS, &to) &&
	    !maps_read(c->pid, &m)) {
		c->record->tgid = c->pid;
		c->record->tid = (uint32_t)tid;
		capture_registers(c->record, &regs);
		capture_stack(c->record);
		if (!oracle_unwind(c->oracle, c->record, &m, &c->stack) && c->stack.frames.n > 1 &&
		    capture_is_new(c))
			capture_write(c, &m);
		maps_free(&m);
	}
	ptrace(PTRACE_DETACH, tid, NULL, NULL);
}

static bool capture_round(struct capture *c)
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/task", c->pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (c->written < c->wanted && (d = readdir(dir)))
		if (atoi(d->d_name) > 0)
			capture_thread(c, atoi(d->d_name));
	closedir(dir);
	return true;
}

int main(int argc, char **argv)
{
	struct capture c = { 0 };
	int tries = argc > 5 ? atoi(argv[5]) : TRIES;

	if (argc < 5) {
		fprintf(stderr, "usage: capture DIR NAME PID COUNT [TRIES]\n");
		return 2;
	}
	c.dir = argv[1];
	c.name = argv[2];
	c.pid = (uint32_t)atoi(argv[3]);
	c.wanted = atoi(argv[4]);
	c.record = calloc(1, sizeof(*c.record) + RAW_STACK_ORACLE + PAGE);
	if (!c.record || oracle_new(NULL, &c.oracle, NULL))
		return 1;
	for (int i = 0; i < tries && c.written < c.wanted; i++) {
		if (!capture_round(&c))
			break;
		usleep(PAUSE_US + (unsigned int)(i * 7919 % 5000));
	}
	printf("%s: %d stacks\n", c.name, c.written);
	oracle_stack_free(&c.stack);
	oracle_free(c.oracle);
	map64_free(&c.seen);
	free(c.record);
	return c.written ? 0 : 1;
}
