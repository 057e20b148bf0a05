/* jitproc.c - one process's generated code; see jitproc.h.
 *
 * Which versions may a hit address have been? Going back from the newest entry, every one that covers
 * it, up to the first that was there before the capture began. So new hits are looked for in all
 * entries, newest first, and all hits in new entries; each entry goes out once.
 *
 * The dump comes first: the map is asked only for addresses the dump says nothing about, because it
 * knows no times.
 */
#include "session/jitproc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "session/jitstub.h"
#include "symbol/symbolizer.h"
#include "unwind/jittable.h"

enum {
	HITS_MAX = 65536,
	NAME_MAX_BYTES = 4096,
	VISITS_MAX = 1 << 22,  /* entries times hits in one look: a hostile map repeats itself */
	MAPPINGS_MAX = 256,    /* with tables */
	SEARCHES_EAGER = 5,    /* looks that all search for files; then ever more lie between them .. */
	SEARCHES_APART = 150,  /* .. up to so many */
	REOPEN_EVERY = 10,     /* looks: a map may have been replaced */
	BUILD_SHARE = 20,      /* tables may take one part in so many of a core */
	STUBS_WAIT_MAX = 64,   /* seconds between searches for stubs that found nothing, at most */
};

struct jitproc_hit {
	uint64_t addr;
	bool fresh, by_dump;
};

struct jitproc_source { /* a file that is followed */
	int fd;          /* -1: not there (yet) */
	int refused;     /* -errno of why it is not used */
	size_t done;     /* entries that all hits were looked for in */
	VEC(bool) told;
};

struct jitproc {
	struct jitfile_process who;
	uint64_t since;  /* CLOCK_MONOTONIC ns of the capture's start */
	struct jitproc_source map_file, dump_file;
	struct jitmap map;
	struct jitdump *dump;
	VEC(struct jitproc_hit) hits; /* ascending once sorted */
	size_t n_sorted, n_fresh;
	uint64_t rewritten;
	uint32_t looks, next_search;
	size_t tabled;            /* entries of the dump that tables were made of */
	size_t hits_tabled;       /* hits whose mappings were searched for stubs */
	uint64_t next_build, next_stubs; /* CLOCK_MONOTONIC ns */
	uint32_t stubs_wait;      /* seconds */
	jitstubs stubs;
	VEC(struct jitfile_mapping) searched; /* for stubs */
	VEC(struct jitfile_mapping) published;
	struct jitproc_totals totals;
};

struct jitproc *jitproc_new(uint32_t pid, uint64_t since)
{
	struct jitproc *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->who = jitfile_process(pid);
	p->since = since;
	p->map_file.fd = p->dump_file.fd = -1;
	return p;
}

static void jitproc_close(struct jitproc_source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	VEC_FREE(&s->told);
}

void jitproc_free(struct jitproc *p)
{
	if (!p)
		return;
	jitproc_close(&p->map_file);
	jitproc_close(&p->dump_file);
	jitmap_free(&p->map);
	jitdump_free(p->dump);
	VEC_FREE(&p->hits);
	VEC_FREE(&p->published);
	VEC_FREE(&p->stubs);
	VEC_FREE(&p->searched);
	free(p);
}

void jitproc_code_free(struct jitproc_code *c)
{
	free(c->name);
	jitdump_lines_free(&c->lines);
}

uint32_t jitproc_pid(const struct jitproc *p)
{
	return p->who.pid;
}

bool jitproc_is_over(const struct jitproc *p)
{
	return !p->who.alive && !p->n_fresh;
}

void jitproc_totals(const struct jitproc *p, struct jitproc_totals *ret)
{
	ret->refused += p->totals.refused + (p->map_file.refused != 0) + (p->dump_file.refused != 0);
	ret->dropped += p->totals.dropped + p->map.dropped + (p->dump ? p->dump->dropped : 0);
	ret->skipped += p->map.skipped + (p->dump ? p->dump->skipped : 0);
}

/* -- hits -------------------------------------------------------------------------------------- */

bool jitproc_hit(struct jitproc *p, uint64_t addr)
{
	if (p->hits.n >= HITS_MAX) {
		p->totals.dropped++;
		return false;
	}
	if (!VEC_PUSH(&p->hits, (struct jitproc_hit){.addr = addr, .fresh = true}))
		return false;
	p->n_fresh++;
	return true;
}

static int jitproc_hit_order(const void *pa, const void *pb)
{
	const struct jitproc_hit *a = pa, *b = pb;

	return (a->addr > b->addr) - (a->addr < b->addr);
}

