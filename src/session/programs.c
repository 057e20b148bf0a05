/* programs.c - load the BPF object and map what user space writes; see programs.h. */
#include "session/programs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "session/selftest.h"
#include "session/smallbtf.h"
#include "source/off.h"
#include "waggle.skel.h"

/* Raw stacks are taken off at once; these hold what comes while that is late. */
#define RAW_RING_ORACLE (8u << 20)
#define SLABS_MISSING 16u /* holes in a row after which there are no more */
#define RAW_RING_PENDING (512u << 10)
#define RAW_RING_WAITS (4u << 20)

#define BATCH_BYTES (384u << 10) /* of elements of a map read at once */

/* libbpf's own words, kept for the sentence: the last line it called a warning. */
static __thread char programs_said[256];

static int programs_listen(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN) {
		vsnprintf(programs_said, sizeof(programs_said), fmt, ap);
		programs_said[strcspn(programs_said, "\n")] = 0;
	}
	return 0;
}

static void *programs_map(struct bpf_map *map, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return at == MAP_FAILED ? NULL : at;
}

static int programs_new_slab(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "waggle_slab", sizeof(uint32_t),
			      SLAB_WORDS * sizeof(uint32_t), 1, &opts);
}

/* The first slab also says what slabs are like; otherwise libbpf makes one of its own only for that. */
static int programs_load_maps(struct programs *p)
{
	int slab = programs_new_slab(), code;
	uint32_t first = 0;

	if (slab >= 0)
		bpf_map__set_inner_map_fd(p->skel->maps.slabs, slab);
	code = waggle_bpf__load(p->skel);
	if (!code && slab >= 0)
		code = bpf_map_update_elem(bpf_map__fd(p->skel->maps.slabs), &first, &slab, BPF_ANY);
	if (slab >= 0)
		close(slab);
	return code;
}

static size_t programs_sent_bytes(const struct programs *p)
{
	return ((size_t)p->skel->rodata->sent_mask + 1) * sizeof(*p->sent);
}

static int programs_load(struct programs *p, struct err *e)
{
	int code = programs_load_maps(p);

	if (code == -EPERM) /* what the verifier refuses is -EACCES: that is the kernel, not the user */
		return err_set(e, -EPERM,
			       "the kernel refused to load waggle's programs (%s); run as root, or with "
			       "CAP_BPF and CAP_PERFMON ('waggle doctor' tells what is missing)",
			       programs_said);
	if (code)
		return err_set(e, -ENOTSUP,
			       "this kernel cannot load waggle's programs: %s ('waggle doctor' tells what "
			       "is missing)",
			       programs_said[0] ? programs_said : strerror(-code));
	p->files = programs_map(p->skel->maps.files, FILES_MAX * sizeof(struct file_slot));
	p->rules = programs_map(p->skel->maps.rules, RULES_MAX * sizeof(struct unwind_rule));
	p->sent = programs_map(p->skel->maps.sent, programs_sent_bytes(p));
	if (!p->files || !p->rules || !p->sent)
		return err_set(e, -errno, "cannot map the unwind tables: %s", strerror(errno));
	return 0;
}

/* Writes the small type information for the opened object into `fd`; what is known, or what is found. */
static int programs_write_btf(struct programs *p, int fd, const struct known *known)
{
	struct smallbtf_raw raw;
	struct btf *small = NULL;
	size_t len = 0;
	const void *bytes = known_btf(known, &len);
	uint32_t size = 0;
	int code;

	if (bytes)
		return write(fd, bytes, len) == (ssize_t)len ? 0 : -ENOMEM;
	code = smallbtf_open("/sys/kernel/btf/vmlinux", &raw);
	if (code)
		return code;
	code = smallbtf_new(&raw, bpf_object__btf(p->skel->obj), &small);
	smallbtf_close(&raw);
	if (code)
		return code;
	bytes = btf__raw_data(small, &size);
	if (!bytes || write(fd, bytes, size) != (ssize_t)size)
		code = -ENOMEM;
	btf__free(small);
	return code;
}

/* libbpf opens the type information by path and only when it loads: a file in memory is filled in between.
 * Without it libbpf reads the kernel's own, which takes longer and is all the difference. */
