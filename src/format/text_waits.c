/* text_waits.c - the part of a report that is about waiting: what the time went to, thread by thread, the
 * places where most of it was spent, how long the waits at the first of them took, and the locks.
 *
 * A place is one line of numbers and one of functions: of the user part those nearest to the wait, then the
 * function of the kernel that waited. The scheduler's own functions say nothing and are left out.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/vec.h"
#include "format/text.h"
#include "profile/waitsum.h"

enum {
	WAITS_TOP = 8,
	WAITS_THREADS = 12, /* more are shown by process */
	WAITS_LOCKS = 5,
	WAITS_ROWS = 14,    /* of the histogram */
	WAITS_INDENT = 8,
	WAITS_WAKER = 16,   /* columns of its name: as long as the kernel keeps */
	WAITS_FRAMES = 512,
	WAITS_WIDE = 66, /* narrower, tables have fewer columns */
};

struct text_waits {
	struct page *g;
	const struct waitsum *w;
	int64_t all;  /* what shares are of */
	bool several; /* processes */
};

struct text_frames { /* a stack, leaf first */
	uint32_t node[WAITS_FRAMES];
	size_t n;
};

static const struct {
	const char *name;
	enum page_style style;
	const char *fill, *plain; /* of a bar, with and without UTF-8 */
} waits_groups[WAITSUM_GROUPS] = {
	[WAIT_GROUP_RUNNING] = { "on-cpu", PAGE_BAR, "\xe2\x96\x88", "#" },
	[WAIT_GROUP_READY] = { "ready", PAGE_READY, "\xe2\x96\x93", "=" },
	[WAIT_GROUP_BLOCKED] = { "blocked", PAGE_BLOCKED, "\xe2\x96\x92", "-" },
	[WAIT_GROUP_IDLE] = { "idle", PAGE_DIM, "\xe2\x96\x91", "." },
};

/* The order in which they are shown: from hot to cold. */
static const enum wait_group waits_order[WAITSUM_GROUPS] = { WAIT_GROUP_RUNNING, WAIT_GROUP_READY,
							     WAIT_GROUP_BLOCKED, WAIT_GROUP_IDLE };

static const char *waits_time(int64_t ns, char *to, size_t size)
{
	return format_value(ns, "nanoseconds", to, size);
}

#define TIME(ns) waits_time(ns, (char[32]){ 0 }, 32)
#define NUMBER(n) format_value(n, "count", (char[32]){ 0 }, 32)

static enum page_style waits_style(enum wait_class class)
{
	return waits_groups[waits_class(class)->group].style;
}

static double waits_share(const struct text_waits *t, const struct wait_tally *sum)
{
	return text_part(waitsum_amount(t->w, sum), t->all);
}

static int64_t waits_mean(const struct wait_tally *t)
{
	return t->waits > 0 ? t->time / t->waits : 0;
}

/* A bar at the end of a line, `gap` columns on: no blanks behind it, nor where there is none. */
static void waits_bar(const struct text_waits *t, double share, uint32_t columns, uint32_t gap)
{
	uint32_t eighths = (uint32_t)(share * columns * 8 + 0.5);
	uint32_t wide = (eighths + (t->g->utf8 ? 7 : 4)) / 8;

	if (!wide)
		return;
	page_blanks(t->g, gap);
	page_bar(t->g, t->g->utf8 ? share * columns / wide : 1, 0, wide);
}

/* -- classes ------------------------------------------------------------------------------------- */

static void waits_class_line(const struct text_waits *t, enum wait_class class, uint32_t bar)
{
	const struct wait_tally *sum = &t->w->classes[class];
	const char *key = waits_class(class)->key; /* at most 12 columns */
	struct out *to = t->g->to;
	double share = waits_share(t, sum);

	page_share(t->g, share);
	out_printf(to, " %10s", TIME(sum->time));
	if (t->g->width >= WAITS_WIDE && sum->waits && class != WAIT_ON_CPU)
		out_printf(to, " %10s %10s %10s", NUMBER(sum->waits), TIME(waits_mean(sum)),
			   TIME(sum->longest));
	else if (t->g->width >= WAITS_WIDE)
		page_blanks(t->g, 33);
	out_puts(to, "  ");
	page_style(t->g, waits_style(class));
	out_puts(to, key);
	page_style(t->g, PAGE_PLAIN);
	waits_bar(t, share, bar, 13 - (uint32_t)strlen(key));
	out_putc(to, '\n');
}

