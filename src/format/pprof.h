/* pprof.h - what the two halves of the pprof format share. Private to src/format.
 *
 * The message has no place for some of what a profile knows. It goes into comments, which other
 * tools show as text and our reader takes back:
 *	waggle.meta.. waggle.ledger.. waggle.cut.. waggle.unnamed..     see notes.h
 *	waggle.object=MAPPING KIND PID        kinds that the file name does not tell
 *	waggle.kind.KIND=LOCATIONS            kinds of frames that their mapping does not tell
 *	waggle.why.REASON=LOCATIONS           why these have no name
 *	waggle.derived=cpu                    the last sample type was computed, not measured;
 *	waggle.derived=cpu,period             and the period was computed from the frequency
 * LOCATIONS are ids and ranges: "3,7-12".
 * Not carried: the times of single samples; equal samples are added up, as pprof tools expect.
 */
#ifndef WAGGLE_FORMAT_PPROF_H
#define WAGGLE_FORMAT_PPROF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "format/notes.h"
#include "profile/profile.h"

int pprof_probe(const uint8_t *head, size_t n);
int pprof_read(const uint8_t *data, size_t len, struct profile **ret, struct err *e);

/* The kind of object a mapping of this name usually is. */
enum object_kind pprof_kind_of_path(const char *path);
/* The kind of frames in such an object. */
enum frame_kind pprof_kind_of_frame(enum object_kind kind);

/* Names in comments, indexed by enum object_kind and enum frame_kind. */
extern const char *const pprof_object_kinds[OBJECT_KIND_MAX];
extern const char *const pprof_frame_kinds[FRAME_KIND_MAX];

/* Writing: lines about one object, and about the frames behind location ids 1..n. 0 or -ENOMEM. */
void pprof_note_object(const struct profile *p, uint32_t object, notes_put *put, void *ctx);
int pprof_note_locations(const struct profile *p, const uint32_t *frames, size_t n, notes_put *put,
			 void *ctx);

/* Reading: what such lines said about ids. */
struct pprof_mark {
	uint64_t lo, hi; /* ids, inclusive */
	uint32_t what, pid;
};

struct pprof_marks {
	struct pprof_mark *at;
	size_t n, cap;
};

struct pprof_notes {
	struct pprof_marks kinds, whys, objects;
	bool derived;        /* the last sample type was computed */
	bool derived_period; /* and so was the period */
	bool oom;
};

void pprof_notes_take(struct pprof_notes *n, const char *line);
void pprof_notes_sort(struct pprof_notes *n); /* once, before the first find */
/* The mark that holds the id, NULL when there is none. */
const struct pprof_mark *pprof_marks_find(const struct pprof_marks *m, uint64_t id);
void pprof_notes_free(struct pprof_notes *n);

#endif
