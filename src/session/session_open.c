/* session_open.c - makes a capture ready to begin: see session.h.
 *
 * Order matters: what can be refused without root, or without touching the kernel, is refused first; the
 * command is started (and held) before the programs are loaded, which look for it.
 */
#include "session/session_parts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/clock.h"
#include "process/lookup.h"
#include "session/jitslots.h"
#include "session/kernel.h"
#include "waggle.skel.h"

enum { DRAIN_AT_ONCE = 4096, WAITS_RING = 4 << 20 };

static void *session_read_kallsyms(void *arg)
{
	struct session *s = arg;

	kallsyms_read(&s->kallsyms, NULL); /* hidden: frames stay plain addresses and are counted */
	__atomic_store_n(&s->kallsyms_done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Enough for half a second of all-new stacks at the asked rate on all processors. Stacks of waits come once
 * each, but all at once where a capture begins. */
static uint32_t session_ring_bytes(const struct source *source, const struct capture_opts *o)
{
	uint64_t hz = o->frequency ? o->frequency : 10000;
	uint64_t want = hz * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) * 600 / 2;
	uint32_t bytes = source->waits ? WAITS_RING : 1 << 18; /* small ones stay in the processor's caches */

	while (bytes < want && bytes < 64u << 20)
		bytes <<= 1;
	return bytes;
}

static void session_take(struct session *s, const struct sample_record *r, size_t len)
{
	if (len >= sizeof(*r) && r->kind != RECORD_SAMPLE) {
		if (s->waits)
			waits_record(s->waits, r, len);
	} else {
		intake_record(&s->intake, r, len);
	}
}

static int session_on_sample(void *ctx, void *data, size_t len)
{
	struct session *s = ctx;

	if (s->oracle)
		oracle_session_sample(s->oracle, data, len);
	if (!s->unfinished || !unfinished_hold(s->unfinished, data, len, clock_mono_ns()))
		session_take(s, data, len);
	return ++s->drained % DRAIN_AT_ONCE ? 0 : -EAGAIN; /* an error makes libbpf stop here */
}

static void session_on_finished(void *ctx, const void *data, size_t len)
{
	session_take(ctx, data, len);
}

static int session_on_raw(void *ctx, void *data, size_t len)
{
	struct session *s = ctx;
	const struct raw_record *r = data;

	if (len < sizeof(*r))
		return 0;
	if (r->why == RAW_PENDING && s->unfinished)
		unfinished_raw(s->unfinished, r, len);
	if (r->why == RAW_ORACLE && s->oracle)
		oracle_session_raw(s->oracle, data, len);
	return 0;
}

static int session_on_file(void *ctx, void *data, size_t len)
{
	struct session *s = ctx;

	if (len < sizeof(struct file_record))
		return 0;
	files_note(s->files, data);
	if (s->oracle)
		oracle_session_file(s->oracle, data);
	return 0;
}

void session_drain_files(void *ctx)
{
	struct session *s = ctx;

	ring_buffer__consume(s->file_ring);
}

static int session_rings(struct session *s, struct err *e)
{
	struct waggle_bpf *skel = s->programs.skel;

	s->sample_ring = ring_buffer__new(bpf_map__fd(skel->maps.sample_ring), session_on_sample, s,
					  NULL);
	s->file_ring = ring_buffer__new(bpf_map__fd(skel->maps.file_ring), session_on_file, s, NULL);
	s->raw_ring = ring_buffer__new(bpf_map__fd(skel->maps.raw_ring), session_on_raw, s, NULL);
	if (!s->sample_ring || !s->file_ring || !s->raw_ring)
		return err_set(e, -errno, "cannot open the ring buffers: %s", strerror(errno));
	return 0;
}

static int session_watch(struct session *s, int fd, enum wake what, struct err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = what | (uint64_t)fd << 8 };

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		return err_set(e, -errno, "cannot watch for events: %s", strerror(errno));
	return 0;
}

