/* depth_fp.c - depth.c built with frame pointers, so that every tool can walk it.
 * CFLAGS: -O2 -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fno-optimize-sibling-calls
 */
#include "depth.c"
