/* split_nopie.c - split.c built as an executable at a fixed address.
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls -no-pie -fno-pie
 */
#include "split.c"
