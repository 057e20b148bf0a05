/* corpus_test.c - stacks of real programs (test/corpus), unwound twice and compared with what was found
 * when they were captured: by the BPF walker, compiled for the host unmodified, with tables from the files'
 * excerpts; and by the oracle, which tells that the excerpts are true.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/bpf_host.h"
#include "bpf/unwind.bpf.c"
#include "host/maple_host.h"
#include "host/slabs_host.h"

#include "elf/image.h"
#include "unwind/agreement.h"
#include "unwind/stackfile.h"
#include "unwind/table.h"

enum { VMAS_MAX = 1024, IMAGES_MAX = 256 };

static struct stackfile file; /* the one at hand */
static const char *file_path;
static size_t failures; /* all are shown, then the test fails */

/* -- maps --------------------------------------------------------------------------------------- */

static uint32_t host_id; /* what a look-up of a file's id returns */

/* Inode numbers are image numbers here, and image numbers give ids. */
static uint32_t host_image_id(uint64_t image)
{
	return strcmp(file.images.at[image].name, "[vdso]") ? FILE_FIRST + (uint32_t)image : FILE_VDSO;
}

static void *bpf_map_lookup_elem(void *map, const void *key)
{
	if (map == &jit_tables)
		return NULL;
	if (map == &file_ids) {
		host_id = host_image_id(((const struct file_key *)key)->ino - 1);
		return &host_id;
	}
	return host_array_find(map, key);
}

static long bpf_map_update_elem(void *map, const void *key, const void *value, uint64_t flags)
{
	fail_msg("every file is known");
	return 0;
}

static void *bpf_ringbuf_reserve(void *ring, uint64_t size, uint64_t flags)
{
	return NULL;
}

static void bpf_ringbuf_submit(void *data, uint64_t flags)
{
}

/* -- the process in the file, as the kernel would see it -------------------------------------------- */

static struct vm_area_struct host_vmas[VMAS_MAX];
static struct file host_vm_files[IMAGES_MAX];
static struct inode host_inodes[IMAGES_MAX];
static struct super_block host_sb = { .s_dev = 42 };
static struct mm_struct host_mm;
static struct task_struct host_current = { .mm = &host_mm, .group_leader = &host_current };

static void host_map(size_t i, const struct stackfile_mapping *m)
{
	size_t image = m->place - STACKFILE_IMAGE;

	host_vmas[i] = (struct vm_area_struct){ .vm_start = m->start, .vm_end = m->end,
						.vm_flags = VM_EXEC, .vm_pgoff = m->offset / 4096 };
	if (m->place < STACKFILE_IMAGE)
		return;
	if (host_image_id(image) == FILE_VDSO) {
		host_mm.context.vdso = (void *)(uintptr_t)m->start;
		return;
	}
	host_inodes[image] = (struct inode){ .i_ino = image + 1, .i_sb = &host_sb };
	host_vm_files[image] = (struct file){ .f_inode = &host_inodes[image] };
	host_vmas[i].vm_file = &host_vm_files[image];
}

static void host_map_all(void)
{
	static struct maple_range ranges[2 * VMAS_MAX + 1];
	uint64_t next = 0;
	size_t out = 0;

	assert_in_range(file.mappings.n, 1, VMAS_MAX);
	host_mm.context.vdso = NULL;
	for (size_t i = 0; i < file.mappings.n; i++) {
		host_map(i, &file.mappings.at[i]);
		if (host_vmas[i].vm_start > next)
			ranges[out++] = (struct maple_range){ host_vmas[i].vm_start - 1, 0 };
		ranges[out++] = (struct maple_range){ host_vmas[i].vm_end - 1,
						      (uint64_t)(uintptr_t)&host_vmas[i] };
		next = host_vmas[i].vm_end;
	}
	ranges[out++] = (struct maple_range){ UINT64_MAX, 0 };
	host_mm.mm_mt.ma_root = (void *)(uintptr_t)maple_build(ranges, out);
}

