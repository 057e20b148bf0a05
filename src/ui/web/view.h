/* view.h - the part of a model that a request selects, as a profile. Private to src/ui/web.
 *
 * Ownership: web_view_done() gives everything back. Thread safety: a view belongs to one request.
 */
#ifndef WAGGLE_UI_WEB_VIEW_H
#define WAGGLE_UI_WEB_VIEW_H

#include "format/format.h"
#include "ui/web/server_parts.h"

struct web_view {
	struct shelf *shelf;
	struct live *live;
	const struct live_snapshot *snap;
	const struct profile *profile; /* snap's */
	struct format_opts format;     /* the value that was asked for */
};

/* 200, or a status and a sentence in `e`: 400 (a value or class that is not there), 404 (recording), 500. */
int web_view_new(struct web_call *call, struct web_view *ret, struct err *e);
void web_view_done(struct web_view *v);

#endif
