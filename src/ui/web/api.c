/* api.c - what the server answers: one handler a row of routes.def (doc/api.md). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format/html_data.h"
#include "format/html_page.h"
#include "live/heat.h"
#include "live/shares.h"
#include "ui/web/view.h"

enum { HEAT_COLUMNS = 600, HEAT_ROWS = 50 };

static const char api_json[] = "application/json";

int web_health(struct web_call *call, struct web_reply *to)
{
	buf_puts(&to->body, "ok\n");
	return 200;
}

/* Takes what was written into the reply. */
static int api_done(struct out *out, int rc, struct web_reply *to)
{
	if (!rc)
		rc = out->err ? out->err : out->pending.err;
	if (!rc) {
		to->body = out->pending;
		out->pending = (struct buf){ 0 };
	}
	out_abort(out);
	if (rc && !to->why.code)
		err_set(&to->why, rc, "%s", strerror(-rc));
	return !rc ? 200 : rc == -EINVAL ? 400 : 500;
}

/* Looks at what the request selects and writes it. */
static int api_view(struct web_call *call, struct web_reply *to, const char *type,
		    int (*write)(struct web_call *call, struct web_view *v, struct out *out, struct err *e))
{
	struct web_view v;
	struct out out;
	int status = web_view_new(call, &v, &to->why);

	if (status == 200) {
		out_mem(&out);
		to->type = type;
		status = api_done(&out, write(call, &v, &out, &to->why), to);
	}
	web_view_done(&v);
	return status;
}

/* -- the page -------------------------------------------------------------------------------------- */

static void page_formats(struct buf *b)
{
	const char *comma = "";

	buf_puts(b, "\"formats\":[");
	for (const struct format *const *f = format_all(); *f; f++) {
		if (!(*f)->write || (*f)->hidden || !(*f)->exts[0])
			continue;
		buf_printf(b, "%s[\"%s\",\"%s\"]", comma, (*f)->name, (*f)->exts[0]);
		comma = ",";
	}
	buf_puts(b, "]");
}

int web_page(struct web_call *call, struct web_reply *to)
{
	struct html_page page = { .title = "waggle", .title_len = 6, .nonce = to->nonce };
	struct buf live = { 0 };
	struct out out;
	int rc = web_guard_token(to->nonce);

	buf_printf(&live, "{\"live\":%s,\"recordings\":%zu,",
		   shelf_is_live(call->server->shelf) ? "true" : "false", shelf_count(call->server->shelf));
	page_formats(&live);
	buf_puts(&live, "}");
	buf_u8(&live, 0);
	page.live = (const char *)live.data;
	out_mem(&out);
	if (!rc)
		rc = live.err ? live.err : html_page_write(&page, &out, &to->why);
	buf_free(&live);
	to->type = "text/html; charset=utf-8";
	return api_done(&out, rc, to);
}

/* -- what was captured ----------------------------------------------------------------------------- */

static int profile_write(struct web_call *call, struct web_view *v, struct out *out, struct err *e)
{
	return html_data_write(v->profile, &v->format, v->snap->from, out, NULL);
}

int web_profile(struct web_call *call, struct web_reply *to)
{
	return api_view(call, to, "application/x-waggle-view", profile_write);
}

static int ledger_write(struct web_call *call, struct web_view *v, struct out *out, struct err *e)
{
	struct buf state = { 0 };
	int rc = web_watch_state(v->live, &state);

	out_puts(out, "{\"state\":");
	out_put(out, state.data, state.len);
	out_puts(out, ",\"meta\":");
	format_meta_json(out, v->profile);
	out_puts(out, ",\"ledger\":");
	format_ledger_json(out, v->profile);
	out_puts(out, "}\n");
	buf_free(&state);
	return rc;
}

int web_ledger(struct web_call *call, struct web_reply *to)
{
	return api_view(call, to, api_json, ledger_write);
}

static void tasks_row(struct out *out, const struct profile *p, const struct share_row *r)
{
	static const char *const groups[SHARES_GROUPS] = {
		[WAIT_GROUP_RUNNING] = "on", [WAIT_GROUP_BLOCKED] = "blocked", [WAIT_GROUP_IDLE] = "idle",
		[WAIT_GROUP_READY] = "ready",
	};

	out_printf(out, "{\"pid\":%u,\"tid\":%u,\"name\":", r->pid, r->tid);
	format_json_string(out, profile_text(p, r->name), intern_len(&p->strings, r->name));
	out_printf(out, ",\"threads\":%u,\"total\":%" PRId64, r->threads, r->total);
	for (int i = 0; i < SHARES_GROUPS; i++)
		out_printf(out, ",\"%s\":%" PRId64, groups[i], r->group[i]);
	out_putc(out, '}');
}

