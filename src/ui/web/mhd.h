/* mhd.h - libmicrohttpd, loaded when somebody wants a server and not before.
 *
 * It brings ten more libraries with it (TLS, which we do not use): linked in the usual way they are a fifth
 * of the time until waggle's first sample, and some 2 MiB, of every capture that serves nothing. Include
 * this instead of <microhttpd.h>: its functions are then those of the loaded library, under their own names.
 *
 * Thread safety: mhd_load() from any thread; a server exists only behind one that returned 0, and so
 * everything else does.
 */
#ifndef WAGGLE_UI_WEB_MHD_H
#define WAGGLE_UI_WEB_MHD_H

#include <microhttpd.h>

#include "base/err.h"

struct mhd {
#define ROW(name) __typeof__(name) *name;
#include "ui/web/mhd.def"
#undef ROW
};

extern struct mhd mhd;

/* 0, or -ENOENT with a sentence that says what to install. Stays loaded until the process ends. */
int mhd_load(struct err *e);

#ifndef MHD_OWN_NAMES
#define MHD_add_response_header		  mhd.MHD_add_response_header
#define MHD_create_response_from_buffer	  mhd.MHD_create_response_from_buffer
#define MHD_create_response_from_callback mhd.MHD_create_response_from_callback
#define MHD_destroy_response		  mhd.MHD_destroy_response
#define MHD_get_connection_info		  mhd.MHD_get_connection_info
#define MHD_get_daemon_info		  mhd.MHD_get_daemon_info
#define MHD_lookup_connection_value	  mhd.MHD_lookup_connection_value
#define MHD_queue_response		  mhd.MHD_queue_response
#define MHD_resume_connection		  mhd.MHD_resume_connection
#define MHD_start_daemon		  mhd.MHD_start_daemon
#define MHD_stop_daemon			  mhd.MHD_stop_daemon
#define MHD_suspend_connection		  mhd.MHD_suspend_connection
#endif

#endif
