/* provider.h - what names frames.
 *
 * To add a provider: write src/symbol/provider_NAME.c that defines `const struct provider
 * provider_NAME` and add ROW(NAME) to providers.def. Nothing else.
 *
 * A provider sees one object at a time: open() reads whatever it needs, resolve() gets all frames
 * of the object that have no name yet, sorted by offset, and names those it can. What it leaves
 * goes to the next provider. A provider that knows inlining gives several lines per frame,
 * innermost first.
 *
 * Ownership: the state belongs to the symbolizer from open() to close(). Thread safety: one thread.
 */
#ifndef WAGGLE_SYMBOL_PROVIDER_H
#define WAGGLE_SYMBOL_PROVIDER_H

#include "symbol/symbolizer.h"

struct binary;

struct provider_env {
	const struct symbolizer_opts *opts;
	const struct profile *profile;
	void **shared;         /* one pointer per provider for all its objects; NULL at first */
	struct binary **binary; /* the object's file, see binary.h; NULL at first */
	uint64_t *ret_skipped; /* add lines of foreign text that were not understood */
	/* `missing`; an open() that works may put what it knows better about this object. */
	enum unnamed_reason *ret_missing;
};

struct provider_line {
	const char *function; /* the linker's name; it is demangled later. Copied */
	const char *file;     /* NULL when unknown. Copied */
	uint32_t line;        /* 0 when unknown */
};

struct naming; /* where names go: the frames being resolved */

struct provider {
	const char *name, *help;
	uint32_t kinds; /* 1u << OBJECT_.. for every kind it may know */
	bool changes; /* what it knows grows while the profile is taken: opened anew in every run */
	enum unnamed_reason missing; /* why a frame has no name when open() does not know better */
	/* 0 with a state, -ENOMEM, or -errno with the reason why this object's frames stay unnamed.
	 */
	int (*open)(const struct provider_env *env, uint32_t object, void **ret_state,
		    enum unnamed_reason *ret_why);
	/* Calls naming_put(to, i, ..) for every offsets[i] it can name. 0 or -ENOMEM. */
	int (*resolve)(void *state, const uint64_t *offsets, size_t n, struct naming *to);
	void (*close)(void *state);
	void (*done)(void *shared); /* optional */
};

/* 0 or -ENOMEM. */
int naming_put(struct naming *to, size_t i, const struct provider_line *lines, uint16_t n);

/* The file of an object, through opts->open_object or by its path: a new descriptor or -errno. */
int provider_open_file(const struct provider_env *env, uint32_t object);

const struct provider *const *provider_list(size_t *ret_n);

#endif
