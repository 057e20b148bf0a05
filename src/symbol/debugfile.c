/* debugfile.c - separate debug files, in the places GDB documents ("Debugging Information in
 * Separate Files"); the checksum is the CRC-32 of zlib. Every candidate is verified before it is
 * used: a debug file of another build gives wrong names, which is worse than none.
 */
#include "symbol/debugfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CRC_CHUNK    (256u << 10)
#define CRC_FILE_CAP (INT64_C(8) << 30)

static int debugfile_open_path(const char *path)
{
	/* Not blocking: the name may be a pipe somebody put there. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

static bool debugfile_crc_is(int fd, uint32_t want)
{
	uint8_t *data = malloc(CRC_CHUNK);
	uLong crc = crc32(0, NULL, 0);
	struct stat st;
	off_t at = 0;
	ssize_t got = -1;

	if (data && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= CRC_FILE_CAP) {
		while ((got = pread(fd, data, CRC_CHUNK, at)) > 0) {
			crc = crc32(crc, data, (uInt)got);
			at += got;
		}
	}
	free(data);
	return got == 0 && crc == want;
}

static bool debugfile_has_build_id(struct elf_image *img, const char *want)
{
	char hex[2 * ELF_BUILD_ID_MAX + 1];

	return elf_image_build_id_hex(img, hex) && strcmp(hex, want) == 0;
}

/* The image at `path` if it is the one: `build_id` may be NULL, then the checksum decides. */
static int debugfile_try(const char *path, const char *build_id, uint32_t crc,
			 struct elf_image **ret)
{
	int fd = debugfile_open_path(path), rc;
	struct elf_image *img;

	if (fd < 0)
		return -ENOENT;
	rc = build_id || debugfile_crc_is(fd, crc) ? elf_image_open(fd, &img, NULL) : -ENOENT;
	close(fd);
	if (rc)
		return rc == -ENOMEM ? rc : -ENOENT;
	if (build_id && !debugfile_has_build_id(img, build_id)) {
		elf_image_free(img);
		return -ENOENT;
	}
	*ret = img;
	return 0;
}

static int debugfile_by_build_id(struct elf_image *img, const char *dir, struct elf_image **ret)
{
	char hex[2 * ELF_BUILD_ID_MAX + 1], path[PATH_MAX];
	int n;

	if (!elf_image_build_id_hex(img, hex) || strlen(hex) < 4)
		return -ENOENT;
	n = snprintf(path, sizeof(path), "%s/.build-id/%.2s/%s.debug", dir, hex, hex + 2);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENOENT;
	return debugfile_try(path, hex, 0, ret);
}

static int debugfile_by_link(struct elf_image *img, const char *file, const char *dir,
			     struct elf_image **ret)
{
	const char *slash = file ? strrchr(file, '/') : NULL, *name;
	char path[PATH_MAX];
	uint32_t crc;

	if (!elf_image_debuglink(img, &name, &crc) || strchr(name, '/') || !slash)
		return -ENOENT;
	for (int i = 0; i < 3; i++) {
		int n, rc;

		if (i < 2)
			n = snprintf(path, sizeof(path), i ? "%.*s/.debug/%s" : "%.*s/%s",
				     (int)(slash - file), file, name);
		else
			n = snprintf(path, sizeof(path), "%s%.*s/%s", dir, (int)(slash - file),
				     file, name);
		if (n < 0 || (size_t)n >= sizeof(path))
			continue;
		rc = debugfile_try(path, NULL, crc, ret);
		if (rc != -ENOENT)
			return rc;
	}
	return -ENOENT;
}

int debugfile_open(struct elf_image *img, const char *path, const char *debug_dir,
		   struct elf_image **ret)
{
	const char *dir = debug_dir ? debug_dir : "/usr/lib/debug";
	int rc = debugfile_by_build_id(img, dir, ret);

	return rc == -ENOENT ? debugfile_by_link(img, path, dir, ret) : rc;
}
