/* html_data.h - a profile as the viewer's compact blob (decoded by web/model.js).
 *
 * Layout: LEB128 length of a JSON head, the head, then columns of LEB128 numbers:
 *   frames   label, kind, object, file, first line, last line: a column each; strings by number
 *   nodes    pops, frame: call tree in preorder, siblings by name; `pops` levels up, then one down
 *   tasks    pid, tid, comm, process
 *   rows     bucket (difference to the row before), task, node; where the head has classes of waiting,
 *            the class (their number: none); then one zigzag column for every value type that is not
 *            a constant times the first: samples summed by bucket, task, class and node
 * Values that do not add up (the longest wait) are left out: the page sums whatever is selected.
 * Also what a live server sends, so it must stay free of HTML.
 */
#ifndef WAGGLE_FORMAT_HTML_DATA_H
#define WAGGLE_FORMAT_HTML_DATA_H

#include "format/format.h"

/* Appends the blob to `to`. `origin`: ns from the start of the capture to the profile's time 0, for
 * pages that show a part of it. `preview`, where it is not NULL and the profile is large, gets the same with
 * only what a screen can show of it, without times and tasks: to be drawn while the rest is being decoded.
 * 0 or a negative errno. */
int html_data_write(const struct profile *p, const struct format_opts *o, uint64_t origin, struct out *to,
		    struct out *preview);

#endif
