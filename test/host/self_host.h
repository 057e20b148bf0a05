/* self_host.h - this very process as the walker's kernel shows it: its maps, its mappings from
 * /proc/self/maps in a mapping tree, its memory; and what session/files.c does with announcements, without
 * threads. To be included once, behind bpf_host.h and the walker.
 */
#ifndef WAGGLE_TEST_SELF_HOST_H
#define WAGGLE_TEST_SELF_HOST_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include "elf/image.h"
#include "host/slabs_host.h"
#include "unwind/table.h"

enum { VMAS_MAX = 512 };

/* -- maps --------------------------------------------------------------------------------------- */

static struct kept_rules host_kept;
static struct { struct file_key key; uint32_t id; } host_ids[VMAS_MAX];
static size_t host_n_ids;
static struct file_record host_records[VMAS_MAX];
static size_t host_n_records;

static void *bpf_map_lookup_elem(void *map, const void *key)
{
	if (map == &kept_rules)
		return &host_kept;
	if (map == &jit_tables)
		return NULL;
	if (map == &file_ids) {
		for (size_t i = 0; i < host_n_ids; i++)
			if (!memcmp(&host_ids[i].key, key, sizeof(struct file_key)))
				return &host_ids[i].id;
		return NULL;
	}
	return host_array_find(map, key);
}

static long bpf_map_update_elem(void *map, const void *key, const void *value, uint64_t flags)
{
	assert_ptr_equal(map, &file_ids);
	memcpy(&host_ids[host_n_ids].key, key, sizeof(struct file_key));
	memcpy(&host_ids[host_n_ids++].id, value, sizeof(uint32_t));
	return 0;
}

static void *bpf_ringbuf_reserve(void *ring, uint64_t size, uint64_t flags)
{
	return host_n_records < VMAS_MAX ? &host_records[host_n_records] : NULL;
}

static void bpf_ringbuf_submit(void *data, uint64_t flags)
{
	host_n_records++;
}

/* -- this process, as the kernel sees it ---------------------------------------------------------- */

static struct vm_area_struct host_vmas[VMAS_MAX];
static char host_paths[VMAS_MAX][256];
static struct file host_vm_files[VMAS_MAX];
static struct inode host_inodes[VMAS_MAX];
static struct dentry host_dentries[VMAS_MAX];
static struct mount host_mount; /* the paths of the files are their last parts here */
static struct super_block host_sb = { .s_dev = 42 };
static struct mm_struct host_mm;
static struct task_struct host_current = { .mm = &host_mm, .group_leader = &host_current };

static void host_add_vma(size_t i, const char *line)
{
	unsigned long long start, end, offset, ino;
	char perms[8];

	host_paths[i][0] = 0;
	assert_true(sscanf(line, "%llx-%llx %7s %llx %*s %llu %255s", &start, &end, perms, &offset, &ino,
			   host_paths[i]) >= 5);
	host_vmas[i] = (struct vm_area_struct){ .vm_start = start, .vm_end = end,
						.vm_flags = perms[2] == 'x' ? VM_EXEC : 0,
						.vm_pgoff = offset / 4096 };
	host_inodes[i] = (struct inode){ .i_ino = ino, .i_sb = &host_sb };
	host_dentries[i].d_name.name = (unsigned char *)host_paths[i];
	host_dentries[i].d_parent = &host_dentries[i];
	host_vm_files[i] = (struct file){ .f_inode = &host_inodes[i],
					  .f_path = { &host_mount.mnt, &host_dentries[i] } };
	if (host_paths[i][0] == '/')
		host_vmas[i].vm_file = &host_vm_files[i];
	if (!strcmp(host_paths[i], "[vdso]"))
		host_mm.context.vdso = (void *)(uintptr_t)start;
}

static void host_read_maps(void)
{
	static struct maple_range ranges[2 * VMAS_MAX];
	FILE *f = fopen("/proc/self/maps", "r");
	uint64_t next = 0;
	size_t n = 0, out = 0;
	char line[512];

	assert_non_null(f);
	while (n < VMAS_MAX && fgets(line, sizeof(line), f)) {
		if (strstr(line, "vsyscall"))
			continue;
		host_add_vma(n, line);
		if (host_vmas[n].vm_start > next)
			ranges[out++] = (struct maple_range){ host_vmas[n].vm_start - 1, 0 };
		ranges[out++] = (struct maple_range){ host_vmas[n].vm_end - 1,
						      (uint64_t)(uintptr_t)&host_vmas[n] };
		next = host_vmas[n++].vm_end;
	}
	fclose(f);
	ranges[out++] = (struct maple_range){ UINT64_MAX, 0 };
	maple_free((uintptr_t)host_mm.mm_mt.ma_root);
	host_mm.mm_mt.ma_root = (void *)(uintptr_t)maple_build(ranges, out);
}

static int host_read_self(void *to, size_t n, uint64_t addr)
{
	struct iovec local = { to, n }, remote = { (void *)(uintptr_t)addr, n };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)n ? 0 : -14;
}

/* What session/files.c does with announcements, without threads. */
static void host_build_announced(void)
{
	for (size_t i = 0; i < host_n_records; i++) {
		struct file_record *r = &host_records[i];
		struct file_slot slot = { 0 };
		struct table table = { 0 };
		struct elf_image *img;
		char link[128];
		int fd;

		if (host_files[r->file].state == FILE_READY)
			continue;
		snprintf(link, sizeof(link), "/proc/self/map_files/%llx-%llx",
			 (unsigned long long)r->start, (unsigned long long)r->end);
		fd = open(link, O_RDONLY);
		if (fd < 0) { /* needs a capability: the path will do */
			for (size_t v = 0; v < VMAS_MAX; v++)
				if (host_vmas[v].vm_start == r->start)
					fd = open(host_paths[v], O_RDONLY);
		}
		assert_true(fd >= 0);
		assert_int_equal(elf_image_open(fd, &img, NULL), 0);
		assert_int_equal(table_build(img, &table, NULL), 0);
		assert_int_equal(store_add(host_store, &table, &slot, NULL), 0);
		slot.state = FILE_READY;
		host_files[r->file] = slot;
		table_free(&table);
		elf_image_free(img);
		close(fd);
	}
}

#endif
