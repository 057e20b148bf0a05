/* leaf.h - code that nobody described and that never touches the stack: hand-written functions of a few
 * instructions (OpenSSL's questions to the processor, string functions of old libraries).
 *
 * Where code without any change of the stack pointer goes on to a return (branches may leave it), the return
 * address is at the top of the stack from its first instruction on, whatever was before. So it is enough to
 * understand the last instructions of a gap; where its function begins need not be known.
 *
 * Encodings: Intel SDM volume 2. Thread safety: no state.
 */
#ifndef WAGGLE_UNWIND_LEAF_H
#define WAGGLE_UNWIND_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Are these bytes, all of them, x86-64 instructions that leave rsp and the stack alone, up to one return and
 * padding behind it? What is not known is none. */
bool leaf_is(const uint8_t *code, size_t size);

#endif
