/* dump_lines.c - `waggle dump lines`: the form is that of llvm-symbolizer without columns, so that the
 * two can be compared by diff. */
#include "cli/dump_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/intern.h"
#include "symbol/binary.h"

struct lines_asked {
	uint64_t vaddr;
	size_t first, n; /* the answer, in known */
};

struct lines_known {
	uint32_t function, file, line; /* strings; 0: unknown */
};

struct lines {
	VEC(struct lines_asked) asked;
	size_t *order;    /* of asked, by address */
	uint64_t *vaddrs; /* sorted */
	struct intern strings; /* few and repeated: as text the answers would be many times as large */
	VEC(struct lines_known) known;
};

static int lines_add(struct lines *l, const char *word, struct err *e)
{
	struct lines_asked a = {0};
	char *end;

	errno = 0;
	a.vaddr = strtoull(word, &end, 16);
	if (errno || end == word || *end)
		return err_set(e, -EINVAL, "'%s' is not an address: a hexadecimal number is", word);
	return VEC_PUSH(&l->asked, a) ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int lines_read(struct lines *l, struct err *e)
{
	char *line = NULL, *save;
	size_t cap = 0;
	int rc = 0;

	while (!rc && getline(&line, &cap, stdin) > 0)
		for (char *w = strtok_r(line, " \t\n", &save); w && !rc;
		     w = strtok_r(NULL, " \t\n", &save))
			rc = lines_add(l, w, e);
	free(line);
	return rc;
}

static int lines_order(const void *pa, const void *pb, void *ctx)
{
	const struct lines *l = ctx;
	uint64_t a = l->asked.at[*(const size_t *)pa].vaddr;
	uint64_t b = l->asked.at[*(const size_t *)pb].vaddr;

	return (a > b) - (a < b);
}

static int lines_sort(struct lines *l, struct err *e)
{
	size_t n = l->asked.n;

	l->order = malloc((n + 1) * sizeof(*l->order));
	l->vaddrs = malloc((n + 1) * sizeof(*l->vaddrs));
	if (!l->order || !l->vaddrs)
		return err_set(e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		l->order[i] = i;
	qsort_r(l->order, n, sizeof(*l->order), lines_order, l);
	for (size_t i = 0; i < n; i++)
		l->vaddrs[i] = l->asked.at[l->order[i]].vaddr;
	return 0;
}

static int lines_found(void *ctx, size_t i, const struct dwarf_line *lines, size_t n)
{
	struct lines *l = ctx;
	struct lines_asked *a = &l->asked.at[l->order[i]];

	a->first = l->known.n;
	a->n = n;
	for (size_t k = 0; k < n; k++) {
		struct lines_known known = {
			intern_puts(&l->strings, lines[k].function ? lines[k].function : ""),
			intern_puts(&l->strings, lines[k].file ? lines[k].file : ""),
			lines[k].line,
		};

		if (known.function == INTERN_NONE || known.file == INTERN_NONE ||
		    !VEC_PUSH(&l->known, known))
			return -ENOMEM;
	}
	return 0;
}

static void lines_print(const struct lines *l, const struct lines_asked *a)
{
	for (size_t k = a->first; k < a->first + a->n; k++) {
		const struct lines_known *known = &l->known.at[k];
		const char *function = intern_get(&l->strings, known->function);
		const char *file = intern_get(&l->strings, known->file);

		printf("%s\n%s:%" PRIu32 "\n", *function ? function : "??", *file ? file : "??",
		       known->line);
	}
	puts(a->n ? "" : "??\n??:0\n");
}

static int lines_open(const char *path, size_t memory, struct binary **ret, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	struct binary_opts o = {.path = path, .memory = memory};
	struct elf_image *img;

	if (fd < 0)
		return err_set(e, -errno, "cannot read '%s': %s", path, strerror(errno));
	rc = elf_image_open(fd, &img, e);
	close(fd);
	if (rc)
		return err_prefix(e, "cannot read '%s'", path);
	rc = binary_open(img, &o, ret);
	return rc ? err_set(e, rc, "cannot read '%s': %s", path, strerror(-rc)) : 0;
}

static void lines_say(const struct binary *b)
{
	struct dwarf_stats s = {0};

	if (binary_dwarf(b))
		s = dwarf_stats(binary_dwarf(b));
	fprintf(stderr, "# %zu units, %zu ranges; %zu units read, %zu forgotten, %zu KiB held, "
		"%zu without their split file, %zu damaged%s\n", s.units, s.ranges, s.built,
		s.forgotten, s.bytes >> 10, s.split_missing, s.damaged,
		s.supplement_missing ? "; the common file of dwz is missing" : "");
}

static int lines_ask(struct lines *l, struct binary *b, unsigned int passes, struct err *e)
{
	for (unsigned int i = 0; i < passes; i++) {
		uint64_t start = clock_mono_ns(), cpu = clock_self_cpu_ns();
		int rc;

		l->known.n = 0;
		rc = binary_lines(b, l->vaddrs, l->asked.n, true, lines_found, l);
		if (rc)
			return err_set(e, rc, "cannot look up the addresses: %s", strerror(-rc));
		if (passes > 1)
			fprintf(stderr, "# pass %u: %zu addresses in %.3f ms, %.3f ms of CPU\n",
				i + 1, l->asked.n, (double)(clock_mono_ns() - start) / 1e6,
				(double)(clock_self_cpu_ns() - cpu) / 1e6);
	}
	if (passes > 1)
		lines_say(b);
	return 0;
}

int dump_lines(const char *path, const char *const *addrs, size_t n, const struct dump_lines_opts *o,
	       struct err *e)
{
	struct binary *b = NULL;
	struct lines l = {0};
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = lines_add(&l, addrs[i], e);
	if (!rc && !n)
		rc = lines_read(&l, e);
	if (!rc)
		rc = lines_sort(&l, e);
	if (!rc)
		rc = lines_open(path, (size_t)o->memory << 20, &b, e);
	if (!rc)
		rc = lines_ask(&l, b, o->passes, e);
	for (size_t i = 0; i < l.asked.n && !rc; i++)
		lines_print(&l, &l.asked.at[i]);
	binary_free(b);
	intern_free(&l.strings);
	VEC_FREE(&l.known);
	VEC_FREE(&l.asked);
	free(l.order);
	free(l.vaddrs);
	return rc;
}