/* What was kept of the stack; the rest of its last page reads as zeros. */
static int host_read_stack(void *to, size_t n, uint64_t addr)
{
	uint64_t start = file.regs[7] - file.below, at = addr - start;
	size_t have;

	if (addr < start || at >= file.stack_bytes)
		return -14;
	have = file.stack_bytes - at < n ? file.stack_bytes - at : n;
	memcpy(to, file.stack + at, have);
	memset((uint8_t *)to + have, 0, n - have);
	return 0;
}

static void host_tables(void)
{
	assert_in_range(file.images.n, 1, IMAGES_MAX);
	for (size_t i = 0; i < file.images.n; i++) {
		struct file_slot slot = { .state = FILE_NO_TABLE };
		struct table table = { 0 };
		const struct stackfile_image *image = &file.images.at[i];
		struct elf_image *img;

		assert_int_equal(elf_image_memory(image->elf, image->len, &img, NULL), 0);
		if (!table_build(img, &table, NULL) && table.n) {
			assert_int_equal(store_add(host_store, &table, &slot, NULL), 0);
			slot.state = FILE_READY;
		}
		host_files[host_image_id(i)] = slot;
		table_free(&table);
		elf_image_free(img);
	}
}

/* -- comparing ---------------------------------------------------------------------------------- */

static uint64_t expected_word(const struct stackfile_frame *f)
{
	uint64_t id = f->place == STACKFILE_NOWHERE ? FILE_UNKNOWN :
		      f->place == STACKFILE_ANON    ? FILE_JIT :
						      host_image_id(f->place - STACKFILE_IMAGE);

	return id << FRAME_FILE_SHIFT | (f->offset & FRAME_OFFSET_MASK);
}

static void compare(const char *who, const uint64_t *frames, size_t n, uint32_t end)
{
	uint64_t *expected = calloc(file.frames.n + 1, sizeof(*expected));
	uint8_t *ways = calloc(file.frames.n + 1, 1);
	struct agreement_walk w = { frames, n, end, 0 };
	struct agreement_oracle o = { expected, ways, file.frames.n, file.stop };
	struct agreement a = { 0 };
	enum verdict verdict;

	for (size_t i = 0; i < file.frames.n; i++) {
		expected[i] = expected_word(&file.frames.at[i]);
		ways[i] = file.frames.at[i].way;
	}
	verdict = agreement_add(&a, 0, &w, &o);
	if (verdict_differs(verdict) || verdict == VERDICT_WALK_SHORT) {
		print_error("%s: %s: %s; %zu frames (end %u), %zu expected, %llu equal\n", file_path, who,
			    verdict_text(verdict), n, end, file.frames.n, (unsigned long long)a.equal);
		failures++;
	}
	agreement_free(&a);
	free(expected);
	free(ways);
}

static void walk_file(void)
{
	host_map_all();
	host_tables();
	memset(&host_walk, 0, sizeof(host_walk));
	for (int i = 0; i < 16; i++)
		host_walk.regs[i] = file.regs[i];
	host_walk.ip = file.ip;
	host_walk.sp = file.regs[7];
	host_walk.bp = file.regs[6];
	host_walk.tgid = 1;
	walk_user(SCRATCH_TIMER);
	compare("walker", host_walk.frames, host_walk.n, host_walk.end);
	maple_free((uintptr_t)host_mm.mm_mt.ma_root);
	host_mm.mm_mt.ma_root = NULL;
	memset(host_files, 0, sizeof(host_files));
}

/* The same mappings as text; a file's inode number is its image's number + 1. */
static void maps_of_file(struct maps *ret)
{
	struct buf b = { 0 };
	size_t len;

	for (size_t i = 0; i < file.mappings.n; i++) {
		const struct stackfile_mapping *m = &file.mappings.at[i];
		uint32_t image = m->place - STACKFILE_IMAGE;

		buf_printf(&b, "%llx-%llx r-xp %llx 00:2a ", (unsigned long long)m->start,
			   (unsigned long long)m->end, (unsigned long long)m->offset);
		if (m->place >= STACKFILE_IMAGE)
			buf_printf(&b, "%u /%s\n", image + 1, file.images.at[image].name);
		else
			buf_puts(&b, "0\n");
	}
	buf_putc(&b, 0);
	assert_int_equal(b.err, 0);
	len = b.len - 1;
	assert_int_equal(maps_parse((char *)buf_take(&b, &(size_t){ 0 }), len, ret), 0);
}

