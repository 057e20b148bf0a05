/* perfmap.c - reads a JIT symbol map; names stay where they were in the file's bytes. */
#include "symbol/perfmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/spans.h"
#include "base/vec.h"

#define FILE_CAP (INT64_C(512) << 20) /* a long-lived node reaches tens of megabytes */

struct perfmap {
	char *data; /* lines, each ended by a NUL now */
	struct spans spans;
	VEC(const char *) names;
	size_t skipped;
};

/* Hexadecimal, with or without 0x, and the blanks behind it. False when there is no such number. */
static bool perfmap_number(char **at, uint64_t *ret)
{
	char *p = *at;
	uint64_t v = 0;
	int digits = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		p += 2;
	for (;; p++, digits++) {
		unsigned int c = (unsigned char)*p | 0x20u;

		if (*p >= '0' && *p <= '9')
			c -= '0';
		else if (c >= 'a' && c <= 'f')
			c -= 'a' - 10;
		else
			break;
		if (v >> 60)
			return false;
		v = v << 4 | c;
	}
	if (!digits || (*p != ' ' && *p != '\t'))
		return false;
	*at = p + strspn(p, " \t");
	*ret = v;
	return true;
}

bool perfmap_line(char *line, struct perfmap_entry *ret)
{
	size_t len;

	line += strspn(line, " \t");
	if (!perfmap_number(&line, &ret->start) || !perfmap_number(&line, &ret->size))
		return false;
	len = strlen(line);
	while (len && (line[len - 1] == '\r' || line[len - 1] == ' '))
		line[--len] = '\0';
	ret->name = line;
	return len && ret->size && ret->size <= UINT64_MAX - ret->start;
}

static int perfmap_build(struct perfmap *m, size_t len)
{
	VEC(struct span) spans = {0};
	char *line = m->data, *end = m->data + len;
	int rc = 0;

	while (!rc && line < end) {
		char *nl = memchr(line, '\n', (size_t)(end - line));
		char *next = nl ? nl + 1 : end;
		struct perfmap_entry entry;
		struct span s;

		if (nl)
			*nl = '\0';
		if (!perfmap_line(line, &entry)) {
			m->skipped += *line != '\0';
		} else {
			s.start = entry.start;
			s.end = entry.start + entry.size;
			s.rank = s.id = (uint32_t)spans.n;
			if (spans.n >= SPANS_NONE - 1 || !VEC_PUSH(&spans, s) ||
			    !VEC_PUSH(&m->names, entry.name))
				rc = -ENOMEM;
		}
		line = next;
	}
	if (!rc)
		rc = spans_build(&m->spans, spans.at, spans.n);
	VEC_FREE(&spans);
	return rc;
}

int perfmap_new(char *data, size_t len, struct perfmap **ret)
{
	struct perfmap *m = calloc(1, sizeof(*m));
	char *terminated = realloc(data, len + 1);
	int rc = -ENOMEM;

	if (!m || !terminated) {
		free(m);
		free(terminated ? terminated : data);
		return -ENOMEM;
	}
	terminated[len] = '\0'; /* the last line may lack its newline */
	m->data = terminated;
	rc = perfmap_build(m, len);
	if (rc) {
		perfmap_free(m);
		return rc;
	}
	*ret = m;
	return 0;
}

int perfmap_read(int fd, struct perfmap **ret)
{
	struct stat st;
	size_t len = 0;
	ssize_t got = 1;
	char *data;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > FILE_CAP)
		return -EFBIG;
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	/* What the program appends meanwhile is the next reading's. */
	while (len < (size_t)st.st_size && got > 0) {
		got = pread(fd, data + len, (size_t)st.st_size - len, (off_t)len);
		len += got > 0 ? (size_t)got : 0;
	}
	if (got < 0) {
		int rc = -errno;

		free(data);
		return rc;
	}
	return perfmap_new(data, len, ret);
}

void perfmap_free(struct perfmap *m)
{
	if (!m)
		return;
	spans_free(&m->spans);
	VEC_FREE(&m->names);
	free(m->data);
	free(m);
}

const char *perfmap_find(const struct perfmap *m, uint64_t addr)
{
	uint32_t id = spans_find(&m->spans, addr);

	return id == SPANS_NONE ? NULL : m->names.at[id];
}

size_t perfmap_count(const struct perfmap *m)
{
	return m->names.n;
}

size_t perfmap_skipped(const struct perfmap *m)
{
	return m->skipped;
}
