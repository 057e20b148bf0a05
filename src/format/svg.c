/* svg.c - an interactive flame graph in one file that needs no server, and a fair picture without
 * scripts too.
 *
 * Every frame is <g class=tint v="start total"><title>..</title><rect/><text/></g>, with start and
 * total in value units: the script (web/flame-svg.js) lays out anew from these when zooming, so
 * rounding to hundredths of a pixel is never magnified. Frames narrower than the limit are not
 * written; how many, and what they hold, is said in the footer.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/embed.h"
#include "format/format.h"
#include "format/palette.h"
#include "format/pen.h"

EMBED(web_flame_svg_css);
EMBED(web_flame_svg_js);

enum {
	SVG_WIDTH = 1200,
	SVG_WIDTH_LEAST = 400,
	SVG_MARGIN = 16,
	SVG_TOP = 66,
	SVG_ROW = 18,
	SVG_CHAR = 662, /* hundredths of a pixel: 11 px DejaVu Sans Mono, the widest of the fonts
			   asked for */
	SVG_TEXT_PAD = 4,
	SVG_LINE = 17,     /* of the footer */
	SVG_ROOT_TINT = 2, /* of the kind for tasks */
	SVG_LEGEND_MOST = FRAME_KIND_MAX + 1 + WAIT_CLASS_MAX,
};

#define SVG_LEAST_PX 0.1

struct svg_legend { /* one swatch */
	const char *name;
	struct palette_pick pick;
	uint32_t x, line;
};

struct svg {
	struct calltree *t;
	struct pen pen;
	uint32_t width;
	double scale;     /* pixels per value unit */
	double least;     /* narrower is not drawn, in value units */
	const char *unit; /* of the value type */
	const char *type;
	uint8_t *drawn;       /* per node */
	uint32_t depth;       /* of the deepest node drawn */
	uint64_t culled;      /* nodes not drawn */
	int64_t culled_value; /* what the outermost of them hold */
	bool kinds[PALETTE_KINDS];
	bool classes[WAIT_CLASS_MAX]; /* of waiting, that frames are coloured by */
	bool tints[PALETTE_KINDS][PALETTE_TINTS];
	struct svg_legend legend[SVG_LEGEND_MOST];
	uint32_t n_legend;
	uint8_t *tint; /* per string of the tree: 1 + tint, 0 = not hashed yet */
};

/* Names are hashed once, whatever the kinds of the nodes that have them. */
static struct palette_pick svg_pick(struct svg *s, uint32_t node)
{
	const struct calltree_node *n = &s->t->nodes.at[node];
	const char *name = intern_get(&s->t->strings, n->name);
	size_t len = intern_len(&s->t->strings, n->name);
	struct palette_pick pick = {n->kind < FRAME_KIND_MAX ? n->kind : PALETTE_TASK, 0};

	if (!node)
		return (struct palette_pick){PALETTE_TASK, SVG_ROOT_TINT};
	if (n->kind == FRAME_OFFCPU)
		return palette_pick(n->kind, name, len);
	if (!s->tint[n->name])
		s->tint[n->name] = (uint8_t)(1 + palette_tint(name, len));
	pick.tint = s->tint[n->name] - 1;
	return pick;
}

/* What occurs needs a colour, and a word in the legend. */
static void svg_note_colour(struct svg *s, uint32_t node)
{
	struct palette_pick pick = svg_pick(s, node);
	enum wait_class class = s->t->nodes.at[node].kind == FRAME_OFFCPU
					? waits_class_of_frame(calltree_name(s->t, node))
					: WAIT_CLASS_MAX;

	s->tints[pick.kind][pick.tint] = true;
	if (class != WAIT_CLASS_MAX)
		s->classes[class] = true;
	else if (node)
		s->kinds[pick.kind] = true;
}

/* Decides what is drawn. A child's id is always larger than its parent's. */
static void svg_prune(struct svg *s)
{
	uint32_t *depth = calloc(s->t->nodes.n, sizeof(*depth));

	s->drawn[0] = 1;
	svg_note_colour(s, 0);
	for (uint32_t i = 1; depth && i < s->t->nodes.n; i++) {
		const struct calltree_node *n = &s->t->nodes.at[i];

		depth[i] = depth[n->parent] + 1;
		if (s->drawn[n->parent] && n->total > 0 && (double)n->total >= s->least) {
			s->drawn[i] = 1;
			svg_note_colour(s, i);
			s->depth = depth[i] > s->depth ? depth[i] : s->depth;
		} else {
			s->culled++;
			s->culled_value += s->drawn[n->parent] && n->total > 0 ? n->total : 0;
		}
	}
	if (!depth)
		s->t->nodes.n = 0;
	free(depth);
}

