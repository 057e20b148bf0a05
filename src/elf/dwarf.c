/* dwarf.c - batches of addresses to chains, by units, side by side; see dwarf.h.
 *
 * A batch is cut into windows, and a window's addresses are grouped by unit. Threads take one unit at a
 * time, make what it lacks and answer its addresses; nothing of a unit is shared but its head. When all
 * are done the answers are given out in order and units that were not used lately are forgotten. A
 * window ends when its units are as large as what may be kept, which bounds the peak.
 */
#include "elf/dwarf.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "elf/dwarf_index.h"

#define MEMORY_DEFAULT ((size_t)64 << 20)
#define WINDOW_MAX     16384u /* addresses */
#define CHAIN_MAX      512u   /* lines for one address; what is between is left out */
#define UNIT_WEIGHT    (32u << 10)  /* bytes of a unit that do not depend on its size */
#define SPLIT_WEIGHT   (64u << 10)  /* of a mapped file: mappings are not for free */
#define SMALL          (256u << 10) /* bytes of units for which threads are not worth it */

struct dwarf_body {
	struct dwarf_unit *entries; /* the unit itself, or the split one */
	struct dwarf_split *split;
	struct dwarf_functions functions;
	struct dwarf_lines lines;
	const char *comp_dir;
	uint64_t used; /* number of the window */
	bool split_missing, damaged;
};

struct dwarf {
	struct dwarf_file file, supplement;
	struct dwarf_files files;
	struct dwarf_package *package;
	struct dwarf_code code;
	struct spans index; /* address -> unit */
	unsigned int threads;
	size_t memory;
	uint64_t window;
	struct dwarf_body **bodies; /* those that are there; also unit->body */
	size_t n_bodies, cap_bodies;
	struct dwarf_stats stats;
};

/* -- a unit ---------------------------------------------------------------------------------------- */

static size_t body_bytes(const struct dwarf_body *b)
{
	return sizeof(*b) + b->functions.bytes + b->lines.bytes;
}

static void body_free(struct dwarf_body *b)
{
	if (!b)
		return;
	dwarf_functions_free(&b->functions);
	dwarf_lines_free(&b->lines);
	dwarf_split_free(b->split);
	free(b);
}

static int body_read_functions(struct dwarf *d, struct dwarf_body *b, bool deep)
{
	int rc = dwarf_functions_read(b->entries, &d->code, deep, &b->functions);

	b->damaged |= rc == -EBADMSG;
	return rc == -ENOMEM ? rc : 0;
}

static int body_new(struct dwarf *d, struct dwarf_unit *u, struct dwarf_body **ret)
{
	const struct dwarf_head *h = dwarf_unit_head(u);
	struct dwarf_body *b = calloc(1, sizeof(*b));
	int rc = 0;

	if (!b)
		return -ENOMEM;
	b->entries = u;
	b->damaged = !h;
	if (h) {
		b->comp_dir = dwarf_text(u, h, &h->comp_dir);
		if (dwarf_unit_is_split(h))
			rc = dwarf_split_open(u, d->package, &b->split);
		b->split_missing = rc == -ENOENT;
		if (b->split)
			b->entries = &b->split->unit;
		rc = rc == -ENOMEM ? rc : body_read_functions(d, b, false);
		if (!rc)
			rc = dwarf_lines_read(u, &d->code, &b->lines);
	}
	if (rc) {
		body_free(b);
		return rc;
	}
	*ret = b;
	return 0;
}

/* The function around the address. Where the quick walk found none, bodies are searched once. */
static int body_find(struct dwarf *d, struct dwarf_body *b, uint64_t vaddr,
		     struct dwarf_inlining **ret)
{
	struct dwarf_functions quick = b->functions;
	int rc = dwarf_functions_find(b->entries, &b->functions, vaddr, ret);

	if (rc || *ret || quick.deep)
		return rc;
	b->functions = (struct dwarf_functions){0};
	rc = body_read_functions(d, b, true);
	dwarf_functions_free(&quick);
	b->functions.deep = true;
	return rc ? rc : dwarf_functions_find(b->entries, &b->functions, vaddr, ret);
}

/* -- jobs: the addresses of one unit in a window ------------------------------------------------------ */

struct chain {
	size_t first; /* of the job's lines */
	uint32_t n;
};

struct job {
	struct dwarf *d;
	struct dwarf_unit *unit;
	const uint32_t *of; /* which addresses of the window, sorted */
	size_t n;
	const uint64_t *vaddrs;
	struct chain *chains; /* by address of the window */
	VEC(struct dwarf_line) lines;
	int rc;
};

