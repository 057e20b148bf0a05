/* debugfile.h - finding the file that holds what was stripped, and files that are gone.
 *
 * Asked in this order: the files that were named (by build id, else by debug link), `.build-id` below
 * the given directories and /usr/lib/debug, the .gnu_debuglink beside the file, in .debug beside it and
 * below the directories, at last the servers of $DEBUGINFOD_URLS. What is found must carry the same
 * build id, or the checksum the link asks for. The places are on this machine also when the process saw
 * another root.
 *
 * Ownership: images that are found are the caller's. Thread safety: a struct debugfiles may be used by
 * many threads; downloads happen one at a time. Everything accepts a NULL struct debugfiles, which
 * knows /usr/lib/debug and no server.
 */
#ifndef WAGGLE_SYMBOL_DEBUGFILE_H
#define WAGGLE_SYMBOL_DEBUGFILE_H

#include "elf/image.h"
#include "profile/profile.h"
#include "symbol/download.h"

#define DEBUGFILE_DIR "/usr/lib/debug"

struct debugfile_opts {
	const char *const *dirs; /* before /usr/lib/debug; borrowed */
	size_t n_dirs;
	const char *const *files; /* borrowed */
	size_t n_files;
	bool no_debuginfod;
	struct download_opts download;
};

struct debugfiles;

/* 0; -errno with a sentence when a directory or file that was named cannot be used. */
int debugfiles_new(const struct debugfile_opts *o, struct debugfiles **ret, struct err *e);
void debugfiles_free(struct debugfiles *d);

/* The separate debug file of `img`, which is at `path`. 0 with a new image, -ENOENT when there is none,
 * -ENOMEM. When the servers could not be asked to the end, *ret_why (may be NULL) becomes the reason;
 * otherwise it is left alone. */
int debugfile_open(struct debugfiles *d, struct elf_image *img, const char *path,
		   struct elf_image **ret, enum unnamed_reason *ret_why);
/* The same by build id alone: a debug file (also of dwz), or the program or library itself when that
 * is gone from its path. `name` is what a download is shown as. */
int debugfile_by_id(struct debugfiles *d, const char *build_id, const char *name,
		    struct elf_image **ret, enum unnamed_reason *ret_why);
int debugfile_program(struct debugfiles *d, const char *build_id, const char *name,
		      struct elf_image **ret, enum unnamed_reason *ret_why);
/* The first two without servers, for explanations: the place where it was found goes to `place`. */
int debugfile_local(struct debugfiles *d, struct elf_image *img, const char *path,
		    struct elf_image **ret, char *place, size_t size);
int debugfile_local_by_id(struct debugfiles *d, const char *build_id, struct elf_image **ret);

/* Which of the files that were named (by index) has been used? */
bool debugfiles_used(const struct debugfiles *d, size_t file);
void debugfiles_totals(struct debugfiles *d, struct download_totals *ret);

#endif
