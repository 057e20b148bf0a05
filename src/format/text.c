/* text.c - the report on a terminal: one screen that says what ran, where its time went, down which
 * path, and how far to trust it. Write only.
 *
 * Sections: header, functions by self time, hottest path, processes (or threads), ledger; of a profile of
 * waits what text_waits.c shows instead of functions, and the functions of what ran. Widths
 * follow opts.width; lines never wrap by accident. The hottest path shows one line a change of
 * share: frames that have all of their caller's time stand on one line.
 */
#include "format/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map64.h"
#include "base/vec.h"
#include "profile/filter.h"
#include "profile/sum.h"
#include "profile/waitsum.h"

enum {
	TEXT_WIDTH = 80,
	TEXT_WIDTH_MIN = 40,
	TEXT_WIDTH_MAX = 240,
	TEXT_TOP = 10,
	TEXT_TASKS = 5,
	TEXT_PATH = 2048,   /* nodes */
	TEXT_PATH_LINES = 12,
};

double text_part(int64_t v, int64_t of)
{
	return of > 0 && v > 0 ? (double)v / (double)of : 0;
}

static const char *text_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

enum page_style text_kind_style(uint8_t kind)
{
	switch (kind) {
	case FRAME_KERNEL:
		return PAGE_KERNEL;
	case FRAME_JIT:
		return PAGE_JIT;
	case FRAME_INLINED:
		return PAGE_INLINED;
	case FRAME_CUT:
		return PAGE_WARN;
	default:
		return PAGE_PLAIN;
	}
}

void text_heading(struct page *g, const char *text)
{
	out_putc(g->to, '\n');
	page_style(g, PAGE_TITLE);
	out_puts(g->to, text);
	page_style(g, PAGE_PLAIN);
	out_putc(g->to, '\n');
}

/* -- header ------------------------------------------------------------------------------------- */

static void text_comma(struct buf *b)
{
	if (b->len)
		buf_puts(b, ", ");
}

static void text_fact(struct buf *b, const char *value, const char *behind)
{
	if (!*value)
		return;
	text_comma(b);
	buf_puts(b, value);
	buf_puts(b, behind);
}

static void text_facts(struct buf *b, const struct profile *p, uint32_t value, int64_t total)
{
	const struct profile_meta *m = &p->meta;
	const char *unit = profile_text(p, p->value_types.at[value].unit);
	const char *type = profile_text(p, p->value_types.at[value].type);
	char text[64];

	format_value(total, unit, text, sizeof(text));
	buf_printf(b, "%s %s", text,
		   !strcmp(type, WAITS_TYPE_OFF)    ? "of waiting"
		   : !strcmp(type, WAITS_TYPE_WALL) ? "of thread time"
						    : type);
	if (m->frequency)
		buf_printf(b, " at %u Hz", m->frequency);
	if (m->n_cpus)
		buf_printf(b, " on %u CPU%s", m->n_cpus, m->n_cpus == 1 ? "" : "s");
	text_fact(b, profile_text(p, m->event), "");
	if (*profile_text(p, m->kernel)) {
		text_comma(b);
		buf_printf(b, "Linux %s", profile_text(p, m->kernel));
	}
	text_fact(b, profile_text(p, m->arch), "");
	text_fact(b, profile_text(p, m->tool), "");
}

static int text_header(struct page *g, const struct profile *p, const struct format_opts *o,
		       uint32_t value, int64_t total)
{
	struct buf title = { 0 }, facts = { 0 };
	int code;

	if (o->title)
		buf_puts(&title, o->title);
	else
		format_title(&title, p);
	buf_putc(&title, 0);
	text_facts(&facts, p, value, total);
	buf_putc(&facts, 0);
	code = title.err ? title.err : facts.err;
	if (!code) {
		page_style(g, PAGE_TITLE);
		page_wrap(g, (char *)title.data, 0, 2);
		page_style(g, PAGE_PLAIN);
		page_wrap(g, (char *)facts.data, 0, 2);
	}
	buf_free(&title);
	buf_free(&facts);
	return code;
}

/* -- functions ---------------------------------------------------------------------------------- */

struct text_columns {
	uint32_t bar, name, object;
};