static void job_push(struct job *j, struct dwarf_line line)
{
	if (!VEC_PUSH(&j->lines, line))
		j->rc = -ENOMEM;
}

static const char *job_name(struct dwarf_body *b, struct dwarf_call *call)
{
	if (!call->name) {
		call->name = dwarf_entry_name(b->entries, call->entry);
		if (!call->name)
			call->name = "";
	}
	return *call->name ? call->name : NULL;
}

/* From the innermost to the function itself. */
static void job_calls(struct job *j, struct dwarf_body *b, struct dwarf_inlining *in, uint64_t vaddr,
		      struct dwarf_line at)
{
	uint32_t i = spans_find(&in->spans, vaddr), n = 0;

	if (i == SPANS_NONE)
		i = 0;
	for (;; n++) {
		struct dwarf_call *call = &in->calls[i];

		if (!i || n < CHAIN_MAX - 1) {
			at.function = job_name(b, call);
			job_push(j, at);
		}
		if (!i)
			return;
		at.file = dwarf_lines_file(&b->lines, b->comp_dir, call->file);
		at.line = call->line;
		i = call->in;
	}
}

static void job_address(struct job *j, uint32_t i)
{
	struct dwarf_body *b = j->unit->body;
	const struct dwarf_row *row = dwarf_lines_find(&b->lines, j->vaddrs[i]);
	struct dwarf_inlining *in;
	struct dwarf_line at = {0};

	j->chains[i].first = j->lines.n;
	if (row) {
		at.file = dwarf_lines_file(&b->lines, b->comp_dir, row->file);
		at.line = row->line;
	}
	j->rc = body_find(j->d, b, j->vaddrs[i], &in);
	if (j->rc)
		return;
	if (in)
		job_calls(j, b, in, j->vaddrs[i], at);
	else if (at.file)
		job_push(j, at);
	j->chains[i].n = (uint32_t)(j->lines.n - j->chains[i].first);
}

static void job_run(void *ctx, size_t i)
{
	struct job *j = &((struct job *)ctx)[i];

	if (!j->unit->body)
		j->rc = body_new(j->d, j->unit, &j->unit->body);
	for (size_t k = 0; k < j->n && !j->rc; k++)
		job_address(j, j->of[k]);
}

/* -- a window ----------------------------------------------------------------------------------------- */

struct window {
	const uint64_t *vaddrs;
	size_t n;
	uint32_t *units; /* by address, SPANS_NONE: nobody's */
	uint32_t *of;    /* addresses, sorted by unit */
	struct chain *chains;
	struct job *jobs;
	size_t n_jobs;
	uint32_t *job_of; /* by address */
	uint64_t weight;
};

static void window_done(struct window *w)
{
	for (size_t i = 0; i < w->n_jobs; i++)
		VEC_FREE(&w->jobs[i].lines);
	free(w->units);
	free(w->of);
	free(w->chains);
	free(w->jobs);
	free(w->job_of);
}

static bool window_alloc(struct window *w, size_t most)
{
	w->units = malloc(most * sizeof(*w->units));
	w->of = malloc(most * sizeof(*w->of));
	w->chains = calloc(most, sizeof(*w->chains));
	w->jobs = calloc(most, sizeof(*w->jobs));
	w->job_of = malloc(most * sizeof(*w->job_of));
	return w->units && w->of && w->chains && w->jobs && w->job_of;
}

static int window_order(const void *pa, const void *pb, void *ctx)
{
	const struct window *w = ctx;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	if (w->units[a] != w->units[b])
		return w->units[a] < w->units[b] ? -1 : 1;
	return (a > b) - (a < b);
}

/* Large units first, so that no thread is left with one at the end. */
static int window_order_jobs(const void *pa, const void *pb)
{
	const struct job *a = pa, *b = pb;
	uint64_t na = a->unit->end - a->unit->offset, nb = b->unit->end - b->unit->offset;

	return (na < nb) - (na > nb);
}

