/* symbolizer.h - (object, offset) -> names, for all frames of a profile that have none yet.
 *
 * Works through the providers in symbol/providers.def in order; the first that names a frame wins.
 * Never called from the drain path.
 *
 * Ownership: the symbolizer caches symbol tables per object until symbolizer_free(). It borrows the
 * profile during symbolizer_run() only. Thread safety: one thread at a time.
 */
#ifndef WAGGLE_SYMBOL_SYMBOLIZER_H
#define WAGGLE_SYMBOL_SYMBOLIZER_H

#include "base/err.h"
#include "profile/profile.h"

struct debugfiles;
struct kallsyms;

struct symbolizer_opts {
	/* Opens the file of an OBJECT_FILE / OBJECT_VDSO: a new descriptor, or -errno. The session gives
	 * the descriptor it kept (deleted files, other mount namespaces); NULL = open the path. */
	int (*open_object)(void *ctx, uint32_t object);
	void *ctx;
	bool live;          /* this is the machine and boot the profile came from: kallsyms may be used */
	bool check_build_id;/* refuse a file whose build id differs from the object's (offline) */
	bool no_demangle;
	uint64_t unpack;    /* bytes that a file's compressed debug information may take; 0: some GiB */
	bool once;          /* one run only: what was read for an object is freed after its frames, so
			     * that the peak is the biggest file's and not the sum of all */
	struct debugfiles *debugfiles; /* symbol/debugfile.h; borrowed; NULL = /usr/lib/debug only */
	const struct kallsyms *kallsyms; /* borrowed; NULL = read when first needed */
};

struct symbolizer;

struct symbolizer *symbolizer_new(const struct symbolizer_opts *o);
void symbolizer_free(struct symbolizer *s);
/* Names every frame whose `unnamed` is NOT_TRIED; sets a reason on the rest. 0 or -ENOMEM.
 * A frame's offset must lie inside the instruction that runs or calls: whoever adds frames stores
 * callers as return address - 1, because the return address of a call that never returns is in the
 * next function. */
int symbolizer_run(struct symbolizer *s, struct profile *p);

/* The kernel's own symbols, read once from /proc/kallsyms; the session uses it to turn kernel
 * addresses into (object, offset) while draining. The object's path is "[kernel]" or the module's
 * name in brackets. */
int kallsyms_read(struct kallsyms **ret, struct err *e); /* -EPERM when the addresses are hidden */
void kallsyms_free(struct kallsyms *k);
/* Which image an address is in: fills kind (KERNEL, MODULE, BPF), name ("" for the kernel, the
 * module's name) and the base to subtract. False when it is in none. */
bool kallsyms_image(const struct kallsyms *k, uint64_t addr, enum object_kind *ret_kind,
		    const char **ret_name, uint64_t *ret_base);
/* Name of the symbol that covers the address; NULL when none. Borrowed. */
const char *kallsyms_name(const struct kallsyms *k, uint64_t addr);
size_t kallsyms_count(const struct kallsyms *k);

/* Demangles C++ (Itanium) and Rust (legacy and v0) names; returns malloc'ed text or NULL when the
 * name is not mangled. Bounded: names over 16 KiB or nested too deeply are left as they are. */
char *demangle(const char *name);

#endif