/* Shares take 15 columns, gaps 4; the rest is shared by bar, name and object. */
static struct text_columns text_columns(const struct page *g, const struct function_table *t,
					size_t rows)
{
	struct text_columns c = { .bar = g->width >= 100 ? 16 : g->width >= 70 ? 10 : 0 };
	uint32_t most = g->width >= 100 ? 24 : 16;

	for (size_t i = 0; i < rows && g->width >= 60; i++) {
		const char *path = intern_get(&t->strings, t->rows.at[i].object);
		uint32_t n = page_name_width(text_base_name(path));

		if (n > c.object)
			c.object = n < most ? n : most;
	}
	c.name = g->width - 15 - c.bar - (c.bar ? 1 : 0) - c.object - (c.object ? 2 : 0);
	return c;
}

static void text_function(struct page *g, const struct function_table *t,
			  const struct function_row *r, const struct text_columns *c)
{
	const char *path = intern_get(&t->strings, r->object);
	double self = text_part(r->self, t->total), total = text_part(r->total, t->total);

	page_share(g, self);
	out_putc(g->to, ' ');
	page_share(g, total);
	out_puts(g->to, "  ");
	if (c->bar) {
		page_bar(g, self, total, c->bar);
		out_putc(g->to, ' ');
	}
	page_style(g, text_kind_style(r->kind));
	page_name(g, intern_get(&t->strings, r->name), c->name, c->object && *path);
	page_style(g, PAGE_PLAIN);
	if (c->object && *path) {
		out_puts(g->to, "  ");
		page_style(g, PAGE_DIM);
		page_name(g, text_base_name(path), c->object, false);
		page_style(g, PAGE_PLAIN);
	}
	out_putc(g->to, '\n');
}

static int text_functions(struct page *g, const struct profile *p, const struct format_opts *o,
			  uint32_t value)
{
	struct function_table *t = NULL;
	int code = function_table_new(p, value, &t);
	struct text_columns c;
	size_t n, has_self = 0;

	if (code)
		return code;
	n = o->top ? o->top : TEXT_TOP;
	while (has_self < t->rows.n && t->rows.at[has_self].self > 0)
		has_self++; /* rows are by self; those with none are seen in the path */
	if (n > has_self)
		n = has_self;
	c = text_columns(g, t, n);
	text_heading(g, "  self  total  function");
	for (size_t i = 0; i < n; i++)
		text_function(g, t, &t->rows.at[i], &c);
	if (n < has_self) {
		bool max = profile_value_is_max(p, value);
		int64_t rest = 0;

		for (size_t i = n; i < has_self; i++)
			rest = sum_value(rest, t->rows.at[i].self, max);
		page_style(g, PAGE_DIM);
		page_share(g, text_part(rest, t->total));
		out_printf(g->to, "         in %zu other function%s\n", has_self - n,
			   has_self - n == 1 ? "" : "s");
		page_style(g, PAGE_PLAIN);
	}
	function_table_free(t);
	return 0;
}

/* -- hottest path ------------------------------------------------------------------------------- */

/* Which of path[from..to) do not fit into `room` columns: the first and as many of the last as
 * possible stay. Returns the first to leave out (`to` when all fit), *ret_end one past the last. */
static size_t text_path_skip(const struct calltree *t, const uint32_t *path, size_t from, size_t to,
			     uint32_t room, size_t *ret_end)
{
	uint32_t all = 0, used = page_name_width(calltree_name(t, path[from])) + 24;
	uint32_t last = page_name_width(calltree_name(t, path[to - 1]));
	size_t end;

	for (size_t i = from; i < to; i++)
		all += page_name_width(calltree_name(t, path[i])) + (i > from ? 3 : 0);
	*ret_end = to;
	if (all <= room || to - from <= 2)
		return to;
	for (end = to - 1; end > from + 2; end--) {
		used += page_name_width(calltree_name(t, path[end - 1])) + 3;
		if (used + last > room)
			break;
	}
	*ret_end = end;
	return from + 1;
}

