/* profile.h - THE MODEL: what a profile is, whoever made it and whoever reads it.
 *
 * A profile is a set of append-only tables whose rows are known by small dense ids, so that any of
 * them can be an array index and any of them can be written to a file in order:
 *
 *   strings   bytes, once each                                  id 0 = ""
 *   objects   what code came from: a file, the kernel, JIT      id 0 = nothing
 *   frames    a place in an object, and its names once known    id 0 = nothing
 *   nodes     the prefix tree of stacks: (parent, frame)        id 0 = the empty stack
 *   tasks     who ran                                           id 0 = nobody
 *   labels    sets of key=value that samples carry              id 0 = none
 *   samples   when, who, where, how much
 *   codes     what generated code was where, and when (profile/codes.h)
 *
 * A stack is the id of its leaf node; following `parent` walks from the leaf to the root (callers).
 * Frames are interned by (object, offset, kind) or, where there is no address, by their names.
 * A frame's names come later: `lines` run from the innermost inlined function to the function whose
 * code it really is, as in pprof.
 *
 * A walk that ended early puts a frame of kind FRAME_CUT at the root of its stack (name: "[cut: ..]",
 * object: where it happened), so that broken stacks stay together and visible in every view.
 *
 * Ownership: everything is owned by the profile and dies with profile_free(); returned pointers are
 * borrowed and move when the table grows. Errors: functions that add return the id, or PROFILE_NONE
 * when out of memory, which also sets the sticky `oom` flag; check it once at the end.
 * Thread safety: one writer or many readers, never both.
 */
#ifndef WAGGLE_PROFILE_PROFILE_H
#define WAGGLE_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/intern.h"
#include "base/map64.h"
#include "base/vec.h"
#include "profile/ledger.h"

#define PROFILE_NONE UINT32_MAX
#define PROFILE_NO_TIME UINT64_MAX

enum object_kind {
	OBJECT_NONE,
	OBJECT_FILE,    /* an ELF file (or one that pretends) */
	OBJECT_VDSO,
	OBJECT_KERNEL,  /* the kernel image; offset is from _stext */
	OBJECT_MODULE,  /* a kernel module; offset is from its base */
	OBJECT_BPF,     /* BPF programs; offset is the address */
	OBJECT_JIT,     /* anonymous executable memory of one process; offset is the address */
	OBJECT_OTHER,   /* whatever another tool called a mapping */
	OBJECT_KIND_MAX
};

enum frame_kind {
	FRAME_USER,
	FRAME_KERNEL,
	FRAME_JIT,
	FRAME_INLINED, /* only ever the kind of a line, see profile_line_kind() */
	FRAME_OFFCPU,  /* a class of waiting, not code */
	FRAME_CUT,     /* the walk ended early here */
	FRAME_KIND_MAX
};

struct profile_object {
	uint8_t kind;      /* enum object_kind */
	uint32_t path;     /* string: as the process saw it; "[kernel]", "[vdso]", "[jit]" .. */
	uint32_t build_id; /* string: lower-case hex, "" when unknown */
	uint32_t pid;      /* OBJECT_JIT: whose memory; otherwise 0 */
	uint64_t start, limit, file_offset; /* pprof's mapping range, 0 when unknown */
};

struct profile_line {
	uint32_t function; /* string, demangled, "" when unknown */
	uint32_t file;     /* string, source file, "" when unknown */
	uint32_t line;     /* 0 when unknown */
	uint32_t system;   /* string: the linker's (mangled) name, "" when the same */
};

struct profile_frame {
	uint32_t object;
	uint8_t kind;    /* enum frame_kind */
	uint8_t unnamed; /* enum unnamed_reason; UNNAMED_NAMED once it has lines */
	uint16_t n_lines;
	uint32_t first_line; /* index into lines */
	uint64_t offset;     /* in the object (file offset for files), 0 when there is no address */
};

struct profile_node {
	uint32_t parent, frame;
};

struct profile_task {
	uint32_t pid, tid;
	uint32_t comm;    /* string: the thread's name */
	uint32_t process; /* string: the process's name */
};

