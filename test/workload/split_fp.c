/* split_fp.c - split.c built with frame pointers, for tools that need them.
 * CFLAGS: -O2 -fno-omit-frame-pointer -fno-optimize-sibling-calls
 */
#include "split.c"
