/* generate.c KIND DIR - makes profiles whose truth is known, for the browser tests.
 *
 * Writes DIR/KIND.svg, DIR/KIND.html, DIR/KIND.waggle and DIR/KIND.tsv; the last has one line per
 * sample (time in
 * ns, pid, tid, thread, process, value, frames from the root joined by ';' with "_[k]", "_[i]",
 * "_[j]" behind their names), from which the tests work out by themselves what the pages have to
 * show. Kinds: demo (four programs over ten seconds), big (about a million nodes), deep (300
 * frames, recursion), threads (3000 of them), odd (names that try to break out), untimed, empty.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "unit/profile/waits_example.h"

enum { FRAMES_MOST = 400 };

struct maker {
	struct profile *p;
	FILE *tsv;
	uint64_t random;
};

static uint32_t make_random(struct maker *m, uint32_t below)
{
	m->random = m->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(m->random >> 33) % below;
}

static uint32_t make_object(struct maker *m, const char *path, enum object_kind kind)
{
	struct profile_object o = {.kind = (uint8_t)kind, .path = profile_str(m->p, path)};

	return profile_object(m->p, &o);
}

/* "name", "name@/path/of/object", with "_[k]" and friends for the kind; one frame, one line. An
 * inlined function gets its frame from the one that it is part of: "inner_[i]|outer". */
static uint32_t make_frame(struct maker *m, const char *text)
{
	struct profile_line lines[4] = { 0 };
	char copy[512], *at, *save = NULL;
	enum frame_kind kind = FRAME_USER;
	uint32_t object = 0, n = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	at = strchr(copy, '@');
	if (at) {
		*at++ = 0;
		object = make_object(m, at, *at == '[' ? OBJECT_KERNEL : OBJECT_FILE);
	}
	for (char *part = strtok_r(copy, "|", &save); part && n < 4;
	     part = strtok_r(NULL, "|", &save)) {
		size_t len = strlen(part);

		if (len > 4 && !strncmp(part + len - 4, "_[", 2)) {
			kind = part[len - 2] == 'k'   ? FRAME_KERNEL
			       : part[len - 2] == 'j' ? FRAME_JIT
						      : kind;
			part[len - 4] = 0;
		}
		lines[n].function = profile_str(m->p, part);
		lines[n].file =
			profile_str(m->p, kind == FRAME_KERNEL ? "kernel/core.c" : "src/main.c");
		lines[n].line = 10 + (uint32_t)strlen(part) * 3;
		n++;
	}
	return profile_frame_named(m->p, object, 0, kind, lines, (uint16_t)n);
}

static void make_truth(struct maker *m, uint64_t time, uint32_t task, int64_t value,
		       char *const *names, size_t n)
{
	const struct profile_task *t = &m->p->tasks.at[task];

	fprintf(m->tsv, "%" PRId64 "\t%u\t%u\t%s\t%s\t%" PRId64 "\t", (int64_t)time, t->pid, t->tid,
		profile_text(m->p, t->comm), profile_text(m->p, t->process), value);
	for (size_t i = 0; i < n; i++) {
		char copy[512], *parts[4], *save = NULL;
		size_t k = 0;

		snprintf(copy, sizeof(copy), "%s", names[i]);
		if (strchr(copy, '@'))
			*strchr(copy, '@') = 0;
		for (char *p = strtok_r(copy, "|", &save); p && k < 4;
		     p = strtok_r(NULL, "|", &save))
			parts[k++] = p;
		while (k--)
			fprintf(m->tsv, "%s%s", parts[k], k || i + 1 < n ? ";" : "");
	}
	fputc('\n', m->tsv);
}

/* A sample with the stack "root;..;leaf". */
static void make_sample(struct maker *m, uint64_t time, uint32_t task, const char *stack,
			int64_t value)
{
	char *copy = strdup(stack), *names[FRAMES_MOST], *save = NULL;
	struct profile_sample s = {.time = time, .task = task};
	int64_t values[2] = {value, value * 10101010};
	size_t n = 0;

	for (char *f = strtok_r(copy, ";", &save); f && n < FRAMES_MOST;
	     f = strtok_r(NULL, ";", &save)) {
		names[n++] = f;
		s.stack = profile_push(m->p, s.stack, make_frame(m, f));
	}
	if (profile_sample(m->p, &s, values))
		exit(1);
	make_truth(m, time, task, value, names, n);
	free(copy);
}

