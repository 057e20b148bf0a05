/* convoy_fp.c - convoy.c with frame pointers, for profilers that need them to see its stacks at all.
 * CFLAGS: -D_GNU_SOURCE -O2 -fno-omit-frame-pointer -fno-optimize-sibling-calls
 */
#include "convoy.c"