static void api_value(struct out *out, const struct web_view *v)
{
	const struct profile *p = v->profile;
	uint32_t value = v->format.tree.value == UINT32_MAX ? p->default_value : v->format.tree.value;

	out_puts(out, "{\"type\":");
	format_json_string(out, profile_text(p, p->value_types.at[value].type),
			   intern_len(&p->strings, p->value_types.at[value].type));
	out_puts(out, ",\"unit\":");
	format_json_string(out, profile_text(p, p->value_types.at[value].unit),
			   intern_len(&p->strings, p->value_types.at[value].unit));
}

static int tasks_write(struct web_call *call, struct web_view *v, struct out *out, struct err *e)
{
	struct shares *s;
	int rc = shares_new(v->profile, v->format.tree.value, &s);

	if (rc)
		return rc;
	api_value(out, v);
	out_printf(out, ",\"total\":%" PRId64 ",\"tasks\":[", s->total);
	for (size_t i = 0; i < s->rows.n; i++) {
		if (i)
			out_putc(out, ',');
		tasks_row(out, v->profile, &s->rows.at[i]);
	}
	out_puts(out, "]}\n");
	shares_free(s);
	return 0;
}

int web_tasks(struct web_call *call, struct web_reply *to)
{
	return api_view(call, to, api_json, tasks_write);
}

/* A column of the picture is a row of struct heat: there time runs down, here to the right. */
static int heat_write(struct web_call *call, struct web_view *v, struct out *out, struct err *e)
{
	const struct web_request *r = &call->request;
	const struct heat_opts o = {
		.value = v->format.tree.value,
		.columns = r->has[PARAM_ROWS] ? (uint32_t)r->number[PARAM_ROWS] : HEAT_ROWS,
		.max_rows = r->has[PARAM_COLUMNS] ? (uint32_t)r->number[PARAM_COLUMNS] : HEAT_COLUMNS,
		.grain = v->snap->grain,
	};
	struct heat *h;
	int rc = heat_new(v->profile, &o, &h);

	if (rc)
		return rc;
	api_value(out, v);
	out_printf(out,
		   ",\"from\":%" PRIu64 ",\"column\":%" PRIu64 ",\"cell\":%" PRIu64
		   ",\"columns\":%u,\"rows\":%u,\"most\":%" PRId64 ",\"untimed\":%" PRId64 ",\"cells\":[",
		   v->snap->from, h->row, h->column, h->rows, h->columns, h->most, h->untimed);
	for (size_t i = 0; i < (size_t)h->rows * h->columns; i++)
		out_printf(out, "%s%" PRId64, i ? "," : "", h->cells[i]);
	out_puts(out, "]}\n");
	heat_free(h);
	return 0;
}

int web_heat(struct web_call *call, struct web_reply *to)
{
	return api_view(call, to, api_json, heat_write);
}

/* -- the rest -------------------------------------------------------------------------------------- */

static const struct format *export_format(const struct web_request *r, char *name, size_t size)
{
	snprintf(name, size, "waggle%s", r->ext);
	return format_by_path(name);
}

static int export_write(struct web_call *call, struct web_view *v, struct out *out, struct err *e)
{
	char name[64];

	return export_format(&call->request, name, sizeof(name))->write(v->profile, &v->format, out, e);
}

int web_export(struct web_call *call, struct web_reply *to)
{
	const struct format *f = export_format(&call->request, to->name, sizeof(to->name));

	if (!f || !f->write) {
		err_set(&to->why, -ENOENT, "no format of that extension can be written");
		return 404;
	}
	return api_view(call, to, "application/octet-stream", export_write);
}

int web_recordings(struct web_call *call, struct web_reply *to)
{
	struct shelf *s = call->server->shelf;
	struct out out;

	out_mem(&out);
	out_puts(&out, "[");
	for (size_t i = 0; i < shelf_count(s); i++) {
		struct shelf_item f = shelf_item(s, i);

		out_printf(&out, "%s{\"recording\":%zu,\"name\":", i ? "," : "", i);
		format_json_string(&out, f.name, strlen(f.name));
		out_printf(&out, ",\"bytes\":%" PRIu64 ",\"mtime\":%" PRIu64 "}", f.bytes, f.mtime);
	}
	out_puts(&out, "]\n");
	to->type = api_json;
	return api_done(&out, 0, to);
}

int web_stream(struct web_call *call, struct web_reply *to)
{
	struct buf hello = { 0 };
	struct live *l;

	buf_puts(&hello, "retry: 1000\nevent: hello\ndata: ");
	if (!shelf_is_live(call->server->shelf)) {
		buf_puts(&hello, "{}");
	} else if (!shelf_open(call->server->shelf, 0, &l, NULL)) {
		web_watch_state(l, &hello);
		shelf_release(call->server->shelf, l);
	}
	buf_puts(&hello, "\n\n");
	if (!hello.err)
		to->stream = hub_listen(call->server->hub, call->connection, (char *)hello.data, hello.len);
	buf_free(&hello);
	to->type = "text/event-stream";
	if (!to->stream)
		err_set(&to->why, -EAGAIN, "too many listen already");
	return to->stream ? 200 : 503;
}
