/* plugin_host.c - loads a library over and over, burns 40 ms in it and unloads it: code that was not
 * there when the profile began and is gone when it ends.
 * Usage: plugin_host LIBRARY.. SECONDS
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls
 */
#include <dlfcn.h>

#include "burn.h"

FRAME int host_call(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW);
	uint64_t (*entry)(uint64_t);

	if (!lib) {
		fprintf(stderr, "%s\n", dlerror());
		return -1;
	}
	*(void **)&entry = dlsym(lib, "plugin_entry");
	burn_sink = entry(40 * MS);
	return dlclose(lib);
}

int main(int argc, char **argv)
{
	uint64_t end;

	if (argc < 3)
		return 2;
	end = burn_wall_ns() + (uint64_t)(atof(argv[argc - 1]) * 1e9);
	for (int i = 1; burn_wall_ns() < end; i = i + 2 < argc ? i + 1 : 1)
		if (host_call(argv[i]))
			return 1;
	return 0;
}