static int open_excerpt(void *ctx, uint32_t pid, const struct maps *m, const struct maps_range *at)
{
	const struct stackfile_image *image = &file.images.at[at->ino - 1];
	int fd = memfd_create("excerpt", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, image->elf, image->len), image->len);
	return fd;
}

static void ask_oracle(void)
{
	struct raw_record *r = calloc(1, sizeof(*r) + file.stack_bytes);
	uint64_t *words = calloc(file.frames.n + ORACLE_FRAMES_MAX, sizeof(*words));
	struct oracle_stack found = { 0 };
	struct oracle *oracle;
	struct maps m;

	memcpy(r->regs, file.regs, sizeof(r->regs));
	r->ip = file.ip;
	r->tgid = r->tid = 1;
	r->bytes = (uint32_t)file.stack_bytes;
	r->below = file.below;
	memcpy(r + 1, file.stack, file.stack_bytes);
	maps_of_file(&m);
	assert_int_equal(oracle_new(&(struct oracle_opts){ .open = open_excerpt }, &oracle, NULL), 0);
	assert_int_equal(oracle_unwind(oracle, r, &m, &found), 0);
	for (size_t i = 0; i < found.frames.n; i++) {
		const struct oracle_frame *f = &found.frames.at[i];
		const struct maps_range *at = f->mapping == ORACLE_NOWHERE ? NULL : &m.list.at[f->mapping];
		uint64_t id = !at ? FILE_UNKNOWN : at->ino ? host_image_id(at->ino - 1) : FILE_JIT;

		words[i] = id << FRAME_FILE_SHIFT | (f->offset & FRAME_OFFSET_MASK);
	}
	compare("oracle", words, found.frames.n, found.stop == ORACLE_BOTTOM ? WALK_BOTTOM : WALK_GAP);
	oracle_free(oracle);
	oracle_stack_free(&found);
	maps_free(&m);
	free(words);
	free(r);
}

static void read_file(const char *path)
{
	static uint8_t bytes[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t n;

	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	file_path = path;
	assert_int_equal(stackfile_unpack(bytes, n, &file), 0);
}

static glob_t corpus;

static void walker_finds_what_was_found(void **state)
{
	size_t frames = 0;

	failures = 0;
	for (size_t i = 0; i < corpus.gl_pathc; i++) {
		read_file(corpus.gl_pathv[i]);
		walk_file();
		frames += file.frames.n;
		stackfile_free(&file);
	}
	print_message("%zu stacks, %zu frames\n", corpus.gl_pathc, frames);
	assert_int_equal(failures, 0);
}

static void oracle_finds_it_again(void **state)
{
	failures = 0;
	for (size_t i = 0; i < corpus.gl_pathc; i++) {
		read_file(corpus.gl_pathv[i]);
		ask_oracle();
		stackfile_free(&file);
	}
	assert_int_equal(failures, 0);
}

static int setup(void **state)
{
	const char *pattern = getenv("CORPUS"); /* others than those that are kept */

	host_task = &host_current;
	host_user_read = host_read_stack;
	host_dictionary = rules_new(host_rules);
	host_store = store_new(&host_ops, NULL, host_dictionary, 0);
	return glob(pattern ? pattern : "test/corpus/*.stack", 0, NULL, &corpus);
}

static int teardown(void **state)
{
	globfree(&corpus);
	store_free(host_store);
	rules_free(host_dictionary);
	for (int i = 0; i < SLABS_MAX; i++)
		free(host_slabs[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walker_finds_what_was_found),
		cmocka_unit_test(oracle_finds_it_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
