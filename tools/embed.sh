#!/bin/sh
# embed.sh FILES.. - prints an assembler file that holds the given files as read-only data.
# web/viewer.js becomes the symbols embed_web_viewer_js and embed_web_viewer_js_end. The assembler's
# .incbin keeps big files out of the C compiler.
for f in "$@"; do
	name=embed_$(printf %s "$f" | tr -c 'A-Za-z0-9' _)
	printf '\t.section .rodata\n\t.global %s\n\t.global %s_end\n' "$name" "$name"
	printf '\t.balign 16\n%s:\n\t.incbin "%s"\n%s_end:\n\t.byte 0\n' "$name" "$f" "$name"
done
printf '\t.section .note.GNU-stack,"",%%progbits\n'