#define LIBC    "@/usr/lib/x86_64-linux-gnu/libc.so.6"
#define K       "_[k]@[kernel]"
#define SYSCALL "entry_SYSCALL_64" K ";do_syscall_64" K ";"
#define REDIS   "@/usr/bin/redis-server"
#define NGINX   "@/usr/sbin/nginx"
#define PG      "@/usr/lib/postgresql/15/bin/postgres"

struct hot {
	const char *stack;
	uint32_t weight;
};

static const struct hot redis_hot[] = {
	{"_start" REDIS ";__libc_start_main" LIBC ";main" REDIS ";aeMain" REDIS
	 ";aeProcessEvents" REDIS ";readQueryFromClient" REDIS ";processInputBuffer" REDIS
	 ";processCommand" REDIS ";call" REDIS ";setCommand" REDIS ";setGenericCommand" REDIS
	 ";dictFind|dictGenericFind" REDIS,
	 30},
	{"_start" REDIS ";__libc_start_main" LIBC ";main" REDIS ";aeMain" REDIS
	 ";aeProcessEvents" REDIS ";readQueryFromClient" REDIS ";processInputBuffer" REDIS
	 ";processCommand" REDIS ";call" REDIS ";zaddCommand" REDIS ";zslInsert_[i]|zsetAdd" REDIS,
	 26},
	{"_start" REDIS ";__libc_start_main" LIBC ";main" REDIS ";aeMain" REDIS
	 ";aeProcessEvents" REDIS ";readQueryFromClient" REDIS ";read" LIBC ";" SYSCALL
	 "ksys_read" K ";vfs_read" K ";sock_read_iter" K ";tcp_recvmsg" K ";tcp_recvmsg_locked" K
	 ";skb_copy_datagram_iter" K,
	 22},
	{"_start" REDIS ";__libc_start_main" LIBC ";main" REDIS ";aeMain" REDIS
	 ";aeProcessEvents" REDIS ";writeToClient" REDIS ";write" LIBC ";" SYSCALL "ksys_write" K
	 ";sock_write_iter" K ";tcp_sendmsg" K ";tcp_push" K ";__tcp_transmit_skb" K
	 ";ip_queue_xmit" K ";__dev_queue_xmit" K,
	 34},
	{"_start" REDIS ";__libc_start_main" LIBC ";main" REDIS ";aeMain" REDIS
	 ";aeProcessEvents" REDIS ";epoll_wait" LIBC ";" SYSCALL "do_epoll_wait" K ";schedule" K,
	 12},
	{"_start" REDIS ";__libc_start_main" LIBC ";main" REDIS ";serverCron" REDIS
	 ";databasesCron" REDIS ";activeExpireCycle" REDIS,
	 7},
};
static const struct hot redis_free_hot[] = {
	{"clone3" LIBC ";start_thread" LIBC ";bioProcessBackgroundJobs" REDIS
	 ";lazyfreeFreeObject" REDIS ";je_free@/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
	 1},
};
static const struct hot nginx_hot[] = {
	{"_start" NGINX ";__libc_start_main" LIBC ";main" NGINX ";ngx_master_process_cycle" NGINX
	 ";ngx_worker_process_cycle" NGINX ";ngx_process_events_and_timers" NGINX
	 ";ngx_epoll_process_events" NGINX ";ngx_http_process_request_line" NGINX
	 ";ngx_http_handler" NGINX ";ngx_http_core_run_phases" NGINX
	 ";ngx_http_static_handler" NGINX ";ngx_open_cached_file" NGINX,
	 14},
	{"_start" NGINX ";__libc_start_main" LIBC ";main" NGINX ";ngx_master_process_cycle" NGINX
	 ";ngx_worker_process_cycle" NGINX ";ngx_process_events_and_timers" NGINX
	 ";ngx_epoll_process_events" NGINX ";ngx_http_process_request_line" NGINX
	 ";ngx_http_handler" NGINX ";ngx_http_core_run_phases" NGINX ";ngx_http_writer" NGINX
	 ";sendfile64" LIBC ";" SYSCALL "do_sendfile" K ";splice_direct_to_actor" K
	 ";tcp_sendpage" K ";tcp_push" K ";__tcp_transmit_skb" K ";ip_queue_xmit" K,
	 30},
	{"_start" NGINX ";__libc_start_main" LIBC ";main" NGINX ";ngx_master_process_cycle" NGINX
	 ";ngx_worker_process_cycle" NGINX ";ngx_process_events_and_timers" NGINX
	 ";ngx_epoll_process_events" NGINX ";ngx_ssl_handshake" NGINX
	 ";SSL_do_handshake@/usr/lib/x86_64-linux-gnu/libssl.so.3"
	 ";EVP_DigestSign@/usr/lib/x86_64-linux-gnu/libcrypto.so.3;bn_mul_mont@/usr/lib/"
	 "x86_64-linux-gnu/libcrypto.so.3",
	 24},
};
static const struct hot node_hot[] = {
	{"_start@/usr/bin/node;__libc_start_main" LIBC
	 ";node::Start@/usr/bin/node;uv_run@/usr/bin/node;"
	 "v8::Function::Call@/usr/bin/node;handleRequest /srv/app.js:41_[j]@[jit];renderPage "
	 "/srv/app.js:88_[j]@[jit];"
	 "escapeHtml /srv/app.js:12_[j]@[jit]",
	 22},
	{"_start@/usr/bin/node;__libc_start_main" LIBC
	 ";node::Start@/usr/bin/node;uv_run@/usr/bin/node;"
	 "v8::Function::Call@/usr/bin/node;handleRequest "
	 "/srv/app.js:41_[j]@[jit];JSON.stringify_[j]@[jit]",
	 12},
	{"_start@/usr/bin/node;__libc_start_main" LIBC
	 ";node::Start@/usr/bin/node;uv_run@/usr/bin/node;"
	 "v8::internal::Heap::CollectGarbage@/usr/bin/"
	 "node;v8::internal::MarkCompactCollector::MarkLiveObjects@/usr/bin/node",
	 9},
};
static const struct hot postgres_hot[] = {
	{"_start" PG ";__libc_start_main" LIBC ";main" PG ";PostmasterMain" PG ";ServerLoop" PG
	 ";BackendRun|BackendStartup" PG ";PostgresMain" PG ";exec_simple_query" PG ";PortalRun" PG
	 ";ExecutorRun" PG ";ExecHashJoin" PG ";ExecScanHashBucket" PG,
	 26},
	{"_start" PG ";__libc_start_main" LIBC ";main" PG ";PostmasterMain" PG ";ServerLoop" PG
	 ";BackendRun|BackendStartup" PG ";PostgresMain" PG ";exec_simple_query" PG ";PortalRun" PG
	 ";ExecutorRun" PG ";ExecAgg" PG ";heap_getnextslot" PG ";heapgetpage" PG
	 ";HeapTupleSatisfiesMVCC" PG,
	 20},
	{"_start" PG ";__libc_start_main" LIBC ";main" PG ";PostmasterMain" PG ";ServerLoop" PG
	 ";BackendRun|BackendStartup" PG ";PostgresMain" PG ";exec_simple_query" PG
	 ";pg_plan_query" PG ";standard_planner" PG,
	 8},
	{"_start" PG ";__libc_start_main" LIBC ";main" PG ";PostmasterMain" PG ";ServerLoop" PG
	 ";BackendRun|BackendStartup" PG ";PostgresMain" PG ";ReadCommand" PG ";pread64" LIBC
	 ";" SYSCALL "ksys_pread64" K ";vfs_read" K ";ext4_file_read_iter" K ";filemap_read" K
	 ";copy_page_to_iter" K,
	 18},
};

