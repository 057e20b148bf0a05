/* syscalls.c - spends most of its time inside the kernel, below a user path of depth 60: samples that
 * hit kernel code must still carry the whole user stack.
 * Usage: syscalls [SECONDS]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <fcntl.h>
#include <unistd.h>

#include "chain.h"

static char buffer[1 << 20];

FRAME uint64_t kern_0(uint64_t ns)
{
	uint64_t end = burn_wall_ns() + ns;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	uint64_t n = 0;

	while (fd >= 0 && burn_wall_ns() < end)
		n += (uint64_t)read(fd, buffer, sizeof(buffer));
	close(fd);
	return n;
}

DEPTHS(CHAIN_LINK, kern)

int main(int argc, char **argv)
{
	burn_sink = kern_60((uint64_t)(burn_arg(argc, argv, 1, 5) * 1e9));
	return 0;
}
