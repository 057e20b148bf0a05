/* jitmap.c - follows a growing perf map; see jitmap.h. */
#include "symbol/jitmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/perfmap.h"

enum {
	CHUNK = 256 << 10,
	LINE_MAX_BYTES = 16384, /* C++ template names reach some thousands */
	GENERATIONS_MAX = 65535,
};

void jitmap_free(struct jitmap *m)
{
	VEC_FREE(&m->entries);
	VEC_FREE(&m->times);
	*m = (struct jitmap){0};
}

/* The bytes before the place we read up to are still those that we read. */
static bool jitmap_continues(const struct jitmap *m, int fd)
{
	char now[JITMAP_TAIL];

	return !m->tail_n ||
	       (pread(fd, now, m->tail_n, (off_t)(m->at - m->tail_n)) == (ssize_t)m->tail_n &&
		!memcmp(now, m->tail, m->tail_n));
}

static void jitmap_remember(struct jitmap *m, int fd)
{
	size_t n = m->at < JITMAP_TAIL ? (size_t)m->at : JITMAP_TAIL;

	m->tail_n = pread(fd, m->tail, n, (off_t)(m->at - n)) == (ssize_t)n ? n : 0;
}

/* A line's entry, in the current generation. False when out of memory. */
static bool jitmap_take(struct jitmap *m, char *line, uint64_t at)
{
	struct perfmap_entry e;
	struct jitmap_entry entry;

	if (!perfmap_line(line, &e) || e.start >> 48 || e.size > UINT32_MAX) {
		m->skipped += *line != '\0';
		return true;
	}
	if (m->entries.n >= JITMAP_ENTRIES_MAX) {
		m->dropped++;
		return true;
	}
	entry = (struct jitmap_entry){
		.start = e.start,
		.size = (uint32_t)e.size,
		.generation = m->times.n - 1,
		.at = (uint32_t)at,
	};
	return VEC_PUSH(&m->entries, entry);
}

/* The whole lines of a piece of the file. Returns how many bytes they are, -ENOMEM. */
static ssize_t jitmap_lines(struct jitmap *m, char *data, size_t n)
{
	size_t done = 0;

	while (done < n) {
		char *nl = memchr(data + done, '\n', n - done);

		if (!nl)
			break;
		*nl = '\0';
		if (!jitmap_take(m, data + done, m->at + done))
			return -ENOMEM;
		done = (size_t)(nl - data) + 1;
	}
	if (!done && n == CHUNK) { /* no name is that long */
		m->skipped++;
		return (ssize_t)n;
	}
	return (ssize_t)done;
}

static int jitmap_read(struct jitmap *m, int fd, uint64_t end)
{
	char *data = malloc(CHUNK);
	ssize_t done = 1;

	if (!data)
		return -ENOMEM;
	while (m->at < end && done > 0) {
		size_t n = end - m->at < CHUNK ? (size_t)(end - m->at) : CHUNK;
		ssize_t got = pread(fd, data, n, (off_t)m->at);

		if (got < 0)
			done = -errno;
		else
			done = jitmap_lines(m, data, (size_t)got);
		m->at += done > 0 ? (uint64_t)done : 0;
	}
	free(data);
	return done < 0 ? (int)done : 0;
}

int jitmap_follow(struct jitmap *m, int fd, uint64_t now)
{
	uint64_t was = m->at, after = m->times.n ? m->checked : 0;
	struct stat st;
	int64_t mtime;
	int rc;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_size > UINT32_MAX)
		return -EFBIG;
	mtime = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	if (m->times.n && (uint64_t)st.st_size == m->at && mtime == m->mtime) {
		m->checked = now;
		return 0;
	}
	if ((uint64_t)st.st_size < m->at || !jitmap_continues(m, fd)) {
		m->at = was = 0;
		m->entries.n = 0;
		m->rewritten++;
	}
	if (m->times.n < GENERATIONS_MAX && !VEC_PUSH(&m->times, after))
		return -ENOMEM;
	rc = jitmap_read(m, fd, (uint64_t)st.st_size);
	if (m->at != was)
		jitmap_remember(m, fd);
	m->mtime = mtime;
	m->checked = now;
	return rc;
}

bool jitmap_name(const struct jitmap *m, int fd, size_t i, char *to, size_t size)
{
	char line[LINE_MAX_BYTES];
	ssize_t n = pread(fd, line, sizeof(line) - 1, m->entries.at[i].at);
	struct perfmap_entry e;
	size_t len;
	char *nl;

	if (n <= 0 || !size)
		return false;
	line[n] = 0;
	nl = memchr(line, '\n', (size_t)n);
	if (nl)
		*nl = 0;
	if (!perfmap_line(line, &e) || e.start != m->entries.at[i].start ||
	    e.size != m->entries.at[i].size)
		return false;
	len = strlen(e.name);
	len = len < size ? len : size - 1;
	memcpy(to, e.name, len);
	to[len] = 0;
	return true;
}
