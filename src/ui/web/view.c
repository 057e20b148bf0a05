/* view.c - from the parameters of a request to a snapshot of the model; see view.h. */
#include "ui/web/view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "profile/waits.h"

#define NO_CLASS (UINT32_C(1) << WAIT_CLASS_MAX) /* samples of a source without waits ran */

static int view_source(const char *text, uint32_t *ret, struct err *e)
{
	uint32_t on = NO_CLASS, all = (NO_CLASS << 1) - 1;

	for (int i = 0; i < WAIT_CLASS_MAX; i++)
		if (waits_class((enum wait_class)i)->group == WAIT_GROUP_RUNNING)
			on |= UINT32_C(1) << i;
	if (!strcmp(text, "on"))
		*ret = on;
	else if (!strcmp(text, "off"))
		*ret = all & ~on;
	else if (!strcmp(text, "all"))
		*ret = 0;
	else
		return err_set(e, -EINVAL, "source is all, on or off");
	return 0;
}

static uint32_t view_class(const char *word)
{
	enum wait_class c = waits_class_of_key(word);

	return c == WAIT_CLASS_MAX ? UINT32_MAX : c;
}

static uint32_t view_kind(const char *word)
{
	for (uint32_t i = 0; i < FRAME_KIND_MAX; i++)
		if (!strcmp(profile_kind_name((enum frame_kind)i), word))
			return i;
	return UINT32_MAX;
}

/* A list of words with commas as bits; `bit` knows a word's, UINT32_MAX when it is none. */
static int view_bits(const char *list, uint32_t (*bit)(const char *word), const char *what, uint32_t *ret,
		     struct err *e)
{
	char word[WEB_TEXT_MAX];

	for (const char *s = list; s; s = strchr(s, ',') ? strchr(s, ',') + 1 : NULL) {
		uint32_t b;

		snprintf(word, sizeof(word), "%.*s", (int)strcspn(s, ","), s);
		b = bit(word);
		if (b == UINT32_MAX)
			return err_set(e, -EINVAL, "there is no such %s", what);
		*ret |= UINT32_C(1) << b;
	}
	return 0;
}

/* The last so much starts at a whole second: pages that come again find the same moments in the
 * same place. */
static void view_range(struct live *l, const struct web_request *r, struct profile_filter *f)
{
	struct live_state s;
	uint64_t last = r->number[PARAM_LAST];

	f->from = r->number[PARAM_FROM];
	f->to = r->number[PARAM_TO];
	if (!r->has[PARAM_LAST])
		return;
	live_state(l, &s);
	if (s.elapsed > last)
		f->from = (s.elapsed - last) / NSEC_PER_SEC * NSEC_PER_SEC;
}

static int view_filter(struct web_view *v, const struct web_request *r, struct profile_filter *f,
		       uint32_t ids[2], struct err *e)
{
	uint32_t classes = 0;
	int rc = 0;

	for (int i = 0; i < 2; i++)
		ids[i] = (uint32_t)r->number[i ? PARAM_TID : PARAM_PID];
	if (r->has[PARAM_PID])
		f->pids = &ids[0], f->n_pids = 1;
	if (r->has[PARAM_TID])
		f->tids = &ids[1], f->n_tids = 1;
	view_range(v->live, r, f);
	if (r->has[PARAM_SOURCE])
		rc = view_source(r->text[PARAM_SOURCE], &f->classes, e);
	if (!rc && r->has[PARAM_CLASS])
		rc = view_bits(r->text[PARAM_CLASS], view_class, "class of waiting", &classes, e);
	if (!rc && r->has[PARAM_HIDE])
		rc = view_bits(r->text[PARAM_HIDE], view_kind, "kind of frame", &f->hidden, e);
	if (classes)
		f->classes = f->classes ? f->classes & classes : classes;
	if (!rc && classes && !f->classes)
		rc = err_set(e, -EINVAL, "that source has none of these classes");
	return rc;
}

static int view_value(struct web_view *v, const struct web_request *r, struct err *e)
{
	const struct profile *p = v->profile;

	format_opts_default(&v->format);
	if (!r->has[PARAM_VALUE])
		return 0;
	for (uint32_t i = 0; i < p->value_types.n; i++)
		if (!strcmp(profile_text(p, p->value_types.at[i].type), r->text[PARAM_VALUE])) {
			v->format.tree.value = i;
			return 0;
		}
	return err_set(e, -EINVAL, "the profile has no such value");
}

int web_view_new(struct web_call *call, struct web_view *v, struct err *e)
{
	struct live_query q = { 0 };
	uint32_t ids[2];

	*v = (struct web_view){ .shelf = call->server->shelf };
	if (shelf_open(v->shelf, call->request.number[PARAM_RECORDING], &v->live, e)) {
		v->live = NULL;
		return e->code == -ENOENT ? 404 : 500;
	}
	if (view_filter(v, &call->request, &q.filter, ids, e))
		return 400;
	if (live_snapshot(v->live, &q, &v->snap, e)) {
		v->snap = NULL;
		return 500;
	}
	v->profile = v->snap->profile;
	return view_value(v, &call->request, e) ? 400 : 200;
}

void web_view_done(struct web_view *v)
{
	live_snapshot_unref(v->snap);
	if (v->live)
		shelf_release(v->shelf, v->live);
}