static int programs_open_object(struct programs *p, const struct known *known, struct err *e)
{
	int fd = memfd_create("waggle-btf", MFD_CLOEXEC);
	char path[64];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = path);

	p->btf_fd = fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	p->skel = fd < 0 ? NULL : waggle_bpf__open_opts(&opts);
	if (!p->skel || programs_write_btf(p, fd, known)) {
		waggle_bpf__destroy(p->skel);
		if (fd >= 0)
			close(fd);
		p->btf_fd = -1;
		p->skel = waggle_bpf__open();
	}
	if (!p->skel)
		return err_set(e, -errno, "cannot open waggle's programs: %s", strerror(errno));
	return 0;
}

/* Only what programs were loaded with is worth keeping. */
static void programs_keep_btf(const struct programs *p, struct known *known)
{
	struct stat st;
	size_t len;
	void *bytes;

	if (known_btf(known, &len) || p->btf_fd < 0 || fstat(p->btf_fd, &st) || st.st_size <= 0)
		return;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, p->btf_fd, 0);
	if (bytes == MAP_FAILED)
		return;
	known_save(known, bytes, (size_t)st.st_size);
	munmap(bytes, (size_t)st.st_size);
}

const void *programs_bytes(size_t *ret_len)
{
	return waggle_bpf__elf_bytes(ret_len);
}

static int programs_try(struct programs *p, const struct source *source, const struct capture_opts *o,
			uint32_t ring_bytes, struct known *known, struct err *e)
{
	struct bpf_program *prog;
	int code;

	*p = (struct programs){ .stats_fd = -1, .btf_fd = -1 };
	programs_said[0] = 0;
	libbpf_set_print(programs_listen);
	code = programs_open_object(p, known, e);
	if (code) {
		programs_close(p);
		return code;
	}
	bpf_object__for_each_program(prog, p->skel->obj)
		bpf_program__set_autoload(prog, false);
	bpf_map__set_max_entries(p->skel->maps.sample_ring, ring_bytes);
	bpf_map__set_max_entries(p->skel->maps.kept_rules, (uint32_t)libbpf_num_possible_cpus());
	if (o->oracle_every)
		bpf_map__set_max_entries(p->skel->maps.raw_ring, RAW_RING_ORACLE);
	else if (o->finish_pending)
		bpf_map__set_max_entries(p->skel->maps.raw_ring,
					 source->waits ? RAW_RING_WAITS : RAW_RING_PENDING);
	bpf_program__set_autoload(p->skel->progs.self_test, true);
	if (!source->waits)
		off_leave_out(p->skel);
	code = source->prepare(p->skel, o, e);
	if (!code)
		code = programs_load(p, e);
	if (!code)
		code = selftest_run(p->skel, e);
	if (!code && o->bpf_stats)
		p->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (code) {
		programs_close(p);
		return code;
	}
	p->run_time_before = programs_run_time(p);
	programs_keep_btf(p, known);
	return 0;
}

int programs_open(struct programs *p, const struct source *source, const struct capture_opts *o,
		  uint32_t ring_bytes, struct known *known, struct err *e)
{
	int code = programs_try(p, source, o, ring_bytes, known, e);
	size_t len;

	if (code != -ENOTSUP || !known_btf(known, &len))
		return code;
	known_forget(known); /* what was kept may be to blame */
	return programs_try(p, source, o, ring_bytes, known, e);
}

void programs_close(struct programs *p)
{
	if (p->files)
		munmap(p->files, FILES_MAX * sizeof(struct file_slot));
	if (p->rules)
		munmap(p->rules, RULES_MAX * sizeof(struct unwind_rule));
	if (p->sent)
		munmap(p->sent, programs_sent_bytes(p));
	if (p->stats_fd >= 0)
		close(p->stats_fd);
	if (p->btf_fd >= 0)
		close(p->btf_fd);
	waggle_bpf__destroy(p->skel);
	*p = (struct programs){ .stats_fd = -1, .btf_fd = -1 };
}

