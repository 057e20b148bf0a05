/* jitstub.c - finds known stubs in a process's memory; see jitstub.h. */
#include "session/jitstub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a CIE and an FDE are made of; the FDE's own address is not believed (jittable.h). */
#define STUB_CIE 20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0
#define STUB_FDE(size) 20, 0, 0, 0, 28, 0, 0, 0, 1, 0, 0, 0, size, 0, 0, 0, 0
#define ADVANCE(n)     0x40 | (n)
#define CFA_OFFSET     0x0e

/* sub $8,%rsp; call *%rcx; add $8,%rsp; ret: Python/asm_trampoline.S of CPython 3.12 and 3.13. */
static const uint8_t stub_cpython[] = {0x48, 0x83, 0xec, 8, 0xff, 0xd1, 0x48, 0x83, 0xc4, 8, 0xc3};
static const uint8_t stub_cpython_frame[] = {
	STUB_CIE, STUB_FDE(sizeof(stub_cpython)), ADVANCE(4), CFA_OFFSET, 16, ADVANCE(6), CFA_OFFSET, 8,
	0, 0, 0, 0, 0,
};

static const struct stub {
	const uint8_t *code, *frame;
	uint32_t size, frame_size;
} stubs[] = {
	{stub_cpython, stub_cpython_frame, sizeof(stub_cpython), sizeof(stub_cpython_frame)},
};

enum { CHUNK_BYTES = 64 << 10, STUB_BYTES_MAX = 64 };

static int jitstub_find_in(const struct stub *s, const uint8_t *data, size_t n, uint64_t addr,
			   jitstubs *ret)
{
	for (const uint8_t *at = data; n - (size_t)(at - data) >= s->size; at++) {
		at = memmem(at, n - (size_t)(at - data), s->code, s->size);
		if (!at)
			break;
		if (ret->n >= JITSTUBS_MAX)
			return 0;
		if (!VEC_PUSH(ret, (struct jittable_code){
					   .start = addr + (uint64_t)(at - data),
					   .size = s->size,
					   .home = addr + (uint64_t)(at - data),
					   .eh_frame = s->frame,
					   .eh_size = s->frame_size,
				   }))
			return -ENOMEM;
	}
	return 0;
}

/* One piece; the next one begins so that a stub on the border is whole in one of them. */
static int jitstub_piece(int fd, uint64_t at, uint64_t end, jitstubs *ret)
{
	uint8_t data[CHUNK_BYTES + STUB_BYTES_MAX];
	size_t want = end - at < sizeof(data) ? (size_t)(end - at) : sizeof(data);
	ssize_t n = pread(fd, data, want, (off_t)at);
	int rc = n < 0 ? -errno : 0;

	for (size_t i = 0; i < sizeof(stubs) / sizeof(*stubs) && !rc; i++) {
		size_t most = CHUNK_BYTES + stubs[i].size - 1;

		rc = jitstub_find_in(&stubs[i], data, (size_t)n < most ? (size_t)n : most, at, ret);
	}
	return rc;
}

int jitstub_find(uint32_t pid, uint64_t start, uint64_t end, jitstubs *ret)
{
	char path[64];
	int fd, rc = 0;

	if (end < start || end - start > JITSTUB_AREA_MAX || end > INT64_MAX)
		return 0;
	snprintf(path, sizeof(path), "/proc/%u/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (uint64_t at = start; at < end && !rc; at += CHUNK_BYTES)
		rc = jitstub_piece(fd, at, end, ret);
	close(fd);
	return rc;
}
