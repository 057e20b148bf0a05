/* provider_elf.c - functions of ELF files: their own symbols and those of separate debug files. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "symbol/debugfile.h"
#include "symbol/elfnames.h"
#include "symbol/provider.h"

static bool elf_is_other_build(const struct provider_env *env, struct elf_image *img,
			       const struct profile_object *o)
{
	const char *want = profile_text(env->profile, o->build_id);
	char hex[2 * ELF_BUILD_ID_MAX + 1];

	if (!env->opts->check_build_id || !*want)
		return false;
	return !elf_image_build_id_hex(img, hex) || strcmp(hex, want) != 0;
}

/* Opens the image and says what is wrong with it as a reason. */
static int elf_open_own(const struct provider_env *env, uint32_t object, struct elf_image **ret,
			enum unnamed_reason *ret_why)
{
	int fd = provider_open_file(env, object), rc;

	*ret_why = UNNAMED_GONE;
	if (fd < 0)
		return fd;
	rc = elf_image_open(fd, ret, NULL);
	close(fd);
	*ret_why = UNNAMED_BAD_FILE;
	if (rc || !elf_is_other_build(env, *ret, &env->profile->objects.at[object]))
		return rc;
	elf_image_free(*ret);
	*ret_why = UNNAMED_CHANGED;
	return -ESTALE;
}

/* The same from wherever the build id leads, when the file is not there any more. */
static int elf_open_image(const struct provider_env *env, uint32_t object, struct elf_image **ret,
			  enum unnamed_reason *ret_why)
{
	const struct profile_object *o = &env->profile->objects.at[object];
	const char *build_id = profile_text(env->profile, o->build_id);
	enum unnamed_reason server = UNNAMED_SERVER_NONE;
	int rc = elf_open_own(env, object, ret, ret_why), found;

	if (!rc || rc == -ENOMEM || *ret_why == UNNAMED_BAD_FILE || !*build_id)
		return rc;
	found = debugfile_program(env->opts->debugfiles, build_id,
				  profile_text(env->profile, o->path), ret, &server);
	if (found == -ENOENT && server != UNNAMED_SERVER_NONE)
		*ret_why = server;
	return found == -ENOENT ? rc : found;
}

static int elf_open(const struct provider_env *env, uint32_t object, void **ret_state,
		    enum unnamed_reason *ret_why)
{
	const char *path = profile_text(env->profile, env->profile->objects.at[object].path);
	struct elf_image *img, *debug = NULL;
	struct elf_section symtab;
	int rc = elf_open_image(env, object, &img, ret_why);

	if (rc)
		return rc;
	if (elf_image_section_head(img, ".symtab", &symtab)) {
		rc = debugfile_open(env->opts->debugfiles, img, path, &debug,
				    env->ret_missing);
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
