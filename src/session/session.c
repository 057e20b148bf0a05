/* session.c - a capture from start to finish; see session.h.
 *
 * One thread drains: every INTERVAL it takes whatever is in the sample ring, and announcements of new
 * files wake it at once. Opening files and building tables happen on the threads of files.c, reading
 * /proc/kallsyms on one of its own, so that the first samples are taken within milliseconds.
 */
#include "session/session_parts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "base/clock.h"
#include "format/recording.h"
#include "profile/codes.h"
#include "profile/waits.h"
#include "waggle.skel.h"

enum { INTERVAL_MS = 200, INTERVAL_FAST_MS = 20, FAST_HZ = 2000, FLUSH_MS = 1000 };
enum { REPORT_MS = 400, MAPS_MS = 5000 };
/* As old is what a viewer has when somebody comes to look; at the beginning somebody is about to. */
enum { UNSEEN_MS = 1000, UNSEEN_FROM_MS = 10000 };
enum { CHILD_GRACE_MS = 5000, SETTLE_MS = 2000 };
enum { DRAIN_NICE = 10 };
enum { KALLSYMS_PATIENCE_MS = 400 }; /* the ring holds samples of half a second */

/* -- life --------------------------------------------------------------------------------------- */

int session_new(const struct session_opts *o, struct session **ret, struct err *e)
{
	struct session *s = calloc(1, sizeof(*s));
	int code;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	s->o = *o;
	s->cpu_before = clock_self_cpu_ns();
	s->child = (struct child){ .pidfd = -1, .go = -1, .exec_error = -1 };
	s->programs.stats_fd = s->programs.btf_fd = -1;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	code = s->epoll < 0 || s->stop_event < 0
		       ? err_set(e, -errno, "cannot set up: %s", strerror(errno))
		       : session_open(s, e);
	if (code) {
		session_free(s);
		return code;
	}
	*ret = s;
	return 0;
}

/* -- while it runs ------------------------------------------------------------------------------ */

void session_stop(struct session *s)
{
	uint64_t one = 1;
	ssize_t n = write(s->stop_event, &one, sizeof(one));

	(void)n; /* full means it was signalled already */
}

static void session_finish_with(struct session *s, enum session_end why)
{
	if (!s->over)
		s->end = why;
	s->over = true;
}

static void session_target_gone(struct session *s, int fd)
{
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, NULL);
	if (++s->n_gone == s->watches.n && !s->o.command)
		session_finish_with(s, SESSION_TARGETS_GONE);
}

static void session_wait(struct session *s, int ms)
{
	struct epoll_event ev[16];
	int n = epoll_wait(s->epoll, ev, 16, ms);

	for (int i = 0; i < n; i++) {
		int fd = (int)(ev[i].data.u64 >> 8);

		switch ((enum wake)(ev[i].data.u64 & 0xff)) {
		case WAKE_STOP:
			session_finish_with(s, SESSION_STOPPED);
			break;
		case WAKE_CHILD:
			if (child_poll(&s->child))
				session_finish_with(s, SESSION_CHILD_ENDED);
			break;
		case WAKE_TARGET:
			session_target_gone(s, fd);
			break;
		case WAKE_FILES:
			ring_buffer__consume(s->file_ring);
			break;
		case WAKE_RAW:
			ring_buffer__consume(s->raw_ring);
			break;
		}
	}
}

static void session_report(struct session *s, bool naming)
{
	struct session_progress now = {
		.elapsed = clock_mono_ns() - s->start,
		.duration = s->o.capture.duration,
		.samples = s->profile->ledger.n[LEDGER_TAKEN],
		.naming = naming,
	};

	if (!s->o.progress || (!naming && (!s->o.watched || now.elapsed < s->next_report)))
		return;
	s->next_report = now.elapsed + REPORT_MS * UINT64_C(1000000);
	s->o.source->measure(s->source, s->programs.skel, &s->profile->ledger);
	now.lost = ledger_lost(&s->profile->ledger);
	s->o.progress(s->o.ctx, &now);
}

