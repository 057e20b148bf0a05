/* plugin_rows.c - plugin.c's library with as many unwind rows as libcrypto has (70,000), for plugin_host.c.
 * CFLAGS: -O2 -fomit-frame-pointer -fno-optimize-sibling-calls -shared -fPIC -Wl,--build-id
 */
#include "plugin.c"

/* Functions as they are in large libraries: pushes, a frame, and the way back. Never called. */
__asm__(".text\n"
	".rept 14000\n"
	".p2align 4\n"
	".cfi_startproc\n"
	"push %rbx\n.cfi_def_cfa_offset 16\n.cfi_offset 3, -16\n"
	"sub $24, %rsp\n.cfi_def_cfa_offset 40\n"
	"nop\n"
	"add $24, %rsp\n.cfi_def_cfa_offset 16\n"
	"pop %rbx\n.cfi_def_cfa_offset 8\n"
	"ret\n"
	".cfi_endproc\n"
	".endr\n");