static void svg_hex(struct pen *p, uint32_t rgb)
{
	static const char digits[] = "0123456789abcdef";
	char text[7] = {'#'};

	for (int i = 0; i < 6; i++)
		text[1 + i] = digits[rgb >> (20 - 4 * i) & 15];
	pen_put(p, text, 7);
}

static void svg_tints(struct svg *s, bool dark)
{
	for (uint8_t k = 0; k < PALETTE_KINDS; k++) {
		for (uint32_t t = 0; t < PALETTE_TINTS; t++) {
			if (!s->tints[k][t])
				continue;
			pen_putc(&s->pen, '.');
			pen_putc(&s->pen, palette_kind(k)->key);
			pen_int(&s->pen, t);
			pen_puts(&s->pen, "{fill:");
			svg_hex(&s->pen, palette_rgb(k, t, dark));
			pen_puts(&s->pen, "}");
		}
	}
}

static void svg_style(struct svg *s)
{
	pen_puts(&s->pen, "<style>\n");
	pen_put(&s->pen, embed_web_flame_svg_css, EMBED_SIZE(web_flame_svg_css));
	svg_tints(s, false);
	pen_puts(&s->pen, "\n@media (prefers-color-scheme: dark) {\n");
	svg_tints(s, true);
	pen_puts(&s->pen, "}\n</style>\n");
}

static int64_t svg_percent(const struct svg *s, int64_t v)
{
	int64_t all = s->t->nodes.at[0].total;

	return all > 0 ? (int64_t)(10000.0 * (double)v / (double)all + 0.5) : 0;
}

/* "12,345 samples" or "1.2 s" */
static void svg_value(struct svg *s, int64_t v)
{
	char text[64];

	if (strcmp(s->unit, "count")) {
		pen_puts(&s->pen, format_value(v, s->unit, text, sizeof(text)));
		return;
	}
	pen_count(&s->pen, v);
	pen_putc(&s->pen, ' ');
	pen_xml(&s->pen, s->type, strlen(s->type), 80);
}

static const char *svg_base(const char *path, size_t *len)
{
	const char *slash = strrchr(path, '/');

	path = slash && slash[1] ? slash + 1 : path;
	*len = strlen(path);
	return path;
}

static void svg_attr(struct pen *p, const char *name, int64_t hundredths)
{
	pen_puts(p, name);
	pen_hundredths(p, hundredths);
	pen_putc(p, '"');
}

static void svg_frame(struct svg *s, uint32_t i, int64_t start, uint32_t depth)
{
	const struct calltree_node *n = &s->t->nodes.at[i];
	const char *name = calltree_name(s->t, i), *object;
	size_t len = intern_len(&s->t->strings, n->name), object_len;
	int64_t x = (int64_t)(100 * ((double)start * s->scale + SVG_MARGIN) + 0.5);
	int64_t w = (int64_t)(100 * (double)n->total * s->scale + 0.5), room;
	uint32_t y = SVG_TOP + (s->depth - depth) * SVG_ROW;
	struct palette_pick pick = svg_pick(s, i);
	struct pen *p = &s->pen;

	pen_puts(p, "<g class=\"");
	pen_putc(p, palette_kind(pick.kind)->key);
	pen_int(p, pick.tint);
	pen_puts(p, "\" v=\"");
	pen_int(p, start);
	pen_putc(p, ' ');
	pen_int(p, n->total);
	pen_puts(p, "\"><title>");
	pen_xml(p, name, len, SIZE_MAX);
	pen_putc(p, '\n');
	svg_value(s, n->total);
	pen_puts(p, " \xc2\xb7 ");
	pen_hundredths(p, svg_percent(s, n->total));
	pen_puts(p, " %");
	object = svg_base(intern_get(&s->t->strings, n->object), &object_len);
	if (object_len) {
		pen_puts(p, " \xc2\xb7 ");
		pen_xml(p, object, object_len, SIZE_MAX);
	}
	svg_attr(p, "</title><rect x=\"", x);
	svg_attr(p, " y=\"", 100LL * y);
	svg_attr(p, " width=\"", w > 300 ? w - 50 : w);
	pen_puts(p, " height=\"17\" rx=\"2\"/>");
	room = (w - 200 * SVG_TEXT_PAD) / SVG_CHAR;
	if (room >= 3) {
		svg_attr(p, "<text x=\"", x + 100 * SVG_TEXT_PAD);
		svg_attr(p, " y=\"", 100LL * y + 1250);
		pen_putc(p, '>');
		pen_xml(p, name, len, (size_t)room);
		pen_puts(p, "</text>");
	}
	pen_puts(p, "</g>\n");
}

