/* opening.h - the file behind an announcement of the kernel, opened and known to be the same one.
 *
 * Tried in order: the process's map_files link, which works for deleted files and in any mount
 * namespace; the link's path in the process's own root, where map_files may be read but not opened; and,
 * when the process is gone, the path that the kernel gave, in our own root. Whatever is found must have
 * the announced size, time and inode: between announcement and opening, a mapping may have given way to
 * another one, a pid to another process, a path to another file.
 *
 * Thread safety: none shared. Ownership: the descriptor is the caller's.
 */
#ifndef WAGGLE_SESSION_OPENING_H
#define WAGGLE_SESSION_OPENING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"

struct stat;

#define OPENING_PATH_BYTES 4096

struct opened {
	int fd;
	bool by_path; /* the process was gone */
	uint64_t size;
	char path[OPENING_PATH_BYTES]; /* as the process saw it */
};

/* 0; -ENOENT when it is nowhere to be found; -ESTALE when only other files were. */
int opening_open(const struct file_record *r, struct opened *ret);

/* Is this the file of that key? Size and time of change must agree. The inode must as well where the
 * device does, and for a path always: overlayfs and btrfs show user space other devices than the
 * kernel's superblock has, and then the numbers of inodes need not agree either. */
bool opening_is_same(const struct stat *st, const struct file_key *key, bool by_path);

/* The record's path, outermost part first: "/usr/bin/x"; "" when the kernel could not give all of it. */
void opening_record_path(const struct file_record *r, char *to, size_t size);

#endif
