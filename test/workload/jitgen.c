/* jitgen.c KIND SECONDS [DIR] - a runtime that generates code while it runs, without frame pointers, and
 * tells about it: KIND is "map" (perf map in /tmp), "dump" (jitdump in DIR), "both" or "none".
 * CFLAGS: -fomit-frame-pointer -fno-optimize-sibling-calls
 *
 * Three phases, of which it prints the processor time at the end ("truth jit_A .. jit_B .. jit_C .."):
 *   1. jit_outer calls jit_A at an address X
 *   2. jit_A is replaced: jit_outer calls jit_B at the same X
 *   3. jit_C, made elsewhere, is moved to X (a MOVE record; a map can only list it again)
 * Each of them is half of the time in a loop of its own, half in a C function it calls. All code has
 * the same shape, so that the same addresses are hit in all phases. The jitdump has source lines and
 * the .eh_frame of each piece, laid out as V8 does: as if it followed the code, its header behind it.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "burn.h"

enum { CODE_BYTES = 43, CALL_AT = 14, FRAME_BYTES = 0x48, AREA = 1 << 16 };

static FILE *map;
static int dump = -1;
static uint64_t next_index;

typedef void (*generated)(void);

/* sub rsp; mov rax, target; call rax; mov ecx, spins; loop; add rsp; ret */
static void generate(uint8_t *at, const void *target, uint32_t spins)
{
	static const uint8_t code[CODE_BYTES] = {
		0x48, 0x83, 0xec, FRAME_BYTES, 0x48, 0xb8, 0,    0,    0,    0,    0,
		0,    0,    0,    0xff,        0xd0, 0xb9, 0,    0,    0,    0,    0xff,
		0xc9, 0x75, 0xfc, 0x48,        0x83, 0xc4, FRAME_BYTES, 0xc3, 0x90, 0x90, 0x90,
	};

	memcpy(at, code, sizeof(code));
	memcpy(at + 6, &target, 8);
	memcpy(at + 17, &spins, 4);
}

FRAME static void jit_leaf(void)
{
	burn(MS / 2);
}

/* -- the jitdump ------------------------------------------------------------------------------- */

struct head { uint32_t magic, version, size, machine, pad, pid; uint64_t time, flags; };
struct record { uint32_t type, size; uint64_t time; };
struct load { struct record r; uint32_t pid, tid; uint64_t vma, addr, size, index; };
struct move { struct record r; uint32_t pid, tid; uint64_t vma, from, to, size, index; };
struct debug { struct record r; uint64_t addr, n; };
struct unwind { struct record r; uint64_t size, header, mapped; };

static void put(const void *data, size_t n)
{
	if (write(dump, data, n) != (ssize_t)n)
		exit(3);
}

static void dump_open(const char *dir)
{
	struct head h = { 0x4a695444, 1, sizeof(h), 62, 0, (uint32_t)getpid(), burn_wall_ns(), 0 };
	char path[4096];

	snprintf(path, sizeof(path), "%s/jit-%d.dump", dir, getpid());
	dump = open(path, O_CREAT | O_TRUNC | O_RDWR, 0644);
	if (dump < 0)
		exit(3);
	put(&h, sizeof(h));
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, dump, 0) == MAP_FAILED)
		exit(3);
}

/* Line 10 at the start, 11 at the call, 12 in the loop. */
static void dump_lines(const uint8_t *code)
{
	static const uint8_t offsets[] = { 0, CALL_AT, CALL_AT + 2 };
	struct debug d = { { 2, 0, burn_wall_ns() }, (uint64_t)(uintptr_t)code, 3 };
	uint8_t entries[128];
	size_t n = 0;

	for (uint32_t i = 0; i < 3; i++) {
		uint64_t addr = d.addr + offsets[i];
		uint32_t line = 10 + i, zero = 0;
		const char *file = i ? "\xff" : "/src/jitgen.js";

		memcpy(entries + n, &addr, 8);
		memcpy(entries + n + 8, &line, 4);
		memcpy(entries + n + 12, &zero, 4);
		memcpy(entries + n + 16, file, strlen(file) + 1);
		n += 16 + strlen(file) + 1;
	}
	d.r.size = (uint32_t)(sizeof(d) + n);
	put(&d, sizeof(d));
	put(entries, n);
}