/* Preorder without recursion: `at` is where the next child of a node starts. */
static int svg_frames(struct svg *s)
{
	int64_t *at = calloc(s->t->nodes.n, sizeof(*at));
	uint32_t i = 0, depth = 0;

	if (!at)
		return -ENOMEM;
	pen_puts(&s->pen, s->culled ? "<g id=\"frames\" class=\"culled\">\n" : "<g id=\"frames\">\n");
	svg_frame(s, 0, 0, 0);
	i = s->t->nodes.at[0].first_child;
	depth = 1;
	while (i) {
		const struct calltree_node *n = &s->t->nodes.at[i];
		int64_t start = at[n->parent];

		if (s->drawn[i]) {
			svg_frame(s, i, start, depth);
			at[i] = start;
		}
		if (n->total > 0)
			at[n->parent] = start + n->total;
		if (s->drawn[i] && n->first_child) {
			i = n->first_child;
			depth++;
			continue;
		}
		while (i && !s->t->nodes.at[i].next) {
			i = s->t->nodes.at[i].parent;
			depth--;
		}
		i = i ? s->t->nodes.at[i].next : 0;
	}
	pen_puts(&s->pen, "</g>\n");
	free(at);
	return 0;
}

static uint32_t svg_footer_y(const struct svg *s)
{
	return SVG_TOP + (s->depth + 1) * SVG_ROW;
}

static uint32_t svg_height(const struct svg *s)
{
	uint32_t lines = s->n_legend ? s->legend[s->n_legend - 1].line : 0;

	return svg_footer_y(s) + 30 + (lines + (s->culled ? 3 : 2)) * SVG_LINE + 6;
}

static void svg_head(struct svg *s, const struct profile *p, const struct format_opts *o)
{
	struct buf title = { 0 };
	struct pen *pen = &s->pen;
	size_t room = (s->width - 2 * SVG_MARGIN - 160) / 9;

	if (o->title)
		buf_puts(&title, o->title);
	else
		format_title(&title, p);
	pen_puts(pen, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"");
	pen_int(pen, s->width);
	pen_puts(pen, "\" height=\"");
	pen_int(pen, svg_height(s));
	pen_puts(pen, "\" viewBox=\"0 0 ");
	pen_int(pen, s->width);
	pen_putc(pen, ' ');
	pen_int(pen, svg_height(s));
	pen_puts(pen, "\" role=\"group\" aria-label=\"");
	pen_xml(pen, (const char *)title.data, title.len, SIZE_MAX);
	pen_puts(pen, "\">\n<title>");
	pen_xml(pen, (const char *)title.data, title.len, SIZE_MAX);
	pen_puts(pen, "</title>\n");
	svg_style(s);
	pen_puts(pen, "<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n");
	pen_puts(pen, "<text class=\"head\" x=\"16\" y=\"30\">");
	pen_xml(pen, (const char *)title.data, title.len, room);
	pen_puts(pen, "</text>\n<text class=\"foot\" id=\"total\" x=\"16\" y=\"50\">");
	svg_value(s, s->t->nodes.at[0].total);
	pen_puts(pen, "</text>\n");
	buf_free(&title);
}

static void svg_legend(struct svg *s, uint32_t y)
{
	struct pen *p = &s->pen;

	for (uint32_t i = 0; i < s->n_legend; i++) {
		const struct svg_legend *l = &s->legend[i];

		pen_puts(p, "<rect x=\"");
		pen_int(p, l->x);
		pen_puts(p, "\" y=\"");
		pen_int(p, y + l->line * SVG_LINE - 10);
		pen_puts(p, "\" width=\"12\" height=\"12\" rx=\"3\" fill=\"");
		svg_hex(p, palette_rgb(l->pick.kind, l->pick.tint, false));
		pen_puts(p, "\"/><text x=\"");
		pen_int(p, l->x + 18);
		pen_puts(p, "\" y=\"");
		pen_int(p, y + l->line * SVG_LINE);
		pen_puts(p, "\">");
		pen_puts(p, l->name);
		pen_puts(p, "</text>\n");
	}
}

static void svg_foot_line(struct svg *s, uint32_t y)
{
	pen_puts(&s->pen, "<text x=\"16\" y=\"");
	pen_int(&s->pen, y);
	pen_puts(&s->pen, "\">");
}

