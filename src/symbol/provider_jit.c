/* provider_jit.c - generated code, from the map its runtime writes to /tmp/perf-PID.map.
 *
 * A capture watches these files itself and names by time (profile/codes.h); this is for frames that
 * it left, and for whoever names a profile of this machine without having captured it.
 */
#include <errno.h>
#include <unistd.h>

#include "symbol/jitfile.h"
#include "symbol/perfmap.h"
#include "symbol/provider.h"

static int jit_open(const struct provider_env *env, uint32_t object, void **ret_state,
		    enum unnamed_reason *ret_why)
{
	uint32_t pid = env->profile->objects.at[object].pid;
	struct jitfile_process p;
	struct perfmap *map;
	int rc, fd;

	*ret_why = UNNAMED_JIT;
	if (!env->opts->live || !pid) /* the number may belong to another process by now */
		return -ENOENT;
	p = jitfile_process(pid);
	fd = jitfile_open_map(&p);
	if (fd < 0)
		return fd;
	rc = perfmap_read(fd, &map);
	close(fd);
	if (rc)
		return rc;
	*env->ret_skipped += perfmap_skipped(map);
	*ret_state = map;
	return 0;
}

static int jit_resolve(void *state, const uint64_t *offsets, size_t n, struct naming *to)
{
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		struct provider_line line = {.function = perfmap_find(state, offsets[i])};

		if (line.function)
			rc = naming_put(to, i, &line, 1);
	}
	return rc;
}

static void jit_close(void *state)
{
	perfmap_free(state);
}

const struct provider provider_jit = {
	.name = "jit",
	.help = "generated code, from the map its runtime writes (/tmp/perf-PID.map)",
	.kinds = 1u << OBJECT_JIT,
	.changes = true,
	.missing = UNNAMED_JIT,
	.open = jit_open,
	.resolve = jit_resolve,
	.close = jit_close,
};