static void waits_classes(const struct text_waits *t)
{
	bool done[WAIT_CLASS_MAX] = { false };
	uint32_t bar = t->g->width >= 80 ? t->g->width - 65 : 0;

	text_heading(t->g, t->g->width >= WAITS_WIDE
				   ? " share       time      waits       mean    longest  class"
				   : " share       time  class");
	for (;;) {
		int most = -1;

		for (int i = 0; i < WAIT_CLASS_MAX; i++)
			if (!done[i] && t->w->classes[i].time > 0 &&
			    (most < 0 || waitsum_amount(t->w, &t->w->classes[i]) >
						 waitsum_amount(t->w, &t->w->classes[most])))
				most = i;
		if (most < 0)
			return;
		done[most] = true;
		waits_class_line(t, (enum wait_class)most, bar > 24 ? 24 : bar);
	}
}

/* -- threads ------------------------------------------------------------------------------------- */

/* The parts of a thread's time, side by side; rounding never makes the bar longer or shorter. */
static void waits_parts_bar(const struct text_waits *t, const struct wait_task *task, uint32_t columns)
{
	uint32_t at = 0;
	double end = 0;

	for (size_t i = 0; i < WAITSUM_GROUPS; i++) {
		enum wait_group group = waits_order[i];

		end += text_part(task->time[group], task->total) * columns;
		page_style(t->g, waits_groups[group].style);
		for (; at < columns && at + 0.5 < end; at++)
			out_puts(t->g->to, t->g->utf8 ? waits_groups[group].fill : waits_groups[group].plain);
		page_style(t->g, PAGE_PLAIN);
	}
	page_blanks(t->g, columns - at);
}

/* "mariadbd (500)", "mariadbd: conn-1 (501)", "w5 x8 (600)" for eight threads of one process. */
static void waits_task_name(const struct text_waits *t, const struct wait_task *row, char *to, size_t size)
{
	const struct profile *p = t->w->p;
	const struct profile_task *task = &p->tasks.at[row->task];
	const char *comm = profile_text(p, task->comm), *process = profile_text(p, task->process);
	const char *name = *process ? process : *comm ? comm : "[unknown]";

	if (t->w->by_process && row->threads > 1)
		snprintf(to, size, "%s %s%u (%u)", name, t->g->utf8 ? "\xc3\x97" : "x", row->threads, task->pid);
	else if (t->w->by_process || task->pid == task->tid || !*comm || !strcmp(comm, name))
		snprintf(to, size, "%s (%u)", t->w->by_process || !*comm ? name : comm,
			 t->w->by_process ? task->pid : task->tid);
	else
		snprintf(to, size, "%s: %s (%u)", name, comm, task->tid);
}

/* "   10.00 s  60.0%   0.0%  40.0%   0.0%  ######----  mariadbd: conn-1 (501)" */
static void waits_task_line(const struct text_waits *t, const struct wait_task *task)
{
	bool wide = t->g->width >= WAITS_WIDE;
	uint32_t bar = t->g->width >= 76 || !wide ? 10 : 0;
	char name[160];

	out_printf(t->g->to, "%10s", TIME(task->total));
	for (size_t i = 0; wide && i < WAITSUM_GROUPS; i++) {
		out_putc(t->g->to, ' ');
		page_share(t->g, text_part(task->time[waits_order[i]], task->total));
	}
	out_puts(t->g->to, "  ");
	if (bar) {
		waits_parts_bar(t, task, bar);
		out_puts(t->g->to, "  ");
	}
	waits_task_name(t, task, name, sizeof(name));
	page_name(t->g, name, t->g->width - (wide ? 40 : 12) - (bar ? bar + 2 : 0), false);
	out_putc(t->g->to, '\n');
}

