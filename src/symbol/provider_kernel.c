/* provider_kernel.c - kernel, module and BPF frames, from this boot's /proc/kallsyms.
 *
 * Frames hold offsets from _stext or from a module's base, so that profiles of different boots
 * merge; the base is added again here. On another machine or after a reboot these symbols would be
 * wrong, so they are used in live profiles only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbol/kallsyms.h"
#include "symbol/provider.h"

struct kernel_shared { /* read once, whether it worked or not */
	struct kallsyms *own;
	int rc;
};

struct kernel_object {
	const struct kallsyms *symbols;
	uint64_t base;
};

static const struct kallsyms *kernel_symbols(const struct provider_env *env, int *ret_rc)
{
	struct kernel_shared *s = *env->shared;

	*ret_rc = 0;
	if (env->opts->kallsyms)
		return env->opts->kallsyms;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s) {
			*ret_rc = -ENOMEM;
			return NULL;
		}
		s->rc = kallsyms_read(&s->own, NULL);
		*env->shared = s;
	}
	*ret_rc = s->rc;
	return s->own;
}

/* "[ext4]" -> "ext4"; names that do not fit name no module. */
static void kernel_module_name(const char *path, char *to, size_t size)
{
	size_t len = strlen(path);

	to[0] = '\0';
	if (len >= 2 && path[0] == '[' && path[len - 1] == ']') {
		path++;
		len -= 2;
	}
	if (len < size) {
		memcpy(to, path, len);
		to[len] = '\0';
	}
}

static int kernel_open(const struct provider_env *env, uint32_t object, void **ret_state,
		       enum unnamed_reason *ret_why)
{
	const struct profile_object *o = &env->profile->objects.at[object];
	struct kernel_object k = {0}, *copy;
	char module[64]; /* MODULE_NAME_LEN is 56 */
	int rc;

	*ret_why = UNNAMED_GONE;
	if (!env->opts->live)
		return -ENOENT;
	k.symbols = kernel_symbols(env, &rc);
	if (rc) {
		*ret_why = UNNAMED_KERNEL_HIDDEN;
		return rc;
	}
	kernel_module_name(profile_text(env->profile, o->path), module, sizeof(module));
	if (!kallsyms_base(k.symbols, (enum object_kind)o->kind, module, &k.base)) {
		if (o->kind != OBJECT_BPF) /* unloaded since */
			return -ENOENT;
		k.base = 0;
	}
	copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = k;
	*ret_state = copy;
	return 0;
}

static int kernel_resolve(void *state, const uint64_t *offsets, size_t n, struct naming *to)
{
	const struct kernel_object *k = state;
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		struct provider_line line = {
			.function = kallsyms_name(k->symbols, k->base + offsets[i]),
		};

		if (line.function)
			rc = naming_put(to, i, &line, 1);
	}
	return rc;
}

static void kernel_done(void *shared)
{
	struct kernel_shared *s = shared;

	kallsyms_free(s->own);
	free(s);
}

const struct provider provider_kernel = {
	.name = "kernel",
	.help = "the running kernel, its modules and BPF programs (/proc/kallsyms)",
	.kinds = 1u << OBJECT_KERNEL | 1u << OBJECT_MODULE | 1u << OBJECT_BPF,
	.missing = UNNAMED_STRIPPED,
	.open = kernel_open,
	.resolve = kernel_resolve,
	.close = free,
	.done = kernel_done,
};