struct program {
	const char *name, *thread;
	uint32_t pid, tid, share;
	const struct hot *hot;
	size_t n;
};

#define HOT(list) list, sizeof(list) / sizeof(*list)
static const struct program programs[] = {
	{"redis-server", "redis-server", 4711, 4711, 30, HOT(redis_hot)},
	{"redis-server", "bio_lazy_free", 4711, 4714, 3, HOT(redis_free_hot)},
	{"nginx", "nginx", 901, 901, 14, HOT(nginx_hot)},
	{"nginx", "nginx", 902, 902, 12, HOT(nginx_hot)},
	{"node", "node", 2210, 2210, 16, HOT(node_hot)},
	{"postgres", "postgres", 1300, 1300, 22, HOT(postgres_hot)},
};

/* The stack cut at a random depth near its leaf, so that callers have self time too. */
static void make_hot_sample(struct maker *m, uint64_t time, const struct program *g, uint32_t task)
{
	uint32_t sum = 0, pick, cut = make_random(m, 100);
	char text[4096], *semi;
	size_t i = 0;

	for (size_t k = 0; k < g->n; k++)
		sum += g->hot[k].weight;
	for (pick = make_random(m, sum); pick >= g->hot[i].weight; i++)
		pick -= g->hot[i].weight;
	snprintf(text, sizeof(text), "%s", g->hot[i].stack);
	for (; cut < 22 && (semi = strrchr(text, ';')) && strchr(text, ';') != semi; cut += 12)
		*semi = 0;
	make_sample(m, time, task, text, 1);
}

