/* known.c - a kernel met before; see known.h. A file is magic, checksum, print, type information. */
#include "session/known.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#define KNOWN_HEAD (sizeof(known_magic) + sizeof(uint64_t) + PACKED_PRINT_BYTES)
#define KNOWN_MAX  (1u << 20)
#define NOTES_MAX  4096

static const char known_magic[8] = { 'w', 'a', 'g', 'g', 'l', 'e', 'K', '\n' };

/* False when this kernel cannot be told from others. */
static bool known_print(const void *programs, size_t len, struct packed_print *ret)
{
	char notes[NOTES_MAX];
	int fd = open("/sys/kernel/notes", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, notes, sizeof(notes));
	XXH3_state_t *x = n > 0 ? XXH3_createState() : NULL;
	XXH128_canonical_t c;
	struct utsname u = { 0 };
	struct stat st;

	if (fd >= 0)
		close(fd);
	if (!x || uname(&u) || stat("/sys/kernel/btf/vmlinux", &st)) {
		XXH3_freeState(x);
		return false;
	}
	XXH3_128bits_reset(x);
	XXH3_128bits_update(x, notes, (size_t)n);
	XXH3_128bits_update(x, u.release, sizeof(u.release));
	XXH3_128bits_update(x, u.version, sizeof(u.version));
	XXH3_128bits_update(x, u.machine, sizeof(u.machine));
	XXH3_128bits_update(x, &st.st_size, sizeof(st.st_size));
	XXH3_128bits_update(x, programs, len);
	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(x));
	memcpy(ret->bytes, c.digest, sizeof(ret->bytes));
	XXH3_freeState(x);
	return true;
}

/* The checksum is over all that is behind it. */
static uint64_t known_sum(const uint8_t *data, size_t len)
{
	size_t from = sizeof(known_magic) + sizeof(uint64_t);

	return XXH3_64bits(data + from, len - from);
}

static bool known_good(const struct known *k)
{
	const uint8_t *data = k->data;
	uint64_t sum;

	if (k->len <= KNOWN_HEAD || memcmp(data, known_magic, sizeof(known_magic)))
		return false;
	memcpy(&sum, data + sizeof(known_magic), sizeof(sum));
	return sum == known_sum(data, k->len) && !memcmp(data + sizeof(known_magic) + sizeof(sum),
							 k->key.print.bytes, PACKED_PRINT_BYTES);
}

/* The folder is made when there is something to keep: who may not profile leaves nothing behind. */
void known_load(struct known *k, const char *dir, bool no_cache, const void *programs, size_t len)
{
	char path[PATH_MAX];

	*k = (struct known){ 0 };
	if (no_cache || (!dir && cache_default_dir(path, sizeof(path))) ||
	    !known_print(programs, len, &k->key.print))
		return;
	k->dir = strdup(dir ? dir : path);
	cache_name(&k->key, "kernel", CACHE_SUFFIX_KERNEL);
	if (!k->dir || access(k->dir, F_OK) || cache_open(k->dir, CACHE_DEFAULT_BYTES, &k->cache, NULL))
		return;
	k->data = cache_load_bytes(k->cache, &k->key, &k->len);
	if (k->data && !known_good(k))
		known_forget(k);
}

const void *known_btf(const struct known *k, size_t *ret_len)
{
	if (!k->data)
		return NULL;
	*ret_len = k->len - KNOWN_HEAD;
	return (const uint8_t *)k->data + KNOWN_HEAD;
}

void known_save(struct known *k, const void *btf, size_t len)
{
	uint8_t *data;
	uint64_t sum;

	if (!k->cache && k->dir)
		cache_open(k->dir, CACHE_DEFAULT_BYTES, &k->cache, NULL);
	data = k->cache && len && len < KNOWN_MAX ? malloc(KNOWN_HEAD + len) : NULL;
	if (!data)
		return;
	memcpy(data, known_magic, sizeof(known_magic));
	memcpy(data + sizeof(known_magic) + sizeof(sum), k->key.print.bytes, PACKED_PRINT_BYTES);
	memcpy(data + KNOWN_HEAD, btf, len);
	sum = known_sum(data, KNOWN_HEAD + len);
	memcpy(data + sizeof(known_magic), &sum, sizeof(sum));
	cache_save(k->cache, &k->key, data, KNOWN_HEAD + len);
	free(data);
}

void known_forget(struct known *k)
{
	if (k->cache)
		cache_remove(k->cache, &k->key);
	free(k->data);
	k->data = NULL;
	k->len = 0;
}

void known_free(struct known *k)
{
	free(k->data);
	free(k->dir);
	cache_close(k->cache);
	*k = (struct known){ 0 };
}