struct profile_label {
	uint32_t key;  /* string */
	uint32_t text; /* string; when not "", the value is text, otherwise `number` */
	int64_t number;
	uint32_t unit; /* string */
};

struct profile_label_set {
	uint32_t first, n; /* rows of labels */
};

struct profile_sample {
	uint64_t time;  /* ns since meta.start_mono, PROFILE_NO_TIME when there is none */
	uint32_t stack; /* leaf node */
	uint32_t task;
	uint32_t labels;
	uint16_t cpu;
	uint16_t flags; /* reserved, 0 */
};

struct profile_value_type {
	uint32_t type, unit; /* strings: ("samples","count"), ("cpu","nanoseconds"), .. */
};

/* Rows of a table by the hash of their key; rows that share a hash are chained and compared. */
struct profile_index {
	struct map64 heads;  /* hash -> newest row */
	VEC(uint32_t) next;  /* per row: the one before it with the same hash, 0 = none */
};

/* A version of generated code: what was at [start, start + size) of an OBJECT_JIT's memory from a
 * time on, until another one that covers the address. See profile/codes.h. */
struct profile_code {
	uint32_t object;
	uint32_t function;           /* string; "" = from then on nobody knows what is there */
	uint32_t first_line, n_lines;/* rows of code_lines */
	uint64_t start, size;        /* addresses; size is not 0, the end does not wrap */
	uint64_t from;               /* ns since meta.start_mono, 0 = from the start on */
	uint32_t order;              /* of two that begin at one time, the higher replaces the other */
	uint8_t exact;               /* 1: `from` is when it came to be; 0: it was there by then */
};

struct profile_code_line {
	uint32_t offset; /* from the start of the code: the line holds from there on */
	uint32_t line;
	uint32_t file;   /* string */
};

/* What was asked and on what. Strings are ids; 0 = not known. */
struct profile_meta {
	uint32_t host, kernel, arch, command, tool; /* tool: "waggle 0.1", or who wrote the input */
	uint32_t source;       /* "cpu", .. */
	uint32_t event;        /* "cpu-clock", "cycles" */
	uint64_t start_wall;   /* ns since 1970 */
	uint64_t start_mono;   /* CLOCK_MONOTONIC ns at the start of the capture */
	uint64_t duration;     /* ns */
	uint64_t period;       /* in units of period_type per sample; 0 = unknown */
	struct profile_value_type period_type;
	uint32_t frequency;    /* Hz asked for, 0 = unknown or by period */
	uint32_t n_cpus;       /* processors sampled */
	int32_t child_status;  /* wait status of `-- command`, -1 when there was none */
};

struct profile {
	struct profile_meta meta;
	struct intern strings;
	VEC(struct profile_object) objects;
	VEC(struct profile_frame) frames;
	VEC(struct profile_line) lines;
	VEC(struct profile_node) nodes;
	VEC(struct profile_task) tasks;
	VEC(struct profile_label) labels;
	VEC(struct profile_label_set) label_sets;
	VEC(struct profile_value_type) value_types;
	VEC(struct profile_sample) samples;
	VEC(struct profile_code) codes;
	VEC(struct profile_code_line) code_lines;
	VEC(int64_t) values;    /* samples.n rows of value_types.n */
	uint32_t default_value; /* index into value_types: what views show unless asked */
	struct ledger ledger;
	bool oom;

	/* Private to profile.c and frames.c. */
	struct map64 by_node;  /* parent << 32 | frame, of nodes not right behind their parent */
	struct map64 by_stack; /* hash of a whole stack -> its leaf; verified on every hit */
	struct profile_index by_frame, by_task, by_object, by_labels;
};

/* A new empty profile whose only value type is (type, unit). NULL when out of memory. */
struct profile *profile_new(const char *type, const char *unit);
void profile_free(struct profile *p);

/* -- adding ------------------------------------------------------------------------------------ */

uint32_t profile_str(struct profile *p, const char *s);
uint32_t profile_strn(struct profile *p, const char *s, size_t len);

