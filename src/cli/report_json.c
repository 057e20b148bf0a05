/* report_json.c - the report for scripts: one JSON object with what the text report says. */
#include <errno.h>
#include <string.h>

#include "cli/oracle_report.h"
#include "cli/output.h"

enum { JSON_TOP_DEFAULT = 100, JSON_PATH_MAX = 2048 };

static void json_text(struct out *to, const char *key, const struct intern *strings, uint32_t id)
{
	out_printf(to, "\"%s\":", key);
	format_json_string(to, intern_get(strings, id), intern_len(strings, id));
}

static void json_functions(const struct function_table *t, uint32_t top, struct out *to)
{
	out_puts(to, "\"functions\":[");
	for (size_t i = 0; i < t->rows.n && i < top; i++) {
		const struct function_row *r = &t->rows.at[i];

		out_puts(to, i ? ",{" : "{");
		json_text(to, "name", &t->strings, r->name);
		out_printf(to, ",\"kind\":\"%s\",", profile_kind_name((enum frame_kind)r->kind));
		json_text(to, "object", &t->strings, r->object);
		out_putc(to, ',');
		json_text(to, "file", &t->strings, r->file);
		out_printf(to, ",\"self\":%lld,\"total\":%lld}", (long long)r->self,
			   (long long)r->total);
	}
	out_puts(to, "]");
}

static void json_hottest(const struct calltree *t, struct out *to)
{
	uint32_t path[JSON_PATH_MAX];
	size_t n = calltree_hottest(t, 0.5, path, JSON_PATH_MAX);

	out_puts(to, "\"hottest_path\":[");
	for (size_t i = 1; i < n; i++) { /* 0 is the root: everything */
		const struct calltree_node *node = &t->nodes.at[path[i]];

		out_puts(to, i > 1 ? ",{" : "{");
		json_text(to, "name", &t->strings, node->name);
		out_printf(to, ",\"kind\":\"%s\",\"self\":%lld,\"total\":%lld}",
			   profile_kind_name((enum frame_kind)node->kind), (long long)node->self,
			   (long long)node->total);
	}
	out_puts(to, "]");
}

int output_json(const struct profile *p, const struct format_opts *o,
		const struct oracle_report *oracle, struct out *to)
{
	uint32_t value = o->tree.value < p->value_types.n ? o->tree.value : p->default_value;
	const struct profile_value_type *type = &p->value_types.at[value];
	struct function_table *functions = NULL;
	struct calltree *tree = NULL;
	int rc = function_table_new(p, value, &functions);

	if (!rc)
		rc = calltree_new(p, &o->tree, &tree);
	if (rc)
		goto out;
	out_puts(to, "{\"waggle\":\"" WAGGLE_VERSION "\",\"meta\":");
	format_meta_json(to, p);
	out_puts(to, ",\"value\":{");
	json_text(to, "type", &p->strings, type->type);
	out_putc(to, ',');
	json_text(to, "unit", &p->strings, type->unit);
	out_printf(to, ",\"total\":%lld},", (long long)functions->total);
	json_functions(functions, o->top ? o->top : JSON_TOP_DEFAULT, to);
	out_putc(to, ',');
	json_hottest(tree, to);
	rc = output_waits_json(p, value, o->top ? o->top : JSON_TOP_DEFAULT, to);
	if (rc)
		goto out;
	out_puts(to, ",\"ledger\":");
	format_ledger_json(to, p);
	if (oracle) {
		out_puts(to, ",\"oracle\":");
		oracle_report_json(oracle, to);
	}
	out_puts(to, "}\n");
out:
	function_table_free(functions);
	calltree_free(tree);
	return rc;
}
