/* format.h - profile writers and readers, a table.
 *
 * To add a format: write format/NAME.c that defines `const struct format format_NAME`, and add
 * ROW(NAME) to format/formats.def. Nothing else: help, man page, completion and the choice by file
 * extension come from the rows.
 *
 * Writers see a finished profile and an `out` with a sticky error; they return 0 or a negative errno
 * for what is not an output error. Readers see all bytes of a file (already read, still compressed if
 * the format is) and must survive anything: every reader has a fuzz target in fuzz/.
 * Thread safety: writers only read the profile; several may run at once.
 */
#ifndef WAGGLE_FORMAT_FORMAT_H
#define WAGGLE_FORMAT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/out.h"
#include "profile/calltree.h"
#include "profile/profile.h"

struct format_opts {
	struct calltree_opts tree; /* root, value, annotate, delimited, .. */
	const char *title;         /* NULL = made from the profile's meta */
	uint32_t top;              /* rows in tables; 0 = the format's own default */
	uint32_t width;            /* columns (text) or pixels (svg); 0 = default */
	bool colour;               /* text: ANSI colours */
	bool utf8;                 /* text: block characters for bars */
	double min_share;          /* frames narrower than this share are not drawn (svg); <0 = default */
	bool notes;                /* folded: the ledger as '#' lines (flamegraph.pl warns about them) */
};

/* Thread names above the stacks, the profile's default value, everything else the format's own. */
void format_opts_default(struct format_opts *o);

struct format {
	const char *name;    /* what -f/--format take */
	const char *exts[5]; /* with the dot, longest first where one ends another; NULL-terminated */
	const char *help;    /* one line: what it is and what opens it */
	bool hidden;         /* not offered by --help (none so far) */
	/* NULL when the format cannot be written / read. */
	int (*write)(const struct profile *p, const struct format_opts *o, struct out *to,
		     struct err *e);
	/* Do these first bytes (up to 4096, fewer only when the file is shorter) look like this format?
	 * 0 = no, 1 = could be (text formats), 2 = certainly (magic number). */
	int (*probe)(const uint8_t *head, size_t n);
	/* 0 and a new profile, or a negative errno and a sentence. Damage that leaves something usable
	 * is not an error: it is counted in the ledger (LOST_DAMAGE, SKIPPED_LINES). */
	int (*read)(const uint8_t *data, size_t len, struct profile **ret, struct err *e);
};

const struct format *const *format_all(void); /* NULL-terminated */
const struct format *format_by_name(const char *name);
/* By the longest extension that ends `path`; NULL when none does. */
const struct format *format_by_path(const char *path);
/* The reader whose probe is surest; ties go to the earlier row. NULL when nobody knows it. */
const struct format *format_probe(const uint8_t *head, size_t n);

/* Reads a whole file ("-" = standard input, at most `max` bytes, 0 = 8 GiB) and then the profile in
 * it, taking gzip and zstd layers off first. Sentences say what was wrong and where. */
int format_read_file(const char *path, uint64_t max, struct profile **ret, struct err *e);
/* Writes `p` to `path` ("-" = standard output) with `f` (NULL = by extension), atomically. `o` may
 * be NULL: format_opts_default(). */
int format_write_file(const struct profile *p, const struct format *f, const char *path,
		      const struct format_opts *o, struct err *e);

/* Can the value (UINT32_MAX = the default one) be drawn as boxes whose widths are sums? 0, or -EINVAL
 * with a sentence: the longest of some waits is a maximum (profile_value_is_max()). */
int format_adds_up(const struct profile *p, uint32_t value, struct err *e);

/* Helpers shared by writers. */
struct buf;
void format_json_string(struct out *to, const char *s, size_t len); /* quoted, invalid UTF-8 mended */
void format_ledger_json(struct out *to, const struct profile *p);    /* one JSON object */
void format_meta_json(struct out *to, const struct profile *p);      /* one JSON object */
/* The ledger in one line for people: "12,003 samples, 0 lost, 99.9 % of user stacks whole, ..". The
 * samples are the sum of their values; of a profile whose losses nobody counted it says none. */
void format_ledger_line(struct buf *to, const struct profile *p);
void format_title(struct buf *to, const struct profile *p);          /* "cpu profile of .., 10 s" */
/* 12345678 -> "12,345,678"; nanoseconds and bytes to readable units by the value type's unit. */
const char *format_value(int64_t v, const char *unit, char *to, size_t size);

#endif
