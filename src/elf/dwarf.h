/* dwarf.h - addresses to inline chains with files and lines, from DWARF 2 to 5.
 *
 * Made for naming profiles: few addresses of files with much debug information, asked in batches.
 * Only what an address needs is ever parsed:
 *
 *   per file       which unit an address is in (.debug_aranges, and the roots of units it leaves out)
 *   per unit hit   which function (a list of ranges; bodies are skipped), and its line table
 *   per function   which inlined functions (a list of ranges), when an address is in it
 *   per name       a function's name is looked for when it is first asked for
 *
 * The first three are kept, the least recently used units forgotten when they take more than
 * `memory` bytes. Units are worked on side by side by a few threads.
 *
 * The format: the DWARF 5 standard (dwarfstd.org) and, for split units of DWARF 4 and the
 * supplementary files of dwz, the GCC wiki's DebugFission and dwz's manual page. What is said for an
 * address is what llvm-symbolizer says. Everything is foreign: whatever the bytes are, there is an
 * end, and the worst is a name less.
 *
 * Ownership: dwarf_free(). Strings given to `found` are borrowed for the time of that call.
 * Thread safety: one thread at a time per struct dwarf.
 */
#ifndef WAGGLE_ELF_DWARF_H
#define WAGGLE_ELF_DWARF_H

#include "elf/image.h"

struct dwarf;

struct dwarf_line {
	const char *function; /* the linker's name where it is known; NULL: unknown */
	const char *file;     /* absolute where the compiler said enough; NULL: unknown */
	uint32_t line;        /* 0: unknown */
};

/* Files that belong to the one that is read. All may be NULL; each gives a new image (0) or -errno and
 * may be called from several threads at once. */
struct dwarf_files {
	/* A .dwo file, by the names the compiler gave. */
	int (*split)(void *ctx, const char *comp_dir, const char *name, struct elf_image **ret);
	/* The .dwp file. */
	int (*package)(void *ctx, struct elf_image **ret);
	/* What dwz put elsewhere; dwarf_is_supplement() must agree with it. */
	int (*supplement)(void *ctx, const char *name, const uint8_t *id, size_t n,
			  struct elf_image **ret);
	void *ctx;
};

struct dwarf_opts {
	struct dwarf_files files;
	unsigned int threads; /* 0: as many as processors, at most 4 */
	size_t memory;        /* bytes kept between calls; 0: 64 MiB */
	uint64_t unpack;      /* bytes that compressed sections may take when unpacked; 0: some GiB */
	/* Where code is loaded (borrowed during dwarf_new()): debug information of functions the
	 * linker dropped points elsewhere. None: everything is code. */
	const struct elf_segment *segments;
	size_t n_segments;
};

/* What is known and what went wrong. */
struct dwarf_stats {
	size_t units, ranges;    /* of the file */
	size_t built, forgotten; /* units that were hit, and those whose results were dropped */
	size_t bytes;            /* held */
	size_t split_missing;    /* units whose .dwo was not found */
	bool supplement_missing; /* the supplementary file was not found, or cannot be read */
	size_t damaged;          /* units whose bytes make no sense */
};

/* `img` is the file with the debug information; it may be freed afterwards. 0, -ENOENT when it has
 * none, -EFBIG when it would have to be unpacked beyond `unpack`, -ENOMEM. */
int dwarf_new(struct elf_image *img, const struct dwarf_opts *opts, struct dwarf **ret);
void dwarf_free(struct dwarf *d);

/* Calls found(ctx, i, ..) for every vaddrs[i] (sorted) that something is known about, in order: the
 * chain from the innermost inlined function to the one whose code it is. 0, what `found` returned when
 * that is not 0, or -ENOMEM. */
int dwarf_resolve(struct dwarf *d, const uint64_t *vaddrs, size_t n,
		  int (*found)(void *ctx, size_t i, const struct dwarf_line *lines, size_t n_lines),
		  void *ctx);

/* Is this the supplementary file with that id? */
bool dwarf_is_supplement(struct elf_image *img, const uint8_t *id, size_t n);

struct dwarf_stats dwarf_stats(const struct dwarf *d);

#endif
