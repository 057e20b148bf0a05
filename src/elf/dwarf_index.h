/* dwarf_index.h - which unit an address is in, and where the units of split DWARF are.
 *
 * Ownership and thread safety: as said at each.
 */
#ifndef WAGGLE_ELF_DWARF_INDEX_H
#define WAGGLE_ELF_DWARF_INDEX_H

#include "elf/dwarf.h"
#include "elf/dwarf_body.h"

/* Address -> index of a unit, from .debug_aranges and the roots of units it leaves out. Free with
 * spans_free(). One thread. *ret_damaged counts units that make no sense. 0 or -ENOMEM. */
int dwarf_index_build(struct dwarf_file *f, const struct dwarf_code *code, struct spans *ret,
		      size_t *ret_damaged);

/* The supplementary file that an image asks for (dwz). False when it asks for none. Borrowed. */
bool dwarf_supplement_wanted(struct elf_image *img, const char **ret_name, const uint8_t **ret_id,
			     size_t *ret_n);

/* A unit whose entries are in another file. */
struct dwarf_split {
	struct dwarf_file own;  /* a .dwo file; empty when it is in the package */
	struct dwarf_unit unit;
};

/* The package (.dwp), loaded when it is first asked for. */
struct dwarf_package;
struct dwarf_package *dwarf_package_new(const struct dwarf_files *files); /* NULL: out of memory */
void dwarf_package_free(struct dwarf_package *p);
void dwarf_package_start(struct dwarf_package *p); /* dwarf_work_start() for it */

/* The split unit that belongs to a skeleton. May be called by several threads for different skeletons.
 * 0, -ENOENT when the unit is not split or its file was not found, -ENOMEM. */
int dwarf_split_open(struct dwarf_unit *skeleton, struct dwarf_package *p, struct dwarf_split **ret);
void dwarf_split_free(struct dwarf_split *s);
/* Does the unit say that its entries are elsewhere? */
bool dwarf_unit_is_split(const struct dwarf_head *h);

#endif
