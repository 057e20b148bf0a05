/* split_static.c - split.c built as a static position independent executable (no interpreter, no
 * dynamic symbols).
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls -static-pie -fPIE
 */
#include "split.c"
