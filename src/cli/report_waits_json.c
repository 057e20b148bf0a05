/* report_waits_json.c - what a report says of waits, for scripts: times in nanoseconds, stacks from the
 * root to the leaf. */
#include <errno.h>
#include <string.h>

#include "cli/output.h"
#include "profile/waitsum.h"

static const char *const json_groups[WAITSUM_GROUPS] = {
	[WAIT_GROUP_RUNNING] = "running",
	[WAIT_GROUP_BLOCKED] = "blocked",
	[WAIT_GROUP_IDLE] = "idle",
	[WAIT_GROUP_READY] = "ready",
};

static void json_string(struct out *to, const char *s)
{
	format_json_string(to, s, strlen(s));
}

static void json_tally(const struct wait_tally *t, struct out *to)
{
	out_printf(to, "\"time\":%lld,\"waits\":%lld,\"longest\":%lld", (long long)t->time,
		   (long long)t->waits, (long long)t->longest);
}

/* The names from the root to `node`, without the frames that are marks of wakers and classes. */
static int json_frames(const struct waitsum *w, uint32_t node, struct out *to)
{
	VEC(uint32_t) path = { 0 };
	const char *comma = "";

	for (; node; node = w->tree->nodes.at[node].parent)
		if (w->tree->nodes.at[node].kind != FRAME_OFFCPU && !VEC_PUSH(&path, node)) {
			VEC_FREE(&path);
			return -ENOMEM;
		}
	out_putc(to, '[');
	for (size_t i = path.n; i-- > 0; comma = ",") {
		out_puts(to, comma);
		json_string(to, calltree_name(w->tree, path.at[i]));
	}
	out_putc(to, ']');
	VEC_FREE(&path);
	return 0;
}

/* A waker's frames stand leaf first behind its mark: its root is `node`. */
static void json_waker(const struct waitsum *w, uint32_t node, struct out *to)
{
	const char *comma = "";

	out_puts(to, ",\"waker\":[");
	for (; node && w->tree->nodes.at[node].kind != FRAME_OFFCPU; comma = ",") {
		out_puts(to, comma);
		json_string(to, calltree_name(w->tree, node));
		node = w->tree->nodes.at[node].parent;
	}
	out_puts(to, "],\"woken_by\":");
	json_string(to, calltree_name(w->tree, node));
}

static void json_classes(const struct waitsum *w, struct out *to)
{
	const char *comma = "";

	out_puts(to, "\"classes\":[");
	for (int i = 0; i < WAIT_CLASS_MAX; i++) {
		const struct wait_class_row *c = waits_class((enum wait_class)i);

		if (!w->classes[i].time && !w->classes[i].waits)
			continue;
		out_printf(to, "%s{\"class\":\"%s\",\"group\":\"%s\",", comma, c->key, json_groups[c->group]);
		json_tally(&w->classes[i], to);
		out_putc(to, '}');
		comma = ",";
	}
	out_putc(to, ']');
}

static int json_place(const struct waitsum *w, const struct wait_place *place, struct out *to)
{
	int64_t took[WAITSUM_TOOK];
	const char *comma = "";
	int rc;

	out_printf(to, "{\"class\":\"%s\",", waits_class(place->class)->key);
	json_tally(&place->sum, to);
	out_printf(to, ",\"processes\":%u,\"process\":", place->processes);
	json_string(to, profile_text(w->p, place->process));
	out_puts(to, ",\"frames\":");
	rc = json_frames(w, place->node, to);
	out_puts(to, ",\"took\":[");
	waitsum_took(w, place, took);
	for (int i = 0; i < WAITSUM_TOOK; i++) {
		if (!took[i])
			continue;
		out_printf(to, "%s[%llu,%lld]", comma, 1ULL << i, (long long)took[i]);
		comma = ",";
	}
	out_puts(to, "]}");
	return rc;
}

static int json_places(const struct waitsum *w, uint32_t top, struct out *to)
{
	int rc = 0;

	out_puts(to, ",\"places\":[");
	for (size_t i = 0; i < w->places.n && i < top && !rc; i++) {
		out_puts(to, i ? "," : "");
		rc = json_place(w, &w->places.at[i], to);
	}
	out_putc(to, ']');
	return rc;
}

static int json_locks(const struct waitsum *w, uint32_t top, struct out *to)
{
	int rc = 0;

	out_puts(to, ",\"locks\":[");
	for (size_t i = 0; i < w->locks.n && i < top && !rc; i++) {
		const struct wait_lock *l = &w->locks.at[i];

		out_puts(to, i ? ",{\"address\":" : "{\"address\":");
		json_string(to, profile_text(w->p, l->address));
		out_printf(to, ",\"pid\":%u,\"process\":", l->pid);
		json_string(to, profile_text(w->p, l->process));
		out_printf(to, ",\"threads\":%u,\"condition\":%s,", l->threads,
			   l->condition ? "true" : "false");
		json_tally(&l->sum, to);
		out_puts(to, ",\"waiter\":");
		rc = json_frames(w, l->waiter, to);
		if (l->holder)
			json_waker(w, l->holder, to);
		out_putc(to, '}');
	}
	out_putc(to, ']');
	return rc;
}

static void json_tasks(const struct waitsum *w, uint32_t top, struct out *to)
{
	out_printf(to, ",\"%s\":[", w->by_process ? "processes" : "threads");
	for (size_t i = 0; i < w->tasks.n && i < top; i++) {
		const struct wait_task *t = &w->tasks.at[i];
		const struct profile_task *task = &w->p->tasks.at[t->task];

		out_printf(to, "%s{\"pid\":%u,", i ? "," : "", task->pid);
		if (w->by_process)
			out_printf(to, "\"threads\":%u,\"process\":", t->threads);
		else
			out_printf(to, "\"tid\":%u,\"process\":", task->tid);
		json_string(to, profile_text(w->p, task->process));
		out_puts(to, ",\"comm\":");
		json_string(to, profile_text(w->p, task->comm));
		for (int g = 0; g < WAITSUM_GROUPS; g++)
			out_printf(to, ",\"%s\":%lld", json_groups[g], (long long)t->time[g]);
		out_printf(to, ",\"total\":%lld}", (long long)t->total);
	}
	out_putc(to, ']');
}

int output_waits_json(const struct profile *p, uint32_t value, uint32_t top, struct out *to)
{
	struct waitsum *w;
	int rc;

	if (!waitsum_applies(p))
		return 0;
	rc = waitsum_new(p, value, top, &w);
	if (rc)
		return rc;
	out_puts(to, ",\"waits\":{");
	json_classes(w, to);
	rc = json_places(w, top, to);
	if (!rc)
		rc = json_locks(w, top, to);
	json_tasks(w, top, to);
	out_putc(to, '}');
	waitsum_free(w);
	return rc;
}
