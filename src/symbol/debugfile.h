/* debugfile.h - finding the file that holds what was stripped. */
#ifndef WAGGLE_SYMBOL_DEBUGFILE_H
#define WAGGLE_SYMBOL_DEBUGFILE_H

#include "elf/image.h"

/* Looks for the separate debug file of `img`, which is at `path`: by build id below
 * debug_dir/.build-id, then by .gnu_debuglink beside the file, in .debug beside it, and below
 * debug_dir. What is found must carry the same build id, or the checksum the link asks for. The
 * places are on this machine also when the process saw another root.
 * 0 with a new image, -ENOENT when there is none, -ENOMEM. */
int debugfile_open(struct elf_image *img, const char *path, const char *debug_dir,
		   struct elf_image **ret);

#endif