static void waits_tasks(const struct text_waits *t)
{
	const struct waitsum *w = t->w;

	if (!w->tasks.n)
		return;
	text_heading(t->g, t->g->width < WAITS_WIDE ? "     total"
			   : w->by_process ? "     total on-cpu  ready  block   idle  process"
					   : "     total on-cpu  ready  block   idle  thread");
	for (size_t i = 0; i < w->tasks.n && i < WAITS_THREADS; i++)
		waits_task_line(t, &w->tasks.at[i]);
	if (w->tasks.n > WAITS_THREADS) {
		page_style(t->g, PAGE_DIM);
		out_printf(t->g->to, "            and %zu more\n", w->tasks.n - WAITS_THREADS);
		page_style(t->g, PAGE_PLAIN);
	}
}

/* -- places -------------------------------------------------------------------------------------- */

/* Parts of the names of kernel functions that do not say what was waited for: the scheduler, waiting and
 * waking as such, and the way in and out of the kernel. */
static bool waits_is_scheduler(const char *name)
{
	static const char *const parts[] = {
		"schedule", "cond_resched", "wait_for_completion", "wait_on_bit", "bit_wait", "wake_up", "wakeup",
		"irqentry_", "exit_to_user", "sysvec_", "entry_SYSCALL", "ret_from_fork",
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (strstr(name, parts[i]))
			return true;
	return false;
}

/* The C library's functions below the one that the program called say no more than that one. */
static bool waits_is_libc(const struct waitsum *w, uint32_t node)
{
	const struct calltree_node *n = &w->tree->nodes.at[node];
	const char *path = intern_get(&w->tree->strings, n->object), *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	return !strncmp(base, "libc.so", 7) || !strncmp(base, "libc-", 5) ||
	       !strncmp(base, "libpthread", 10) || !strncmp(base, "ld-musl", 7);
}

/* The frames of a sleeper: from the end of its own part to the root. */
static void waits_sleeper(const struct waitsum *w, uint32_t node, struct text_frames *f)
{
	f->n = 0;
	for (; node && f->n < WAITS_FRAMES; node = w->tree->nodes.at[node].parent)
		if (w->tree->nodes.at[node].kind != FRAME_OFFCPU)
			f->node[f->n++] = node;
}

/* The frames of a waker stand the other way round: its root is the last node. Returns its name, as in
 * "[woken by NAME]", with its length in *len. */
static const char *waits_waker(const struct waitsum *w, uint32_t node, struct text_frames *f, size_t *len)
{
	static const char head[] = WAITS_WOKEN_BY;
	const char *mark;

	f->n = 0;
	for (; node && w->tree->nodes.at[node].kind != FRAME_OFFCPU; node = w->tree->nodes.at[node].parent)
		if (f->n < WAITS_FRAMES)
			f->node[f->n++] = node;
	for (size_t i = 0; i < f->n / 2; i++) {
		uint32_t other = f->node[f->n - 1 - i];

		f->node[f->n - 1 - i] = f->node[i];
		f->node[i] = other;
	}
	mark = calltree_name(w->tree, node);
	*len = strlen(mark);
	if (strncmp(mark, head, sizeof(head) - 1))
		return mark;
	*len -= sizeof(head) - 1;
	*len -= *len ? 1 : 0; /* the bracket */
	return mark + sizeof(head) - 1;
}

/* The kernel's function that waited: its first that is not of the scheduler. PROFILE_NONE: none. */
static uint32_t waits_kernel_leaf(const struct waitsum *w, const struct text_frames *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (w->tree->nodes.at[f->node[i]].kind != FRAME_KERNEL)
			return PROFILE_NONE;
		if (!waits_is_scheduler(calltree_name(w->tree, f->node[i])))
			return f->node[i];
	}
	return PROFILE_NONE;
}

