/* execs.c - burns for a while under its own name, then becomes another program (argv[2..]) in the same
 * process: a profiler must not name the new program's frames by the old one's file.
 * Usage: execs SECONDS PROGRAM [ARGS..]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <unistd.h>

#include "burn.h"

FRAME uint64_t before_exec(uint64_t ns)
{
	return burn(ns);
}

int main(int argc, char **argv)
{
	burn_sink = before_exec((uint64_t)(burn_arg(argc, argv, 1, 1) * 1e9));
	if (argc > 2)
		execv(argv[2], argv + 2);
	return 127;
}