/* Takes addresses until there are enough, and finds their units. */
static void window_fill(struct dwarf *d, struct window *w, const uint64_t *vaddrs, size_t n)
{
	size_t found = 0;

	w->vaddrs = vaddrs;
	for (w->n = 0; w->n < n && w->n < WINDOW_MAX && w->weight <= d->memory; w->n++) {
		uint32_t i = spans_find(&d->index, vaddrs[w->n]);

		w->units[w->n] = i;
		w->job_of[w->n] = UINT32_MAX;
		if (i == SPANS_NONE)
			continue;
		w->of[found++] = (uint32_t)w->n;
		if (!d->file.units[i].body && !(w->n && w->units[w->n - 1] == i))
			w->weight += d->file.units[i].end - d->file.units[i].offset + UNIT_WEIGHT;
	}
	qsort_r(w->of, found, sizeof(*w->of), window_order, w);
	for (size_t i = 0; i < found; i++) {
		struct job *j = w->n_jobs ? &w->jobs[w->n_jobs - 1] : NULL;
		struct dwarf_unit *u = &d->file.units[w->units[w->of[i]]];

		if (!j || j->unit != u) {
			j = &w->jobs[w->n_jobs++];
			*j = (struct job){.d = d, .unit = u, .of = &w->of[i]};
			j->vaddrs = vaddrs;
			j->chains = w->chains;
		}
		j->n++;
	}
	if (w->n_jobs)
		qsort(w->jobs, w->n_jobs, sizeof(*w->jobs), window_order_jobs);
	for (size_t i = 0; i < w->n_jobs; i++)
		for (size_t k = 0; k < w->jobs[i].n; k++)
			w->job_of[w->jobs[i].of[k]] = (uint32_t)i;
}

/* Takes over what the jobs made. */
static int window_collect(struct dwarf *d, struct window *w)
{
	int rc = 0;

	if (!vec_grow((void **)&d->bodies, &d->cap_bodies, d->n_bodies + w->n_jobs,
		      sizeof(*d->bodies)))
		rc = -ENOMEM;
	for (size_t i = 0; i < w->n_jobs; i++) {
		struct dwarf_body *b = w->jobs[i].unit->body;

		if (w->jobs[i].rc)
			rc = w->jobs[i].rc;
		if (!b)
			continue;
		if (b->used) {
			b->used = d->window;
			continue;
		}
		if (d->n_bodies == d->cap_bodies) { /* no memory to remember it by */
			w->jobs[i].unit->body = NULL;
			body_free(b);
			continue;
		}
		b->used = d->window;
		d->bodies[d->n_bodies++] = b;
		d->stats.built++;
		d->stats.split_missing += b->split_missing;
		d->stats.damaged += b->damaged;
	}
	return rc;
}

/* -- forgetting --------------------------------------------------------------------------------------- */

static struct dwarf_unit *body_unit(const struct dwarf_body *b)
{
	return b->split ? (struct dwarf_unit *)(uintptr_t)b->split->unit.skeleton : b->entries;
}

static size_t dwarf_bytes(const struct dwarf *d)
{
	size_t n = d->file.head_bytes + d->supplement.head_bytes;

	for (size_t i = 0; i < d->n_bodies; i++) {
		const struct dwarf_body *b = d->bodies[i];

		n += body_bytes(b);
		if (b->split) /* its head and the mapping of its file */
			n += b->split->own.head_bytes + SPLIT_WEIGHT;
	}
	return n;
}

static int dwarf_order_used(const void *pa, const void *pb)
{
	const struct dwarf_body *a = *(struct dwarf_body *const *)pa;
	const struct dwarf_body *b = *(struct dwarf_body *const *)pb;

	return (a->used < b->used) - (a->used > b->used);
}

/* Keeps half of what may be kept, the latest first: forgetting a little every time is dear. */
static void dwarf_forget(struct dwarf *d)
{
	size_t kept = 0, n = 0;

	d->stats.bytes = dwarf_bytes(d);
	if (d->stats.bytes <= d->memory)
		return;
	qsort(d->bodies, d->n_bodies, sizeof(*d->bodies), dwarf_order_used);
	for (size_t i = 0; i < d->n_bodies; i++) {
		struct dwarf_unit *u = body_unit(d->bodies[i]);

		kept += body_bytes(d->bodies[i]) + (d->bodies[i]->split ? SPLIT_WEIGHT : 0) +
			(u->head ? u->head->bytes : 0);
		if (kept <= d->memory / 2) {
			d->bodies[n++] = d->bodies[i];
			continue;
		}
		body_free(d->bodies[i]);
		u->body = NULL;
		d->stats.forgotten++;
	}
	d->n_bodies = n;
	for (size_t i = 0; i < d->file.n_units; i++)
		if (!d->file.units[i].body)
			dwarf_unit_forget(&d->file.units[i]);
	for (size_t i = 0; i < d->supplement.n_units; i++)
		dwarf_unit_forget(&d->supplement.units[i]);
	d->stats.bytes = dwarf_bytes(d);
}