/* The recording gets a block every second, unless a file's path is still being found out. */
static int session_flush(struct session *s)
{
	bool settled = files_refresh(s->files, s->profile);
	uint64_t elapsed = clock_mono_ns() - s->start, every = FLUSH_MS * UINT64_C(1000000);

	jitwatch_update(s->jitwatch, s->profile);
	if (!s->recording || elapsed < s->next_flush)
		return 0;
	if (!settled && elapsed < s->next_flush + every)
		return 0; /* that long it waits; then it goes out as it is */
	s->next_flush = elapsed + every;
	s->o.source->measure(s->source, s->programs.skel, &s->profile->ledger);
	return recording_flush(s->recording);
}

static int session_open_object(void *ctx, uint32_t object)
{
	struct session *s = ctx;

	return files_open_object(s->files, object);
}

static bool session_new_namer(struct session *s)
{
	struct symbolizer_opts o = {
		.open_object = session_open_object,
		.ctx = s,
		.live = true,
		.once = true,
		.kallsyms = s->kallsyms,
		.debugfiles = s->o.debugfiles,
		.unpack = s->o.debug_memory,
	};

	s->namer = namer_new(&o, clock_mono_ns(), s->o.viewer != NULL);
	return s->namer != NULL;
}

/* Kernel addresses are turned into (image, offset) as they are drained. Until the symbols are read samples
 * wait in their ring, as long as that has room. */
static bool session_may_drain(struct session *s, uint64_t now)
{
	return !s->kallsyms_started || __atomic_load_n(&s->kallsyms_done, __ATOMIC_ACQUIRE) ||
	       now - s->start > KALLSYMS_PATIENCE_MS * UINT64_C(1000000);
}

static void session_take_kallsyms(struct session *s)
{
	if (!s->kallsyms_started)
		return;
	pthread_join(s->kallsyms_thread, NULL);
	s->kallsyms_started = false;
	s->intake.kallsyms = s->kallsyms;
	if (!s->o.no_names && s->profile && !s->namer && !session_new_namer(s))
		s->profile->oom = true;
}

/* Processor time that the capture itself has taken. */
static uint64_t session_cpu(const struct session *s)
{
	const struct session_viewer *v = s->o.viewer;
	uint64_t all = clock_self_cpu_ns(), beside = v ? v->spent(v->ctx) : 0;

	beside += s->namer ? namer_spent(s->namer) : 0;
	return all > beside ? all - beside : 0;
}

static void session_govern(struct session *s, uint64_t now)
{
	struct waggle_bpf *skel = s->programs.skel;
	struct governor *g = &s->governor;

	if (s->o.kill_switch && access(s->o.kill_switch, F_OK) == 0)
		session_finish_with(s, SESSION_SWITCHED_OFF);
	if (!governor_due(g, now) ||
	    !governor_look(g, now, session_cpu(s), s->o.source->run_time(skel)))
		return;
	s->o.source->slow(s->source, skel, g->weight);
	skel->data->control.max_frames = g->depth;
	s->profile->ledger.n[LEDGER_SLOWEST] = g->weight_most > 1 ? g->weight_most : 0;
}

/* Asking how large the maps are is a system call or three for each: they grow slowly. */
static void session_count_own(struct session *s, bool over)
{
	struct ledger *l = &s->profile->ledger;
	uint64_t now = clock_mono_ns();

	l->n[LEDGER_OWN_CPU] = clock_self_cpu_ns() - s->cpu_before;
	l->n[LEDGER_OWN_BPF] = s->o.capture.bpf_stats ? programs_run_time(&s->programs)
						      : s->o.source->run_time(s->programs.skel);
	l->n[LEDGER_OWN_RSS] = clock_self_peak_rss();
	if (!over && now < s->next_maps)
		return;
	l->n[LEDGER_OWN_MAPS] = programs_map_bytes(&s->programs);
	s->next_maps = now + MAPS_MS * UINT64_C(1000000);
}

static bool session_looks(const struct session *s)
{
	const struct session_viewer *v = s->o.viewer;

	return v && v->looks(v->ctx);
}

/* Who follows takes what is new. Taken samples that nobody else needs go. */
static void session_show(struct session *s, bool over)
{
	const struct session_viewer *v = s->o.viewer;
	struct profile *p = s->profile;
	struct session_live now = {
		.profile = p,
		.first = s->viewed,
		.elapsed = over ? p->meta.duration : clock_mono_ns() - s->start,
		.over = over,
		.all = !s->o.view_only,
	};

	if (!v || (!over && now.elapsed < s->next_view && !session_looks(s)))
		return;
	if (now.elapsed >= UNSEEN_FROM_MS * UINT64_C(1000000))
		s->next_view = now.elapsed + UNSEEN_MS * UINT64_C(1000000);
	if (!over && now.elapsed >= s->next_count) {
		s->next_count = now.elapsed + REPORT_MS * UINT64_C(1000000);
		s->o.source->measure(s->source, s->programs.skel, &p->ledger);
		session_count_own(s, false);
	}
	s->viewed += v->take(v->ctx, &now);
	if (s->o.view_only && s->viewed == p->samples.n)
		s->viewed = p->samples.n = p->values.n = 0;
}

