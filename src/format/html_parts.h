/* html_parts.h - what the two halves of the viewer's blob share: html_data.c gathers and writes columns,
 * html_head.c writes the JSON in front of them. Private to src/format.
 */
#ifndef WAGGLE_FORMAT_HTML_PARTS_H
#define WAGGLE_FORMAT_HTML_PARTS_H

#include "base/buf.h"
#include "base/map64.h"
#include "base/vec.h"
#include "format/html_data.h"

struct html_frame {
	uint32_t name, object, file; /* strings of the tree */
	uint32_t line_from, line_to;
	uint8_t kind;
};

struct html_row {
	uint32_t bucket, task, class, node, sample;
};

struct html_data {
	const struct profile *p;
	struct out *to;
	struct calltree *t;
	uint32_t *ends;       /* per sample: its tree node */
	uint32_t *place;      /* per tree node: its number in preorder */
	uint32_t *order;      /* tree nodes in preorder */
	uint32_t *node_frame; /* per tree node */
	VEC(struct html_frame) frames;
	struct map64 by_mark;        /* name << 8 | kind -> frame */
	uint32_t *comms, *processes; /* per task, strings of the tree */
	uint64_t bucket_width;
	uint64_t origin; /* of its time 0, ns since the start of the capture */
	uint32_t n_buckets;
	struct html_row *rows;
	size_t n_rows;
	uint32_t *types; /* the profile's value types the page gets: those that add up */
	size_t n_types;
	int64_t *sums; /* per row and one of `types`, after rows were added up */
	bool classes;  /* samples say what their time went to (profile/waits.h) */
	bool preview;  /* without times and tasks */
	struct buf column;
};

/* The constant that a value type is of the first one in every row, 0 when it is not. */
int64_t html_scale(const struct html_data *d, size_t type);
/* The JSON object, to d->to. */
void html_head(struct html_data *d, const struct format_opts *o);

#endif
