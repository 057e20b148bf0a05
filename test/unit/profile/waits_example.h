/* waits_example.h - profiles as `waggle off` and `waggle wall` make them, small and with known numbers,
 * for every test that looks at waits: a server of three threads whose hot lock is held over a disk
 * read, an idle acceptor, and a job that is given too little processor. */
#ifndef WAGGLE_TEST_WAITS_EXAMPLE_H
#define WAGGLE_TEST_WAITS_EXAMPLE_H

#include <stdlib.h>
#include <string.h>

#include "profile/waits.h"

#define WAITS_MS INT64_C(1000000)

/* One sample: "root;..;leaf", kernel functions end in "_[k]", names in brackets are FRAME_OFFCPU. */
struct waits_row {
	const char *stack;
	uint32_t pid, tid;
	const char *comm, *process;
	enum wait_class class;
	const char *lock;       /* "" = none */
	int64_t ms, waits, longest_us, took_us;
	uint64_t second;        /* of the capture */
};

#define WAITS_SYSCALL "entry_SYSCALL_64_after_hwframe_[k];do_syscall_64_[k];"
#define WAITS_FUTEX WAITS_SYSCALL "do_futex_[k];futex_wait_[k];schedule_[k]"
#define WAITS_LOCK "start_thread;serve;query;row_lock;pthread_mutex_lock;" WAITS_FUTEX
#define WAITS_UNLOCK \
	";[woken by conn-2];futex_wake_[k];do_syscall_64_[k];pthread_mutex_unlock;row_unlock;query"
#define WAITS_READ "start_thread;serve;query;read_page;pread64;" WAITS_SYSCALL "ext4_file_read_iter_[k];" \
	"io_schedule_[k]"

static const struct waits_row waits_off_rows[] = {
	/* Two threads wait for one lock that the third holds; it waits for the disk meanwhile. */
	{ WAITS_LOCK WAITS_UNLOCK, 500, 501, "conn-1", "mariadbd", WAIT_LOCK, "0x7f12a0", 4000, 400, 30000,
	  8192, 0 },
	{ WAITS_LOCK WAITS_UNLOCK, 500, 503, "conn-3", "mariadbd", WAIT_LOCK, "0x7f12a0", 2000, 100, 45000,
	  16384, 1 },
	{ WAITS_LOCK WAITS_UNLOCK, 500, 501, "conn-1", "mariadbd", WAIT_LOCK, "0x7f12a0", 100, 1000, 120, 64,
	  1 },
	{ WAITS_LOCK ";[woken by timer]", 500, 503, "conn-3", "mariadbd", WAIT_LOCK, "0x7f00b8", 300, 3,
	  110000, 65536, 2 },
	{ WAITS_READ, 500, 502, "conn-2", "mariadbd", WAIT_DISK, "", 5000, 1000, 20000, 4096, 0 },
	{ "start_thread;accept_loop;poll;" WAITS_SYSCALL "do_sys_poll_[k];schedule_[k]", 500, 500, "mariadbd",
	  "mariadbd", WAIT_POLL, "", 10000, 10, 1000000, 524288, 0 },
	{ "main;crunch", 700, 700, "job", "job", WAIT_PREEMPTED, "", 4900, 1200, 12000, 4096, 0 },
	{ "main;crunch", 700, 700, "job", "job", WAIT_RUN_QUEUE, "", 100, 50, 4000, 2048, 3 },
};

static const struct waits_row waits_wall_rows[] = {
	{ WAITS_LOCK ";[blocked: lock]", 500, 501, "conn-1", "mariadbd", WAIT_LOCK, "", 4000, 400, 30000, 8192,
	  0 },
	{ "start_thread;serve;query;parse", 500, 501, "conn-1", "mariadbd", WAIT_ON_CPU, "", 6000, 0, 0, 0,
	  0 },
	{ WAITS_READ ";[blocked: disk]", 500, 502, "conn-2", "mariadbd", WAIT_DISK, "", 5000, 1000, 20000,
	  4096, 0 },
	{ "start_thread;serve;query;sort_rows", 500, 502, "conn-2", "mariadbd", WAIT_ON_CPU, "", 5000, 0, 0,
	  0, 0 },
	{ "start_thread;accept_loop;poll;" WAITS_SYSCALL "do_sys_poll_[k];schedule_[k];[blocked: poll]", 500,
	  500, "mariadbd", "mariadbd", WAIT_POLL, "", 10000, 1, 10000000, 8388608, 0 },
	{ "main;crunch", 700, 700, "job", "job", WAIT_ON_CPU, "", 5000, 0, 0, 0, 0 },
	{ "main;crunch;[preempted]", 700, 700, "job", "job", WAIT_PREEMPTED, "", 4900, 1200, 12000, 4096, 0 },
	{ "main;crunch;[run queue]", 700, 700, "job", "job", WAIT_RUN_QUEUE, "", 100, 50, 4000, 2048, 3 },
};