/* The nodes path[from..to) on one line: all of them, or the ends when they do not fit. */
static void text_path_line(struct page *g, const struct calltree *t, const uint32_t *path,
			   size_t from, size_t to, uint32_t indent)
{
	uint32_t room = g->width - 8 - indent, used = 0;
	size_t skip_to, skip = text_path_skip(t, path, from, to, room, &skip_to);
	char skipped[48];

	page_share(g, text_part(t->nodes.at[path[from]].total, t->nodes.at[0].total));
	page_blanks(g, 2 + indent);
	for (size_t i = from; i < to; i++) {
		uint32_t last = page_name_width(calltree_name(t, path[to - 1])), left;

		/* The last name is where the share goes: half the line is kept for it. */
		last = i + 1 == to ? 0 : (last < room / 2 ? last : room / 2) + 3;
		if (i < skip && skip < to)
			last += 14; /* " > (99 more)" */
		left = used + last + (i > from ? 3 : 0);
		left = left < room ? room - left : 0;
		if (i > from && left < 4)
			break;
		if (i > from) {
			out_puts(g->to, g->utf8 ? " \xe2\x80\xba " : " > ");
			used += 3;
		}
		if (i == skip) {
			snprintf(skipped, sizeof(skipped), "(%zu more)", skip_to - skip);
			page_style(g, PAGE_DIM);
			used += page_name(g, skipped, left, false);
			i = skip_to - 1;
		} else {
			page_style(g, text_kind_style(t->nodes.at[path[i]].kind));
			used += page_name(g, calltree_name(t, path[i]), left, false);
		}
		page_style(g, PAGE_PLAIN);
	}
	out_putc(g->to, '\n');
}

/* Where the next line begins: at the first node that lost more than half a percent of the total. */
static size_t text_path_step(const struct calltree *t, const uint32_t *path, size_t from, size_t n)
{
	int64_t total = t->nodes.at[path[from]].total, slack = t->nodes.at[0].total / 200;
	size_t to = from + 1;

	while (to < n && total - t->nodes.at[path[to]].total <= slack)
		to++;
	return to;
}

static void text_path(struct page *g, const struct calltree *t)
{
	uint32_t path[TEXT_PATH];
	size_t n = calltree_hottest(t, 0.4, path, TEXT_PATH), lines = 0, to;

	if (n < 2)
		return;
	text_heading(g, "Hottest path");
	for (size_t from = 1; from < n; from = to, lines++) { /* path[0] is "all" */
		to = lines + 1 < TEXT_PATH_LINES ? text_path_step(t, path, from, n) : n;
		text_path_line(g, t, path, from, to, lines < 10 ? (uint32_t)lines : 10);
	}
}

/* -- processes or threads ----------------------------------------------------------------------- */

struct text_task {
	uint32_t task; /* one of those added up */
	uint32_t n;    /* how many processes or threads that is */
	int64_t value;
};

typedef VEC(struct text_task) text_tasks;

static int text_by_value(const void *va, const void *vb)
{
	const struct text_task *a = va, *b = vb;

	if (a->value != b->value)
		return a->value > b->value ? -1 : 1;
	return a->task < b->task ? -1 : a->task > b->task;
}

/* Adds samples up by the name of the process, or of the thread: a build starts one compiler a file,
 * a server one thread a connection. */
static int text_sum_tasks(const struct profile *p, uint32_t value, bool threads, text_tasks *ret)
{
	struct map64 rows = { 0 }, members = { 0 };
	bool max = profile_value_is_max(p, value);
	int code = 0;

	for (size_t i = 0; i < p->samples.n && !code; i++) {
		uint32_t task = p->samples.at[i].task, *row;
		const struct profile_task *t = &p->tasks.at[task];
		uint32_t name = threads || !t->process ? t->comm : t->process;
		uint64_t id = threads ? t->tid : t->pid;
		bool is_new, is_member;

		row = map64_insert(&rows, name, (uint32_t)ret->n, &is_new);
		if (!row || !map64_insert(&members, id << 32 | name, 0, &is_member) ||
		    (is_new && !VEC_PUSH(ret, (struct text_task){ task, 0, 0 }))) {
			code = -ENOMEM;
			break;
		}
		ret->at[*row].n += is_member;
		ret->at[*row].value =
			sum_value(ret->at[*row].value, profile_values(p, i)[value], max);
	}
	map64_free(&rows);
	map64_free(&members);
	if (ret->n)
		qsort(ret->at, ret->n, sizeof(*ret->at), text_by_value);
	return code;
}

