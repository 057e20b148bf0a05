/* bpf_host.h - just enough of a BPF world to compile the programs of src/bpf, unmodified, for the host.
 *
 * Kernel memory is our own memory, user memory is what host_user_read() allows, maps are arrays. Put
 * this before the .bpf.c file: it takes the place of libbpf's BPF headers by defining their guards.
 */
#ifndef WAGGLE_TEST_BPF_HOST_H
#define WAGGLE_TEST_BPF_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define __BPF_HELPERS__
#define __BPF_CORE_READ_H__
#define __TARGET_ARCH_x86

#define SEC(name)
#undef __always_inline
#define __always_inline inline
#define __noinline
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]

#define CORE_1(a, b) ((a)->b)
#define CORE_2(a, b, c) ((a)->b->c)
#define CORE_3(a, b, c, d) ((a)->b->c->d)
#define CORE_PICK(_1, _2, _3, _4, name, ...) name
#define BPF_CORE_READ(...) CORE_PICK(__VA_ARGS__, CORE_3, CORE_2, CORE_1)(__VA_ARGS__)
#define bpf_core_field_offset(type, field) offsetof(type, field)
#define BPF_CORE_READ_BITFIELD_PROBED(s, f) ((s)->f)
#define BPF_CORE_READ_BITFIELD(s, f) ((s)->f)
#define BPF_CORE_READ_INTO(to, ...) memcpy(to, &BPF_CORE_READ(__VA_ARGS__), sizeof(*(to)))
#define bpf_core_field_exists(field) (host_has && host_has(#field))

static bool (*host_has)(const char *field); /* which fields that not all kernels have exist; NULL = none */
static uint32_t host_cpu;
static uint64_t host_now = 1;

struct task_struct;
static struct task_struct *host_task;
static int (*host_user_read)(void *to, size_t n, uint64_t addr);

static void *bpf_map_lookup_elem(void *map, const void *key);
static long bpf_map_update_elem(void *map, const void *key, const void *value, uint64_t flags);
static void *bpf_ringbuf_reserve(void *ring, uint64_t size, uint64_t flags);
static void bpf_ringbuf_submit(void *data, uint64_t flags);

static inline struct task_struct *bpf_get_current_task_btf(void)
{
	return host_task;
}

static inline long bpf_probe_read_kernel(void *to, uint32_t n, const void *from)
{
	if ((uintptr_t)from < 4096)
		return -14;
	memcpy(to, from, n);
	return 0;
}

static inline long bpf_probe_read_kernel_str(void *to, uint32_t n, const void *from)
{
	strncpy(to, from, n - 1);
	return 0;
}

static inline long bpf_probe_read_user(void *to, uint32_t n, const void *from)
{
	return host_user_read(to, n, (uint64_t)(uintptr_t)from);
}

static inline uint32_t bpf_get_smp_processor_id(void)
{
	return host_cpu;
}

static inline uint64_t bpf_ktime_get_ns(void)
{
	return host_now;
}

static inline long bpf_loop(uint32_t n, long (*step)(uint32_t, void *), void *ctx, uint64_t flags)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (step(i, ctx))
			return i + 1;
	return i;
}

#endif
