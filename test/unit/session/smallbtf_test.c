/* smallbtf_test.c - the small type information says of every field our programs use what the kernel's own
 * says, and raw bytes that make no sense are refused.
 *
 * The truth is libbpf's reading of all of /sys/kernel/btf/vmlinux; it shares no code with ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/abi.h"
#include "session/smallbtf.h"
#include "waggle.skel.h"

#define VMLINUX "/sys/kernel/btf/vmlinux"

/* Bit offset of a field by name, through anonymous members; -1 when there is none. */
static long field(const struct btf *btf, const struct btf_type *t, const char *name, uint32_t *ret_type)
{
	const struct btf_member *m = btf_members(t);

	for (uint32_t i = 0; i < btf_vlen(t); i++, m++) {
		const char *is = btf__name_by_offset(btf, m->name_off);
		const struct btf_type *inner;
		long at;

		if (*is) {
			if (strcmp(is, name) == 0) {
				*ret_type = m->type;
				return btf_member_bit_offset(t, i);
			}
			continue;
		}
		inner = btf__type_by_id(btf, (uint32_t)btf__resolve_type(btf, m->type));
		at = btf_is_composite(inner) ? field(btf, inner, name, ret_type) : -1;
		if (at >= 0)
			return at + btf_member_bit_offset(t, i);
	}
	return -1;
}

static const struct btf_type *structure(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);

	return id < 0 ? NULL : btf__type_by_id(btf, (uint32_t)id);
}

static void same_field(const struct btf *whole, const struct btf *small, const char *of, const char *name)
{
	const struct btf_type *a = structure(whole, of), *b = structure(small, of);
	uint32_t type_a = 0, type_b = 0;
	long at_a, at_b;

	if (!a) {
		assert_null(b);
		return;
	}
	assert_non_null(b);
	at_a = field(whole, a, name, &type_a);
	at_b = field(small, b, name, &type_b);
	if (at_a != at_b)
		fail_msg("%s.%s is at bit %ld, small says %ld", of, name, at_a, at_b);
	if (at_a >= 0)
		assert_int_equal(btf__resolve_size(whole, type_a), btf__resolve_size(small, type_b));
}

static void every_field_is_where_the_kernel_has_it(void **state)
{
	static const char *const fields[][2] = {
		{ "task_struct", "mm" }, { "task_struct", "tgid" }, { "task_struct", "utask" },
		{ "task_struct", "in_execve" }, { "task_struct", "group_leader" },
		{ "task_struct", "comm" }, { "task_struct", "start_time" },
		{ "mm_struct", "mm_mt" }, { "mm_struct", "context" }, { "mm_struct", "mm_lock_seq" },
		{ "mm_struct", "uprobes_state" }, { "vm_area_struct", "vm_start" },
		{ "vm_area_struct", "vm_end" }, { "vm_area_struct", "vm_flags" },
		{ "vm_area_struct", "vm_file" }, { "vm_area_struct", "vm_pgoff" },
		{ "file", "f_inode" }, { "file", "f_path" }, { "inode", "i_ino" },
		{ "inode", "i_size" }, { "inode", "i_generation" }, { "inode", "i_mtime_sec" },
		{ "inode", "__i_mtime" }, { "inode", "i_mtime" }, { "inode", "i_sb" },
		{ "super_block", "s_dev" }, { "dentry", "d_parent" }, { "dentry", "d_name" },
		{ "mount", "mnt_parent" }, { "mount", "mnt" }, { "maple_tree", "ma_root" },
		{ "uprobe_task", "return_instances" }, { "uprobe_task", "vaddr" },
		{ "return_instance", "orig_ret_vaddr" }, { "xol_area", "vaddr" },
	};
	struct waggle_bpf *skel = waggle_bpf__open();
	struct btf *whole = btf__load_vmlinux_btf(), *small;
	struct smallbtf_raw raw;
	uint32_t size;

	if (!whole || smallbtf_open(VMLINUX, &raw)) {
		waggle_bpf__destroy(skel);
		skip(); /* a kernel without type information */
	}
	assert_non_null(skel);
	assert_int_equal(smallbtf_new(&raw, bpf_object__btf(skel->obj), &small), 0);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		same_field(whole, small, fields[i][0], fields[i][1]);
	btf__raw_data(small, &size);
	assert_true(size < 16384);
	smallbtf_close(&raw);
	btf__free(small);
	btf__free(whole);
	waggle_bpf__destroy(skel);
}

/* A BTF of our own, damaged byte by byte: an error or something smaller, never a crash. */
static void damage_is_survived(void **state)
{
	struct btf *whole = btf__new_empty(), *small;
	const void *data;
	uint32_t size;
	int id;

	id = btf__add_int(whole, "int", 4, 0);
	btf__add_struct(whole, "inner", 8);
	btf__add_field(whole, "leaf", id, 32, 0);
	btf__add_struct(whole, "outer", 16);
	btf__add_field(whole, "member", 2, 64, 0);
	data = btf__raw_data(whole, &size);
	for (uint32_t at = 0; at < size; at++) {
		for (int bit = 0; bit < 8; bit++) {
			uint8_t *copy = malloc(size);
			struct smallbtf_raw raw = { copy, size };

			memcpy(copy, data, size);
			copy[at] ^= (uint8_t)(1 << bit);
			if (!smallbtf_new(&raw, whole, &small))
				btf__free(small);
			free(copy);
		}
	}
	for (uint32_t cut = 0; cut < size; cut++) {
		uint8_t *copy = malloc(cut + 1);
		struct smallbtf_raw raw = { copy, cut };

		memcpy(copy, data, cut);
		assert_int_not_equal(smallbtf_new(&raw, whole, &small), 0);
		free(copy);
	}
	btf__free(whole);
}

static void no_file_is_an_error(void **state)
{
	struct smallbtf_raw raw;

	assert_int_equal(smallbtf_open("/nonexistent/btf", &raw), -ENOENT);
	assert_int_equal(smallbtf_open("/dev/null", &raw), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_where_the_kernel_has_it),
		cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(no_file_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