/* Adds a value type; only while there are no samples. Returns its index. */
uint32_t profile_value_type(struct profile *p, const char *type, const char *unit);

/* An object, once per (kind, path, build id, pid, start). */
uint32_t profile_object(struct profile *p, const struct profile_object *o);

/* A frame by address; `object` may be 0. Its names are set later. */
uint32_t profile_frame_at(struct profile *p, uint32_t object, uint64_t offset, enum frame_kind kind);

/* A frame that is known by its names only (or by both): interned by everything given. */
uint32_t profile_frame_named(struct profile *p, uint32_t object, uint64_t offset,
			     enum frame_kind kind, const struct profile_line *lines, uint16_t n_lines);
/* Shorthand: one line, function name only, object 0. */
uint32_t profile_frame_text(struct profile *p, const char *function, enum frame_kind kind);
/* The frame that marks an early end (enum walk_end) in an object. */
uint32_t profile_frame_cut(struct profile *p, uint32_t end, uint32_t object);
/* The way back: the enum walk_end of a FRAME_CUT frame, or of the text that names one ("[cut: no
 * table]"). UINT32_MAX when it is something else or a reason that is not known here. */
uint32_t profile_frame_end(const struct profile *p, uint32_t frame);
uint32_t profile_cut_end(const char *text, size_t len);

/* Gives an addressed frame its names (n_lines > 0), or says why it has none. */
void profile_frame_set_lines(struct profile *p, uint32_t frame, const struct profile_line *lines,
			     uint16_t n_lines);
void profile_frame_set_unnamed(struct profile *p, uint32_t frame, enum unnamed_reason why);

/* The node below `parent` for `frame`. Push frames from the root to the leaf. */
uint32_t profile_push(struct profile *p, uint32_t parent, uint32_t frame);
/* A whole stack at once, frames[0] = leaf (the order walkers produce). */
uint32_t profile_stack(struct profile *p, const uint32_t *frames, size_t n);

uint32_t profile_task(struct profile *p, uint32_t pid, uint32_t tid, const char *comm,
		      const char *process);
uint32_t profile_labels(struct profile *p, const struct profile_label *set, uint32_t n);

/* Appends a sample; `values` has value_types.n entries. 0, -ENOMEM (also for ids that are
 * PROFILE_NONE because of it), or -EINVAL for ids that do not exist. */
int profile_sample(struct profile *p, const struct profile_sample *s, const int64_t *values);

/* -- reading ----------------------------------------------------------------------------------- */

static inline const char *profile_text(const struct profile *p, uint32_t string)
{
	return intern_get(&p->strings, string);
}

static inline const int64_t *profile_values(const struct profile *p, size_t sample)
{
	return p->values.at + sample * p->value_types.n;
}

/* How many lines a frame shows: its inline chain, or 1 for a frame without names. */
static inline uint32_t profile_frame_lines(const struct profile *p, uint32_t frame)
{
	uint32_t n = p->frames.at[frame].n_lines;

	return n ? n : 1;
}

/* "user", "kernel" ..: what outputs and requests call a kind; "" for what is none. */
const char *profile_kind_name(enum frame_kind kind);

/* The kind of a frame's i-th line: FRAME_INLINED for all but the last. */
enum frame_kind profile_line_kind(const struct profile *p, uint32_t frame, uint32_t i);

/* What to call a frame's i-th line in any view. The function's name when there is one, otherwise
 * "[libfoo.so.1]" (the object's base name), "[jit]", "[kernel]" or "[unknown]". Borrowed from `p`
 * or from `scratch`; never NULL. */
const char *profile_line_label(const struct profile *p, uint32_t frame, uint32_t i, char *scratch,
			       size_t size);

/* Sum of one value over all samples, the greatest where it does not add up (profile/waits.h). */
int64_t profile_total(const struct profile *p, uint32_t value);

/* Memory held, bytes; cheap. */
size_t profile_bytes(const struct profile *p);

/* Recounts LEDGER_FRAMES, LEDGER_FRAMES_UNNAMED and the causes of unnamed frames. 0 or -ENOMEM. */
int profile_count_unnamed(struct profile *p);

#endif
