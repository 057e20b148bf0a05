/* json.c - the call tree as nested objects: name, value (inclusive), children; the shape that
 * d3-flame-graph and its many friends draw. Write only.
 *
 * Beyond that shape: "kind" and "object" of every frame, and in the root what the value is, "meta"
 * and "ledger". The tree is walked along its links, not by recursion: stacks may be very deep.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "format/format.h"

static const char *json_kind(const struct calltree *t, uint32_t node)
{
	uint8_t kind = t->nodes.at[node].kind;

	if (kind < FRAME_KIND_MAX)
		return profile_kind_name((enum frame_kind)kind);
	return node ? "task" : "root";
}

static void json_string_id(struct out *to, const struct calltree *t, uint32_t id)
{
	format_json_string(to, intern_get(&t->strings, id), intern_len(&t->strings, id));
}

static void json_open(struct out *to, const struct calltree *t, uint32_t node)
{
	const struct calltree_node *n = &t->nodes.at[node];

	out_puts(to, "{\"name\":");
	json_string_id(to, t, n->name);
	out_printf(to, ",\"value\":%" PRId64 ",\"kind\":\"%s\"", n->total, json_kind(t, node));
	if (n->object) {
		out_puts(to, ",\"object\":");
		json_string_id(to, t, n->object);
	}
	if (n->first_child)
		out_puts(to, ",\"children\":[");
}

static void json_close(struct out *to, const struct calltree *t, uint32_t node)
{
	out_puts(to, t->nodes.at[node].first_child ? "]}" : "}");
}

static void json_children(struct out *to, const struct calltree *t)
{
	uint32_t node = t->nodes.at[0].first_child;

	while (node) {
		json_open(to, t, node);
		if (t->nodes.at[node].first_child) {
			node = t->nodes.at[node].first_child;
			continue;
		}
		json_close(to, t, node);
		while (node && !t->nodes.at[node].next) {
			node = t->nodes.at[node].parent;
			if (node)
				json_close(to, t, node);
		}
		if (node) {
			out_putc(to, ',');
			node = t->nodes.at[node].next;
		}
	}
}

static int json_write(const struct profile *p, const struct format_opts *o, struct out *to,
		      struct err *e)
{
	struct calltree *t = NULL;
	int code = calltree_new(p, &o->tree, &t);

	if (code)
		return err_set(e, code, "out of memory");
	calltree_sort(t, BY_NAME);
	out_puts(to, "{\"name\":");
	json_string_id(to, t, t->nodes.at[0].name);
	out_printf(to, ",\"value\":%" PRId64 ",\"kind\":\"root\",\"value_type\":",
		   t->nodes.at[0].total);
	json_string_id(to, t, t->value_type);
	out_puts(to, ",\"unit\":");
	json_string_id(to, t, t->value_unit);
	out_puts(to, ",\n\"meta\":");
	format_meta_json(to, p);
	out_puts(to, ",\n\"ledger\":");
	format_ledger_json(to, p);
	out_puts(to, ",\n\"children\":[");
	json_children(to, t);
	out_puts(to, "]}\n");
	calltree_free(t);
	return 0;
}

const struct format format_json = {
	.name = "json",
	.exts = { ".json" },
	.help = "the call tree as nested objects; for d3-flame-graph and scripts",
	.write = json_write,
};