/* The slot is chosen as in bpf/emit.bpf.h. */
void programs_send_again(struct programs *p, uint64_t hash)
{
	uint32_t slot = (uint32_t)(hash ^ hash >> 32) & p->skel->rodata->sent_mask;
	uint64_t is = hash;

	__atomic_compare_exchange_n(&p->sent[slot], &is, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

int programs_each(const struct bpf_map *map, bool take, programs_element *each, void *ctx)
{
	size_t key_size = bpf_map__key_size(map), value_size = bpf_map__value_size(map);
	int (*read_some)(int, void *, void *, void *, void *, __u32 *, const struct bpf_map_batch_opts *) =
		take ? bpf_map_lookup_and_delete_batch : bpf_map_lookup_batch;
	uint32_t most = (uint32_t)(BATCH_BYTES / (key_size + value_size)), at = 0, n;
	char *keys = malloc(most * key_size), *values = malloc(most * value_size);
	int fd = bpf_map__fd(map), code = keys && values ? 0 : -ENOMEM;

	for (bool first = true; !code; first = false) {
		n = most;
		code = read_some(fd, first ? NULL : &at, &at, keys, values, &n, NULL) ? -errno : 0;
		for (uint32_t i = 0; i < n && (!code || code == -ENOENT); i++)
			each(ctx, keys + i * key_size, values + i * value_size);
	}
	free(keys);
	free(values);
	return code == -ENOENT ? 0 : code; /* -ENOENT: these were the last */
}

/* -- slabs -------------------------------------------------------------------------------------- */

static uint32_t *slab_open(void *ctx, uint32_t k, uint32_t in)
{
	struct programs *p = ctx;
	int outer = bpf_map__fd(p->skel->maps.slabs), fd;
	uint32_t id;
	void *at;

	if (!bpf_map_lookup_elem(outer, &k, &id)) {
		fd = bpf_map_get_fd_by_id(id);
	} else {
		fd = programs_new_slab();
		if (fd >= 0 && bpf_map_update_elem(outer, &k, &fd, BPF_ANY)) {
			close(fd);
			fd = -1;
		}
	}
	if (fd < 0)
		return NULL;
	/* Mapped only while it is written: the pages are the kernel's, they need not count as ours. */
	at = mmap(NULL, STORE_PIECE * sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		  (off_t)(in * sizeof(uint32_t)));
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

static void slab_close(void *ctx, uint32_t k, uint32_t *words)
{
	munmap(words, STORE_PIECE * sizeof(uint32_t));
}

/* No walk can be inside: the store drops a slab only after all of its words have rested. So kernels that
 * free an inner map at once (before 876673364161, Linux 6.8) are no danger. */
static void slab_drop(void *ctx, uint32_t k)
{
	struct programs *p = ctx;

	bpf_map_delete_elem(bpf_map__fd(p->skel->maps.slabs), &k);
}

const struct store_ops programs_store_ops = { slab_open, slab_close, slab_drop, NULL };

const uint32_t *programs_slab_view(const struct programs *p, uint32_t address, size_t n)
{
	uint32_t k = address >> SLAB_WORDS_SHIFT, in = address & (SLAB_WORDS - 1), id;
	void *at;
	int fd;

	if (bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.slabs), &k, &id))
		return NULL;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return NULL;
	at = mmap(NULL, n * sizeof(uint32_t), PROT_READ, MAP_SHARED, fd, (off_t)(in * sizeof(uint32_t)));
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

void programs_slab_unview(const uint32_t *view, size_t n)
{
	munmap((void *)(uintptr_t)view, n * sizeof(*view));
}

/* -- cost --------------------------------------------------------------------------------------- */

static uint64_t programs_fd_bytes(int fd)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	if (f)
		fclose(f);
	return bytes;
}

uint64_t programs_map_bytes(const struct programs *p)
{
	uint64_t bytes = 0;
	struct bpf_map *map;
	uint32_t id;

	bpf_object__for_each_map(map, p->skel->obj)
		bytes += programs_fd_bytes(bpf_map__fd(map));
	/* Slabs are made in order; a few holes are left where some were given back. */
	for (uint32_t k = 0, missing = 0; k < SLABS_MAX && missing < SLABS_MISSING; k++) {
		int fd;

		if (bpf_map_lookup_elem(bpf_map__fd(p->skel->maps.slabs), &k, &id)) {
			missing++;
			continue;
		}
		fd = bpf_map_get_fd_by_id(id);
		if (fd < 0)
			continue;
		bytes += programs_fd_bytes(fd);
		close(fd);
	}
	return bytes;
}

uint64_t programs_run_time(const struct programs *p)
{
	struct bpf_program *prog;
	uint64_t ns = 0;

	if (p->stats_fd < 0)
		return 0;
	bpf_object__for_each_program(prog, p->skel->obj) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (bpf_program__fd(prog) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			ns += info.run_time_ns;
	}
	return ns - p->run_time_before;
}
