/* opening_test.c - announcements made by hand find their file, and nothing but their file. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <cmocka.h>

#include "session/opening.h"

#define GONE 4194303u /* no such process: beyond what this kernel hands out to us now */

static char folder[64], path[128];

static struct file_key key_of(const char *name)
{
	struct stat st;

	assert_int_equal(stat(name, &st), 0);
	return (struct file_key){
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec,
		.dev = (uint32_t)(major(st.st_dev) << 20 | minor(st.st_dev)),
	};
}

/* As the kernel gives it: the leaf first, each part with its NUL. */
static void put_path(struct file_record *r, const char *name)
{
	char copy[FILE_PATH_BYTES];
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", name);
	for (char *slash; (slash = strrchr(copy, '/'));) {
		n += (size_t)snprintf(r->path + n, sizeof(r->path) - n, "%s", slash + 1) + 1;
		*slash = 0;
	}
	r->path_bytes = (uint16_t)n;
	r->path_whole = 1;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/waggle-opening-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/program", folder);
	write_file(path, "something that is mapped");
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	return rmdir(folder);
}

static void paths(void **state)
{
	struct file_record r = {0};
	char text[64];

	opening_record_path(&r, text, sizeof(text));
	assert_string_equal(text, "");
	put_path(&r, "/usr/lib/libx.so");
	opening_record_path(&r, text, sizeof(text));
	assert_string_equal(text, "/usr/lib/libx.so");
	opening_record_path(&r, text, 17);
	assert_string_equal(text, "/usr/lib/libx.so");
	opening_record_path(&r, text, 16); /* too small: nothing, not half */
	assert_string_equal(text, "");
	r.path_bytes -= 1; /* the last NUL is missing */
	opening_record_path(&r, text, sizeof(text));
	assert_string_equal(text, "");
	r.path_bytes += 1;
	r.path_whole = 0;
	opening_record_path(&r, text, sizeof(text));
	assert_string_equal(text, "");
	/* The kernel's root is called "/". */
	memcpy(r.path, "x\0/\0", 4);
	r.path_bytes = 4;
	r.path_whole = 1;
	opening_record_path(&r, text, sizeof(text));
	assert_string_equal(text, "/x");
	memset(r.path, 'a', sizeof(r.path));
	r.path_bytes = 60000; /* nonsense */
	opening_record_path(&r, text, sizeof(text));
	assert_string_equal(text, "");
}

static void by_path(void **state)
{
	struct file_record r = {.tgid = GONE, .key = key_of(path)};
	struct opened o;
	char other[160];

	assert_int_equal(opening_open(&r, &o), -ENOENT);
	put_path(&r, path);
	assert_int_equal(opening_open(&r, &o), 0);
	assert_true(o.by_path);
	assert_string_equal(o.path, path);
	assert_int_equal(o.size, r.key.size);
	close(o.fd);
	/* Another file of that name is not it: size, time, inode. */
	r.key.size++;
	assert_int_equal(opening_open(&r, &o), -ESTALE);
	assert_int_equal(o.fd, -1);
	r.key.size--;
	r.key.mtime_ns++;
	assert_int_equal(opening_open(&r, &o), -ESTALE);
	r.key.mtime_ns = 0; /* not known: the others decide */
	assert_int_equal(opening_open(&r, &o), 0);
	close(o.fd);
	r.key.ino++;
	r.key.dev++; /* for a path it does not matter that devices differ */
	assert_int_equal(opening_open(&r, &o), -ESTALE);
	r.key.ino--;
	assert_int_equal(opening_open(&r, &o), 0);
	close(o.fd);
	/* Neither links nor fifos are followed or waited for. */
	snprintf(other, sizeof(other), "%s/link", folder);
	assert_int_equal(symlink(path, other), 0);
	put_path(&r, other);
	assert_int_equal(opening_open(&r, &o), -ENOENT);
	unlink(other);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(opening_open(&r, &o), -ESTALE);
	unlink(other);
}

static void mapped(void **state)
{
	struct file_record r = {.tgid = (uint32_t)getpid(), .key = key_of(path)};
	int fd = open(path, O_RDONLY);
	char *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	char text[64];
	struct opened o;

	assert_ptr_not_equal(at, MAP_FAILED);
	close(fd);
	r.start = (uintptr_t)at;
	r.end = r.start + 4096;
	assert_int_equal(opening_open(&r, &o), 0);
	assert_false(o.by_path);
	assert_string_equal(o.path, path);
	close(o.fd);
	/* Another file is mapped there by now. */
	r.key.size = 7;
	assert_int_equal(opening_open(&r, &o), -ESTALE);
	r.key = key_of(path);
	r.key.ino = 1; /* where the devices differ, inodes say nothing; where they agree they must */
	assert_int_equal(opening_open(&r, &o), -ESTALE);
	r.key.dev ^= 1;
	assert_int_equal(opening_open(&r, &o), 0);
	close(o.fd);
	r.key = key_of(path);
	unlink(path);
	if (!geteuid()) { /* deleted: only through map_files */
		assert_int_equal(opening_open(&r, &o), 0);
		assert_string_equal(o.path, path);
		assert_int_equal(pread(o.fd, text, 9, 0), 9);
		assert_memory_equal(text, "something", 9);
		close(o.fd);
	}
	munmap(at, 4096);
	write_file(path, "another");
	assert_true(opening_open(&r, &o) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test_setup_teardown(by_path, setup, teardown),
		cmocka_unit_test_setup_teardown(mapped, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