static int session_loop(struct session *s)
{
	const struct capture_opts *c = &s->o.capture;
	int interval = c->frequency > FAST_HZ || c->period ? INTERVAL_FAST_MS : INTERVAL_MS;
	uint64_t next = s->start + (uint64_t)interval * 1000000;
	uint64_t until = c->duration ? s->start + c->duration : UINT64_MAX;
	int code = 0, nice = getpriority(PRIO_PROCESS, 0);

	setpriority(PRIO_PROCESS, 0, nice - DRAIN_NICE); /* a ring that is not drained is lost samples */
	while (!s->over && !code) {
		uint64_t now = clock_mono_ns(), at = next < until ? next : until;

		if (now < at) {
			session_wait(s, (int)((at - now + 999999) / 1000000));
			continue;
		}
		if (now >= until)
			session_finish_with(s, SESSION_TIME_UP);
		while (next <= now)
			next += (uint64_t)interval * 1000000;
		session_wait(s, 0);
		s->intake.now = (uint32_t)((now - s->start) / NSEC_PER_SEC);
		ring_buffer__consume(s->file_ring);
		if (session_may_drain(s, now)) {
			session_take_kallsyms(s);
			if (ring_buffer__consume(s->sample_ring) == -EAGAIN)
				next = now; /* there is more: look at the other events, then go on */
			if (s->unfinished)
				unfinished_turn(s->unfinished, now, false);
			if (s->waits)
				waits_turn(s->waits, now);
		}
		session_govern(s, now);
		if (s->namer)
			namer_turn(s->namer, s->profile, now, session_looks(s));
		code = session_flush(s);
		session_show(s, false);
		renew_turn(s, now);
		session_report(s, false);
	}
	setpriority(PRIO_PROCESS, 0, nice);
	return code;
}

/* -- the end ------------------------------------------------------------------------------------ */

static int session_name(struct session *s, struct err *e)
{
	int code = s->namer ? namer_finish(s->namer, s->profile) : 0;

	return code ? err_set(e, code, "out of memory while naming") : 0;
}

static void session_close_ledger(struct session *s)
{
	struct ledger *l = &s->profile->ledger;

	files_count(s->files, l);
	session_count_own(s, true);
}

/* Announced files that are still being opened get a moment, so that they can be named. */
static void session_settle(struct session *s, uint32_t ms)
{
	uint64_t until = clock_mono_ns() + ms * UINT64_C(1000000);

	while (!files_refresh(s->files, s->profile) && clock_mono_ns() < until)
		usleep(2000);
	files_stop(s->files);
	files_refresh(s->files, s->profile);
}

static int session_finish(struct session *s, struct session_result *ret, struct err *e)
{
	struct profile *p = s->profile;
	uint64_t end;
	/* Whoever only looked on and has left needs no names: nothing is waited for. */
	bool left = s->o.view_only && s->end == SESSION_STOPPED;
	uint32_t settle = left ? 0 : SETTLE_MS;
	int code = 0;

	if (s->waits)
		waits_last_look(s->waits);
	s->o.source->stop(s->source);
	end = clock_mono_ns();
	files_close_capture(s->files);
	p->meta.duration = end - s->start;
	if (s->o.command && !s->child.ended)
		child_stop(&s->child, s->end == SESSION_CHILD_ENDED ? 0 : SIGTERM, CHILD_GRACE_MS);
	session_take_kallsyms(s);
	ring_buffer__consume(s->file_ring);
	ring_buffer__consume(s->raw_ring);
	while (ring_buffer__consume(s->sample_ring) == -EAGAIN)
		;
	if (s->unfinished) {
		unfinished_turn(s->unfinished, clock_mono_ns(), true);
		p->ledger.n[LEDGER_FINISHED] = unfinished_count(s->unfinished);
	}
	if (s->waits)
		waits_finish(s->waits, end);
	s->o.source->measure(s->source, s->programs.skel, &p->ledger);
	session_settle(s, settle);
	jitwatch_finish(s->jitwatch, p, settle);
	session_report(s, true);
	code = left ? 0 : session_name(s, e);
	if (!code && (p->oom || profile_count_unnamed(p)))
		code = err_set(e, -ENOMEM, "out of memory");
	session_close_ledger(s);
	if (s->oracle)
		ret->oracle = oracle_session_finish(s->oracle, &p->ledger);
	ret->child_status = s->child.ended ? s->child.status : -1;
	p->meta.child_status = ret->child_status;
	if (!code && s->recording && recording_finish(s->recording))
		code = err_set(e, -EIO, "the recording could not be written");
	if (!code && s->namer && profile_codes_split(p)) /* the recording's readers do that too */
		code = err_set(e, -ENOMEM, "out of memory");
	if (!code)
		session_show(s, true);
	return code;
}

