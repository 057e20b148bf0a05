/* filemap.h - the bytes of a file in memory without a copy of them.
 *
 * For files of which little is read of much: the debug information of a large program is gigabytes,
 * and the kernel's page cache already holds what matters. The price of a mapping is SIGBUS when the
 * file is truncated under it; a handler that is installed with the first mapping gives zeros
 * instead, for our mappings only (any other SIGBUS goes where it went before). Parsers of foreign
 * bytes survive zeros.
 *
 * Ownership: filemap_close(). Thread safety: mappings may be made and closed by several threads and
 * read by all.
 */
#ifndef WAGGLE_BASE_FILEMAP_H
#define WAGGLE_BASE_FILEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct filemap {
	const uint8_t *p; /* NULL: none */
	size_t n;         /* bytes */
	int slot;         /* private; -1: the bytes are somebody else's */
};

/* Maps a regular file for reading; the descriptor may be closed. 0, or -errno: -ENODATA when the
 * file is empty, -EMFILE when more than 4096 mappings are open at once. */
int filemap_open(int fd, struct filemap *ret);
/* Bytes that are in memory anyway; they are borrowed. */
struct filemap filemap_borrow(const void *data, size_t n);
void filemap_close(struct filemap *m);

#endif