/* -- the file ----------------------------------------------------------------------------------------- */

static void dwarf_load_supplement(struct dwarf *d, struct elf_image *img)
{
	struct elf_image *other;
	const char *name;
	const uint8_t *id;
	size_t n;

	if (!dwarf_supplement_wanted(img, &name, &id, &n))
		return;
	d->stats.supplement_missing = true;
	if (!d->files.supplement || d->files.supplement(d->files.ctx, name, id, n, &other))
		return;
	if (dwarf_file_load(other, false, 0, &d->supplement) == 0) {
		d->file.supplement = &d->supplement;
		d->stats.supplement_missing = false;
	}
	elf_image_free(other);
}

/* Where there may be code: not in the ELF header, which is mapped with the code in some programs and
 * is where functions seem to be that the linker dropped. */
static bool dwarf_set_code(struct dwarf *d, const struct dwarf_opts *o)
{
	for (size_t i = 0; i < o->n_segments; i++) {
		const struct elf_segment *s = &o->segments[i];
		struct dwarf_range r = {s->vaddr, s->vaddr + s->memsz};

		if (!s->exec || r.end <= r.start)
			continue;
		if (s->offset < sizeof(Elf64_Ehdr))
			r.start += sizeof(Elf64_Ehdr) - s->offset;
		if (!VEC_PUSH(&d->code.list, r))
			return false;
	}
	return true;
}

int dwarf_new(struct elf_image *img, const struct dwarf_opts *opts, struct dwarf **ret)
{
	struct dwarf *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return -ENOMEM;
	d->supplement.sections.file.slot = -1;
	d->files = opts->files;
	d->threads = opts->threads;
	d->memory = opts->memory ? opts->memory : MEMORY_DEFAULT;
	rc = dwarf_file_load(img, false, opts->unpack, &d->file);
	if (!rc) {
		dwarf_load_supplement(d, img);
		d->package = dwarf_package_new(&d->files);
		if (!d->package || !dwarf_set_code(d, opts))
			rc = -ENOMEM;
	}
	if (!rc)
		rc = dwarf_index_build(&d->file, &d->code, &d->index, &d->stats.damaged);
	if (rc) {
		dwarf_free(d);
		return rc;
	}
	d->stats.units = d->file.n_units;
	d->stats.ranges = d->index.n;
	*ret = d;
	return 0;
}

void dwarf_free(struct dwarf *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_bodies; i++)
		body_free(d->bodies[i]);
	free(d->bodies);
	dwarf_package_free(d->package);
	spans_free(&d->index);
	dwarf_file_free(&d->file);
	dwarf_file_free(&d->supplement);
	VEC_FREE(&d->code.list);
	free(d);
}

static int window_give(const struct window *w, size_t from,
		       int (*found)(void *ctx, size_t i, const struct dwarf_line *lines, size_t n),
		       void *ctx)
{
	int rc = 0;

	for (size_t i = 0; i < w->n && !rc; i++)
		if (w->job_of[i] != UINT32_MAX && w->chains[i].n)
			rc = found(ctx, from + i,
				   &w->jobs[w->job_of[i]].lines.at[w->chains[i].first],
				   w->chains[i].n);
	return rc;
}

int dwarf_resolve(struct dwarf *d, const uint64_t *vaddrs, size_t n,
		  int (*found)(void *ctx, size_t i, const struct dwarf_line *lines, size_t n_lines),
		  void *ctx)
{
	int rc = 0;

	dwarf_work_start(&d->file);
	dwarf_work_start(&d->supplement);
	dwarf_package_start(d->package);
	for (size_t from = 0; from < n && !rc;) {
		struct window w = {0};

		if (!window_alloc(&w, n - from < WINDOW_MAX ? n - from : WINDOW_MAX)) {
			window_done(&w);
			return -ENOMEM;
		}
		d->window++;
		window_fill(d, &w, vaddrs + from, n - from);
		parallel_run(w.weight > SMALL ? d->threads : 1, w.n_jobs, job_run, w.jobs);
		rc = window_collect(d, &w);
		if (!rc)
			rc = window_give(&w, from, found, ctx);
		from += w.n;
		window_done(&w);
		dwarf_forget(d);
	}
	return rc;
}

struct dwarf_stats dwarf_stats(const struct dwarf *d)
{
	return d->stats;
}