static void waits_arrow(const struct text_waits *t)
{
	page_style(t->g, PAGE_DIM);
	out_puts(t->g->to, t->g->utf8 ? " \xe2\x80\xba " : " > ");
	page_style(t->g, PAGE_PLAIN);
}

/* As many functions from f->node[first..) as fit into `room`, those nearest to the leaf; root first. */
static void waits_functions(const struct text_waits *t, const struct text_frames *f, size_t first,
			    uint32_t room)
{
	uint32_t used = 0, dots;
	const char *ellipsis = page_ellipsis(t->g, &dots);
	size_t end = first;

	while (end < f->n) {
		uint32_t arrow = end > first ? 3 : 0;
		uint32_t more = page_name_width(calltree_name(t->w->tree, f->node[end])) + arrow;
		uint32_t left_out = end + 1 < f->n ? dots + 3 : 0;

		if (end > first && used + more + left_out > room)
			break;
		used += more;
		end++;
	}
	if (end < f->n) {
		out_puts(t->g->to, ellipsis);
		waits_arrow(t);
		room = room > dots + 3 ? room - dots - 3 : 1;
	}
	for (size_t i = end; i-- > first;) {
		page_style(t->g, text_kind_style(t->w->tree->nodes.at[f->node[i]].kind));
		page_name(t->g, calltree_name(t->w->tree, f->node[i]), room, false);
		page_style(t->g, PAGE_PLAIN);
		if (i > first)
			waits_arrow(t);
	}
}

/* One line: the functions, then the kernel's that waits. */
static void waits_path(const struct text_waits *t, const struct text_frames *f, uint32_t indent)
{
	uint32_t leaf = waits_kernel_leaf(t->w, f), room = t->g->width - indent, width = 0;
	size_t user = 0;

	while (user < f->n && t->w->tree->nodes.at[f->node[user]].kind == FRAME_KERNEL)
		user++;
	while (user + 1 < f->n && waits_is_libc(t->w, f->node[user]) &&
	       waits_is_libc(t->w, f->node[user + 1]))
		user++;
	if (user == f->n) { /* a kernel thread: its functions are all there is */
		for (user = 0; user + 1 < f->n && f->node[user] != leaf && leaf != PROFILE_NONE;)
			user++;
		leaf = PROFILE_NONE;
	}
	if (leaf != PROFILE_NONE) {
		width = page_name_width(calltree_name(t->w->tree, leaf));
		width = (width < room / 3 ? width : room / 3) + 3;
	}
	if (user < f->n)
		waits_functions(t, f, user, room - width);
	else
		out_puts(t->g->to, "(no stack)");
	if (leaf != PROFILE_NONE) {
		waits_arrow(t);
		page_style(t->g, PAGE_KERNEL);
		page_name(t->g, calltree_name(t->w->tree, leaf), width - 3, false);
		page_style(t->g, PAGE_PLAIN);
	}
	out_putc(t->g->to, '\n');
}

/* To the end of the line, and of more where that is too short. */
static void waits_numbers(const struct text_waits *t, const struct wait_tally *sum, uint32_t at)
{
	char text[192], average[64] = "", most[64] = "";

	if (sum->waits > 1)
		snprintf(average, sizeof(average), ", mean %s", TIME(waits_mean(sum)));
	if (sum->longest && sum->waits > 1)
		snprintf(most, sizeof(most), ", longest %s", TIME(sum->longest));
	snprintf(text, sizeof(text), "%s in %s wait%s%s%s", TIME(sum->time), NUMBER(sum->waits),
		 sum->waits == 1 ? "" : "s", average, most);
	page_wrap(t->g, text, at, WAITS_INDENT);
}