static void make_demo_ledger(struct maker *m)
{
	uint64_t *n = m->p->ledger.n;
	uint32_t libcrypto =
		make_object(m, "/usr/lib/x86_64-linux-gnu/libcrypto.so.3", OBJECT_FILE);

	n[LEDGER_EXPECTED] = n[LEDGER_TICKS] = 7920;
	n[LEDGER_TAKEN] = m->p->samples.n;
	n[LEDGER_IDLE] = 7920 - m->p->samples.n;
	n[LEDGER_STACKS_USER] = m->p->samples.n;
	n[LEDGER_STACKS_WHOLE] = m->p->samples.n - 4;
	n[LEDGER_FILES] = 9;
	n[LEDGER_OWN_CPU] = 31000000;
	n[LEDGER_OWN_RSS] = 38 << 20;
	n[LEDGER_OWN_MAPS] = 21 << 20;
	ledger_cut(&m->p->ledger, 4, libcrypto, 4);
}

/* Load that has a shape in time: redis in waves, postgres in one long query in the middle. */
static void make_demo(struct maker *m)
{
	struct profile_meta *meta = &m->p->meta;

	meta->duration = UINT64_C(10000000000);
	meta->frequency = 99;
	meta->n_cpus = 8;
	meta->start_wall = UINT64_C(1795224000000000000);
	meta->source = profile_str(m->p, "cpu");
	meta->event = profile_str(m->p, "cpu-clock");
	meta->host = profile_str(m->p, "web-3");
	meta->kernel = profile_str(m->p, "Linux 6.1.0");
	for (uint64_t tick = 0; tick < 990; tick++) {
		uint64_t time = tick * 10101010 + 5;

		for (uint32_t cpu = 0; cpu < 8; cpu++) {
			const struct program *g = programs;
			uint32_t pick = make_random(m, 97),
				 busy = 35 + (uint32_t)(tick * 7 / 100) % 5 * 9;

			for (; pick >= g->share; g++)
				pick -= g->share;
			if (!strcmp(g->name, "postgres") ? tick < 380 || tick > 700
							 : make_random(m, 100) > busy)
				continue;
			make_hot_sample(m, time, g,
					profile_task(m->p, g->pid, g->tid, g->thread, g->name));
		}
	}
	make_demo_ledger(m);
}

static void make_big(struct maker *m)
{
	uint32_t task = profile_task(m->p, 7, 7, "big", "big");
	uint32_t frames[4000];
	char name[64];

	for (uint32_t i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), "module_%u::function_%u", i % 40, i);
		frames[i] = profile_frame_text(m->p, name, i % 5 ? FRAME_USER : FRAME_KERNEL);
	}
	m->p->meta.duration = UINT64_C(10000000000);
	for (uint32_t i = 0; i < 62000; i++) {
		struct profile_sample s = {.time = (uint64_t)i * 160000, .task = task};
		int64_t values[2] = {1, 10101010};

		for (uint32_t k = 0; k < 26; k++) {
			uint32_t spread = k < 4 ? 3 : k < 10 ? 9 : 4000;

			s.stack = profile_push(m->p, s.stack,
					       frames[(k * 97 + make_random(m, spread)) % 4000]);
		}
		if (profile_sample(m->p, &s, values))
			exit(1);
	}
}

