/* programs.h - the kernel side as user space holds it: opened, loaded, its maps mapped.
 *
 * All programs are in one object; each source switches its own on. The maps that tables are published
 * through (files, rules, slabs) are mmapped: publishing is a store, not a system call.
 *
 * Ownership: programs_close(). Thread safety: the store operations may be called by the table
 * builders while the session's thread does the rest.
 */
#ifndef WAGGLE_SESSION_PROGRAMS_H
#define WAGGLE_SESSION_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bpf/abi.h"
#include "session/known.h"
#include "source/source.h"
#include "unwind/store.h"

struct bpf_map;
struct waggle_bpf;

struct programs {
	struct waggle_bpf *skel;
	struct file_slot *files;    /* FILES_MAX, mmapped */
	struct unwind_rule *rules;  /* RULES_MAX, mmapped */
	uint64_t *sent;             /* which stacks were sent, sent_mask + 1, mmapped */
	int btf_fd;                 /* the small type information, -1 when the kernel's own is used */
	int stats_fd;               /* keeps BPF statistics on, -1 when they were not asked for */
	uint64_t run_time_before;   /* ns our programs had run when the capture began */
};

/* The BPF object, byte by byte. */
const void *programs_bytes(size_t *ret_len);
/* Opens, lets the source prepare, loads. `ring_bytes` is the size of the sample ring (a power of two). Takes
 * the kernel's types from `known` where it has them, and sees to it that it has them from then on.
 * -EPERM, -ENOTSUP .. with a sentence; nothing stays loaded on failure. */
int programs_open(struct programs *p, const struct source *source, const struct capture_opts *o,
		  uint32_t ring_bytes, struct known *known, struct err *e);
void programs_close(struct programs *p);

/* The kernel side sends the frames of that stack again when it meets it. A sample that was taken just before
 * may still come without them. */
void programs_send_again(struct programs *p, uint64_t hash);

/* Calls `each` for every element of a hash map, some thousands a system call; with `take` they are taken out
 * of it. What comes or goes meanwhile may be left out, or be there twice (not with `take`).
 * 0, -ENOMEM (nothing was read), -ENOSPC (more with one hash than can be read at once) or what the kernel
 * says. */
typedef void programs_element(void *ctx, const void *key, const void *value);
int programs_each(const struct bpf_map *map, bool take, programs_element *each, void *ctx);

/* Slabs of unwind table words as maps; `ctx` is the struct programs. */
extern const struct store_ops programs_store_ops;

/* A read-only view of `n` words from an address on, whole pages of one slab; NULL when it is not there
 * (yet). */
const uint32_t *programs_slab_view(const struct programs *p, uint32_t address, size_t n);
void programs_slab_unview(const uint32_t *view, size_t n);

/* Bytes our maps take in the kernel; run time of our programs in ns (0 unless asked for). */
uint64_t programs_map_bytes(const struct programs *p);
uint64_t programs_run_time(const struct programs *p);

#endif
