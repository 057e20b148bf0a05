/* explain.c - facts about files to findings with remedies, a function per topic; see explain.h.
 *
 * A file that a package owns is mended by the package's debug symbols, any other by how it is built.
 */
#include "symbol/explain.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/shell.h"
#include "elf/cfi.h"

#define LIKELY   0.7 /* share of functions that set up a frame pointer */
#define UNLIKELY 0.3
#define FEW      0.8 /* share of the code that is described */
#define SMALL    4096 /* bytes of code that need not be described: start-up code, padding */

const struct explain_topic_row explain_topics[EXPLAIN_TOPICS] = {
	[EXPLAIN_UNWIND] = { "unwind", "unwinding" },
	[EXPLAIN_FRAME_POINTERS] = { "frame_pointers", "frame pointers" },
	[EXPLAIN_SYMBOLS] = { "symbols", "symbols" },
	[EXPLAIN_LINES] = { "lines", "source lines" },
	[EXPLAIN_BUILD_ID] = { "build_id", "build id" },
};

/* What to tell whoever builds the file, by language. */
static const struct {
	const char *symbols, *lines, *build_id, *unwind;
} explain_build[SURVEY_LANGUAGE_MAX] = {
	[SURVEY_C] = {
		"Do not strip it (no -s, no strip); or keep its debug file (objcopy --only-keep-debug, "
		"--add-gnu-debuglink) beside it or give it with --debug-file.",
		"Compile with -g, which costs nothing at run time.",
		"Link with -Wl,--build-id: debug files and servers find the file by it.",
		"Compile with -fasynchronous-unwind-tables and do not strip .eh_frame; only where that "
		"cannot be, with -fno-omit-frame-pointer.",
	},
	[SURVEY_GO] = {
		"Build without -ldflags=-s.",
		"Build without -ldflags=-w.",
		"Build with -ldflags=-B=gobuildid (Go 1.23 and later): debug files and servers find the "
		"file by it.",
		"Build without -ldflags=-s and -ldflags=-w: Go keeps its unwind tables in .debug_frame.",
	},
	[SURVEY_RUST] = {
		"Set strip = \"none\" in the Cargo profile.",
		"Set debug = \"line-tables-only\" in the Cargo profile, which costs nothing at run time.",
		"Link with -C link-arg=-Wl,--build-id: debug files and servers find the file by it.",
		"Build with -C force-unwind-tables=yes; only where that cannot be, with "
		"-C force-frame-pointers=yes.",
	},
};

static void explain_say(struct explain_finding *f, enum explain_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void explain_say(struct explain_finding *f, enum explain_state state, const char *fmt, ...)
{
	va_list ap;

	f->state = state;
	va_start(ap, fmt);
	vsnprintf(f->detail, sizeof(f->detail), fmt, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 2, 3))) explain_more(struct explain_finding *f,
							       const char *fmt, ...)
{
	size_t n = strlen(f->detail);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->detail + n, sizeof(f->detail) - n, fmt, ap);
	va_end(ap);
}

bool explain_is_packaged(const struct explain *x, const struct explain_file *f)
{
	const struct distro_row *d = x->distro.row;

	if (!d || d->family == DISTRO_DPKG || d->family == DISTRO_APK)
		return *f->package;
	return !strncmp(f->path, "/usr/", 5) && strncmp(f->path, "/usr/local/", 11) != 0 &&
	       shell_is_plain(f->path);
}

/* Symbols or lines are missing: install them when a package has the file, else build it otherwise. */
static void explain_get(const struct explain *x, const struct explain_file *f, const char *build,
			struct explain_finding *to)
{
	const struct distro_row *d = x->distro.row;

	if (f->debug_installed)
		snprintf(to->remedy, sizeof(to->remedy),
			 "%s is installed but has nothing for this build: bring %s and %s to the same "
			 "version.",
			 f->debug_package, f->package, f->debug_package);
	else if (*f->debug_package)
		snprintf(to->remedy, sizeof(to->remedy), "%s %s", d->command, f->debug_package);
	else if (d && d->family == DISTRO_RPM && explain_is_packaged(x, f))
		snprintf(to->remedy, sizeof(to->remedy), "%s $(rpm -qf --qf '%%{NAME}%s' %.200s)",
			 d->command, d->suffix, f->path);
	else
		snprintf(to->remedy, sizeof(to->remedy), "%s", build);
}

/* -- the topics ---------------------------------------------------------------------------------- */

static double explain_fp_share(const struct survey *s)
{
	return s->looked ? (double)s->with_fp / s->looked : 0;
}

static void explain_unwind(const struct explain *x, const struct explain_file *f,
			   struct explain_finding *to)
{
	const struct survey *s = &f->own;
	double share = s->text.size ? (double)s->described / (double)s->text.size : 0;
	bool few = share < FEW && s->text.size - s->described > SMALL;

