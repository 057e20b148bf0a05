#!/bin/sh
# make-seeds.sh - makes the small ELF files and call frame sections that fuzzing starts from.
# Needs cc, objcopy; writes fuzz/seeds/elf and fuzz/seeds/cfi beside itself.
set -e
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > a.S <<'ASM'
	.text
	.globl _start
	.p2align 4
f:	.cfi_startproc
	.cfi_personality 0x1b, h
	push %rbp
	.cfi_def_cfa_offset 16
	.cfi_offset 6, -16
	mov %rsp, %rbp
	.cfi_def_cfa_register 6
	.cfi_remember_state
	leave
	.cfi_def_cfa 7, 8
	ret
	.cfi_restore_state
	.cfi_escape 0x0f, 0x03, 0x76, 0x78, 0x06
	.cfi_escape 0x10, 0x06, 0x02, 0x76, 0x70
	.fill 300, 1, 0x90
	.cfi_def_cfa 10, 0
	ret
	.cfi_endproc
h:	.cfi_startproc
	.cfi_signal_frame
	.cfi_escape 0x0f, 0x0b, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22
	ret
	.cfi_endproc
	.fill 40, 1, 0x90
g:	.cfi_startproc
	.cfi_undefined 16
	.cfi_escape 0x0f, 0x06, 0x77, 0xf8, 0x00, 0x06, 0x23, 0x08
	call f
	.cfi_endproc
	.fill 2100, 1, 0x90
_start:	call g
ASM
link="cc -nostdlib -static -Wl,-z,noseparate-code,-z,max-page-size=16,-z,common-page-size=16"
$link -Wl,--build-id -Wl,--eh-frame-hdr -o eh a.S
sed 's/^f:/	.cfi_sections .debug_frame\n&/; /personality/d' a.S > b.S
$link -g -gz=zlib -o debug b.S
cp eh bare # without section headers: e_shoff, then e_shentsize, e_shnum, e_shstrndx
printf '\0\0\0\0\0\0\0\0' | dd of=bare bs=1 seek=40 conv=notrunc 2>/dev/null
printf '\0\0\0\0\0\0' | dd of=bare bs=1 seek=58 conv=notrunc 2>/dev/null
objcopy --only-keep-debug debug only
objcopy --add-gnu-debuglink=only eh linked
mkdir -p "$here/seeds/elf" "$here/seeds/cfi"
for f in eh debug bare only linked; do cp $f "$here/seeds/elf/$f"; done
seed() { # kind, name, section, file
	objcopy --dump-section "$3=raw" "$4" /dev/null
	{ printf '%b' "\\$1"; head -c 4000 raw; } > "$here/seeds/cfi/$2"
}
objcopy --decompress-debug-sections debug plain
seed 01 eh .eh_frame eh
seed 03 terminated .eh_frame eh
seed 00 debug .debug_frame plain
seed 01 header .eh_frame_hdr eh
seed 01 program .eh_frame /bin/true

# Tables as the disk cache holds them, behind their head (cache_fuzz.c): counts, rules, rows.
mkdir -p "$here/seeds/cache"
zero() { head -c "$1" /dev/zero; }
rule() { printf '%b' "\\020\\0\\0\\0"; zero 8; printf '%b' "\\$1\\0\\0\\0"; }
head3() { # number of rows
	printf '%b' "h\\003\\0\\0\\0\\$1\\0\\0\\0\\0\\020\\0\\0\\0\\0\\0\\0"
	zero 24; zero 16; zero 12; printf '%b' '\011\0\0\0'; rule 001
}
{ head3 002; printf '%b' '\002\0\0\0\0\0\020\0'; } > "$here/seeds/cache/two"
{ head3 003; printf '%b' '\002\0\0\0\001\0\004\0\0\0\377\377\0\0\001\0'; } > "$here/seeds/cache/far"

# What doctor surveys: small files with DWARF 4 and 5, split, with a link to dwz's file.
mkdir -p "$here/seeds/survey" "$here/seeds/mappings"
printf 'int f(int n) { volatile int a[9]; for (int i = 0; i < n; i++) a[i] = n; return a[2]; }\n' > s.c
cc -gdwarf-5 -O1 -fno-omit-frame-pointer -c -o "$here/seeds/survey/five.o" s.c
cc -gdwarf-4 -gsplit-dwarf -O1 -c -o "$here/seeds/survey/four.o" s.c
cc -gdwarf-5 -gz=zlib -O1 -c -o zipped.o s.c
printf 'common.debug\0\1\2\3\4' > alt
objcopy --add-section .gnu_debugaltlink=alt zipped.o "$here/seeds/survey/alt.o"
cp bare "$here/seeds/survey/bare"
printf '%s\n' '7f00-7f01 r-xp 00002000 fd:01 1234   /a b' '7f02-7f03 rwxp 0 00:00 0' \
	'7f04-7f05 r-xp 0 08:02 9 /gone (deleted)' > "$here/seeds/mappings/maps"
printf 'ID=mint\nID_LIKE="ubuntu debian"\nPRETTY_NAME="A"\n' > "$here/seeds/mappings/release"
