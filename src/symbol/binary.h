/* binary.h - one ELF file with whatever names its addresses: its symbols and its debug information,
 * from the file itself and from its separate debug file. Opened once for all providers: finding the
 * debug file may mean reading all of it (the checksum of .gnu_debuglink).
 *
 * Ownership: as said at each. Thread safety: one thread at a time per struct binary.
 */
#ifndef WAGGLE_SYMBOL_BINARY_H
#define WAGGLE_SYMBOL_BINARY_H

#include "elf/dwarf.h"
#include "symbol/elfnames.h"
#include "symbol/provider.h"

struct binary;

struct binary_opts {
	const char *path;      /* where it is; borrowed by binary_open() */
	struct debugfiles *debugfiles; /* where its debug file is looked for; borrowed; NULL: see there */
	bool once;             /* as elfnames_new() */
	size_t memory;         /* as in struct dwarf_opts */
	uint64_t unpack;       /* the same */
};

/* Takes the image, also when it fails. 0 or -ENOMEM. Free with binary_free(). */
int binary_open(struct elf_image *img, const struct binary_opts *o, struct binary **ret);
void binary_free(struct binary *b);

/* The binary of an object, opened when it is first asked for; it belongs to the symbolizer. 0, -ENOMEM,
 * or -errno with the reason why the object's frames stay unnamed. */
int binary_of_object(const struct provider_env *env, uint32_t object, struct binary **ret,
		     enum unnamed_reason *ret_why);

const struct elfnames *binary_names(const struct binary *b);
const struct dwarf *binary_dwarf(const struct binary *b); /* NULL: no debug information */

/* What of its debug information could not be used. */
struct binary_gaps {
	uint64_t unread;  /* 1: it takes more memory unpacked than is allowed */
	uint64_t split;   /* units whose .dwo file was not found */
	uint64_t common;  /* files without the file dwz moved a part of them to */
	uint64_t damaged; /* units whose bytes make no sense */
};

/* Adds to *sum; `b` may be NULL. */
void binary_add_gaps(const struct binary *b, struct binary_gaps *sum);

/* dwarf_resolve(), but the function whose code it is bears the name that the symbols give it, so that
 * it is the same with and without debug information. `symbols`: also addresses that only a symbol is
 * known for. */
int binary_lines(struct binary *b, const uint64_t *vaddrs, size_t n, bool symbols,
		 int (*found)(void *ctx, size_t i, const struct dwarf_line *lines, size_t n_lines),
		 void *ctx);

#endif
