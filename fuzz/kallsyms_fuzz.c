/* kallsyms_fuzz.c - a kernel symbol list; up to a NUL the symbols, behind it the modules. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbol/kallsyms.h"

static int memory_file(const uint8_t *data, size_t len)
{
	int fd = memfd_create("fuzz", 0);

	if (fd >= 0 && (write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *nul = len ? memchr(data, 0, len) : NULL;
	size_t n = nul ? (size_t)(nul - data) : len;
	int fd = memory_file(data, n), modules = nul ? memory_file(nul + 1, len - n - 1) : -1;
	enum object_kind kind;
	struct kallsyms *k;
	const char *name;
	uint64_t base;

	if (kallsyms_read_fd(fd, modules, &k, NULL) == 0) {
		for (uint64_t at = 0xffffffff81000000; at < 0xffffffff81004000; at += 61) {
			kallsyms_name(k, at);
			if (kallsyms_image(k, at, &kind, &name, &base) &&
			    !kallsyms_base(k, kind, name, &base))
				abort();
		}
		kallsyms_free(k);
	}
	close(fd);
	if (modules >= 0)
		close(modules);
	return 0;
}