static uint32_t waits_frame(struct profile *p, const char *name)
{
	size_t len = strlen(name);
	bool kernel = len > 4 && !strcmp(name + len - 4, "_[k]");
	struct profile_object o = { .kind = OBJECT_KERNEL, .path = profile_str(p, "[kernel]") };
	struct profile_line line = { 0 };

	if (!kernel && name[0] == '[')
		return profile_frame_text(p, name, FRAME_OFFCPU);
	line.function = profile_strn(p, name, len - (kernel ? 4 : 0));
	if (!kernel) {
		o.kind = OBJECT_FILE;
		o.path = profile_str(p, "/usr/sbin/mariadbd");
	}
	return profile_frame_named(p, profile_object(p, &o), 0, kernel ? FRAME_KERNEL : FRAME_USER, &line, 1);
}

static uint32_t waits_stack(struct profile *p, const char *text)
{
	char *copy = strdup(text), *save = NULL;
	uint32_t node = 0;

	for (char *name = strtok_r(copy, ";", &save); name; name = strtok_r(NULL, ";", &save))
		node = profile_push(p, node, waits_frame(p, name));
	free(copy);
	return node;
}

static uint32_t waits_labels(struct profile *p, const struct waits_row *r)
{
	struct profile_label set[3] = {
		{ profile_str(p, WAITS_LABEL_CLASS), profile_str(p, waits_class(r->class)->key), 0, 0 },
	};
	uint32_t n = 1;

	if (r->took_us) /* rounded down to a power of two, as the kernel's side does */
		set[n++] = (struct profile_label){
			profile_str(p, WAITS_LABEL_TOOK), 0,
			INT64_C(1) << (63 - __builtin_clzll((uint64_t)r->took_us * 1000)),
			profile_str(p, "nanoseconds"),
		};
	if (*r->lock)
		set[n++] = (struct profile_label){ profile_str(p, WAITS_LABEL_LOCK), profile_str(p, r->lock),
						   0, 0 };
	return profile_labels(p, set, n);
}

/* 0 when it was added. */
static int waits_add(struct profile *p, const struct waits_row *r)
{
	int64_t values[3] = { r->ms * WAITS_MS, r->waits, r->longest_us * 1000 };
	struct profile_sample s = {
		.time = r->second * 1000000000,
		.stack = waits_stack(p, r->stack),
		.task = profile_task(p, r->pid, r->tid, r->comm, r->process),
		.labels = waits_labels(p, r),
	};

	return profile_sample(p, &s, values);
}

static struct profile *waits_profile(const char *type, const struct waits_row *rows, size_t n)
{
	struct profile *p = profile_new(type, "nanoseconds");
	int err = 0;

	profile_value_type(p, WAITS_TYPE_COUNT, "count");
	profile_value_type(p, WAITS_TYPE_LONGEST, "nanoseconds");
	p->meta.source = profile_str(p, type);
	p->meta.host = profile_str(p, "db-1");
	p->meta.duration = UINT64_C(10000000000);
	p->meta.n_cpus = 4;
	p->meta.start_wall = UINT64_C(1795224000000000000);
	for (size_t i = 0; i < n && !err; i++)
		err = waits_add(p, &rows[i]);
	if (err || p->oom)
		abort();
	p->ledger.n[LEDGER_TAKEN] = (uint64_t)profile_total(p, 1);
	for (size_t i = 0; i < n; i++)
		p->ledger.n[LEDGER_TAKEN] += rows[i].class == WAIT_ON_CPU;
	p->ledger.n[LEDGER_OWN_CPU] = 40000000;
	return p;
}

static inline struct profile *waits_example_off(void)
{
	return waits_profile(WAITS_TYPE_OFF, waits_off_rows,
			     sizeof(waits_off_rows) / sizeof(*waits_off_rows));
}

static inline struct profile *waits_example_wall(void)
{
	return waits_profile(WAITS_TYPE_WALL, waits_wall_rows,
			     sizeof(waits_wall_rows) / sizeof(*waits_wall_rows));
}

#endif