static void svg_foot(struct svg *s, const struct profile *p)
{
	uint32_t y = svg_footer_y(s) + 22;
	struct buf line = { 0 };

	format_ledger_line(&line, p);
	pen_puts(&s->pen, "<g class=\"foot\" id=\"foot\">\n");
	svg_legend(s, y);
	y += SVG_LINE + 4 + (s->n_legend ? s->legend[s->n_legend - 1].line * SVG_LINE : 0);
	svg_foot_line(s, y);
	pen_xml(&s->pen, (const char *)line.data, line.len, (s->width - 2 * SVG_MARGIN) / 6);
	pen_puts(&s->pen, "</text>\n");
	if (s->culled) {
		svg_foot_line(s, y + SVG_LINE);
		pen_count(&s->pen, (int64_t)s->culled);
		pen_puts(&s->pen,
			 s->culled == 1 ? " frame narrower than " : " frames narrower than ");
		pen_hundredths(&s->pen, (int64_t)(100 * s->least * s->scale + 0.5));
		pen_puts(&s->pen, " px not drawn: ");
		pen_hundredths(&s->pen, svg_percent(s, s->culled_value));
		pen_puts(&s->pen, " % of ");
		pen_xml(&s->pen, s->type, strlen(s->type), 80);
		pen_puts(&s->pen, "</text>\n");
	}
	pen_puts(&s->pen, "</g>\n");
	buf_free(&line);
}

static int svg_draw(struct svg *s, const struct profile *p, const struct format_opts *o)
{
	int err;

	svg_head(s, p, o);
	err = svg_frames(s);
	if (err)
		return err;
	svg_foot(s, p);
	pen_puts(&s->pen, "<script><![CDATA[\n");
	pen_put(&s->pen, embed_web_flame_svg_js, EMBED_SIZE(web_flame_svg_js));
	pen_puts(&s->pen, "]]></script>\n</svg>\n");
	pen_flush(&s->pen);
	return 0;
}

/* A swatch and its word beside the one before, or on the next line; widths are estimates. */
static void svg_legend_add(struct svg *s, const char *name, struct palette_pick pick)
{
	const struct svg_legend *last = s->n_legend ? &s->legend[s->n_legend - 1] : NULL;
	uint32_t width = 18 + 8 * (uint32_t)strlen(name);
	struct svg_legend l = {name, pick, SVG_MARGIN, 0};

	if (last) {
		l.x = last->x + 18 + 8 * (uint32_t)strlen(last->name) + 16;
		l.line = last->line;
	}
	if (l.x > SVG_MARGIN && l.x + width > s->width - SVG_MARGIN) {
		l.x = SVG_MARGIN;
		l.line++;
	}
	s->legend[s->n_legend++] = l;
}

/* The kinds that occur, and the classes of waiting. */
static void svg_measure_legend(struct svg *s)
{
	for (uint8_t k = 0; k <= PALETTE_TASK; k++)
		if (s->kinds[k])
			svg_legend_add(s, palette_kind(k)->name, (struct palette_pick){k, 3});
	for (int i = 0; i < WAIT_CLASS_MAX; i++)
		if (s->classes[i])
			svg_legend_add(s, waits_class((enum wait_class)i)->key,
				       palette_of_class((enum wait_class)i));
}

static int svg_measure(struct svg *s, const struct format_opts *o)
{
	double room;

	s->width = o->width ? o->width : SVG_WIDTH;
	s->width = s->width < SVG_WIDTH_LEAST ? SVG_WIDTH_LEAST : s->width;
	room = s->width - 2 * SVG_MARGIN;
	s->unit = intern_get(&s->t->strings, s->t->value_unit);
	s->type = intern_get(&s->t->strings, s->t->value_type);
	s->scale = s->t->nodes.at[0].total > 0 ? room / (double)s->t->nodes.at[0].total : 0;
	s->least = o->min_share < 0 ? (s->scale > 0 ? SVG_LEAST_PX / s->scale : 0)
				    : o->min_share * (double)s->t->nodes.at[0].total;
	s->drawn = calloc(s->t->nodes.n, 1);
	s->tint = calloc(s->t->strings.n, 1);
	if (!s->drawn || !s->tint)
		return -ENOMEM;
	svg_prune(s);
	svg_measure_legend(s);
	return s->t->nodes.n ? 0 : -ENOMEM;
}

static int svg_write(const struct profile *p, const struct format_opts *o, struct out *to,
		     struct err *e)
{
	int err = format_adds_up(p, o->tree.value, e);
	struct svg *s = err ? NULL : calloc(1, sizeof(*s));

	if (!s)
		return err ? err : -ENOMEM;
	s->pen.to = to;
	err = calltree_new(p, &o->tree, &s->t);
	if (!err)
		err = svg_measure(s, o);
	if (!err) {
		calltree_sort(s->t, BY_NAME);
		err = svg_draw(s, p, o);
	}
	calltree_free(s->t);
	free(s->drawn);
	free(s->tint);
	free(s);
	return err;
}

const struct format format_svg = {
	.name = "svg",
	.exts = {".svg"},
	.help = "interactive flame graph: zoom and search in any browser, no server",
	.write = svg_write,
};
