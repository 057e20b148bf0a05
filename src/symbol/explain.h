/* explain.h - why stacks through a file are cut short or its frames have no names, and what to do.
 *
 * explain_add() gathers facts about one file after the other, explain_conclude() looks up their packages
 * in one pass and turns the facts into findings: one per topic, in the order of explain_topics. A finding
 * is ok, poor (it works, with less than could be had) or missing.
 *
 * Ownership: explain_free(). Thread safety: none.
 */
#ifndef WAGGLE_SYMBOL_EXPLAIN_H
#define WAGGLE_SYMBOL_EXPLAIN_H

#include <limits.h>

#include "base/vec.h"
#include "elf/survey.h"
#include "symbol/debugfile.h"
#include "symbol/distro.h"

enum explain_topic {
	EXPLAIN_UNWIND,
	EXPLAIN_FRAME_POINTERS,
	EXPLAIN_SYMBOLS,
	EXPLAIN_LINES,
	EXPLAIN_BUILD_ID,
	EXPLAIN_TOPICS
};

enum explain_state { EXPLAIN_OK, EXPLAIN_POOR, EXPLAIN_MISSING };

struct explain_finding {
	enum explain_state state;
	char detail[400];  /* what was found */
	char remedy[560];  /* a sentence; "" when nothing is to be done */
};

struct explain_file {
	char *path;           /* as the process sees it */
	bool deleted;         /* not at this path any more */
	struct survey own;
	bool has_debug;       /* a separate debug file was found .. */
	char *place;          /* .. here, on this machine */
	struct survey debug;
	bool alt_found;       /* what dwz moved away was found, too */
	char package[PACKAGE_NAME_MAX], debug_package[PACKAGE_NAME_MAX + 16]; /* "" = not known */
	bool debug_installed; /* the debug package is there, but has not what is needed */
	struct explain_finding findings[EXPLAIN_TOPICS];
};

struct explain {
	struct debugfiles *debugfiles; /* borrowed, may be NULL */
	struct distro distro;
	VEC(struct explain_file) files;
};

struct explain_topic_row {
	const char *key, *title; /* "frame_pointers", "frame pointers" */
};
extern const struct explain_topic_row explain_topics[EXPLAIN_TOPICS];

/* `root` is where the files' distribution is: "" or "/proc/PID/root". */
void explain_init(struct explain *x, struct debugfiles *d, const char *root);
void explain_free(struct explain *x);
/* 0; -ENOEXEC with a sentence when it is no ELF file; -ENOMEM. The descriptor stays the caller's. */
int explain_add(struct explain *x, int fd, const char *path, bool deleted, struct err *e);
/* 0 or -ENOMEM. */
int explain_conclude(struct explain *x);
/* Does the file come from the distribution, as far as can be told? */
bool explain_is_packaged(const struct explain *x, const struct explain_file *f);
/* Is the remedy to install the debug package? Then the packages of several files go into one command. */
bool explain_wants_package(const struct explain_file *f);

#endif