static void make_deep(struct maker *m)
{
	char text[16384];
	size_t at = 0;

	at += (size_t)snprintf(text, sizeof(text), "main");
	for (int i = 0; i < 148; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, ";visit_node;walk_children");
	for (uint64_t i = 0; i < 100; i++)
		make_sample(m, i * 10000000, profile_task(m->p, 5, 5, "deep", "deep"),
			    i % 4 ? text : "main;visit_node;walk_children;visit_node", 1);
}

static void make_threads(struct maker *m)
{
	char name[32], stack[64];

	for (uint32_t i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "worker-%u", i);
		snprintf(stack, sizeof(stack), "start_thread;work_%u;spin", i % 50);
		make_sample(m, (uint64_t)i * 1000000,
			    profile_task(m->p, 100 + i / 1000, 10000 + i, name, "server"), stack,
			    1 + i % 3);
	}
}

static void make_odd(struct maker *m)
{
	uint32_t task = profile_task(m->p, 1, 1, "</script><b>", "a\"b&c");

	make_sample(m, 0, task, "main;</script><script>alert(1)</script>", 3);
	make_sample(m, 0, task, "main;]]>&<title>'\"", 5);
	make_sample(m, 0, task, "main;\xff\xfe bad utf8 \xc3\x28", 7);
	make_sample(m, 0, task, "main;ünï¢ødé 函数::호출 🐝", 11);
	make_sample(m, 0, task, "main;ctrl\x01\x1b[31m", 13);
	make_sample(m, 0, task, "main;__proto__;constructor", 17);
}

static void make_untimed(struct maker *m)
{
	make_sample(m, PROFILE_NO_TIME, 0, "main;a;b", 30);
	make_sample(m, PROFILE_NO_TIME, 0, "main;a;c", 12);
	make_sample(m, PROFILE_NO_TIME, 0, "main;d", 8);
}

/* Profiles of waits, as pictures and as the recordings that test/cli/off.waggle and wall.waggle are. */
static void make_waits(struct maker *m, bool wall)
{
	profile_free(m->p);
	m->p = wall ? waits_example_wall() : waits_example_off();
}

static void make_off(struct maker *m)
{
	make_waits(m, false);
}

static void make_wall(struct maker *m)
{
	make_waits(m, true);
}

static int make_files(struct maker *m, const char *kind, const char *dir)
{
	static const char *const exts[] = {"svg", "html", "waggle"};
	struct format_opts o;
	struct err e = { 0 };
	char path[512];

	format_opts_default(&o);
	o.tree.root = !strcmp(kind, "demo") || !strcmp(kind, "threads") ? ROOT_COMM : ROOT_NOTHING;
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s.%s", dir, kind, exts[i]);
		if (format_write_file(m->p, NULL, path, &o, &e)) {
			fprintf(stderr, "%s\n", e.text);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*make)(struct maker *m);
	} kinds[] = {
		{"demo", make_demo},       {"big", make_big}, {"deep", make_deep},
		{"threads", make_threads}, {"odd", make_odd}, {"untimed", make_untimed},
		{"off", make_off},         {"wall", make_wall},
		{"empty", NULL},
	};
	struct maker m = {.p = profile_new("samples", "count"), .random = 42};
	char path[512];
	int rc;

	if (argc != 3 || !m.p)
		return 2;
	snprintf(path, sizeof(path), "%s/%s.tsv", argv[2], argv[1]);
	m.tsv = fopen(path, "w");
	profile_value_type(m.p, "cpu", "nanoseconds");
	for (size_t i = 0; m.tsv && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(argv[1], kinds[i].name) && kinds[i].make)
			kinds[i].make(&m);
	rc = !m.tsv || fclose(m.tsv) || m.p->oom || make_files(&m, argv[1], argv[2]);
	profile_free(m.p);
	return rc;
}
