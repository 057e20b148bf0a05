/* provider_elf.c - functions of ELF files: their own symbols and those of separate debug files. */
#include "symbol/binary.h"

static int elf_open(const struct provider_env *env, uint32_t object, void **ret_state,
		    enum unnamed_reason *ret_why)
{
	struct binary *b;
	int rc = binary_of_object(env, object, &b, ret_why);

	if (!rc)
		*ret_state = b;
	return rc;
}

static int elf_resolve(void *state, const uint64_t *offsets, size_t n, struct naming *to)
{
	return elfnames_resolve(binary_names(state), offsets, n, to);
}

const struct provider provider_elf = {
	.name = "elf",
	.help = "symbols of programs and libraries, and of their separate debug files",
	.kinds = 1u << OBJECT_FILE,
	.missing = UNNAMED_STRIPPED,
	.open = elf_open,
	.resolve = elf_resolve,
};