static void waits_place(const struct text_waits *t, const struct wait_place *place)
{
	const char *key = waits_class(place->class)->key;
	uint32_t at = WAITS_INDENT + (uint32_t)strlen(key) + 2;
	struct text_frames f;

	page_share(t->g, waits_share(t, &place->sum));
	out_puts(t->g->to, "  ");
	page_style(t->g, waits_style(place->class));
	out_puts(t->g->to, key);
	page_style(t->g, PAGE_PLAIN);
	if (t->several && place->process && t->g->width >= WAITS_WIDE) {
		out_puts(t->g->to, " in ");
		at += 4 + page_name(t->g, profile_text(t->w->p, place->process), WAITS_WAKER, false);
		out_puts(t->g->to, place->processes > 1 ? ", .." : "");
		at += place->processes > 1 ? 4 : 0;
	}
	out_puts(t->g->to, ": ");
	waits_numbers(t, &place->sum, at);
	page_blanks(t->g, WAITS_INDENT);
	waits_sleeper(t->w, place->node, &f);
	waits_path(t, &f, WAITS_INDENT);
}

/* The place whose waits are worth a picture: the first that is not idle. */
static const struct wait_place *waits_main_place(const struct waitsum *w)
{
	const struct wait_place *first = NULL;

	for (size_t i = 0; i < w->places.n; i++) {
		enum wait_group group = waits_class(w->places.at[i].class)->group;

		if (group == WAIT_GROUP_RUNNING)
			continue;
		if (group != WAIT_GROUP_IDLE)
			return &w->places.at[i];
		first = first ? first : &w->places.at[i];
	}
	return first;
}

static bool waits_is_shown(const struct wait_place *place, bool idle)
{
	enum wait_group group = waits_class(place->class)->group;

	return group != WAIT_GROUP_RUNNING && (group == WAIT_GROUP_IDLE) == idle;
}

/* How many places are not on the list, and what they hold. */
static void waits_rest(const struct text_waits *t, bool idle, size_t skip)
{
	double rest = 0;
	size_t left = 0;

	for (size_t i = 0; i < t->w->places.n; i++) {
		const struct wait_place *place = &t->w->places.at[i];

		if (!waits_is_shown(place, idle) || (skip && skip--))
			continue;
		rest += waits_share(t, &place->sum);
		left++;
	}
	if (!left)
		return;
	page_style(t->g, PAGE_DIM);
	page_share(t->g, rest);
	out_printf(t->g->to, "  in %zu other place%s%s\n", left, left == 1 ? "" : "s", idle ? ", idle" : "");
	page_style(t->g, PAGE_PLAIN);
}

/* Idle waits are long and say little: they are summed up, unless there is nothing else. */
static void waits_places(const struct text_waits *t, uint32_t top)
{
	const struct wait_place *main = waits_main_place(t->w);
	bool idle = main && waits_class(main->class)->group == WAIT_GROUP_IDLE;
	size_t shown = 0;

	if (!main)
		return;
	text_heading(t->g, "Where the time was waited");
	for (size_t i = 0; i < t->w->places.n && shown < top; i++) {
		if (!waits_is_shown(&t->w->places.at[i], idle))
			continue;
		waits_place(t, &t->w->places.at[i]);
		shown++;
	}
	waits_rest(t, idle, shown);
	if (!idle)
		waits_rest(t, true, 0);
}

/* -- histogram ----------------------------------------------------------------------------------- */

static void waits_took_line(const struct text_waits *t, int from, int64_t n, int64_t most, bool below)
{
	uint32_t room = t->g->width > 60 ? t->g->width - 46 : 14;

	if (below)
		out_printf(t->g->to, "%24s %10s", "shorter", NUMBER(n));
	else
		out_printf(t->g->to, "%10s .. %10s %10s", TIME((int64_t)(UINT64_C(1) << from)),
			   TIME((int64_t)((UINT64_C(2) << from) & INT64_MAX)), NUMBER(n));
	waits_bar(t, text_part(n, most), room > 40 ? 40 : room, 2);
	out_putc(t->g->to, '\n');
}

