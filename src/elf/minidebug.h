/* minidebug.h - the symbols distributions leave in stripped files: .gnu_debugdata. */
#ifndef WAGGLE_ELF_MINIDEBUG_H
#define WAGGLE_ELF_MINIDEBUG_H

#include "elf/image.h"

/* Unpacks the ELF file inside .gnu_debugdata (xz). 0 with malloc'ed bytes, -ENOENT when there is no
 * such section, -EBADMSG when it is damaged or larger than it may be, -ENOMEM. */
int minidebug_unpack(struct elf_image *img, uint8_t **ret_data, size_t *ret_len);

#endif