	if (!cfi_arch_of(s->machine)) {
		explain_say(to, EXPLAIN_MISSING, "made for a machine that is not known here (ELF %u)",
			    s->machine);
		return;
	}
	if (s->eh_frame || s->debug_frame) {
		explain_say(to, few ? EXPLAIN_POOR : EXPLAIN_OK,
			    "%s describes %u functions, %.0f %% of the code",
			    s->eh_frame && s->debug_frame ? ".eh_frame and .debug_frame" :
			    s->eh_frame			  ? ".eh_frame" :
							    ".debug_frame",
			    s->functions, share * 100);
		if (s->bad)
			explain_more(to, "; %u descriptions make no sense", s->bad);
		if (few)
			snprintf(to->remedy, sizeof(to->remedy),
				 "Stacks through the rest are walked by frame pointers, where it has them; "
				 "assembly needs .cfi directives.");
		return;
	}
	if (explain_fp_share(s) >= LIKELY)
		explain_say(to, EXPLAIN_POOR, "none; frame pointers are followed instead");
	else
		explain_say(to, EXPLAIN_MISSING, "none");
	snprintf(to->remedy, sizeof(to->remedy), "%s", explain_build[s->language].unwind);
}

static void explain_frame_pointers(const struct explain *x, const struct explain_file *f,
				   struct explain_finding *to)
{
	const struct survey *s = &f->own;
	double share = explain_fp_share(s);
	bool needed = !s->eh_frame && !s->debug_frame;

	if (!s->looked) {
		explain_say(to, needed ? EXPLAIN_MISSING : EXPLAIN_OK,
			    "no function that could be looked at");
	} else {
		explain_say(to, needed && share < LIKELY ? EXPLAIN_MISSING : EXPLAIN_OK,
			    "%s (%u of %u functions looked at set one up)",
			    share >= LIKELY   ? "likely" :
			    share <= UNLIKELY ? "likely not" :
						"in part",
			    s->with_fp, s->looked);
	}
	if (!needed)
		explain_more(to, "; not needed here");
}

static void explain_symbols(const struct explain *x, const struct explain_file *f,
			    struct explain_finding *to)
{
	const struct survey *s = &f->own;

	if (s->symtab) {
		explain_say(to, EXPLAIN_OK, "%u functions in .symtab", s->symtab);
	} else if (f->has_debug && f->debug.symtab) {
		explain_say(to, EXPLAIN_OK, "%u functions in %s", f->debug.symtab, f->place);
	} else if (s->mini) {
		explain_say(to, EXPLAIN_OK, "%u functions in .gnu_debugdata (mini debug information)",
			    s->mini);
	} else {
		explain_say(to, s->dynsym ? EXPLAIN_POOR : EXPLAIN_MISSING,
			    s->dynsym ? "only the %u functions it exports (.dynsym)" : "none", s->dynsym);
		if (s->mini_damaged)
			explain_more(to, "; .gnu_debugdata is damaged");
		if (s->link[0])
			explain_more(to, "; its debug file %s is not here", s->link);
		explain_get(x, f, explain_build[s->language].symbols, to);
	}
}

/* "DWARF 4 and 5", what was moved elsewhere, and whether it is there. */
static void explain_dwarf(const struct explain *x, const struct explain_file *f,
			  const struct survey *s, struct explain_finding *to)
{
	explain_say(to, EXPLAIN_OK, "DWARF");
	if (s->dwarf_min && s->dwarf_min != s->dwarf_max)
		explain_more(to, " %u to %u", s->dwarf_min, s->dwarf_max);
	else if (s->dwarf_min)
		explain_more(to, " %u", s->dwarf_min);
	explain_more(to, " in %s", s == &f->own ? "the file itself" : f->place);
	if (s->split)
		explain_more(to, ", split: keep its .dwo files where they were built, or a .dwp file "
				 "beside it");
	if (!s->alt[0])
		return;
	explain_more(to, ", parts of it in %s (dwz)", s->alt);
	if (!f->alt_found) {
		to->state = EXPLAIN_POOR;
		explain_more(to, ", which is not here");
		explain_get(x, f, "Put the file that dwz made where the link says.", to);
	}
}

static void explain_lines(const struct explain *x, const struct explain_file *f,
			  struct explain_finding *to)
{
	if (f->own.info && f->own.lines) {
		explain_dwarf(x, f, &f->own, to);
	} else if (f->has_debug && f->debug.info && f->debug.lines) {
		explain_dwarf(x, f, &f->debug, to);
	} else {
		explain_say(to, EXPLAIN_MISSING, "none, and so no inlined functions");
		explain_get(x, f, explain_build[f->own.language].lines, to);
	}
}