static void jitproc_sort(struct jitproc *p)
{
	if (p->n_sorted == p->hits.n)
		return;
	qsort(p->hits.at, p->hits.n, sizeof(*p->hits.at), jitproc_hit_order);
	p->n_sorted = p->hits.n;
}

static size_t jitproc_lower(const struct jitproc *p, uint64_t addr)
{
	size_t lo = 0, hi = p->hits.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->hits.at[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* -- versions that were hit -------------------------------------------------------------------- */

struct jitproc_entry {
	uint64_t start, size, time; /* time 0: it was there before we looked */
};

static struct jitproc_entry jitproc_entry(const struct jitproc *p, bool dump, size_t i)
{
	if (dump) {
		const struct jitdump_code *c = &p->dump->codes.at[i];

		return (struct jitproc_entry){c->start, c->size, c->time};
	} else {
		const struct jitmap_entry *e = &p->map.entries.at[i];

		return (struct jitproc_entry){e->start, e->size, p->map.times.at[e->generation]};
	}
}

struct jitproc_match {
	struct jitproc *p;
	struct jitproc_source *source;
	bool dump;
	bool *settled; /* per hit: what was there at the start is found */
	uint64_t visits;
};

/* Marks entry i when it covers a hit that is to be looked for. */
static void jitproc_match_one(struct jitproc_match *m, size_t i)
{
	struct jitproc_entry e = jitproc_entry(m->p, m->dump, i);
	bool is_new = i >= m->source->done;

	for (size_t k = jitproc_lower(m->p, e.start); k < m->p->hits.n; k++) {
		struct jitproc_hit *h = &m->p->hits.at[k];

		if (h->addr - e.start >= e.size || ++m->visits > VISITS_MAX)
			break;
		if (m->settled[k] || (!m->dump && h->by_dump) || (!is_new && !h->fresh))
			continue;
		m->source->told.at[i] |= 1; /* it goes out unless it did already */
		m->settled[k] = e.time <= m->p->since;
		h->by_dump |= m->dump;
	}
}

/* One version's name and lines. False when it cannot be told any more. */
static bool jitproc_describe(struct jitproc *p, bool dump, size_t i, struct jitproc_code *ret)
{
	struct jitdump_source from = jitdump_source_fd(&p->dump_file.fd);
	char name[NAME_MAX_BYTES];

	*ret = (struct jitproc_code){.pid = p->who.pid, .order = (uint32_t)i, .exact = dump};
	if (dump) {
		const struct jitdump_code *c = &p->dump->codes.at[i];

		ret->start = c->start;
		ret->size = c->size;
		ret->time = c->time;
		if (c->gone)
			return true;
		if (!jitdump_name(p->dump, &from, i, name, sizeof(name)) ||
		    jitdump_lines(p->dump, &from, i, &ret->lines))
			return false;
	} else {
		struct jitproc_entry e = jitproc_entry(p, false, i);

		ret->start = e.start;
		ret->size = e.size;
		ret->time = e.time;
		if (!jitmap_name(&p->map, p->map_file.fd, i, name, sizeof(name)))
			return false;
	}
	ret->name = demangle(name);
	if (!ret->name)
		ret->name = strdup(name);
	return ret->name != NULL;
}

/* Room for a mark per entry. What is told has bit 1; what is to be told now has it only here. */
static bool jitproc_marks(struct jitproc_source *s, size_t n)
{
	if (s->told.n > n) /* a map that was written anew */
		s->told.n = s->done = 0;
	if (!VEC_RESERVE(&s->told, n - s->told.n))
		return false;
	while (s->told.n < n)
		s->told.at[s->told.n++] = false;
	return true;
}

static int jitproc_match(struct jitproc *p, bool dump, size_t n, size_t room, jitproc_codes *out)
{
	struct jitproc_match m = {.p = p, .dump = dump};
	bool *told;

	m.source = dump ? &p->dump_file : &p->map_file;
	if (!p->hits.n || (!p->n_fresh && m.source->done >= n) || !n)
		return 0;
	if (!jitproc_marks(m.source, n))
		return -ENOMEM;
	m.settled = calloc(p->hits.n, sizeof(*m.settled));
	told = malloc(n * sizeof(*told));
	if (!m.settled || !told) {
		free(m.settled);
		free(told);
		return -ENOMEM;
	}
	memcpy(told, m.source->told.at, n * sizeof(*told));
	for (size_t i = n; i-- > (p->n_fresh ? 0 : m.source->done);)
		jitproc_match_one(&m, i);
	p->totals.dropped += m.visits > VISITS_MAX;
	for (size_t i = 0; i < n; i++) {
		struct jitproc_code code;

		if (!m.source->told.at[i] || told[i])
			continue;
		if (out->n < room && jitproc_describe(p, dump, i, &code) && VEC_PUSH(out, code))
			continue;
		p->totals.dropped++;
	}
	m.source->done = n;
	free(m.settled);
	free(told);
	return 0;
}

/* -- files ------------------------------------------------------------------------------------- */

/* Most processes never have such files, and searching reads all their mappings. What is found late is not
 * worse for it: dumps have times of their own, and what a map has at first is taken to be old. */
static bool jitproc_searches(struct jitproc *p, bool patient)
{
	uint32_t apart = p->looks < SEARCHES_EAGER ? 1 : p->looks / 2;

	if (!patient && p->looks < p->next_search)
		return false;
	p->next_search = p->looks + (apart < SEARCHES_APART ? apart : SEARCHES_APART);
	return true;
}

static void jitproc_open(struct jitproc *p, bool patient)
{
	bool searching = jitproc_searches(p, patient);

	/* A runtime that begins to write a map has new code to run. */
	if (p->map_file.fd < 0 && p->map_file.refused != -EACCES && (searching || p->n_fresh)) {
		int fd = jitfile_open_map(&p->who);

		p->map_file.fd = fd < 0 ? -1 : fd;
		p->map_file.refused = fd == -EACCES ? fd : 0;
	}
	if (p->dump_file.fd < 0 && !p->dump_file.refused && searching) {
		int fd = jitfile_open_dump(&p->who);

		p->dump_file.fd = fd < 0 ? -1 : fd;
		p->dump_file.refused = fd == -EACCES ? fd : 0;
	}
}

/* A runtime that removed its map and made another one: the path leads to another file. */
static void jitproc_reopen_map(struct jitproc *p)
{
	struct stat now, was;
	int fd = p->who.alive && p->map_file.fd >= 0 ? jitfile_open_map(&p->who) : -1;

	if (fd < 0)
		return;
	if (fstat(fd, &now) || fstat(p->map_file.fd, &was) ||
	    (now.st_ino == was.st_ino && now.st_dev == was.st_dev)) {
		close(fd);
		return;
	}
	close(p->map_file.fd);
	p->map_file.fd = fd;
}

static int jitproc_follow(struct jitproc *p)
{
	struct jitdump_source from = jitdump_source_fd(&p->dump_file.fd);
	int rc = 0;

	if (p->map_file.fd >= 0 && !p->map_file.refused) {
		rc = jitmap_follow(&p->map, p->map_file.fd, clock_mono_ns());
		if (rc && rc != -ENOMEM)
			p->map_file.refused = rc;
		if (p->map.rewritten != p->rewritten)
			p->map_file.told.n = p->map_file.done = 0;
		p->rewritten = p->map.rewritten;
	}
	if (rc != -ENOMEM && p->dump_file.fd >= 0 && !p->dump_file.refused) {
		if (!p->dump)
			p->dump = jitdump_new();
		rc = p->dump ? jitdump_follow(p->dump, &from) : -ENOMEM;
		if (rc && rc != -ENOMEM && rc != -ENODATA)
			p->dump_file.refused = rc; /* what was read before stays */
	}
	return rc == -ENOMEM ? rc : 0;
}

int jitproc_look(struct jitproc *p, bool patient, size_t room, jitproc_codes *out)
{
	int rc;

	if (!p->who.alive && !p->n_fresh)
		return 0; /* nothing new can be there, and nothing new is asked */
	if (p->who.alive && !jitfile_alive(p->who.pid)) {
		p->who.alive = false; /* after the last look, which follows, nothing can come */
		patient = true;
	}
	jitproc_open(p, patient);
	if (++p->looks % REOPEN_EVERY == 0 || patient)
		jitproc_reopen_map(p);
	rc = jitproc_follow(p);
	if (rc)
		return rc;
	jitproc_sort(p);
	if (p->dump)
		rc = jitproc_match(p, true, p->dump->codes.n, room, out);
	if (!rc)
		rc = jitproc_match(p, false, p->map.entries.n, room, out);
	for (size_t i = 0; !rc && i < p->hits.n && p->n_fresh; i++)
		p->hits.at[i].fresh = false;
	p->n_fresh = rc ? p->n_fresh : 0;
	return rc;
}

/* -- tables ------------------------------------------------------------------------------------ */

struct jitproc_build {
	struct jitproc *p;
	const struct jitwatch_opts *o;
	VEC(struct jittable_code) codes;
	VEC(struct jitfile_mapping) now;
};

/* Looks for stubs in a mapping that was hit, once while it is what it is. */
static bool jitproc_find_stubs(void *ctx, const struct jitfile_mapping *m)
{
	struct jitproc *p = ctx;
	size_t hit = jitproc_lower(p, m->start);

	if (!m->anonymous || hit == p->hits.n || p->hits.at[hit].addr >= m->end)
		return true;
	for (size_t i = 0; i < p->searched.n; i++)
		if (p->searched.at[i].start == m->start && p->searched.at[i].end == m->end)
			return true;
	if (p->searched.n >= MAPPINGS_MAX ||
	    !VEC_PUSH(&p->searched, (struct jitfile_mapping){.start = m->start, .end = m->end}))
		return false;
	return jitstub_find(p->who.pid, m->start, m->end, &p->stubs) != -ENOMEM;
}

/* Whether there are more stubs than before. */
static bool jitproc_stubs(struct jitproc *p, uint64_t now)
{
	size_t was = p->stubs.n;

	if (p->hits_tabled == p->hits.n || now < p->next_stubs)
		return false;
	p->hits_tabled = p->hits.n;
	jitfile_mappings(p->who.pid, jitproc_find_stubs, p);
	p->stubs_wait = p->stubs.n != was                  ? 0
			: p->stubs_wait >= STUBS_WAIT_MAX / 2 ? STUBS_WAIT_MAX
							      : 2 * p->stubs_wait + 1;
	p->next_stubs = now + p->stubs_wait * NSEC_PER_SEC;
	return p->stubs.n != was;
}

static bool jitproc_build_one(void *ctx, const struct jitfile_mapping *m)
{
	struct jitproc_build *b = ctx;
	struct table table;

	if (!m->anonymous || b->now.n >= MAPPINGS_MAX ||
	    jittable_build(b->codes.at, b->codes.n, m->start, m->end, &table))
		return true;
	b->o->publish(b->o->ctx, b->p->who.pid, m->start, m->end, &table);
	table_free(&table);
	return VEC_PUSH(&b->now, (struct jitfile_mapping){.start = m->start, .end = m->end});
}

/* All code there is, stubs first: what the runtime tells replaces what we guessed. */
static bool jitproc_codes_of(struct jitproc_build *b)
{
	const struct jitdump *d = b->p->dump;

	for (size_t i = 0; i < b->p->stubs.n; i++)
		if (!VEC_PUSH(&b->codes, b->p->stubs.at[i]))
			return false;
	for (size_t i = 0; d && d->unwind.n && i < d->codes.n; i++) {
		const struct jitdump_code *c = &d->codes.at[i];
		struct jittable_code code = {c->start, c->size, c->home, NULL, c->unwind_size};

		if (c->unwind_size && !c->gone)
			code.eh_frame = d->unwind.at + c->unwind;
		if (!VEC_PUSH(&b->codes, code))
			return false;
	}
	return true;
}

/* Mappings that had a table and have none now: gone, or grown so that they begin elsewhere. */
static void jitproc_forget(struct jitproc *p, const struct jitproc_build *b,
			   const struct jitwatch_opts *o)
{
	for (size_t i = 0; i < p->published.n; i++) {
		const struct jitfile_mapping *m = &p->published.at[i];
		bool still = false;

		for (size_t k = 0; k < b->now.n && !still; k++)
			still = b->now.at[k].start == m->start;
		if (!still)
			o->publish(o->ctx, p->who.pid, m->start, m->end, NULL);
	}
}

void jitproc_publish(struct jitproc *p, const struct jitwatch_opts *o)
{
	struct jitproc_build b = {.p = p, .o = o};
	uint64_t begun = clock_mono_ns();
	bool grown = p->dump && p->dump->unwind.n && p->tabled != p->dump->codes.n;

	if (!o->publish || (p->who.alive ? begun < p->next_build : !p->published.n))
		return;
	grown |= p->who.alive && jitproc_stubs(p, begun);
	if (p->who.alive && !grown)
		return;
	if (p->who.alive && jitproc_codes_of(&b))
		jitfile_mappings(p->who.pid, jitproc_build_one, &b);
	if (p->dump)
		p->tabled = p->dump->codes.n;
	jitproc_forget(p, &b, o);
	VEC_FREE(&p->published);
	p->published.at = b.now.at;
	p->published.n = b.now.n;
	p->published.cap = b.now.cap;
	VEC_FREE(&b.codes);
	p->next_build = begun + BUILD_SHARE * (clock_mono_ns() - begun);
}
