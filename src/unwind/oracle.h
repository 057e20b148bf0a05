/* oracle.h - a second opinion: unwinds a stack that was copied, with elfutils' libdwfl.
 *
 * libdwfl reads .eh_frame and .debug_frame itself, interprets them itself, and shares neither code nor
 * tables with the walker in the kernel; that is its worth. It is some thousand times slower and sees
 * only what was copied (struct raw_record), so it is asked about one sample in many.
 *
 * What libdwfl does not say is found out here: it ends a walk in the same way at the bottom and where
 * memory could not be read, so reads are watched and the last frame's rule is looked at.
 *
 * Ownership: oracle_free(); a struct oracle_stack is the caller's (oracle_stack_free()) and can be used
 * again and again. Thread safety: one thread at a time per oracle.
 */
#ifndef WAGGLE_UNWIND_ORACLE_H
#define WAGGLE_UNWIND_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"
#include "bpf/abi.h"
#include "elf/image.h"
#include "process/maps.h"

#define ORACLE_FRAMES_MAX 4096 /* more than the walker's: who is cut short first should be the walker */
#define ORACLE_NOWHERE UINT32_MAX

/* The bytes behind a record. */
static inline const uint8_t *raw_stack(const struct raw_record *r)
{
	return (const uint8_t *)(r + 1);
}

enum oracle_stop {
#define ROW(id, key, text) ORACLE_##id,
#include "unwind/stops.def"
#undef ROW
	ORACLE_STOP_MAX
};

/* How the way from a frame to its caller was found. */
enum oracle_way {
	ORACLE_WAY_CFI,    /* by call frame information */
	ORACLE_WAY_SIGNAL, /* the same, of a signal's frame: the caller is where it was interrupted */
	ORACLE_WAY_GUESS,  /* there is none for this place: by frame pointer, as a guess */
};

struct oracle_frame {
	uint64_t look;    /* the address itself where execution is, or a return address - 1 */
	uint64_t offset;  /* of `look` in its file (or the vDSO); the address when it is in neither */
	uint32_t mapping; /* index in the maps, ORACLE_NOWHERE when it is in none */
	uint8_t way;      /* enum oracle_way, to its caller */
};

struct oracle_stack {
	VEC(struct oracle_frame) frames; /* leaf first */
	uint32_t stop;                   /* enum oracle_stop */
	uint64_t read_end;               /* no memory at or above this was needed */
	bool oom;
};

struct oracle_opts {
	/* A descriptor for the file behind a mapping, or -errno. NULL: that of the live process, through
	 * its map_files or its own root. Called once per file and process. */
	int (*open)(void *ctx, uint32_t pid, const struct maps *m, const struct maps_range *at);
	void *ctx;
};

struct oracle;

int oracle_new(const struct oracle_opts *o, struct oracle **ret, struct err *e);
void oracle_free(struct oracle *o);

/* Unwinds the copy. Files are those of `m`, which is what the process had mapped then. A few processes
 * are remembered with their files, so that the next sample of one is cheap.
 * 0, -ESRCH when a file could not be opened any more, -ENOEXEC when there is none that could be read,
 * -ENOMEM. */
int oracle_unwind(struct oracle *o, const struct raw_record *r, const struct maps *m,
		  struct oracle_stack *ret);
void oracle_stack_free(struct oracle_stack *s);

/* The default of oracle_opts.open. */
int oracle_open_live(void *ctx, uint32_t pid, const struct maps *m, const struct maps_range *at);
/* Our own vDSO, which is the same in every process, as an image. 0, -ENOENT, -errno. */
int oracle_vdso(struct elf_image **ret);

const char *oracle_stop_key(uint32_t stop);  /* json key, "?" when out of range */
const char *oracle_stop_text(uint32_t stop);

#endif
