/* provider_vdso.c - the code the kernel maps into every process. It is in no file, but in our own
 * memory too, so we read it there: the same kernel gives every 64-bit process the same one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "symbol/elfnames.h"
#include "symbol/provider.h"

/* How many bytes from `start` on are mapped: the auxiliary vector does not say. */
static size_t vdso_size(uint64_t start)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	size_t size = 0;

	while (maps && !size && fgets(line, sizeof(line), maps)) {
		uint64_t from, to;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) == 2 && from == start)
			size = to - from;
	}
	if (maps)
		fclose(maps);
	return size;
}

static int vdso_open(const struct provider_env *env, uint32_t object, void **ret_state,
		     enum unnamed_reason *ret_why)
{
	const struct profile_object *o = &env->profile->objects.at[object];
	const char *want = profile_text(env->profile, o->build_id);
	uint64_t start = getauxval(AT_SYSINFO_EHDR);
	char hex[2 * ELF_BUILD_ID_MAX + 1];
	struct elf_image *img;
	size_t size = start ? vdso_size(start) : 0;
	int rc;

	*ret_why = UNNAMED_GONE;
	if (!size || (!env->opts->live && !*want))
		return -ENOENT;
	rc = elf_image_memory((const void *)(uintptr_t)start, size, &img, NULL);
	if (rc)
		return rc;
	if (*want && (!elf_image_build_id_hex(img, hex) || strcmp(hex, want) != 0)) {
		*ret_why = UNNAMED_CHANGED; /* another kernel's, or that of 32-bit processes */
		elf_image_free(img);
		return -ESTALE;
	}
	return elfnames_new(img, NULL, env->opts->once, (struct elfnames **)ret_state);
}

static int vdso_resolve(void *state, const uint64_t *offsets, size_t n, struct naming *to)
{
	return elfnames_resolve(state, offsets, n, to);
}

static void vdso_close(void *state)
{
	elfnames_free(state);
}

const struct provider provider_vdso = {
	.name = "vdso",
	.help = "the kernel's code in user space ([vdso])",
	.kinds = 1u << OBJECT_VDSO,
	.missing = UNNAMED_STRIPPED,
	.open = vdso_open,
	.resolve = vdso_resolve,
	.close = vdso_close,
};