static void dump_unwind(void)
{
	uint8_t frame[64] = {
		20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b,
		0x0c, 7, 8, 0x90, 1, 0, 0, /* CFA = rsp + 8, return address at CFA - 8 */
		24, 0, 0, 0, 28, 0, 0, 0, 0, 0, 0, 0, CODE_BYTES, 0, 0, 0, 0,
		0x44, 0x0e, FRAME_BYTES + 8, /* after the sub */
		0x59, 0x0e, 8,               /* 25 bytes on, after the add */
		0, 0, 0, 0, 0,
	}, header[20] = { 1, 0x1b, 3, 0x3b };
	int32_t back = -(int32_t)(((CODE_BYTES + 7) & ~7) + 32);
	struct unwind u = { { 4, 0, burn_wall_ns() }, 56 + sizeof(header), sizeof(header), 80 };

	memcpy(frame + 32, &back, 4);
	u.r.size = (uint32_t)(sizeof(u) + u.size);
	put(&u, sizeof(u));
	put(frame, 56);
	put(header, sizeof(header));
}

static uint64_t dump_load(const uint8_t *code, const char *name)
{
	struct load l = { { 0, 0, 0 }, (uint32_t)getpid(), (uint32_t)syscall(SYS_gettid),
			  (uint64_t)(uintptr_t)code, (uint64_t)(uintptr_t)code, CODE_BYTES,
			  next_index };

	dump_lines(code);
	dump_unwind();
	l.r.time = burn_wall_ns();
	l.r.size = (uint32_t)(sizeof(l) + strlen(name) + 1 + CODE_BYTES);
	put(&l, sizeof(l));
	put(name, strlen(name) + 1);
	put(code, CODE_BYTES);
	return next_index++;
}

static void dump_move(const uint8_t *from, const uint8_t *to, uint64_t index)
{
	struct move m = { { 1, sizeof(m), burn_wall_ns() }, (uint32_t)getpid(),
			  (uint32_t)syscall(SYS_gettid), (uint64_t)(uintptr_t)to,
			  (uint64_t)(uintptr_t)from, (uint64_t)(uintptr_t)to, CODE_BYTES, index };

	put(&m, sizeof(m));
}

/* -- phases ------------------------------------------------------------------------------------ */

static uint64_t announce(const uint8_t *code, const char *name)
{
	if (map) {
		fprintf(map, "%llx %x %s\n", (unsigned long long)(uintptr_t)code, CODE_BYTES, name);
		fflush(map);
	}
	return dump >= 0 ? dump_load(code, name) : 0;
}

FRAME static double run_phase(generated outer, double seconds)
{
	uint64_t begun = burn_cpu_ns(), now;

	do {
		outer();
		now = burn_cpu_ns();
	} while ((double)(now - begun) < seconds * 1e9);
	return (double)(now - begun) / 1e9;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "none", *dir = argc > 3 ? argv[3] : "/tmp";
	double seconds = burn_arg(argc, argv, 2, 3), a, b, c;
	uint8_t *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *x = area + 4096, *outer = area + 8192, *y = area + 12288;
	uint64_t index;
	char path[64];

	if (area == MAP_FAILED)
		return 3;
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	if (!strcmp(kind, "map") || !strcmp(kind, "both"))
		map = fopen(path, "w");
	if (!strcmp(kind, "dump") || !strcmp(kind, "both"))
		dump_open(dir);
	generate(outer, x, 1);
	announce(outer, "jit_outer");
	generate(x, (void *)jit_leaf, 1000000);
	announce(x, "jit_A");
	a = run_phase((generated)(uintptr_t)outer, seconds * 0.5);
	generate(x, (void *)jit_leaf, 1000000);
	announce(x, "jit_B");
	b = run_phase((generated)(uintptr_t)outer, seconds * 0.3);
	generate(y, (void *)jit_leaf, 1000000);
	index = announce(y, "jit_C");
	memcpy(x, y, CODE_BYTES);
	if (dump >= 0)
		dump_move(y, x, index);
	if (map) {
		fprintf(map, "%llx %x jit_C\n", (unsigned long long)(uintptr_t)x, CODE_BYTES);
		fflush(map);
	}
	c = run_phase((generated)(uintptr_t)outer, seconds * 0.2);
	printf("truth jit_A %.3f jit_B %.3f jit_C %.3f\n", a, b, c);
	return 0;
}
