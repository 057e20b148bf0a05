/* agreement.h - two walks of the same stacks compared: how many frames are equal, file by file, and where
 * and why they part.
 *
 * Both walks are words (file << FRAME_FILE_SHIFT | offset, see bpf/abi.h), leaf first. From the first
 * frame that differs on no frame counts as equal: what lies above a wrong frame is chance. Frames that only
 * one of the two has are not compared: whoever stopped early has said nothing about them. That is
 * counted by who, why and in which file.
 *
 * The oracle's files are those that were mapped a moment later. An address that is the same in its page
 * but in another file, or in none, tells that this has changed (dlopen, execve): the walks are compared
 * up to there. Two different addresses look like that once in 4096 times.
 *
 * Ownership: agreement_free(); a zeroed struct is valid and empty. Not thread safe.
 */
#ifndef WAGGLE_UNWIND_AGREEMENT_H
#define WAGGLE_UNWIND_AGREEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map64.h"
#include "base/vec.h"
#include "bpf/abi.h"
#include "unwind/oracle.h"

#define AGREEMENT_EXAMPLES 10

enum verdict {
#define ROW(id, key, disagree, text) VERDICT_##id,
#include "unwind/verdicts.def"
#undef ROW
	VERDICT_MAX
};

struct agreement_walk {
	const uint64_t *frames;
	size_t n;
	uint32_t end;     /* enum walk_end */
	uint32_t skipped; /* frames nearest to the leaf that it left out */
};

struct agreement_oracle {
	const uint64_t *frames;
	const uint8_t *ways; /* enum oracle_way, of each frame */
	size_t n;
	uint32_t stop; /* enum oracle_stop */
};

struct agreement_file {
	uint32_t file;          /* id of the kernel's */
	uint64_t frames, equal; /* frames in it that were compared, and that are equal */
};

/* Stacks by what became of them and the file that the last equal frame is in: its rule it was. */
struct agreement_cause {
	uint32_t verdict;
	uint32_t reason; /* ORACLE_SHORT: enum oracle_stop; WALK_SHORT: enum walk_end; else 0 */
	uint32_t file;
	uint64_t stacks;
};

struct agreement_example {
	uint32_t verdict, file;
	uint32_t pid, at; /* `at`: the first frame that differs */
	uint64_t *walk, *oracle;
	uint32_t n_walk, n_oracle;
};

struct agreement {
	uint64_t stacks, stacks_same, stacks_differ;
	uint64_t oracle_short, walk_short, moved;
	uint64_t frames, equal;
	VEC(struct agreement_file) files;
	VEC(struct agreement_cause) causes;
	VEC(struct agreement_example) examples; /* the first few that differ */
	struct map64 by_file, by_cause;
	bool oom;
};

/* Compares and counts; the verdict. Out of memory sets `oom`: counts by file are then too low. */
enum verdict agreement_add(struct agreement *a, uint32_t pid, const struct agreement_walk *w,
			   const struct agreement_oracle *o);
void agreement_free(struct agreement *a);

/* Largest first: files by frames, causes by stacks. */
void agreement_sort(struct agreement *a);

/* Equal frames of those compared, 0..1; 1 when there are none. */
double agreement_share(const struct agreement *a);

const char *verdict_key(uint32_t verdict);
const char *verdict_text(uint32_t verdict);
bool verdict_differs(uint32_t verdict);

#endif