/* Named processes must exist; the run ends with the last of them. */
static int session_watch_targets(struct session *s, struct err *e)
{
	const struct capture_opts *c = &s->o.capture;
	int code = 0;

	for (size_t i = 0; i < c->n_pids + c->n_tids && !code; i++) {
		bool thread = i >= c->n_pids;
		uint32_t id = thread ? c->tids[i - c->n_pids] : c->pids[i];
		int fd = process_watch(thread ? process_of_thread(id) : id);

		if (fd < 0 && !thread && process_of_thread(id) && process_of_thread(id) != id)
			return err_set(e, -ESRCH, "%u is a thread of process %u: use -p %u, or -L %u", id,
				       process_of_thread(id), process_of_thread(id), id);
		if (fd < 0)
			return err_set(e, -ESRCH, "there is no %s %u", thread ? "thread" : "process", id);
		if (!VEC_PUSH(&s->watches, fd)) {
			close(fd);
			return err_set(e, -ENOMEM, "out of memory");
		}
		code = session_watch(s, fd, WAKE_TARGET, e);
	}
	return code;
}

static int session_meta(struct session *s)
{
	struct profile *p = profile_new(s->o.source->type, s->o.source->unit);
	struct utsname u;

	if (!p)
		return -ENOMEM;
	s->profile = p;
	uname(&u);
	p->meta.host = profile_str(p, u.nodename);
	p->meta.kernel = profile_str(p, u.release);
	p->meta.arch = profile_str(p, u.machine);
	p->meta.command = profile_str(p, s->o.command_line ? s->o.command_line : "");
	p->meta.tool = profile_str(p, "waggle " WAGGLE_VERSION);
	p->meta.source = profile_str(p, s->o.source->name);
	p->meta.child_status = -1;
	return p->oom ? -ENOMEM : 0;
}

/* Many files stay open until they are named, and containers often start us with 1024. */
static void session_raise_files(void)
{
	struct rlimit r;

	if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

/* May a capture run, and can it? */
static int session_check(struct session *s, struct err *e)
{
	const struct files_opts *o = &s->o.files;
	const void *programs;
	size_t len, types;

	if (s->o.kill_switch && access(s->o.kill_switch, F_OK) == 0)
		return err_set(e, -EPERM,
			       "profiling is switched off on this machine: %s exists (remove it to allow it)",
			       s->o.kill_switch);
	programs = programs_bytes(&len);
	known_load(&s->known, o->cache_dir, o->no_cache, programs, len);
	return kernel_check(known_btf(&s->known, &types), e);
}

int session_open(struct session *s, struct err *e)
{
	struct capture_opts *c = &s->o.capture;
	int code;

	session_raise_files();
	code = session_check(s, e);
	if (!code)
		code = session_watch(s, s->stop_event, WAKE_STOP, e);
	if (!code)
		code = session_watch_targets(s, e);
	if (!code && s->o.command)
		code = child_start(&s->child, s->o.command, s->o.command_tty, e);
	if (code)
		return code;
	if (s->o.command) {
		c->pids = (const uint32_t *)&s->child.pid;
		c->n_pids = 1;
		c->follow = true;
		code = session_watch(s, s->child.pidfd, WAKE_CHILD, e);
	}
	if (!code)
		code = programs_open(&s->programs, s->o.source, c, session_ring_bytes(s->o.source, c),
				     &s->known, e);
	known_free(&s->known);
	if (!code)
		code = session_meta(s) ? err_set(e, -ENOMEM, "out of memory") : 0;
	if (!code)
		code = files_new(&s->programs, &s->o.files, &s->files, e);
	if (!code)
		code = jitslots_watch(&s->programs, s->files, &s->jitwatch, e);
	if (!code && c->finish_pending) {
		struct unfinished_opts u = { &s->programs, s->files, session_on_finished, s };

		if (unfinished_new(&u, &s->unfinished))
			code = err_set(e, -ENOMEM, "out of memory");
	}
	if (!code)
		code = session_rings(s, e);
	if (!code)
		code = session_watch(s, ring_buffer__epoll_fd(s->file_ring), WAKE_FILES, e);
	if (!code)
		code = session_watch(s, ring_buffer__epoll_fd(s->raw_ring), WAKE_RAW, e);
	if (!code && c->oracle_every)
		code = oracle_session_new(s->o.oracle_out, &s->oracle, e);
	if (!code)
		s->kallsyms_started =
			!pthread_create(&s->kallsyms_thread, NULL, session_read_kallsyms, s);
	return code;
}