static void session_on_tick(void *ctx, const struct profile_sample *sample)
{
	struct session *s = ctx;

	waits_tick(s->waits, sample);
}

static int session_begin_waits(struct session *s, struct err *e)
{
	bool wall = s->o.source->type && strcmp(s->o.source->type, WAITS_TYPE_WALL) == 0;
	struct waits_opts o = { &s->programs, &s->intake, &s->o.capture, wall };

	if (!s->o.source->waits)
		return 0;
	s->intake.take = session_on_tick;
	return waits_new(&o, &s->waits) ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int session_begin(struct session *s, struct err *e)
{
	int code;

	s->start = clock_mono_ns();
	code = s->o.source->attach(s->programs.skel, &s->o.capture, &s->source, e);
	if (code)
		return code;
	governor_init(&s->governor, s->o.max_overhead,
		      (uint32_t)sysconf(_SC_NPROCESSORS_ONLN), s->start);
	s->profile->meta.start_mono = s->start;
	s->profile->meta.start_wall = clock_wall_ns();
	s->o.source->describe(s->source, &s->o.capture, s->profile);
	s->intake = (struct intake){
		.profile = s->profile,
		.files = s->files,
		.jitwatch = s->jitwatch,
		.memory_cap = s->o.capture.memory_cap,
		.before_unknown_file = session_drain_files,
		.ctx = s,
	};
	code = session_begin_waits(s, e);
	if (code)
		return code;
	if (s->o.view_only && !s->o.recording)
		renew_init(&s->renew);
	if (s->o.recording) {
		s->recording = recording_new(s->profile, s->o.recording);
		if (!s->recording)
			return err_set(e, -ENOMEM, "out of memory");
	}
	return s->o.command ? child_release(&s->child, s->o.command, e) : 0;
}

int session_run(struct session *s, struct session_result *ret, struct err *e)
{
	int code = session_begin(s, e);

	*ret = (struct session_result){ .child_status = -1 };
	if (!code && session_loop(s))
		code = err_set(e, s->o.recording->err ? s->o.recording->err : -EIO,
			       "cannot write the recording: %s",
			       strerror(s->o.recording->err ? -s->o.recording->err : EIO));
	if (!code)
		code = session_finish(s, ret, e);
	if (code)
		return code;
	ret->end = s->end;
	ret->profile = s->profile;
	recording_free(s->recording); /* it borrows the profile */
	s->recording = NULL;
	s->profile = NULL;
	return 0;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	session_take_kallsyms(s);
	if (s->source)
		s->o.source->detach(s->source);
	child_done(&s->child);
	for (size_t i = 0; i < s->watches.n; i++)
		close(s->watches.at[i]);
	VEC_FREE(&s->watches);
	ring_buffer__free(s->sample_ring);
	ring_buffer__free(s->file_ring);
	ring_buffer__free(s->raw_ring);
	oracle_session_free(s->oracle);
	unfinished_free(s->unfinished);
	waits_free(s->waits);
	intake_free(&s->intake);
	namer_free(s->namer);
	jitwatch_free(s->jitwatch);
	files_free(s->files);
	programs_close(&s->programs);
	known_free(&s->known);
	recording_free(s->recording);
	profile_free(s->profile);
	kallsyms_free(s->kallsyms);
	if (s->epoll >= 0)
		close(s->epoll);
	if (s->stop_event >= 0)
		close(s->stop_event);
	free(s);
}
