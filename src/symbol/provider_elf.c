/* provider_elf.c - functions of ELF files: their own symbols and those of separate debug files. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "symbol/debugfile.h"
#include "symbol/elfnames.h"
#include "symbol/provider.h"

/* Opens the image and says what is wrong with it as a reason. */
static int elf_open_image(const struct provider_env *env, uint32_t object, struct elf_image **ret,
			  enum unnamed_reason *ret_why)
{
	int fd = provider_open_file(env, object), rc;

	if (fd < 0) {
		*ret_why = UNNAMED_GONE;
		return fd;
	}
	rc = elf_image_open(fd, ret, NULL);
	close(fd);
	*ret_why = UNNAMED_BAD_FILE;
	return rc;
}

static bool elf_is_other_build(const struct provider_env *env, struct elf_image *img,
			       const struct profile_object *o)
{
	const char *want = profile_text(env->profile, o->build_id);
	char hex[2 * ELF_BUILD_ID_MAX + 1];

	if (!env->opts->check_build_id || !*want)
		return false;
	return !elf_image_build_id_hex(img, hex) || strcmp(hex, want) != 0;
}

static int elf_open(const struct provider_env *env, uint32_t object, void **ret_state,
		    enum unnamed_reason *ret_why)
{
	const struct profile_object *o = &env->profile->objects.at[object];
	struct elf_image *img, *debug = NULL;
	struct elf_section symtab;
	int rc = elf_open_image(env, object, &img, ret_why);

	if (rc)
		return rc;
	if (elf_is_other_build(env, img, o)) {
		*ret_why = UNNAMED_CHANGED;
		rc = -ESTALE;
	} else if (elf_image_section_head(img, ".symtab", &symtab)) {
		rc = debugfile_open(img, profile_text(env->profile, o->path), env->opts->debug_dir,
				    &debug);
		if (rc == -ENOENT)
			rc = 0;
	}
	if (!rc)
		return elfnames_new(img, debug, env->opts->once, (struct elfnames **)ret_state);
	elf_image_free(img);
	return rc;
}

static int elf_resolve(void *state, const uint64_t *offsets, size_t n, struct naming *to)
{
	return elfnames_resolve(state, offsets, n, to);
}

static void elf_close(void *state)
{
	elfnames_free(state);
}

const struct provider provider_elf = {
	.name = "elf",
	.help = "symbols of programs and libraries, and of their separate debug files",
	.kinds = 1u << OBJECT_FILE,
	.missing = UNNAMED_STRIPPED,
	.open = elf_open,
	.resolve = elf_resolve,
	.close = elf_close,
};
