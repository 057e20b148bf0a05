/* plugin.c - the shared library plugin_host.c loads. Built as a library in spite of its file name.
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls -shared -fPIC
 */
#include "chain.h"

FRAME uint64_t plug_0(uint64_t ns)
{
	return burn(ns);
}

DEPTHS(CHAIN_LINK, plug)

uint64_t plugin_entry(uint64_t ns)
{
	return plug_60(ns) + 1;
}
