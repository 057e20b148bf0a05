/* distro.h - which distribution a root directory holds, which package a file belongs to, and which
 * package has its debug symbols. Reads the package manager's own lists; runs nothing.
 *
 * Thread safety: none. The lists are trusted no further than that a name taken from them is shown.
 */
#ifndef WAGGLE_SYMBOL_DISTRO_H
#define WAGGLE_SYMBOL_DISTRO_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define PACKAGE_NAME_MAX 128

enum distro_family { DISTRO_DPKG, DISTRO_RPM, DISTRO_APK, DISTRO_OTHER };

struct distro_row {
	const char *id;
	enum distro_family family;
	const char *server, *command, *suffix, *archive;
};

struct distro {
	char root[64];  /* "" for our own, "/proc/PID/root" */
	char place[PATH_MAX]; /* where that leads, seen from here; "" when nowhere else */
	char name[128]; /* "Debian GNU/Linux 12 (bookworm)", "" when unknown */
	char codename[32]; /* "bookworm" */
	const struct distro_row *row; /* NULL when nothing is known about it */
};

struct distro_package {
	const char *path; /* of the file, below the root or seen from here */
	char name[PACKAGE_NAME_MAX]; /* "" when no package has it, or nobody can tell */
};

void distro_read(const char *root, struct distro *ret);
/* The same from the text of os-release. */
void distro_parse(const char *text, struct distro *ret);

/* Finds the packages of n files in one pass over the lists. 0 or -ENOMEM. */
int distro_packages(const struct distro *d, struct distro_package *files, size_t n);
/* The package that holds the debug symbols of files of `package`; false when that has no name. */
bool distro_debug_package(const struct distro *d, const char *package, char *to, size_t size);
/* Where such packages come from, a sentence; false when from the usual archive. */
bool distro_archive(const struct distro *d, char *to, size_t size);
bool distro_has_package(const struct distro *d, const char *package); /* is it installed? */

#endif