static void waits_histogram(const struct text_waits *t)
{
	const struct wait_place *place = waits_main_place(t->w);
	int64_t took[WAITSUM_TOOK], most = 0, below = 0;
	int from = WAITSUM_TOOK, to = -1;
	struct text_frames f;

	if (!place)
		return;
	waitsum_took(t->w, place, took);
	for (int i = 0; i < WAITSUM_TOOK; i++) {
		if (took[i] <= 0)
			continue;
		from = i < from ? i : from;
		to = i;
	}
	if (to <= from) /* nothing, or all of one kind */
		return;
	for (; to - from >= WAITS_ROWS; from++)
		below += took[from];
	for (int i = from; i <= to; i++)
		most = took[i] > most ? took[i] : most;
	most = below > most ? below : most;
	text_heading(t->g, "How long the waits took in");
	page_blanks(t->g, WAITS_INDENT);
	waits_sleeper(t->w, place->node, &f);
	waits_path(t, &f, WAITS_INDENT);
	if (below)
		waits_took_line(t, from, below, most, true);
	for (int i = from; i <= to; i++)
		waits_took_line(t, i, took[i], most, false);
}

/* -- locks --------------------------------------------------------------------------------------- */

static void waits_lock(const struct text_waits *t, const struct wait_lock *lock)
{
	const char *process = profile_text(t->w->p, lock->process);
	struct text_frames f;
	char text[160];
	const char *name;
	uint32_t used;
	bool thread;
	size_t len;

	page_share(t->g, waits_share(t, &lock->sum));
	out_puts(t->g->to, "  ");
	snprintf(text, sizeof(text), "%.32s in %.40s (%u), %u thread%s waiting%s",
		 profile_text(t->w->p, lock->address), *process ? process : "[unknown]", lock->pid,
		 lock->threads, lock->threads == 1 ? "" : "s", lock->condition ? " for a condition" : "");
	page_wrap(t->g, text, WAITS_INDENT, WAITS_INDENT);
	page_blanks(t->g, WAITS_INDENT);
	waits_numbers(t, &lock->sum, WAITS_INDENT);
	page_blanks(t->g, WAITS_INDENT);
	out_puts(t->g->to, "waits in  ");
	waits_sleeper(t->w, lock->waiter, &f);
	waits_path(t, &f, WAITS_INDENT + 10);
	if (!lock->holder)
		return;
	name = waits_waker(t->w, lock->holder, &f, &len);
	page_blanks(t->g, WAITS_INDENT);
	out_puts(t->g->to, "woken by  ");
	snprintf(text, sizeof(text), "%.*s", (int)(len < sizeof(text) ? len : sizeof(text) - 1), name);
	used = page_name(t->g, text, WAITS_WAKER, false);
	thread = f.n && t->w->tree->nodes.at[f.node[f.n - 1]].kind != FRAME_KERNEL;
	out_puts(t->g->to, thread ? ": " : "\n");
	if (thread) /* an interrupt's name says all */
		waits_path(t, &f, WAITS_INDENT + 12 + used);
}

static void waits_locks(const struct text_waits *t, uint32_t top)
{
	if (!t->w->locks.n)
		return;
	text_heading(t->g, "Locks");
	for (size_t i = 0; i < t->w->locks.n && i < top; i++)
		waits_lock(t, &t->w->locks.at[i]);
	if (t->w->locks.n > top) {
		page_style(t->g, PAGE_DIM);
		out_printf(t->g->to, "        and %zu more\n", t->w->locks.n - top);
		page_style(t->g, PAGE_PLAIN);
	}
}

int text_waits(struct page *g, const struct profile *p, const struct format_opts *o, uint32_t value)
{
	struct text_waits t = { .g = g };
	struct waitsum *w;
	int code = waitsum_new(p, value, WAITS_THREADS, &w);

	if (code)
		return code;
	t.w = w;
	t.all = waitsum_amount(w, &w->all);
	for (uint32_t i = 2; i < p->tasks.n; i++)
		t.several |= p->tasks.at[i].process != p->tasks.at[1].process;
	waits_classes(&t);
	if (w->classes[WAIT_ON_CPU].time > 0)
		waits_tasks(&t);
	waits_places(&t, o->top ? o->top : WAITS_TOP);
	waits_histogram(&t);
	waits_locks(&t, o->top ? o->top : WAITS_LOCKS);
	waitsum_free(w);
	return 0;
}
