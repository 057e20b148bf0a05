/* mhd.c - finds libmicrohttpd and its functions; see mhd.h. */
#define MHD_OWN_NAMES
#include "ui/web/mhd.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* The interface of the header this is built with: 12 since libmicrohttpd 0.9.45 (2016). */
#define MHD_SONAME "libmicrohttpd.so.12"

struct mhd mhd;

static const struct {
	const char *name;
	size_t at;
} mhd_functions[] = {
#define ROW(name) { #name, offsetof(struct mhd, name) },
#include "ui/web/mhd.def"
#undef ROW
};

static bool mhd_loaded;

static void mhd_find(void)
{
	void *library = dlopen(MHD_SONAME, RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; library && i < sizeof(mhd_functions) / sizeof(*mhd_functions); i++) {
		void *function = dlsym(library, mhd_functions[i].name);

		if (!function)
			return;
		*(void **)((char *)&mhd + mhd_functions[i].at) = function;
	}
	mhd_loaded = library;
}

int mhd_load(struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, mhd_find);
	if (mhd_loaded)
		return 0;
	return err_set(e, -ENOENT, "the live page needs %s, which is not installed (Debian, Ubuntu: "
		       "apt install libmicrohttpd12; Fedora: dnf install libmicrohttpd)", MHD_SONAME);
}