static void explain_build_id(const struct explain *x, const struct explain_file *f,
			     struct explain_finding *to)
{
	if (f->own.build_id[0]) {
		explain_say(to, EXPLAIN_OK, "%s", f->own.build_id);
		return;
	}
	explain_say(to, EXPLAIN_POOR, "none");
	snprintf(to->remedy, sizeof(to->remedy), "%s", explain_build[f->own.language].build_id);
}

static void (*const explain_functions[EXPLAIN_TOPICS])(const struct explain *x,
						       const struct explain_file *f,
						       struct explain_finding *to) = {
	[EXPLAIN_UNWIND] = explain_unwind,   [EXPLAIN_FRAME_POINTERS] = explain_frame_pointers,
	[EXPLAIN_SYMBOLS] = explain_symbols, [EXPLAIN_LINES] = explain_lines,
	[EXPLAIN_BUILD_ID] = explain_build_id,
};

/* -- facts --------------------------------------------------------------------------------------- */

void explain_init(struct explain *x, struct debugfiles *d, const char *root)
{
	*x = (struct explain){ .debugfiles = d };
	distro_read(root, &x->distro);
}

void explain_free(struct explain *x)
{
	for (size_t i = 0; i < x->files.n; i++) {
		free(x->files.at[i].path);
		free(x->files.at[i].place);
	}
	VEC_FREE(&x->files);
}

/* The file dwz shares among several: by its build id, or where the link says. */
static bool explain_find_alt(const struct explain *x, const struct survey *s, const char *place)
{
	char path[PATH_MAX];
	struct elf_image *img;
	struct stat st;

	if (s->alt_id[0] && debugfile_local_by_id(x->debugfiles, s->alt_id, &img) == 0) {
		elf_image_free(img);
		return true;
	}
	if (s->alt[0] == '/')
		return stat(s->alt, &st) == 0;
	snprintf(path, sizeof(path), "%.*s/%s", (int)(strrchr(place, '/') - place), place, s->alt);
	return stat(path, &st) == 0;
}

static int explain_separate(struct explain *x, struct explain_file *f, struct elf_image *img)
{
	char place[PATH_MAX];
	struct elf_image *debug;
	int rc = debugfile_local(x->debugfiles, img, f->path, &debug, place, sizeof(place));

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	f->has_debug = true;
	f->place = strdup(place);
	rc = f->place ? survey_read(debug, &f->debug) : -ENOMEM;
	elf_image_free(debug);
	return rc;
}

int explain_add(struct explain *x, int fd, const char *path, bool deleted, struct err *e)
{
	struct explain_file f = { .deleted = deleted };
	const struct survey *with;
	struct elf_image *img;
	int rc = elf_image_open(fd, &img, e);

	if (rc)
		return rc;
	f.path = strdup(path);
	rc = f.path ? survey_read(img, &f.own) : -ENOMEM;
	if (!rc)
		rc = explain_separate(x, &f, img);
	elf_image_free(img);
	with = f.own.info ? &f.own : &f.debug;
	if (!rc && with->alt[0])
		f.alt_found = explain_find_alt(x, with, f.own.info ? f.path : f.place);
	if (!rc && VEC_PUSH(&x->files, f))
		return 0;
	free(f.path);
	free(f.place);
	return err_set(e, rc ? rc : -ENOMEM, "out of memory");
}

static int explain_packages(struct explain *x)
{
	struct distro_package *p = calloc(x->files.n + 1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < x->files.n; i++)
		p[i].path = x->files.at[i].path;
	rc = distro_packages(&x->distro, p, x->files.n);
	for (size_t i = 0; i < x->files.n && !rc; i++) {
		struct explain_file *f = &x->files.at[i];

		snprintf(f->package, sizeof(f->package), "%s", p[i].name);
		if (!distro_debug_package(&x->distro, f->package, f->debug_package,
					  sizeof(f->debug_package)))
			f->debug_package[0] = '\0';
		f->debug_installed = *f->debug_package && !f->has_debug &&
				     distro_has_package(&x->distro, f->debug_package);
	}
	free(p);
	return rc;
}

int explain_conclude(struct explain *x)
{
	int rc = explain_packages(x);

	for (size_t i = 0; i < x->files.n && !rc; i++)
		for (int t = 0; t < EXPLAIN_TOPICS; t++)
			explain_functions[t](x, &x->files.at[i], &x->files.at[i].findings[t]);
	return rc;
}

bool explain_wants_package(const struct explain_file *f)
{
	return *f->debug_package && !f->debug_installed &&
	       (f->findings[EXPLAIN_SYMBOLS].remedy[0] || f->findings[EXPLAIN_LINES].remedy[0]);
}