static void text_task(struct page *g, const struct profile *p, const struct text_task *row,
		      int64_t total, bool threads)
{
	const struct profile_task *t = &p->tasks.at[row->task];
	const char *comm = profile_text(p, t->comm), *process = profile_text(p, t->process);
	const char *name = threads || !*process ? comm : process;
	uint32_t id = threads ? t->tid : t->pid, bar = g->width >= 70 ? 20 : 0;
	char text[160];

	name = *name ? name : "[unknown]";
	if (row->n > 1)
		snprintf(text, sizeof(text), "%s (%u %s)", name, row->n,
			 threads ? "threads" : "processes");
	else if (id)
		snprintf(text, sizeof(text), "%s (%u)", name, id);
	else
		snprintf(text, sizeof(text), "%s", name);
	page_share(g, text_part(row->value, total));
	out_puts(g->to, "  ");
	if (bar) {
		page_bar(g, text_part(row->value, total), 0, bar);
		out_putc(g->to, ' ');
	}
	page_name(g, text, g->width - 9 - bar, false);
	out_putc(g->to, '\n');
}

static int text_task_list(struct page *g, const struct profile *p, uint32_t value, int64_t total)
{
	text_tasks rows = { 0 };
	bool threads = false;
	int code = text_sum_tasks(p, value, threads, &rows);

	if (!code && rows.n == 1 && rows.at[0].n == 1) {
		threads = true;
		rows.n = 0;
		code = text_sum_tasks(p, value, threads, &rows);
	}
	if (!code && (rows.n > 1 || (rows.n && rows.at[0].n > 1))) {
		text_heading(g, threads ? "Threads" : "Processes");
		for (size_t i = 0; i < rows.n && i < TEXT_TASKS; i++)
			text_task(g, p, &rows.at[i], total, threads);
		if (rows.n > TEXT_TASKS) {
			page_style(g, PAGE_DIM);
			out_printf(g->to, "        and %zu others\n", rows.n - TEXT_TASKS);
			page_style(g, PAGE_PLAIN);
		}
	}
	VEC_FREE(&rows);
	return code;
}

/* -- the whole ---------------------------------------------------------------------------------- */

static int text_body(struct page *g, const struct profile *p, const struct format_opts *o,
		     uint32_t value, int64_t total)
{
	struct calltree_opts tree = { .root = ROOT_NOTHING, .value = value };
	struct calltree *t = NULL;
	int code = text_functions(g, p, o, value);

	if (!code)
		code = calltree_new(p, &tree, &t);
	if (!code)
		text_path(g, t);
	calltree_free(t);
	return code ? code : text_task_list(g, p, value, total);
}

/* What ran while the rest waited. */
static int text_running(struct page *g, const struct profile *p, const struct format_opts *o, uint32_t value)
{
	const struct profile_filter f = { .classes = UINT32_C(1) << WAIT_ON_CPU };
	struct profile *part = NULL;
	int code = profile_filter(p, &f, &part, NULL);

	if (!code && profile_total(part, value) > 0)
		code = text_functions(g, part, o, value);
	profile_free(part);
	return code;
}

static int text_write(const struct profile *p, const struct format_opts *o, struct out *to,
		      struct err *e)
{
	struct page g = { to, o->width ? o->width : TEXT_WIDTH, o->utf8, o->colour };
	uint32_t value = o->tree.value < p->value_types.n ? o->tree.value : p->default_value;
	int64_t total = profile_total(p, value);
	int code;

	if (g.width < TEXT_WIDTH_MIN)
		g.width = TEXT_WIDTH_MIN;
	if (g.width > TEXT_WIDTH_MAX)
		g.width = TEXT_WIDTH_MAX;
	code = text_header(&g, p, o, value, total);
	if (!code && total > 0 && waitsum_applies(p)) {
		code = text_waits(&g, p, o, value);
		if (!code)
			code = text_running(&g, p, o, value);
	} else if (!code && total > 0) {
		code = text_body(&g, p, o, value, total);
	}
	if (!code && total <= 0)
		out_puts(to, "\nThere is no sample in this profile.\n");
	if (!code)
		code = text_ledger(&g, p);
	return code ? err_set(e, code, "out of memory") : 0;
}

const struct format format_text = {
	.name = "text",
	.exts = { ".txt" },
	.help = "a report to read: top functions, hottest path, processes, ledger",
	.write = text_write,
};
