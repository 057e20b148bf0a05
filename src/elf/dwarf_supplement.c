/* dwarf_supplement.c - the file that dwz puts in what several programs have in common.
 *
 * Before version 5 it is named with its build id (.gnu_debugaltlink, dwz's manual page); from then on
 * both files have a .debug_sup section with the same checksum (DWARF 5, section 7.3.6).
 */
#include "elf/dwarf_index.h"

static bool supplement_sup(struct elf_image *img, bool is_one, const char **ret_name,
			   const uint8_t **ret_id, size_t *ret_n)
{
	struct elf_section s;
	struct cursor c;

	if (elf_image_section(img, ".debug_sup", &s) || !s.data)
		return false;
	c = cursor_of(s.data, s.size);
	cursor_u16(&c); /* version */
	if ((cursor_u8(&c) != 0) != is_one)
		return false;
	*ret_name = cursor_str(&c);
	*ret_n = cursor_uleb(&c);
	*ret_id = cursor_take(&c, *ret_n);
	return !c.bad;
}

bool dwarf_supplement_wanted(struct elf_image *img, const char **ret_name, const uint8_t **ret_id,
			     size_t *ret_n)
{
	struct elf_section s;
	struct cursor c;

	if (elf_image_section(img, ".gnu_debugaltlink", &s) || !s.data)
		return supplement_sup(img, false, ret_name, ret_id, ret_n) && **ret_name;
	c = cursor_of(s.data, s.size);
	*ret_name = cursor_str(&c);
	*ret_n = cursor_left(&c);
	*ret_id = cursor_take(&c, *ret_n);
	return !c.bad && **ret_name;
}

bool dwarf_is_supplement(struct elf_image *img, const uint8_t *id, size_t n)
{
	uint8_t build[ELF_BUILD_ID_MAX];
	const uint8_t *own;
	const char *name;
	size_t len = elf_image_build_id(img, build);

	if (n && len == n && memcmp(build, id, n) == 0)
		return true;
	return supplement_sup(img, true, &name, &own, &len) && n && len == n &&
	       memcmp(own, id, n) == 0;
}
