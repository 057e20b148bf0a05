/* lazy.c - binds 240 functions lazily, over and over: most of the time is spent below the dynamic
 * linker's _dl_runtime_resolve, whose own frame is realigned and found through rbx.
 * Usage: lazy LIBRARY [SECONDS]
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <dlfcn.h>
#include <link.h>

#include "burn.h"

FRAME int lazy_round(const char *path)
{
	void *lib = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	uint64_t (*call)(void);

	if (!lib) {
		fprintf(stderr, "%s\n", dlerror());
		return -1;
	}
	*(void **)&call = dlsym(lib, "lazy_call");
	burn_sink = call();
	return dlclose(lib);
}

int main(int argc, char **argv)
{
	uint64_t end = burn_cpu_ns() + (uint64_t)(burn_arg(argc, argv, 2, 5) * 1e9);

	if (argc < 2)
		return 2;
	do
		if (lazy_round(argv[1]))
			return 1;
	while (burn_cpu_ns() < end);
	return 0;
}
