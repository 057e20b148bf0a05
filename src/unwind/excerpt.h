/* excerpt.h - as much of a file as unwinding a few addresses in it needs, as a small ELF file.
 *
 * It has the file's segments and entry point, so that offsets and addresses mean the same, and of its
 * call frame information the CIEs as they are and those FDEs that cover the addresses or lie next to
 * them, with their programs as they are. Any reader of call frame information can use it in the
 * file's place; the code itself is not in it. A stack with its files' excerpts can be unwound anywhere.
 *
 * Not kept: code, and so the rules that are read off it (call stubs); LSDA pointers (they lead nowhere);
 * DW_CFA_set_loc with relative addresses (nobody emits it).
 */
#ifndef WAGGLE_UNWIND_EXCERPT_H
#define WAGGLE_UNWIND_EXCERPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "elf/image.h"

/* Appends to `ret`. `offsets`: in the file. A file without call frame information gives one without. 0,
 * -ENOTSUP for encodings that nobody uses, -ENOMEM, -EBADMSG. */
int excerpt_build(struct elf_image *img, const uint64_t *offsets, size_t n, struct buf *ret);

#endif
